import { assert, describe, it } from "@effect/vitest"
import { makeLineScanner, type RawLine } from "../../src/domain/LineScanner.ts"
import { rawLines } from "../support/Script.ts"

const text = (raw: RawLine): string | null => (raw.bytes === null ? null : new TextDecoder().decode(raw.bytes))
const short = (raw: RawLine) => [raw.line, raw.offset, raw.length, raw.end, text(raw)]

describe("the line scanner", () => {
  it("counts lines from 1 and bytes from 0, ends left out of the length", () => {
    assert.deepStrictEqual(rawLines("ab\n\r\nc\r\n\nd").map(short), [
      [1, 0, 2, "\n", "ab"],
      [2, 3, 0, "\r\n", ""],
      [3, 5, 1, "\r\n", "c"],
      [4, 8, 0, "\n", ""],
      [5, 9, 1, "", "d"]
    ])
  })

  it("gives nothing for nothing, and no line after the last newline", () => {
    assert.deepStrictEqual(rawLines(""), [])
    assert.deepStrictEqual(rawLines("a\n").map(short), [[1, 0, 1, "\n", "a"]])
  })

  it("a carriage return ends a line only before a newline", () => {
    assert.deepStrictEqual(rawLines("a\rb\r").map(short), [[1, 0, 4, "", "a\rb\r"]])
  })

  it("knows an end that is cut between two pieces", () => {
    for (let at = 0; at <= 6; at++) {
      assert.deepStrictEqual(rawLines("ab\r\nc\n", [at, 1]).map(short), [
        [1, 0, 2, "\r\n", "ab"],
        [2, 4, 1, "\n", "c"]
      ])
    }
  })

  it("offsets count bytes, not characters", () => {
    assert.deepStrictEqual(rawLines("é🙂\nx\n").map(short), [
      [1, 0, 6, "\n", "é🙂"],
      [2, 7, 1, "\n", "x"]
    ])
  })

  it("hands out a line as long as the limit, and only tells of a longer one", () => {
    for (const sizes of [[], [1, 1, 1, 1, 1, 1], [3]]) {
      assert.deepStrictEqual(rawLines("abcd\nabcde\nx\n", sizes, 4).map(short), [
        [1, 0, 4, "\n", "abcd"],
        [2, 5, 5, "\n", null],
        [3, 11, 1, "\n", "x"]
      ])
    }
  })

  it("a last line beyond the limit has no end and no bytes", () => {
    assert.deepStrictEqual(rawLines("a\nbcdef", [3], 3).map(short), [
      [1, 0, 1, "\n", "a"],
      [2, 2, 5, "", null]
    ])
  })

  it("finishing twice gives no line twice", () => {
    const scanner = makeLineScanner()
    const seen: Array<number> = []
    scanner.push(new TextEncoder().encode("a"), (raw) => void seen.push(raw.line))
    scanner.finish((raw) => void seen.push(raw.line))
    scanner.finish((raw) => void seen.push(raw.line))
    assert.deepStrictEqual(seen, [1])
  })
})
