/**
 * A thread in memory: its history, its settings, and the turn that runs in it.
 *
 * Everything that happens to a thread happens alone, one thing after the other; records are written
 * before anyone is told. So there is one serial history, and any instant between two happenings is a cut
 * at which a client can join: what came before is in its snapshot, what comes after reaches it as events.
 */
import { Clock, Effect, Equal, type Scope, Semaphore } from "effect"
import type { SecureRandom } from "effect/crypto"
import { type ThreadId, TurnId } from "../domain/Ids.ts"
import type { JsonRecord } from "../domain/Json.ts"
import type { Notification } from "../domain/Notification.ts"
import type { ProjectedSession } from "../domain/SessionProjection.ts"
import type { ThreadStatus } from "../domain/Thread.ts"
import type { UserInput } from "../domain/ThreadItem.ts"
import { resolve, type SettingsSource, type ThreadSettings } from "../domain/ThreadSettings.ts"
import { told } from "../domain/ToldSettings.ts"
import { atRest } from "../domain/ThreadView.ts"
import type { Turn } from "../domain/Turn.ts"
import * as TurnLines from "../domain/TurnLines.ts"
import { withView } from "../domain/TurnPage.ts"
import { waitsOn } from "../domain/ServerRequest.ts"
import { type RestoredUsage, withWindow } from "../domain/TokenUsage.ts"
import type { Agent, AgentError } from "./Agent.ts"
import { toldError } from "./AgentFailure.ts"
import type { Approvals } from "./Approvals.ts"
import type { Recorder } from "./Metrics.ts"
import type { NotificationDelivery } from "./NotificationDelivery.ts"
import type { RolloutWriteFailed } from "./RolloutWriter.ts"
import * as RunningTurn from "./RunningTurn.ts"
import { InvalidRequest, ThreadChanged, ThreadReadOnly } from "./ThreadError.ts"
import type { ThreadJournal } from "./ThreadJournal.ts"
import * as TurnRecording from "./TurnRecording.ts"

/** What a turn is asked to do. */
export interface TurnRequest {
  readonly input: ReadonlyArray<UserInput>
  /** The client's own id of the message; null without one. */
  readonly clientMessageId: string | null
  /** Settings from this turn on; what it does not name stays. While a turn runs: from the next one on. */
  readonly overrides: SettingsSource
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
  /** Changes settings from the next turn on; what is not named stays. Those who listen are told if it is a change. */
  readonly changeSettings: (overrides: SettingsSource) => Effect.Effect<void, NotDone>
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
  /** Nothing runs any more. */
  readonly rested: () => void
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
  // Changed before there was a rollout to say so.
  let isUnrecorded = false
  let running: RunningTurn.RunningTurn | null = null
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

  // The very same list for as long as nothing happens: what is printed of it is printed once (`PrintedTurns.ts`).
  let resting: {
    readonly of: ProjectedSession
    readonly failure: object | null
    readonly turns: ReadonlyArray<Turn>
  } | null = null
  const turnsAtRest = (): ReadonlyArray<Turn> => {
    const of = journal.projected()
    if (resting?.of !== of || resting.failure !== unwritten) {
      resting = { of, failure: unwritten, turns: atRest(recorded()) }
    }
    return resting.turns
  }

  const turns = (): ReadonlyArray<Turn> => {
    const active = running
    if (active === null) return turnsAtRest()
    const all = recorded()
    const now = all.findLast((turn) => turn.id === active.id)
    return all.map((turn) =>
      turn === now ? { ...turn, items: active.shown(turn.items) } : (atRest([turn])[0] ?? turn)
    )
  }

