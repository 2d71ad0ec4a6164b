/**
 * The catalog in SQLite: lists, pages and searches ten thousand threads without reading them again.
 *
 * The files are the truth. A first page looks at the folders and at the files of the threads that it shows; all files
 * are looked at when the order is that of their changes, and in the background while somebody lists. Nothing is opened
 * before the first list or search.
 */
import { Effect, Layer, Predicate, Scope } from "effect"
import type { Thread } from "../../domain/Thread.ts"
import { factsIn, scanFacts } from "../../services/RolloutScan.ts"
import { type RolloutPeek, RolloutStore } from "../../services/RolloutStore.ts"
import { ServerConfig } from "../../services/ServerConfig.ts"
import { shownInFull, ThreadCatalog } from "../../services/ThreadCatalog.ts"
import { withEnd } from "../../services/ThreadEnd.ts"
import { shown } from "../../services/ThreadEntries.ts"
import { RolloutStoreError } from "../../services/ThreadError.ts"
import {
  cut,
  hasTerm,
  kindsOfQuery,
  matches,
  meansAll,
  pageSize,
  parseCursor,
  type Place
} from "../../services/ThreadPages.ts"
import type { ThreadQuery, ThreadSearch } from "../../services/ThreadQuery.ts"
import { CatalogDatabase, catalogFile } from "./CatalogDatabase.ts"
import { lastBatch, makeCatalogIndex, openFiles, type Side } from "./CatalogIndex.ts"
import type * as CatalogRows from "./CatalogRows.ts"
import { makeCatalogSearch } from "./CatalogSearch.ts"
import { makeCatalogTable } from "./CatalogTable.ts"
import { isSqliteFailure, type SqliteFailure } from "./Sqlite.ts"

/** Rollouts that a page reads at first before it looks whether it is complete: more each time. */
const firstBatch = 32
/** Rollouts that a further page reads, if it has to read any. */
const aheadSize = 128

/** How long a catalog that was empty is not written after it was filled. */
const quiet = "500 millis"

const peekWhole = ({ bytes, whole }: RolloutPeek) => (whole ? factsIn(bytes) : null)

