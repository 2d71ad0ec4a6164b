import { assert, describe, it } from "@effect/vitest"
import { Option, Result, Schema } from "effect"
import { parseExact } from "../../src/domain/Json.ts"
import * as Frame from "../../src/rpc/codex/Frame.ts"
import * as WireError from "../../src/rpc/codex/WireError.ts"

const reasonOf = (text: string) => {
  const frame = Frame.read(text)
  assert.strictEqual(frame._tag, "Malformed")
  return frame._tag === "Malformed" ? [frame.error.code, frame.error.data.type, frame.id] : []
}

const naiveDepth = (text: string): number => {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index]
    if (inString) {
      if (char === "\\") index++
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === "{" || char === "[") deepest = Math.max(deepest, ++depth)
    else if (char === "}" || char === "]") depth--
  }
  return deepest
}

describe("Frame.read", () => {
  it("tells requests, notifications and responses apart", () => {
    assert.deepStrictEqual(Frame.read('{"id":"a","method":"m","params":{"x":1},"jsonrpc":"1.7"}'), {
      _tag: "Request",
      id: "a",
      method: "m",
      params: { x: 1 }
    })
    assert.deepStrictEqual(Frame.read('{"method":"m"}'), { _tag: "Notification", method: "m", params: undefined })
    const answer = { _tag: "Response" as const, id: 7, result: undefined, error: undefined }
    assert.deepStrictEqual(Frame.read('{"id":7,"result":null}'), { ...answer, result: null })
    const error = { code: 1, message: "x" }
    assert.deepStrictEqual(Frame.read('{"id":7,"error":{"code":1,"message":"x"}}'), { ...answer, error })
  })

  it.each([
    ["{", [-32700, "malformedJson", null]],
    ["", [-32700, "malformedJson", null]],
    ["[]", [-32600, "batchUnsupported", null]],
    ['[{"id":1,"method":"m"}]', [-32600, "batchUnsupported", null]],
    ["null", [-32600, "notAnObject", null]],
    ["5", [-32600, "notAnObject", null]],
    ["{}", [-32600, "missingMethod", null]],
    ['{"id":3}', [-32600, "missingMethod", 3]],
    ['{"id":3,"method":5}', [-32600, "invalidMethod", 3]],
    ['{"id":null,"method":"m"}', [-32600, "invalidId", null]],
    ['{"id":1.5,"method":"m"}', [-32600, "invalidId", null]],
    ['{"id":9007199254740993,"method":"m"}', [-32600, "invalidId", null]],
    ['{"id":true,"method":"m"}', [-32600, "invalidId", null]],
    ['{"id":{},"method":"m"}', [-32600, "invalidId", null]]
  ])("answers %s", (text, expected) => {
    assert.deepStrictEqual(reasonOf(text), expected)
  })

  it("takes nesting up to the limit and refuses the next level, however deep", () => {
    const nested = (levels: number) => `{"method":"m","params":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`
    assert.strictEqual(Frame.read(nested(Frame.maxDepth))._tag, "Notification")
    assert.deepStrictEqual(reasonOf(nested(Frame.maxDepth + 1)), [-32700, "tooDeep", null])
    assert.deepStrictEqual(reasonOf("[".repeat(200_000)), [-32700, "tooDeep", null])
    assert.deepStrictEqual(reasonOf('{"a":'.repeat(200_000)), [-32700, "tooDeep", null])
  })

  it("does not take brackets in strings for nesting", () => {
    const text = JSON.stringify({ method: "m", params: { text: `\\"${"[{".repeat(2000)}\\` } })
    assert.strictEqual(Frame.read(text)._tag, "Notification")
  })

  it.prop("counts nesting as a parser would", [Schema.Json], ([json]) => {
    const text = JSON.stringify({ json, quote: '\\"[' })
    const depth = naiveDepth(text)
    assert.isAbove(depth, 0)
    assert.strictEqual(Frame.deeperThan(text, depth), false)
    assert.strictEqual(Frame.deeperThan(text, depth - 1), true)
  })

  it("measures frames in bytes", () => {
    assert.strictEqual(Frame.largerThan("é".repeat(10), 20), false)
    assert.strictEqual(Frame.largerThan("é".repeat(10), 19), true)
    assert.strictEqual(Frame.largerThan("ab", 2), false)
    const filler = "x".repeat(Frame.maxFrameBytes)
    assert.deepStrictEqual(reasonOf(`{"method":"${filler}"}`), [-32600, "frameTooLarge", null])
  })
})

describe("Frame writing", () => {
  it("prints 64-bit integers with every digit", () => {
    const text = Frame.stringify({ small: 1, big: 2n ** 62n + 1n, list: [-(2n ** 63n)] })
    assert.deepStrictEqual(text, Result.succeed('{"small":1,"big":4611686018427387905,"list":[-9223372036854775808]}'))
  })

  it("fails, and does not throw, on what is no JSON", () => {
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    assert.isTrue(Result.isFailure(Frame.stringify(cycle)))
  })

  it("puts the id where Codex puts it, with its type", () => {
    assert.deepStrictEqual(Frame.success("1", {}), Result.succeed('{"id":"1","result":{}}'))
    assert.deepStrictEqual(Frame.success(1, {}), Result.succeed('{"id":1,"result":{}}'))
    assert.deepStrictEqual(
      parseExact(Frame.failure(null, WireError.overloaded)),
      Option.some({
        error: { code: -32001, message: "Server overloaded; retry later.", data: { type: "overloaded" } },
        id: null
      })
    )
  })
})
