/**
 * A turn while it runs: it asks the agent, goes on for as long as the user has something to add, and ends.
 *
 * It ends once: done, failed, interrupted, or with a rollout that cannot be written. How is recorded as far as it can be,
 * at an instant of the thread's; what that means for the thread and for those who listen is the thread's own affair.
 */
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Option, type Scope, Stream } from "effect"
import { type AgentEvent, flawIn } from "../domain/AgentEvent.ts"
import * as Compaction from "../domain/Compaction.ts"
import type { TurnId } from "../domain/Ids.ts"
import type { JsonRecord } from "../domain/Json.ts"
import { isFromUser } from "../domain/Said.ts"
import type { ThreadItem, UserInput } from "../domain/ThreadItem.ts"
import { type Agent, AgentError, CurrentTurn, type TurnIdentity } from "./Agent.ts"
import { failureOf, recordedError, unknownFailure } from "./AgentFailure.ts"
import type { Approvals } from "./Approvals.ts"
import type { RolloutWriteFailed } from "./RolloutWriter.ts"
import * as TurnQuestions from "./TurnQuestions.ts"
import type { TurnEnd, TurnRecording } from "./TurnRecording.ts"

/** What a turn is for. */
export type Task =
  | { readonly kind: "conversation"; readonly input: ReadonlyArray<UserInput> }
  /** The agent is asked for a summary that takes the place of the history. */
  | { readonly kind: "compaction" }

/** How a turn ended. Neither: it is done, or was interrupted. */
export interface Ending {
  /** What it failed with. */
  readonly error: AgentError | null
  /** Why its rollout cannot be written any more. */
  readonly lost: RolloutWriteFailed | null
}

/** What the model knew before a turn; it may not have been found out. */
export type History = Exit.Exit<ReadonlyArray<JsonRecord>, AgentError>

/** What a turn needs of the thread that it runs in. */
export interface Surroundings {
  readonly agent: Agent["Service"]
  readonly approvals: Approvals["Service"]
  readonly modelInput: Effect.Effect<ReadonlyArray<JsonRecord>, AgentError>
  /** Does it while nothing else happens to the thread. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Fails when nothing can be written to the thread any more. */
  readonly writable: Effect.Effect<void, RolloutWriteFailed>
  /** The turn has begun to wait for an answer, or has it. */
  readonly waitingChanged: Effect.Effect<void>
  /** The turn is over, and how is recorded: nothing has happened to the thread since. */
  readonly ended: (ending: Ending) => Effect.Effect<void>
}

export interface RunningTurn {
  readonly kind: Task["kind"]
  readonly id: TurnId
  /** Its written items with those that are open. */
  readonly shown: (items: ReadonlyArray<ThreadItem>) => ReadonlyArray<ThreadItem>
  /** Runs it in the background, for as long as the scope lasts at most. */
  readonly launch: (history: History, scope: Scope.Scope) => Effect.Effect<void>
  /** Records what the user says meanwhile; the agent hears of it at its next step. Asked for alone. */
  readonly add: (input: ReadonlyArray<UserInput>, clientId: string | null) => Effect.Effect<void, RolloutWriteFailed>
  /** Interrupts it, and waits until it has ended. */
  readonly cancel: Effect.Effect<void>
}

type Work = (
  history: ReadonlyArray<JsonRecord>,
  turn: TurnIdentity
) => Effect.Effect<void, AgentError | RolloutWriteFailed>

/** What a turn does next. */
interface Step {
  readonly history: History
  readonly work: Work
}

