/**
 * Lines of the kinds that are skimmed, and lines that are so only nearly: odd numbers and escapes, other members, another
 * order, damage. Generated as text, for most of it no value prints as.
 *
 * What no skimming looks at (the rest of an item, the limits behind figures) is left sound.
 */
import { Schema } from "effect"
import { makeLineScanner } from "../../src/domain/LineScanner.ts"
import { readLine } from "../../src/domain/RolloutLine.ts"
import type { SessionProjection } from "../../src/domain/SessionProjection.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** JSON of a string, mostly. */
const Text = Schema.Union([
  Schema.String,
  Schema.Struct({ said: Schema.Literals(["hello", "two\nlines", "über 😀", 'a "quote" \\ and / more', ""]) }),
  Schema.Struct({
    raw: Schema.Literals([
      '"\\ud83d\\ude00"',
      '"lone \\ud800 half"',
      '"caf\\u00E9 \\/ \\b\\f\\n\\r\\t\\""',
      '"\\u0061"',
      '"\\u0000"',
      '"\ufeff mark"',
      '"\u2028\u007f"',
      '"   "',
      '"\\n"',
      '"\u00a0"',
      '"a tab\there"',
      '"\\x"',
      '"\\u00g0"',
      "null",
      "5",
      "[]",
      '{"a":[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]}'
    ])
  })
])
const jsonOf = (text: typeof Text.Type): string =>
  typeof text === "string" ? JSON.stringify(text) : "raw" in text ? text.raw : JSON.stringify(text.said)

const oddNumbers = ["007", "-1", "-0", "1.5", "1e3", "1E+2", "null", '"5"', "true", "[]", "9007199254740993"] as const
const longNumbers = ["999999999999999", "1000000000000000", "123456789012345678901"] as const
const Odd = Schema.Literals([...oddNumbers, ...longNumbers])
const Count = Schema.Union([between(0, 2_000_000_000), between(0, 9), Odd])
const Attached = Schema.Union([
  Schema.Literals(["none", "null", "[]"]),
  Schema.Array(Text).check(Schema.isMaxLength(3))
])

const Kind = Schema.Union([
  Schema.Struct({ is: Schema.Literal("agent_reasoning"), text: Text }),
  Schema.Struct({ is: Schema.Literal("agent_reasoning_raw_content"), text: Text }),
  Schema.Struct({
    is: Schema.Literal("agent_message"),
    text: Text,
    phase: Schema.optionalKey(Text),
    citation: Schema.Literals(["none", "null", "{}"])
  }),
  Schema.Struct({
    is: Schema.Literal("user_message"),
    text: Text,
    images: Attached,
    local_images: Attached,
    audio: Attached,
    client: Schema.optionalKey(Text),
    elements: Schema.Literals(["none", "null", "[]", "[{}]"])
  }),
  Schema.Struct({
    is: Schema.Literal("token_count"),
    older: Schema.Boolean,
    from: between(0, 1000),
    odd: Schema.optionalKey(Schema.Struct({ at: between(0, 11), value: Odd })),
    window: Count,
    limits: Schema.Literals(["none", "null", '{"limit_id":"codex","primary":{"used_percent":12.5}}'])
  }),
  Schema.Struct({ is: Schema.Literal("task_started"), turn: between(0, 9), at: Count, window: Count }),
  Schema.Struct({ is: Schema.Literal("task_complete"), turn: between(0, 9), at: Count, took: Count, last: Text }),
  Schema.Struct({ is: Schema.Literal("turn_aborted"), turn: between(0, 9) }),
  Schema.Struct({
    is: Schema.Literal("exec_command_end"),
    turn: between(0, 3),
    call: between(0, 1),
    code: between(0, 9)
  }),
  Schema.Struct({
    is: Schema.Literal("turn_context"),
    model: Text,
    cwd: Text,
    effort: Schema.optionalKey(Text),
    reviewer: Schema.optionalKey(Schema.Union([Schema.Literals(["user", "auto_review"]), Text]))
  }),
  Schema.Struct({
    is: Schema.Literal("item"),
    payload: Schema.Literals([
      '{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}',
      '{"type":"message","role":"assistant","content":[{"type":"output_text","text":"yes"}]}',
      '{"type":"message","id":"msg_1","role":"developer","content":[]}',
      '{"type":"function_call","name":"f","arguments":"{}","call_id":"c1"}',
      '{"type":"function_call_output","call_id":"c1","output":"{\\"timestamp\\":1}"}',
      '{"type":"custom_tool_call","call_id":"c2","name":"patch","input":"*** é"}',
      '{"type":"ghost_snapshot","ghost_commit":{"id":"0"}}',
      '{"type":"web_search_call","status":"completed","action":{"type":"search"}}'
    ])
  }),
  Schema.Struct({
    is: Schema.Literal("userItem"),
    text: Schema.Literals(["hello", "Ü", "<environment_context>x", "# AGENTS.md instructions", " x", "7 wonders"])
  }),
  Schema.Struct({ is: Schema.Literal("thread_rolled_back"), turns: between(1, 3) }),
  Schema.Struct({ is: Schema.Literal("compacted") }),
  Schema.Struct({ is: Schema.Literal("context_compacted") })
])

