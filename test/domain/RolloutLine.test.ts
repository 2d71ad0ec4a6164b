import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readLine, type RolloutRecord } from "../../src/domain/RolloutLine.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import { bytesOf, rawLines, readLines } from "../support/Script.ts"

const stamp = '"timestamp":"2026-03-01T10:00:00.000Z"'
const line = (type: string, payload: string) => `{${stamp},"type":"${type}","payload":${payload}}`
const started = line("event_msg", '{"type":"task_started","turn_id":"T1"}')
const usage = (total: string) => {
  const counters = `{"input_tokens":1,"cached_input_tokens":0,"output_tokens":1,"reasoning_output_tokens":0,"total_tokens":${total}}`
  return line(
    "event_msg",
    `{"type":"token_count","info":{"total_token_usage":${counters},"last_token_usage":${counters}}}`
  )
}

/** The members of a turn's context that Codex requires. */
const contextMembers = {
  cwd: '"/"',
  model: '"m"',
  approval_policy: '"never"',
  sandbox_policy: '{"type":"read-only"}',
  summary: '"auto"'
}
const turnContext = (members: Readonly<Record<string, string>>) =>
  line(
    "turn_context",
    `{${Object.entries(members)
      .map(([key, json]) => `"${key}":${json}`)
      .join(",")}}`
  )

/** Of one line: what it is, or why it is nothing. */
const read = (content: string | Uint8Array, at = 0): string => {
  const found = readLines(content)[at]
  const reasons = found?.diagnostics.map(({ reason }) => reason) ?? []
  const record = found?.line?.record
  const type = record === undefined ? [] : [record._tag === "Event" ? record.event.type : record._tag]
  return [...type, ...reasons].join(" ")
}

describe("lines that are used", () => {
  for (const [what, content, expected] of [
    ["an event", started, "task_started"],
    ["no final newline", started.slice(0), "task_started"],
    ["CRLF", `${started}\r\n`, "task_started"],
    ["spaces around", `  ${started}\t\n`, "task_started"],
    [
      "keys in another order",
      `{"payload":{"turn_id":"T1","type":"task_started"},"type":"event_msg",${stamp}}\n`,
      "task_started"
    ],
    [
      "any text as a timestamp",
      `{"timestamp":"soon","type":"event_msg","payload":{"type":"task_started","turn_id":"T"}}\n`,
      "task_started"
    ],
    ["an alias", line("event_msg", '{"type":"turn_started","turn_id":"T1"}'), "task_started"],
    ["an event that no projection reads", line("event_msg", '{"type":"plan_update"}'), "Ignored"],
    ["a byte order mark before the first line", `\ufeff${started}\n`, "task_started byteOrderMark"],
    ["unknown fields", line("event_msg", '{"type":"task_started","turn_id":"T1","x":{"y":[1]}}'), "task_started"],
    [
      "null where Codex leaves out",
      line("event_msg", '{"type":"task_started","turn_id":"T1","started_at":null}'),
      "task_started"
    ],
    ["a key called __proto__", `{"__proto__":{"type":"x"},${started.slice(1)}\n`, "task_started"],
    ["the world's state", line("world_state", "{}"), "Ignored"],
    ["an item", line("response_item", '{"type":"reasoning","summary":[]}'), "ResponseItem"],
    ["a turn's context", turnContext(contextMembers), "TurnContext"],
    [
      "one with a profile for a policy",
      turnContext({ ...contextMembers, sandbox_policy: "null", permission_profile: "{}" }),
      "TurnContext"
    ],
    ["a bare item of 2025", '{"type":"message","role":"user","content":[]}', "BareItem"],
    ["a state marker of 2025", '{"record_type":"state"}', "Ignored"]
  ] as const) {
    it(what, () => assert.strictEqual(read(content), expected))
  }

  it("invalid UTF-8 inside a string is replaced and told of", () => {
    const bytes = Uint8Array.from(bytesOf(started.replace('"T1"', '"T?"')), (byte) => (byte === 0x3f ? 0xff : byte))
    const found = readLines(bytes)[0]
    assert.strictEqual(read(bytes), "task_started invalidUtf8")
    const record = found?.line?.record
    assert.strictEqual(
      record?._tag === "Event" && record.event.type === "task_started" && record.event.turn_id,
      "T\ufffd"
    )
  })

  it("a replacement character that was written is no damage", () => {
    assert.strictEqual(read(started.replace('"T1"', '"\ufffd"')), "task_started")
  })

  it("keeps where the line is", () => {
    const lines = readLines(`\n${started}\r\n${started}`)
    assert.deepStrictEqual(
      lines.map(({ line }) => line && [line.line, line.offset, line.length]),
      [null, [2, 1, started.length], [3, 3 + started.length, started.length]]
    )
  })

  it("keeps the ordinal of a paginated line", () => {
    const builder = rollout({ history: "paginated" }).turn()
    const ordinals = readLines(builder.build().bytes).map(({ line }) => line?.ordinal)
    assert.deepStrictEqual(
      ordinals,
      ordinals.map((_, index) => index)
    )
    assert.isNull(readLines(started)[0]?.line?.ordinal)
  })

  it("reads deep and long lines", () => {
    const deep = `${"[".repeat(500)}${"]".repeat(500)}`
    assert.strictEqual(read(line("event_msg", `{"type":"task_started","turn_id":"T","x":${deep}}`)), "task_started")
    const long = "x".repeat(2_000_000)
    assert.strictEqual(read(line("event_msg", `{"type":"agent_message","message":"${long}"}`)), "agent_message")
  })
})

