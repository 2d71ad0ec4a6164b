/**
 * Searching with the platform's help finds what searching without it finds.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { searchable, searchablePlainly } from "../../src/domain/ByteSearch.ts"

// Few different bytes: what is looked for is there, often more than once, and often nearly.
const Byte = Schema.Union([
  Schema.Literals([0x00, 0x0a, 0x22, 0x7b]),
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
])
const Bytes = Schema.Array(Byte).check(Schema.isMaxLength(200))
const Wanted = Schema.NonEmptyArray(Schema.Literals([0x0a, 0x22, 0x7b])).check(Schema.isMaxLength(5))
const Place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 220 }))

/** A window on bytes that go on before and behind it. */
const windowOn = (bytes: ReadonlyArray<number>): Uint8Array => {
  const memory = new Uint8Array(bytes.length + 20).fill(0x7b)
  memory.set(bytes, 7)
  return memory.subarray(7, 7 + bytes.length)
}

/** Where `wanted` first is, looked for in the most obvious way. */
const found = (bytes: Uint8Array, wanted: ReadonlyArray<number>, from: number): number => {
  for (let at = from; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at
  }
  return -1
}

describe("searching bytes", () => {
  it.prop("for one byte", { bytes: Bytes, byte: Byte, from: Place }, ({ byte, bytes, from }) => {
    const window = windowOn(bytes)
    const expected = found(window, [byte], from)
    assert.strictEqual(searchable(window).indexOf(byte, from), expected)
    assert.strictEqual(searchablePlainly(window).indexOf(byte, from), expected)
  })

  it.prop(
    "for several in a row",
    { bytes: Bytes, wanted: Wanted, at: Place, from: Place },
    ({ at, bytes, from, wanted }) => {
      const planted = [...bytes.slice(0, at), ...wanted, ...bytes.slice(at)]
      for (const window of [windowOn(bytes), windowOn(planted), windowOn([...bytes, ...wanted.slice(0, -1)])]) {
        const expected = found(window, wanted, from)
        assert.strictEqual(searchable(window).indexOfAll(Uint8Array.from(wanted), from), expected)
        assert.strictEqual(searchablePlainly(window).indexOfAll(Uint8Array.from(wanted), from), expected)
      }
    },
    { arbitrary: { runs: 300 } }
  )

  it("sees what is written into the bytes later", () => {
    const bytes = new Uint8Array(10)
    for (const search of [searchable(bytes), searchablePlainly(bytes)]) {
      bytes.fill(0)
      assert.strictEqual(search.indexOf(5, 0), -1)
      bytes[6] = 5
      assert.strictEqual(search.indexOf(5, 0), 6)
    }
  })

  it("is the platform's own here", () => assert.notStrictEqual(searchable, searchablePlainly))
})
