/**
 * An agent for demos: it says what the user said, word by word, and needs no key.
 *
 * Its usage is made up, but plausible: four characters a token, the conversation so far read from the cache.
 */
import { Duration, Effect, Layer, Stream } from "effect"
import { type AgentEvent, TextDelta, TextEnd, UsageReport } from "../../domain/AgentEvent.ts"
import { printExact } from "../../domain/Json.ts"
import type { UserInput } from "../../domain/ThreadItem.ts"
import { Agent, type TurnInput } from "../../services/Agent.ts"

export interface EchoAgentOptions {
  /** Between two words; default 40 milliseconds. */
  readonly pace?: Duration.Input
}

const textOf = (input: ReadonlyArray<UserInput>): string =>
  input
    .map((part) => (part.type === "text" ? part.text : `[${part.type}]`))
    .filter((said) => said !== "")
    .join("\n")

/** Pieces that make up the text: each word with the space before it. */
const pieces = (text: string): ReadonlyArray<string> => text.match(/\s*\S+|\s+$/g) ?? []

const tokens = (text: string): bigint => BigInt(Math.ceil(text.length / 4))

const usageOf = (input: TurnInput, heard: string, said: string): AgentEvent => {
  const cachedInputTokens = tokens(input.history.map(printExact).join(""))
  const inputTokens = cachedInputTokens + tokens(heard)
  const outputTokens = tokens(said)
  return UsageReport.make({
    usage: {
      totalTokens: inputTokens + outputTokens,
      inputTokens,
      cachedInputTokens,
      cacheWriteInputTokens: 0n,
      outputTokens,
      reasoningOutputTokens: 0n
    },
    modelContextWindow: input.settings.modelContextWindow
  })
}

const say = (input: TurnInput, id: string, heard: string, pace: Duration.Duration): Stream.Stream<AgentEvent> => {
  const said = heard === "" ? "You said nothing." : heard
  const words = Stream.fromIterable(pieces(said)).pipe(
    Stream.rechunk(1),
    Stream.mapEffect((delta) => Effect.as(Effect.sleep(pace), TextDelta.make({ id, delta })))
  )
  return Stream.concat(words, Stream.make(TextEnd.make({ id, phase: "final_answer" }), usageOf(input, heard, said)))
}

/** An agent that repeats the user, and what the user adds while it speaks. */
export const layer = (options: EchoAgentOptions = {}): Layer.Layer<Agent> => {
  const pace = Duration.fromInputUnsafe(options.pace ?? Duration.millis(40))
  const answer = (input: TurnInput, heard: string, count: number): Stream.Stream<AgentEvent> =>
    Stream.concat(
      say(input, `echo-${count}`, heard, pace),
      Stream.unwrap(
        Effect.map(input.steered, (added) =>
          added.length === 0 ? Stream.empty : answer(input, textOf(added), count + 1)
        )
      )
    )
  return Layer.succeed(Agent, Agent.of({ run: (input) => answer(input, textOf(input.input), 1) }))
}
