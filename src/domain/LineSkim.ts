/**
 * Skims a line: finds in its bytes what the projections need, and leaves everything else unparsed.
 *
 * Most lines of a rollout are of a few kinds, written by programs, always the same way. Those are known here; whatever
 * looks different in any respect is left to the full reading (`RolloutLine.readLine`), which alone decides what a line
 * says. The two agree on every sound line that is taken here (`test/domain/LineSkim.test.ts`); of items that no projection
 * reads, and behind the figures of usage, soundness is taken from the head and the end. Measured in docs/performance.md.
 */
import { naturalAt, isNull, plainText, standsAt, stringEnd, valueEnd } from "./JsonBytes.ts"
import { isOpaque, makeHead, readHead, Soundness, Words } from "./LineHead.ts"
import type { RolloutRecord } from "./RolloutLine.ts"

/** What a line turned out to be. `record`: read whole, see {@link LineSkim.record}. */
export type SkimmedKind =
  | "opaque"
  | "fromUser"
  | "agent_reasoning"
  | "agent_message"
  | "user_message"
  | "token_count"
  | "record"

/** Two usages and a window, in tokens: the six counters of `total`, those of `last`, the window (-1: none). */
export type Counts = Float64Array

/** Where the counters of `last`, and the window, are among {@link Counts}. */
export const LAST_AT = 6
export const WINDOW_AT = 12

/** What was found in a line, until the next one is skimmed. Places are in the bytes of the line. */
export interface LineSkim {
  kind: SkimmedKind
  /** -1 without one. */
  ordinal: number
  /** Of an opaque item: its type, and who speaks in a message (empty in another item). */
  type: string
  role: string
  /** The text of a message or of reasoning, with its quotes. */
  textFrom: number
  textTo: number
  /** Of an agent's message: the phase with its quotes; both 0 without one. */
  phaseFrom: number
  phaseTo: number
  /** Of a user's message: the client's id with its quotes; both 0 without one. */
  clientIdFrom: number
  clientIdTo: number
  /** Of a user's message: beginnings and ends of strings with their quotes, one after the other, by kind of attachment. */
  readonly attached: Readonly<Record<Attachment, Array<number>>>
  /** Of a `token_count`. */
  readonly counts: Counts
  timestamp: string
  record: RolloutRecord | null
}

/** What may be sent beside a text, in the order in which items show it. */
export const attachments = ["images", "local_images", "audio", "local_audio"] as const
export type Attachment = (typeof attachments)[number]

const keys = [
  "type",
  "text",
  "message",
  "phase",
  "memory_citation",
  "client_id",
  ...attachments,
  "text_elements",
  "turn_id",
  "root_turn_id",
  "started_at",
  "completed_at",
  "duration_ms",
  "error",
  "last_agent_message",
  "model_context_window",
  "cwd",
  "model",
  "effort",
  "approval_policy",
  "approvals_reviewer",
  "summary",
  "sandbox_policy",
  "permission_profile"
] as const
type Key = (typeof keys)[number]

const encoder = new TextEncoder()
// A `token_count` as it is usually written.
const INFO = encoder.encode(',"info":{"total_token_usage":{')
const usageKeys = [
  '"input_tokens":',
  ',"cached_input_tokens":',
  ',"cache_write_input_tokens":',
  ',"output_tokens":',
  ',"reasoning_output_tokens":',
  ',"total_tokens":'
].map((key) => encoder.encode(key))
const CACHE_WRITE = 2
const TOTAL = 5
const LAST_USAGE = encoder.encode('},"last_token_usage":{')
const WINDOW = encoder.encode('},"model_context_window":')
const LIMITS = encoder.encode('},"rate_limits":')
const NONE = new Uint8Array(0)
const SANDBOX = encoder.encode('{"type":"')
const USER_TEXT = encoder.encode(',"content":[{"type":"input_text","text":"')

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACE = 0x20
const LETTER_N = 0x6e
const COMMA = 0x2c
const COLON = 0x3a
const ZERO = 0x30
const OPEN = 0x7b
const CLOSE = 0x7d
const BRACKET = 0x5b
const BRACKET_END = 0x5d

/** A key may be spelled with escapes, and then is one of those that are looked for under another look. */
const hasEscape = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (bytes[at] === BACKSLASH) return true
  return false
}

