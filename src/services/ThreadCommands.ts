/**
 * What clients may do to a thread beside coming to it: run turns in it, take turns back, name it, put it
 * away. Each tells those concerned when, and only when, it is done.
 */
import { Context, Effect, Layer, Result, Schema } from "effect"
import type { SecureRandom } from "effect/crypto"
import { isRecord } from "../domain/Json.ts"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import { firstUnusableItem } from "../domain/ForkLines.ts"
import type { UserInput } from "../domain/ThreadItem.ts"
import { type GitUpdate, payloadWithGit } from "../domain/SessionMeta.ts"
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import type { Turn } from "../domain/Turn.ts"
import * as TurnLines from "../domain/TurnLines.ts"
import type { LiveThread } from "./LiveThread.ts"
import { NotificationDelivery } from "./NotificationDelivery.ts"
import { RolloutStore } from "./RolloutStore.ts"
import type { RolloutBusy, RolloutWriteFailed } from "./RolloutWriter.ts"
import { SessionReconstruction } from "./SessionReconstruction.ts"
import { InvalidRequest, ThreadChanged, type ThreadError, ThreadNotLoaded, ThreadReadOnly } from "./ThreadError.ts"
import type { ThreadJournal } from "./ThreadJournal.ts"
import * as Journal from "./ThreadJournal.ts"
import * as TakenTurns from "./TakenTurns.ts"
import { type Snapshot, Threads } from "./Threads.ts"

/** What a turn is to do; settings hold from this turn on. */
export interface TurnStart {
  readonly threadId: ThreadId
  readonly input: ReadonlyArray<UserInput>
  readonly clientMessageId: string | null
  readonly overrides: SettingsSource
}

export class ThreadCommands extends Context.Service<
  ThreadCommands,
  {
    /** Begins a turn in a loaded thread; while one runs, the input is added to that one, which is returned. */
    readonly startTurn: (request: TurnStart) => Effect.Effect<Turn, ThreadError>
    /** Adds input to the turn that runs, which must be the one expected. */
    readonly steer: (
      threadId: ThreadId,
      expectedTurnId: string,
      input: ReadonlyArray<UserInput>,
      clientMessageId: string | null
    ) => Effect.Effect<TurnId, ThreadError>
    /** Changes a loaded thread's settings from its next turn on; what is not named stays. */
    readonly changeSettings: (threadId: ThreadId, overrides: SettingsSource) => Effect.Effect<void, ThreadError>
    /** Ends the turn that runs, which must be the one named. */
    readonly interrupt: (threadId: ThreadId, turnId: string) => Effect.Effect<void, ThreadError>
    /**
     * Takes back the last turns; what they spent stays spent. A paginated thread goes on in a new rollout. `at` is done at
     * the instant of the snapshot.
     */
    readonly rollback: <R>(
      threadId: ThreadId,
      turns: number,
      at: Effect.Effect<void, never, R>
    ) => Effect.Effect<Snapshot, ThreadError, R>
    /** Takes back a turn and all after it (paginated threads). `at` as above. */
    readonly revert: <R>(
      threadId: ThreadId,
      beforeTurnId: string,
      at: Effect.Effect<void, never, R>
    ) => Effect.Effect<Snapshot, ThreadError, R>
    /** Begins a turn that compacts the model's context. */
    readonly compact: (threadId: ThreadId) => Effect.Effect<void, ThreadError>
    /** Puts response items into the model's conversation. */
    readonly inject: (threadId: ThreadId, items: ReadonlyArray<unknown>) => Effect.Effect<void, ThreadError>
    readonly setName: (threadId: ThreadId, name: string) => Effect.Effect<void, ThreadError>
    /** Changes what a stored thread says of its repository; also while a turn runs. `at` as above. */
    readonly setGit: <R>(
      threadId: ThreadId,
      update: GitUpdate | null,
      at: Effect.Effect<void, never, R>
    ) => Effect.Effect<Snapshot, ThreadError, R>
    /** Ends what runs in the thread and moves it to the archive. */
    readonly archive: (threadId: ThreadId) => Effect.Effect<void, ThreadError>
    readonly unarchive: (threadId: ThreadId) => Effect.Effect<Snapshot, ThreadError>
    /** Ends what runs in the thread and removes it for good. */
    readonly remove: (threadId: ThreadId) => Effect.Effect<void, ThreadError>
  }
>()("rethread/services/ThreadCommands") {
  static readonly layer: Layer.Layer<
    ThreadCommands,
    never,
    Threads | RolloutStore | SessionReconstruction | NotificationDelivery | SecureRandom.SecureRandom
  > = Layer.effect(
    ThreadCommands,
    Effect.suspend(() => make)
  )
}

const notEmpty = (input: ReadonlyArray<UserInput>): Result.Result<void, InvalidRequest> =>
  input.length === 0
    ? Result.fail(new InvalidRequest({ field: "input", detail: "input must not be empty" }))
    : Result.void

