/**
 * The native face's requests over the services: payloads in, domain values and the services' own errors out.
 */
import { Effect, type Layer } from "effect"
import type { Rpc, RpcGroup } from "effect/rpc"
import type { ThreadId } from "../../domain/Ids.ts"
import type { Thread } from "../../domain/Thread.ts"
import { clampLimit, itemPage, newestShown, turnPage } from "../../domain/TurnPage.ts"
import { Approvals } from "../../services/Approvals.ts"
import { NotificationDelivery } from "../../services/NotificationDelivery.ts"
import { ThreadCatalog } from "../../services/ThreadCatalog.ts"
import { ThreadCommands } from "../../services/ThreadCommands.ts"
import { InvalidRequest } from "../../services/ThreadError.ts"
import { type ResumeTarget, ThreadLifecycle } from "../../services/ThreadLifecycle.ts"
import { type ReadOptions, Threads } from "../../services/Threads.ts"
import { userInput } from "../codex/Params.ts"
import { type AttachmentOptions, make as makeAttachments, snapshotOf } from "./NativeAttachment.ts"
import { QuestionNotOpen } from "./NativeError.ts"
import { type Resume, RethreadRpc, type Search } from "./NativeProtocol.ts"
import { plain } from "./PlainJson.ts"

/** What a client is called that gives no name. */
const unnamed = "rethread"

const listingOf = (payload: Omit<(typeof Search)["payloadSchema"]["Type"], "searchTerm">) => ({
  cursor: payload.cursor ?? null,
  limit: clampLimit(payload.limit),
  sortKey: payload.sortKey ?? "created_at",
  sortDirection: payload.sortDirection ?? "desc",
  archived: payload.archived ?? false,
  sourceKinds: payload.sourceKinds ?? null
})

type ResumePayload = (typeof Resume)["payloadSchema"]["Type"]

const targetOf = (payload: ResumePayload): ResumeTarget => {
  if (!("threadId" in payload)) return { by: "path", path: payload.path, threadId: null }
  const { path, threadId } = payload
  return path === undefined ? { by: "id", threadId } : { by: "path", path, threadId }
}

