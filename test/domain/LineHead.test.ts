/**
 * A glance tells what reading tells, or nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { glance } from "../../src/domain/LineHead.ts"
import { readLine } from "../../src/domain/RolloutLine.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import { bytesOf, rawLines } from "../support/Script.ts"

const item = (payload: object, timestamp = "2026-03-01T10:00:00.000Z") =>
  JSON.stringify({ timestamp, type: "response_item", payload })
const message = (role: string, text = "hello") =>
  item({ type: "message", role, content: [{ type: "output_text", text }] })
const call = item({ type: "function_call", name: "f", arguments: "{}", call_id: "c1" })
const output = item({ type: "function_call_output", call_id: "c1", output: "done" })

/** What a glance says of a line and what reading it says, in the same words. */
const both = (text: string) =>
  rawLines(text).map((raw) => {
    const seen = raw.bytes === null ? null : glance(raw.bytes)
    const read = readLine(raw).line
    const told =
      read?.record._tag === "ResponseItem"
        ? {
            timestamp: read.timestamp,
            ordinal: read.ordinal,
            type: read.record.item.type,
            role: read.record.item.item.role ?? null
          }
        : null
    return { seen, told }
  })

describe("a glance", () => {
  for (const [what, text, type] of [
    ["an assistant's message", message("assistant"), "message"],
    ["a developer's message", message("developer"), "message"],
    ["a message with an id", item({ type: "message", id: "msg_1", role: "assistant", content: [] }), "message"],
    ["reasoning", item({ type: "reasoning", summary: [], encrypted_content: "x".repeat(500) }), "reasoning"],
    ["a tool call", call, "function_call"],
    ["its output", output, "function_call_output"],
    [
      "a line of a paginated history",
      `{"timestamp":"2026-03-01T10:00:00.000Z","ordinal":7,${call.slice(call.indexOf('"type"'))}`,
      "function_call"
    ]
  ] as const) {
    it(`knows ${what}`, () => {
      const [found] = both(text)
      assert.strictEqual(found?.seen?.type, type)
      assert.deepStrictEqual<unknown>(found?.seen, found?.told)
    })
  }

  for (const [what, text] of [
    ["what a user said: it is read", message("user")],
    ["an item of a later version", item({ type: "hologram", summary: [], x: "x".repeat(60) })],
    [
      "keys in another order",
      `{"type":"response_item",${message("assistant").slice(1, -1)}}`.replace(/,"type":"response_item",/, ",")
    ],
    ["spaces", message("assistant").replace('"payload":', '"payload": ')],
    ["a torn line", message("assistant").slice(0, -1)],
    ["two lines glued at a bracket", `${message("assistant").slice(0, -2)}${message("assistant")}`],
    ["two lines glued anywhere", `${call.slice(0, 110)}${message("assistant", "x".repeat(300))}`],
    ["a NUL", message("assistant", "a").replace('"a"', '"a\0"')],
    ["a byte order mark", `\ufeff${message("assistant")}`],
    ["another kind of line", rollout().build().content.trimEnd()],
    ["nothing", ""],
    ["brackets only", "}".repeat(80)]
  ] as const) {
    it(`leaves alone ${what}`, () => assert.isNull(glance(bytesOf(text))))
  }

  it("is not fooled by a timestamp inside a string", () => {
    const text = message("assistant", '{"timestamp":"2026"}')
    assert.deepStrictEqual<unknown>(both(text)[0]?.seen, both(text)[0]?.told)
    assert.isNotNull(both(text)[0]?.seen)
  })
})

const Items = Schema.Union([
  Schema.Struct({
    type: Schema.Literal("message"),
    id: Schema.optionalKey(Schema.String),
    role: Schema.Literals(["user", "assistant", "developer", "system", "tool"]),
    content: Schema.Array(Schema.Struct({ type: Schema.Literal("output_text"), text: Schema.String }))
  }),
  Schema.Struct({ type: Schema.Literal("reasoning"), summary: Schema.Array(Schema.String), content: Schema.Json }),
  Schema.Struct({
    type: Schema.Literal("function_call"),
    name: Schema.String,
    arguments: Schema.String,
    call_id: Schema.String
  }),
  Schema.Struct({
    type: Schema.Literals(["function_call_output", "custom_tool_call_output"]),
    call_id: Schema.String,
    output: Schema.Json
  }),
  Schema.Struct({
    type: Schema.Literal("custom_tool_call"),
    call_id: Schema.String,
    name: Schema.String,
    input: Schema.String
  })
])

describe("on generated lines", () => {
  it.prop(
    "a glance agrees with the full reading",
    {
      payload: Items,
      timestamp: Schema.String,
      ordinal: Schema.NullOr(Schema.Natural),
      padding: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 }))
    },
    ({ ordinal, padding, payload, timestamp }) => {
      const line = {
        timestamp,
        ...(ordinal === null ? {} : { ordinal }),
        type: "response_item",
        payload: { ...payload, pad: "p".repeat(padding) }
      }
      const [found] = both(JSON.stringify(line))
      if (found?.seen !== null) assert.deepStrictEqual<unknown>(found?.seen, found?.told)
    }
  )

  it("agrees on every line that the builder writes, and knows the long ones", () => {
    for (const builder of [rollout(), paginated()]) {
      const text = builder
        .turn({ reasoning: "because" })
        .turn({ usage: true })
        .item({ type: "function_call", name: "f", arguments: "{}", call_id: "c1" })
        .build().content
      const seen = both(text).filter(({ seen }) => seen !== null)
      assert.isAbove(seen.length, 2)
      for (const found of seen) assert.deepStrictEqual<unknown>(found.seen, found.told)
    }
  })
})
