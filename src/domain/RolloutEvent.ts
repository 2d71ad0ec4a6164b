/**
 * The events of a rollout (`event_msg` payloads) as they are written: snake_case, tagged by `type`.
 *
 * Only the fields that a projection reads are declared; the line's own bytes keep the rest. A field
 * that Codex may leave out may also be null. Source: docs/codex.md, "Events".
 */
import { Option, Schema } from "effect"
import { TokenCount } from "./TokenUsage.ts"

const opt = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Text = Schema.String
const Seconds = opt(Schema.Finite)
const Millis = opt(Schema.Finite)
const tag = <T extends string>(type: T) => ({ type: Schema.Literal(type) })

/** How long something took, as Rust writes a duration. */
export const Duration = Schema.Struct({ secs: Schema.Finite, nanos: Schema.Finite })
export type Duration = typeof Duration.Type

const UserMessage = Schema.Struct({
  ...tag("user_message"),
  message: Text,
  client_id: opt(Text),
  images: opt(Schema.Array(Text)),
  local_images: opt(Schema.Array(Text)),
  audio: opt(Schema.Array(Text)),
  local_audio: opt(Schema.Array(Text)),
  text_elements: opt(Schema.Array(Schema.Unknown))
})
const AgentMessage = Schema.Struct({
  ...tag("agent_message"),
  message: Text,
  phase: opt(Text),
  memory_citation: opt(Schema.Unknown)
})
const AgentReasoning = Schema.Struct({ ...tag("agent_reasoning"), text: Text })
const AgentReasoningRaw = Schema.Struct({ ...tag("agent_reasoning_raw_content"), text: Text })

const TaskStarted = Schema.Struct({
  ...tag("task_started"),
  turn_id: Schema.NonEmptyString,
  root_turn_id: opt(Text),
  started_at: Seconds,
  model_context_window: opt(TokenCount)
})
const TaskComplete = Schema.Struct({
  ...tag("task_complete"),
  turn_id: Text,
  last_agent_message: opt(Text),
  error: opt(Schema.Unknown),
  root_turn_id: opt(Text),
  started_at: Seconds,
  completed_at: Seconds,
  duration_ms: Millis
})
const TurnAborted = Schema.Struct({
  ...tag("turn_aborted"),
  turn_id: opt(Text),
  reason: Schema.Literals(["interrupted", "replaced", "review_ended", "budget_limited"]),
  root_turn_id: opt(Text),
  started_at: Seconds,
  completed_at: Seconds,
  duration_ms: Millis
})
const ErrorEvent = Schema.Struct({ ...tag("error"), message: Text, codex_error_info: opt(Schema.Unknown) })
const ThreadRolledBack = Schema.Struct({ ...tag("thread_rolled_back"), num_turns: Schema.Natural })
const ContextCompacted = Schema.Struct(tag("context_compacted"))

/** Usage as rollouts write it. The five first counters are required; the sixth came later. */
const Usage = Schema.Struct({
  input_tokens: TokenCount,
  cached_input_tokens: TokenCount,
  cache_write_input_tokens: opt(TokenCount),
  output_tokens: TokenCount,
  reasoning_output_tokens: TokenCount,
  total_tokens: TokenCount
})
export type RolloutUsage = typeof Usage.Type

const TokenCountEvent = Schema.Struct({
  ...tag("token_count"),
  /** Ours: no response was counted, the total of before a revert is carried over; the id of the thread that was reverted. */
  carried_over: opt(Schema.String),
  info: opt(
    Schema.Struct({
      total_token_usage: Usage,
      last_token_usage: Usage,
      model_context_window: opt(TokenCount)
    })
  )
})

const EnteredReviewMode = Schema.Struct({ ...tag("entered_review_mode"), user_facing_hint: opt(Text) })
const ExitedReviewMode = Schema.Struct({ ...tag("exited_review_mode"), review_output: opt(Schema.Unknown) })

const ExecCommandEnd = Schema.Struct({
  ...tag("exec_command_end"),
  call_id: Text,
  turn_id: opt(Text),
  process_id: opt(Text),
  command: Schema.Array(Text),
  cwd: Text,
  parsed_cmd: opt(Schema.Array(Schema.Unknown)),
  source: opt(Text),
  status: opt(Text),
  aggregated_output: opt(Text),
  exit_code: opt(Schema.Finite),
  duration: opt(Duration)
})
const PatchApplyEnd = Schema.Struct({
  ...tag("patch_apply_end"),
  call_id: Text,
  turn_id: opt(Text),
  success: opt(Schema.Boolean),
  changes: opt(Schema.Record(Text, Schema.Unknown)),
  status: opt(Text)
})
const McpToolCallEnd = Schema.Struct({
  ...tag("mcp_tool_call_end"),
  call_id: Text,
  invocation: Schema.Struct({ server: Text, tool: Text, arguments: Schema.optionalKey(Schema.Unknown) }),
  duration: opt(Duration),
  result: Schema.Unknown
})
const WebSearchEnd = Schema.Struct({
  ...tag("web_search_end"),
  call_id: Text,
  query: opt(Text),
  action: opt(Schema.Unknown)
})
const ViewImage = Schema.Struct({ ...tag("view_image_tool_call"), call_id: Text, path: Text })
const ImageGenerationEnd = Schema.Struct({
  ...tag("image_generation_end"),
  call_id: Text,
  status: Text,
  revised_prompt: opt(Text),
  result: Text,
  saved_path: opt(Text)
})
const DynamicToolCallResponse = Schema.Struct({
  ...tag("dynamic_tool_call_response"),
  call_id: Text,
  turn_id: opt(Text),
  namespace: opt(Text),
  tool: Text,
  arguments: Schema.optionalKey(Schema.Unknown),
  content_items: opt(Schema.Array(Schema.Unknown)),
  success: opt(Schema.Boolean),
  error: opt(Text),
  duration: opt(Duration)
})