/** Members of one object, by the place of their values. */
class Members<K extends string> {
  private readonly words: Words
  private readonly names: ReadonlyArray<K>
  private readonly froms: Int32Array
  private readonly tos: Int32Array
  constructor(names: ReadonlyArray<K>) {
    this.names = names
    this.words = new Words(names)
    this.froms = new Int32Array(names.length)
    this.tos = new Int32Array(names.length)
  }
  /** Takes the members from `at` on, which is at the object's bracket or at a comma in it; the end of it, or -1. */
  take(bytes: Uint8Array, at: number, to: number): number {
    this.froms.fill(0)
    let next = at
    if (bytes[next] === OPEN && bytes[next + 1] === CLOSE) return next + 2
    while (bytes[next] === COMMA || (next === at && bytes[next] === OPEN)) {
      const key = next + 1
      const keyEnd = stringEnd(bytes, key, to)
      if (keyEnd < 0 || bytes[keyEnd] !== COLON) return -1
      const end = valueEnd(bytes, keyEnd + 1, to)
      if (end < 0) return -1
      const index = this.words.indexAt(bytes, key + 1, keyEnd - 1)
      if (index >= 0) {
        this.froms[index] = keyEnd + 1
        this.tos[index] = end
      } else if (hasEscape(bytes, key, keyEnd)) return -1
      next = end
    }
    return bytes[next] === CLOSE ? next + 1 : -1
  }
  from(name: K): number {
    return this.froms[this.names.indexOf(name)] ?? 0
  }
  to(name: K): number {
    return this.tos[this.names.indexOf(name)] ?? 0
  }
  /** Is it missing, or null? */
  isAbsent(bytes: Uint8Array, name: K): boolean {
    const from = this.from(name)
    return from === 0 || isNull(bytes, from)
  }
  /** The string there, if it is short and without escapes; null for anything else. */
  text(bytes: Uint8Array, name: K): string | null {
    const from = this.from(name)
    return from === 0 ? null : plainText(bytes, from, this.to(name))
  }
  /** The unsigned integer there; null when it is missing or null; undefined for anything else. */
  natural(bytes: Uint8Array, name: K): number | null | undefined {
    if (this.isAbsent(bytes, name)) return null
    const value = naturalAt(bytes, this.from(name), this.to(name))
    return value < 0 ? undefined : value
  }
}

/** Is there a visible character in the string? False also for one that only parsing can tell. */
const isVisible = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from + 1; at < to - 1; at++) {
    const byte = bytes[at] ?? 0
    if (byte === BACKSLASH) at++
    else if (byte > 0x20 && byte < 0x7f) return true
  }
  return false
}

/** Skims the lines of one rollout, in order. */
export class LineSkimmer {
  readonly found: LineSkim = {
    kind: "opaque",
    ordinal: -1,
    type: "",
    role: "",
    textFrom: 0,
    textTo: 0,
    phaseFrom: 0,
    phaseTo: 0,
    clientIdFrom: 0,
    clientIdTo: 0,
    attached: { images: [], local_images: [], audio: [], local_audio: [] },
    counts: new Float64Array(WINDOW_AT + 1),
    timestamp: "",
    record: null
  }
  private readonly head = makeHead()
  private readonly soundness = new Soundness()
  private readonly members = new Members<Key>(keys)
  /** How far the figures of a `token_count` are read. */
  private at = 0

  /** True when the line between `from` and `to` is understood: {@link found} says what it is. */
  skim(bytes: Uint8Array, from: number, to: number): boolean {
    const { found, head } = this
    if (!readHead(bytes, from, to, head)) return false
    found.ordinal = head.ordinal
    found.type = head.type
    found.role = head.role
    if (head.line === "response_item") {
      if (isOpaque(head)) found.kind = "opaque"
      else if (head.type === "message" && head.role === "user" && this.isUsersOwn(bytes)) found.kind = "fromUser"
      else return false
      return this.soundness.isOneLine(bytes, from, to)
    }
    if (head.type === "token_count") return this.figures(bytes, to)
    return this.readMembers(bytes, to) && this.readRecord(bytes)
  }

