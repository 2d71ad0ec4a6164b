/**
 * The protocol's methods over the services: params in, results out, errors given their codes.
 *
 * What a thread is and how it is restored is decided below; here is only what the wire adds: the
 * spelling of ids, defaults, which members a result carries, and what waits until after the response.
 * The engine opens a span for each request.
 */
import { Effect, Ref, Result } from "effect"
import { ItemId, parseThreadId } from "../../domain/Ids.ts"
import { clampLimit, itemPage, newestShown, turnPage } from "../../domain/TurnPage.ts"
import { NotificationDelivery } from "../../services/NotificationDelivery.ts"
import { ThreadCatalog } from "../../services/ThreadCatalog.ts"
import type { ForkRequest } from "../../services/ThreadForks.ts"
import { type Attached, type ResumeTarget, ThreadLifecycle } from "../../services/ThreadLifecycle.ts"
import { type ReadOptions, type Snapshot, Threads } from "../../services/Threads.ts"
import { CurrentRequest, requireExperimental } from "./CurrentRequest.ts"
import * as ClientHandlers from "./ClientHandlers.ts"
import * as CommandHandlers from "./CommandHandlers.ts"
import * as Handshake from "./Handshake.ts"
import * as ListQuery from "./ListQuery.ts"
import * as Overrides from "./Overrides.ts"
import type { ThreadForkParams, ThreadResumeParams } from "./Params.ts"
import { CodexProtocol } from "./Protocol.ts"
import * as Results from "./Results.ts"
import * as WireError from "./WireError.ts"

const threadIdOf = (input: string) =>
  Effect.mapError(Effect.fromResult(parseThreadId(input)), WireError.fromThreadError)

/** An empty path is no path. */
const pathOf = (path: string | null | undefined): string | null => (path ? path : null)

const originator = Effect.gen(function* () {
  const { session } = yield* CurrentRequest
  return (yield* Ref.get(session.client))?.name ?? "unknown"
})

const resumeTarget = Effect.fnUntraced(function* (params: ThreadResumeParams) {
  const path = pathOf(params.path)
  const history = params.history ?? null
  if (history === null && path === null) {
    return { by: "id", threadId: yield* threadIdOf(params.threadId) } satisfies ResumeTarget
  }
  // Beside a history or a path the id only matters when it names a loaded thread: any text may stand there.
  const threadId = Result.getOrElse(parseThreadId(params.threadId), () => null)
  if (history === null) {
    yield* requireExperimental("thread/resume.path")
    return { by: "path", path: path ?? "", threadId } satisfies ResumeTarget
  }
  yield* requireExperimental("thread/resume.history")
  if (history.length === 0) return yield* WireError.refused("history", "history must not be empty")
  return { by: "history", items: history, threadId } satisfies ResumeTarget
})

const forkSource = Effect.fnUntraced(function* (params: ThreadForkParams) {
  const path = pathOf(params.path)
  if (path === null) {
    return { by: "id", threadId: yield* threadIdOf(params.threadId) } satisfies ForkRequest["source"]
  }
  yield* requireExperimental("thread/fork.path")
  return { by: "path", path } satisfies ForkRequest["source"]
})

const forkEnd = ({ lastTurnId, beforeTurnId }: ThreadForkParams): ForkRequest["until"] => {
  if (lastTurnId) return { field: "lastTurnId", turnId: lastTurnId }
  return beforeTurnId ? { field: "beforeTurnId", turnId: beforeTurnId } : null
}

const checkFork = Effect.fnUntraced(function* (params: ThreadForkParams) {
  if (params.lastTurnId && params.beforeTurnId) {
    return yield* WireError.refused("beforeTurnId", "`beforeTurnId` cannot be combined with `lastTurnId`")
  }
  for (const field of ["attachToSource", "experimentalPredictionMode"] as const) {
    if (params[field]) return yield* WireError.invalidParams(field, "this kind of fork is not supported")
  }
})

const initialTurnsPage = (snapshot: Snapshot, page: ThreadResumeParams["initialTurnsPage"]) =>
  page
    ? Effect.mapError(
        Effect.fromResult(
          turnPage(Results.turnsOf(snapshot), {
            cursor: null,
            limit: clampLimit(page.limit),
            sortDirection: page.sortDirection ?? "desc",
            itemsView: page.itemsView ?? "summary"
          })
        ),
        WireError.fromInvalidCursor
      )
    : Effect.succeed(null)

const idle = { type: "idle" } as const
const emptyList = { data: [], readStates: null, nextCursor: null, backwardsCursor: null }

