/**
 * Which ordinals of a paginated history are told to be out of order.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Finding } from "../../src/domain/Finding.ts"
import { makeOrdinalCheck } from "../../src/domain/OrdinalCheck.ts"

/** A line: its ordinal, none, or one that could not be read. */
type Line = number | "none" | "unread"

const found = (first: number | null, lines: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const findings: Array<Finding> = []
  const check = makeOrdinalCheck((finding) => findings.push(finding))
  if (first !== null) check.begin(first)
  for (const [at, line] of lines.entries()) {
    check.step(typeof line === "number" ? line : null, line === "unread", { line: at + 1, offset: 0, length: 1 })
  }
  return findings.map(({ detail, kind, line }) => `${line} ${kind}: ${detail}`)
}

describe("ordinals", () => {
  it("count from where the history begins", () => {
    assert.deepStrictEqual(found(0, [0, 1, 2]), [])
    assert.deepStrictEqual(found(7, [7, 8]), [])
    assert.deepStrictEqual(found(7, [0]), ["1 ordinalBackwards: expected ordinal 7, found 0"])
  })

  it("do not matter to a history that is not paginated", () => {
    assert.deepStrictEqual(found(null, [5, "none", 1, 1]), [])
  })

  it("that are missing, repeated, skipped or fall are told once each", () => {
    assert.deepStrictEqual(found(0, [0, "none", 2]), ["2 ordinalMissing: expected ordinal 1"])
    assert.deepStrictEqual(found(0, [0, 0, 1]), ["2 ordinalRepeated: ordinal 0 again"])
    assert.deepStrictEqual(found(0, [0, 2, 3]), ["2 ordinalGap: expected ordinal 1, found 2"])
    assert.deepStrictEqual(found(4, [4, 2, 3]), ["2 ordinalBackwards: expected ordinal 5, found 2"])
  })

  it("of lines that could not be read may be the missing ones, or none", () => {
    assert.deepStrictEqual(found(0, [0, "unread", 2]), [])
    assert.deepStrictEqual(found(0, [0, "unread", 1]), [])
    assert.deepStrictEqual(found(0, ["unread", "unread", 2]), [])
    assert.deepStrictEqual(found(0, ["unread", 2]), ["2 ordinalGap: expected ordinal 0, found 2"])
  })

  it("of lines that could not be read do not excuse a later gap", () => {
    assert.deepStrictEqual(found(0, ["unread", 1, 3]), ["3 ordinalGap: expected ordinal 2, found 3"])
  })
})
