/**
 * Lists, pages and searches threads. A catalog is derived from the rollouts: it may be deleted at any time.
 *
 * {@link ThreadCatalog.layer} keeps one entry per rollout in memory, made from the rollout's head and good for
 * as long as the file's version is. What cannot be restored under its name is not listed.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import { searchTerm, snippet } from "../domain/SearchText.ts"
import type { Thread } from "../domain/Thread.ts"
import { coalesced } from "./Coalesced.ts"
import { scanFacts, scanRollout } from "./RolloutScan.ts"
import { type RolloutRef, type RolloutStat, RolloutStore } from "./RolloutStore.ts"
import { ServerConfig } from "./ServerConfig.ts"
import { withEnd } from "./ThreadEnd.ts"
import { entryOf, shown, type ThreadFacts } from "./ThreadEntries.ts"
import { InvalidRequest, type RolloutStoreError } from "./ThreadError.ts"
import { readThreadHead, type ThreadHead } from "./ThreadHead.ts"
import { type CatalogEntry, cut, inOrder, pageSize, parentOf } from "./ThreadPages.ts"
import type { FoundPage, FoundThread, ThreadPage, ThreadQuery, ThreadSearch } from "./ThreadQuery.ts"

export type { FoundPage, FoundThread, SourceKind, ThreadPage, ThreadQuery, ThreadSearch } from "./ThreadQuery.ts"

export class ThreadCatalog extends Context.Service<
  ThreadCatalog,
  {
    /** One page. A thread is listed once its rollout has something that a user said. */
    readonly list: (query: ThreadQuery) => Effect.Effect<ThreadPage, InvalidRequest | RolloutStoreError>
    /** One page of the threads in whose rollouts the words were said, by the user or the agent. */
    readonly search: (search: ThreadSearch) => Effect.Effect<FoundPage, InvalidRequest | RolloutStoreError>
  }
>()("rethread/services/ThreadCatalog") {
  /** In memory, from the heads of all rollouts. Threads come as `notLoaded`: what is loaded, others know. */
  static readonly layer: Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig> = Layer.effect(
    ThreadCatalog,
    Effect.suspend(() => make)
  )
}

/** The list's query behind a search: its order, its cursor and its filters. */
export const queryOf = (search: ThreadSearch): ThreadQuery => ({
  cursor: search.cursor,
  limit: search.limit,
  sortKey: search.sortKey,
  sortDirection: search.sortDirection,
  archived: search.archived,
  sourceKinds: search.sourceKinds,
  modelProviders: null,
  cwd: null,
  searchTerm: null,
  parentThreadId: null,
  ancestorThreadId: null,
  excludedThreadIds: []
})

/** The words that are searched for. */
export const termOf = (search: ThreadSearch): Effect.Effect<string, InvalidRequest> => {
  const term = searchTerm(search.searchTerm)
  const detail = "thread/search requires a non-empty searchTerm"
  return term === null ? Effect.fail(new InvalidRequest({ field: "searchTerm", detail })) : Effect.succeed(term)
}

/** Bytes of a rollout up to which a page reads it whole, to show what its later lines say. */
export const shownInFull = 4 * 1024 * 1024

/** Milliseconds for which further pages are cut from the same look at the disk; without it, each page would look anew. */
export const pagingMillis = 2000

interface Cached {
  readonly version: string
  /** Null for a rollout that is not listed. */
  readonly head: ThreadHead | null
}

interface Entry extends CatalogEntry {
  readonly ref: RolloutRef
  readonly stat: RolloutStat
}

interface Scan {
  readonly entries: ReadonlyArray<Entry>
  /** When it was made, in milliseconds. */
  readonly at: number
}

const concurrency = 16

