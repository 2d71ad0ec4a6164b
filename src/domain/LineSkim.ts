/**
 * Skims a line that was looked over: takes of it what the projections need, and leaves everything else unparsed.
 *
 * Which lines can be skimmed, and where in them is what, the table tells (`LineTable.ts`). Whatever is odd about one is left to
 * the full reading (`RolloutLine.readLine`), which alone decides what a line says; the two agree on every line that is
 * taken here (`test/domain/LineSkim.test.ts`).
 */
import type { Searchable } from "./ByteSearch.ts"
import { type Attachment, attachments } from "./ItemPieces.ts"
import { isNull, naturalAt, plainText, standsAt } from "./JsonBytes.ts"
import type { Looked } from "./LineScanner.ts"
import { LineKind, type LineKey, type WholeTurn } from "./LineTable.ts"
import type { RolloutRecord, TurnContext } from "./RolloutLine.ts"

/** What was said: which kind of line told of it. */
export type SaidKind = "agent_reasoning" | "agent_message" | "user_message"

/** What was said in a line, until the next one is skimmed. Places are in the bytes of the line. */
export interface Words {
  kind: SaidKind
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
}

/** A record that only tells of a turn. */
export interface SkimmedRecord {
  readonly timestamp: string
  readonly record: RolloutRecord
}

/** What is known of a whole turn but its items. Times are Unix seconds. */
export interface TurnFacts {
  readonly id: string
  readonly rootTurnId: string | null
  readonly startedAt: number | null
  readonly completedAt: number | null
  readonly durationMs: number | null
}

const encoder = new TextEncoder()
const SANDBOX = encoder.encode('{"type":"')
const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75
const COMMA = 0x2c
const BRACKET = 0x5b
const BRACKET_END = 0x5d

/** Is there a visible character in the string? False also for one that only parsing can tell. */
const isVisible = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from + 1; at < to - 1; at++) {
    const byte = bytes[at] ?? 0
    // Four digits name a character behind the letter.
    if (byte === BACKSLASH) at += bytes[at + 1] === LETTER_U ? 5 : 1
    else if (byte > 0x20 && byte < 0x7f) return true
  }
  return false
}

/** The members of one line. */
class Members {
  readonly bytes: Uint8Array
  private readonly looked: Looked
  private readonly at: number
  constructor(looked: Looked, at = looked.at) {
    this.looked = looked
    this.at = at
    this.bytes = looked.bytes
  }
  from(key: LineKey): number {
    return this.looked.table.memberFrom(this.at, key)
  }
  to(key: LineKey): number {
    return this.looked.table.memberTo(this.at, key)
  }
  /** Is it missing, or null? */
  isAbsent(key: LineKey): boolean {
    const from = this.from(key)
    return from === 0 || isNull(this.bytes, from)
  }
  isText(key: LineKey): boolean {
    const from = this.from(key)
    return from > 0 && this.bytes[from] === QUOTE
  }
  isTextOrAbsent(key: LineKey): boolean {
    return this.isAbsent(key) || this.isText(key)
  }
  /** The string there, if it is short and without escapes; null for anything else. */
  text(key: LineKey): string | null {
    const from = this.from(key)
    return from === 0 ? null : plainText(this.bytes, this.looked.search, from, this.to(key))
  }
  /** The unsigned integer there; null when it is missing or null; undefined for anything else. */
  natural(key: LineKey): number | null | undefined {
    if (this.isAbsent(key)) return null
    const value = naturalAt(this.bytes, this.from(key), this.to(key))
    return value < 0 ? undefined : value
  }
}

/** Skims the lines of one rollout, in order. */
export class LineSkimmer {
  /** What the line said that was skimmed last. */
  readonly words: Words = {
    kind: "agent_message",
    textFrom: 0,
    textTo: 0,
    phaseFrom: 0,
    phaseTo: 0,
    clientIdFrom: 0,
    clientIdTo: 0,
    attached: { images: [], local_images: [], audio: [], local_audio: [] }
  }
  private context: TurnContext | null = null

