/**
 * The one pipeline by which a client comes to a thread: start, cold resume, rejoin and fork.
 *
 *     start | resume | fork  →  respond  →  replay  →  follow
 *
 * Each arrow is a type: {@link Attached} is made by `resume` and `fork`; `replay` wants the receipt
 * that only a sent response gives; `follow` wants what only `replay` gives. A program in another
 * order does not compile (`test/types/pipeline.types.ts`).
 */
import { Context, Effect, Equal, Layer, type Scope } from "effect"
import type { SecureRandom } from "effect/crypto"
import type { ThreadId } from "../domain/Ids.ts"
import type { ServerRequest } from "../domain/ServerRequest.ts"
import type { SettingsSource, ThreadSettings } from "../domain/ThreadSettings.ts"
import { Approvals } from "./Approvals.ts"
import * as Metrics from "./Metrics.ts"
import { type Connection, NotificationDelivery, type ResponseReceipt } from "./NotificationDelivery.ts"
import { type RolloutRef, RolloutStore } from "./RolloutStore.ts"
import type { SessionReconstruction } from "./SessionReconstruction.ts"
import { InvalidRequest, type ThreadError } from "./ThreadError.ts"
import { type ForkRequest, make as makeForks, type NewThreadRequest, type StartRequest } from "./ThreadForks.ts"
import type { LiveThread } from "./LiveThread.ts"
import { type Snapshot, Threads } from "./Threads.ts"

/** Which thread to resume. With `path` or `history`, a `threadId` that is loaded must agree with it. */
export type ResumeTarget =
  | { readonly by: "id"; readonly threadId: ThreadId }
  | { readonly by: "path"; readonly path: string; readonly threadId: ThreadId | null }
  | { readonly by: "history"; readonly items: ReadonlyArray<unknown>; readonly threadId: ThreadId | null }

export interface ResumeRequest extends NewThreadRequest {
  readonly target: ResumeTarget
  /** Are its turns asked for? Without them the answer need not wait until the rollout is read. Default true. */
  readonly withTurns?: boolean
}

/** How the client came to the thread. */
export type AttachKind = "start" | "cold" | "rejoin" | "fork" | "history"

class AttachedStage {
  readonly connection: Connection
  readonly kind: AttachKind
  readonly snapshot: Snapshot
  /** What the client should know about its request, beside the answer. */
  readonly warnings: ReadonlyArray<string>
  /** The questions that were open at the cut. */
  readonly pending: ReadonlyArray<ServerRequest>
  /** Has the pipeline come to its end? */
  isFollowed = false
  private readonly stage = "attached"
  constructor(
    connection: Connection,
    kind: AttachKind,
    snapshot: Snapshot,
    extras: { readonly warnings: ReadonlyArray<string>; readonly pending: ReadonlyArray<ServerRequest> }
  ) {
    this.connection = connection
    this.kind = kind
    this.snapshot = snapshot
    this.warnings = extras.warnings
    this.pending = extras.pending
    void this.stage
  }
}

class ReplayedStage {
  readonly attached: AttachedStage
  private readonly stage = "replayed"
  constructor(attached: AttachedStage) {
    this.attached = attached
    void this.stage
  }
}

/** The snapshot is taken and the client is bound to it; now the response must go out. */
export type Attached = AttachedStage

/** The response is out and the restored usage, if there was any to tell, right behind it. */
export type Replayed = ReplayedStage

export class ThreadLifecycle extends Context.Service<
  ThreadLifecycle,
  {
    readonly resume: (
      connection: Connection,
      request: ResumeRequest
    ) => Effect.Effect<Attached, ThreadError, Scope.Scope>
    readonly start: (connection: Connection, request: StartRequest) => Effect.Effect<Attached, ThreadError, Scope.Scope>
    readonly fork: (connection: Connection, request: ForkRequest) => Effect.Effect<Attached, ThreadError, Scope.Scope>
    /** Sends the restored usage to the connection of the receipt, once; nothing when no turn owns any. */
    readonly replay: (receipt: ResponseReceipt, attached: Attached) => Effect.Effect<Replayed>
    /** Lets the thread's events through to the connection; announces a new thread to everybody. */
    readonly follow: (replayed: Replayed) => Effect.Effect<void>
  }
>()("rethread/services/ThreadLifecycle") {
  static readonly layer: Layer.Layer<
    ThreadLifecycle,
    never,
    Threads | RolloutStore | SessionReconstruction | NotificationDelivery | Approvals | SecureRandom.SecureRandom
  > = Layer.effect(
    ThreadLifecycle,
    Effect.suspend(() => make)
  )
}

