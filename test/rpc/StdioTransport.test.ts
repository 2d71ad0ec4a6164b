import { assert, it } from "@effect/vitest"
import { Array as Arr, Effect, Schema, Stream } from "effect"
import { lines, messages } from "../../src/rpc/codex/StdioTransport.ts"
import type { Inbound } from "../../src/rpc/codex/Transport.ts"

const encoder = new TextEncoder()

/** The bytes in chunks of `size`. */
const chunked = (bytes: Uint8Array, size: number) =>
  Stream.fromIterable(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size))
  )

const read = (bytes: Uint8Array, size: number, maxBytes?: number) =>
  Stream.runCollect(messages(chunked(bytes, size), maxBytes))

const text = (...lines: ReadonlyArray<string>): ReadonlyArray<Inbound> =>
  lines.map((line) => ({ _tag: "Text", text: line }))

it.effect.prop(
  "lines arrive whole, however the bytes are cut",
  [Schema.Array(Schema.String), Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))],
  ([values, size]) =>
    Effect.gen(function* () {
      const lines = values.map((value) => JSON.stringify(value))
      const bytes = encoder.encode(lines.join("\r\n\n  \n"))
      assert.deepStrictEqual(yield* read(bytes, size), text(...lines))
    })
)

it.effect("reports a line over the limit once, and goes on behind it", () =>
  Effect.gen(function* () {
    const bytes = encoder.encode(`one\n${"x".repeat(100)}\ntwo\n${"y".repeat(10)}\n`)
    for (const size of [1, 7, 1000]) {
      assert.deepStrictEqual(yield* read(bytes, size, 10), [
        ...text("one"),
        { _tag: "Refused", reason: "frameTooLarge" },
        ...text("two", "y".repeat(10))
      ])
    }
  })
)

it.effect("reports bytes that are not UTF-8", () =>
  Effect.gen(function* () {
    const bytes = new Uint8Array([0x22, 0xff, 0x22, 0x0a, 0x35])
    assert.deepStrictEqual(yield* read(bytes, 2), [{ _tag: "Refused", reason: "invalidUtf8" }, ...text("5")])
  })
)

it.effect.prop(
  "frames become lines in their order, whole ones and those in pieces",
  [Schema.NonEmptyArray(Schema.Union([Schema.String, Schema.Array(Schema.String)]))],
  ([frames]) =>
    Effect.sync(() => {
      // Half a surrogate pair is no text.
      const sent = Arr.map(frames, (frame) =>
        typeof frame === "string" ? frame.toWellFormed() : frame.map((piece) => piece.toWellFormed())
      )
      const written = lines(
        Arr.map(sent, (frame) => (typeof frame === "string" ? frame : frame.map((piece) => encoder.encode(piece))))
      )
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
      const whole = written.map((part) => (typeof part === "string" ? part : decoder.decode(part))).join("")
      const expected = sent.map((frame) => `${typeof frame === "string" ? frame : frame.join("")}\n`).join("")
      assert.strictEqual(whole, expected)
    })
)

it.effect("writes what is there at once in one go", () =>
  Effect.sync(() => {
    assert.deepStrictEqual(lines(["one", "two", "three"]), ["one\ntwo\nthree\n"])
  })
)
