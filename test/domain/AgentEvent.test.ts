/**
 * What a tool may be called with: whatever comes back from JSON as it went in, and nothing else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { flawIn } from "../../src/domain/AgentEvent.ts"

const loop: { again?: unknown } = {}
loop.again = [loop]
const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => [inner], 1)

describe("a call's arguments", () => {
  it.prop("any JSON will do", { args: Arbitrary.schema(Schema.Json) }, ({ args }) => {
    assert.isNull(flawIn(args))
  })

  it("none will do, and so will a member that is not there", () => {
    assert.isNull(flawIn(undefined))
    assert.isNull(flawIn({ path: "/", mode: undefined }))
  })

  it("the same value twice is no cycle", () => {
    const shared = { a: 1 }
    assert.isNull(flawIn([shared, { shared }]))
  })

  it.each([
    [7n, "arguments is a bigint"],
    [{ paths: ["/", 2n] }, "arguments.paths[1] is a bigint"],
    [{ at: Number.NaN }, "arguments.at is NaN"],
    [[1, undefined], "arguments[1] is undefined"],
    [Array.from({ length: 2, 0: 1 }), "arguments[1] is undefined"],
    [{ run: () => 1 }, "arguments.run is a function"],
    [{ when: new Date(0) }, "arguments.when is an object of a class"],
    [{ seen: new Map() }, "arguments.seen is an object of a class"],
    [loop, "arguments.again[0] is one of the values that it is in"]
  ])("%# is none: it says what, and where", (args, flaw) => {
    assert.strictEqual(flawIn(args), flaw)
  })

  it("JSON that is deeper than any reader goes is none", () => {
    assert.isNull(flawIn(nested(500)))
    assert.match(flawIn(nested(501)) ?? "", /is more than 500 levels deep$/)
    assert.isNotNull(flawIn(nested(100_000)))
  })
})