const make = Effect.gen(function* () {
  const lifecycle = yield* ThreadLifecycle
  const threads = yield* Threads
  const catalog = yield* ThreadCatalog
  const delivery = yield* NotificationDelivery
  const initialize = yield* Handshake.make
  const commands = yield* CommandHandlers.make
  const client = yield* ClientHandlers.make

  /** The response is on its way: now the restored usage, then whatever happens to the thread. */
  const replayAndFollow = Effect.fnUntraced(function* (attached: Attached) {
    const { afterResponse } = yield* CurrentRequest
    yield* afterResponse((receipt) => Effect.flatMap(lifecycle.replay(receipt, attached), lifecycle.follow))
  })

  const read = (threadId: string, options: ReadOptions = {}) =>
    Effect.flatMap(threadIdOf(threadId), (id) => Effect.mapError(threads.read(id, options), WireError.fromThreadError))

  return CodexProtocol.of({
    initialize,
    ...commands,
    ...client,

    "thread/start": Effect.fnUntraced(function* (params) {
      const { session } = yield* CurrentRequest
      const request = {
        overrides: yield* Overrides.fromParams(params),
        ephemeral: params.ephemeral ?? false,
        historyMode: params.historyMode ?? "paginated",
        threadSource: params.threadSource ?? null,
        originator: yield* originator
      }
      const attached = yield* Effect.mapError(lifecycle.start(session.connection, request), WireError.fromThreadError)
      yield* replayAndFollow(attached)
      return Results.threadFork(attached.snapshot, { withTurns: true })
    }),

    "thread/resume": Effect.fnUntraced(function* (params) {
      const { session } = yield* CurrentRequest
      const request = {
        target: yield* resumeTarget(params),
        overrides: yield* Overrides.fromParams(params),
        originator: yield* originator,
        withTurns: params.excludeTurns !== true || Boolean(params.initialTurnsPage)
      }
      const attached = yield* Effect.mapError(lifecycle.resume(session.connection, request), WireError.fromThreadError)
      yield* replayAndFollow(attached)
      return Results.threadResume(attached.snapshot, {
        withTurns: params.excludeTurns !== true,
        initialTurnsPage: yield* initialTurnsPage(attached.snapshot, params.initialTurnsPage)
      })
    }),

    "thread/fork": Effect.fnUntraced(function* (params) {
      const { session } = yield* CurrentRequest
      yield* checkFork(params)
      const request = {
        source: yield* forkSource(params),
        until: forkEnd(params),
        ephemeral: params.ephemeral ?? false,
        overrides: yield* Overrides.fromParams(params),
        threadSource: params.threadSource ?? null,
        originator: yield* originator
      }
      const attached = yield* Effect.mapError(lifecycle.fork(session.connection, request), WireError.fromThreadError)
      yield* replayAndFollow(attached)
      return Results.threadFork(attached.snapshot, { withTurns: params.excludeTurns !== true })
    }),

    "thread/read": ({ threadId, includeTurns }) =>
      Effect.map(read(threadId, { withTurns: includeTurns === true }), (snapshot) =>
        Results.threadRead(snapshot, { withTurns: includeTurns === true })
      ),

    "thread/list": Effect.fnUntraced(function* (params) {
      if (ListQuery.isEmptyByDefinition(params)) return emptyList
      const query = yield* ListQuery.make(params)
      const page = yield* Effect.mapError(catalog.list(query), WireError.fromThreadError)
      // The catalog knows rollouts; which of their threads are loaded is known here.
      const loaded = new Set(yield* threads.loaded)
      const data = page.data.map((thread) => (loaded.has(thread.id) ? { ...thread, status: idle } : thread))
      return { data, readStates: null, nextCursor: page.nextCursor, backwardsCursor: page.backwardsCursor }
    }),

    "thread/search": Effect.fnUntraced(function* (params) {
      yield* requireExperimental("thread/search")
      const page = yield* Effect.mapError(catalog.search(ListQuery.makeSearch(params)), WireError.fromThreadError)
      const loaded = new Set(yield* threads.loaded)
      const data = page.data.map(({ snippet, thread }) => ({
        thread: loaded.has(thread.id) ? { ...thread, status: idle } : thread,
        snippet
      }))
      return { data, nextCursor: page.nextCursor, backwardsCursor: page.backwardsCursor }
    }),

    "thread/loaded/list": ({ cursor, limit }) =>
      Effect.flatMap(threads.loaded, (sorted) =>
        Effect.fromResult(ListQuery.loadedPage(sorted, { cursor: cursor ?? null, limit: limit ?? null }))
      ),

    "thread/turns/list": Effect.fnUntraced(function* (params) {
      const query = {
        cursor: params.cursor ?? null,
        limit: clampLimit(params.limit),
        sortDirection: params.sortDirection ?? "desc",
        itemsView: params.itemsView ?? "summary"
      }
      const snapshot = yield* read(params.threadId, { newest: newestShown(query) })
      const page = turnPage(Results.turnsOf(snapshot), query)
      return yield* Effect.mapError(Effect.fromResult(page), WireError.fromInvalidCursor)
    }),

    "thread/items/list": Effect.fnUntraced(function* (params) {
      const cursor = params.cursor ?? null
      const turnId = params.turnId ?? null
      if (cursor !== null && typeof cursor !== "string" && turnId === null) {
        return yield* WireError.invalidParams("turnId", "an item as cursor needs the `turnId` that it is in")
      }
      const page = itemPage(Results.turnsOf(yield* read(params.threadId)), {
        cursor: cursor === null || typeof cursor === "string" ? cursor : { itemId: ItemId.make(cursor.itemId) },
        turnId,
        limit: clampLimit(params.limit),
        sortDirection: params.sortDirection ?? "asc"
      })
      return yield* Effect.mapError(Effect.fromResult(page), WireError.fromInvalidCursor)
    }),

    "thread/unsubscribe": Effect.fnUntraced(function* (params) {
      const { session } = yield* CurrentRequest
      const threadId = yield* threadIdOf(params.threadId)
      if (!(yield* threads.loaded).includes(threadId)) return { status: "notLoaded" as const }
      const removed = yield* delivery.unsubscribe(session.connection, threadId)
      return { status: removed ? ("unsubscribed" as const) : ("notSubscribed" as const) }
    })
  })
})

/** Every method's handler. */
export const layer = CodexProtocol.toLayer(make)
