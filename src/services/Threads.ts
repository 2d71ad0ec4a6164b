/**
 * The threads in this server's memory, and snapshots of any thread.
 *
 * Loading is one at a time per thread: of two clients that come at once, one loads and the other finds it
 * loaded. A rollout that another process changed is read again before the next snapshot, as long as this
 * server has not written to it itself.
 */
import { Context, Duration, Effect, Equal, Exit, Latch, Layer, Option, Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import type { ThreadId } from "../domain/Ids.ts"
import type { SettingsSource, ThreadSettings } from "../domain/ThreadSettings.ts"
import type { Turn } from "../domain/Turn.ts"
import type { RestoredUsage } from "../domain/TokenUsage.ts"
import { Agent, AgentError, unconfigured } from "./Agent.ts"
import { Approvals } from "./Approvals.ts"
import * as IdleThreads from "./IdleThreads.ts"
import * as KeptSessions from "./KeptSessions.ts"
import * as LiveThread from "./LiveThread.ts"
import * as Metrics from "./Metrics.ts"
import { NotificationDelivery } from "./NotificationDelivery.ts"
import { type RolloutRef, RolloutStore } from "./RolloutStore.ts"
import { ServerConfig } from "./ServerConfig.ts"
import { type RestoredSession, SessionReconstruction } from "./SessionReconstruction.ts"
import type { ThreadError } from "./ThreadError.ts"
import type { ThreadJournal } from "./ThreadJournal.ts"
import * as Journal from "./ThreadJournal.ts"
import * as ThreadLocks from "./ThreadLocks.ts"
import * as ThreadSnapshots from "./ThreadSnapshots.ts"
import type { Snapshot } from "./ThreadSnapshots.ts"
import * as ToldThreads from "./ToldThreads.ts"

export type { Snapshot } from "./ThreadSnapshots.ts"

/** What a client is told of usage. Whether it is a guess is not part of that. */
const figuresOf = (usage: RestoredUsage | null) =>
  usage === null ? null : { owner: usage.owner, info: { ...usage.info, estimated: null } }

/** A thread to be taken in, with its journal ready to be opened. */
export interface Adoption {
  readonly settings: ThreadSettings
  /** Kept nowhere but in memory. */
  readonly ephemeral: boolean
  readonly journal: Effect.Effect<ThreadJournal, never, RolloutStore | Scope.Scope>
  /** The rollout's version when it was read; null for a thread that is not stored. */
  readonly version: string | null
}

interface Loaded {
  readonly live: LiveThread.LiveThread
  readonly scope: Scope.Closeable
  readonly version: string | null
}

export interface ThreadsOptions {
  /** How long a thread stays loaded that nobody listens to and in which nothing runs. Default 30 minutes. */
  readonly unloadAfter?: Duration.Input
}

export interface ReadOptions {
  /** Default true. */
  readonly withTurns?: boolean
  /** How many turns at the end have to have their items; those before may be `notLoaded`. Default: all. */
  readonly newest?: number
}

export class Threads extends Context.Service<
  Threads,
  {
    /** Ids of the loaded threads, sorted. */
    readonly loaded: Effect.Effect<ReadonlyArray<ThreadId>>
    /** The thread in memory, up to date with its rollout; undefined when it is not loaded. */
    readonly find: (threadId: ThreadId) => Effect.Effect<LiveThread.LiveThread | undefined, ThreadError>
    /** The thread in memory, from `ref` if it has to be loaded; with `cold` telling whether it had to. */
    readonly load: (
      ref: RolloutRef,
      overrides: SettingsSource
    ) => Effect.Effect<{ readonly thread: LiveThread.LiveThread; readonly cold: boolean }, ThreadError>
    /**
     * A stored thread before it is loaded, and whatever `at` does at that very instant: as it was told the last time, if its
     * rollout is as it was; or, when its turns are not wanted, as the ends of its rollout tell of it, at once and at any
     * length. It is loaded a moment after the scope ends, or as soon as somebody waits for it, and nothing happens to it
     * before. Null when it is loaded already, or has to be read first.
     */
    readonly arrive: <A, E, R>(
      ref: RolloutRef,
      request: { readonly overrides: SettingsSource; readonly withTurns: boolean },
      at: Effect.Effect<A, E, R>
    ) => Effect.Effect<readonly [Snapshot, A] | null, ThreadError | E, R | Scope.Scope>
    /** Takes in a thread that was just made. */
    readonly adopt: (threadId: ThreadId, adoption: Adoption) => Effect.Effect<LiveThread.LiveThread>
    /** Lets go of a thread: what runs in it ends, and all are told. False when it was not loaded. */
    readonly unload: (threadId: ThreadId) => Effect.Effect<boolean>
    /** Goes on with a loaded thread in another rollout, which holds its history from now on. */
    readonly moveTo: (threadId: ThreadId, ref: RolloutRef) => Effect.Effect<LiveThread.LiveThread, ThreadError>
    /** Decides a thread's settings: the request, what the thread remembers, the configuration, defaults. */
    readonly settings: (overrides: SettingsSource, remembered: SettingsSource) => Effect.Effect<ThreadSettings>
    /**
     * A loaded thread as of one instant, and whatever `at` does at that very instant (a subscription): nothing happens to
     * the thread between the two.
     */
    readonly snapshot: <A, E, R>(
      thread: LiveThread.LiveThread,
      at: Effect.Effect<A, E, R>
    ) => Effect.Effect<readonly [Snapshot, A], ThreadError | E, R>
    /**
     * Any thread, loaded or stored, archived too, without loading it. Without its turns a stored one is restored only when
     * its rollout changed.
     */
    readonly read: (threadId: ThreadId, options?: ReadOptions) => Effect.Effect<Snapshot, ThreadError>
  }
>()("rethread/services/Threads") {
  /** Without an `Agent` in its context every turn fails with an error that says what to provide. */
  static readonly layer: Layer.Layer<
    Threads,
    never,
    RolloutStore | SessionReconstruction | ServerConfig | NotificationDelivery | Approvals | SecureRandom.SecureRandom
  > = Layer.effect(
    Threads,
    Effect.suspend(() => make({}))
  )

  static layerWith(
    options: ThreadsOptions
  ): Layer.Layer<
    Threads,
    never,
    RolloutStore | SessionReconstruction | ServerConfig | NotificationDelivery | Approvals | SecureRandom.SecureRandom
  > {
    return Layer.effect(Threads, make(options))
  }
}

/** How long an answer of tens of megabytes is on its way. */
const answering = "100 millis"

const make = Effect.fnUntraced(function* (options: ThreadsOptions) {
  const unloadAfter = Duration.toMillis(options.unloadAfter ?? "30 minutes")
  const store = yield* RolloutStore
  const reconstruction = yield* SessionReconstruction
  const config = yield* ServerConfig
  const delivery = yield* NotificationDelivery
  const random = yield* SecureRandom.SecureRandom
  const agent = Option.getOrElse(yield* Effect.serviceOption(Agent), () => unconfigured)
  const approvals = yield* Approvals
  const metrics = yield* Metrics.recorder
  const threads = new Map<ThreadId, Loaded>()
  const background = yield* Effect.scope
  const { recall, remember } = yield* KeptSessions.make
  const told = ToldThreads.make()
  /** Told of, and not loaded yet. A latch opens when somebody waits for its thread. */
  const arriving = new Map<ThreadId, Latch.Latch>()
  const locks = ThreadLocks.make((threadId) => arriving.get(threadId)?.openUnsafe())
  const { alone } = locks

  const snapshots = ThreadSnapshots.make(store, config)
  const { settings } = snapshots

  const modelInput = (journal: ThreadJournal) =>
    Effect.mapError(
      Effect.suspend(() =>
        reconstruction.modelInput({ projected: journal.projected(), segments: journal.segments() }, journal.read)
      ),
      (error) => new AgentError({ kind: "other", detail: error.message, httpStatus: null })
    )

  const take = Effect.fnUntraced(function* (threadId: ThreadId, adoption: Adoption) {
    const scope = yield* Scope.make()
    const live = yield* adoption.journal.pipe(
      Effect.flatMap((journal) =>
        LiveThread.make(journal, adoption, {
          delivery,
          agent,
          random,
          approvals,
          metrics,
          modelInput: modelInput(journal),
          rested: () => idle.wanted(threadId)
        })
      ),
      Effect.provideService(RolloutStore, store),
      Scope.provide(scope)
    )
    threads.set(threadId, { live, scope, version: adoption.version })
    idle.wanted(threadId)
    metrics.loaded(1)
    return live
  }, Effect.uninterruptible)

  const unload = (threadId: ThreadId) =>
    Effect.gen(function* () {
      const loaded = threads.get(threadId)
      if (loaded === undefined) return false
      threads.delete(threadId)
      metrics.loaded(-1)
      yield* loaded.live.stop
      yield* Scope.close(loaded.scope, Exit.void)
      return true
    })

  // What runs is ended, and written, while the rollouts are open still.
  yield* Effect.addFinalizer(() =>
    Effect.forEach(Array.from(threads.keys()), unload, { concurrency: "unbounded", discard: true })
  )

  const close = Effect.fnUntraced(function* (threadId: ThreadId) {
    if (!(yield* unload(threadId))) return false
    yield* delivery.broadcast({
      method: "thread/status/changed",
      params: { threadId, status: { type: "notLoaded" } }
    })
    yield* delivery.broadcast({ method: "thread/closed", params: { threadId } })
    return true
  })

  const idle = yield* IdleThreads.make({
    unloadAfter,
    letGo: (threadId, isDue) =>
      alone(
        threadId,
        Effect.gen(function* () {
          const live = threads.get(threadId)?.live
          // An ephemeral thread would be gone for good.
          if (live === undefined || live.ephemeral || !isDue() || live.status().type === "active") return
          if ((yield* delivery.subscribers(threadId)).length === 0) yield* close(threadId)
        })
      )
  })
  yield* delivery.whenLeft(idle.wanted)

  const restored = (session: RestoredSession, decided: ThreadSettings): Adoption => ({
    settings: decided,
    ephemeral: false,
    journal: Journal.resume(session, { _tag: "stored", ref: session.ref, version: session.stat.version }),
    version: session.stat.version
  })

  const refresh = Effect.fnUntraced(function* (
    threadId: ThreadId
  ): Effect.fn.Return<LiveThread.LiveThread | undefined, ThreadError> {
    const loaded = threads.get(threadId)
    // Whoever asks for it has yet to subscribe, or to begin a turn: until then nothing else shows that it is wanted.
    if (loaded !== undefined) idle.wanted(threadId)
    const ref = loaded?.live.journal.ref() ?? null
    if (loaded === undefined || ref === null || loaded.live.journal.isWriting()) return loaded?.live
    // A rollout that vanished under a loaded thread: what is in memory is all there is left.
    const now = yield* store.stat(ref).pipe(Effect.catchTag("ThreadNotFound", () => Effect.succeed(null)))
    if (now === null || now.version === loaded.version) return loaded.live
    const session = yield* reconstruction.restore(ref)
    yield* unload(threadId)
    return yield* take(threadId, restored(session, loaded.live.settings()))
  })

  const find = (threadId: ThreadId) => alone(threadId, refresh(threadId))

  const load = Effect.fn("Threads.load")(function* (ref: RolloutRef, overrides: SettingsSource) {
    return yield* alone(
      ref.threadId,
      Effect.gen(function* () {
        const known = yield* refresh(ref.threadId)
        if (known !== undefined) return { thread: known, cold: false }
        const session = yield* restore(ref)
        const decided = yield* settings(overrides, session.projected.settings)
        return { thread: yield* take(ref.threadId, restored(session, decided)), cold: true }
      })
    )
  })

  /** Restores a stored session, and sees to it that the next time it need not be. */
  const restore = (ref: RolloutRef) => Effect.tap(reconstruction.restore(ref), remember)

  /** Loads a thread that clients were told of already, and tells them where its ends had not said all. */
  const complete = Effect.fnUntraced(function* (
    ref: RolloutRef,
    overrides: SettingsSource,
    before: Snapshot
  ): Effect.fn.Return<void, ThreadError> {
    const threadId = ref.threadId
    const session = yield* restore(ref)
    const decided = yield* settings(overrides, session.projected.settings)
    const live = yield* take(threadId, restored(session, decided))
    const names = yield* store.names
    const name = names.get(threadId) ?? session.projected.name
    if (name !== null && name !== before.thread.name) {
      yield* delivery.publish(threadId, { method: "thread/name/updated", params: { threadId, threadName: name } })
    }
    if (!Equal.equals(decided, before.settings)) {
      const message = `thread ${threadId} runs under other settings than its last lines tell: ${JSON.stringify(decided)}`
      yield* delivery.publish(threadId, { method: "warning", params: { threadId, message } })
    }
    const usage = live.usage()
    if (usage !== null && usage.owner !== null && !Equal.equals(figuresOf(usage), figuresOf(before.usage))) {
      yield* delivery.publish(threadId, {
        method: "thread/tokenUsage/updated",
        params: { threadId, turnId: usage.owner, tokenUsage: usage.info }
      })
    }
  })

  const arrive = Effect.fn("Threads.arrive")(function* <A, E, R>(
    ref: RolloutRef,
    { overrides, withTurns }: { readonly overrides: SettingsSource; readonly withTurns: boolean },
    at: Effect.Effect<A, E, R>
  ): Effect.fn.Return<readonly [Snapshot, A] | null, ThreadError | E, R | Scope.Scope> {
    const { threadId } = ref
    const scope = yield* Scope.make()
    const found = yield* Effect.gen(function* () {
      yield* Effect.interruptible(Scope.provide(locks.hold(threadId), scope))
      if (threads.has(threadId)) return null
      const glimpsed = withTurns ? null : yield* reconstruction.glimpse(ref)
      const known = glimpsed === null ? yield* recall(ref) : { ...glimpsed, turns: glimpsed.recent }
      if (known === null) return null
      const shown = yield* snapshots.ofStored(known, { overrides, turns: known.turns, status: "idle" })
      return [shown, yield* at] as const
    }).pipe(
      Effect.onExit((exit) => (Exit.isSuccess(exit) && exit.value !== null ? Effect.void : Scope.close(scope, exit)))
    )
    if (found === null) return null
    // Whoever asked is answered first: loading takes all there is of the processor.
    const answered = yield* Latch.make()
    const wanted = yield* Latch.make()
    arriving.set(threadId, wanted)
    yield* Effect.addFinalizer(() => answered.open)
    yield* Effect.raceFirst(wanted.await, Effect.andThen(answered.await, Effect.sleep(answering))).pipe(
      Effect.andThen(complete(ref, overrides, found[0])),
      Effect.catchCause((cause) =>
        Effect.andThen(
          Effect.logError("a thread that was told of could not be loaded", cause),
          delivery.broadcast({ method: "thread/closed", params: { threadId } })
        )
      ),
      Effect.ensuring(
        Effect.suspend(() => {
          arriving.delete(threadId)
          return Scope.close(scope, Exit.void)
        })
      ),
      Effect.forkIn(background)
    )
    return found
  }, Effect.uninterruptible)

  const unloaded = (known: ToldThreads.ToldThread, turns: ReadonlyArray<Turn>) =>
    snapshots.ofStored(known, { overrides: {}, turns, status: "notLoaded" })

  /** A stored thread without its turns, from memory when its rollout is as it was. */
  const tell = Effect.fnUntraced(function* (ref: RolloutRef): Effect.fn.Return<Snapshot, ThreadError> {
    const { version } = yield* store.stat(ref)
    const known = told.recall(ref, version)
    return yield* unloaded(known ?? told.keep(yield* reconstruction.restore(ref)), [])
  })

  // Without a span: the request has one, and this is all of it.
  const read = Effect.fnUntraced(function* (
    threadId: ThreadId,
    { newest, withTurns = true }: ReadOptions = {}
  ): Effect.fn.Return<Snapshot, ThreadError> {
    // Nearly every thread is neither loaded nor being loaded: nobody has to be waited for.
    const thread = threads.has(threadId) || locks.isWanted(threadId) ? yield* find(threadId) : undefined
    if (thread !== undefined) return (yield* snapshots.ofLive(thread, Effect.void, withTurns))[0]
    const ref = yield* store.locate(threadId, { archived: true })
    if (!withTurns) return yield* tell(ref)
    const kept = yield* recall(ref, newest)
    if (kept !== null) return yield* unloaded(kept, kept.turns)
    const session = yield* restore(ref)
    const turns = session.projected.turns.map(({ turn }) => turn)
    return yield* unloaded(ToldThreads.toldOf(session), turns)
  })

  return Threads.of({
    loaded: Effect.sync(() => Array.from(new Set([...threads.keys(), ...arriving.keys()])).sort()),
    find,
    load,
    arrive,
    settings,
    snapshot: (thread, at) => snapshots.ofLive(thread, at, true),
    moveTo: Effect.fn("Threads.moveTo")(function* (threadId, ref) {
      return yield* alone(
        threadId,
        Effect.gen(function* () {
          const loaded = threads.get(threadId)
          const session = yield* reconstruction.restore(ref)
          const decided = loaded?.live.settings() ?? (yield* settings({}, session.projected.settings))
          yield* unload(threadId)
          return yield* take(threadId, restored(session, decided))
        })
      )
    }),
    unload: (threadId) => alone(threadId, close(threadId)),
    adopt: (threadId, adoption) => alone(threadId, take(threadId, adoption)),
    read
  })
})