/** What is to be written of an update: trimmed, and something. */
const gitUpdate = (update: GitUpdate | null): Result.Result<GitUpdate, InvalidRequest> => {
  const refuse = (field: string, detail: string) => Result.fail(new InvalidRequest({ field, detail }))
  if (update === null) return refuse("gitInfo", "thread metadata update must include at least one field")
  const { branch, originUrl, sha } = update
  const trimmed = {
    sha: sha?.trim() ?? sha,
    branch: branch?.trim() ?? branch,
    originUrl: originUrl?.trim() ?? originUrl
  }
  const fields = Object.entries(trimmed)
  const empty = fields.find(([, value]) => value === "")?.[0]
  if (empty !== undefined) return refuse(`gitInfo.${empty}`, `gitInfo.${empty} must not be empty`)
  return fields.every(([, value]) => value === undefined)
    ? refuse("gitInfo", "gitInfo must include at least one field")
    : Result.succeed(trimmed)
}

const isChanged = Schema.is(ThreadChanged)

/** Somebody else writes to the thread, or nobody can. */
const readOnly = (threadId: ThreadId) => (error: RolloutBusy | RolloutWriteFailed) =>
  Effect.fail(
    error._tag === "RolloutWriteFailed" && error.reason === "changed"
      ? new ThreadChanged({ threadId })
      : new ThreadReadOnly({ threadId, detail: error.message })
  )

