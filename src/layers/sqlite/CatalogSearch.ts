/**
 * Search in the SQLite catalog. What was said in a rollout is read when a search first comes to it, and kept; later
 * searches go by the index, and read only what changed since.
 *
 * Threads are gone through in the order of the list until the page is full, so that the answer is right also while
 * most rollouts have not been read.
 */
import { Effect, Semaphore } from "effect"
import { snippet } from "../../domain/SearchText.ts"
import type { Thread } from "../../domain/Thread.ts"
import { scanRollout, scanWhole } from "../../services/RolloutScan.ts"
import type { RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import { queryOf, termOf } from "../../services/ThreadCatalog.ts"
import type { RolloutStoreError, ThreadNotFound } from "../../services/ThreadError.ts"
import { cut, matches, pageSize, parseCursor, type Place } from "../../services/ThreadPages.ts"
import type { FoundPage, ThreadQuery, ThreadSearch } from "../../services/ThreadQuery.ts"
import type { CatalogDatabase } from "./CatalogDatabase.ts"
import { type CatalogIndex, type IndexError, openFiles, type Side } from "./CatalogIndex.ts"
import * as CatalogRows from "./CatalogRows.ts"
import * as SaidRows from "./SaidRows.ts"
import { isSqliteFailure, SqliteFailure } from "./Sqlite.ts"

/** Rollouts looked at between two looks at whether somebody else waits. */
const batchSize = 128
/** Characters of texts held before they are written. */
const heldLength = 1024 * 1024

/** What a search needs of the catalog around it. */
export interface SearchTools {
  readonly store: RolloutStore["Service"]
  readonly database: CatalogDatabase["Service"]
  readonly index: CatalogIndex
  readonly drain: (at: Side) => Effect.Effect<void, IndexError>
  /** Sees to it that all rows are in the database. */
  readonly settle: Effect.Effect<void, SqliteFailure>
  readonly detailed: (
    at: Side,
    found: ReadonlyArray<CatalogRows.ListedRow>,
    named: ReadonlyMap<string, string>
  ) => Effect.Effect<ReadonlyArray<Thread>, SqliteFailure>
  readonly names: Effect.Effect<ReadonlyMap<string, string>>
  readonly selection: (query: ThreadQuery, after: Place | null) => CatalogRows.Selection
}

interface Found extends CatalogRows.ListedRow {
  readonly snippet: string
}

/** The database was replaced while it was read: the search begins again. */
const lost = Effect.fail(new SqliteFailure({ reason: "busy", detail: "the catalog was replaced" }))

const isUnreadable = (
  error: SqliteFailure | RolloutStoreError | ThreadNotFound
): error is RolloutStoreError | ThreadNotFound => !isSqliteFailure(error)

const firstOf = (texts: ReadonlyArray<string>, term: string): string | null => {
  for (const text of texts) {
    const found = snippet(text, term)
    if (found !== null) return found
  }
  return null
}

/** The search over a catalog's index. */
export const makeCatalogSearch = (tools: SearchTools) => {
  const { database, index, store } = tools
  const one = Semaphore.makeUnsafe(1)
  let readings = 0

  const keptSnippet = (path: string, term: string) => database.use((sql) => SaidRows.firstSnippet(sql, path, term))

  /** A small rollout, read whole; null when it has to be read as a stream. */
  const heard = (candidate: SaidRows.Candidate, ref: RolloutRef): Effect.Effect<SaidRows.SaidPart | null> =>
    candidate.scanned !== null
      ? Effect.succeed(null)
      : store.peek(ref, ({ bytes, stat, whole }) => {
          if (!whole) return null
          const { scanned, texts } = scanWhole(bytes)
          const end = { version: stat.version, scanned }
          return { path: ref.path, writer: "", restart: true, expects: null, texts, end }
        })

  /** Reads what was said in a rollout, keeps it, and gives the first snippet of it. */
  const hear = (candidate: SaidRows.Candidate, ref: RolloutRef, term: string) =>
    Effect.gen(function* () {
      // Another process may read the same rollout: each knows its own marks.
      const writer = `${process.pid}-${readings++}`
      let expects = candidate.written
      let restart = false
      let whole = false
      let texts: Array<string> = []
      let length = 0
      let found: string | null = null
      const flush = (end: SaidRows.SaidPart["end"]) =>
        Effect.suspend(() => {
          const part = { path: ref.path, writer, restart, expects, texts, end }
          restart = false
          expects = writer
          texts = []
          length = 0
          return database.transaction((sql) => SaidRows.add(sql, part))
        })
      const from = candidate.scanned === null ? null : { ...candidate.scanned, threadId: ref.threadId }
      const scanned = yield* scanRollout(store.read(ref), from, {
        restart: Effect.sync(() => {
          whole = true
          restart = true
          expects = null
          texts = []
          length = 0
          found = null
        }),
        said: (more) =>
          Effect.suspend(() => {
            for (const text of more) {
              found ??= snippet(text, term)
              texts.push(text)
              length += text.length
            }
            return Effect.as(length > heldLength ? flush(null) : Effect.void, true)
          })
      })
      yield* flush({ version: candidate.version, scanned })
      // What was said before the place that the reading went on from may have the words too.
      return whole ? found : yield* keptSnippet(ref.path, term)
    }).pipe(
      Effect.catchIf(isUnreadable, (error) => Effect.as(Effect.logDebug("a rollout was not searched", error), null))
    )

  /** The snippet of each candidate that has the term, in their order. Small rollouts are kept in one transaction. */
  const look = Effect.fnUntraced(function* (at: Side, candidates: ReadonlyArray<SaidRows.Candidate>, term: string) {
    const refOf = (candidate: SaidRows.Candidate) => at.byPath.get(candidate.path)
    const parts = new Map<string, SaidRows.SaidPart>()
    for (const candidate of candidates) {
      const ref = candidate.current ? undefined : refOf(candidate)
      const part = ref === undefined ? null : yield* heard(candidate, ref)
      if (part !== null) parts.set(candidate.path, part)
    }
    if (parts.size > 0) {
      yield* database.transaction((sql) => {
        for (const part of parts.values()) SaidRows.add(sql, part)
      })
    }
    return yield* Effect.forEach(
      candidates,
      (candidate) => {
        const part = parts.get(candidate.path)
        if (part !== undefined) return Effect.succeed(firstOf(part.texts, term))
        if (candidate.current) return keptSnippet(candidate.path, term)
        const ref = refOf(candidate)
        return ref === undefined ? Effect.succeed(null) : hear(candidate, ref, term)
      },
      { concurrency: openFiles }
    )
  })

  const search = Effect.fnUntraced(function* (request: ThreadSearch) {
    const term = yield* termOf(request)
    const query = queryOf(request)
    const isWanted = matches(query, new Map())
    const wanted = pageSize(request.limit) + 1
    const at = request.archived ? index.sides.archive : index.sides.active
    let after = request.cursor === null ? null : yield* Effect.fromResult(parseCursor(request.cursor))

    yield* Effect.gen(function* () {
      yield* index.ready
      // A look is good for as long as it is for the pages of a list.
      if (!(yield* index.isRecent(at.sweptAt)) || !(yield* index.isRecent(at.lookedAt))) {
        yield* index.look(at)
        yield* index.sweep(at)
      }
      yield* tools.drain(at)
      yield* tools.settle
    }).pipe(index.alone)

    const generation = yield* database.generation
    const among = yield* database.use((sql) => SaidRows.withRuns(sql, term))
    const found: Array<Found> = []
    for (;;) {
      const selection = tools.selection(query, after)
      const candidates = yield* database.use((sql) => SaidRows.candidates(sql, selection, among, batchSize))
      const snippets = yield* look(at, candidates, term)
      if ((yield* database.generation) !== generation) return yield* lost
      const rows = yield* database.use((sql) =>
        CatalogRows.listedRows(
          sql,
          candidates.map(({ path }) => path)
        )
      )
      for (const [number, { path }] of candidates.entries()) {
        const row = rows.get(path)
        const text = snippets[number] ?? null
        if (row !== undefined && text !== null && isWanted(row.thread)) found.push({ ...row, snippet: text })
      }
      const last = candidates.at(-1)
      if (last === undefined || candidates.length < batchSize || found.length >= wanted) break
      after = { time: last.time, id: last.thread }
      yield* Effect.yieldNow
    }

    const { backwardsCursor, entries, nextCursor } = cut(found, request)
    const threads = yield* Effect.flatMap(tools.names, (named) => tools.detailed(at, entries, named))
    const data = entries.map(({ snippet, thread }, number) => ({ thread: threads[number] ?? thread, snippet }))
    return { data, nextCursor, backwardsCursor } satisfies FoundPage
  })

  return (request: ThreadSearch) => one.withPermits(1)(search(request))
}
