/**
 * Threads to serve in tests of the wire, and services that hold them in memory.
 */
import { Effect, Layer } from "effect"
import { ItemId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import type { Notification } from "../../../src/domain/Notification.ts"
import type { Thread } from "../../../src/domain/Thread.ts"
import type { ThreadItem } from "../../../src/domain/ThreadItem.ts"
import { defaults, resolve } from "../../../src/domain/ThreadSettings.ts"
import type { TokenUsage } from "../../../src/domain/TokenUsage.ts"
import type { Turn } from "../../../src/domain/Turn.ts"
import { NotificationDelivery } from "../../../src/services/NotificationDelivery.ts"
import { ServerConfig } from "../../../src/services/ServerConfig.ts"
import { type ThreadQuery, ThreadCatalog } from "../../../src/services/ThreadCatalog.ts"
import { Approvals } from "../../../src/services/Approvals.ts"
import { ThreadCommands } from "../../../src/services/ThreadCommands.ts"
import { RolloutStoreError, ThreadNotFound } from "../../../src/services/ThreadError.ts"
import type { ForkRequest } from "../../../src/services/ThreadForks.ts"
import {
  type Attached,
  type AttachKind,
  type Replayed,
  type ResumeRequest,
  ThreadLifecycle
} from "../../../src/services/ThreadLifecycle.ts"
import { type Snapshot, Threads } from "../../../src/services/Threads.ts"
import { ServerInfo } from "../../../src/rpc/codex/ServerInfo.ts"

export const threadA = ThreadId.make("01a202ff-0000-7000-8000-00000000000a")
export const threadB = ThreadId.make("01a202ff-0000-7000-8000-00000000000b")
export const forkOfA = ThreadId.make("01a202ff-0000-7000-8000-0000000000f0")
export const unknownThread = ThreadId.make("01a202ff-0000-7000-8000-0000000000ee")
/** Its store fails. */
export const brokenThread = ThreadId.make("01a202ff-0000-7000-8000-0000000000bb")
/** Its handler dies. */
export const defectThread = ThreadId.make("01a202ff-0000-7000-8000-0000000000dd")

const times = { startedAtMs: null, completedAtMs: null }

export const userMessage = (id: string, text: string): ThreadItem => ({
  type: "userMessage",
  id: ItemId.make(id),
  clientId: null,
  content: [{ type: "text", text, text_elements: [] }],
  ...times
})

export const agentMessage = (id: string, text: string): ThreadItem => ({
  type: "agentMessage",
  moderation: null,
  id: ItemId.make(id),
  text,
  phase: null,
  memoryCitation: null,
  delivery: null,
  questions: null,
  ...times
})

export const turn = (id: string, items: ReadonlyArray<ThreadItem>): Turn => ({
  id: TurnId.make(id),
  rootTurnId: null,
  items,
  itemsView: "full",
  status: "completed",
  error: null,
  startedAt: null,
  completedAt: null,
  durationMs: null
})

const thread = (id: ThreadId, turns: ReadonlyArray<Turn>): Thread => ({
  id,
  environments: null,
  extra: null,
  sessionId: id,
  forkedFromId: null,
  attachedToThreadId: null,
  parentThreadId: null,
  preview: "Saved user message",
  ephemeral: false,
  section: null,
  sectionEnteredAt: null,
  projectId: null,
  historyMode: "legacy",
  modelProvider: "mock_provider",
  model: "mock-model",
  reasoningEffort: null,
  createdAt: 1736078400,
  updatedAt: 1736078400,
  recencyAt: null,
  status: { type: "idle" },
  path: `/codex-home/sessions/2025/01/05/rollout-2025-01-05T12-00-00-${id}.jsonl`,
  cwd: "/",
  cliVersion: "0.0.0",
  originator: "codex",
  source: "cli",
  canAcceptDirectInput: null,
  threadSource: null,
  agentNickname: null,
  agentRole: null,
  gitInfo: null,
  name: null,
  daybreakEnabled: null,
  turns
})

export const tokens = (total: bigint): TokenUsage => ({
  totalTokens: total,
  inputTokens: total - 30n,
  cachedInputTokens: 20n,
  cacheWriteInputTokens: 0n,
  outputTokens: 30n,
  reasoningOutputTokens: 10n
})

/** More than a double can count. */
export const huge = 2n ** 62n + 1n

export const snapshot = (id: ThreadId, overrides?: Partial<Thread>): Snapshot => ({
  thread: {
    ...thread(id, [
      turn("turn-1", [userMessage("item-1", "one"), agentMessage("item-2", "a"), agentMessage("item-3", "b")]),
      turn("turn-2", [userMessage("item-4", "two"), agentMessage("item-5", "c")])
    ]),
    ...overrides
  },
  settings: defaults("/"),
  usage: {
    info: {
      total: tokens(huge),
      last: tokens(90n),
      modelContextWindow: 200000n,
      estimated: { total: false, last: false }
    },
    owner: TurnId.make("turn-1"),
    inherited: null
  }
})

/** What the mock services were asked. */
export interface Asked {
  readonly resumes: Array<ResumeRequest>
  readonly forks: Array<ForkRequest>
  readonly lists: Array<ThreadQuery>
  readonly reads: Array<ThreadId>
}

interface Staged {
  readonly connection: Attached["connection"]
  readonly kind: AttachKind
  readonly snapshot: Snapshot
  readonly warnings: ReadonlyArray<string>
}

// Only the service's own module makes stages; a stand-in for it has to claim that it did.
const isAttached = (stage: Staged | Attached): stage is Attached => "snapshot" in stage
const isReplayed = (stage: { readonly attached: Attached } | Replayed): stage is Replayed => "attached" in stage

const attached = (stage: Staged): Effect.Effect<Attached> =>
  isAttached(stage) ? Effect.succeed(stage) : Effect.die("unreachable")

const usageOf = ({ thread, usage }: Snapshot): ReadonlyArray<Notification> =>
  usage?.owner
    ? [
        {
          method: "thread/tokenUsage/updated",
          params: { threadId: thread.id, turnId: usage.owner, tokenUsage: usage.info }
        }
      ]
    : []

export interface MockOptions {
  readonly snapshots?: ReadonlyMap<ThreadId, Snapshot>
  /** Runs in `resume` before it answers. */
  readonly beforeResume?: (threadId: ThreadId) => Effect.Effect<void>
  readonly warnings?: ReadonlyArray<string>
}

/** All that the handlers need, over fixed snapshots; `asked` records the calls. */
export const services = (asked: Asked, options: MockOptions = {}) => {
  const snapshots =
    options.snapshots ??
    new Map([
      [threadA, snapshot(threadA)],
      [threadB, snapshot(threadB)]
    ])
  const find = (threadId: ThreadId): Effect.Effect<Snapshot, RolloutStoreError | ThreadNotFound> => {
    if (threadId === brokenThread) {
      return Effect.fail(new RolloutStoreError({ operation: "read", path: "/secret", detail: "EIO: i/o error" }))
    }
    if (threadId === defectThread) return Effect.die(new Error("a defect with a stack trace"))
    const found = snapshots.get(threadId)
    return found === undefined ? Effect.fail(new ThreadNotFound({ threadId })) : Effect.succeed(found)
  }

  const lifecycle = Layer.effect(
    ThreadLifecycle,
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      return ThreadLifecycle.of({
        resume: Effect.fnUntraced(function* (connection, request) {
          asked.resumes.push(request)
          const threadId = request.target.threadId ?? threadA
          yield* options.beforeResume?.(threadId) ?? Effect.void
          const found = yield* find(threadId)
          yield* delivery.subscribe(connection, threadId)
          const settings = resolve([request.overrides], found.settings)
          return yield* attached({ connection, kind: "cold", snapshot: { ...found, settings }, warnings: [] })
        }),
        start: () => Effect.die("not asked for here"),
        fork: Effect.fnUntraced(function* (connection, request) {
          asked.forks.push(request)
          const source = request.source.by === "id" ? request.source.threadId : threadA
          const found = yield* find(source)
          const forked = { ...found, thread: { ...found.thread, id: forkOfA, forkedFromId: source } }
          return yield* attached({ connection, kind: "fork", snapshot: forked, warnings: [] })
        }),
        replay: Effect.fnUntraced(function* (receipt, stage) {
          for (const notification of usageOf(stage.snapshot)) {
            if (receipt.connectionId === stage.connection.id) yield* stage.connection.notify(notification)
          }
          const replayed = { attached: stage }
          return isReplayed(replayed) ? replayed : yield* Effect.die("unreachable")
        }),
        follow: (replayed) =>
          replayed.attached.kind === "fork"
            ? delivery.broadcast({ method: "thread/started", params: { thread: replayed.attached.snapshot.thread } })
            : Effect.void
      })
    })
  )
  const threads = Layer.mock(Threads, {
    loaded: Effect.succeed(Array.from(snapshots.keys()).toSorted()),
    read: (threadId) =>
      Effect.suspend(() => {
        asked.reads.push(threadId)
        return find(threadId)
      })
  })
  const catalog = Layer.succeed(
    ThreadCatalog,
    ThreadCatalog.of({
      list: (query) =>
        Effect.sync(() => {
          asked.lists.push(query)
          return {
            data: Array.from(snapshots.values(), (found) => ({ ...found.thread, turns: [] })),
            nextCursor: "next",
            backwardsCursor: "back"
          }
        }),
      search: ({ searchTerm }) =>
        Effect.succeed({
          data: Array.from(snapshots.values(), (found) => ({
            thread: { ...found.thread, turns: [] },
            snippet: `... ${searchTerm} ...`
          })),
          nextCursor: "next",
          backwardsCursor: "back"
        })
    })
  )
  const config = Layer.succeed(
    ServerConfig,
    ServerConfig.of({
      home: "/codex-home",
      cwd: "/",
      settings: Effect.succeed({}),
      providers: Effect.succeed(new Map()),
      warnings: Effect.as(
        Effect.yieldNow,
        (options.warnings ?? []).map((summary) => ({ summary, details: null }))
      )
    })
  )
  const info = ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
  const commands = Layer.mock(ThreadCommands, {})
  return Layer.mergeAll(lifecycle, threads, catalog, commands, config, info, Approvals.layer).pipe(
    Layer.provideMerge(NotificationDelivery.layer)
  )
}

export const nothingAsked = (): Asked => ({ resumes: [], forks: [], lists: [], reads: [] })
