/**
 * Token usage: the six counters of a model response, their running total, and what a restored
 * session says of them.
 *
 * All counts are tokens and 64-bit integers, kept exact as `bigint`: rollouts hold values beyond
 * 2^53. Source of the rules: docs/codex.md, "Usage".
 */
import { Schema, SchemaTransformation } from "effect"
import { TurnId } from "./Ids.ts"
import { exactInteger, integerToJson, isRawInteger } from "./Json.ts"

/**
 * A token count: a signed 64-bit integer. Encoded, it is a JSON number with every digit kept;
 * decoding accepts what {@link file://./Json.ts parseExact} makes of one.
 */
export const TokenCount = Schema.Unknown.check(
  Schema.makeFilter((u) => exactInteger(u) !== undefined || isRawInteger(u) || "expected a 64-bit integer")
).pipe(
  Schema.decodeTo(
    Schema.BigInt,
    SchemaTransformation.transform({
      decode: (u) => exactInteger(u) ?? 0n,
      encode: (count) => integerToJson(count)
    })
  )
)
export type TokenCount = typeof TokenCount.Type

/** Tokens of one or of many model responses. `cached` and `cacheWrite` are parts of input, `reasoning` of output. */
export interface TokenUsage {
  readonly totalTokens: bigint
  readonly inputTokens: bigint
  readonly cachedInputTokens: bigint
  readonly cacheWriteInputTokens: bigint
  readonly outputTokens: bigint
  readonly reasoningOutputTokens: bigint
}

/** {@link TokenUsage} as the protocol writes it (`TokenUsageBreakdown`, key order kept). */
export const TokenUsage: Schema.Codec<TokenUsage, unknown> = Schema.Struct({
  totalTokens: TokenCount,
  inputTokens: TokenCount,
  cachedInputTokens: TokenCount,
  cacheWriteInputTokens: TokenCount,
  outputTokens: TokenCount,
  reasoningOutputTokens: TokenCount
})

/** No tokens at all. */
export const zero: TokenUsage = {
  totalTokens: 0n,
  inputTokens: 0n,
  cachedInputTokens: 0n,
  cacheWriteInputTokens: 0n,
  outputTokens: 0n,
  reasoningOutputTokens: 0n
}

const I64_MAX = 2n ** 63n - 1n
const sum = (a: bigint, b: bigint): bigint => (a + b > I64_MAX ? I64_MAX : a + b)

/** The sum of two usages; a counter stops at the largest 64-bit integer. */
export const add = (a: TokenUsage, b: TokenUsage): TokenUsage => ({
  totalTokens: sum(a.totalTokens, b.totalTokens),
  inputTokens: sum(a.inputTokens, b.inputTokens),
  cachedInputTokens: sum(a.cachedInputTokens, b.cachedInputTokens),
  cacheWriteInputTokens: sum(a.cacheWriteInputTokens, b.cacheWriteInputTokens),
  outputTokens: sum(a.outputTokens, b.outputTokens),
  reasoningOutputTokens: sum(a.reasoningOutputTokens, b.reasoningOutputTokens)
})

/**
 * True when the record cannot be a real response's usage: a total with every part zero, which is
 * what Codex writes for its own guess after a compaction, a rollback or a full context window.
 */
export const isEstimate = (usage: TokenUsage): boolean =>
  usage.totalTokens !== 0n &&
  usage.inputTokens === 0n &&
  usage.cachedInputTokens === 0n &&
  usage.cacheWriteInputTokens === 0n &&
  usage.outputTokens === 0n &&
  usage.reasoningOutputTokens === 0n

/** The counters themselves, without the protocol's spelling of them. */
const Counters = Schema.toType(TokenUsage)

/** A session's usage at one moment, whole and read-only. */
export const TokenUsageInfo = Schema.Struct({
  /** Spent over the thread's whole life, rolled-back turns included. */
  total: Counters,
  /** Of the latest model response (not of the latest turn). */
  last: Counters,
  /** Context window of the model that answered, in tokens; null when the record did not say. */
  modelContextWindow: Schema.NullOr(Schema.BigInt),
  /** Which of the two figures is Codex's guess, or was built on one. */
  estimated: Schema.Struct({ total: Schema.Boolean, last: Schema.Boolean })
})
export type TokenUsageInfo = typeof TokenUsageInfo.Type

/** {@link TokenUsageInfo} as the protocol writes it (`ThreadTokenUsage`). */
export const ThreadTokenUsage = Schema.Struct({
  total: TokenUsage,
  last: TokenUsage,
  modelContextWindow: Schema.NullOr(TokenCount)
})
export type ThreadTokenUsage = typeof ThreadTokenUsage.Type

/** Usage under a configuration: a window that it names is the one that the next turn will have. */
export const withWindow = (usage: RestoredUsage | null, modelContextWindow: bigint | null): RestoredUsage | null =>
  usage === null || modelContextWindow === null ? usage : { ...usage, info: { ...usage.info, modelContextWindow } }

const restoredUsage = Schema.Struct({
  info: TokenUsageInfo,
  /** The turn that the numbers belong to; null when no surviving turn can own them (then nothing is replayed). */
  owner: Schema.NullOr(TurnId),
  /** Spent by the source before it was forked into this thread; null when the thread is no fork. */
  inherited: Schema.NullOr(Counters)
})
type RestoredUsageStruct = typeof restoredUsage
/** The schema by its name, which is all that declarations print of it. */
export interface RestoredUsageSchema extends RestoredUsageStruct {}
/** What a rollout tells about usage once it is read whole. */
export const RestoredUsage: RestoredUsageSchema = restoredUsage
export type RestoredUsage = typeof RestoredUsage.Type
