/**
 * What a line is known as is what reading it tells; where in it its members are is where `JSON.parse` finds them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { LineKind, LineTable } from "../../src/domain/LineTable.ts"
import { readLine } from "../../src/domain/RolloutLine.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import { bytesOf, rawLines } from "../support/Script.ts"

const item = (payload: object, timestamp = "2026-03-01T10:00:00.000Z") =>
  JSON.stringify({ timestamp, type: "response_item", payload })
const message = (role: string, text = "hello") =>
  item({ type: "message", role, content: [{ type: "output_text", text }] })
const call = item({ type: "function_call", name: "f", arguments: "{}", call_id: "c1" })
const output = item({ type: "function_call_output", call_id: "c1", output: "done" })

/** Lays a line under a table; what `read` makes of it. */
const looking = <A>(line: Uint8Array, read: (table: LineTable) => A): A => {
  const table = LineTable.borrow(line.length)
  if (table === null) throw new Error("no WebAssembly")
  table.layLine(line)
  const lines = table.look()
  assert.strictEqual(lines, 1)
  const result = read(table)
  assert.strictEqual(table.look(), 0)
  table.giveBack()
  return result
}

/** The kind of an item that nothing is read of; null for any other line. */
const kindOf = (line: Uint8Array): number | null =>
  looking(line, (table) => (table.kind(0) >= LineKind.item && table.kind(0) < LineKind.userItem ? table.kind(0) : null))

/** The kind that an item of this type is of, and with this role. */
const kindFor = (type: string, role: unknown): number => {
  if (type.endsWith("_call") || type.endsWith("_call_output")) return LineKind.toolItem
  return role === "assistant" ? LineKind.agentItem : LineKind.item
}

/** What is known of a line by looking at it and what reading it says, in the same words. */
const both = (text: string) =>
  rawLines(text).map((raw) => {
    const { bytes } = raw
    const kind = bytes === null ? null : kindOf(bytes)
    const seen =
      bytes === null || kind === null
        ? null
        : looking(bytes, (table) => ({
            timestamp: new TextDecoder().decode(bytes.subarray(table.timeFrom(0), table.timeTo(0))),
            ordinal: table.ordinal(0) < 0 ? null : table.ordinal(0),
            kind
          }))
    const read = readLine(raw).line
    const told =
      read?.record._tag === "ResponseItem"
        ? {
            timestamp: read.timestamp,
            ordinal: read.ordinal,
            kind: kindFor(read.record.item.type, read.record.item.item["role"])
          }
        : null
    return { seen, told }
  })

