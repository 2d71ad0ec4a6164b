/**
 * Which figures of `token_count` lines are told to be guesses, and which to be impossible.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Finding } from "../../src/domain/Finding.ts"
import type { EventOf, RolloutUsage } from "../../src/domain/RolloutEvent.ts"
import { makeUsageCheck } from "../../src/domain/UsageCheck.ts"

const none: RolloutUsage = {
  input_tokens: 0n,
  cached_input_tokens: 0n,
  cache_write_input_tokens: 0n,
  output_tokens: 0n,
  reasoning_output_tokens: 0n,
  total_tokens: 0n
}
const real: RolloutUsage = {
  input_tokens: 100n,
  cached_input_tokens: 40n,
  cache_write_input_tokens: 10n,
  output_tokens: 30n,
  reasoning_output_tokens: 20n,
  total_tokens: 130n
}
const guess = (total: bigint): RolloutUsage => ({ ...none, total_tokens: total })

interface Record {
  readonly total?: RolloutUsage
  readonly last?: RolloutUsage
  readonly window?: bigint | null
}

const event = ({ total = real, last = real, window = 1000n }: Record): EventOf<"token_count"> => ({
  type: "token_count",
  info: { total_token_usage: total, last_token_usage: last, model_context_window: window }
})

/** What is found in records that follow each other, as `kind: detail`. */
const found = (...events: ReadonlyArray<EventOf<"token_count">>): ReadonlyArray<string> => {
  const findings: Array<Finding> = []
  const check = makeUsageCheck((finding) => findings.push(finding))
  for (const [at, event] of events.entries()) check.step(event, { line: at + 1, offset: 0, length: 1 })
  return findings.map(({ detail, kind, line }) => `${line} ${kind}: ${detail}`)
}
const inOne = (record: Record) => found(event(record))

describe("figures of one record", () => {
  it("that can be are not told, up to their limits", () => {
    assert.deepStrictEqual(inOne({}), [])
    assert.deepStrictEqual(inOne({ window: null }), [])
    assert.deepStrictEqual(inOne({ window: 130n }), [])
    assert.deepStrictEqual(inOne({ window: 0n }), [])
    assert.deepStrictEqual(
      inOne({ last: { ...real, cached_input_tokens: 100n, reasoning_output_tokens: 30n }, total: none }),
      []
    )
  })

  it("are none without a record of them", () => {
    assert.deepStrictEqual(found({ type: "token_count", info: null }), [])
    assert.deepStrictEqual(found({ type: "token_count" }), [])
  })

  it.each([
    [{ last: { ...real, input_tokens: -1n } }, "last: inputTokens is -1"],
    [{ total: { ...real, reasoning_output_tokens: -7n } }, "total: reasoningOutputTokens is -7"],
    [
      { total: { ...real, input_tokens: -1n, output_tokens: -2n } },
      "total: inputTokens is -1; total: outputTokens is -2"
    ],
    [{ last: { ...real, cached_input_tokens: 101n } }, "last: 101 of 100 input tokens were cached"],
    [{ total: { ...real, reasoning_output_tokens: 31n } }, "total: 31 of 30 output tokens were reasoning"],
    [{ window: 129n }, "last: 130 tokens in a context window of 129"],
    [
      { total: { ...real, cached_input_tokens: 101n }, last: { ...real, cached_input_tokens: 102n } },
      "total: 101 of 100 input tokens were cached; last: 102 of 100 input tokens were cached"
    ]
  ])("that cannot be are told with what is wrong: %#", (record, detail) => {
    assert.deepStrictEqual(inOne(record), [`1 usageImpossible: ${detail}`])
  })

  it("that are guesses are told as guesses and nothing else", () => {
    assert.deepStrictEqual(inOne({ last: guess(4000n), window: 100n }), ["1 usageEstimate: last: a guess of Codex"])
    assert.deepStrictEqual(inOne({ total: guess(-4n) }), ["1 usageEstimate: total: a guess of Codex"])
    assert.deepStrictEqual(inOne({ total: guess(1n), last: guess(-1n) }), [
      "1 usageEstimate: total and last: a guess of Codex"
    ])
  })
})

describe("a total", () => {
  const totals = (...all: ReadonlyArray<bigint>) =>
    found(...all.map((total_tokens) => event({ total: { ...real, total_tokens } })))

  it("may stay and grow, and not fall", () => {
    assert.deepStrictEqual(totals(130n, 130n, 131n), [])
    assert.deepStrictEqual(totals(130n, 129n, 128n), [
      "2 usageImpossible: total: 129 after 130",
      "3 usageImpossible: total: 128 after 129"
    ])
  })

  it("that is a guess is not compared, in either direction", () => {
    const figures = (total: RolloutUsage) => event({ total })
    assert.deepStrictEqual(found(figures(real), figures(guess(5n)), figures(real)), [
      "2 usageEstimate: total: a guess of Codex"
    ])
    assert.deepStrictEqual(found(figures(guess(900n)), figures(real)), ["1 usageEstimate: total: a guess of Codex"])
  })
})
