/**
 * Bytes to lines and back: nothing is lost, whatever the bytes and whatever pieces they come in.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { type LineEnd } from "../../src/domain/LineScanner.ts"
import type { ReadLine } from "../../src/domain/RolloutLine.ts"
import { type ParsedLine, RolloutParser } from "../../src/services/RolloutParser.ts"
import { am, C, raw, S, script, U, um, uitem } from "../support/Script.ts"

/** Bytes that matter to lines come often; every other one may come. */
const Byte = Schema.Union([
  Schema.Literals([0x0a, 0x0d, 0x00, 0x20, 0x22, 0x5c, 0x7b, 0x7d, 0xef, 0xbb, 0xbf, 0xff, 0xc3]),
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
])
const Bytes = Schema.Array(Byte)
const Sizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })))
const Limits = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 }))

const story = script([
  S("T1"),
  uitem("naïve — 🙂"),
  um("naïve — 🙂"),
  am("línea\u2028dos"),
  raw("\r\n"),
  U(120),
  raw('{"torn": \n'),
  C("T1"),
  raw("\u0000\u0000\n")
]).build().bytes

/** The bytes in pieces of these sizes, in memory that is used again for the next piece. */
const pieces = (bytes: Uint8Array, sizes: ReadonlyArray<number>): Stream.Stream<Uint8Array> => {
  const memory = new Uint8Array(16 * 1024)
  const list = [...sizes, bytes.length]
  let at = 0
  return Stream.fromIterable(list).pipe(
    Stream.rechunk(1),
    Stream.map((size) => {
      const part = bytes.subarray(at, at + size)
      at += part.length
      memory.set(part)
      return memory.subarray(0, part.length)
    })
  )
}

const end = (text: LineEnd) => Array.from(text, (char) => char.charCodeAt(0))

const print = (lines: ReadonlyArray<ParsedLine>): ReadonlyArray<number> =>
  lines.flatMap(({ raw }) => [...(raw.bytes ?? []), ...end(raw.end)])

const parse = (bytes: Stream.Stream<Uint8Array>) =>
  RolloutParser.use((parser) => Stream.runCollect(parser.lines(bytes)))

describe("RolloutParser", () => {
  it.effect.prop("printing what was parsed gives the same bytes", { bytes: Bytes, sizes: Sizes }, ({ bytes, sizes }) =>
    Effect.gen(function* () {
      const lines = yield* parse(pieces(Uint8Array.from(bytes), sizes))
      assert.deepStrictEqual(print(lines), bytes)
      for (const [index, { raw }] of lines.entries()) {
        assert.strictEqual(raw.line, index + 1)
        assert.deepStrictEqual(Array.from(raw.bytes ?? []), bytes.slice(raw.offset, raw.offset + raw.length))
      }
    }).pipe(Effect.provide(RolloutParser.layer))
  )

  it.effect.prop("pieces of any size give the same lines", { bytes: Bytes, sizes: Sizes }, ({ bytes, sizes }) =>
    Effect.gen(function* () {
      const whole = Uint8Array.from(bytes)
      assert.deepStrictEqual(yield* parse(pieces(whole, sizes)), yield* parse(pieces(whole, [])))
    }).pipe(Effect.provide(RolloutParser.layer))
  )

  it.effect.prop(
    "of a real rollout too",
    { sizes: Sizes, first: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 })) },
    ({ first, sizes }) =>
      Effect.gen(function* () {
        const lines = yield* parse(pieces(story, [first, ...sizes]))
        assert.deepStrictEqual(lines, yield* parse(pieces(story, [])))
        assert.deepStrictEqual(print(lines), Array.from(story))
      }).pipe(Effect.provide(RolloutParser.layer))
  )

  it.effect.prop(
    "a line beyond the limit is told of, not held, and the others stay",
    { bytes: Bytes, sizes: Sizes, maxLineBytes: Limits },
    ({ bytes, maxLineBytes, sizes }) =>
      Effect.gen(function* () {
        const whole = Uint8Array.from(bytes)
        const all = yield* parse(pieces(whole, [])).pipe(Effect.provide(RolloutParser.layer))
        const limited = yield* parse(pieces(whole, sizes)).pipe(
          Effect.provide(RolloutParser.layerWith({ maxLineBytes }))
        )
        assert.strictEqual(limited.length, all.length)
        for (const [index, line] of limited.entries()) {
          const free = all[index]
          const tooLong = (free?.raw.length ?? 0) + (free?.raw.end === "\r\n" ? 1 : 0) > maxLineBytes
          if (!tooLong) assert.deepStrictEqual(line, free)
          else {
            assert.isNull(line.raw.bytes)
            assert.deepStrictEqual(
              line.diagnostics.map(({ reason }) => reason),
              ["lineTooLong"]
            )
            assert.deepStrictEqual(
              [line.raw.offset, line.raw.length, line.raw.end],
              [free?.raw.offset, free?.raw.length, free?.raw.end]
            )
          }
        }
      })
  )

  it.effect.prop("calls and values tell the same", { bytes: Bytes, sizes: Sizes }, ({ bytes, sizes }) =>
    Effect.gen(function* () {
      const whole = Uint8Array.from(bytes)
      const called: Array<ReadLine> = []
      yield* RolloutParser.use((parser) =>
        parser.forEach(pieces(whole, sizes), (read) => {
          called.push(read)
          return true
        })
      )
      const lines = yield* parse(pieces(whole, []))
      assert.deepStrictEqual(
        called,
        lines.map(({ raw: _, ...read }) => read)
      )
    }).pipe(Effect.provide(RolloutParser.layer))
  )

  it.effect("stops reading when told to", () =>
    Effect.gen(function* () {
      let pulled = 0
      const bytes = Stream.fromIterable(["a\nb\nc\n", "d\n", "e\n"]).pipe(
        Stream.rechunk(1),
        Stream.map((text) => {
          pulled++
          return new TextEncoder().encode(text)
        })
      )
      const seen: Array<number> = []
      yield* RolloutParser.use((parser) =>
        parser.forEach(bytes, (_, raw) => {
          seen.push(raw.line)
          return raw.line < 2
        })
      )
      assert.deepStrictEqual(seen, [1, 2])
      assert.isAtMost(pulled, 2)
    }).pipe(Effect.provide(RolloutParser.layer))
  )

  it.effect("a failing source fails the reading, after the lines before", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const bytes = Stream.concat(Stream.succeed(new TextEncoder().encode("a\nb")), Stream.fail("broken" as const))
      const error = yield* Effect.flip(
        RolloutParser.use((parser) =>
          parser.forEach(bytes, (_, raw) => {
            seen.push(raw.line)
            return true
          })
        )
      )
      assert.strictEqual(error, "broken")
      assert.deepStrictEqual(seen, [1])
    }).pipe(Effect.provide(RolloutParser.layer))
  )
})
