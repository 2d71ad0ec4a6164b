/**
 * The threads in this server's memory, and snapshots of any thread.
 *
 * A loaded thread is a restored session with its settings decided. Loading is one at a time per
 * thread: of two clients that come at once, one loads and the other finds it loaded. A rollout that
 * another process changed is read again before the next snapshot.
 */
import { Context, Effect, Layer, type Scope, Semaphore, type Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { Thread, ThreadStatus } from "../domain/Thread.ts"
import { defaults, resolve, type SettingsSource, type ThreadSettings } from "../domain/ThreadSettings.ts"
import * as ThreadView from "../domain/ThreadView.ts"
import type { RestoredUsage } from "../domain/TokenUsage.ts"
import { type RolloutRef, RolloutStore } from "./RolloutStore.ts"
import { ServerConfig } from "./ServerConfig.ts"
import { type RestoredSession, SessionReconstruction } from "./SessionReconstruction.ts"
import type { RolloutStoreError, ThreadError, ThreadNotFound } from "./ThreadError.ts"

/** A thread as of one instant of its history. */
export interface Snapshot {
  /** With all its turns. */
  readonly thread: Thread
  readonly settings: ThreadSettings
  readonly usage: RestoredUsage | null
}

/** The bytes of a rollout, wherever the thread keeps them. */
export type ReadRollout = (ref: RolloutRef) => Stream.Stream<Uint8Array, ThreadNotFound | RolloutStoreError>

/** A thread in memory. */
export interface LoadedThread {
  readonly session: RestoredSession
  readonly settings: ThreadSettings
  /** Kept nowhere but here. */
  readonly ephemeral: boolean
  readonly read: ReadRollout
}

export class Threads extends Context.Service<
  Threads,
  {
    /** Ids of the loaded threads, sorted. */
    readonly loaded: Effect.Effect<ReadonlyArray<ThreadId>>
    /** The thread in memory, up to date with its rollout; undefined when it is not loaded. */
    readonly find: (threadId: ThreadId) => Effect.Effect<LoadedThread | undefined, ThreadError>
    /** The thread in memory, from `ref` if it has to be loaded; with `cold` telling whether it had to. */
    readonly load: (
      ref: RolloutRef,
      overrides: SettingsSource
    ) => Effect.Effect<{ readonly thread: LoadedThread; readonly cold: boolean }, ThreadError>
    /** Takes in a thread that was just made. */
    readonly adopt: (
      session: RestoredSession,
      options: { readonly settings: ThreadSettings; readonly ephemeral: boolean; readonly read: ReadRollout }
    ) => Effect.Effect<LoadedThread>
    /** Decides a thread's settings: the request, what the thread remembers, the configuration, defaults. */
    readonly settings: (overrides: SettingsSource, remembered: SettingsSource) => Effect.Effect<ThreadSettings>
    /** A loaded thread as of now. */
    readonly snapshot: (thread: LoadedThread) => Effect.Effect<Snapshot, ThreadError>
    /** Any thread, loaded or stored, archived too, without loading it. */
    readonly read: (threadId: ThreadId) => Effect.Effect<Snapshot, ThreadError>
  }
>()("rethread/services/Threads") {
  static readonly layer: Layer.Layer<Threads, never, RolloutStore | SessionReconstruction | ServerConfig> =
    Layer.effect(
      Threads,
      Effect.suspend(() => make)
    )
}

const make: Effect.Effect<
  Threads["Service"],
  never,
  RolloutStore | SessionReconstruction | ServerConfig | Scope.Scope
> = Effect.gen(function* () {
  const store = yield* RolloutStore
  const reconstruction = yield* SessionReconstruction
  const config = yield* ServerConfig
  const threads = new Map<ThreadId, LoadedThread>()
  const loading = new Map<ThreadId, { readonly semaphore: Semaphore.Semaphore; users: number }>()

  /** One at a time per thread; the lock is forgotten with its last user. */
  const alone = <A, E, R>(threadId: ThreadId, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const lock = loading.get(threadId) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
        lock.users++
        loading.set(threadId, lock)
        return lock
      }),
      (lock) => lock.semaphore.withPermits(1)(effect),
      (lock) =>
        Effect.sync(() => {
          if (--lock.users === 0) loading.delete(threadId)
        })
    )

  const settings = Effect.fnUntraced(function* (overrides: SettingsSource, remembered: SettingsSource) {
    const configured = yield* config.settings
    return resolve([overrides, remembered, configured], defaults(config.cwd))
  })

  const refresh = Effect.fnUntraced(function* (
    threadId: ThreadId
  ): Effect.fn.Return<LoadedThread | undefined, ThreadError> {
    const thread = threads.get(threadId)
    if (thread === undefined || thread.ephemeral) return thread
    const { ref, stat } = thread.session
    // A rollout that vanished under a loaded thread: what is in memory is all there is left.
    const now = yield* store.stat(ref).pipe(Effect.catchTag("ThreadNotFound", () => Effect.succeed(stat)))
    if (now.version === stat.version) return thread
    const fresh = { ...thread, session: yield* reconstruction.restore(ref) }
    threads.set(threadId, fresh)
    return fresh
  })

  const find = (threadId: ThreadId) => alone(threadId, refresh(threadId))

  const load = Effect.fn("Threads.load")(function* (ref: RolloutRef, overrides: SettingsSource) {
    return yield* alone(
      ref.threadId,
      Effect.gen(function* () {
        const known = yield* refresh(ref.threadId)
        if (known !== undefined) return { thread: known, cold: false }
        const session = yield* reconstruction.restore(ref)
        const thread: LoadedThread = {
          session,
          settings: yield* settings(overrides, session.projected.settings),
          ephemeral: false,
          read: store.read
        }
        threads.set(ref.threadId, thread)
        return { thread, cold: true }
      })
    )
  })

  const view = Effect.fnUntraced(function* (
    session: RestoredSession,
    source: {
      readonly settings: ThreadSettings
      readonly shown: SettingsSource
      readonly ephemeral: boolean
      readonly status: ThreadStatus
    }
  ): Effect.fn.Return<Snapshot, ThreadError> {
    const { meta, projected, ref, stat } = session
    const names = yield* store.names
    const usage = projected.usage
    const window = source.settings.modelContextWindow
    return {
      settings: source.settings,
      // A window that the configuration names is the one that the next turn will have.
      usage:
        usage === null || window === null ? usage : { ...usage, info: { ...usage.info, modelContextWindow: window } },
      thread: ThreadView.makeThread({
        meta,
        path: source.ephemeral ? null : ref.path,
        modifiedAt: stat.modifiedAt,
        preview: projected.preview,
        settings: source.shown,
        cwd: config.cwd,
        name: names.get(meta.id) ?? projected.name,
        status: source.status,
        turns: ThreadView.atRest(projected.turns.map(({ turn }) => turn))
      })
    }
  })

  const snapshot = (thread: LoadedThread) =>
    view(thread.session, { ...thread, shown: thread.settings, status: { type: "idle" } })

  return Threads.of({
    loaded: Effect.sync(() => Array.from(threads.keys()).sort()),
    find,
    load,
    settings,
    snapshot,
    adopt: (session, options) =>
      Effect.sync(() => {
        const thread = { session, ...options }
        threads.set(session.meta.id, thread)
        return thread
      }),
    read: Effect.fn("Threads.read")(function* (threadId) {
      const thread = yield* find(threadId)
      if (thread !== undefined) return yield* snapshot(thread)
      const session = yield* reconstruction.restore(yield* store.locate(threadId, { archived: true }))
      const remembered = session.projected.settings
      return yield* view(session, {
        settings: yield* settings({}, remembered),
        shown: remembered,
        ephemeral: false,
        status: { type: "notLoaded" }
      })
    })
  })
})
