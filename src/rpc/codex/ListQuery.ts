/**
 * The params of `thread/list` and `thread/search` as questions to the catalog.
 *
 * A filter that this server cannot apply is refused by name, never dropped: a list that is silently
 * too long is a wrong list. Filters that cannot matter here pass (docs/codex.md, "thread/list").
 */
import { Effect, Result } from "effect"
import { parseThreadId, type ThreadId } from "../../domain/Ids.ts"
import { clampLimit } from "../../domain/TurnPage.ts"
import type { ThreadQuery, ThreadSearch } from "../../services/ThreadCatalog.ts"
import type { ThreadListParams, ThreadSearchParams } from "./Params.ts"
import * as WireError from "./WireError.ts"

/** Thread ids that a list may leave out. */
const maxExcluded = 100

const idAt = (field: string, input: string): Effect.Effect<ThreadId, WireError.WireError> =>
  Effect.mapError(Effect.fromResult(parseThreadId(input)), (error) => WireError.invalidParams(field, error.message))

const optionalId = (field: string, input: string | null | undefined) =>
  input === null || input === undefined ? Effect.succeed(null) : idAt(field, input)

const nonEmpty = (text: string | null | undefined): string | null => (text ? text : null)

/** No thread of this server is in a section or a project, so that a list of one is empty. */
export const isEmptyByDefinition = (params: ThreadListParams): boolean =>
  nonEmpty(params.sectionId) !== null || nonEmpty(params.projectId) !== null

const unsupported = (field: string, why: string) => Effect.fail(WireError.invalidParams(field, why))

/** The query, or the first param that cannot be honoured. */
export const make = Effect.fnUntraced(function* (params: ThreadListParams) {
  if (params.originators && params.originators.length > 0) {
    return yield* unsupported("originators", "filtering by originator is not supported")
  }
  if (nonEmpty(params.attachedToThreadId) !== null) {
    return yield* unsupported("attachedToThreadId", "attached threads are not supported")
  }
  if (params.sortKey === "section_position") {
    return yield* unsupported("sortKey", "threads have no sections here; sort by created_at, updated_at or recency_at")
  }
  if (params.parentThreadId && params.ancestorThreadId) {
    return yield* unsupported("ancestorThreadId", "`ancestorThreadId` cannot be combined with `parentThreadId`")
  }
  const excluded = params.excludedThreadIds ?? []
  if (excluded.length > maxExcluded) {
    return yield* unsupported("excludedThreadIds", `at most ${maxExcluded} thread ids can be excluded`)
  }
  const query: ThreadQuery = {
    cursor: params.cursor ?? null,
    limit: clampLimit(params.limit),
    sortKey: params.sortKey ?? "created_at",
    sortDirection: params.sortDirection ?? "desc",
    archived: params.archived ?? false,
    modelProviders: params.modelProviders ?? null,
    sourceKinds: params.sourceKinds ?? null,
    cwd: typeof params.cwd === "string" ? [params.cwd] : (params.cwd ?? null),
    searchTerm: nonEmpty(params.searchTerm),
    parentThreadId: yield* optionalId("parentThreadId", params.parentThreadId),
    ancestorThreadId: yield* optionalId("ancestorThreadId", params.ancestorThreadId),
    excludedThreadIds: yield* Effect.forEach(excluded, (id, index) => idAt(`excludedThreadIds.${index}`, id))
  }
  return query
})

/** The params of `thread/search` as a search. Accounts and attached threads do not exist here: what asks for them changes nothing. */
export const makeSearch = (params: ThreadSearchParams): ThreadSearch => ({
  searchTerm: params.searchTerm,
  cursor: params.cursor ?? null,
  limit: clampLimit(params.limit),
  sortKey: params.sortKey ?? "created_at",
  sortDirection: params.sortDirection ?? "desc",
  archived: params.archived ?? false,
  sourceKinds: params.sourceKinds ?? null
})

/** A page of sorted ids: those after `cursor`, all of them when there is no limit. */
export const loadedPage = (
  sorted: ReadonlyArray<ThreadId>,
  params: { readonly cursor: string | null; readonly limit: number | null }
): Result.Result<
  { readonly data: ReadonlyArray<ThreadId>; readonly nextCursor: string | null },
  WireError.WireError
> => {
  let rest = sorted
  if (params.cursor !== null) {
    const after = parseThreadId(params.cursor)
    if (Result.isFailure(after)) {
      return Result.fail(WireError.refused("cursor", `invalid cursor: ${params.cursor.slice(0, 200)}`))
    }
    rest = sorted.filter((id) => id > after.success)
  }
  const data = params.limit === null ? rest : rest.slice(0, Math.max(params.limit, 1))
  return Result.succeed({ data, nextCursor: data.length < rest.length ? (data.at(-1) ?? null) : null })
}