describe("a look at an item", () => {
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
      assert.strictEqual(found?.seen?.kind, kindFor(type, text.includes("assistant") ? "assistant" : null))
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
    it(`leaves alone ${what}`, () => assert.isNull(kindOf(bytesOf(text))))
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
    "it agrees with the full reading",
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

/** What any line is known as. */
const knownAs = (text: string): number => looking(bytesOf(text), (table) => table.kind(0))

/** The text with another letter at one place, for every place. */
const nearly = (text: string): ReadonlyArray<string> =>
  Array.from(text, (letter, at) => text.slice(0, at) + (letter === "x" ? "y" : "x") + text.slice(at + 1))

/** A shorter one and a longer one. */
const cutOrGrown = (text: string): ReadonlyArray<string> => [text.slice(0, -1), text.slice(1), `${text}x`, `x${text}`]

describe("the name of an item", () => {
  for (const [type, kind] of [
    ["reasoning", LineKind.item],
    ["ghost_snapshot", LineKind.item],
    ["function_call", LineKind.toolItem],
    ["function_call_output", LineKind.toolItem],
    ["custom_tool_call", LineKind.toolItem],
    ["custom_tool_call_output", LineKind.toolItem],
    ["local_shell_call", LineKind.toolItem],
    ["web_search_call", LineKind.toolItem],
    ["image_generation_call", LineKind.toolItem]
  ] as const) {
    it(`tells what ${type} is, whole and exact`, () => {
      assert.strictEqual(knownAs(item({ type, x: "x".repeat(40) })), kind)
      for (const other of [...nearly(type), ...cutOrGrown(type)]) {
        assert.strictEqual(knownAs(item({ type: other, x: "x".repeat(40) })), LineKind.unknown)
      }
    })
  }

  for (const [role, kind] of [
    ["assistant", LineKind.agentItem],
    ["developer", LineKind.item],
    ["system", LineKind.item],
    ["user", LineKind.userItem]
  ] as const) {
    it(`tells who speaks: ${role}`, () => {
      const said = (role: string, more: object = {}) =>
        item({ type: "message", ...more, role, content: [{ type: "input_text", text: "hello" }] })
      assert.strictEqual(knownAs(said(role)), kind)
      assert.strictEqual(knownAs(said(role, { id: "m".repeat(200) })), kind)
      assert.strictEqual(knownAs(said(role, { id: "m".repeat(201) })), LineKind.unknown)
      for (const other of [...nearly(role), ...cutOrGrown(role)]) {
        assert.strictEqual(knownAs(said(other)), LineKind.unknown)
      }
      for (const type of [...nearly("message"), ...cutOrGrown("message")]) {
        assert.strictEqual(knownAs(said(role, { type })), LineKind.unknown)
      }
    })
  }

  it("tells that a user speaks by a letter or a digit in front, behind white space or none", () => {
    const asked = (text: string) =>
      knownAs(item({ type: "message", role: "user", content: [{ type: "input_text", text }] }))
    for (const first of ["0", "9", "A", "Z", "a", "z"]) {
      for (const before of ["", " ", "  ", "\n", "\n\n \n"]) {
        assert.strictEqual(asked(`${before}${first}`), LineKind.userItem)
      }
    }
    for (const first of ["/", ":", "@", "[", "`", "{", "<", "#", "é", "", "\t", "\\"]) {
      assert.strictEqual(asked(first), LineKind.unknown)
      assert.strictEqual(asked(` \n${first}`), LineKind.unknown)
    }
  })
})

describe("a line that is torn", () => {
  // Of every length, for sixteen bytes are looked at together.
  const lines = Array.from({ length: 16 }, (_, more) => item({ type: "reasoning", content: "x".repeat(40 + more) }))

  it("is known by a NUL anywhere in it", () => {
    for (const line of lines) {
      assert.strictEqual(knownAs(line), LineKind.item)
      for (let at = 0; at < line.length; at++) {
        assert.strictEqual(knownAs(`${line.slice(0, at)}\0${line.slice(at)}`), LineKind.unknown)
      }
    }
  })

  it("is known by another line's beginning anywhere in it, and not by a bracket", () => {
    for (const line of lines) {
      const behind = line.indexOf("xx")
      for (let at = behind; at < line.length; at++) {
        assert.strictEqual(knownAs(`${line.slice(0, at)}${line}`), LineKind.unknown)
      }
      assert.strictEqual(knownAs(line.replace("xx", '{{"t{')), LineKind.item)
    }
  })

  it("is no matter of what stands behind its end", () => {
    for (const line of lines) {
      const bytes = bytesOf(`${line}\n\0${line.slice(1)}\n${line}\n`)
      const table = LineTable.borrow()
      table?.lay(bytes, 0)
      assert.strictEqual(table?.look(), 3)
      assert.deepStrictEqual(
        [0, 1, 2].map((at) => table?.kind(at)),
        [LineKind.item, LineKind.unknown, LineKind.item]
      )
      table?.giveBack()
    }
  })
})

const NEWLINE = 0x0a
const white: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d])
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** What JSON these bytes are. */
const parsed = Option.liftThrowable((bytes: Uint8Array): unknown => JSON.parse(strict.decode(bytes)))

/** How long the value is that these bytes begin with, as a member of a line that is known by it; -1 where it is not. */
const walk = (bytes: Uint8Array): number => {
  const before = bytesOf(
    '{"timestamp":"2026-03-01T10:00:00.000Z","type":"event_msg","payload":{"type":"task_complete","error":'
  )
  const line = Uint8Array.from([...before, ...bytes, 0x7d, 0x7d])
  return looking(line, (table) => {
    if (table.kind(0) !== LineKind.taskComplete) return -1
    assert.strictEqual(table.memberFrom(0, "error"), before.length)
    return table.memberTo(0, "error") - before.length
  })
}

const depthOf = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