  // What Codex puts in under the user's name begins with a bracket or a heading, behind white space or none.
  private isUsersOwn(bytes: Uint8Array): boolean {
    let at = this.head.end
    if (!standsAt(bytes, at, USER_TEXT)) return false
    at += USER_TEXT.length
    while (bytes[at] === SPACE || (bytes[at] === BACKSLASH && bytes[at + 1] === LETTER_N)) {
      at += bytes[at] === SPACE ? 1 : 2
    }
    const first = bytes[at] ?? 0
    return (first >= 0x30 && first <= 0x39) || (first >= 0x41 && first <= 0x5a) || (first >= 0x61 && first <= 0x7a)
  }

  private readMembers(bytes: Uint8Array, to: number): boolean {
    const { head, members } = this
    const at = head.line === "turn_context" ? head.payload - 1 : head.end
    // A second `type` would count more than the one in the head.
    return members.take(bytes, at, to) === to - 1 && (head.line === "turn_context" || members.from("type") === 0)
  }

  private readRecord(bytes: Uint8Array): boolean {
    const { found, head, members } = this
    if (head.line === "turn_context") return this.turnContext(bytes)
    switch (head.type) {
      case "agent_reasoning":
        found.kind = "agent_reasoning"
        return this.takeText(bytes, "text")
      case "agent_message": {
        found.kind = "agent_message"
        const hasPhase = !members.isAbsent(bytes, "phase")
        found.phaseFrom = hasPhase ? members.from("phase") : 0
        found.phaseTo = hasPhase ? members.to("phase") : 0
        return (
          (!hasPhase || bytes[found.phaseFrom] === QUOTE) &&
          members.isAbsent(bytes, "memory_citation") &&
          this.takeText(bytes, "message")
        )
      }
      case "user_message":
        return this.userMessage(bytes)
      case "task_started":
        return this.taskStarted(bytes)
      case "task_complete":
        return this.taskComplete(bytes)
      default:
        return false
    }
  }

  private takeText(bytes: Uint8Array, key: "text" | "message"): boolean {
    const from = this.members.from(key)
    this.found.textFrom = from
    this.found.textTo = this.members.to(key)
    return from > 0 && bytes[from] === QUOTE
  }

  private userMessage(bytes: Uint8Array): boolean {
    const { found, members } = this
    found.kind = "user_message"
    if (!this.takeText(bytes, "message") || !isVisible(bytes, found.textFrom, found.textTo)) return false
    const hasClientId = !members.isAbsent(bytes, "client_id")
    found.clientIdFrom = hasClientId ? members.from("client_id") : 0
    found.clientIdTo = hasClientId ? members.to("client_id") : 0
    if (hasClientId && bytes[found.clientIdFrom] !== QUOTE) return false
    const hasElements = !members.isAbsent(bytes, "text_elements")
    const elements = members.from("text_elements")
    if (hasElements && (bytes[elements] !== BRACKET || bytes[elements + 1] !== BRACKET_END)) return false
    for (const kind of attachments) {
      const strings = found.attached[kind]
      strings.length = 0
      if (!members.isAbsent(bytes, kind) && !this.takeStrings(bytes, kind, strings)) return false
    }
    return true
  }

  private takeStrings(bytes: Uint8Array, kind: Attachment, strings: Array<number>): boolean {
    let at = this.members.from(kind)
    const to = this.members.to(kind)
    if (bytes[at] !== BRACKET) return false
    if (bytes[at + 1] === BRACKET_END) return true
    while (bytes[at] !== BRACKET_END) {
      const end = stringEnd(bytes, at + 1, to)
      if (end < 0) return false
      strings.push(at + 1, end)
      at = end
    }
    return true
  }

  /** Figures as they are usually written; what follows them is not looked at. */
  private figures(bytes: Uint8Array, to: number): boolean {
    const { found, head } = this
    found.kind = "token_count"
    this.at = head.end
    const known =
      this.pass(bytes, INFO) &&
      this.usage(bytes, 0) &&
      this.pass(bytes, LAST_USAGE) &&
      this.usage(bytes, LAST_AT) &&
      this.pass(bytes, WINDOW)
    if (!known) return false
    const window = this.natural(bytes)
    if (window < 0) return false
    found.counts[WINDOW_AT] = window
    const isLast = bytes[this.at] === CLOSE && this.at + 3 === to
    return (isLast || standsAt(bytes, this.at, LIMITS)) && this.soundness.isOneLine(bytes, head.start, to)
  }

