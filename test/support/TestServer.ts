/**
 * A whole server in memory, without a wire, and clients that come to its threads the one way there is:
 * attach, respond, replay, follow.
 */
import { type Duration, Effect, identity, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import type { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { SettingsSource } from "../../src/domain/ThreadSettings.ts"
import type { Thread } from "../../src/domain/Thread.ts"
import { layerWith, type MemoryFile, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { Approvals } from "../../src/services/Approvals.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import type { ThreadError } from "../../src/services/ThreadError.ts"
import type { ForkRequest } from "../../src/services/ThreadForks.ts"
import {
  type Attached,
  type ResumeRequest,
  type ResumeTarget,
  ThreadLifecycle
} from "../../src/services/ThreadLifecycle.ts"
import { Threads } from "../../src/services/Threads.ts"
import * as DeterministicIds from "../../src/testing/DeterministicIds.ts"
import {
  connect,
  type RecordingConnection,
  type RecordingEnded,
  type RecordingOptions
} from "../../src/testing/RecordingConnection.ts"

/** When tests happen: later than every rollout that the builder makes. */
export const now = Date.UTC(2026, 5, 1, 12)

export interface ServerOptions {
  readonly settings?: SettingsSource
  readonly cwd?: string
  readonly maxLineBytes?: number
  /** The store with some of its ways changed. */
  readonly store?: (store: RolloutStore["Service"]) => RolloutStore["Service"]
  readonly unloadAfter?: Duration.Input
}

const parser = (limit: number | undefined) =>
  limit === undefined ? RolloutParser.layer : RolloutParser.layerWith({ maxLineBytes: limit })

/** The server over these files. */
export const server = (files: ReadonlyArray<MemoryFile>, options: ServerOptions = {}) =>
  ThreadLifecycle.layer.pipe(
    Layer.provideMerge(
      options.unloadAfter === undefined ? Threads.layer : Threads.layerWith({ unloadAfter: options.unloadAfter })
    ),
    Layer.provideMerge(Approvals.layer),
    Layer.provideMerge(SessionReconstruction.layer),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.effect(RolloutStore, Effect.map(RolloutStore, options.store ?? identity)).pipe(
          Layer.provideMerge(layerWith(files))
        ),
        parser(options.maxLineBytes),
        NotificationDelivery.layer,
        ServerConfig.layerMemory(options),
        DeterministicIds.layer()
      )
    ),
    Layer.provide(Layer.effectDiscard(TestClock.setTime(now))),
    Layer.fresh
  )

/** A client that did its handshake. */
export const client = (
  options?: RecordingOptions
): Effect.Effect<RecordingConnection, never, NotificationDelivery | Scope.Scope> => connect(options)

/** Takes a client through the whole pipeline; everything that it caused has arrived when this returns. */
export const attach = Effect.fnUntraced(function* (
  who: RecordingConnection,
  attaching: Effect.Effect<Attached, ThreadError, ThreadLifecycle | Scope.Scope>
): Effect.fn.Return<Attached, ThreadError | RecordingEnded, ThreadLifecycle> {
  const lifecycle = yield* ThreadLifecycle
  // A request's scope: it ends when everything that belongs to its answer is out.
  const attached = yield* Effect.scoped(
    Effect.gen(function* () {
      const made = yield* attaching
      const receipt = yield* who.respond(1, made.snapshot.thread.id)
      yield* lifecycle.follow(yield* lifecycle.replay(receipt, made))
      return made
    })
  )
  yield* who.settled
  return attached
})

export const resumeRequest = (target: ResumeTarget, overrides: SettingsSource = {}): ResumeRequest => ({
  target,
  overrides,
  originator: "probe"
})

export const forkRequest = (threadId: ThreadId, options: Partial<ForkRequest> = {}): ForkRequest => ({
  source: { by: "id", threadId },
  until: null,
  ephemeral: false,
  threadSource: null,
  overrides: {},
  originator: "probe",
  ...options
})

export const resumeOf = (who: RecordingConnection, target: ResumeTarget, overrides?: SettingsSource) =>
  attach(
    who,
    ThreadLifecycle.use((lifecycle) => lifecycle.resume(who.connection, resumeRequest(target, overrides)))
  )

export const resume = (who: RecordingConnection, threadId: ThreadId, overrides?: SettingsSource) =>
  resumeOf(who, { by: "id", threadId }, overrides)

export const fork = (who: RecordingConnection, threadId: ThreadId, options?: Partial<ForkRequest>) =>
  attach(
    who,
    ThreadLifecycle.use((lifecycle) => lifecycle.fork(who.connection, forkRequest(threadId, options)))
  )

export const until = (field: "lastTurnId" | "beforeTurnId", turnId: TurnId) => ({ until: { field, turnId } })

/** The bytes of a thread's file, as the memory holds them. */
export const fileOf = Effect.fnUntraced(function* (thread: Pick<Thread, "path">) {
  const files = yield* MemoryFiles.use((files) => files.snapshot)
  const found = thread.path === null ? undefined : files.get(thread.path)
  return found === undefined ? yield* Effect.die(`no file at ${String(thread.path)}`) : found
})

export const textOf = (thread: Pick<Thread, "path">) =>
  Effect.map(fileOf(thread), (bytes) => new TextDecoder().decode(bytes))

/** Every file by its hash: equal exactly when nothing changed. */
export const hashes: Effect.Effect<ReadonlyMap<string, string>, never, MemoryFiles> = MemoryFiles.use((files) =>
  Effect.map(
    files.snapshot,
    (all) => new Map(Array.from(all, ([path, bytes]) => [path, createHash("sha256").update(bytes).digest("hex")]))
  )
)