const collab = {
  call_id: Text,
  sender_thread_id: Text,
  receiver_thread_id: opt(Text),
  new_thread_id: opt(Text),
  receiver_thread_ids: opt(Schema.Array(Text)),
  prompt: opt(Text),
  model: opt(Text),
  reasoning_effort: opt(Text),
  status: opt(Schema.Unknown),
  statuses: opt(Schema.Record(Text, Schema.Unknown))
}
const CollabSpawnEnd = Schema.Struct({ ...tag("collab_agent_spawn_end"), ...collab })
const CollabInteractionEnd = Schema.Struct({ ...tag("collab_agent_interaction_end"), ...collab })
const CollabWaitingEnd = Schema.Struct({ ...tag("collab_waiting_end"), ...collab })
const CollabCloseEnd = Schema.Struct({ ...tag("collab_close_end"), ...collab })
const CollabResumeEnd = Schema.Struct({ ...tag("collab_resume_end"), ...collab })

const itemEvent = {
  turn_id: Text,
  item: Schema.StructWithRest(Schema.Struct({ type: Text, id: Text }), [Schema.Record(Text, Schema.Unknown)]),
  started_at_ms: Millis,
  completed_at_ms: Millis
}
const ItemStarted = Schema.Struct({ ...tag("item_started"), ...itemEvent })
const ItemCompleted = Schema.Struct({ ...tag("item_completed"), ...itemEvent })

const ThreadNameUpdated = Schema.Struct({
  ...tag("thread_name_updated"),
  thread_id: opt(Text),
  thread_name: opt(Text)
})

const ThreadSettingsApplied = Schema.Struct({ ...tag("thread_settings_applied"), thread_settings: Schema.Unknown })

/** Every event that some projection reads. */
export const RolloutEvent = Schema.Union([
  UserMessage,
  AgentMessage,
  AgentReasoning,
  AgentReasoningRaw,
  TaskStarted,
  TaskComplete,
  TurnAborted,
  ErrorEvent,
  ThreadRolledBack,
  ContextCompacted,
  TokenCountEvent,
  EnteredReviewMode,
  ExitedReviewMode,
  ExecCommandEnd,
  PatchApplyEnd,
  McpToolCallEnd,
  WebSearchEnd,
  ViewImage,
  ImageGenerationEnd,
  DynamicToolCallResponse,
  CollabSpawnEnd,
  CollabInteractionEnd,
  CollabWaitingEnd,
  CollabCloseEnd,
  CollabResumeEnd,
  ItemStarted,
  ItemCompleted,
  ThreadNameUpdated,
  ThreadSettingsApplied
])
export type RolloutEvent = typeof RolloutEvent.Type

/** One event by its type. */
export type EventOf<T extends RolloutEvent["type"]> = Extract<RolloutEvent, { readonly type: T }>

type Decode = (payload: unknown) => Option.Option<RolloutEvent>

// One decoder per type: picking a member of the whole union costs more than decoding it.
const decoders: ReadonlyMap<string, Decode> = new Map(
  RolloutEvent.members.map((member): [string, Decode] => [
    member.fields.type.literal,
    Schema.decodeUnknownOption(member)
  ])
)

const aliases: ReadonlyMap<string, string> = new Map([
  ["turn_started", "task_started"],
  ["turn_complete", "task_complete"]
])

// Events of Codex 0.36 to 0.169 that no projection reads. They count as lines that were understood.
const ignored: ReadonlySet<string> = new Set(
  (
    "warning realtime_conversation_started realtime_conversation_realtime realtime_conversation_closed model_reroute " +
    "agent_message_delta agent_reasoning_delta agent_reasoning_raw_content_delta agent_reasoning_section_break " +
    "session_configured thread_goal_updated mcp_startup_update mcp_startup_complete " +
    "mcp_tool_call_begin web_search_begin image_generation_begin exec_command_begin exec_command_output_delta " +
    "terminal_interaction exec_approval_request request_permissions request_user_input dynamic_tool_call_request " +
    "elicitation_request apply_patch_approval_request guardian_assessment deprecation_notice background_event " +
    "undo_started undo_completed stream_error patch_apply_begin patch_apply_updated turn_diff " +
    "get_history_entry_response mcp_list_tools_response list_custom_prompts_response list_skills_response " +
    "skills_update_available plan_update shutdown_complete raw_response_item hook_started hook_completed " +
    "agent_message_content_delta plan_delta reasoning_content_delta reasoning_raw_content_delta " +
    "collab_agent_spawn_begin collab_agent_interaction_begin collab_waiting_begin collab_close_begin " +
    "collab_resume_begin conversation_path user_shell_command_begin"
  ).split(" ")
)

/** What became of an event payload. */
export type DecodedEvent =
  | { readonly _tag: "Event"; readonly event: RolloutEvent }
  | { readonly _tag: "Ignored"; readonly type: string }
  | { readonly _tag: "Unknown"; readonly type: string }
  | { readonly _tag: "Invalid"; readonly type: string }

/** Decodes the payload of an `event_msg` whose `type` is known to be `type`. */
export const decodeEvent = (type: string, payload: { readonly [key: string]: unknown }): DecodedEvent => {
  const canonical = aliases.get(type)
  const decode = decoders.get(canonical ?? type)
  if (decode === undefined) return { _tag: ignored.has(type) ? "Ignored" : "Unknown", type }
  const event = decode(canonical === undefined ? payload : { ...payload, type: canonical })
  return Option.isSome(event) ? { _tag: "Event", event: event.value } : { _tag: "Invalid", type }
}