  /** What was said in the line: true when {@link words} tell it, false when it has to be read. */
  said(looked: Looked): boolean {
    const members = new Members(looked)
    switch (looked.table.kind(looked.at)) {
      case LineKind.agentReasoning:
        this.words.kind = "agent_reasoning"
        return this.takeText(members, "text")
      case LineKind.agentMessage:
        return this.agentMessage(members)
      case LineKind.userMessage:
        return this.userMessage(members, looked)
      default:
        return false
    }
  }

  /** What the line tells of a turn; null when it has to be read. Settings that are as before are the same value. */
  record(looked: Looked): SkimmedRecord | null {
    const { at, bytes, search, table } = looked
    const timestamp = plainText(bytes, search, table.timeFrom(at) - 1, table.timeTo(at) + 1)
    const record = this.recordOf(table.kind(at), new Members(looked))
    return timestamp === null || record === null ? null : { timestamp, record }
  }

  private takeText(members: Members, key: "text" | "message"): boolean {
    this.words.textFrom = members.from(key)
    this.words.textTo = members.to(key)
    return members.isText(key)
  }

  private agentMessage(members: Members): boolean {
    const { words } = this
    words.kind = "agent_message"
    const hasPhase = !members.isAbsent("phase")
    words.phaseFrom = hasPhase ? members.from("phase") : 0
    words.phaseTo = hasPhase ? members.to("phase") : 0
    return members.isTextOrAbsent("phase") && members.isAbsent("memory_citation") && this.takeText(members, "message")
  }

  private userMessage(members: Members, { bytes, search }: Looked): boolean {
    const { words } = this
    words.kind = "user_message"
    if (!this.takeText(members, "message") || !isVisible(bytes, words.textFrom, words.textTo)) return false
    const hasClientId = !members.isAbsent("client_id")
    words.clientIdFrom = hasClientId ? members.from("client_id") : 0
    words.clientIdTo = hasClientId ? members.to("client_id") : 0
    const elements = members.from("text_elements")
    const hasElements = !members.isAbsent("text_elements")
    if (hasElements && (bytes[elements] !== BRACKET || bytes[elements + 1] !== BRACKET_END)) return false
    for (const kind of attachments) {
      const strings = words.attached[kind]
      strings.length = 0
      if (!members.isAbsent(kind) && !takeStrings(bytes, search, members.from(kind), strings)) return false
    }
    return members.isTextOrAbsent("client_id")
  }

  private recordOf(kind: number, members: Members): RolloutRecord | null {
    switch (kind) {
      case LineKind.taskStarted:
        return taskStarted(members)
      case LineKind.taskComplete:
        return taskComplete(members)
      case LineKind.turnContext: {
        const context = turnContext(members)
        if (context === null) return null
        if (this.context === null || !isSame(context, this.context)) this.context = context
        return { _tag: "TurnContext", context: this.context }
      }
      default:
        return null
    }
  }
}

const taskStarted = (members: Members): RolloutRecord | null => {
  const turnId = members.text("turn_id")
  const rootTurnId = members.text("root_turn_id")
  const startedAt = members.natural("started_at")
  if (turnId === null || turnId === "" || startedAt === undefined) return null
  if (rootTurnId === null && !members.isAbsent("root_turn_id")) return null
  if (members.natural("model_context_window") === undefined) return null
  return {
    _tag: "Event",
    event: { type: "task_started", turn_id: turnId, root_turn_id: rootTurnId, started_at: startedAt }
  }
}

