/**
 * What agents are given in tests, and how what they tell is collected.
 */
import { Effect, type Exit, Ref, Stream } from "effect"
import type { AgentEvent } from "../../src/domain/AgentEvent.ts"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { UserInput } from "../../src/domain/ThreadItem.ts"
import { defaults, type ThreadSettings } from "../../src/domain/ThreadSettings.ts"
import { Agent, type AgentError, type TurnInput } from "../../src/services/Agent.ts"
import * as TurnQuestions from "../../src/services/TurnQuestions.ts"

export const textInput = (text: string): UserInput => ({ type: "text", text, text_elements: [] })

export interface TurnOptions {
  readonly history?: TurnInput["history"]
  readonly input?: ReadonlyArray<UserInput>
  readonly settings?: Partial<ThreadSettings>
  readonly steered?: TurnInput["steered"]
  readonly ask?: TurnInput["ask"]
}

/** A turn in which the user says `text`. */
export const turnInput = (text: string, options: TurnOptions = {}): TurnInput => ({
  threadId: ThreadId.make("0199a213-81c0-7800-8aa1-bbab2a035a53"),
  turnId: TurnId.make("turn-1"),
  history: options.history ?? [],
  input: options.input ?? [textInput(text)],
  settings: { ...defaults("/work"), ...options.settings },
  steered: options.steered ?? Effect.succeed([]),
  ask: options.ask ?? TurnQuestions.nobodyToAsk
})

/** Everything that the turn told, and how it ended. */
export interface TurnReport {
  readonly events: ReadonlyArray<AgentEvent>
  readonly exit: Exit.Exit<void, AgentError>
}

/** Runs the turn to its end. */
export const runTurn = (input: TurnInput): Effect.Effect<TurnReport, never, Agent> =>
  Effect.gen(function* () {
    const agent = yield* Agent
    const events = yield* Ref.make<ReadonlyArray<AgentEvent>>([])
    const exit = yield* agent.run(input).pipe(
      Stream.runForEach((event) => Ref.update(events, (before) => [...before, event])),
      Effect.exit
    )
    return { events: yield* Ref.get(events), exit }
  })

/** The turn's text. */
export const said = (events: ReadonlyArray<AgentEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.delta : event._tag === "TextEnd" ? "|" : "")).join("")

/** Tags in order; repetitions of one tag count once. */
export const tags = (events: ReadonlyArray<AgentEvent>): ReadonlyArray<string> =>
  events.map((event) => event._tag).filter((tag, index, all) => tag !== all[index - 1])
