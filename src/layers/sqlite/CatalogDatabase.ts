/**
 * The catalog's database: one file in the Codex home, opened when it is first needed and closed with the scope.
 *
 * It is never worth a failure. A file that is damaged or of an older version is made anew; one that is newer, locked,
 * or cannot be written is left alone, and a database in memory takes its place until the program ends. Whoever
 * removes the file while the program runs only makes it start again: what is known of the database is good for one
 * {@link generation}.
 */
import { Context, Effect, Exit, Layer, Scope, Semaphore } from "effect"
import { closeSync, openSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { create, schemaVersion, versionOf } from "./CatalogSchema.ts"
import { type Connection, open, type Sql, SqliteFailure } from "./Sqlite.ts"

/** The name of the file. Beside it, while it is open, lie SQLite's `-wal` and `-shm`. */
export const catalogFile = "rethread-catalog.sqlite"

export class CatalogDatabase extends Context.Service<
  CatalogDatabase,
  {
    /**
     * Sees to it that the database is there, and tells which one it is: another number says that nothing of what was
     * written before is in it.
     */
    readonly generation: Effect.Effect<number>
    /** Is there one already? Who only looks something up need not make it. */
    readonly exists: Effect.Effect<boolean>
    /** Runs statements at once. A failure has already been dealt with: asked again, it works, on an emptier database. */
    readonly use: <A>(body: (sql: Sql) => A) => Effect.Effect<A, SqliteFailure>
    /** The same in one transaction. */
    readonly transaction: <A>(body: (sql: Sql) => A) => Effect.Effect<A, SqliteFailure>
  }
>()("rethread/layers/sqlite/CatalogDatabase") {
  /** In the directory `home`; nothing is written where there is none. */
  static layer(options: { readonly home: string }): Layer.Layer<CatalogDatabase> {
    return Layer.effect(CatalogDatabase, make(join(options.home, catalogFile)))
  }

  /** In memory, for as long as the layer lives. */
  static readonly layerMemory: Layer.Layer<CatalogDatabase> = Layer.effect(
    CatalogDatabase,
    Effect.suspend(() => make(null))
  )
}

interface Current {
  readonly connection: Connection
  /** Null for one in memory. */
  readonly identity: string | null
}

const memory = ":memory:"
/** Pages, of 4 KiB, in the log of changes before they go into the database. */
const logPages = 8192

/** Tells files apart; undefined when there is none. */
const identityOf = (path: string): string | undefined => {
  try {
    const info = statSync(path, { bigint: true, throwIfNoEntry: false })
    return info === undefined ? undefined : `${info.dev}-${info.ino}`
  } catch {
    return undefined
  }
}

const remove = (paths: ReadonlyArray<string>): void => {
  for (const path of paths) {
    try {
      rmSync(path, { force: true })
    } catch {
      // It will show when the database is opened.
    }
  }
}

const attachments = (path: string): ReadonlyArray<string> => [`${path}-wal`, `${path}-shm`]

/** What people said to agents is nobody else's business: the file is made readable for its owner only. */
const prepareFile = (path: string): void => {
  if (identityOf(path) !== undefined) return
  // What an earlier file left in them would be taken for a part of the new one.
  remove(attachments(path))
  try {
    closeSync(openSync(path, "a", 0o600))
  } catch {
    // It will show when the database is opened.
  }
}

const openFile = (path: string): Effect.Effect<Connection, SqliteFailure> =>
  Effect.suspend(() => {
    prepareFile(path)
    return open(path, (sql) => {
      sql.get("PRAGMA journal_mode = WAL")
      sql.run("PRAGMA synchronous = NORMAL")
      // A checkpoint waits for the disk, and everybody waits for it: ten thousand new rows go without. The last one to
      // close the file makes one in any case.
      sql.get(`PRAGMA wal_autocheckpoint = ${logPages}`)
      const version = versionOf(sql)
      if (version > schemaVersion) {
        throw new SqliteFailure({
          reason: "unusable",
          detail: `it is of version ${version}, newer than ${schemaVersion}`
        })
      }
      const tables = Number(sql.get("SELECT count(*) AS n FROM sqlite_schema")?.["n"] ?? 0)
      if (version < schemaVersion && tables > 0) {
        throw new SqliteFailure({
          reason: "damaged",
          detail: `it is of version ${version}, older than ${schemaVersion}`
        })
      }
      if (version < schemaVersion) create(sql)
    })
  })

const openMemory = Effect.orDie(open(memory, create))

const make = Effect.fnUntraced(function* (path: string | null) {
  const scope = yield* Scope.Scope
  const opening = Semaphore.makeUnsafe(1)
  let current: Current | undefined
  let generation = 0
  /** Set once the file is given up. */
  let kept: string | null = path

  yield* Scope.addFinalizer(
    scope,
    Effect.suspend(() => current?.connection.close ?? Effect.void)
  )

  const reset = Effect.suspend(() => {
    const before = current
    current = undefined
    return before?.connection.close ?? Effect.void
  })

  /** The file, made anew when it is damaged; else a database in memory. */
  const acquire: Effect.Effect<Current> = Effect.gen(function* () {
    if (kept === null) return { connection: yield* openMemory, identity: null }
    const file = kept
    const again = (failure: SqliteFailure) => {
      if (failure.reason !== "damaged") return Effect.fail(failure)
      return Effect.gen(function* () {
        yield* Effect.logDebug("the catalog is made anew", failure)
        remove([file, ...attachments(file)])
        return yield* openFile(file)
      })
    }
    const opened = yield* Effect.exit(Effect.catch(openFile(file), again))
    if (Exit.isSuccess(opened)) return { connection: opened.value, identity: identityOf(file) ?? "" }
    yield* Effect.logDebug("the catalog is kept in memory", opened.cause)
    kept = null
    return { connection: yield* openMemory, identity: null }
  })

  const ready = (checked: boolean) =>
    Effect.suspend(() => {
      const known = current
      if (known !== undefined && (!checked || kept === null || known.identity === identityOf(kept))) {
        return Effect.succeed(known)
      }
      return Effect.gen(function* () {
        yield* reset
        current = yield* acquire
        generation++
        return current
      }).pipe(Effect.uninterruptible)
    }).pipe(opening.withPermits(1))

  /** After a failure the file is opened again, made anew, or given up. */
  const guarded = <A>(run: (connection: Connection) => Effect.Effect<A, SqliteFailure>) =>
    Effect.flatMap(ready(false), ({ connection }) =>
      Effect.tapError(run(connection), (failure) =>
        Effect.gen(function* () {
          yield* Effect.logDebug("the catalog's database failed", failure)
          yield* reset
          if (kept !== null && failure.reason === "damaged") remove([kept, ...attachments(kept)])
          else kept = null
        })
      )
    )

  return CatalogDatabase.of({
    generation: Effect.map(ready(true), () => generation),
    exists: Effect.sync(() => current !== undefined || (kept !== null && identityOf(kept) !== undefined)),
    use: (body) => guarded((connection) => connection.use(body)),
    transaction: (body) => guarded((connection) => connection.transaction(body))
  })
})