describe("lines that are not used, and why", () => {
  for (const [what, content, expected] of [
    ["blank", "\n", "blank"],
    ["white space", " \t \r\n", "blank"],
    ["a torn last line", started.slice(0, -4), "torn"],
    ["the same with a newline", `${started.slice(0, -4)}\n`, "malformed"],
    ["two lines glued", `${started.slice(0, 40)}${started}\n`, "malformed"],
    ["two whole lines in one", `${started}${started}\n`, "malformed"],
    ["NULs", "\0\0\0\0\n", "nulBytes"],
    ["a NUL inside", `${started.slice(0, 30)}\0${started.slice(30)}\n`, "malformed"],
    ["an array", "[1,2]\n", "notAnObject"],
    ["null", "null\n", "notAnObject"],
    ["a number", "5\n", "notAnObject"],
    ["a string", '"x"\n', "notAnObject"],
    ["no timestamp", '{"type":"event_msg","payload":{"type":"task_started","turn_id":"T"}}\n', "missingTimestamp"],
    ["a numeric timestamp", '{"timestamp":5,"type":"event_msg","payload":{}}\n', "missingTimestamp"],
    ["no type", `{${stamp},"payload":{}}\n`, "missingType"],
    ["no payload", `{${stamp},"type":"event_msg"}\n`, "invalidPayload"],
    ["a payload that is no object", line("event_msg", "[]"), "invalidPayload"],
    ["an unknown line", line("hologram", "{}"), "unknownLineType"],
    ["an unknown event", line("event_msg", '{"type":"hologram"}'), "unknownEventType"],
    ["an event without a type", line("event_msg", "{}"), "invalidPayload"],
    ["an unknown item", line("response_item", '{"type":"hologram"}'), "unknownItemType"],
    ["an item without a type", line("response_item", "{}"), "invalidPayload"],
    ["an item without what it needs", line("response_item", '{"type":"function_call","name":"f"}'), "invalidPayload"],
    ["task_started without turn_id", line("event_msg", '{"type":"task_started"}'), "invalidPayload"],
    ["a session_meta without an id", line("session_meta", "{}"), "invalidPayload"],
    [
      "a turn_context of 0.36",
      line(
        "turn_context",
        '{"cwd":"/","model":"m","approval_policy":"never","summary":"auto","sandbox_policy":{"mode":"x"}}'
      ),
      "invalidPayload"
    ],
    ["compacted without a message", line("compacted", "{}"), "invalidPayload"],
    ["a rollback of -1 turns", line("event_msg", '{"type":"thread_rolled_back","num_turns":-1}'), "invalidPayload"],
    ["a byte order mark before a later line", `${started}\n\ufeff${started}\n`, "malformed"]
  ] as const) {
    it(what, () => assert.strictEqual(read(content, what.endsWith("later line") ? 1 : 0), expected))
  }

  for (const member of Object.keys(contextMembers)) {
    it(`a turn_context without ${member}`, () => {
      const others = Object.fromEntries(Object.entries(contextMembers).filter(([key]) => key !== member))
      assert.strictEqual(read(turnContext(others)), "invalidPayload")
    })
  }

  it("a line beyond the limit", () => {
    const [raw] = rawLines(started, [], 10)
    if (raw === undefined) return assert.fail("no line")
    const { diagnostics, line } = readLine(raw)
    assert.isNull(line)
    assert.deepStrictEqual(diagnostics, [
      { reason: "lineTooLong", line: 1, offset: 0, length: started.length, detail: `${started.length} bytes` }
    ])
  })

  it("tells the line, its place and its length", () => {
    const [, second] = readLines(`${started}\nnot json\n`)
    assert.deepStrictEqual(second?.diagnostics, [
      { reason: "malformed", line: 2, offset: started.length + 1, length: 8, detail: "not JSON" }
    ])
  })
})

