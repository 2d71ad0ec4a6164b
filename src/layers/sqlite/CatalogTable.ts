/**
 * The catalog's rows, wherever they are: in the database, or, while a catalog that was empty is being filled, not there
 * yet (`FreshRows`). The rows in the database are good for one generation of it, and for as long as only this process
 * writes to them.
 */
import { Effect } from "effect"
import type { Scanned } from "../../services/RolloutScan.ts"
import type { CatalogDatabase } from "./CatalogDatabase.ts"
import * as CatalogRows from "./CatalogRows.ts"
import { type FreshRows, makeFreshRows } from "./FreshRows.ts"
import * as SaidRows from "./SaidRows.ts"
import type { SqliteFailure } from "./Sqlite.ts"

/** Rows written in one transaction: two milliseconds. */
const writtenAtOnce = 128

/** What a whole reading of a row's rollout found out. */
export interface RowFacts {
  readonly row: CatalogRows.ListedRow
  readonly scanned: Scanned
}

/** The table in a database. Used by one at a time. */
export const makeCatalogTable = (database: CatalogDatabase["Service"]) => {
  let known = new Map<string, CatalogRows.Known>()
  let generation = -1
  let dataVersion = -1
  /** Null when all rows are in the database. */
  let fresh: FreshRows | null = null

  /** Writes some rows that are not in the database; false when there are none left. */
  const settleSome = Effect.suspend((): Effect.Effect<boolean, SqliteFailure> => {
    const rows = fresh
    const some = rows?.unwritten(writtenAtOnce) ?? []
    if (rows === null || some.length === 0) {
      fresh = null
      return Effect.succeed(false)
    }
    return Effect.map(
      database.transaction((sql) => CatalogRows.put(sql, some)),
      () => {
        rows.written(some)
        return true
      }
    )
  })

  /** Writes all that is not in the database. */
  const settle = Effect.gen(function* () {
    while (yield* settleSome) yield* Effect.yieldNow
  })

  /** Looks whether the database is the one that was known, and whether somebody else wrote to it. */
  const ready = Effect.gen(function* () {
    const now = yield* database.generation
    const other = now !== generation
    const version = yield* database.use(CatalogRows.dataVersion)
    if (!other && version === dataVersion) return "same"
    if (!other) yield* settle
    known = yield* database.use(CatalogRows.known)
    generation = now
    dataVersion = version
    if (other) fresh = known.size === 0 ? makeFreshRows() : null
    return other ? "other" : "changed"
  })

  return {
    /** What is known of each rollout that has a row, by its path. */
    known: (): Map<string, CatalogRows.Known> => known,
    /** Are there rows that are not in the database? */
    isUnsettled: () => fresh !== null,
    ready,
    settle,
    settleSome,
    /** Adds what was read of rollouts, in the place of what was read before. */
    put: Effect.fnUntraced(function* (rollouts: ReadonlyArray<CatalogRows.ReadRollout>) {
      if (fresh === null) {
        for (let from = 0; from < rollouts.length; from += writtenAtOnce) {
          yield* database.transaction((sql) => CatalogRows.put(sql, rollouts.slice(from, from + writtenAtOnce)))
          if (from + writtenAtOnce < rollouts.length) yield* Effect.yieldNow
        }
      } else {
        fresh.put(rollouts)
        if (fresh.isFull()) yield* settle
      }
      for (const { entry, ref, version } of rollouts) {
        known.set(ref.path, { archived: ref.archived, listed: entry !== null, version })
      }
    }),
    /** Takes out rollouts that are gone. */
    remove: (paths: ReadonlyArray<string>) =>
      paths.length === 0
        ? Effect.void
        : Effect.map(
            database.transaction((sql) => SaidRows.removeRollouts(sql, paths)),
            () => {
              fresh?.remove(paths)
              for (const path of paths) known.delete(path)
            }
          ),
    putFacts: (found: ReadonlyArray<RowFacts>) =>
      Effect.suspend((): Effect.Effect<void, SqliteFailure> => {
        const rows = fresh
        if (found.length === 0) return Effect.void
        if (rows === null) {
          return database.transaction((sql) => {
            for (const { row, scanned } of found) CatalogRows.putFacts(sql, row.path, row.thread, row.version, scanned)
          })
        }
        for (const { row, scanned } of found) rows.putFacts(row.path, row.version, scanned)
        return Effect.void
      }),
    select: (selection: CatalogRows.Selection, count: number, filter: CatalogRows.Filter | null) =>
      Effect.suspend(() => {
        const rows = fresh
        return rows === null
          ? database.use((sql) => CatalogRows.select(sql, selection, count, filter))
          : Effect.succeed(rows.select(selection, count, filter))
      }),
    /** The thread that spawned each thread that was spawned. */
    parents: Effect.andThen(settle, database.use(CatalogRows.parents))
  }
}

export type CatalogTable = ReturnType<typeof makeCatalogTable>