const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const { cwd } = yield* ServerConfig
  const facts = new Map<string, { readonly version: string; readonly facts: ThreadFacts | null }>()

  const names = Effect.catch(store.names, (error) =>
    Effect.as(Effect.logWarning("threads are listed without their names", error), new Map<ThreadId, string>())
  )

  const scanner = (archived: boolean) => {
    let cache = new Map<string, Cached>()
    let latest: Scan | undefined

    const entriesOf = (ref: RolloutRef, named: ReadonlyMap<ThreadId, string>, kept: Map<string, Cached>) =>
      Effect.gen(function* () {
        const stat = yield* store.stat(ref)
        const { version } = stat
        const known = cache.get(ref.path)
        const head = known?.version === version ? known.head : yield* readThreadHead(store, ref)
        if (head === null || head.final) kept.set(ref.path, { version, head })
        const entry = entryOf(ref, stat, head)
        if (entry === null) return []
        const thread = shown(entry.thread, { facts: null, name: named.get(ref.threadId), cwd })
        return [{ ...entry, thread, ref, stat }]
      }).pipe(
        // Gone or unreadable since it was found: one rollout less, not a list less.
        Effect.catch((error) => Effect.as(Effect.logDebug("rollout not listed", error), new Array<Entry>()))
      )

    const scan = coalesced(
      Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        const named = yield* names
        const kept = new Map<string, Cached>()
        const refs = yield* store.survey({ archived })
        const entries = yield* Effect.forEach(refs, (ref) => entriesOf(ref, named, kept), { concurrency })
        cache = kept
        for (const path of facts.keys()) if (!kept.has(path)) facts.delete(path)
        latest = { entries: entries.flat(), at }
        return latest
      })
    )
    const recent = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      return latest !== undefined && now - latest.at <= pagingMillis ? latest : yield* scan
    })
    return { scan, recent }
  }

  const active = scanner(false)
  const archive = scanner(true)

  const factsOf = Effect.fnUntraced(
    function* ({ ref, stat }: Entry) {
      const known = facts.get(ref.path)
      if (known?.version === stat.version) return known.facts
      if (stat.size > shownInFull) return null
      const scanned = yield* scanFacts(store.read(ref), null)
      facts.set(ref.path, { version: stat.version, facts: scanned.facts })
      return scanned.facts
    },
    Effect.catch((error) => Effect.as(Effect.logDebug("only the head of a rollout is shown", error), null))
  )

  const detailed = Effect.fnUntraced(function* (entry: Entry) {
    const facts = yield* factsOf(entry)
    const thread = facts === null ? yield* withEnd(store, entry.ref, entry.thread) : entry.thread
    return shown(thread, { facts, name: entry.thread.name ?? thread.name ?? undefined, cwd })
  })

  const rest = Effect.fnUntraced(function* (query: ThreadQuery) {
    const [here, there] = query.archived ? [archive, active] : [active, archive]
    const { entries } = yield* query.cursor === null ? here.scan : here.recent
    // The way from a thread to its ancestor may lead through the archive.
    const others = query.ancestorThreadId === null ? [] : (yield* there.recent).entries
    const parents = new Map(
      [...entries, ...others].flatMap(({ thread }) => {
        const parent = parentOf(thread)
        return parent === null ? [] : [[thread.id, parent] as const]
      })
    )
    return yield* Effect.fromResult(inOrder(entries, query, parents))
  })

  const list = Effect.fn("ThreadCatalog.list")(function* (query: ThreadQuery) {
    const { backwardsCursor, entries, nextCursor } = cut(yield* rest(query), query)
    const data = yield* Effect.forEach(entries, detailed, { concurrency })
    return { data, nextCursor, backwardsCursor }
  })

  /** The first text of a rollout that has the term. */
  const find = (entry: Entry, term: string) =>
    Effect.suspend(() => {
      let found: string | null = null
      const sink = {
        restart: Effect.sync(() => void (found = null)),
        said: (texts: ReadonlyArray<string>) =>
          Effect.sync(() => {
            for (const text of texts) found ??= snippet(text, term)
            return found === null
          })
      }
      return Effect.map(scanRollout(store.read(entry.ref), null, sink), () => found)
    }).pipe(Effect.catch((error) => Effect.as(Effect.logDebug("rollout not searched", error), null)))

  const search = Effect.fn("ThreadCatalog.search")(function* (request: ThreadSearch) {
    const term = yield* termOf(request)
    const found: Array<Entry & FoundThread> = []
    for (const entry of yield* rest(queryOf(request))) {
      const text = yield* find(entry, term)
      if (text !== null) found.push({ ...entry, snippet: text })
      if (found.length > pageSize(request.limit)) break
    }
    const { backwardsCursor, entries, nextCursor } = cut(found, request)
    const data = yield* Effect.forEach(entries, (entry) =>
      Effect.map(detailed(entry), (thread: Thread) => ({ thread, snippet: entry.snippet }))
    )
    return { data, nextCursor, backwardsCursor }
  })

  return ThreadCatalog.of({ list, search })
})