const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const { cwd } = yield* ServerConfig
  const database = yield* CatalogDatabase
  const scope = yield* Scope.Scope
  const table = makeCatalogTable(database)
  const index = makeCatalogIndex(store, table)
  let filling = false
  let settling = false

  const names = Effect.catch(store.names, (error) =>
    Effect.as(Effect.logWarning("threads are listed without their names", error), new Map<string, string>())
  )

  /** Asked again after a failure of the database, which has been put in order meanwhile. */
  const surviving = <A, E>(effect: Effect.Effect<A, E | SqliteFailure>): Effect.Effect<A, E | RolloutStoreError> =>
    effect.pipe(
      Effect.retry({ times: 3, while: isSqliteFailure }),
      Effect.mapError((error) =>
        isSqliteFailure(error)
          ? new RolloutStoreError({ operation: "list", path: catalogFile, detail: error.message })
          : error
      )
    )

  /** Reads what is left to read, a few files at a time; requests come first. */
  const fill = (at: Side) =>
    Effect.gen(function* () {
      // Once is enough, however long it takes.
      let swept = yield* index.isRecent(at.sweptAt)
      const step = Effect.gen(function* () {
        yield* index.ready
        if (at.lookedAt === null) yield* index.look(at)
        if (swept) return yield* index.step(at)
        swept = !(yield* index.sweepOn(at))
        return true
      }).pipe(index.alone)
      while (yield* surviving(step)) yield* Effect.yieldNow
      yield* settleLater
    }).pipe(
      Effect.catch((error) => Effect.logDebug("the catalog is not filled", error)),
      Effect.ensuring(Effect.sync(() => void (filling = false)))
    )

  /** Writes what was read of an empty catalog's rollouts, once nobody has waited for a while. */
  const settleLater = Effect.suspend(() => {
    if (settling) return Effect.void
    settling = true
    const settle = Effect.gen(function* () {
      yield* Effect.sleep(quiet)
      while (yield* surviving(index.alone(table.settleSome))) yield* Effect.yieldNow
    }).pipe(
      Effect.catch((error) => Effect.logDebug("the catalog is not written", error)),
      Effect.ensuring(Effect.sync(() => void (settling = false)))
    )
    return Effect.asVoid(Effect.forkIn(settle, scope))
  })
  yield* Scope.addFinalizer(scope, Effect.ignore(table.settle))

  const fillLater = (at: Side) =>
    Effect.suspend(() => {
      if (filling) return Effect.void
      filling = true
      return Effect.asVoid(Effect.forkIn(Effect.andThen(Effect.yieldNow, fill(at)), scope))
    })

  const selection = (query: ThreadQuery, after: Place | null): CatalogRows.Selection => ({
    archived: query.archived,
    sortKey: query.sortKey,
    sortDirection: query.sortDirection,
    after,
    kinds: kindsOfQuery(query)
  })

  const filterOf = (
    query: ThreadQuery,
    parents: ReadonlyMap<string, string>,
    named: ReadonlyMap<string, string>
  ): CatalogRows.Filter => {
    const isWanted = matches(query, parents)
    const saysSo = hasTerm(query)
    return {
      may: query.searchTerm === null ? null : ({ preview, threadId }) => saysSo(preview, named.get(threadId) ?? null),
      matches: ({ thread }) => isWanted(shown(thread, { facts: null, name: named.get(thread.id), cwd }))
    }
  }

  /** The page's rows and one more, right as of the last look. */
  const rows = Effect.fnUntraced(function* (
    at: Side,
    query: ThreadQuery,
    after: Place | null,
    named: ReadonlyMap<string, string>,
    verify: boolean
  ) {
    const wanted = pageSize(query.limit) + 1
    const parents = query.ancestorThreadId === null ? new Map<string, string>() : yield* table.parents
    const filter = meansAll(query) ? null : filterOf(query, parents, named)
    const seen = new Set<string>()
    let size = firstBatch
    if (after === null) yield* index.take(at, index.firstOf(at, query, wanted))
    for (;;) {
      const found = yield* table.select(selection(query, after), wanted, filter)
      // What is shown must be as the files are now; each file is read once for that.
      const shownPaths = new Set(found.map((row) => row.path).filter((path) => !seen.has(path)))
      if (verify) yield* index.check(at, index.refsAt(at, shownPaths))
      const stale = found.filter((row) => at.pending.has(row.path) && !seen.has(row.path))
      for (const path of shownPaths) seen.add(path)
      const end = found.length === wanted ? found.at(-1) : undefined
      const endTime = end === undefined ? null : query.sortKey === "created_at" ? end.createdAt : end.updatedAt
      const needed =
        after === null
          ? yield* index.needed(at, query, endTime, size, seen)
          : index.unread(at, query, endTime, size, seen)
      // Whoever asks for further pages asks for the next one too: what that needs is read with it.
      const isEnough = after === null || needed.length === 0 || needed.length >= aheadSize
      const batch = [
        ...stale.flatMap((row) => at.byPath.get(row.path) ?? []),
        ...(isEnough ? needed : index.unread(at, query, null, aheadSize, seen))
      ]
      if (batch.length === 0) return found
      for (const { path } of batch) seen.add(path)
      yield* index.take(at, batch)
      size = Math.min(size * 2, lastBatch)
    }
  })

  /** The rows with what the rest of their rollouts says. */
  const detailed = Effect.fnUntraced(function* (
    at: Side,
    found: ReadonlyArray<CatalogRows.ListedRow>,
    named: ReadonlyMap<string, string>
  ) {
    const scan = (row: CatalogRows.ListedRow) =>
      Effect.suspend(() => {
        const ref = at.byPath.get(row.path)
        if (ref === undefined || row.version === "") return Effect.succeed([])
        const before = row.scanned()
        if (row.size - (before?.mark.offset ?? 0) > shownInFull) return Effect.succeed([])
        const from = before === null ? null : { ...before, threadId: ref.threadId }
        const whole = from === null ? store.peek(ref, peekWhole) : Effect.succeed(null)
        const scanned = Effect.filterOrElse(whole, Predicate.isNotNull, () => scanFacts(store.read(ref), from))
        return Effect.map(scanned, (scanned) => [{ row, scanned }])
      }).pipe(Effect.catch((error) => Effect.as(Effect.logDebug("only the head of a rollout is shown", error), [])))
    const behind = found.filter((row) => !row.current)
    const scans = (yield* Effect.forEach(behind, scan, { concurrency: openFiles })).flat()
    yield* table.putFacts(scans)
    const fresh = new Map(scans.map(({ row, scanned }) => [row.path, scanned]))
    const nameOf = (thread: Thread) => named.get(thread.id) ?? thread.name ?? undefined
    const full = Effect.fnUntraced(function* (row: CatalogRows.ListedRow) {
      const facts = (fresh.get(row.path) ?? row.scanned())?.facts ?? null
      const ref = fresh.has(row.path) ? undefined : at.byPath.get(row.path)
      const before: Thread = { ...row.thread, gitInfo: facts === null ? row.thread.gitInfo : facts.git }
      const thread = ref === undefined ? before : yield* withEnd(store, ref, before)
      return shown(thread, {
        facts: facts === null ? null : { ...facts, git: thread.gitInfo },
        name: nameOf(thread),
        cwd
      })
    })
    const threads: Array<Thread> = []
    for (const row of found) {
      threads.push(row.current ? shown(row.thread, { facts: null, name: nameOf(row.thread), cwd }) : yield* full(row))
    }
    return threads
  })

  /** Looks at the disk as far as a page needs it. */
  const lookFor = Effect.fnUntraced(function* (at: Side, query: Pick<ThreadQuery, "cursor" | "sortKey">) {
    yield* index.ready
    const looks = query.cursor === null || !(yield* index.isRecent(at.lookedAt))
    if (looks) {
      yield* index.look(at)
      if (query.sortKey === "created_at") yield* index.check(at, index.unlisted(at))
      else yield* index.sweep(at)
    }
    return looks
  })

  const drain = Effect.fnUntraced(function* (at: Side) {
    while (yield* index.step(at)) yield* Effect.yieldNow
  })

  const list = Effect.fn("ThreadCatalog.list")(function* (query: ThreadQuery) {
    const after = query.cursor === null ? null : yield* Effect.fromResult(parseCursor(query.cursor))
    const { active, archive } = index.sides
    const [here, there] = query.archived ? [archive, active] : [active, archive]
    const page = Effect.gen(function* () {
      const looked = yield* lookFor(here, query)
      if (query.ancestorThreadId !== null) {
        // The way from a thread to its ancestor may lead through the archive, and through any thread.
        yield* lookFor(there, { cursor: "", sortKey: query.sortKey })
        yield* drain(there)
        yield* drain(here)
      }
      const named = yield* names
      const found = yield* rows(here, query, after, named, looked)
      const { backwardsCursor, entries, nextCursor } = cut(found, query)
      return { data: yield* detailed(here, entries, named), nextCursor, backwardsCursor }
    }).pipe(index.alone)
    const answer = yield* surviving(page)
    if (here.pending.size > 0 || !(yield* index.isRecent(here.sweptAt))) yield* fillLater(here)
    else if (table.isUnsettled()) yield* settleLater
    return answer
  })

  const search = makeCatalogSearch({ store, database, index, settle: table.settle, drain, detailed, names, selection })

  return ThreadCatalog.of({
    list,
    search: Effect.fn("ThreadCatalog.search")((request: ThreadSearch) => surviving(search(request)))
  })
})

/** Over the database in the context. */
const layerOver: Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig | CatalogDatabase> = Layer.effect(
  ThreadCatalog,
  make
)

/** In the file `rethread-catalog.sqlite` of a Codex home. */
export const layer = (options: {
  readonly home: string
}): Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig> =>
  Layer.provide(layerOver, CatalogDatabase.layer(options))

/** With a database in memory: as quick, and gone with the program. */
export const layerMemory: Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig> = Layer.provide(
  layerOver,
  CatalogDatabase.layerMemory
)
