/**
 * What agents are given in tests, and how what they tell is collected.
 */
import { Effect, type Exit, Stream } from "effect"
import type { AgentEvent } from "../domain/AgentEvent.ts"
import { ThreadId, TurnId } from "../domain/Ids.ts"
import type { UserInput } from "../domain/ThreadItem.ts"
import { defaults, type ThreadSettings } from "../domain/ThreadSettings.ts"
import { Agent, type AgentError, type TurnInput } from "../services/Agent.ts"
import * as TurnQuestions from "../services/TurnQuestions.ts"

/** What a user says. */
export const textInput = (text: string): UserInput => ({ type: "text", text, text_elements: [] })

export interface TurnOptions {
  readonly history?: TurnInput["history"]
  readonly input?: ReadonlyArray<UserInput>
  readonly settings?: Partial<ThreadSettings>
  readonly steered?: TurnInput["steered"]
  readonly ask?: TurnInput["ask"]
}

/** A turn in which the user says `text`; nobody is there to ask, and nothing is said meanwhile. */
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
export const runTurn = Effect.fnUntraced(function* (input: TurnInput): Effect.fn.Return<TurnReport, never, Agent> {
  const agent = yield* Agent
  const events: Array<AgentEvent> = []
  const exit = yield* agent.run(input).pipe(
    Stream.runForEach((event) => Effect.sync(() => void events.push(event))),
    Effect.exit
  )
  return { events, exit }
})

/** The turn's text; `|` where a message ends. */
export const said = (events: ReadonlyArray<AgentEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.delta : event._tag === "TextEnd" ? "|" : "")).join("")

/** Tags in order; repetitions of one tag count once. */
export const tags = (events: ReadonlyArray<AgentEvent>): ReadonlyArray<string> =>
  events.map((event) => event._tag).filter((tag, index, all) => tag !== all[index - 1])
