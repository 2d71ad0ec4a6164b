/**
 * What a running turn adds to its rollout, in both ways of keeping history: event style (`legacy`) and
 * completed items (`paginated`). Pure: the journal gives the records their time and ordinal.
 *
 * Whatever is written here is read back by `TurnHistory`, `UsageHistory` and `ModelContext`; clients are told
 * of items in the form that a later read will show. Source: docs/codex.md, "Rollout lines" and "Events".
 */
import { INTERRUPTION_NOTICE } from "./ForkLines.ts"
import type { ThreadId, TurnId } from "./Ids.ts"
import { integerToJson, isRecord, type JsonRecord, own } from "./Json.ts"
import * as PersistedSettings from "./PersistedSettings.ts"
import type { HistoryMode } from "./Thread.ts"
import type { UserInput } from "./ThreadItem.ts"
import type { ThreadSettings } from "./ThreadSettings.ts"
import type { TokenUsage } from "./TokenUsage.ts"

/** A line without its envelope. */
export interface RecordDraft {
  readonly type: "session_meta" | "response_item" | "event_msg" | "turn_context" | "compacted" | "token_usage_record"
  readonly payload: JsonRecord
}

/** Where the records of a turn belong. */
export interface TurnPlace {
  readonly mode: HistoryMode
  readonly threadId: ThreadId
  readonly turnId: TurnId
}

/** When an item began and ended, in Unix milliseconds. */
export interface Span {
  readonly startedAt: number
  readonly completedAt: number
}

/** An error as `task_complete` records it: its code in snake_case, or an object tagged by it. */
export interface RecordedError {
  readonly message: string
  readonly codex_error_info: unknown
}

const event = (payload: JsonRecord): RecordDraft => ({ type: "event_msg", payload })
const item = (payload: JsonRecord): RecordDraft => ({ type: "response_item", payload })
const seconds = (millis: number): number => Math.floor(millis / 1000)
const duration = ({ completedAt, startedAt }: Span): JsonRecord => {
  const millis = Math.max(0, completedAt - startedAt)
  return { secs: Math.floor(millis / 1000), nanos: (millis % 1000) * 1_000_000 }
}

/** A completed item of a paginated history. `core` is tagged by its kind in PascalCase. */
const completed = (place: TurnPlace, core: JsonRecord, span: Span): RecordDraft =>
  event({
    type: "item_completed",
    thread_id: place.threadId,
    turn_id: place.turnId,
    item: core,
    started_at_ms: span.startedAt,
    completed_at_ms: span.completedAt
  })

const snakeElement = (element: unknown): unknown => {
  const byteRange = isRecord(element) ? own(element, "byteRange") : undefined
  if (!isRecord(element) || byteRange === undefined) return element
  return { byte_range: byteRange, placeholder: own(element, "placeholder") ?? null }
}

const corePart = (part: UserInput): JsonRecord => {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text, text_elements: part.text_elements.map(snakeElement) }
    case "image":
      return {
        type: "image",
        ...(part.url === undefined ? { file_id: part.fileId } : { image_url: part.url }),
        ...(part.detail === null ? {} : { detail: part.detail })
      }
    case "localImage":
      return { type: "local_image", path: part.path, ...(part.detail === null ? {} : { detail: part.detail }) }
    case "audio":
      return { type: "audio", ...(part.url === undefined ? { file_id: part.fileId } : { audio_url: part.url }) }
    case "localAudio":
      return { type: "local_audio", path: part.path }
    case "skill":
    case "mention":
      return { type: part.type, name: part.name, path: part.path }
  }
}

// What the model is sent of a part. Files on the user's machine are named, not read: an agent that can read them may.
const modelPart = (part: UserInput): JsonRecord => {
  switch (part.type) {
    case "text":
      return { type: "input_text", text: part.text }
    case "image":
      return { type: "input_image", ...(part.url === undefined ? { file_id: part.fileId } : { image_url: part.url }) }
    case "audio":
      return { type: "input_text", text: `[audio: ${part.url ?? part.fileId ?? ""}]` }
    case "localImage":
    case "localAudio":
    case "skill":
    case "mention":
      return { type: "input_text", text: `[${part.type}: ${part.path}]` }
  }
}

const values = <K extends UserInput["type"], A>(
  input: ReadonlyArray<UserInput>,
  type: K,
  pick: (part: Extract<UserInput, { readonly type: K }>) => A | undefined
): ReadonlyArray<A> =>
  input.flatMap((part) => {
    const value = isOf(part, type) ? pick(part) : undefined
    return value === undefined ? [] : [value]
  })

const isOf = <K extends UserInput["type"]>(
  part: UserInput,
  type: K
): part is Extract<UserInput, { readonly type: K }> => part.type === type

