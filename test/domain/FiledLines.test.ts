/**
 * What is filed is there as it was filed, however much more comes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type FiledLine, FiledLines } from "../../src/domain/FiledLines.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const Filed = Schema.Struct({
  serial: Schema.NullOr(upTo(2 ** 31 - 1)),
  kind: Schema.Literals(["item", "summary", "replacement"]),
  fromUser: Schema.Boolean,
  at: Schema.Struct({
    segment: upTo(1000),
    line: upTo(2 ** 31 - 1),
    offset: Schema.Union([upTo(Number.MAX_SAFE_INTEGER), upTo(2 ** 40)]),
    length: upTo(2 ** 31 - 1)
  })
})

const all = (lines: FiledLines): ReadonlyArray<FiledLine> =>
  Array.from({ length: lines.length }, (_, index) => lines.at(index))

describe("filed lines", () => {
  it.prop(
    "come back as they were",
    { filed: Schema.Array(Filed).check(Schema.isMaxLength(40)) },
    ({ filed }) => {
      const lines = new FiledLines()
      for (const line of filed) lines.push(line)
      assert.deepStrictEqual(all(lines), filed)
    },
    { arbitrary: { size: 40 } }
  )

  it.prop(
    "also beyond every step in which room is made",
    {
      some: Schema.NonEmptyArray(Filed),
      count: Schema.Union([upTo(1100), Schema.Int.check(Schema.isBetween({ minimum: 8190, maximum: 16390 }))])
    },
    ({ count, some }) => {
      const lines = new FiledLines()
      const filed: Array<FiledLine> = []
      for (let index = 0; index < count; index++) {
        const like = some[index % some.length] ?? some[0]
        const line = { ...like, at: { ...like.at, line: index } }
        filed.push(line)
        lines.push(line)
      }
      assert.deepStrictEqual(all(lines), filed)
    },
    { arbitrary: { runs: 20 } }
  )

  for (const count of [0, 1, 255, 256, 257, 511, 512, 513, 70_000]) {
    it(`${count} of them`, () => {
      const lines = new FiledLines()
      const line = (index: number): FiledLine => ({
        serial: index === 0 ? null : index,
        kind: "item",
        fromUser: index % 3 === 0,
        at: { segment: 0, line: index, offset: index * 5_000_000_000, length: index }
      })
      for (let index = 0; index < count; index++) lines.push(line(index))
      assert.strictEqual(lines.length, count)
      for (const index of [0, 1, 254, 255, 256, 511, 512, count - 1]) {
        if (index >= 0 && index < count) assert.deepStrictEqual(lines.at(index), line(index))
      }
    })
  }
})