const Twist = Schema.Union([
  Schema.Struct({ does: Schema.Literals(["nothing", "as it is", "still nothing"]) }),
  Schema.Struct({
    does: Schema.Literal("add"),
    at: between(0, 9),
    member: Schema.Literals([
      '"x":null',
      '"x":[1,{"y":"\\""}]',
      '"x":-0.5e-3',
      '"x":01',
      '"type":"agent_message"',
      '"t\\u0079pe":"agent_message"',
      '"te\\u0078t":"other"',
      '"m\\u0065ssage":"other"',
      '"phas\\u0065":"other"',
      '"turn_i\\u0064":"T1"',
      '"__proto__":{"text":"x"}',
      '"text":"again"',
      '"message":"again"',
      '"phase":"final_answer"',
      '"model":"again"',
      '"error":{"message":"broken"}',
      '"carried_over":"00000000-0000-7000-8000-000000000000"',
      "",
      " "
    ])
  }),
  Schema.Struct({ does: Schema.Literal("rotate"), by: between(1, 5) }),
  Schema.Struct({
    does: Schema.Literal("envelope"),
    how: Schema.Literals([
      "a space",
      "spaces around",
      "type first",
      "an ordinal",
      "an ordinal with zeros",
      "a long ordinal",
      "ordinal by name",
      "no time",
      "a short time",
      "a broken time",
      "an escape for time",
      "more behind",
      "a second type",
      "a return",
      "trailing bytes"
    ])
  }),
  Schema.Struct({
    does: Schema.Literal("harm"),
    edits: Schema.NonEmptyArray(
      Schema.Struct({
        at: Schema.Natural,
        how: Schema.Literals(["set", "insert", "delete", "flip"]),
        byte: Schema.Union([
          between(0, 255),
          Schema.Literals([
            0x00, 0x09, 0x22, 0x5c, 0x2c, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d, 0x30, 0x2d, 0x20, 0x80, 0xc0, 0xe0
          ]),
          Schema.Literals([0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80])
        ])
      })
    ).check(Schema.isMaxLength(2))
  }),
  Schema.Struct({ does: Schema.Literal("glue"), cut: Schema.Natural })
])

/** A line and what is wrong with it. */
export const Line = Schema.Struct({ kind: Kind, twist: Twist })
export type Line = typeof Line.Type

type Member = readonly [key: string, json: string]
type Kind = typeof Kind.Type

const counterNames = ["input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens"].concat(
  "reasoning_output_tokens",
  "total_tokens"
)

const usage = ({ from, odd, older }: Extract<Kind, { is: "token_count" }>, first: number): string => {
  const counters = counterNames.flatMap((name, index) => {
    if (older && name.startsWith("cache_write")) return []
    const value = odd?.at === first + index ? odd.value : from === 0 ? 0 : from * (first + index + 1)
    return [`"${name}":${value}`]
  })
  return `{${counters.join(",")}}`
}

const attachedTo = (key: string, attached: typeof Attached.Type): ReadonlyArray<Member> => {
  if (attached === "none") return []
  return [[key, typeof attached === "string" ? attached : `[${attached.map(jsonOf).join(",")}]`]]
}
const optional = (key: string, json: string | undefined): ReadonlyArray<Member> =>
  json === undefined || json === "none" ? [] : [[key, json]]
const textOr = (text: typeof Text.Type | undefined) => (text === undefined ? undefined : jsonOf(text))