const taskComplete = (members: Members): RolloutRecord | null => {
  const turnId = members.text("turn_id")
  const rootTurnId = members.text("root_turn_id")
  const startedAt = members.natural("started_at")
  const completedAt = members.natural("completed_at")
  const durationMs = members.natural("duration_ms")
  if (turnId === null || startedAt === undefined || completedAt === undefined || durationMs === undefined) return null
  if (rootTurnId === null && !members.isAbsent("root_turn_id")) return null
  if (!members.isAbsent("error") || !members.isTextOrAbsent("last_agent_message")) return null
  return {
    _tag: "Event",
    event: {
      type: "task_complete",
      turn_id: turnId,
      root_turn_id: rootTurnId,
      started_at: startedAt,
      completed_at: completedAt,
      duration_ms: durationMs
    }
  }
}

const turnContext = (members: Members): TurnContext | null => {
  const cwd = members.text("cwd")
  const model = members.text("model")
  const effort = members.text("effort")
  if (cwd === null || model === null || (effort === null && !members.isAbsent("effort"))) return null
  const approval = members.text("approval_policy")
  const reviewer = members.text("approvals_reviewer")
  if (approval === null || members.from("summary") === 0) return null
  if (reviewer === null && !members.isAbsent("approvals_reviewer")) return null
  const sandbox = members.from("sandbox_policy")
  if (sandbox === 0 || !standsAt(members.bytes, sandbox, SANDBOX)) return null
  return { cwd, model, effort, approval_policy: approval, approvals_reviewer: reviewer }
}

const isSame = (one: TurnContext, other: TurnContext): boolean =>
  one.cwd === other.cwd &&
  one.model === other.model &&
  one.effort === other.effort &&
  one.approval_policy === other.approval_policy &&
  one.approvals_reviewer === other.approvals_reviewer

/** What the first and the last line of a turn tell that was taken whole: they are as they should be. */
export const turnFacts = (looked: Looked, { begun, ended }: Pick<WholeTurn, "begun" | "ended">): TurnFacts => {
  const [first, last] = [new Members(looked, begun), new Members(looked, ended)]
  return {
    id: first.text("turn_id") ?? "",
    rootTurnId: first.text("root_turn_id"),
    startedAt: first.natural("started_at") ?? null,
    completedAt: last.natural("completed_at") ?? null,
    durationMs: last.natural("duration_ms") ?? null
  }
}

/** The values that decide whether settings are as before, in the kernel's order. */
const settingKeys = ["cwd", "model", "effort", "approval_policy", "approvals_reviewer"] as const

/** What settings may be without. */
const isOptional = (key: (typeof settingKeys)[number]): boolean => key === "effort" || key === "approvals_reviewer"

/** Settings as whole turns are compared with them: each value as JSON, empty where there is none. Null when they cannot be. */
export const referenceOf = (context: TurnContext): ReadonlyArray<Uint8Array> | null => {
  const values: Array<Uint8Array> = []
  for (const key of settingKeys) {
    const value = context[key] ?? null
    if (value === null ? !isOptional(key) : typeof value !== "string") return null
    values.push(value === null ? new Uint8Array(0) : encoder.encode(JSON.stringify(value)))
  }
  return values
}

/** The strings of the list at `from`; false when it is none of strings. It is sound JSON. */
const takeStrings = (bytes: Uint8Array, search: Searchable, from: number, strings: Array<number>): boolean => {
  if (bytes[from] !== BRACKET) return false
  for (let at = from + 1; bytes[at] !== BRACKET_END;) {
    if (bytes[at] !== QUOTE) return false
    let end = search.indexOf(QUOTE, at + 1)
    while (isEscaped(bytes, end)) end = search.indexOf(QUOTE, end + 1)
    strings.push(at, end + 1)
    at = bytes[end + 1] === COMMA ? end + 2 : end + 1
  }
  return true
}

/** Is the byte at `at` behind an odd number of backslashes? */
const isEscaped = (bytes: Uint8Array, at: number): boolean => {
  let from = at
  while (bytes[from - 1] === BACKSLASH) from--
  return (at - from) % 2 === 1
}