  private usage(bytes: Uint8Array, at: number): boolean {
    const { counts } = this.found
    let parts = 0
    for (let index = 0; index < usageKeys.length; index++) {
      const key = usageKeys[index] ?? NONE
      // Older records have no such counter.
      if (index === CACHE_WRITE && !standsAt(bytes, this.at, key)) {
        counts[at + index] = 0
        continue
      }
      if (!this.pass(bytes, key)) return false
      const count = this.natural(bytes)
      if (count < 0) return false
      counts[at + index] = count
      if (index < TOTAL) parts += count
    }
    // A total without parts is a guess, and has rules of its own.
    return parts > 0 || counts[at + TOTAL] === 0
  }

  private pass(bytes: Uint8Array, word: Uint8Array): boolean {
    if (!standsAt(bytes, this.at, word)) return false
    this.at += word.length
    return true
  }

  private natural(bytes: Uint8Array): number {
    let value = 0
    const from = this.at
    let digit = (bytes[from] ?? 0) - ZERO
    while (digit >= 0 && digit <= 9 && this.at - from < 15) {
      value = value * 10 + digit
      digit = (bytes[++this.at] ?? 0) - ZERO
    }
    const isNumber = this.at > from && !(digit >= 0 && digit <= 9) && (this.at === from + 1 || bytes[from] !== ZERO)
    return isNumber ? value : -1
  }

  private taskStarted(bytes: Uint8Array): boolean {
    const { members } = this
    const turnId = members.text(bytes, "turn_id")
    const rootTurnId = members.text(bytes, "root_turn_id")
    const startedAt = members.natural(bytes, "started_at")
    const hasRoot = !members.isAbsent(bytes, "root_turn_id")
    if (turnId === null || turnId === "" || startedAt === undefined || (hasRoot && rootTurnId === null)) return false
    if (members.natural(bytes, "model_context_window") === undefined) return false
    return this.takeRecord(bytes, {
      _tag: "Event",
      event: { type: "task_started", turn_id: turnId, root_turn_id: rootTurnId, started_at: startedAt }
    })
  }

  private taskComplete(bytes: Uint8Array): boolean {
    const { members } = this
    const turnId = members.text(bytes, "turn_id")
    const rootTurnId = members.text(bytes, "root_turn_id")
    const startedAt = members.natural(bytes, "started_at")
    const completedAt = members.natural(bytes, "completed_at")
    const durationMs = members.natural(bytes, "duration_ms")
    const message = members.from("last_agent_message")
    if (turnId === null || startedAt === undefined) return false
    if (completedAt === undefined || durationMs === undefined) return false
    if (rootTurnId === null && !members.isAbsent(bytes, "root_turn_id")) return false
    if (!members.isAbsent(bytes, "error")) return false
    if (!members.isAbsent(bytes, "last_agent_message") && bytes[message] !== QUOTE) return false
    return this.takeRecord(bytes, {
      _tag: "Event",
      event: {
        type: "task_complete",
        turn_id: turnId,
        root_turn_id: rootTurnId,
        started_at: startedAt,
        completed_at: completedAt,
        duration_ms: durationMs
      }
    })
  }

  private turnContext(bytes: Uint8Array): boolean {
    const { members } = this
    const cwd = members.text(bytes, "cwd")
    const model = members.text(bytes, "model")
    const effort = members.text(bytes, "effort")
    if (cwd === null || model === null || (effort === null && !members.isAbsent(bytes, "effort"))) return false
    const approval = members.text(bytes, "approval_policy")
    const reviewer = members.text(bytes, "approvals_reviewer")
    if (approval === null || members.from("summary") === 0) return false
    if (reviewer === null && !members.isAbsent(bytes, "approvals_reviewer")) return false
    const sandbox = members.from("sandbox_policy")
    if (sandbox === 0 || !standsAt(bytes, sandbox, SANDBOX)) return false
    return this.takeRecord(bytes, {
      _tag: "TurnContext",
      context: { cwd, model, effort, approval_policy: approval, approvals_reviewer: reviewer }
    })
  }

  private takeRecord(bytes: Uint8Array, record: RolloutRecord): boolean {
    const { found, head } = this
    const timestamp = plainText(bytes, head.timestampFrom - 1, head.timestampTo + 1)
    found.kind = "record"
    found.record = record
    found.timestamp = timestamp ?? ""
    return timestamp !== null
  }
}
