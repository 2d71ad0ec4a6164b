/**
 * A rollout line, understood: its envelope, and a record by line type.
 *
 * A line that is not understood becomes a {@link Diagnostic}; both keep where the line is, so that its
 * bytes can be copied. What counts as understood decides the `rollout-N` ids of implied turns
 * (docs/codex.md, "Turns").
 */
import { Option, Schema } from "effect"
import type { Diagnostic, DiagnosticReason } from "./Diagnostic.ts"
import { isRecord, type JsonRecord, own, parseExact } from "./Json.ts"
import type { RawLine } from "./LineScanner.ts"
import { decodeEvent, type RolloutEvent } from "./RolloutEvent.ts"
import { fromBare, fromPayload, type SessionMeta } from "./SessionMeta.ts"

/** An item of the model's conversation, whole, as the Responses API spells it. */
export interface ResponseItem {
  readonly type: string
  readonly item: JsonRecord
}

/** Settings of one turn (`turn_context`): what a resumed thread runs under unless told otherwise. */
export const TurnContext = Schema.Struct({
  cwd: Schema.String,
  model: Schema.String,
  effort: Schema.optionalKey(Schema.NullOr(Schema.String)),
  approval_policy: Schema.optionalKey(Schema.Unknown),
  approvals_reviewer: Schema.optionalKey(Schema.Unknown)
})
export type TurnContext = typeof TurnContext.Type

/** A compaction of the model's context. Without `replacement_history` (older files) `message` is the summary. */
export const Compacted = Schema.Struct({
  message: Schema.String,
  replacement_history: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown)))
})
export type Compacted = typeof Compacted.Type

/** What a line says. */
export type RolloutRecord =
  | { readonly _tag: "SessionMeta"; readonly meta: SessionMeta }
  | { readonly _tag: "ResponseItem"; readonly item: ResponseItem }
  /** An item of the bare 2025 format, which has no events beside it. */
  | { readonly _tag: "BareItem"; readonly item: ResponseItem }
  | { readonly _tag: "Event"; readonly event: RolloutEvent }
  | { readonly _tag: "TurnContext"; readonly context: TurnContext }
  | { readonly _tag: "Compacted"; readonly compacted: Compacted }
  /** Understood, and of no use to any projection. */
  | { readonly _tag: "Ignored"; readonly type: string }

export interface RolloutLine {
  /** Counted from 1, unusable lines included. */
  readonly line: number
  /** Bytes before the line, and of the line without its end. */
  readonly offset: number
  readonly length: number
  /** As written; empty in the bare format. */
  readonly timestamp: string
  /** Place in a paginated history; null in event-style files. */
  readonly ordinal: number | null
  readonly record: RolloutRecord
}

/** A line read: the line, or why it is not used, or both (a repaired line). */
export interface ReadLine {
  readonly line: RolloutLine | null
  readonly diagnostics: ReadonlyArray<Diagnostic>
  /** The ordinal that the line takes up, also when the line is not understood; null without one. */
  readonly ordinal: number | null
}

const decodeTurnContext = Schema.decodeUnknownOption(TurnContext)
const decodeCompacted = Schema.decodeUnknownOption(Compacted)

// Which of these Codex requires decides whether the line counts: a sandbox policy of before `type` (0.36) does not.
const hasTurnContext = (payload: JsonRecord): boolean => {
  const sandbox = own(payload, "sandbox_policy")
  return (
    own(payload, "approval_policy") !== undefined &&
    own(payload, "summary") !== undefined &&
    (isRecord(sandbox) ? typeof own(sandbox, "type") === "string" : own(payload, "permission_profile") !== undefined)
  )
}

const ignoredLineTypes: ReadonlySet<string> = new Set(["world_state", "token_usage_record"])

const itemTypes: ReadonlySet<string> = new Set([
  "message",
  "agent_message",
  "reasoning",
  "local_shell_call",
  "function_call",
  "tool_search_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "tool_search_output",
  "web_search_call",
  "image_generation_call",
  "ghost_snapshot",
  "compaction",
  "compaction_summary",
  "context_compaction"
])

// What serde would refuse the item for; deeper faults are the model context's business.
const itemFields: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["message", ["role", "content"]],
  ["reasoning", ["summary"]],
  ["function_call", ["name", "arguments", "call_id"]],
  ["function_call_output", ["call_id", "output"]],
  ["custom_tool_call", ["call_id", "name", "input"]],
  ["custom_tool_call_output", ["call_id", "output"]],
  ["local_shell_call", ["status", "action"]]
])

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decodeStrictly = Option.liftThrowable((bytes: Uint8Array) => strictDecoder.decode(bytes))

const BOM = [0xef, 0xbb, 0xbf]
const isBlank = (text: string): boolean => /^\s*$/.test(text)

type Outcome = { readonly record: RolloutRecord } | { readonly reason: DiagnosticReason; readonly detail: string }

const responseItem = (payload: JsonRecord): ResponseItem | string => {
  const type = own(payload, "type")
  if (typeof type !== "string") return "a response item without a type"
  const missing = itemFields.get(type)?.find((field) => own(payload, field) === undefined)
  return missing === undefined ? { type, item: payload } : `${type} without \`${missing}\``
}