describe("counters", () => {
  const totalOf = (record: RolloutRecord | undefined) =>
    record?._tag === "Event" && record.event.type === "token_count"
      ? record.event.info?.total_token_usage.total_tokens
      : undefined

  for (const count of ["0", "-5", "9007199254740993", "9223372036854775807", "-9223372036854775808"]) {
    it(`${count} is kept exactly`, () => {
      assert.strictEqual(totalOf(readLines(usage(count))[0]?.line?.record), BigInt(count))
    })
  }
  for (const count of ["9223372036854775808", "-9223372036854775809", "1.5", '"1"', "null", "true"]) {
    it(`${count} makes the line unusable`, () => assert.strictEqual(read(usage(count)), "invalidPayload"))
  }
  it("a missing counter makes the line unusable", () => {
    assert.strictEqual(read(usage("5").replaceAll('"output_tokens":1,', "")), "invalidPayload")
  })
  it("the sixth counter may be missing", () => {
    assert.strictEqual(read(usage("5")), "token_count")
  })
  it("no figures are no fault", () => {
    assert.strictEqual(read(line("event_msg", '{"type":"token_count","info":null}')), "token_count")
    assert.strictEqual(read(line("event_msg", '{"type":"token_count"}')), "token_count")
  })
})

describe("whatever the bytes", () => {
  const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))

  it.prop("each line gives exactly one answer: a record, or a reason", { bytes: Bytes }, ({ bytes }) => {
    for (const { diagnostics, line } of readLines(Uint8Array.from(bytes))) {
      assert.isTrue(line !== null || diagnostics.length > 0)
    }
  })

  it.prop("any JSON value as a line is answered", { value: Schema.Json }, ({ value }) => {
    const [found] = readLines(`${JSON.stringify(value)}\n`)
    assert.isTrue(found !== undefined && (found.line !== null || found.diagnostics.length === 1))
  })

  it.prop(
    "any JSON value as a payload is answered",
    {
      value: Schema.Json,
      type: Schema.Literals(["session_meta", "response_item", "event_msg", "turn_context", "compacted"])
    },
    ({ type, value }) => {
      const [found] = readLines(line(type, JSON.stringify(value)))
      assert.isTrue(found !== undefined && (found.line !== null || found.diagnostics.length === 1))
    }
  )
})