const make = Effect.fnUntraced(function* (options: AttachmentOptions) {
  const lifecycle = yield* ThreadLifecycle
  const threads = yield* Threads
  const catalog = yield* ThreadCatalog
  const commands = yield* ThreadCommands
  const delivery = yield* NotificationDelivery
  const approvals = yield* Approvals
  const attachment = yield* makeAttachments(options)

  const turnsOf = (threadId: ThreadId, options?: ReadOptions) =>
    Effect.map(threads.read(threadId, options), ({ thread }) => thread.turns)

  /** The catalog knows rollouts; which of their threads are loaded is known here. */
  const statuses = Effect.map(threads.loaded, (ids) => {
    const loaded = new Set(ids)
    return (thread: Thread): Thread =>
      plain(loaded.has(thread.id) ? { ...thread, status: { type: "idle" as const } } : thread)
  })

  /** A command that answers with a snapshot, and where the events stood at its instant. */
  const taking = <A, E>(command: (at: Effect.Effect<void>) => Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      let position = delivery.position()
      const at = Effect.sync(() => {
        position = delivery.position()
      })
      return Effect.map(command(at), (snapshot) => ({ position, snapshot }))
    })

  return RethreadRpc.of({
    Resume: (payload) => {
      const { originator = unnamed, settings: overrides = {}, turns = true } = payload
      const target = targetOf(payload)
      return attachment({
        come: (connection) => lifecycle.resume(connection, { target, overrides, originator }),
        after:
          "threadId" in payload && payload.after !== undefined
            ? { threadId: payload.threadId, position: payload.after }
            : null,
        turns
      })
    },

    Fork: ({
      ephemeral = false,
      originator = unnamed,
      settings = {},
      threadId,
      threadSource = null,
      turns = true,
      until = null
    }) =>
      attachment({
        come: (connection) =>
          lifecycle.fork(connection, {
            source: { by: "id", threadId },
            until,
            ephemeral,
            threadSource,
            overrides: settings,
            originator
          }),
        after: null,
        turns
      }),

    Start: ({
      ephemeral = false,
      historyMode = "paginated",
      originator = unnamed,
      settings = {},
      threadSource = null,
      turns = true
    }) =>
      attachment({
        come: (connection) =>
          lifecycle.start(connection, { ephemeral, historyMode, threadSource, overrides: settings, originator }),
        after: null,
        turns
      }),

    Read: ({ threadId, turns = true }) =>
      Effect.map(threads.read(threadId), ({ settings, thread, usage }) => ({
        thread: plain(turns ? thread : { ...thread, turns: [] }),
        settings,
        usage
      })),

    List: Effect.fnUntraced(function* (payload) {
      const page = yield* catalog.list({
        ...listingOf(payload),
        modelProviders: payload.modelProviders ?? null,
        cwd: payload.cwd ?? null,
        searchTerm: payload.searchTerm ?? null,
        parentThreadId: payload.parentThreadId ?? null,
        ancestorThreadId: payload.ancestorThreadId ?? null,
        excludedThreadIds: payload.excludedThreadIds ?? []
      })
      const withStatus = yield* statuses
      return { ...page, data: page.data.map(withStatus) }
    }),

    Search: Effect.fnUntraced(function* (payload) {
      const page = yield* catalog.search({ ...listingOf(payload), searchTerm: payload.searchTerm })
      const withStatus = yield* statuses
      return { ...page, data: page.data.map((found) => ({ ...found, thread: withStatus(found.thread) })) }
    }),

    Loaded: () => threads.loaded,

    TurnsList: Effect.fnUntraced(function* ({
      cursor = null,
      itemsView = "summary",
      limit,
      sortDirection = "desc",
      threadId
    }) {
      const query = { cursor, limit: clampLimit(limit), sortDirection, itemsView }
      const turns = yield* turnsOf(threadId, { newest: newestShown(query) })
      return plain(yield* Effect.fromResult(turnPage(turns, query)))
    }),

    ItemsList: Effect.fnUntraced(function* ({ cursor = null, limit, sortDirection = "asc", threadId, turnId = null }) {
      const turns = yield* turnsOf(threadId)
      const query = { cursor, limit: clampLimit(limit), sortDirection, turnId }
      return plain(yield* Effect.fromResult(itemPage(turns, query)))
    }),

    StartTurn: ({ clientMessageId = null, input, settings = {}, threadId }) =>
      Effect.map(
        commands.startTurn({ threadId, input: userInput(input), clientMessageId, overrides: settings }),
        plain
      ),

    ChangeSettings: ({ settings, threadId }) => commands.changeSettings(threadId, settings),

    Steer: ({ clientMessageId = null, expectedTurnId, input, threadId }) =>
      commands.steer(threadId, expectedTurnId, userInput(input), clientMessageId),

    Interrupt: ({ threadId, turnId }) => commands.interrupt(threadId, turnId),

    Answer: Effect.fnUntraced(function* ({ answer, requestId, threadId }) {
      const notOpen = new QuestionNotOpen({ threadId, requestId })
      const open = approvals.pending(threadId).find(({ id }) => id === requestId)
      if (open === undefined) return yield* notOpen
      if (answer._tag === "Answered" && answer.value.method !== open.question.method) {
        return yield* new InvalidRequest({
          field: "answer.value.method",
          detail: `the question is a ${open.question.method}, the answer is one to a ${answer.value.method}`
        })
      }
      const taken = yield* approvals.answer(
        requestId,
        answer._tag === "Answered"
          ? { _tag: "Result", result: answer.value.result }
          : { _tag: "Error", message: answer.message }
      )
      if (!taken) return yield* notOpen
    }),

    Compact: ({ threadId }) => commands.compact(threadId),
    InjectItems: ({ items, threadId }) => commands.inject(threadId, items),

    Rollback: ({ threadId, turns }) =>
      Effect.map(
        taking((at) => commands.rollback(threadId, turns, at)),
        ({ position, snapshot }) => snapshotOf(snapshot, { position, turns: true })
      ),
    Revert: ({ beforeTurnId, threadId }) =>
      Effect.map(
        taking((at) => commands.revert(threadId, beforeTurnId, at)),
        ({ position, snapshot }) => snapshotOf(snapshot, { position, turns: true })
      ),

    SetName: ({ name, threadId }) => commands.setName(threadId, name),
    SetGit: ({ threadId, ...update }) =>
      Effect.map(commands.setGit(threadId, update, Effect.void), ({ thread }) => plain({ ...thread, turns: [] })),
    Archive: ({ threadId }) => commands.archive(threadId),
    Unarchive: ({ threadId }) =>
      Effect.map(commands.unarchive(threadId), ({ thread }) => plain({ ...thread, turns: [] })),
    Delete: ({ threadId }) => commands.remove(threadId)
  })
})

type Needs = ThreadLifecycle | Threads | ThreadCatalog | ThreadCommands | NotificationDelivery | Approvals

/** Every request's handler, with other bounds for what may wait for one stream. */
export const layerWith = (
  options: AttachmentOptions
): Layer.Layer<Rpc.ToHandler<RpcGroup.Rpcs<typeof RethreadRpc>>, never, Needs> => RethreadRpc.toLayer(make(options))

/** Every request's handler. */
export const layer = layerWith({})
