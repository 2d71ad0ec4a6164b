/**
 * A thread in memory: its history, its settings, and the turn that runs in it.
 *
 * Everything that happens to a thread happens alone, one thing after the other; records are written
 * before anyone is told. So there is one serial history, and any instant between two happenings is a cut
 * at which a client can join: what came before is in its snapshot, what comes after reaches it as events.
 */
import { Cause, Clock, Deferred, Effect, Exit, Fiber, type Scope, Semaphore, Stream } from "effect"
import type { SecureRandom } from "effect/crypto"
import type { AgentEvent } from "../domain/AgentEvent.ts"
import { type ThreadId, TurnId } from "../domain/Ids.ts"
import type { JsonRecord } from "../domain/Json.ts"
import type { Notification } from "../domain/Notification.ts"
import type { ThreadStatus } from "../domain/Thread.ts"
import type { UserInput } from "../domain/ThreadItem.ts"
import type { ThreadSettings } from "../domain/ThreadSettings.ts"
import * as Compaction from "../domain/Compaction.ts"
import { isFromUser } from "../domain/Said.ts"
import { atRest } from "../domain/ThreadView.ts"
import type { Turn, TurnError } from "../domain/Turn.ts"
import { turnError } from "../domain/TurnFailure.ts"
import * as TurnLines from "../domain/TurnLines.ts"
import { withView } from "../domain/TurnPage.ts"
import { waitsOn } from "../domain/ServerRequest.ts"
import { type RestoredUsage, withWindow } from "../domain/TokenUsage.ts"
import { type Agent, AgentError, CurrentTurn, type TurnIdentity } from "./Agent.ts"
import { failureOf, recordedError, unknownFailure } from "./AgentFailure.ts"
import type { Approvals } from "./Approvals.ts"
import type { Recorder } from "./Metrics.ts"
import type { NotificationDelivery } from "./NotificationDelivery.ts"
import type { RolloutWriteFailed } from "./RolloutWriter.ts"
import { InvalidRequest, ThreadChanged, ThreadReadOnly } from "./ThreadError.ts"
import type { ThreadJournal } from "./ThreadJournal.ts"
import * as TurnQuestions from "./TurnQuestions.ts"
import * as TurnRecording from "./TurnRecording.ts"

/** What a turn is asked to do. */
export interface TurnRequest {
  readonly input: ReadonlyArray<UserInput>
  /** The client's own id of the message; null without one. */
  readonly clientMessageId: string | null
  /** Settings from this turn on; what it does not name stays. */
  readonly settings: ThreadSettings
}

/** Why a thread did not do what it was asked. */
export type NotDone = InvalidRequest | ThreadReadOnly | ThreadChanged

export interface LiveThread {
  readonly id: ThreadId
  readonly ephemeral: boolean
  readonly journal: ThreadJournal
  readonly settings: () => ThreadSettings
  readonly status: () => ThreadStatus
  /** The turns as of now: a running one with what has come so far, one that was found open as interrupted. */
  readonly turns: () => ReadonlyArray<Turn>
  /** What it has spent, and whose the last figures are. */
  readonly usage: () => RestoredUsage | null
  /** Does it while nothing else happens to the thread. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Begins a turn; while one runs, the input is added to it, and that turn is returned. */
  readonly startTurn: (request: TurnRequest) => Effect.Effect<Turn, NotDone>
  /** Adds input to the running turn, which must be the one expected. */
  readonly steer: (
    expected: string,
    input: ReadonlyArray<UserInput>,
    clientMessageId: string | null
  ) => Effect.Effect<TurnId, NotDone>
  /** Ends the running turn; returns when it has ended. */
  readonly interrupt: (turnId: string) => Effect.Effect<void, InvalidRequest>
  /** Begins a turn that replaces, for the model, the conversation so far by a summary of it. */
  readonly compact: Effect.Effect<void, NotDone>
  /** Ends whatever runs, without being asked by name. Nothing happens to the thread here any more. */
  readonly stop: Effect.Effect<void>
  /**
   * Does `first` alone, and then what moves the thread elsewhere: from the one to the end of the other no request has an
   * effect on it. Should that fail, the thread goes on here.
   */
  readonly leave: <A, E, R, A2, E2, R2>(
    first: Effect.Effect<A, E, R>,
    move: (found: A) => Effect.Effect<A2, E2, R2>
  ) => Effect.Effect<A2, E | E2, R | R2>
  /** Writes records while no turn runs. */
  readonly record: (records: ReadonlyArray<TurnLines.RecordDraft>, what: string) => Effect.Effect<void, NotDone>
}