/** The turn begins, under these settings. */
export const turnStarted = (
  place: TurnPlace,
  startedAt: number,
  settings: ThreadSettings
): ReadonlyArray<RecordDraft> => [
  event({
    type: "task_started",
    turn_id: place.turnId,
    root_turn_id: place.turnId,
    started_at: seconds(startedAt),
    model_context_window: settings.modelContextWindow === null ? null : integerToJson(settings.modelContextWindow),
    collaboration_mode_kind: "default"
  }),
  { type: "turn_context", payload: PersistedSettings.turnContext(place.turnId, settings) }
]

/** The thread's settings changed: these hold from now on. */
export const settingsApplied = (threadId: ThreadId, settings: ThreadSettings): RecordDraft =>
  event({
    type: "thread_settings_applied",
    thread_id: threadId,
    thread_settings: PersistedSettings.toRollout(settings)
  })

/** What the user says: the model's item, and the user's. */
export const userMessage = (
  place: TurnPlace,
  id: string,
  input: ReadonlyArray<UserInput>,
  clientId: string | null,
  at: number
): ReadonlyArray<RecordDraft> => {
  const forModel = item({ type: "message", role: "user", content: input.map(modelPart) })
  const named = clientId === null ? {} : { client_id: clientId }
  if (place.mode === "paginated") {
    const core = { type: "UserMessage", id, ...named, content: input.map(corePart) }
    return [forModel, completed(place, core, { startedAt: at, completedAt: at })]
  }
  return [
    forModel,
    event({
      type: "user_message",
      message: values(input, "text", (part) => part.text).join("\n"),
      ...named,
      images: values(input, "image", (part) => part.url),
      local_images: values(input, "localImage", (part) => part.path),
      text_elements: values(input, "text", (part) => part.text_elements.map(snakeElement)).flat()
    })
  ]
}

/** What the agent says. */
export const agentMessage = (
  place: TurnPlace,
  id: string,
  text: string,
  phase: string | null,
  span: Span
): ReadonlyArray<RecordDraft> => {
  const spoken = phase === null ? {} : { phase }
  const forModel = item({ type: "message", role: "assistant", content: [{ type: "output_text", text }], ...spoken })
  return place.mode === "paginated"
    ? [completed(place, { type: "AgentMessage", id, content: [{ type: "Text", text }], ...spoken }, span), forModel]
    : [event({ type: "agent_message", message: text, phase, memory_citation: null }), forModel]
}

/** What the agent thought, as far as it may be shown: one text a paragraph. */
export const reasoning = (
  place: TurnPlace,
  id: string,
  summary: ReadonlyArray<string>,
  encrypted: ReadonlyArray<string>,
  span: Span
): ReadonlyArray<RecordDraft> => {
  const parts = summary.map((text) => ({ type: "summary_text", text }))
  // Each opaque blob is one item of the model's; the summaries go with the first.
  const forModel = encrypted.map((encrypted_content, at) =>
    item({ type: "reasoning", summary: at === 0 ? parts : [], content: null, encrypted_content })
  )
  return place.mode === "paginated"
    ? [completed(place, { type: "Reasoning", id, summary_text: summary, raw_content: [] }, span), ...forModel]
    : [...summary.map((text) => event({ type: "agent_reasoning", text })), ...forModel]
}

/** Reasoning of which nothing may be shown: the model's item only. */
export const opaqueReasoning = (encrypted: string): ReadonlyArray<RecordDraft> => [
  item({ type: "reasoning", summary: [], content: null, encrypted_content: encrypted })
]

/** A tool is called: the model's item of it. */
export const toolCall = (id: string, name: string, args: unknown): ReadonlyArray<RecordDraft> => [
  item({ type: "function_call", name, arguments: JSON.stringify(args ?? {}), call_id: id })
]

/** How a tool's call ended. `output` is what the model is told; null when there is nothing to tell it any more. */
export interface ToolOutcome {
  readonly id: string
  readonly name: string
  readonly arguments: unknown
  readonly output: string | null
  readonly success: boolean
}

/** A tool has answered, or will not any more. */
export const toolResult = (place: TurnPlace, call: ToolOutcome, span: Span): ReadonlyArray<RecordDraft> => {
  const shown = { tool: call.name, arguments: call.arguments ?? null, success: call.success, duration: duration(span) }
  const contentItems = call.output === null ? [] : [{ type: "inputText", text: call.output }]
  const forUser =
    place.mode === "paginated"
      ? completed(
          place,
          {
            type: "DynamicToolCall",
            id: call.id,
            ...shown,
            status: call.success ? "completed" : "failed",
            content_items: contentItems
          },
          span
        )
      : event({
          type: "dynamic_tool_call_response",
          call_id: call.id,
          turn_id: place.turnId,
          ...shown,
          content_items: contentItems,
          error: null
        })
  return call.output === null
    ? [forUser]
    : [forUser, item({ type: "function_call_output", call_id: call.id, output: call.output })]
}