const decodeEventRecord = (payload: JsonRecord): Outcome => {
  const type = own(payload, "type")
  if (typeof type !== "string") return { reason: "invalidPayload", detail: "an event without a type" }
  const decoded = decodeEvent(type, payload)
  switch (decoded._tag) {
    case "Event":
    case "Ignored":
      return { record: decoded }
    case "Unknown":
      return { reason: "unknownEventType", detail: type }
    case "Invalid":
      return { reason: "invalidPayload", detail: `${type}: a required field is missing or of the wrong type` }
  }
}

const decodeRecord = (type: string, payload: JsonRecord): Outcome => {
  switch (type) {
    case "session_meta": {
      const meta = fromPayload(payload)
      return Option.isSome(meta)
        ? { record: { _tag: "SessionMeta", meta: meta.value } }
        : { reason: "invalidPayload", detail: "session_meta: a required field is missing, or `id` is no UUID" }
    }
    case "response_item": {
      const item = responseItem(payload)
      if (typeof item === "string") return { reason: "invalidPayload", detail: item }
      return itemTypes.has(item.type)
        ? { record: { _tag: "ResponseItem", item } }
        : { reason: "unknownItemType", detail: item.type }
    }
    case "event_msg":
      return decodeEventRecord(payload)
    case "turn_context": {
      const context = decodeTurnContext(payload)
      return Option.isSome(context) && hasTurnContext(payload)
        ? { record: { _tag: "TurnContext", context: context.value } }
        : { reason: "invalidPayload", detail: "turn_context: a required field is missing or of the wrong type" }
    }
    case "compacted": {
      const compacted = decodeCompacted(payload)
      return Option.isSome(compacted)
        ? { record: { _tag: "Compacted", compacted: compacted.value } }
        : { reason: "invalidPayload", detail: "compacted: `message` is missing" }
    }
    default:
      return ignoredLineTypes.has(type)
        ? { record: { _tag: "Ignored", type } }
        : { reason: "unknownLineType", detail: type }
  }
}

// The bare format has no envelope: a session line first, then items and state markers.
const decodeBareLine = (value: JsonRecord): Outcome | null => {
  if (own(value, "record_type") !== undefined) return { record: { _tag: "Ignored", type: "record_type" } }
  const item = responseItem(value)
  if (typeof item !== "string" && itemTypes.has(item.type)) return { record: { _tag: "BareItem", item } }
  if (own(value, "type") === undefined && own(value, "id") !== undefined) {
    const meta = fromBare(value)
    if (Option.isSome(meta)) return { record: { _tag: "SessionMeta", meta: meta.value } }
  }
  return null
}

/** Understands one raw line. Total: whatever the bytes, there is an answer. */
export const readLine = (raw: RawLine): ReadLine => {
  const at = { line: raw.line, offset: raw.offset, length: raw.length }
  const because = (reason: DiagnosticReason, detail: string): Diagnostic => ({ reason, ...at, detail })
  if (raw.bytes === null) {
    return { line: null, diagnostics: [because("lineTooLong", `${raw.length} bytes`)], ordinal: null }
  }

  const notes: Array<Diagnostic> = []
  let bytes = raw.bytes
  if (raw.line === 1 && BOM.every((byte, i) => bytes[i] === byte)) {
    notes.push(because("byteOrderMark", "skipped"))
    bytes = bytes.subarray(BOM.length)
  }
  const text = decoder.decode(bytes)
  if (text.includes("\ufffd") && Option.isNone(decodeStrictly(bytes))) {
    notes.push(because("invalidUtf8", "unreadable bytes were replaced"))
  }
  const refuse = (reason: DiagnosticReason, detail: string, ordinal: number | null = null): ReadLine => ({
    line: null,
    diagnostics: [...notes, because(reason, detail)],
    ordinal
  })

  const parsed = parseExact(text)
  if (Option.isNone(parsed)) {
    if (isBlank(text)) return refuse("blank", "")
    if (text.startsWith("\0")) return refuse("nulBytes", `${raw.length} bytes`)
    return raw.end === "" ? refuse("torn", "the last line is cut short") : refuse("malformed", "not JSON")
  }
  const value = parsed.value
  if (!isRecord(value)) return refuse("notAnObject", Array.isArray(value) ? "an array" : String(value))

  const type = own(value, "type")
  const timestamp = own(value, "timestamp")
  const payload = own(value, "payload")
  const found = own(value, "ordinal")
  const ordinal = typeof found === "number" && Number.isSafeInteger(found) && found >= 0 ? found : null
  const done = (outcome: Outcome, stamp: string): ReadLine =>
    "record" in outcome
      ? { line: { ...at, timestamp: stamp, ordinal, record: outcome.record }, diagnostics: notes, ordinal }
      : refuse(outcome.reason, outcome.detail, ordinal)

  if (payload === undefined) {
    const bare = decodeBareLine(value)
    if (bare !== null) return done(bare, "")
  }
  if (typeof timestamp !== "string") return refuse("missingTimestamp", "`timestamp` is missing or no text", ordinal)
  if (typeof type !== "string") return refuse("missingType", "`type` is missing or no text", ordinal)
  if (!isRecord(payload)) return refuse("invalidPayload", `${type}: \`payload\` is missing or no object`, ordinal)
  return done(decodeRecord(type, payload), timestamp)
}
