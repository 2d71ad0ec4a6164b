/**
 * Knows a rollout line by its first bytes: its time, its ordinal, what it is. So what no projection reads is not parsed:
 * reasoning, tool calls and their outputs are most of a rollout's bytes.
 *
 * A head is only that of a line written as Codex writes it; any other line is read in full. Whether the rest of the line
 * is sound is not looked at, but for its end. Measured in docs/performance.md ("Reading").
 */
import { searchable, type Searchable } from "./ByteSearch.ts"
import { naturalAt, standsAt } from "./JsonBytes.ts"

const encoder = new TextEncoder()
// It cannot stand inside a string unescaped: where it does stand, a line begins.
const GLUED = encoder.encode('{"timestamp":')
const OPENING = encoder.encode('{"timestamp":"')
const ORDINAL = encoder.encode('"ordinal":')
const TYPE = encoder.encode('"type":"')
const PAYLOAD = encoder.encode('","payload":{')
const QUOTED_ID = encoder.encode(',"id":"')
const QUOTED_ROLE = encoder.encode(',"role":"')

const QUOTE = 0x22
const COMMA = 0x2c
const CLOSE = 0x7d
const BACKSLASH = 0x5c
const longestTimestamp = 40

/** Words of the wire by how they are spelled in bytes, found without making a string. */
export class Words {
  private readonly words: ReadonlyArray<string>
  private readonly byLength: Array<Array<{ readonly bytes: Uint8Array; readonly index: number }>> = []
  constructor(words: ReadonlyArray<string>) {
    this.words = words
    for (let length = 0; length <= 40; length++) this.byLength.push([])
    for (const [index, word] of words.entries()) {
      this.byLength[word.length]?.push({ bytes: encoder.encode(word), index })
    }
  }
  /** Which word stands between `from` and `to`; -1 when it is none of these. */
  indexAt(bytes: Uint8Array, from: number, to: number): number {
    const candidates = this.byLength[to - from]
    if (candidates === undefined) return -1
    for (const entry of candidates) if (standsAt(bytes, from, entry.bytes)) return entry.index
    return -1
  }
  /** The word between `from` and `to`; empty when it is none of these. */
  at(bytes: Uint8Array, from: number, to: number): string {
    return this.words[this.indexAt(bytes, from, to)] ?? ""
  }
}

const lineTypes = new Words(["response_item", "event_msg", "turn_context"])
const payloadTypes = new Words([
  "reasoning",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "local_shell_call",
  "web_search_call",
  "image_generation_call",
  "ghost_snapshot",
  "message",
  "agent_reasoning",
  "agent_message",
  "user_message",
  "token_count",
  "task_started",
  "task_complete"
])
const roles = new Words(["assistant", "developer", "system", "user"])

// What a user said is read: it opens turns, and makes the preview.
const opaqueTypes: ReadonlySet<string> = new Set([
  "reasoning",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "local_shell_call",
  "web_search_call",
  "image_generation_call",
  "ghost_snapshot"
])
const opaqueRoles: ReadonlySet<string> = new Set(["assistant", "developer", "system"])

/** What the head of a line says; places are in the bytes that it was read from. Filled anew for each line. */
export interface LineHead {
  start: number
  timestampFrom: number
  timestampTo: number
  /** -1 without one. */
  ordinal: number
  /** `response_item`, `event_msg` or `turn_context`. */
  line: string
  /** The payload's type; empty for a kind that has to be read in full, and for a `turn_context`, which has none. */
  type: string
  /** Of a message: who speaks; empty when that has to be read. */
  role: string
  /** Where the payload's first member begins. */
  payload: number
  /** Behind the last part of the head. */
  end: number
}

export const makeHead = (): LineHead => ({
  start: 0,
  timestampFrom: 0,
  timestampTo: 0,
  ordinal: -1,
  line: "",
  type: "",
  role: "",
  payload: 0,
  end: 0
})

/** End of a run of printable ASCII from `at` on that ends with a quote, the quote left out; -1 when none ends soon. */
const plainEnd = (bytes: Uint8Array, at: number, longest: number): number => {
  for (let next = at; next <= at + longest; next++) {
    const byte = bytes[next] ?? 0
    if (byte === QUOTE) return next
    if (byte === BACKSLASH || byte < 0x20 || byte > 0x7e) return -1
  }
  return -1
}

