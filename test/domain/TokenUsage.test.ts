import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Option, Schema } from "effect"
import { exactInteger, parseExact, printExact } from "../../src/domain/Json.ts"
import {
  add,
  isEstimate,
  type RestoredUsage,
  ThreadTokenUsage,
  TokenCount,
  TokenUsage,
  withWindow,
  zero
} from "../../src/domain/TokenUsage.ts"

const max = 2n ** 63n - 1n
const min = -(2n ** 63n)

/** Any 64-bit integer; those around what a double holds come often. */
const I64 = Arbitrary.map(
  Arbitrary.all({
    base: Arbitrary.schema(Schema.Literals([0n, 2n ** 31n, 2n ** 53n, 2n ** 62n, max])),
    less: Arbitrary.schema(Schema.Natural),
    negative: Arbitrary.schema(Schema.Boolean)
  }),
  ({ base, less, negative }) => {
    const count = base - BigInt(less)
    return negative ? -count - 1n : count
  }
)
const Usage = Arbitrary.all({
  totalTokens: I64,
  inputTokens: I64,
  cachedInputTokens: I64,
  cacheWriteInputTokens: I64,
  outputTokens: I64,
  reasoningOutputTokens: I64
})
const Info = Arbitrary.all({
  total: Usage,
  last: Usage,
  modelContextWindow: Arbitrary.all([I64, Arbitrary.schema(Schema.Boolean)]).pipe(
    Arbitrary.map(([count, known]) => (known ? count : null))
  )
})

const usageWith = (counts: Partial<TokenUsage>): TokenUsage => Object.assign({}, zero, counts)

const throughText = (encoded: unknown): unknown => Option.getOrThrow(parseExact(printExact(encoded)))

describe("token counts", () => {
  it.prop("keep every digit through JSON text", { count: I64 }, ({ count }) => {
    const text = printExact({ tokens: Schema.encodeSync(TokenCount)(count) })
    assert.strictEqual(text, `{"tokens":${count}}`)
    const parsed = Option.getOrThrow(parseExact(text))
    assert.strictEqual(exactInteger(Reflect.get(Object(parsed), "tokens")), count)
  })

  it.prop("usage survives its own wire shape", { info: Info }, ({ info }) => {
    const encoded = throughText(Schema.encodeUnknownSync(ThreadTokenUsage)(info))
    assert.deepStrictEqual(Schema.decodeUnknownSync(ThreadTokenUsage)(encoded), info)
  })

  it("the wire names and orders the counters as the protocol does", () => {
    assert.strictEqual(
      printExact(Schema.encodeUnknownSync(TokenUsage)(usageWith({ totalTokens: max, cachedInputTokens: min }))),
      `{"totalTokens":${max},"inputTokens":0,"cachedInputTokens":${min},"cacheWriteInputTokens":0,"outputTokens":0,"reasoningOutputTokens":0}`
    )
  })

  for (const text of [
    "1.5",
    "9223372036854775808",
    "-9223372036854775809",
    '"1"',
    "null",
    "true",
    "[]",
    "1e30",
    "{}"
  ]) {
    it(`refuses ${text}`, () => {
      const value: unknown = Reflect.get(Object(Option.getOrThrow(parseExact(`{"tokens":${text}}`))), "tokens")
      assert.isTrue(Option.isNone(Schema.decodeUnknownOption(TokenCount)(value)))
    })
  }

  for (const count of [max, min, 2n ** 53n, -(2n ** 53n) - 1n, 0n, -1n]) {
    it(`accepts ${count}`, () => {
      const value: unknown = Reflect.get(Object(Option.getOrThrow(parseExact(`{"tokens":${count}}`))), "tokens")
      assert.strictEqual(Schema.decodeUnknownSync(TokenCount)(value), count)
    })
  }
})

describe("isEstimate", () => {
  it("a total without parts is a guess", () => assert.isTrue(isEstimate(usageWith({ totalTokens: 258400n }))))
  it("nothing at all is none", () => assert.isFalse(isEstimate(zero)))
  it("any part makes it real", () => {
    for (const part of [
      "inputTokens",
      "cachedInputTokens",
      "cacheWriteInputTokens",
      "outputTokens",
      "reasoningOutputTokens"
    ]) {
      assert.isFalse(isEstimate(usageWith({ totalTokens: 5n, [part]: 1n })))
    }
  })
})

describe("JSON from outside", () => {
  it("never throws, and says none for what is no JSON", () => {
    for (const text of ["", " ", "{", "nul", "{'a':1}", "[1,]", "\u0000", "\ufeff{}"]) {
      assert.isTrue(Option.isNone(parseExact(text)), JSON.stringify(text))
    }
  })

  it("keeps fractions and exponents as they are", () => {
    assert.deepStrictEqual(
      parseExact('{"tokens":[0.12345678901234568,1e20,-0.5]}'),
      Option.some({ tokens: [0.12345678901234568, 1e20, -0.5] })
    )
  })

  it("digits inside strings are text", () => {
    assert.deepStrictEqual(
      parseExact('{"tokens":"12345678901234567890"}'),
      Option.some({ tokens: "12345678901234567890" })
    )
  })

  it("a key may be called __proto__", () => {
    const parsed = Option.getOrThrow(parseExact('{"__proto__":{"x_tokens":12345678901234567}}'))
    assert.strictEqual(printExact(parsed), '{"__proto__":{"x_tokens":12345678901234567}}')
    assert.isUndefined(Reflect.get({}, "x_tokens"))
  })
})

describe("sums", () => {
  const counts = (n: bigint): TokenUsage => ({
    totalTokens: n,
    inputTokens: n + 1n,
    cachedInputTokens: n + 2n,
    cacheWriteInputTokens: n + 3n,
    outputTokens: n + 4n,
    reasoningOutputTokens: n + 5n
  })

  it("are of each counter, and end at the largest integer", () => {
    assert.deepStrictEqual(add(counts(10n), counts(200n)), {
      totalTokens: 210n,
      inputTokens: 212n,
      cachedInputTokens: 214n,
      cacheWriteInputTokens: 216n,
      outputTokens: 218n,
      reasoningOutputTokens: 220n
    })
    assert.deepStrictEqual(add(zero, counts(1n)), counts(1n))
    const total = (a: bigint, b: bigint) => add(counts(a), counts(b)).totalTokens
    assert.strictEqual(total(max - 1n, 1n), max)
    assert.strictEqual(total(max, 1n), max)
    assert.strictEqual(total(max, -1n), max - 1n)
  })

  it("have the window that a configuration names, if it names one", () => {
    const usage: RestoredUsage = {
      info: { total: counts(1n), last: zero, modelContextWindow: 7n, estimated: { total: false, last: false } },
      owner: null,
      inherited: null
    }
    assert.strictEqual(withWindow(null, 9n), null)
    assert.strictEqual(withWindow(usage, null), usage)
    assert.deepStrictEqual(withWindow(usage, 9n), { ...usage, info: { ...usage.info, modelContextWindow: 9n } })
  })
})