export const make = Effect.fnUntraced(function* (
  recording: TurnRecording,
  task: Task,
  thread: Surroundings
): Effect.fn.Return<RunningTurn> {
  const { agent, alone } = thread
  const { threadId, turnId } = recording.place
  const { settings } = recording
  const ended = yield* Deferred.make<void>()
  // What the user said since the agent asked last, message by message.
  const steered: Array<ReadonlyArray<UserInput>> = []
  let hasAsked = false
  let fiber: Fiber.Fiber<void> | null = null

  // What the agent has said is written and told, and what it has spent is counted, whatever happens to the turn.
  const onEvent = (event: AgentEvent) =>
    alone(
      Effect.gen(function* () {
        // Steering may have found out that nothing can be written any more.
        yield* thread.writable
        yield* check(event)
        return yield* recording.on(event)
      })
    ).pipe(Effect.uninterruptible)

  const converse =
    (input: ReadonlyArray<UserInput>): Work =>
    (history, turn) =>
      Stream.runForEach(
        agent.run({
          ...turn,
          history,
          input,
          settings,
          steered: Effect.sync(() => {
            hasAsked = true
            return steered.splice(0).flat()
          })
        }),
        onEvent
      )

  // Nothing of what the agent says is shown, and what it costs is counted.
  const summarize: Work = (history, turn) =>
    Effect.gen(function* () {
      let summary = ""
      const input: ReadonlyArray<UserInput> = [{ type: "text", text: Compaction.PROMPT, text_elements: [] }]
      yield* Stream.runForEach(
        agent.run({ ...turn, history, input, settings, steered: Effect.succeed([]) }),
        (event) => {
          if (event._tag === "TextDelta") summary += event.delta
          return event._tag === "UsageReport" ? onEvent(event) : Effect.void
        }
      )
      if (summary.trim() === "") {
        return yield* new AgentError({
          kind: "other",
          detail: "the agent gave no summary to compact with",
          httpStatus: null
        })
      }
      yield* alone(Effect.uninterruptible(recording.compacted(history, summary)))
    })

  const end = Effect.fnUntraced(function* (exit: Exit.Exit<void, AgentError | RolloutWriteFailed>) {
    const now = yield* Clock.currentTimeMillis
    if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) {
      yield* Effect.logError("LiveThread: the turn died", exit.cause).pipe(Effect.annotateLogs({ threadId, turnId }))
    }
    const failure = Exit.isSuccess(exit) ? null : failureOf(exit.cause)
    const error = failure?._tag === "AgentError" ? failure : null
    const lost =
      failure?._tag === "RolloutWriteFailed" ? failure : yield* lostBy(recording.end(howOf(exit, error), now))
    yield* thread.ended({ error, lost })
    yield* Deferred.succeed(ended, undefined)
  })

  /** Goes on with what the user said after an agent that asks had asked for the last time; else the turn is over. */
  const endOrGoOn = Effect.fnUntraced(function* (): Effect.fn.Return<Step | null> {
    if (!hasAsked || steered.length === 0) return yield* Effect.as(end(Exit.void), null)
    const late = steered.splice(0)
    const history = yield* Effect.exit(thread.modelInput)
    // It is recorded already, and so at the end of the history, where the agent is given it as what the user says.
    const before = Exit.map(history, (items) =>
      items.slice(-late.length).every(isFromUser) ? items.slice(0, -late.length) : items
    )
    return { history: before, work: converse(late.flat()) }
  })

  /** Works until there is nothing more to do, and ends the turn. */
  const run = ({ history, work }: Step): Effect.Effect<void> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const known = Exit.isFailure(history) ? Effect.fail(failureOf(history.cause) ?? unknownFailure) : history
        const place = { threadId, turnId }
        const turn: TurnIdentity = {
          ...place,
          ask: TurnQuestions.make(thread.approvals, place, thread.waitingChanged)
        }
        const working = Effect.flatMap(known, (found) => work(found, turn)).pipe(
          Effect.provideService(CurrentTurn, turn)
        )
        const exit = yield* Effect.exit(restore(working))
        // One instant: either the agent hears what came last, or the turn is over and takes no more.
        const next = yield* alone(Exit.isSuccess(exit) ? endOrGoOn() : Effect.as(end(exit), null))
        if (next !== null) yield* run(next)
      })
    )

  return {
    kind: task.kind,
    id: turnId,
    shown: recording.shown,
    launch: Effect.fnUntraced(function* (history, scope) {
      const work = task.kind === "conversation" ? converse(task.input) : summarize
      const running = Effect.withSpan(run({ history, work }), "LiveThread.turn", {
        attributes: { threadId, turnId, kind: task.kind }
      })
      // At once: a turn that is interrupted before its fiber ran would never end.
      fiber = yield* Effect.forkIn(running, scope, { startImmediately: true })
    }),
    add: (input, clientId) =>
      Effect.andThen(
        recording.interject(input, clientId),
        Effect.sync(() => {
          steered.push(input)
        })
      ),
    cancel: Effect.suspend(() =>
      Effect.andThen(fiber === null ? Effect.void : Fiber.interrupt(fiber), Deferred.await(ended))
    )
  }
})

/** A call whose arguments cannot be recorded is none that a later turn could tell the model of. */
const check = (event: AgentEvent): Effect.Effect<void, AgentError> => {
  if (event._tag !== "ToolCall") return Effect.void
  const flaw = flawIn(event.arguments)
  if (flaw === null) return Effect.void
  const detail = `the agent called the tool \`${event.name}\` (${event.id}) with what is no JSON: ${flaw}`
  return Effect.fail(new AgentError({ kind: "badToolCall", detail, httpStatus: null }))
}

/** How the end is recorded; `error` is what the agent failed with. */
const howOf = (exit: Exit.Exit<void, unknown>, error: AgentError | null): TurnEnd =>
  Exit.isFailure(exit) && error === null
    ? { _tag: "interrupted" }
    : { _tag: "completed", error: error === null ? null : recordedError(error) }

/** Why the end could not be written. */
const lostBy = (recorded: Effect.Effect<void, RolloutWriteFailed>): Effect.Effect<RolloutWriteFailed | null> =>
  Effect.map(Effect.exit(recorded), (exit) => {
    const failure = Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : Option.none()
    return Option.getOrNull(failure)
  })
