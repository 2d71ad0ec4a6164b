/**
 * Which threads a query means, in which order, and how a cursor divides them. Pure.
 *
 * Threads are ordered by time and then by id, so that no two are equal; a cursor is a place in that
 * order (`time|id`), not a thread: it stays good when the thread at it goes away.
 */
import { DateTime, Result } from "effect"
import { parseThreadId, type ThreadId } from "../domain/Ids.ts"
import type { SessionSource, Thread } from "../domain/Thread.ts"
import { InvalidRequest } from "./ThreadError.ts"
import type { SourceKind, ThreadPage, ThreadQuery } from "./ThreadQuery.ts"

/** A thread as the catalog keeps it: with its times in milliseconds, which the protocol rounds to seconds. */
export interface CatalogEntry {
  readonly thread: Thread
  readonly createdAt: number
  readonly updatedAt: number
}

/** A place between threads. */
export interface Place {
  readonly time: number
  readonly id: ThreadId
}

const maxLimit = 100

/** How many threads a page has at most: a limit outside 1 to 100 is moved to the nearer end. */
export const pageSize = (limit: number): number => Math.min(Math.max(limit, 1), maxLimit)

const defaultKinds: ReadonlyArray<SourceKind> = ["cli", "vscode"]
const cursorPattern = /^((?:\d{4}|[+-]\d{6})-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z)\|(.+)$/

/** Every kind that a source counts as: a sub-agent is one in general, and one of its sort. */
const kindsOf = (source: SessionSource): ReadonlyArray<SourceKind> => {
  if (typeof source === "string") return [source]
  if ("custom" in source) return ["unknown"]
  const { subAgent } = source
  if (subAgent === "review") return ["subAgent", "subAgentReview"]
  if (subAgent === "compact") return ["subAgent", "subAgentCompact"]
  if (typeof subAgent !== "string" && "thread_spawn" in subAgent) return ["subAgent", "subAgentThreadSpawn"]
  return ["subAgent", "subAgentOther"]
}

/** The thread that spawned this one, if one did. */
export const parentOf = (thread: Thread): string | null => {
  if (thread.parentThreadId !== null) return thread.parentThreadId
  const { source } = thread
  if (typeof source === "string" || !("subAgent" in source) || typeof source.subAgent === "string") return null
  return "thread_spawn" in source.subAgent ? source.subAgent.thread_spawn.parent_thread_id : null
}

const timeOf = (entry: CatalogEntry, key: ThreadQuery["sortKey"]): number =>
  key === "created_at" ? entry.createdAt : entry.updatedAt

const placeOf = (entry: CatalogEntry, key: ThreadQuery["sortKey"]): Place => ({
  time: timeOf(entry, key),
  id: entry.thread.id
})

const compare = (a: Place, b: Place): number => a.time - b.time || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

const formatCursor = ({ id, time }: Place): string => `${DateTime.formatIso(DateTime.makeUnsafe(time))}|${id}`

/** The place that a client holds. */
export const parseCursor = (cursor: string): Result.Result<Place, InvalidRequest> => {
  const match = cursorPattern.exec(cursor)
  const time = match === null ? Number.NaN : Date.parse(match[1] ?? "")
  const id = parseThreadId(match?.[2] ?? "")
  return Number.isNaN(time) || Result.isFailure(id)
    ? Result.fail(new InvalidRequest({ field: "cursor", detail: `invalid cursor: ${cursor.slice(0, 200)}` }))
    : Result.succeed({ time, id: id.success })
}

const isDescendant = (thread: Thread, ancestor: ThreadId, parents: ReadonlyMap<string, string>): boolean => {
  const seen = new Set<string>([thread.id])
  for (let parent = parentOf(thread); parent !== null && !seen.has(parent); parent = parents.get(parent) ?? null) {
    if (parent === ancestor) return true
    seen.add(parent)
  }
  return false
}

