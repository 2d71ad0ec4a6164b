/**
 * What was said in an item of the model's conversation, and whether a person said it: Codex files
 * instructions and notices under the user's role too.
 */
import { isRecord, type JsonRecord, own } from "./Json.ts"
import type { RolloutLine } from "./RolloutLine.ts"

const contextual = [
  "<environment_context>",
  "<user_instructions>",
  "# AGENTS.md instructions",
  "<skill>",
  "<user_shell_command>",
  "<turn_aborted>",
  "<subagent_notification>",
  "<skills_instructions>",
  "<permissions instructions>"
]

/** Is a user-role message something that Codex put there itself, and no person said? */
export const isContextual = (text: string): boolean => {
  const start = text.trimStart()
  return contextual.some((prefix) => start.startsWith(prefix))
}

/** The text of a message item's parts, joined. */
export const messageText = (item: JsonRecord): string => {
  const content = own(item, "content")
  return (Array.isArray(content) ? content : [])
    .map((part) => (isRecord(part) ? own(part, "text") : undefined))
    .filter((text) => typeof text === "string")
    .join("")
}

/** Did a person say it? (Codex files instructions and notices under the user's role too.) */
export const isFromUser = (item: JsonRecord): boolean =>
  own(item, "type") === "message" && own(item, "role") === "user" && !isContextual(messageText(item))

/**
 * The user's words in a line: told by an event or a completed item, or only by the model's item. What the last tells
 * counts where the rollout has none of the first.
 */
export const spoken = (line: RolloutLine): { readonly text: string; readonly by: "event" | "item" } | null => {
  const { record } = line
  if (record._tag === "Event" && record.event.type === "user_message") {
    return { text: record.event.message, by: "event" }
  }
  if (record._tag === "Event" && record.event.type === "item_completed") {
    const { item } = record.event
    return item.type === "UserMessage" ? { text: messageText(item), by: "event" } : null
  }
  if (record._tag !== "ResponseItem" && record._tag !== "BareItem") return null
  const { item } = record.item
  return isFromUser(item) ? { text: messageText(item), by: "item" } : null
}