const make = Effect.gen(function* () {
  const threads = yield* Threads
  const store = yield* RolloutStore
  const delivery = yield* NotificationDelivery
  const approvals = yield* Approvals
  const forks = yield* makeForks
  const metrics = yield* Metrics.recorder

  const timed = <E, R>(attaching: Effect.Effect<Attached, E, R>): Effect.Effect<Attached, E, R> =>
    Effect.map(Effect.timed(attaching), ([took, stage]) => {
      metrics.attached(stage.kind, took)
      return stage
    })

  /** The cut: snapshot and subscription at one instant, and from there on every event waits for the replay. */
  const join = (connection: Connection, threadId: ThreadId) =>
    Effect.andThen(delivery.hold(connection, threadId), delivery.subscribe(connection, threadId))

  const attached = Effect.fnUntraced(function* (
    connection: Connection,
    kind: AttachKind,
    [snapshot, joined]: readonly [Snapshot, boolean],
    extras: Pick<Attached, "warnings" | "pending">
  ) {
    const stage = new AttachedStage(connection, kind, snapshot, extras)
    yield* Effect.annotateCurrentSpan({ connectionId: connection.id, threadId: snapshot.thread.id, kind })
    // A client that never got its response does not hear of the thread.
    yield* Effect.addFinalizer(() =>
      joined && !stage.isFollowed ? delivery.unsubscribe(connection, snapshot.thread.id) : Effect.void
    )
    return stage
  })

  const attach = Effect.fnUntraced(function* (
    connection: Connection,
    kind: AttachKind,
    thread: LiveThread,
    warnings: ReadonlyArray<string>
  ) {
    const open = Effect.sync(() => approvals.pending(thread.id))
    const [snapshot, [joined, pending]] = yield* threads.snapshot(
      thread,
      Effect.all([join(connection, thread.id), open])
    )
    return yield* attached(connection, kind, [snapshot, joined], { warnings, pending })
  })

  /** A loaded thread runs under the settings that it has: what a second client asks for besides is not applied. */
  const ignored = (thread: LiveThread, overrides: SettingsSource): ReadonlyArray<string> => {
    const names = overriddenBy(thread.settings(), overrides)
    return names.length === 0
      ? []
      : [`thread ${thread.id} is already loaded: ${names.join(", ")} of this request had no effect`]
  }

  const rejoin = (connection: Connection, thread: LiveThread, overrides: SettingsSource) =>
    attach(connection, "rejoin", thread, ignored(thread, overrides))

  const load = Effect.fnUntraced(function* (
    connection: Connection,
    ref: RolloutRef,
    { overrides, withTurns }: ResumeRequest
  ) {
    const wanted = { overrides, withTurns: withTurns ?? true }
    const arrived = yield* threads.arrive(ref, wanted, join(connection, ref.threadId))
    if (arrived !== null) return yield* attached(connection, "cold", arrived, { warnings: [], pending: [] })
    const { cold, thread } = yield* threads.load(ref, overrides)
    return cold ? yield* attach(connection, "cold", thread, []) : yield* rejoin(connection, thread, overrides)
  })

  const stale = (requested: string, thread: LiveThread) =>
    new InvalidRequest({
      field: "path",
      detail: `cannot resume running thread ${thread.id} with stale path: requested \`${requested}\`, active \`${thread.journal.ref()?.path ?? "none"}\``
    })

  const resume = Effect.fn("ThreadLifecycle.resume")(function* (connection: Connection, request: ResumeRequest) {
    const { overrides, target } = request
    yield* Effect.annotateCurrentSpan({ connectionId: connection.id, threadId: target.threadId, by: target.by })
    const running = target.threadId === null ? undefined : yield* threads.find(target.threadId)
    switch (target.by) {
      case "id":
        return running === undefined
          ? yield* load(connection, yield* store.locate(target.threadId), request)
          : yield* rejoin(connection, running, overrides)
      case "path": {
        if (running !== undefined && (running.ephemeral || running.journal.ref()?.path === target.path)) {
          if (running.ephemeral) return yield* stale(target.path, running)
          return yield* rejoin(connection, running, overrides)
        }
        const ref = yield* store.resolve(target.path)
        if (running !== undefined && running.journal.ref()?.path !== ref.path) return yield* stale(target.path, running)
        return yield* load(connection, ref, request)
      }
      case "history": {
        if (running !== undefined) {
          return yield* new InvalidRequest({
            field: "history",
            detail: `cannot resume thread ${running.id} with history while it is already running`
          })
        }
        return yield* attach(connection, "history", yield* forks.ofHistory(target.items, request), [])
      }
    }
  }, timed)

  return ThreadLifecycle.of({
    resume,
    start: Effect.fn("ThreadLifecycle.start")(function* (connection, request) {
      return yield* attach(connection, "start", yield* forks.start(request), [])
    }, timed),
    fork: Effect.fn("ThreadLifecycle.fork")(function* (connection, request) {
      const { running, thread } = yield* forks.fork(request)
      const warnings =
        running === null
          ? []
          : [`turn ${running} goes on in the thread that this one was forked from; here it ends as far as it had come`]
      return yield* attach(connection, "fork", thread, warnings)
    }, timed),
    replay: Effect.fn("ThreadLifecycle.replay")(function* (receipt, attached) {
      const { connection, snapshot } = attached
      const { thread, usage } = snapshot
      // A receipt of another connection proves nothing about this one.
      if (receipt.connectionId === connection.id && usage !== null && usage.owner !== null) {
        yield* connection.notify({
          method: "thread/tokenUsage/updated",
          params: { threadId: thread.id, turnId: usage.owner, tokenUsage: usage.info }
        })
        metrics.replayed()
      }
      return new ReplayedStage(attached)
    }),
    follow: Effect.fn("ThreadLifecycle.follow")(function* ({ attached }) {
      const { connection, kind, snapshot, warnings } = attached
      const threadId = snapshot.thread.id
      for (const message of warnings) yield* connection.notify({ method: "warning", params: { threadId, message } })
      attached.isFollowed = true
      // What the thread waits for, it waits for from this client too; what was asked since the cut is held back and comes by itself.
      for (const request of attached.pending) yield* connection.ask(request)
      if (kind === "fork" || kind === "start") {
        yield* delivery.broadcast({ method: "thread/started", params: { thread: { ...snapshot.thread, turns: [] } } })
      }
    })
  })
})

const overriddenBy = (settings: ThreadSettings, overrides: SettingsSource): ReadonlyArray<string> => {
  const current: SettingsSource = settings
  return Object.entries(overrides)
    .filter(
      ([name, value]) =>
        value !== undefined && !Equal.equals(value, Object.entries(current).find(([key]) => key === name)?.[1])
    )
    .map(([name]) => name)
}
