/**
 * An agent that does what a script says: events, pauses on the `Clock`, waits, failures. For tests of
 * whatever runs turns.
 *
 * A turn without a script fails: a test that runs more turns than it meant to finds out.
 */
import { Deferred, type Duration, Effect, Layer, Ref, Stream } from "effect"
import {
  type AgentEvent,
  ReasoningDelta,
  ReasoningEnd,
  TextDelta,
  TextEnd,
  ToolCall,
  ToolResult,
  UsageReport
} from "../../domain/AgentEvent.ts"
import type { TokenUsage } from "../../domain/TokenUsage.ts"
import type { UserInput } from "../../domain/ThreadItem.ts"
import { Agent, AgentError, type TurnInput } from "../../services/Agent.ts"

/** What the agent does next. */
export type ScriptStep =
  | AgentEvent
  /** Nothing, for a time on the `Clock`. */
  | { readonly _tag: "Pause"; readonly duration: Duration.Input }
  /** Nothing, until the effect is done. */
  | { readonly _tag: "Wait"; readonly until: Effect.Effect<unknown> }
  /** The turn fails. */
  | { readonly _tag: "Fail"; readonly error: AgentError }
  /** Finds out something (an answer of the client, what the user said meanwhile), and goes on as that demands. */
  | { readonly _tag: "Decide"; readonly next: (input: TurnInput) => Effect.Effect<TurnScript, AgentError> }

export type TurnScript = ReadonlyArray<ScriptStep>

/** One script a turn, in the order in which turns begin, or a script made from what the turn is given. */
export type Script = ReadonlyArray<TurnScript> | ((input: TurnInput) => TurnScript)

/** Does nothing for a time. */
export const pause = (duration: Duration.Input): ScriptStep => ({ _tag: "Pause", duration })

/** Waits until someone completes the deferred. */
export const waitFor = <A>(deferred: Deferred.Deferred<A>): ScriptStep => ({
  _tag: "Wait",
  until: Deferred.await(deferred)
})

/** Lets someone know that the turn has come this far. */
export const signal = (deferred: Deferred.Deferred<void>): ScriptStep => ({
  _tag: "Wait",
  until: Deferred.succeed(deferred, undefined)
})

/** Never goes on: the turn runs until it is interrupted. */
export const hang: ScriptStep = { _tag: "Wait", until: Effect.never }

/** Fails the turn. */
export const fail = (
  kind: AgentError["kind"],
  detail = "the script says so",
  httpStatus: number | null = null
): ScriptStep => ({ _tag: "Fail", error: new AgentError({ kind, detail, httpStatus }) })

/** Finds out something, and goes on as that demands. */
export const decide = (next: (input: TurnInput) => Effect.Effect<TurnScript, AgentError>): ScriptStep => ({
  _tag: "Decide",
  next
})

/** Asks what the user said meanwhile. */
export const askSteered = (next: (said: ReadonlyArray<UserInput>) => TurnScript): ScriptStep =>
  decide((input) => Effect.map(input.steered, next))

/** A whole message, in the given pieces. */
export const message = (
  id: string,
  pieces: ReadonlyArray<string>,
  phase: (typeof TextEnd.Type)["phase"] = null
): TurnScript => [...pieces.map((delta) => TextDelta.make({ id, delta })), TextEnd.make({ id, phase })]

/** Whole reasoning, one paragraph a text. */
export const reasoning = (
  id: string,
  paragraphs: ReadonlyArray<string>,
  encrypted: string | null = null
): TurnScript => [
  ...paragraphs.map((delta, part) => ReasoningDelta.make({ id, part, delta })),
  ReasoningEnd.make({ id, encrypted })
]

/** A call and its result. */
export const tool = (id: string, name: string, args: unknown, output: string, success = true): TurnScript => [
  ToolCall.make({ id, name, arguments: args }),
  ToolResult.make({ id, output, success })
]

/** What a response has cost; counters that are not given are zero, and the total is input and output. */
export const usage = (counts: Partial<TokenUsage>, modelContextWindow: bigint | null = null): ScriptStep => {
  const count = (key: keyof TokenUsage): bigint => counts[key] ?? 0n
  return UsageReport.make({
    usage: {
      totalTokens: counts.totalTokens ?? count("inputTokens") + count("outputTokens"),
      inputTokens: count("inputTokens"),
      cachedInputTokens: count("cachedInputTokens"),
      cacheWriteInputTokens: count("cacheWriteInputTokens"),
      outputTokens: count("outputTokens"),
      reasoningOutputTokens: count("reasoningOutputTokens")
    },
    modelContextWindow
  })
}

const play = (script: TurnScript, input: TurnInput): Stream.Stream<AgentEvent, AgentError> =>
  Stream.fromIterable(script).pipe(
    // One step at a time: an event is out before the next step begins.
    Stream.rechunk(1),
    Stream.flatMap((step): Stream.Stream<AgentEvent, AgentError> => {
      switch (step._tag) {
        case "Pause":
          return Stream.drain(Stream.fromEffect(Effect.sleep(step.duration)))
        case "Wait":
          return Stream.drain(Stream.fromEffect(step.until))
        case "Fail":
          return Stream.fail(step.error)
        case "Decide":
          return Stream.unwrap(Effect.map(step.next(input), (script) => play(script, input)))
        default:
          return Stream.succeed(step)
      }
    })
  )

/** An agent that follows the script. */
export const layer = (script: Script): Layer.Layer<Agent> =>
  Layer.effect(
    Agent,
    Effect.gen(function* () {
      const turns = yield* Ref.make(0)
      return Agent.of({
        run: (input) =>
          Stream.unwrap(
            Effect.map(
              Ref.getAndUpdate(turns, (count) => count + 1),
              (turn) => {
                const steps = typeof script === "function" ? script(input) : script[turn]
                return play(steps ?? [fail("other", `the script has no turn ${turn + 1}`)], input)
              }
            )
          )
      })
    })
  )
