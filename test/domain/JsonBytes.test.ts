/**
 * A value that is read where it stands is what parsing gives, or it is not read.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { searchable, searchablePlainly } from "../../src/domain/ByteSearch.ts"
import { isNull, naturalAt, plainText, standsAt } from "../../src/domain/JsonBytes.ts"
import { bytesOf } from "../support/Script.ts"

/** Bytes as they stand in a rollout: something before them, a line's end behind. */
const placed = (bytes: Uint8Array, before = 3) => {
  const memory = new Uint8Array(before + bytes.length + 5).fill(0x39)
  memory.set(bytes, before)
  memory[before + bytes.length] = 0x0a
  return { memory, from: before, to: before + bytes.length }
}

describe("null", () => {
  it("is known", () => {
    assert.isTrue(isNull(bytesOf("null"), 0))
    assert.isFalse(isNull(bytesOf("nul"), 0))
    assert.isTrue(standsAt(bytesOf("xnull"), 1, bytesOf("null")))
    assert.isFalse(standsAt(bytesOf("xnull"), 2, bytesOf("null")))
  })
})

describe("a string", () => {
  it.prop(
    "gives its text where it is short and has no escapes",
    { text: Schema.String, longest: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 30 })) },
    ({ longest, text }) => {
      const bytes = bytesOf(JSON.stringify(text))
      const { from, memory, to } = placed(bytes)
      const expected = JSON.stringify(text).includes("\\") || bytes.length > longest ? null : text
      for (const search of [searchable(memory), searchablePlainly(memory)]) {
        assert.strictEqual(plainText(memory, search, from, to, longest), expected)
      }
    },
    { arbitrary: { runs: 300 } }
  )

  it("gives none for what is no string", () => {
    assert.isNull(plainText(bytesOf("123"), searchable(bytesOf("123")), 0, 3))
  })
})

describe("a natural number", () => {
  it.prop(
    "is read as parsing reads it, or not at all",
    { text: Schema.String.check(Schema.isPattern(/^[-+.0-9e ]{0,4}[0-9]{0,14}$/)) },
    ({ text }) => {
      const { from, memory, to } = placed(bytesOf(text))
      const expected = /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : -1
      assert.strictEqual(naturalAt(memory, from, to), expected)
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop("of up to 15 digits", { value: Schema.Natural }, ({ value }) => {
    const { from, memory, to } = placed(bytesOf(String(value)))
    assert.strictEqual(naturalAt(memory, from, to), value < 1e15 ? value : -1)
  })

  for (const text of ["", "00", "007", "-1", "1.0", "1000000000000000", "1e3", "x"]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.strictEqual(naturalAt(bytesOf(text), 0, text.length), -1))
  }
})
