/**
 * An agent of one's own: it answers with the number of words that it was told.
 *
 * An agent is one function, from what a turn is given to a stream of events. It keeps nothing between turns: the thread
 * is its memory, and comes as `history`.
 */
import { Layer, Stream } from "effect"
import { AgentEvent } from "rethread/domain"
import { Agent, type TurnInput } from "rethread/services"

const words = ({ input }: TurnInput): number =>
  input.flatMap((part) => (part.type === "text" ? (part.text.match(/\S+/g) ?? []) : [])).length

const usage = (inputTokens: bigint) =>
  AgentEvent.UsageReport.make({
    usage: {
      totalTokens: inputTokens + 1n,
      inputTokens,
      cachedInputTokens: 0n,
      cacheWriteInputTokens: 0n,
      outputTokens: 1n,
      reasoningOutputTokens: 0n
    },
    modelContextWindow: null
  })

export const CountingAgent = Layer.succeed(
  Agent,
  Agent.of({
    run: (turn) =>
      Stream.make(
        AgentEvent.TextDelta.make({ id: "answer", delta: `${words(turn)} words` }),
        AgentEvent.TextEnd.make({ id: "answer", phase: "final_answer" }),
        usage(BigInt(turn.history.length + words(turn)))
      )
  })
)
