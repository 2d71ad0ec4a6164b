/**
 * Walking over JSON takes nothing that parsing refuses, and ends where the value ends.
 */
import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { isNull, naturalAt, plainText, standsAt, stringEnd, valueEnd } from "../../src/domain/JsonBytes.ts"
import { bytesOf } from "../support/Script.ts"

const NEWLINE = 0x0a
const white: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d])
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** What JSON these bytes are. */
const parsed = Option.liftThrowable((bytes: Uint8Array): unknown => JSON.parse(strict.decode(bytes)))

/** Bytes as they stand in a rollout: something before them, a line's end behind. */
const placed = (bytes: Uint8Array, before = 3) => {
  const memory = new Uint8Array(before + bytes.length + 5).fill(0x39)
  memory.set(bytes, before)
  memory[before + bytes.length] = NEWLINE
  return { memory, from: before, to: before + bytes.length }
}

/** How far the walk goes over these bytes; -1 when it does not. */
const walk = (bytes: Uint8Array, end: typeof stringEnd = valueEnd): number => {
  const { from, memory, to } = placed(bytes)
  const found = end(memory, from, to)
  return found < 0 ? -1 : found - from
}

const depthOf = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

/** Every character as an escape. */
const escaped = (text: string): string =>
  `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const telling = [
  0x00, 0x1f, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3a, 0x5b, 0x5c, 0x5d, 0x65, 0x75, 0x7b
] as const
const wide = [
  0x7d, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5
] as const
const Telling = Schema.Literals([...telling, ...wide])
const Edits = Schema.NonEmptyArray(
  Schema.Struct({
    at: Schema.Natural,
    how: Schema.Literals(["set", "insert", "delete"]),
    byte: Schema.Union([Telling, Byte])
  })
).check(Schema.isMaxLength(3))

const edited = (bytes: Uint8Array, edits: typeof Edits.Type): Uint8Array => {
  let all = Array.from(bytes)
  for (const { at, byte, how } of edits) {
    const place = at % Math.max(1, all.length)
    const rest = how === "insert" ? all.slice(place) : all.slice(place + 1)
    all = [...all.slice(0, place), ...(how === "delete" || byte === NEWLINE ? [] : [byte]), ...rest]
  }
  return Uint8Array.from(all)
}

/** What it accepts, parsing accepts. */
const isSound = (bytes: Uint8Array, end: typeof stringEnd = valueEnd) => {
  const found = walk(bytes, end)
  if (found < 0) return
  assert.isAtMost(found, bytes.length)
  assert.isTrue(Option.isSome(parsed(bytes.subarray(0, found))))
  // No longer beginning of it is a value, but for white space, which is not walked over.
  for (let longer = found + 1; longer <= bytes.length; longer++) {
    assert.isTrue(Option.isNone(parsed(bytes.subarray(0, longer))) || white.has(bytes[found] ?? 0))
  }
}

describe("a value", () => {
  it.prop(
    "ends where it was printed to, whatever follows",
    { value: Schema.Json, behind: Schema.Literals(["", ",", "]", "}", "\n", '"', ",5", ':"'] as const) },
    ({ behind, value }) => {
      const text = JSON.stringify(value)
      const expected = depthOf(value) > 16 ? -1 : bytesOf(text).length
      assert.strictEqual(walk(bytesOf(`${text}${behind}`)), expected)
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop(
    "is none that parsing would not take",
    { value: Schema.Json, edits: Edits },
    ({ edits, value }) => isSound(edited(bytesOf(JSON.stringify(value)), edits)),
    { arbitrary: { runs: 1000, size: 12 } }
  )

  const NumberLike = Schema.String.check(Schema.isPattern(/^[-+.0-9eE]{1,7}$/))
  it.prop(
    "that is a number is one by the rules of JSON",
    { text: NumberLike },
    ({ text }) => {
      isSound(bytesOf(text))
      if (Option.isSome(parsed(bytesOf(text)))) assert.strictEqual(walk(bytesOf(text)), text.length)
    },
    { arbitrary: { runs: 1000 } }
  )

  for (const text of [
    "",
    "01",
    "-",
    "-01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "tru",
    "nul",
    "fals",
    "NaN",
    "'a'",
    "[1,]",
    "{,}"
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.isTrue(walk(bytesOf(text)) < Math.max(1, text.length)))
  }
  for (const text of [
    '{"a" :1}',
    "[1, 2]",
    " 1",
    '{"a":}',
    '{"a"}',
    "{1:2}",
    '{"a":1,}',
    "[",
    "{",
    "[1}",
    '"',
    '"\\"'
  ]) {
    it(`is not ${text}`, () => assert.strictEqual(walk(bytesOf(text)), -1))
  }

  it("is not walked over when it is nested very deeply", () => {
    assert.strictEqual(walk(bytesOf(`${"[".repeat(16)}${"]".repeat(16)}`)), 32)
    assert.strictEqual(walk(bytesOf(`${"[".repeat(17)}${"]".repeat(17)}`)), -1)
    assert.strictEqual(walk(bytesOf("[".repeat(100_000))), -1)
  })

  it("may be null", () => {
    assert.isTrue(isNull(bytesOf("null"), 0))
    assert.isFalse(isNull(bytesOf("nul"), 0))
    assert.isTrue(standsAt(bytesOf("xnull"), 1, bytesOf("null")))
    assert.isFalse(standsAt(bytesOf("xnull"), 2, bytesOf("null")))
  })
})

describe("a string", () => {
  it.prop("ends at its quote", { text: Schema.String, behind: Schema.String }, ({ behind, text }) => {
    for (const json of [JSON.stringify(text), escaped(text)]) {
      const { length } = bytesOf(json)
      assert.strictEqual(walk(bytesOf(json), stringEnd), length)
      assert.strictEqual(walk(bytesOf(`${json}${behind.replaceAll("\n", "")}`), stringEnd), length)
      // Without its end it is none.
      assert.strictEqual(walk(bytesOf(json.slice(0, -1)), stringEnd), -1)
    }
  })

  it.prop(
    "of any bytes is one exactly when parsing takes it",
    { bytes: Schema.Array(Schema.Union([Telling, Byte])).check(Schema.isMaxLength(6)) },
    ({ bytes }) => {
      const quoted = Uint8Array.from([0x22, ...bytes.filter((byte) => byte !== NEWLINE), 0x22])
      const isString = Option.exists(parsed(quoted), (value) => typeof value === "string")
      assert.strictEqual(walk(quoted, stringEnd) === quoted.length, isString)
      isSound(quoted, stringEnd)
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "of characters beyond ASCII is one exactly when their bytes are right",
    { lead: Schema.Int.check(Schema.isBetween({ minimum: 0x80, maximum: 0xff })), rest: Schema.Array(Byte) },
    ({ lead, rest }) => {
      const follows = rest.slice(0, 3).map((byte, index) => (index < lead % 4 ? 0x80 | (byte & 0x3f) : byte))
      const quoted = Uint8Array.from([0x22, lead, ...follows.filter((byte) => byte !== NEWLINE), 0x22])
      assert.strictEqual(walk(quoted, stringEnd) === quoted.length, Option.isSome(parsed(quoted)))
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "gives its text where it is short and has no escapes",
    { text: Schema.String, longest: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 30 })) },
    ({ longest, text }) => {
      const bytes = bytesOf(JSON.stringify(text))
      const { from, memory, to } = placed(bytes)
      const expected = JSON.stringify(text).includes("\\") || bytes.length > longest ? null : text
      assert.strictEqual(plainText(memory, from, to, longest), expected)
    },
    { arbitrary: { runs: 300 } }
  )

  it("gives none for what is no string", () => assert.isNull(plainText(bytesOf("123"), 0, 3)))
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