const counters = (usage: TokenUsage): JsonRecord => ({
  input_tokens: integerToJson(usage.inputTokens),
  cached_input_tokens: integerToJson(usage.cachedInputTokens),
  cache_write_input_tokens: integerToJson(usage.cacheWriteInputTokens),
  output_tokens: integerToJson(usage.outputTokens),
  reasoning_output_tokens: integerToJson(usage.reasoningOutputTokens),
  total_tokens: integerToJson(usage.totalTokens)
})

/** What a model response has cost, and the sums with it. */
export interface UsageRecord {
  readonly last: TokenUsage
  readonly turn: TokenUsage
  readonly total: TokenUsage
  readonly modelContextWindow: bigint | null
}

/** One record a model response. */
export const usage = (place: TurnPlace, record: UsageRecord): ReadonlyArray<RecordDraft> => [
  ...(place.mode === "legacy"
    ? []
    : [
        {
          type: "token_usage_record" as const,
          payload: {
            thread_id: place.threadId,
            turn_id: place.turnId,
            session_id: place.threadId,
            root_turn_id: place.turnId,
            response_id: null,
            usage: counters(record.last),
            turn_token_usage: counters(record.turn),
            thread_token_usage: counters(record.total)
          }
        }
      ]),
  event({
    type: "token_count",
    info: {
      total_token_usage: counters(record.total),
      last_token_usage: counters(record.last),
      model_context_window: record.modelContextWindow === null ? null : integerToJson(record.modelContextWindow)
    },
    rate_limits: null
  })
]

// Codes that every reader of event-style history knows; it drops a line with another.
const commonErrors: ReadonlySet<unknown> = new Set([
  "context_window_exceeded",
  "usage_limit_exceeded",
  "internal_server_error",
  "unauthorized",
  "bad_request"
])

const errorEvent = ({ codex_error_info, message }: RecordedError): RecordDraft =>
  event({
    type: "error",
    message,
    codex_error_info:
      typeof codex_error_info === "object" || commonErrors.has(codex_error_info) ? codex_error_info : "other"
  })

/**
 * The turn is over: done, or failed with `error`. Older readers of event-style history know of a failure only by an event
 * of its own.
 */
export const turnCompleted = (
  place: TurnPlace,
  span: Span,
  lastMessage: string | null,
  error: RecordedError | null
): ReadonlyArray<RecordDraft> => [
  ...(error === null || place.mode === "paginated" ? [] : [errorEvent(error)]),
  event({
    type: "task_complete",
    turn_id: place.turnId,
    root_turn_id: place.turnId,
    last_agent_message: lastMessage,
    ...(error === null ? {} : { error }),
    started_at: seconds(span.startedAt),
    completed_at: seconds(span.completedAt),
    duration_ms: Math.max(0, span.completedAt - span.startedAt)
  })
]

/**
 * The turn was cut short (`turnId` null: an implied one): the model is told with its next input. `span` null: nobody knows
 * when, for the server died in it.
 */
export const turnInterrupted = (turnId: TurnId | null, span: Span | null): ReadonlyArray<RecordDraft> => [
  item({ type: "message", role: "user", content: [{ type: "input_text", text: INTERRUPTION_NOTICE }] }),
  event({
    type: "turn_aborted",
    turn_id: turnId,
    reason: "interrupted",
    ...(span === null
      ? {}
      : {
          started_at: seconds(span.startedAt),
          completed_at: seconds(span.completedAt),
          duration_ms: Math.max(0, span.completedAt - span.startedAt)
        })
  })
]

/** The conversation so far is replaced, for the model, by what the user said and a summary. */
export const compacted = (
  place: TurnPlace,
  id: string,
  summary: string,
  replacement: ReadonlyArray<JsonRecord>,
  span: Span
): ReadonlyArray<RecordDraft> => [
  { type: "compacted", payload: { message: summary, replacement_history: replacement } },
  place.mode === "paginated"
    ? completed(place, { type: "ContextCompaction", id }, span)
    : event({ type: "context_compacted" })
]

/**
 * The total that a thread had before a revert, where the turns that are left out spent some of it. `last` is that of the
 * last response that is kept; nothing was counted anew.
 */
export const carriedUsage = (
  threadId: ThreadId,
  { last, modelContextWindow, total }: Omit<UsageRecord, "turn">
): RecordDraft =>
  event({
    type: "token_count",
    carried_over: threadId,
    info: {
      total_token_usage: counters(total),
      last_token_usage: counters(last),
      model_context_window: modelContextWindow === null ? null : integerToJson(modelContextWindow)
    },
    rate_limits: null
  })

/** The last turns are taken back. */
export const rolledBack = (count: number): ReadonlyArray<RecordDraft> => [
  event({ type: "thread_rolled_back", num_turns: count })
]

/** Items put into the model's conversation by a client. */
export const injected = (items: ReadonlyArray<JsonRecord>): ReadonlyArray<RecordDraft> => items.map(item)