/** Every character as an escape. */
const escaped = (text: string): string =>
  `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const telling = [
  0x00, 0x1f, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3a, 0x5b, 0x5c, 0x5d, 0x65, 0x75, 0x7b
] as const
const wide = [
  0x7d, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5
] as const
const Telling = Schema.Literals([...telling, ...wide])
const Edits = Schema.NonEmptyArray(
  Schema.Struct({
    at: Schema.Natural,
    how: Schema.Literals(["set", "insert", "delete"]),
    byte: Schema.Union([Telling, Byte])
  })
).check(Schema.isMaxLength(3))

const edited = (bytes: Uint8Array, edits: typeof Edits.Type): Uint8Array => {
  let all = Array.from(bytes)
  for (const { at, byte, how } of edits) {
    const place = at % Math.max(1, all.length)
    const rest = how === "insert" ? all.slice(place) : all.slice(place + 1)
    all = [...all.slice(0, place), ...(how === "delete" || byte === NEWLINE ? [] : [byte]), ...rest]
  }
  return Uint8Array.from(all)
}

/** What it accepts, parsing accepts. */
const isSound = (bytes: Uint8Array) => {
  const found = walk(bytes)
  if (found < 0) return
  assert.isAtMost(found, bytes.length)
  assert.isTrue(Option.isSome(parsed(bytes.subarray(0, found))))
  // No longer beginning of it is a value, but for white space, which is not walked over.
  for (let longer = found + 1; longer <= bytes.length; longer++) {
    assert.isTrue(Option.isNone(parsed(bytes.subarray(0, longer))) || white.has(bytes[found] ?? 0))
  }
}

describe("a value", () => {
  it.prop(
    "ends where it was printed to, whatever follows",
    { value: Schema.Json, behind: Schema.Literals(["", ',"x":1', ',"error_code":"x"'] as const) },
    ({ behind, value }) => {
      const text = JSON.stringify(value)
      const expected = depthOf(value) > 16 ? -1 : bytesOf(text).length
      assert.strictEqual(walk(bytesOf(`${text}${behind}`)), expected)
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop(
    "is none that parsing would not take",
    { value: Schema.Json, edits: Edits },
    ({ edits, value }) => isSound(edited(bytesOf(JSON.stringify(value)), edits)),
    { arbitrary: { runs: 1000, size: 12 } }
  )

  const NumberLike = Schema.String.check(Schema.isPattern(/^[-+.0-9eE]{1,7}$/))
  it.prop(
    "that is a number is one by the rules of JSON",
    { text: NumberLike },
    ({ text }) => {
      isSound(bytesOf(text))
      if (Option.isSome(parsed(bytesOf(text)))) assert.strictEqual(walk(bytesOf(text)), text.length)
    },
    { arbitrary: { runs: 1000 } }
  )

  for (const text of [
    "",
    "01",
    "-",
    "-01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "tru",
    "nul",
    "fals",
    "NaN",
    "'a'",
    "[1,]",
    "{,}"
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => assert.isTrue(walk(bytesOf(text)) < Math.max(1, text.length)))
  }
  for (const text of [
    '{"a" :1}',
    "[1, 2]",
    " 1",
    '{"a":}',
    '{"a"}',
    "{1:2}",
    '{"a":1,}',
    "[",
    "{",
    "[1}",
    '"',
    '"\\"'
  ]) {
    it(`is not ${text}`, () => assert.strictEqual(walk(bytesOf(text)), -1))
  }

  it("is not walked over when it is nested very deeply", () => {
    assert.strictEqual(walk(bytesOf(`${"[".repeat(16)}${"]".repeat(16)}`)), 32)
    assert.strictEqual(walk(bytesOf(`${"[".repeat(17)}${"]".repeat(17)}`)), -1)
    assert.strictEqual(walk(bytesOf("[".repeat(100_000))), -1)
  })
})

describe("a string", () => {
  it.prop("ends at its quote", { text: Schema.String, behind: Schema.String }, ({ behind, text }) => {
    for (const json of [JSON.stringify(text), escaped(text)]) {
      const { length } = bytesOf(json)
      assert.strictEqual(walk(bytesOf(json)), length)
      assert.strictEqual(walk(bytesOf(`${json},"x":${JSON.stringify(behind)}`)), length)
      // Without its end it is none.
      assert.strictEqual(walk(bytesOf(json.slice(0, -1))), -1)
    }
  })

  it("may hold the first and the last character of every length", () => {
    for (const last of [0x7f, 0x7ff, 0xd7ff, 0xffff, 0x3ffff, 0xfffff, 0x10ffff]) {
      for (const at of [last, last === 0x10ffff ? 0x100000 : last + (last === 0xd7ff ? 0x801 : 1)]) {
        const quoted = bytesOf(`"${String.fromCodePoint(at)}"`)
        assert.strictEqual(walk(quoted), quoted.length)
      }
    }
  })

  it.prop(
    "of any bytes is one exactly when parsing takes it",
    { bytes: Schema.Array(Schema.Union([Telling, Byte])).check(Schema.isMaxLength(6)) },
    ({ bytes }) => {
      const quoted = Uint8Array.from([0x22, ...bytes.filter((byte) => byte !== NEWLINE), 0x22])
      const isString = Option.exists(parsed(quoted), (value) => typeof value === "string")
      assert.strictEqual(walk(quoted) === quoted.length, isString)
      isSound(quoted)
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "of characters beyond ASCII is one exactly when their bytes are right",
    { lead: Schema.Int.check(Schema.isBetween({ minimum: 0x80, maximum: 0xff })), rest: Schema.Array(Byte) },
    ({ lead, rest }) => {
      const follows = rest.slice(0, 3).map((byte, index) => (index < lead % 4 ? 0x80 | (byte & 0x3f) : byte))
      const quoted = Uint8Array.from([0x22, lead, ...follows.filter((byte) => byte !== NEWLINE), 0x22])
      assert.strictEqual(walk(quoted) === quoted.length, Option.isSome(parsed(quoted)))
    },
    { arbitrary: { runs: 2000 } }
  )
})
