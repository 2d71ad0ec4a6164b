/**
 * What clients may do to a thread beside coming to it: run turns in it, take turns back, name it, put it
 * away. Each tells those concerned when, and only when, it is done.
 */
import { Clock, Context, Effect, Equal, Layer, Result, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { isRecord } from "../domain/Json.ts"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import { firstLineOfSegment, firstUnusableItem } from "../domain/ForkLines.ts"
import type { UserInput } from "../domain/ThreadItem.ts"
import { type GitUpdate, payloadWithGit } from "../domain/SessionMeta.ts"
import { resolve, type SettingsSource } from "../domain/ThreadSettings.ts"
import type { Turn } from "../domain/Turn.ts"
import * as TurnLines from "../domain/TurnLines.ts"
import type { LiveThread } from "./LiveThread.ts"
import { NotificationDelivery } from "./NotificationDelivery.ts"
import * as RolloutCopy from "./RolloutCopy.ts"
import { RolloutStore } from "./RolloutStore.ts"
import type { RolloutBusy, RolloutWriteFailed } from "./RolloutWriter.ts"
import { SessionReconstruction } from "./SessionReconstruction.ts"
import { InvalidRequest, type ThreadError, ThreadNotLoaded, ThreadReadOnly } from "./ThreadError.ts"
import type { ThreadJournal } from "./ThreadJournal.ts"
import * as Journal from "./ThreadJournal.ts"
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
    /** Ends the turn that runs, which must be the one named. */
    readonly interrupt: (threadId: ThreadId, turnId: string) => Effect.Effect<void, ThreadError>
    /** Takes back the last turns; what they spent stays spent. `at` is done at the instant of the snapshot. */
    readonly rollback: <R>(
      threadId: ThreadId,
      turns: number,
      at: Effect.Effect<void, never, R>
    ) => Effect.Effect<Snapshot, ThreadError, R>
    /** Takes back a turn and all after it (paginated threads): the thread goes on in a new rollout. `at` as above. */
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

const nothing: GitUpdate = { sha: null, branch: null, originUrl: null }

/** Somebody else writes to the thread, or nobody can. */
const readOnly = (threadId: ThreadId) => (error: RolloutBusy | RolloutWriteFailed) =>
  Effect.fail(new ThreadReadOnly({ threadId, detail: error.message }))

const make = Effect.gen(function* () {
  const threads = yield* Threads
  const store = yield* RolloutStore
  const delivery = yield* NotificationDelivery
  const random = yield* SecureRandom.SecureRandom
  const reconstruction = yield* SessionReconstruction

  const loaded = Effect.fnUntraced(function* (threadId: ThreadId): Effect.fn.Return<LiveThread, ThreadError> {
    const thread = yield* threads.find(threadId)
    return thread === undefined ? yield* new ThreadNotLoaded({ threadId }) : thread
  })

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

  /** Turns are gone: whoever listens has to read the thread again. */
  const reverted = (threadId: ThreadId) =>
    delivery.publish(threadId, { method: "thread/reverted", params: { threadId } })

  return ThreadCommands.of({
    startTurn: Effect.fn("ThreadCommands.startTurn")(function* (request) {
      const thread = yield* loaded(request.threadId)
      yield* Effect.fromResult(notEmpty(request.input))
      return yield* thread.startTurn({
        input: request.input,
        clientMessageId: request.clientMessageId,
        settings: resolve([request.overrides], thread.settings())
      })
    }),
    steer: Effect.fn("ThreadCommands.steer")(function* (threadId, expectedTurnId, input, clientMessageId) {
      const thread = yield* loaded(threadId)
      yield* Effect.fromResult(notEmpty(input))
      return yield* thread.steer(expectedTurnId, input, clientMessageId)
    }),
    interrupt: Effect.fn("ThreadCommands.interrupt")(function* (threadId, turnId) {
      yield* (yield* loaded(threadId)).interrupt(turnId)
    }),
    rollback: Effect.fn("ThreadCommands.rollback")(function* <R>(
      threadId: ThreadId,
      turns: number,
      at: Effect.Effect<void, never, R>
    ) {
      const thread = yield* loaded(threadId)
      if (turns < 1) return yield* new InvalidRequest({ field: "numTurns", detail: "numTurns must be >= 1" })
      const record = thread.record(TurnLines.rolledBack(turns), "rollback")
      const [snapshot] = yield* threads.snapshot(
        thread,
        record.pipe(Effect.andThen(at), Effect.andThen(reverted(threadId)))
      )
      return snapshot
    }),
    revert: Effect.fn("ThreadCommands.revert")(function* <R>(
      threadId: ThreadId,
      beforeTurnId: string,
      at: Effect.Effect<void, never, R>
    ) {
      const thread = yield* loaded(threadId)
      const { journal } = thread
      const fail = (field: string, detail: string) => new InvalidRequest({ field, detail })
      if (journal.mode !== "paginated") {
        return yield* fail("threadId", "thread/revert only supports paginated threads; use thread/rollback")
      }
      const createdAt = yield* Clock.currentTimeMillis
      // One instant of the thread's history; what is before the turn does not change any more.
      const kept = yield* thread.alone(
        Effect.gen(function* () {
          if (thread.status().type === "active") {
            return yield* fail("threadId", "Cannot revert while a turn is in progress.")
          }
          const { openings, turns } = journal.projected()
          const named = turns.find(({ turn }) => turn.id === beforeTurnId)
          const opening = openings.find(({ serial }) => serial === named?.serial)
          if (opening === undefined) {
            return yield* fail("beforeTurnId", `beforeTurnId '${beforeTurnId}' was not found in the thread`)
          }
          if (journal.ref() === null) return yield* fail("threadId", "an ephemeral thread cannot be reverted")
          const source = { mode: journal.mode, segments: journal.segments(), read: journal.read }
          return RolloutCopy.linesBefore(source, opening)
        })
      )
      const segmentId = yield* random.uuidV7()
      const first = new TextEncoder().encode(firstLineOfSegment(journal.meta, createdAt))
      const content = Stream.concat(Stream.succeed(first), kept)
      const ref = yield* store.create({ threadId, createdAt, segmentId }, content)
      const { git } = journal.meta
      const moved = yield* threads.moveTo(threadId, ref)
      // What is kept may name the repository of before; that is not taken back with the turns.
      const restate = Equal.equals(moved.journal.meta.git, git)
        ? Effect.void
        : Effect.catchTag(writeGit(moved.journal, git ?? nothing), "RolloutWriteFailed", readOnly(threadId))
      const [snapshot] = yield* threads.snapshot(
        moved,
        restate.pipe(Effect.andThen(at), Effect.andThen(reverted(threadId)))
      )
      return snapshot
    }),
    compact: Effect.fn("ThreadCommands.compact")(function* (threadId) {
      yield* (yield* loaded(threadId)).compact
    }),
    inject: Effect.fn("ThreadCommands.inject")(function* (threadId, items) {
      const thread = yield* loaded(threadId)
      const unusable = firstUnusableItem(items)
      if (unusable !== null) {
        const field = `items[${unusable}]`
        return yield* new InvalidRequest({ field, detail: `${field} is no response item: an object with a \`type\`` })
      }
      yield* thread.alone(thread.record(TurnLines.injected(items.filter(isRecord)), "inject items"))
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
      if (thread === undefined) {
        yield* writeGitOfStored(threadId, update).pipe(
          Effect.catchTags({ RolloutBusy: busy, RolloutWriteFailed: busy }),
          Effect.provideService(RolloutStore, store)
        )
        const stored = yield* threads.read(threadId)
        yield* at
        return stored
      }
      if (thread.ephemeral) {
        const detail = `ephemeral thread does not support metadata updates: ${threadId}`
        return yield* new InvalidRequest({ field: "threadId", detail })
      }
      const write = Effect.catchTag(writeGit(thread.journal, update), "RolloutWriteFailed", busy)
      const [snapshot] = yield* threads.snapshot(thread, Effect.andThen(write, at))
      return snapshot
    }),
    archive: Effect.fn("ThreadCommands.archive")(function* (threadId) {
      yield* store.locate(threadId)
      yield* threads.unload(threadId)
      yield* Effect.catchTag(store.archive(threadId), "RolloutBusy", readOnly(threadId))
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
      yield* threads.unload(threadId)
      if (Result.isSuccess(stored)) {
        yield* Effect.catchTag(store.remove(threadId), "RolloutBusy", readOnly(threadId))
      }
      yield* delivery.broadcast({ method: "thread/deleted", params: { threadId } })
    })
  })
})
