/**
 * {@link Checkpoints} in the catalog's database: a row a rollout, with a checksum over what is kept. A database that
 * fails, or was replaced, has kept nothing.
 */
import { Effect, Layer, Option } from "effect"
import type { SavedText } from "../../domain/SavedSession.ts"
import { type Checkpoint, Checkpoints } from "../../services/Checkpoints.ts"
import { CatalogDatabase } from "./CatalogDatabase.ts"
import type { Row } from "./Sqlite.ts"

/** Sessions whose items are more than this are not kept, in bytes. */
const largest = 128 * 1024 * 1024

const sumOf = ({ items, text }: SavedText): number => {
  // Loaded when it is first needed: a start does without.
  const { crc32 } = process.getBuiltinModule("node:zlib")
  return crc32(items, crc32(text))
}

const checkpointOf = (row: Row | undefined): Checkpoint | null => {
  if (row === undefined) return null
  const { body, items, sum, version } = row
  if (typeof version !== "string" || typeof body !== "string" || !(items instanceof Uint8Array)) return null
  const saved = { text: body, items }
  return sumOf(saved) === sum ? { version, saved } : null
}

/** In the database of the context. */
export const layerDatabase: Layer.Layer<Checkpoints, never, CatalogDatabase> = Layer.effect(
  Checkpoints,
  Effect.gen(function* () {
    const database = yield* CatalogDatabase
    return Checkpoints.of({
      find: Effect.fnUntraced(function* (ref) {
        if (!(yield* database.exists)) return null
        const found = yield* Effect.option(
          database.use((sql) =>
            checkpointOf(sql.get("SELECT version, body, items, sum FROM checkpoint WHERE path = ?", ref.path))
          )
        )
        return Option.getOrNull(found)
      }),
      keep: (ref, version, saved) =>
        saved.items.length > largest
          ? Effect.void
          : Effect.ignore(
              database.use((sql) =>
                sql.run(
                  "INSERT OR REPLACE INTO checkpoint (path, version, sum, body, items) VALUES (?, ?, ?, ?, ?)",
                  ref.path,
                  version,
                  sumOf(saved),
                  saved.text,
                  saved.items
                )
              )
            )
    })
  })
)

/** In the catalog file of a Codex home. */
export const layer = (options: { readonly home: string }): Layer.Layer<Checkpoints> =>
  Layer.provide(layerDatabase, CatalogDatabase.layer(options))
