/**
 * JSON that keeps every digit of a counter, and fields of records that nobody vouches for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import {
  exactInteger,
  integerToJson,
  isRawInteger,
  isRecord,
  own,
  parseExact,
  printExact
} from "../../src/domain/Json.ts"
import { camel, camelKeys, list, number, strings, text } from "../../src/domain/OpenRecord.ts"

const LARGEST = 2n ** 63n - 1n
const parsed = (json: string): unknown => Option.getOrThrow(parseExact(json))

describe("integers", () => {
  it("are those of 64 bits, and numbers only while they are exact", () => {
    assert.strictEqual(exactInteger(7), 7n)
    assert.strictEqual(exactInteger(Number.MAX_SAFE_INTEGER), BigInt(Number.MAX_SAFE_INTEGER))
    assert.strictEqual(exactInteger(LARGEST), LARGEST)
    assert.strictEqual(exactInteger(-LARGEST - 1n), -LARGEST - 1n)
    for (const none of [0.5, 2 ** 53, LARGEST + 1n, -LARGEST - 2n, "7", null, undefined]) {
      assert.isUndefined(exactInteger(none))
    }
  })

  it("are printed with every digit, as plain numbers while these are exact", () => {
    for (const small of [0n, BigInt(Number.MAX_SAFE_INTEGER), BigInt(Number.MIN_SAFE_INTEGER)]) {
      assert.strictEqual(integerToJson(small), Number(small))
      assert.isFalse(isRawInteger(integerToJson(small)))
    }
    for (const large of [BigInt(Number.MAX_SAFE_INTEGER) + 1n, BigInt(Number.MIN_SAFE_INTEGER) - 1n, LARGEST]) {
      assert.isTrue(isRawInteger(integerToJson(large)))
      assert.strictEqual(printExact({ a: [large] }), `{"a":[${large}]}`)
    }
    assert.strictEqual(printExact({ a: 1n, b: 0.5, c: "1" }), '{"a":1,"b":0.5,"c":"1"}')
  })

  it("beyond 2^53 are read exactly where counters are, and only there", () => {
    assert.deepStrictEqual(parsed('{"total_tokens":9223372036854775807}'), { total_tokens: LARGEST })
    assert.deepStrictEqual(parsed('{"context_window":-9007199254740993}'), { context_window: -9007199254740993n })
    assert.deepStrictEqual(parsed('{"totalTokens":9007199254740993}'), { totalTokens: 9007199254740993n })
    assert.deepStrictEqual(parsed('{"size":9007199254740993}'), { size: 9007199254740992 })
    assert.deepStrictEqual(parsed('{"tokens":1234567890123456}'), { tokens: 1234567890123456 })
    assert.deepStrictEqual(parsed('{"tokens":1e30,"x":0.1234567890123456}'), { tokens: 1e30, x: 0.1234567890123456 })
  })

  it("are not looked for in a text of more than 16 KiB", () => {
    const padded = (length: number) => {
      const empty = '{"tokens":9007199254740993,"pad":""}'
      return parsed(empty.replace('""', JSON.stringify("x".repeat(length - empty.length))))
    }
    const tokensOf = (value: unknown) => (isRecord(value) ? value["tokens"] : undefined)
    assert.strictEqual(tokensOf(padded(16 * 1024)), 9007199254740993n)
    assert.strictEqual(tokensOf(padded(16 * 1024 + 1)), 9007199254740992)
  })

  it("do not keep a text that is no JSON from being none", () => {
    for (const bad of ["", "{", '{"tokens":9007199254740993', "nul"]) assert.isTrue(Option.isNone(parseExact(bad)), bad)
  })
})

describe("records", () => {
  it("are objects and no arrays", () => {
    assert.isTrue(isRecord({}))
    for (const none of [null, undefined, [], "text", 7]) assert.isFalse(isRecord(none))
  })

  it("have their own fields only", () => {
    const odd = parsed('{"__proto__":7,"a":1}')
    assert.isTrue(isRecord(odd) && own(odd, "__proto__") === 7)
    assert.isUndefined(own({ a: 1 }, "constructor"))
    assert.isUndefined(own({}, "__proto__"))
  })

  it("have fields of a type, or none", () => {
    const record = { text: "t", number: 7, list: ["a", 1, "b"] }
    assert.strictEqual(text(record, "text"), "t")
    assert.strictEqual(text(record, "number"), null)
    assert.strictEqual(number(record, "number"), 7)
    assert.strictEqual(number(record, "text"), null)
    assert.deepStrictEqual(list(record, "list"), ["a", 1, "b"])
    assert.deepStrictEqual(list(record, "text"), [])
    assert.deepStrictEqual(strings(record, "list"), ["a", "b"])
    for (const read of [text, number]) assert.strictEqual(read(record, "toString"), null)
  })

  it("are renamed at every depth", () => {
    assert.strictEqual(camel("a_b_2c"), "aB2c")
    assert.strictEqual(camel("_a_B"), "A_B")
    assert.deepStrictEqual(camelKeys({ a_b: [{ c_d: "e_f" }, null], g: { h_i: undefined } }), {
      aB: [{ cD: "e_f" }, null],
      g: { hI: null }
    })
  })
})