  /** A turn is over, and how is recorded: frees the thread, and tells everybody. */
  const ended = Effect.fnUntraced(function* (turnId: TurnId, { error, lost }: RunningTurn.Ending) {
    broken = lost ?? broken
    const reason = broken ?? error
    running = null
    services.rested()
    failed = reason !== null
    const why = reason === null ? null : toldError(reason)
    if (why !== null && broken !== null) unwritten = { id: turnId, error: why }
    yield* tellStatus
    if (why !== null) {
      yield* publish({ method: "error", params: { error: why, willRetry: false, threadId, turnId } })
    }
    const turn = turns().findLast((one) => one.id === turnId)
    if (turn !== undefined) {
      yield* publish({ method: "turn/completed", params: { threadId, turn: withView(turn, "summary") } })
    }
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
    function* (active: RunningTurn.RunningTurn, input: ReadonlyArray<UserInput>, clientId: string | null) {
      if (active.kind === "compaction") {
        return yield* new InvalidRequest({ field: "input", detail: "cannot steer a compaction; wait until it is done" })
      }
      yield* active.add(input, clientId)
    },
    Effect.catchTag("RolloutWriteFailed", becomeReadOnly)
  )

  const tellSettings = Effect.suspend(() =>
    publish({ method: "thread/settings/updated", params: { threadId, threadSettings: told(settings) } })
  )

  /** A rollout that is there records it at once; one that is yet to be made, with its first turn. */
  const change = Effect.fnUntraced(
    function* (overrides: SettingsSource) {
      const next = resolve([overrides], settings)
      if (Equal.equals(next, settings)) return
      if (journal.ref() === null) isUnrecorded = true
      else yield* journal.append([TurnLines.settingsApplied(threadId, next)])
      settings = next
      yield* tellSettings
    },
    Effect.catchTag("RolloutWriteFailed", becomeReadOnly)
  )

  /** Writes the beginning of a turn, with what `first` adds, and tells of it; then it runs. */
  const begin = Effect.fnUntraced(function* (
    task: RunningTurn.Task,
    under: ThreadSettings,
    first: (
      recording: TurnRecording.TurnRecording,
      now: number,
      lines: ReadonlyArray<TurnLines.RecordDraft>
    ) => Effect.Effect<ReadonlyArray<Notification>, RolloutWriteFailed>
  ) {
    const now = yield* Clock.currentTimeMillis
    // A turn that nobody ended (the server died in it) is ended now: the model is told before it goes on.
    const left = journal.projected().midTurn
    if (left !== null) yield* journal.append(TurnLines.turnInterrupted(left.turnId, null))
    const history = yield* Effect.exit(services.modelInput)
    const id = TurnId.make(yield* random.uuidV7())
    const place: TurnLines.TurnPlace = { mode, threadId, turnId: id }
    const recording = TurnRecording.make({ place, settings: under, startedAt: now, journal, random, publish, metrics })
    const active = yield* RunningTurn.make(recording, task, {
      agent,
      approvals,
      modelInput: services.modelInput,
      alone,
      writable: Effect.suspend(() => (broken === null ? Effect.void : Effect.fail(broken))),
      waitingChanged: tellStatus,
      ended: (ending) => ended(id, ending)
    })
    const isChanged = !Equal.equals(under, settings)
    const lines = TurnLines.turnStarted(place, now, under)
    const tell = yield* first(
      recording,
      now,
      isChanged || isUnrecorded ? [...lines, TurnLines.settingsApplied(threadId, under)] : lines
    )
    settings = under
    isUnrecorded = false
    running = active
    failed = false
    if (isChanged) yield* tellSettings
    yield* tellStatus
    const turn = { ...opened(id), startedAt: Math.floor(now / 1000) }
    yield* publish({ method: "turn/started", params: { threadId, turn } })
    yield* Effect.forEach(tell, publish, { discard: true })
    yield* active.launch(history, scope)
    return opened(id)
  })

  const startTurn = Effect.fn("LiveThread.startTurn")(
    function* (request: TurnRequest) {
      yield* Effect.annotateCurrentSpan("threadId", threadId)
      yield* readOnly()
      if (running !== null) {
        const { id } = running
        yield* add(running, request.input, request.clientMessageId)
        yield* change(request.overrides)
        return turns().findLast((turn) => turn.id === id) ?? opened(id)
      }
      return yield* begin(
        { kind: "conversation", input: request.input },
        resolve([request.overrides], settings),
        (recording, now, lines) => recording.say(request.input, request.clientMessageId, now, lines)
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
    yield* begin({ kind: "compaction" }, settings, (recording, now, lines) => recording.beginCompaction(now, lines))
  }).pipe(Effect.catchTag("RolloutWriteFailed", becomeReadOnly), Effect.uninterruptible, alone)

  const expected = Effect.fnUntraced(function* (turnId: string, field: string, idle: string) {
    if (running === null) return yield* new InvalidRequest({ field, detail: idle })
    if (running.id !== turnId) {
      const detail = `expected active turn id \`${turnId}\` but found \`${running.id}\``
      return yield* new InvalidRequest({ field, detail })
    }
    return running
  })

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
    changeSettings: Effect.fn("LiveThread.changeSettings")(
      function* (overrides) {
        yield* Effect.annotateCurrentSpan("threadId", threadId)
        yield* readOnly()
        yield* change(overrides)
      },
      Effect.uninterruptible,
      alone
    ),
    interrupt: Effect.fn("LiveThread.interrupt")(function* (turnId) {
      yield* Effect.annotateCurrentSpan({ threadId, turnId })
      const active = yield* alone(expected(turnId, "turnId", "no active turn to interrupt"))
      yield* active.cancel
    }),
    stop: alone(
      Effect.sync(() => {
        isClosed = true
        wasStopped = true
        return running
      })
    ).pipe(Effect.flatMap((active) => (active === null ? Effect.void : active.cancel))),
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
