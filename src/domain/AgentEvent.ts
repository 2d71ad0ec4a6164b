/**
 * What an agent tells while it runs a turn. A turn is made of these: the thread turns them into items,
 * rollout lines and notifications, and no agent knows of any of the three.
 *
 * Ids are the agent's own and tie the parts of one item together; each is used for one item of the turn.
 */
import { Schema } from "effect"
import { TokenCount, TokenUsage } from "./TokenUsage.ts"

/** A piece of a message to the user. The first piece of an id starts the message. */
export const TextDelta = Schema.TaggedStruct("TextDelta", { id: Schema.String, delta: Schema.String })

/** The message is whole. */
export const TextEnd = Schema.TaggedStruct("TextEnd", {
  id: Schema.String,
  /** Whether it is a remark on the way or the answer; null when the model did not say. */
  phase: Schema.NullOr(Schema.Literals(["commentary", "final_answer"]))
})

/** A piece of the model's reasoning, as far as it may be shown. A new `part` begins a new paragraph. */
export const ReasoningDelta = Schema.TaggedStruct("ReasoningDelta", {
  id: Schema.String,
  part: Schema.Natural,
  delta: Schema.String
})

/** The reasoning is whole. */
export const ReasoningEnd = Schema.TaggedStruct("ReasoningEnd", {
  id: Schema.String,
  /** What the model wants back at the next step, opaque; null when it does not. */
  encrypted: Schema.NullOr(Schema.String)
})

/** A tool is called. `id` is the call's id, which its result repeats. */
export const ToolCall = Schema.TaggedStruct("ToolCall", {
  id: Schema.String,
  name: Schema.String,
  /** The arguments as JSON. */
  arguments: Schema.Unknown
})

/** A tool has answered. */
export const ToolResult = Schema.TaggedStruct("ToolResult", {
  id: Schema.String,
  /** What the model is told. */
  output: Schema.String,
  success: Schema.Boolean
})

/** The agent's plan, whole, each time it changes. */
export const PlanUpdate = Schema.TaggedStruct("PlanUpdate", {
  explanation: Schema.NullOr(Schema.String),
  steps: Schema.Array(
    Schema.Struct({ step: Schema.String, status: Schema.Literals(["pending", "inProgress", "completed"]) })
  )
})

/** What one model response has cost. Told once per response, and not at all when the provider does not say. */
export const UsageReport = Schema.TaggedStruct("UsageReport", {
  usage: TokenUsage,
  /** In tokens; null when it is not known. */
  modelContextWindow: Schema.NullOr(TokenCount)
})

export const AgentEvent = Schema.Union([
  TextDelta,
  TextEnd,
  ReasoningDelta,
  ReasoningEnd,
  ToolCall,
  ToolResult,
  PlanUpdate,
  UsageReport
])
export type AgentEvent = typeof AgentEvent.Type