/** The kinds that a query means; null for all. */
export const kindsOfQuery = (
  query: Pick<ThreadQuery, "sourceKinds" | "parentThreadId" | "ancestorThreadId">
): ReadonlyArray<SourceKind> | null => {
  if (query.sourceKinds !== null && query.sourceKinds.length > 0) return query.sourceKinds
  // Whoever asks for a thread's sub-agents by name does not mean to leave sub-agents out.
  return query.parentThreadId !== null || query.ancestorThreadId !== null ? null : defaultKinds
}

/** Does the query's term stand in the name or the preview? */
export const hasTerm = (
  query: Pick<ThreadQuery, "searchTerm">
): ((preview: string, name: string | null) => boolean) => {
  const term = query.searchTerm?.toLowerCase() ?? ""
  return (preview, name) =>
    term === "" || preview.toLowerCase().includes(term) || (name?.toLowerCase().includes(term) ?? false)
}

/** Does the query mean every thread whose kind, sub-agents being of one, is among {@link kindsOfQuery}? */
export const meansAll = (query: ThreadQuery): boolean =>
  (query.modelProviders ?? []).length === 0 &&
  (query.cwd ?? []).length === 0 &&
  (query.searchTerm ?? "") === "" &&
  query.parentThreadId === null &&
  query.ancestorThreadId === null &&
  query.excludedThreadIds.length === 0 &&
  (kindsOfQuery(query) ?? []).every((kind) => kind === "subAgent" || !kind.startsWith("subAgent"))

/** Is a thread one of those that the query means? */
export const matches = (query: ThreadQuery, parents: ReadonlyMap<string, string>): ((thread: Thread) => boolean) => {
  const among = <A>(values: ReadonlyArray<A> | null): ReadonlySet<A> | null =>
    values === null || values.length === 0 ? null : new Set(values)
  const providers = among(query.modelProviders)
  const cwds = among(query.cwd)
  const excluded = new Set<string>(query.excludedThreadIds)
  const kinds = among(kindsOfQuery(query))
  const named = hasTerm(query)
  return (thread) =>
    !excluded.has(thread.id) &&
    (providers === null || providers.has(thread.modelProvider)) &&
    (cwds === null || cwds.has(thread.cwd)) &&
    (kinds === null || kindsOf(thread.source).some((kind) => kinds.has(kind))) &&
    (query.parentThreadId === null || parentOf(thread) === query.parentThreadId) &&
    (query.ancestorThreadId === null || isDescendant(thread, query.ancestorThreadId, parents)) &&
    named(thread.preview, thread.name)
}

/** The entries that a query means, in its order, from its cursor on. */
export const inOrder = <A extends CatalogEntry>(
  entries: Iterable<A>,
  query: ThreadQuery,
  parents: ReadonlyMap<string, string>
): Result.Result<ReadonlyArray<A>, InvalidRequest> =>
  Result.gen(function* () {
    const cursor = query.cursor === null ? null : yield* parseCursor(query.cursor)
    const sign = query.sortDirection === "asc" ? 1 : -1
    const wanted = matches(query, parents)
    return Array.from(entries)
      .filter(({ thread }) => wanted(thread))
      .map((entry) => ({ entry, place: placeOf(entry, query.sortKey) }))
      .filter(({ place }) => cursor === null || sign * compare(place, cursor) > 0)
      .sort((a, b) => sign * compare(a.place, b.place))
      .map(({ entry }) => entry)
  })

/** The page that begins with the first of `rest`, which go on behind it when there are more than its size. */
export const cut = <A extends CatalogEntry>(
  rest: ReadonlyArray<A>,
  query: Pick<ThreadQuery, "limit" | "sortKey">
): { readonly entries: ReadonlyArray<A> } & Pick<ThreadPage, "nextCursor" | "backwardsCursor"> => {
  const entries = rest.slice(0, pageSize(query.limit))
  const first = entries[0]
  const last = entries.at(-1)
  return {
    entries,
    nextCursor: last !== undefined && rest.length > entries.length ? formatCursor(placeOf(last, query.sortKey)) : null,
    backwardsCursor: first === undefined ? null : formatCursor(placeOf(first, query.sortKey))
  }
}