const membersOf = (kind: Kind): ReadonlyArray<Member> => {
  switch (kind.is) {
    case "agent_reasoning":
    case "agent_reasoning_raw_content":
      return [["text", jsonOf(kind.text)]]
    case "agent_message":
      return [
        ["message", jsonOf(kind.text)],
        ...optional("phase", textOr(kind.phase)),
        ...optional("memory_citation", kind.citation)
      ]
    case "user_message":
      return [
        ["message", jsonOf(kind.text)],
        ...optional("client_id", textOr(kind.client)),
        ...attachedTo("images", kind.images),
        ...attachedTo("local_images", kind.local_images),
        ...attachedTo("audio", kind.audio),
        ...optional("text_elements", kind.elements)
      ]
    case "token_count": {
      const both = `"total_token_usage":${usage(kind, 0)},"last_token_usage":${usage(kind, 6)}`
      return [["info", `{${both},"model_context_window":${kind.window}}`], ...optional("rate_limits", kind.limits)]
    }
    case "task_started":
      return [
        ["turn_id", `"T${kind.turn}"`],
        ["started_at", String(kind.at)],
        ["model_context_window", String(kind.window)]
      ]
    case "task_complete":
      return [
        ["turn_id", `"T${kind.turn}"`],
        ["last_agent_message", jsonOf(kind.last)],
        ["completed_at", String(kind.at)],
        ["duration_ms", String(kind.took)]
      ]
    case "turn_aborted":
      return [
        ["turn_id", `"T${kind.turn}"`],
        ["reason", '"interrupted"']
      ]
    case "exec_command_end":
      return [
        ["turn_id", `"T${kind.turn}"`],
        ["call_id", `"call-${kind.call}"`],
        ["command", '["ls"]'],
        ["cwd", '"/home/dev"'],
        ["exit_code", String(kind.code)]
      ]
    case "turn_context":
      return [
        ["cwd", jsonOf(kind.cwd)],
        ["approval_policy", '"never"'],
        ["sandbox_policy", '{"type":"read-only"}'],
        ["model", jsonOf(kind.model)],
        ...optional("effort", textOr(kind.effort)),
        ...optional("approvals_reviewer", textOr(kind.reviewer)),
        ["summary", '"auto"']
      ]
    case "thread_rolled_back":
      return [["num_turns", String(kind.turns)]]
    case "compacted":
      return [["message", '"in short"']]
    case "context_compacted":
    case "item":
    case "userItem":
      return []
  }
}

const isItem = (kind: Kind) => kind.is === "item" || kind.is === "userItem"
/** Is all of it looked at when it is skimmed? */
const isWalked = (kind: Kind) => !isItem(kind) && kind.is !== "token_count"

const payloadOf = (kind: Kind, twist: Line["twist"]): string => {
  if (kind.is === "item") return kind.payload
  if (kind.is === "userItem") {
    return `{"type":"message","role":"user","content":[{"type":"input_text","text":${JSON.stringify(kind.text)}}]}`
  }
  const isEvent = kind.is !== "turn_context" && kind.is !== "compacted"
  const all = [...(isEvent ? [`"type":"${kind.is}"`] : []), ...membersOf(kind).map(([key, json]) => `"${key}":${json}`)]
  if (twist.does === "rotate") all.push(...all.splice(0, twist.by % all.length))
  if (twist.does === "add") all.splice(isWalked(kind) ? twist.at : 1, 0, twist.member)
  return `{${all.join(",")}}`
}

const lineTypeOf = (kind: Kind): string => {
  if (isItem(kind)) return "response_item"
  return kind.is === "turn_context" || kind.is === "compacted" ? kind.is : "event_msg"
}

const oddTimes: ReadonlyMap<string, string> = new Map([
  ["a short time", "10:00"],
  ["a broken time", '2026-03-01T10:0"0:00.000Z'],
  ["an escape for time", "2026-03-01T10:00:0\\.000Z"]
])