/** Reads the head of the line that lies between `from` and `to`. False when it is none that is known. */
export const readHead = (bytes: Uint8Array, from: number, to: number, head: LineHead): boolean => {
  if (to - from < 64 || bytes[to - 1] !== CLOSE || bytes[to - 2] !== CLOSE || !standsAt(bytes, from, OPENING)) {
    return false
  }
  head.start = from
  head.timestampFrom = from + OPENING.length
  head.timestampTo = plainEnd(bytes, head.timestampFrom, longestTimestamp)
  let at = head.timestampTo + 1
  if (head.timestampTo <= head.timestampFrom || bytes[at] !== COMMA) return false
  at++
  head.ordinal = -1
  if (standsAt(bytes, at, ORDINAL)) {
    const digits = at + ORDINAL.length
    let end = digits
    while (bytes[end] !== COMMA && end < digits + 16) end++
    head.ordinal = naturalAt(bytes, digits, end)
    if (head.ordinal < 0) return false
    at = end + 1
  }
  if (!standsAt(bytes, at, TYPE)) return false
  at += TYPE.length
  const lineEnd = plainEnd(bytes, at, 16)
  if (lineEnd < 0 || !standsAt(bytes, lineEnd, PAYLOAD)) return false
  head.line = lineTypes.at(bytes, at, lineEnd)
  head.payload = lineEnd + PAYLOAD.length
  head.end = head.payload
  head.type = ""
  head.role = ""
  if (head.line === "") return false
  if (head.line === "turn_context") return true
  if (!standsAt(bytes, head.payload, TYPE)) return false
  at = head.payload + TYPE.length
  const typeEnd = plainEnd(bytes, at, 32)
  if (typeEnd < 0) return false
  head.type = payloadTypes.at(bytes, at, typeEnd)
  head.end = typeEnd + 1
  if (head.type === "message") readRole(bytes, head)
  return head.type !== ""
}

const readRole = (bytes: Uint8Array, head: LineHead): void => {
  let at = head.end
  if (standsAt(bytes, at, QUOTED_ID)) {
    const end = plainEnd(bytes, at + QUOTED_ID.length, 200)
    if (end < 0) return
    at = end + 1
  }
  if (!standsAt(bytes, at, QUOTED_ROLE)) return
  const from = at + QUOTED_ROLE.length
  const end = plainEnd(bytes, from, 16)
  if (end < 0) return
  head.role = roles.at(bytes, from, end)
  head.end = end + 1
}

/** Is the line an item that no projection reads? */
export const isOpaque = (head: LineHead): boolean =>
  head.line === "response_item" && (head.type === "message" ? opaqueRoles.has(head.role) : opaqueTypes.has(head.type))

/**
 * Tells which lines are torn inside: glued to the line behind them, or with bytes that were never written. Asked for the
 * lines of a chunk in order, it passes over each chunk once.
 */
export class Soundness {
  private chunk: Uint8Array | null = null
  private search: Searchable | null = null
  private lastFrom = -1
  private nextLine = 0
  private hasNul = false

  /** Is what lies between `from` and `to` one line? */
  isOneLine(bytes: Uint8Array, from: number, to: number): boolean {
    // Going back means other bytes in the same memory.
    if (this.chunk !== bytes || this.search === null || from <= this.lastFrom) {
      this.chunk = bytes
      this.search = searchable(bytes)
      this.nextLine = 0
      this.hasNul = this.search.indexOf(0, 0) >= 0
    }
    if (this.hasNul && bytes.subarray(from, to).includes(0)) return false
    this.lastFrom = from
    if (this.nextLine <= from) {
      const at = this.search.indexOfAll(GLUED, from + 1)
      this.nextLine = at < 0 ? Number.POSITIVE_INFINITY : at
    }
    return this.nextLine >= to
  }
}

/** What a glance at a whole line tells. */
export interface Glance {
  readonly timestamp: string
  readonly ordinal: number | null
  /** The item's type. */
  readonly type: string
  /** Of a message: `assistant`, `developer` or `system`; null of another item. */
  readonly role: string | null
}

const decoder = new TextDecoder("latin1")

/** Glances at a line. Null when it has to be read. */
export const glance = (bytes: Uint8Array): Glance | null => {
  const head = makeHead()
  if (!readHead(bytes, 0, bytes.length, head) || !isOpaque(head)) return null
  if (!new Soundness().isOneLine(bytes, 0, bytes.length)) return null
  const { ordinal, role, timestampFrom, timestampTo, type } = head
  return {
    timestamp: decoder.decode(bytes.subarray(timestampFrom, timestampTo)),
    ordinal: ordinal < 0 ? null : ordinal,
    type,
    role: role === "" ? null : role
  }
}
