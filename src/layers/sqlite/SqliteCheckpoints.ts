/**
 * {@link Checkpoints} in the catalog's database: a row a rollout, and one for each block of its turns, with a checksum
 * over each. A database that fails, or was replaced, has kept nothing.
 */
import { Effect, Layer } from "effect"
import { type Checkpoint, Checkpoints } from "../../services/Checkpoints.ts"
import { CatalogDatabase } from "./CatalogDatabase.ts"
import type { Row, Sql } from "./Sqlite.ts"

/** Sessions whose turns are more than this are not kept, in bytes. */
const largest = 128 * 1024 * 1024

/** Loaded when it is first needed: a start does without. */
const sumOf = (data: string | Uint8Array): number => process.getBuiltinModule("node:zlib").crc32(data)

const checkpointOf = (row: Row | undefined): Checkpoint | null => {
  if (row === undefined) return null
  const { body, sum, version } = row
  return typeof version === "string" && typeof body === "string" && sumOf(body) === sum ? { version, text: body } : null
}

const blocksFrom = (sql: Sql, path: string, version: string, from: number): ReadonlyArray<Uint8Array> | null => {
  const blocks: Array<Uint8Array> = []
  const rows = sql.each(
    "SELECT number, version, sum, bytes FROM checkpoint_block WHERE path = ? AND number >= ? ORDER BY number",
    path,
    from
  )
  for (const { bytes, number, sum, version: of } of rows) {
    const isIt = of === version && number === from + blocks.length && bytes instanceof Uint8Array
    if (!isIt || sumOf(bytes) !== sum) return null
    blocks.push(bytes)
  }
  return blocks
}

/** In the database of the context. */
export const layerDatabase: Layer.Layer<Checkpoints, never, CatalogDatabase> = Layer.effect(
  Checkpoints,
  Effect.gen(function* () {
    const database = yield* CatalogDatabase
    const orNull = <A>(body: (sql: Sql) => A | null) => Effect.orElseSucceed(database.use(body), () => null)
    return Checkpoints.of({
      find: Effect.fnUntraced(function* (ref) {
        if (!(yield* database.exists)) return null
        return yield* orNull((sql) =>
          checkpointOf(sql.get("SELECT version, body, sum FROM checkpoint WHERE path = ?", ref.path))
        )
      }),
      blocks: (ref, version, from) => orNull((sql) => blocksFrom(sql, ref.path, version, from)),
      // Statement by statement, so that nobody waits for megabytes. As long as there is no row nothing was kept, and blocks
      // of two versions are none.
      keep: Effect.fnUntraced(
        function* ({ path }, version, { blocks, text }) {
          if (blocks.reduce((size, { length }) => size + length, 0) > largest) return
          yield* database.use((sql) => {
            sql.run("DELETE FROM checkpoint WHERE path = ?", path)
            sql.run("DELETE FROM checkpoint_block WHERE path = ?", path)
          })
          for (const [number, bytes] of blocks.entries()) {
            yield* database.use((sql) =>
              sql.run(
                "INSERT OR REPLACE INTO checkpoint_block (path, number, version, sum, bytes) VALUES (?, ?, ?, ?, ?)",
                path,
                number,
                version,
                sumOf(bytes),
                bytes
              )
            )
            yield* Effect.yieldNow
          }
          yield* database.use((sql) =>
            sql.run(
              "INSERT OR REPLACE INTO checkpoint (path, version, sum, body) VALUES (?, ?, ?, ?)",
              path,
              version,
              sumOf(text),
              text
            )
          )
        },
        (kept) => Effect.ignore(kept)
      )
    })
  })
)

/** In the catalog file of a Codex home. */
export const layer = (options: { readonly home: string }): Layer.Layer<Checkpoints> =>
  Layer.provide(layerDatabase, CatalogDatabase.layer(options))