const make = Effect.gen(function* () {
  const threads = yield* Threads
  const store = yield* RolloutStore
  const delivery = yield* NotificationDelivery
  const reconstruction = yield* SessionReconstruction
  const taken = yield* TakenTurns.make

  const loaded = Effect.fnUntraced(function* (threadId: ThreadId): Effect.fn.Return<LiveThread, ThreadError> {
    const thread = yield* threads.find(threadId)
    return thread === undefined ? yield* new ThreadNotLoaded({ threadId }) : thread
  })

  /**
   * Does something to a loaded thread. One that another process wrote to since it was read refuses what would be written
   * behind that: it is read again, and asked once more.
   */
  const onLoaded = <A, E, R>(threadId: ThreadId, use: (thread: LiveThread) => Effect.Effect<A, E | ThreadChanged, R>) =>
    Effect.flatMap(loaded(threadId), use).pipe(Effect.catchIf(isChanged, () => Effect.flatMap(loaded(threadId), use)))

  const writeGit = (journal: ThreadJournal, update: GitUpdate) =>
    Effect.suspend(() => journal.append([{ type: "session_meta", payload: payloadWithGit(journal.meta, update) }]))

  /** The same for a thread that is not loaded, and stays so. */
  const writeGitOfStored = Effect.fnUntraced(function* (threadId: ThreadId, update: GitUpdate) {
    const writer = yield* store.writer(yield* store.locate(threadId))
    // Found again: opening a packed rollout unpacked it.
    const ref = yield* store.locate(threadId)
    const session = yield* reconstruction.restore(ref)
    const journal = yield* Journal.resume(session, { _tag: "stored", ref, writer })
    yield* writeGit(journal, update)
  }, Effect.scoped)

  /** Lets go of a thread for what is to become of its rollouts. Where that is refused, a thread that only reads goes on. */
  const putAway = Effect.fnUntraced(function* <E>(threadId: ThreadId, act: Effect.Effect<void, E>) {
    const thread = yield* threads.find(threadId)
    if (thread === undefined) return yield* act
    // One that writes has the lock: with it nobody else, and as long as it has it, not even we.
    if (!thread.journal.isWriting()) yield* thread.leave(Effect.void, () => act)
    yield* threads.unload(threadId)
    if (thread.journal.isWriting()) yield* act
  })

  return ThreadCommands.of({
    startTurn: Effect.fn("ThreadCommands.startTurn")(function* (request) {
      return yield* onLoaded(request.threadId, (thread) =>
        Effect.andThen(Effect.fromResult(notEmpty(request.input)), thread.startTurn(request))
      )
    }),
    steer: Effect.fn("ThreadCommands.steer")(function* (threadId, expectedTurnId, input, clientMessageId) {
      const thread = yield* loaded(threadId)
      yield* Effect.fromResult(notEmpty(input))
      return yield* thread.steer(expectedTurnId, input, clientMessageId)
    }),
    changeSettings: Effect.fn("ThreadCommands.changeSettings")(function* (threadId, overrides) {
      yield* onLoaded(threadId, (thread) => thread.changeSettings(overrides))
    }),
    interrupt: Effect.fn("ThreadCommands.interrupt")(function* (threadId, turnId) {
      yield* (yield* loaded(threadId)).interrupt(turnId)
    }),
    rollback: Effect.fn("ThreadCommands.rollback")(function* <R>(
      threadId: ThreadId,
      turns: number,
      at: Effect.Effect<void, never, R>
    ) {
      if (turns < 1) {
        yield* loaded(threadId)
        return yield* new InvalidRequest({ field: "numTurns", detail: "numTurns must be >= 1" })
      }
      const count = (thread: LiveThread) => Result.succeed(Math.min(turns, thread.turns().length))
      return yield* onLoaded(threadId, (thread) => taken.takeBack(thread, { word: "rollback", count, at }))
    }),
    revert: Effect.fn("ThreadCommands.revert")(function* <R>(
      threadId: ThreadId,
      beforeTurnId: string,
      at: Effect.Effect<void, never, R>
    ) {
      const refuse = (field: string, detail: string) => Result.fail(new InvalidRequest({ field, detail }))
      const count = (thread: LiveThread) => {
        if (thread.journal.mode !== "paginated") {
          return refuse("threadId", "thread/revert only supports paginated threads; use thread/rollback")
        }
        const turns = thread.turns()
        const named = turns.findIndex(({ id }) => id === beforeTurnId)
        return named < 0
          ? refuse("beforeTurnId", `beforeTurnId '${beforeTurnId}' was not found in the thread`)
          : Result.succeed(turns.length - named)
      }
      return yield* onLoaded(threadId, (thread) => taken.takeBack(thread, { word: "revert", count, at }))
    }),
    compact: Effect.fn("ThreadCommands.compact")(function* (threadId) {
      yield* onLoaded(threadId, (thread) => thread.compact)
    }),
    inject: Effect.fn("ThreadCommands.inject")(function* (threadId, items) {
      yield* loaded(threadId)
      const unusable = firstUnusableItem(items)
      if (unusable !== null) {
        const field = `items[${unusable}]`
        return yield* new InvalidRequest({ field, detail: `${field} is no response item: an object with a \`type\`` })
      }
      const records = TurnLines.injected(items.filter(isRecord))
      yield* onLoaded(threadId, (thread) => thread.alone(thread.record(records, "inject items")))
    }),
    setName: Effect.fn("ThreadCommands.setName")(function* (threadId, name) {
      const threadName = name.trim()
      if (threadName === "") {
        return yield* new InvalidRequest({ field: "name", detail: "thread name must not be empty" })
      }
      if ((yield* threads.find(threadId)) === undefined) yield* store.locate(threadId, { archived: true })
      yield* store.setName(threadId, threadName)
      yield* delivery.broadcast({ method: "thread/name/updated", params: { threadId, threadName } })
    }),
    setGit: Effect.fn("ThreadCommands.setGit")(function* <R>(
      threadId: ThreadId,
      asked: GitUpdate | null,
      at: Effect.Effect<void, never, R>
    ) {
      const update = yield* Effect.fromResult(gitUpdate(asked))
      const busy = readOnly(threadId)
      const thread = yield* threads.find(threadId)
      if (thread?.ephemeral === true) {
        const detail = `ephemeral thread does not support metadata updates: ${threadId}`
        return yield* new InvalidRequest({ field: "threadId", detail })
      }
      if (thread === undefined) {
        yield* writeGitOfStored(threadId, update).pipe(
          Effect.catchTags({ RolloutBusy: busy, RolloutWriteFailed: busy, RolloutChanged: Effect.die }),
          Effect.provideService(RolloutStore, store)
        )
        const stored = yield* threads.read(threadId)
        yield* at
        return stored
      }
      return yield* onLoaded(threadId, (current) => {
        const write = Effect.catchTag(writeGit(current.journal, update), "RolloutWriteFailed", busy)
        return Effect.map(threads.snapshot(current, Effect.andThen(write, at)), ([snapshot]) => snapshot)
      })
    }),
    archive: Effect.fn("ThreadCommands.archive")(function* (threadId) {
      yield* store.locate(threadId)
      yield* putAway(threadId, Effect.catchTag(store.archive(threadId), "RolloutBusy", readOnly(threadId)))
      yield* delivery.broadcast({ method: "thread/archived", params: { threadId } })
    }),
    unarchive: Effect.fn("ThreadCommands.unarchive")(function* (threadId) {
      yield* Effect.catchTag(store.unarchive(threadId), "RolloutBusy", readOnly(threadId))
      const snapshot = yield* threads.read(threadId)
      yield* delivery.broadcast({ method: "thread/unarchived", params: { threadId } })
      return snapshot
    }),
    remove: Effect.fn("ThreadCommands.remove")(function* (threadId) {
      const stored = yield* Effect.result(store.locate(threadId, { archived: true }))
      const wasLoaded = (yield* threads.find(threadId)) !== undefined
      if (Result.isFailure(stored) && !wasLoaded) return yield* stored.failure
      const remove = Effect.catchTag(store.remove(threadId), "RolloutBusy", readOnly(threadId))
      yield* putAway(threadId, Result.isSuccess(stored) ? remove : Effect.void)
      yield* delivery.broadcast({ method: "thread/deleted", params: { threadId } })
    })
  })
})
