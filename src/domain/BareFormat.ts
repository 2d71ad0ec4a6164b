/**
 * The bare format of 2025 (Codex before 0.32): items without envelopes, and no events beside them.
 */
import { isRecord, own } from "./Json.ts"
import type { RolloutEvent } from "./RolloutEvent.ts"
import { isContextual } from "./Said.ts"

/** What a person saw of an item, as the events that later versions wrote beside it: messages and reasoning. */
export const eventsOfBareItem = (item: { readonly [key: string]: unknown }): ReadonlyArray<RolloutEvent> => {
  const texts = (key: string): ReadonlyArray<string> => {
    const parts = own(item, key)
    return (Array.isArray(parts) ? parts : []).flatMap((part) => {
      const text = isRecord(part) ? own(part, "text") : undefined
      return typeof text === "string" ? [text] : []
    })
  }
  if (own(item, "type") === "reasoning") return texts("summary").map((text) => ({ type: "agent_reasoning", text }))
  if (own(item, "type") !== "message") return []
  const message = texts("content").join("")
  switch (own(item, "role")) {
    case "user":
      return isContextual(message) ? [] : [{ type: "user_message", message }]
    case "assistant":
      return [{ type: "agent_message", message }]
    default:
      return []
  }
}
