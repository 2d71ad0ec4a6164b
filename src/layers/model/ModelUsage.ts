/**
 * What a model response has cost, from the provider's report to the turn's.
 *
 * Counters stay exact: `effect/ai` counts in numbers and knows no total of the provider's own, so the
 * report also travels beside it, with every digit.
 */
import { Option, Schema } from "effect"
import type { Response } from "effect/ai"
import type { JsonRecord } from "../../domain/Json.ts"
import { TokenCount, type TokenUsage } from "../../domain/TokenUsage.ts"

const counter = Schema.optionalKey(Schema.NullOr(TokenCount))
const details = <F extends Schema.Struct.Fields>(fields: F) => Schema.optionalKey(Schema.NullOr(Schema.Struct(fields)))

/** `response.usage` of the Responses API, as far as providers agree on it. */
const ResponsesUsage = Schema.Struct({
  input_tokens: TokenCount,
  input_tokens_details: details({ cached_tokens: counter, cache_write_tokens: counter }),
  output_tokens: TokenCount,
  output_tokens_details: details({ reasoning_tokens: counter }),
  total_tokens: counter
})

const decodeResponses = Schema.decodeUnknownOption(ResponsesUsage)

/** The report of the Responses API; none when there is none or its two main counters are not there. */
export const fromResponses = (usage: unknown): Option.Option<TokenUsage> =>
  Option.map(decodeResponses(usage), (counted) => ({
    totalTokens: counted.total_tokens ?? counted.input_tokens + counted.output_tokens,
    inputTokens: counted.input_tokens,
    cachedInputTokens: counted.input_tokens_details?.cached_tokens ?? 0n,
    cacheWriteInputTokens: counted.input_tokens_details?.cache_write_tokens ?? 0n,
    outputTokens: counted.output_tokens,
    reasoningOutputTokens: counted.output_tokens_details?.reasoning_tokens ?? 0n
  }))

// `effect/ai` takes safe integers only, and none below zero means anything to it.
const MAX = BigInt(Number.MAX_SAFE_INTEGER)
const safe = (count: bigint): number => Number(count > MAX ? MAX : count < 0n ? 0n : count)

/** The report as `effect/ai` has it; all of it unknown when there is none. */
export const toAiUsage = (usage: Option.Option<TokenUsage>): typeof Response.Usage.Encoded =>
  Option.match(usage, {
    onNone: () => ({ inputTokens: {}, outputTokens: {} }),
    onSome: (counted) => ({
      inputTokens: {
        total: safe(counted.inputTokens),
        uncached: safe(counted.inputTokens - counted.cachedInputTokens),
        cacheRead: safe(counted.cachedInputTokens),
        cacheWrite: safe(counted.cacheWriteInputTokens)
      },
      outputTokens: {
        total: safe(counted.outputTokens),
        text: safe(counted.outputTokens - counted.reasoningOutputTokens),
        reasoning: safe(counted.reasoningOutputTokens)
      }
    })
  })

const KEY = "rethread"
const Digits = Schema.BigIntFromString
const Exact = Schema.Struct({
  totalTokens: Digits,
  inputTokens: Digits,
  cachedInputTokens: Digits,
  cacheWriteInputTokens: Digits,
  outputTokens: Digits,
  reasoningOutputTokens: Digits
})
const decodeExact = Schema.decodeUnknownOption(Schema.Struct({ [KEY]: Exact }))

/** The report with every digit, as metadata of the part that ends a response. */
export const toMetadata = (usage: Option.Option<TokenUsage>): Record<string, Record<string, string>> =>
  Option.match(usage, {
    onNone: () => ({}),
    onSome: (counted) => ({
      [KEY]: Object.fromEntries(Object.entries(counted).map(([key, count]) => [key, String(count)]))
    })
  })

/** What the part that ends a response says of its cost, whoever the provider is; none when it says nothing. */
export const ofFinish = (finish: {
  readonly metadata: JsonRecord
  readonly usage: Response.Usage
}): Option.Option<TokenUsage> => {
  const exact = Option.map(decodeExact(finish.metadata), (metadata): TokenUsage => metadata[KEY])
  if (Option.isSome(exact)) return exact
  const { inputTokens: input, outputTokens: output } = finish.usage
  if (input.total === undefined && output.total === undefined) return Option.none()
  const inputTokens = BigInt(input.total ?? 0)
  const outputTokens = BigInt(output.total ?? 0)
  return Option.some({
    totalTokens: inputTokens + outputTokens,
    inputTokens,
    cachedInputTokens: BigInt(input.cacheRead ?? 0),
    cacheWriteInputTokens: BigInt(input.cacheWrite ?? 0),
    outputTokens,
    reasoningOutputTokens: BigInt(output.reasoning ?? 0)
  })
}
