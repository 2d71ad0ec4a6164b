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
  /** The arguments as JSON ({@link flawIn} says what is none); undefined for a call without any. */
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

/** Readers and printers of JSON go into it by recursion, which has an end. So does `Schema.Json`, which a cycle would not let end. */
const DEEPEST = 500

/**
 * What keeps a call's arguments from being recorded, and where: `arguments.paths[2] is a bigint`; null when nothing does.
 * A member that is undefined counts as left out.
 */
export const flawIn = (args: unknown): string | null => (args === undefined ? null : flawAt(args, "arguments", []))

const flawAt = (value: unknown, place: string, within: ReadonlyArray<unknown>): string | null => {
  if (isJsonScalar(value)) return null
  if (typeof value !== "object" || value === null) return `${place} is ${nameOf(value)}`
  if (within.includes(value)) return `${place} is one of the values that it is in`
  if (within.length === DEEPEST) return `${place} is more than ${DEEPEST} levels deep`
  const inside = [...within, value]
  if (Array.isArray(value)) {
    return firstOf(value.keys(), (at) => flawAt(value[at], `${place}[${at}]`, inside))
  }
  if (!isPlain(value)) return `${place} is an object of a class`
  return firstOf(Object.entries(value), ([key, member]) =>
    member === undefined ? null : flawAt(member, `${place}.${key}`, inside)
  )
}

const nameOf = (value: unknown): string =>
  typeof value === "number" || value === undefined ? String(value) : `a ${typeof value}`

const isJsonScalar = (value: unknown): boolean =>
  value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const firstOf = <A>(all: Iterable<A>, look: (one: A) => string | null): string | null => {
  for (const one of all) {
    const found = look(one)
    if (found !== null) return found
  }
  return null
}