const enveloped = (line: Line, n: number): string => {
  const { kind, twist } = line
  const how = twist.does === "envelope" ? twist.how : ""
  const payload = payloadOf(kind, twist)
  const type = `"type":"${lineTypeOf(kind)}"`
  const timestamp = `"timestamp":"${oddTimes.get(how) ?? `2026-03-01T10:${String(n % 60).padStart(2, "0")}:00.000Z`}"`
  switch (how) {
    case "a space":
      return `{${timestamp},${type},"payload": ${payload}}`
    case "spaces around":
      return ` {${timestamp},${type},"payload":${payload}} `
    case "type first":
      return `{${type},${timestamp},"payload":${payload}}`
    case "an ordinal":
      return `{${timestamp},"ordinal":${n},${type},"payload":${payload}}`
    case "an ordinal with zeros":
      return `{${timestamp},"ordinal":00${n},${type},"payload":${payload}}`
    case "a long ordinal":
      return `{${timestamp},"ordinal":9007199254740993,${type},"payload":${payload}}`
    case "ordinal by name":
      return `{${timestamp},"ordinal":"${n}",${type},"payload":${payload}}`
    case "no time":
      return `{${type},"payload":${payload}}`
    case "more behind":
      return `{${timestamp},${type},"payload":${payload},"more":{}}`
    case "a second type":
      return `{${timestamp},${type},"payload":${payload}${isWalked(kind) ? ',"type":"compacted","more":{}' : ""}}`
    case "a return":
      return `{${timestamp},${type},"payload":${payload}}\r`
    case "trailing bytes":
      return `{${timestamp},${type},"payload":${payload}}${isWalked(kind) ? "}}" : " "}`
    default:
      return `{${timestamp},${type},"payload":${payload}}`
  }
}

const glued =
  '{"timestamp":"2026-03-01T10:00:00.000Z","type":"response_item","payload":{"type":"function_call_output",' +
  '"call_id":"c1","output":"some words that were never written to their end"}}'

/** How far what is said may be harmed: skimming takes the rest to be sound. */
const soundFrom = (kind: Kind, text: string): number => {
  const behind = kind.is === "token_count" ? text.indexOf('},"rate_limits"') : text.indexOf('"payload":{"type":"') + 25
  return isWalked(kind) || behind < 0 ? text.length : behind
}

const NEWLINE = 0x0a
const encoder = new TextEncoder()

const harmed = (bytes: Uint8Array, twist: Line["twist"], end: number): Uint8Array => {
  if (twist.does !== "harm") return bytes
  let all = Array.from(bytes)
  for (const { at, byte, how } of twist.edits) {
    const place = at % Math.max(1, Math.min(end, all.length))
    const kept = how === "insert" ? all.slice(place) : all.slice(place + 1)
    const made = how === "delete" ? [] : [how === "flip" ? (all[place] ?? 0) ^ byte : byte]
    all = [...all.slice(0, place), ...made.map((one) => (one === NEWLINE ? 0x20 : one)), ...kept]
  }
  return Uint8Array.from(all)
}

/** The bytes of these lines, behind a first line. */
export const linesOf = (lines: ReadonlyArray<Line>, options: Parameters<typeof rollout>[0] = {}): Uint8Array => {
  const first = rollout(options).build().bytes
  const parts = lines.map((line, n) => {
    const text = enveloped(line, n)
    // Two items glued: the first may be torn anywhere.
    const before =
      line.twist.does === "glue" && text.startsWith('{"timestamp"') ? glued.slice(0, line.twist.cut % 200) : ""
    return [...harmed(encoder.encode(before + text), line.twist, soundFrom(line.kind, text)), NEWLINE]
  })
  return Uint8Array.from([...first, ...parts.flat()])
}

/** Takes a rollout into the projection in chunks of `size` bytes, skimming where that goes; how many lines each skimming took. */
export const skimInto = (
  projection: SessionProjection,
  bytes: Uint8Array,
  size = bytes.length
): ReadonlyArray<number> => {
  const scanner = makeLineScanner()
  const taken: Array<number> = []
  for (let at = 0; at < bytes.length; at += size) {
    // The scanner may not keep a chunk: what it was given is overwritten.
    const chunk = bytes.slice(at, at + size)
    scanner.push(
      chunk,
      (raw) => projection.step(readLine(raw), 0),
      (lines, count) => {
        const skimmed = projection.skim(lines, count, 0)
        if (skimmed > 0) taken.push(skimmed)
        return skimmed
      }
    )
    chunk.fill(0x2a)
  }
  scanner.finish((raw) => projection.step(readLine(raw), 0))
  return taken
}