/** The services that a thread works with. */
export interface LiveThreadServices {
  readonly delivery: NotificationDelivery["Service"]
  readonly agent: Agent["Service"]
  readonly random: SecureRandom.SecureRandom["Service"]
  readonly approvals: Approvals["Service"]
  readonly metrics: Recorder
  /** What the model sees next, read from the thread's lines. */
  readonly modelInput: Effect.Effect<ReadonlyArray<JsonRecord>, AgentError>
}

interface Running {
  readonly kind: "conversation" | "compaction"
  readonly id: TurnId
  readonly recording: TurnRecording.TurnRecording
  /** What the user said since the agent asked last, message by message. */
  readonly steered: Array<ReadonlyArray<UserInput>>
  /** Has the agent ever asked? */
  asks: boolean
  readonly ended: Deferred.Deferred<void>
  fiber: Fiber.Fiber<void> | null
}

/** Makes a thread live. Its turns run, and its journal is open, for as long as the scope lasts. */
export const make = Effect.fnUntraced(function* (
  journal: ThreadJournal,
  initial: { readonly settings: ThreadSettings; readonly ephemeral: boolean },
  services: LiveThreadServices
): Effect.fn.Return<LiveThread, never, Scope.Scope> {
  const { agent, approvals, delivery, metrics, random } = services
  const { meta, mode } = journal
  const scope = yield* Effect.scope
  const semaphore = yield* Semaphore.make(1)
  const threadId = meta.id
  let settings = initial.settings
  let running: Running | null = null
  let failed = false
  let broken: RolloutWriteFailed | null = null
  // What the turn failed with that could not be written any more: memory alone knows.
  let unwritten: Pick<Turn, "id" | "error"> | null = null
  let isClosed = false
  let wasStopped = false

  const alone = semaphore.withPermits(1)
  const publish = (notification: Notification) => delivery.publish(threadId, notification)

  /** What the running turn waits for. */
  const waiting = () => {
    const flags = new Set(approvals.pending(threadId).map(({ question }) => waitsOn(question)))
    return Array.from(flags).filter((flag) => flag !== null)
  }
  const status = (): ThreadStatus =>
    running !== null ? { type: "active", activeFlags: waiting() } : failed ? { type: "systemError" } : { type: "idle" }
  const tellStatus = Effect.suspend(() =>
    delivery.broadcast({ method: "thread/status/changed", params: { threadId, status: status() } })
  )

  const recorded = (): ReadonlyArray<Turn> =>
    journal
      .projected()
      .turns.map(({ turn }) =>
        turn.id === unwritten?.id ? { ...turn, status: "failed" as const, error: unwritten.error } : turn
      )

  const turns = (): ReadonlyArray<Turn> => {
    const active = running
    if (active === null) return atRest(recorded())
    const all = recorded()
    const now = all.findLast((turn) => turn.id === active.id)
    return all.map((turn) =>
      turn === now ? { ...turn, items: active.recording.shown(turn.items) } : (atRest([turn])[0] ?? turn)
    )
  }

  // What the agent has said is written and told, and what it has spent is counted, whatever happens to the turn.
  const onEvent = (active: Running, event: AgentEvent) =>
    alone(
      Effect.gen(function* () {
        // Steering may have found out that nothing can be written any more.
        if (broken !== null) return yield* broken
        return yield* active.recording.on(event)
      })
    ).pipe(Effect.uninterruptible)

  /** The turn is over: writes how, frees the thread, and tells everybody. */
  const end = Effect.fnUntraced(function* (active: Running, exit: Exit.Exit<void, AgentError | RolloutWriteFailed>) {
    const now = yield* Clock.currentTimeMillis
    const error = Exit.isSuccess(exit) ? null : failureOf(exit.cause)
    if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) {
      yield* Effect.logError("LiveThread: the turn died", exit.cause).pipe(
        Effect.annotateLogs({ threadId, turnId: active.id })
      )
    }
    const how: TurnRecording.TurnEnd =
      Exit.isFailure(exit) && error === null
        ? { _tag: "interrupted" }
        : { _tag: "completed", error: error?._tag === "AgentError" ? recordedError(error) : null }
    const written =
      error?._tag === "RolloutWriteFailed" ? Exit.fail(error) : yield* Effect.exit(active.recording.end(how, now))
    const lost = Exit.isFailure(written) ? failureOf(written.cause) : null
    if (lost !== null && lost._tag === "RolloutWriteFailed") broken = lost
    const reason = broken ?? error
    running = null
    failed = reason !== null
    const told: TurnError | null =
      reason === null
        ? null
        : turnError(
            reason._tag === "AgentError"
              ? recordedError(reason)
              : { message: reason.message, codex_error_info: "other" }
          )
    if (told !== null) {
      if (broken !== null) unwritten = { id: active.id, error: told }
      yield* tellStatus
      yield* publish({ method: "error", params: { error: told, willRetry: false, threadId, turnId: active.id } })
    } else yield* tellStatus
    const turn = turns().findLast((one) => one.id === active.id)
    if (turn !== undefined) {
      yield* publish({ method: "turn/completed", params: { threadId, turn: withView(turn, "summary") } })
    }
    yield* Deferred.succeed(active.ended, undefined)
  })

  type Work = (
    history: ReadonlyArray<JsonRecord>,
    turn: TurnIdentity
  ) => Effect.Effect<void, AgentError | RolloutWriteFailed>

  /** What a turn does next. */
  interface Step {
    readonly history: Exit.Exit<ReadonlyArray<JsonRecord>, AgentError>
    readonly work: Work
  }

  /** Works until there is nothing more to do, and ends the turn. */
  const run = (active: Running, { history, work }: Step): Effect.Effect<void> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const known = Exit.isFailure(history) ? Effect.fail(failureOf(history.cause) ?? unknownFailure) : history
        const place = { threadId, turnId: active.id }
        const turn: TurnIdentity = { ...place, ask: TurnQuestions.make(approvals, place, tellStatus) }
        const working = Effect.flatMap(known, (found) => work(found, turn)).pipe(
          Effect.provideService(CurrentTurn, turn)
        )
        const exit = yield* Effect.exit(restore(working))
        // One instant: either the agent hears what came last, or the turn is over and takes no more.
        const next = yield* alone(Exit.isSuccess(exit) ? endOrGoOn(active) : Effect.as(end(active, exit), null))
        if (next !== null) yield* run(active, next)
      })
    )

  /** Goes on with what the user said after an agent that asks had asked for the last time; else the turn is over. */
  const endOrGoOn = Effect.fnUntraced(function* (active: Running): Effect.fn.Return<Step | null> {
    if (!active.asks || active.steered.length === 0) return yield* Effect.as(end(active, Exit.void), null)
    const late = active.steered.splice(0)
    const history = yield* Effect.exit(services.modelInput)
    // It is recorded already, and so at the end of the history, where the agent is given it as what the user says.
    const before = Exit.map(history, (items) =>
      items.slice(-late.length).every(isFromUser) ? items.slice(0, -late.length) : items
    )
    return { history: before, work: converse(active, late.flat()) }
  })

  const converse =
    (active: Running, input: ReadonlyArray<UserInput>): Work =>
    (history, turn) =>
      Stream.runForEach(
        agent.run({
          ...turn,
          history,
          input,
          settings: active.recording.settings,
          steered: Effect.sync(() => {
            active.asks = true
            return active.steered.splice(0).flat()
          })
        }),
        (event) => onEvent(active, event)
      )

  /** The agent is asked for a summary; nothing of what it says is shown, and what it costs is counted. */
  const summarize =
    (active: Running): Work =>
    (history, turn) =>
      Effect.gen(function* () {
        let summary = ""
        const { settings } = active.recording
        const input: ReadonlyArray<UserInput> = [{ type: "text", text: Compaction.PROMPT, text_elements: [] }]
        yield* Stream.runForEach(
          agent.run({ ...turn, history, input, settings, steered: Effect.succeed([]) }),
          (event) => {
            if (event._tag === "TextDelta") summary += event.delta
            return event._tag === "UsageReport" ? onEvent(active, event) : Effect.void
          }
        )
        if (summary.trim() === "") {
          return yield* new AgentError({
            kind: "other",
            detail: "the agent gave no summary to compact with",
            httpStatus: null
          })
        }
        yield* alone(Effect.uninterruptible(active.recording.compacted(history, summary)))
      })

  const readOnly = () =>
    Effect.suspend((): Effect.Effect<void, InvalidRequest | ThreadReadOnly> => {
      if (isClosed) {
        const detail = `thread ${threadId} was unloaded just now; resume it and try again`
        return Effect.fail(new InvalidRequest({ field: "threadId", detail }))
      }
      return broken === null ? Effect.void : Effect.fail(new ThreadReadOnly({ threadId, detail: broken.message }))
    })
  const becomeReadOnly = (error: RolloutWriteFailed) =>
    Effect.suspend((): Effect.Effect<never, ThreadReadOnly | ThreadChanged> => {
      if (error.reason === "changed") return Effect.fail(new ThreadChanged({ threadId }))
      // Another writer may let go of it again.
      if (error.reason !== "busy") broken = error
      return Effect.fail(new ThreadReadOnly({ threadId, detail: error.message }))
    })

  const add = Effect.fnUntraced(
    function* (active: Running, input: ReadonlyArray<UserInput>, clientId: string | null) {
      if (active.kind === "compaction") {
        return yield* new InvalidRequest({ field: "input", detail: "cannot steer a compaction; wait until it is done" })
      }
      yield* active.recording.interject(input, clientId)
      active.steered.push(input)
    },
    Effect.catchTag("RolloutWriteFailed", becomeReadOnly)
  )

  /** Writes the beginning of a turn, with what `first` adds, and tells of it; `work` is what the turn does. */
  const begin = Effect.fnUntraced(function* (
    kind: Running["kind"],
    under: ThreadSettings,
    first: (
      recording: TurnRecording.TurnRecording,
      now: number,
      lines: ReadonlyArray<TurnLines.RecordDraft>
    ) => Effect.Effect<ReadonlyArray<Notification>, RolloutWriteFailed>,
    work: (active: Running) => Work
  ) {
    const now = yield* Clock.currentTimeMillis
    // A turn that nobody ended (the server died in it) is ended now: the model is told before it goes on.
    const left = journal.projected().midTurn
    if (left !== null) yield* journal.append(TurnLines.turnInterrupted(left.turnId, null))
    const history = yield* Effect.exit(services.modelInput)
    const id = TurnId.make(yield* random.uuidV7())
    const place: TurnLines.TurnPlace = { mode, threadId, turnId: id }
    const recording = TurnRecording.make({ place, settings: under, startedAt: now, journal, random, publish, metrics })
    const ended = yield* Deferred.make<void>()
    const active: Running = { kind, id, recording, steered: [], asks: false, ended, fiber: null }
    const tell = yield* first(recording, now, TurnLines.turnStarted(place, now, under))
    settings = under
    running = active
    failed = false
    yield* tellStatus
    const turn = { ...opened(id), startedAt: Math.floor(now / 1000) }
    yield* publish({ method: "turn/started", params: { threadId, turn } })
    yield* Effect.forEach(tell, publish, { discard: true })
    // At once: a turn that is interrupted before its fiber ran would never end.
    const turnRun = Effect.withSpan(run(active, { history, work: work(active) }), "LiveThread.turn", {
      attributes: { threadId, turnId: id, kind }
    })
    active.fiber = yield* Effect.forkIn(turnRun, scope, { startImmediately: true })
    return opened(id)
  })

  const startTurn = Effect.fn("LiveThread.startTurn")(
    function* (request: TurnRequest) {
      yield* Effect.annotateCurrentSpan("threadId", threadId)
      yield* readOnly()
      if (running !== null) {
        const { id } = running
        yield* add(running, request.input, request.clientMessageId)
        return turns().findLast((turn) => turn.id === id) ?? opened(id)
      }
      return yield* begin(
        "conversation",
        request.settings,
        (recording, now, lines) => recording.say(request.input, request.clientMessageId, now, lines),
        (active) => converse(active, request.input)
      )
    },
    Effect.catchTag("RolloutWriteFailed", becomeReadOnly),
    Effect.uninterruptible,
    alone
  )

  const compact = Effect.gen(function* () {
    yield* readOnly()
    if (running !== null) {
      return yield* new InvalidRequest({ field: "threadId", detail: "Cannot compact while a turn is in progress." })
    }
    yield* begin("compaction", settings, (recording, now, lines) => recording.beginCompaction(now, lines), summarize)
  }).pipe(Effect.catchTag("RolloutWriteFailed", becomeReadOnly), Effect.uninterruptible, alone)

  const expected = Effect.fnUntraced(function* (turnId: string, field: string, idle: string) {
    if (running === null) return yield* new InvalidRequest({ field, detail: idle })
    if (running.id !== turnId) {
      const detail = `expected active turn id \`${turnId}\` but found \`${running.id}\``
      return yield* new InvalidRequest({ field, detail })
    }
    return running
  })

  const cancel = (active: Running) =>
    Effect.andThen(active.fiber === null ? Effect.void : Fiber.interrupt(active.fiber), Deferred.await(active.ended))

  return {
    id: threadId,
    ephemeral: initial.ephemeral,
    journal,
    settings: () => settings,
    status,
    turns,
    usage: () => withWindow(journal.projected().usage, settings.modelContextWindow),
    alone,
    leave: (first, move) =>
      alone(
        Effect.tap(first, () =>
          Effect.sync(() => {
            isClosed = true
          })
        )
      ).pipe(
        Effect.flatMap(move),
        Effect.onError(() =>
          Effect.sync(() => {
            isClosed = wasStopped
          })
        )
      ),
    startTurn,
    compact,
    steer: Effect.fn("LiveThread.steer")(
      function* (turnId, input, clientMessageId) {
        yield* Effect.annotateCurrentSpan({ threadId, turnId })
        yield* readOnly()
        const active = yield* expected(turnId, "expectedTurnId", "no active turn to steer")
        yield* add(active, input, clientMessageId)
        return active.id
      },
      Effect.uninterruptible,
      alone
    ),
    interrupt: Effect.fn("LiveThread.interrupt")(function* (turnId) {
      yield* Effect.annotateCurrentSpan({ threadId, turnId })
      yield* cancel(yield* alone(expected(turnId, "turnId", "no active turn to interrupt")))
    }),
    stop: alone(
      Effect.sync(() => {
        isClosed = true
        wasStopped = true
        return running
      })
    ).pipe(Effect.flatMap((active) => (active === null ? Effect.void : cancel(active)))),
    record: Effect.fn("LiveThread.record")(
      function* (records, what) {
        yield* readOnly()
        if (running !== null) {
          return yield* new InvalidRequest({ field: "threadId", detail: `Cannot ${what} while a turn is in progress.` })
        }
        yield* journal.append(records)
      },
      Effect.catchTag("RolloutWriteFailed", becomeReadOnly)
    )
  }
})

/** A turn that has just begun, as its starter is told. */
const opened = (id: TurnId): Turn => ({
  id,
  rootTurnId: id,
  items: [],
  itemsView: "notLoaded",
  status: "inProgress",
  error: null,
  startedAt: null,
  completedAt: null,
  durationMs: null
})
