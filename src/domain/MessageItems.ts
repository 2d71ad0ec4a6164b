/**
 * Items of what was said: the user's messages, the agent's, and prompts that hooks put in.
 */
import { ItemId } from "./Ids.ts"
import { type ItemTimes, noTimes } from "./ItemParts.ts"
import { isRecord, type JsonRecord, own } from "./Json.ts"
import { camelKeys, list, text } from "./OpenRecord.ts"
import type { EventOf } from "./RolloutEvent.ts"
import type { AgentMessageItem, ThreadItem, UserInput, UserMessageItem } from "./ThreadItem.ts"

const textElements = (elements: ReadonlyArray<unknown>): ReadonlyArray<unknown> => elements.map(camelKeys)

/** A `user_message` event. A message of white space only has no text part. */
export const userMessage = (event: EventOf<"user_message">, id: string): UserMessageItem => {
  const content: Array<UserInput> = []
  if (event.message.trim() !== "") {
    content.push({ type: "text", text: event.message, text_elements: textElements(event.text_elements ?? []) })
  }
  for (const url of event.images ?? []) content.push({ type: "image", url, detail: null })
  for (const path of event.local_images ?? []) content.push({ type: "localImage", detail: null, path })
  for (const url of event.audio ?? []) content.push({ type: "audio", url })
  for (const path of event.local_audio ?? []) content.push({ type: "localAudio", path })
  return { type: "userMessage", id: ItemId.make(id), clientId: event.client_id ?? null, content, ...noTimes }
}

/** One part of what a user sent, as a core item holds it; null for a part of no known kind. */
export const userInput = (part: unknown): UserInput | null => {
  if (!isRecord(part)) return null
  const path = text(part, "path")
  const name = text(part, "name")
  const detail = text(part, "detail")
  switch (own(part, "type")) {
    case "text":
      return { type: "text", text: text(part, "text") ?? "", text_elements: textElements(list(part, "text_elements")) }
    case "image": {
      const url = text(part, "image_url") ?? text(part, "url")
      const fileId = text(part, "file_id")
      return url !== null
        ? { type: "image", url, detail }
        : { type: "image", ...(fileId === null ? {} : { fileId }), detail }
    }
    case "local_image":
      return path === null ? null : { type: "localImage", detail, path }
    case "audio": {
      const url = text(part, "audio_url") ?? text(part, "url")
      const fileId = text(part, "file_id")
      return { type: "audio", ...(url === null ? {} : { url }), ...(fileId === null ? {} : { fileId }) }
    }
    case "local_audio":
      return path === null ? null : { type: "localAudio", path }
    case "skill":
      return path === null || name === null ? null : { type: "skill", name, path }
    case "mention":
      return path === null || name === null ? null : { type: "mention", name, path }
    default:
      return null
  }
}

/** An agent's message. `phase` and `memoryCitation` are null where the record has none. */
export const agentMessage = (
  id: string,
  message: string,
  phase: string | null | undefined,
  memoryCitation: unknown,
  times: ItemTimes
): AgentMessageItem => ({
  type: "agentMessage",
  moderation: null,
  id: ItemId.make(id),
  text: message,
  phase: phase ?? null,
  memoryCitation: camelKeys(memoryCitation),
  delivery: null,
  questions: null,
  ...times
})

/** A user message of the model's conversation that is really a hook's prompt; null when it is not. */
export const hookPrompt = (item: JsonRecord, id: string): ThreadItem | null => {
  if (own(item, "type") !== "message" || own(item, "role") !== "user") return null
  const parts = list(item, "content")
  const fragments = parts.map((part) => {
    const match = /^<hook_prompt hook_run_id="([^"]*)">([\s\S]*)<\/hook_prompt>$/.exec(
      isRecord(part) ? (text(part, "text") ?? "") : ""
    )
    return match === null ? null : { text: unescapeXml(match[2] ?? ""), hookRunId: unescapeXml(match[1] ?? "") }
  })
  const found = fragments.filter((fragment) => fragment !== null)
  return found.length === 0 || found.length !== parts.length
    ? null
    : { type: "hookPrompt", id: ItemId.make(id), fragments: found, ...noTimes }
}

const entities: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["amp", "&"]
])
const unescapeXml = (escaped: string): string =>
  escaped.replace(/&(lt|gt|quot|apos|amp);/g, (whole, name: string) => entities.get(name) ?? whole)
