/**
 * Makes a prompt of a thread's history: items of the Responses API in, messages of `effect/ai` out.
 *
 * History comes from files, so nothing is trusted: what a model cannot take is left out, and a call and
 * its result only ever go together. Consecutive items of the agent are one message; their order is kept.
 */
import { Option } from "effect"
import { Prompt } from "effect/ai"
import { isRecord, type JsonRecord, own, printExact } from "../../domain/Json.ts"
import { list, text } from "../../domain/OpenRecord.ts"
import type { UserInput } from "../../domain/ThreadItem.ts"
import * as ItemOptions from "./ItemOptions.ts"

type Spoken =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: ReadonlyArray<Prompt.UserMessagePart> }
  | { readonly role: "assistant"; readonly content: ReadonlyArray<Prompt.AssistantMessagePart> }
  | { readonly role: "tool"; readonly content: ReadonlyArray<Prompt.ToolMessagePart> }

const textOf = (part: unknown): string => {
  if (typeof part === "string") return part
  return isRecord(part) ? (text(part, "text") ?? text(part, "refusal") ?? "") : ""
}

const lines = (parts: ReadonlyArray<unknown>, between: string): string =>
  parts
    .map(textOf)
    .filter((said) => said !== "")
    .join(between)

const contents = (item: JsonRecord): ReadonlyArray<unknown> => {
  const content = own(item, "content")
  return typeof content === "string" ? [content] : list(item, "content")
}

const textParts = (said: string): ReadonlyArray<Prompt.TextPart> =>
  said === "" ? [] : [Prompt.textPart({ text: said })]

const dataUrl = /^data:([^;,]+);base64,(.*)$/s

const parseUrl = Option.liftThrowable((url: string) => new URL(url))

/** An image by its address (`data:` included) or by the id that the provider gave it; none when it is neither. */
const image = (
  url: string | null | undefined,
  fileId: string | null | undefined,
  detail: string | null
): ReadonlyArray<Prompt.FilePart> => {
  const looked = detail === null ? {} : { detail }
  if (typeof fileId === "string") {
    const options = ItemOptions.make({ fileId, ...looked })
    return [Prompt.filePart({ mediaType: "image/*", data: fileId, options })]
  }
  if (typeof url !== "string") return []
  const options = ItemOptions.make(looked)
  const [, mediaType, data] = dataUrl.exec(url) ?? []
  if (mediaType !== undefined && data !== undefined) return [Prompt.filePart({ mediaType, data, options })]
  return Option.toArray(Option.map(parseUrl(url), (data) => Prompt.filePart({ mediaType: "image/*", data, options })))
}

const userPart = (part: unknown): ReadonlyArray<Prompt.UserMessagePart> => {
  if (!isRecord(part) || text(part, "type") !== "input_image") return textParts(textOf(part))
  return image(text(part, "image_url"), text(part, "file_id"), text(part, "detail"))
}

const message = (item: JsonRecord): ReadonlyArray<Spoken> => {
  const parts = contents(item)
  switch (text(item, "role")) {
    case "user": {
      const content = parts.flatMap(userPart)
      return content.length === 0 ? [] : [{ role: "user", content }]
    }
    case "assistant": {
      const said = parts.map(textOf).join("")
      const phase = text(item, "phase")
      const options = ItemOptions.make(phase === null ? {} : { phase })
      return said === "" ? [] : [{ role: "assistant", content: [Prompt.textPart({ text: said, options })] }]
    }
    case "developer":
    case "system": {
      const content = lines(parts, "\n\n")
      return content === "" ? [] : [{ role: "system", content }]
    }
    default:
      return []
  }
}

const reasoning = (item: JsonRecord, kind: "reasoning" | "compaction"): ReadonlyArray<Spoken> => {
  const summary = list(item, "summary").map(textOf)
  const encryptedContent = text(item, "encrypted_content")
  if (encryptedContent === null && (kind === "compaction" || summary.join("") === "")) return []
  const options = ItemOptions.make({ encryptedContent, summary, ...(kind === "compaction" ? { kind } : {}) })
  return [{ role: "assistant", content: [Prompt.reasoningPart({ text: summary.join("\n\n"), options })] }]
}

const parseJson = Option.liftThrowable((json: string): unknown => JSON.parse(json))

const functionCall = (item: JsonRecord, id: string, name: string): Spoken => {
  const given = own(item, "arguments")
  const options = ItemOptions.make(typeof given === "string" ? { arguments: given } : {})
  const params = typeof given === "string" ? Option.getOrElse(parseJson(given), () => given) : (given ?? {})
  return {
    role: "assistant",
    content: [Prompt.toolCallPart({ id, name, params, providerExecuted: false, options })]
  }
}

const outputText = (output: unknown): string => {
  if (typeof output === "string") return output
  if (Array.isArray(output)) return lines(output, "\n")
  const content = isRecord(output) ? own(output, "content") : undefined
  if (typeof content === "string") return content
  return output === undefined ? "" : printExact(output)
}

const result = (id: string, name: string, output: unknown): Spoken => {
  const parts = Array.isArray(output) ? output.flatMap(userPart) : []
  const modelOutput = parts.some((part) => part.type === "file") ? { modelOutput: parts } : {}
  return {
    role: "tool",
    content: [
      Prompt.toolResultPart({
        id,
        name,
        isFailure: false,
        result: outputText(output),
        providerExecuted: false,
        ...modelOutput
      })
    ]
  }
}

/** How a call is told to a model: by the API's own parts, or in words where these have no place for it. */
interface Call {
  readonly item: JsonRecord
  readonly id: string
  readonly name: string
  readonly inWords: string | null
}

const callOf = (item: JsonRecord): Call | null => {
  const id = text(item, "call_id")
  if (id === null || id === "") return null
  const name = text(item, "name")
  switch (text(item, "type")) {
    case "function_call":
      return name === null || name === "" ? null : { item, id, name, inWords: null }
    case "custom_tool_call":
      return { item, id, name: name ?? "tool", inWords: text(item, "input") ?? "" }
    case "local_shell_call": {
      const action = own(item, "action")
      const command = isRecord(action) ? list(action, "command").map(String) : []
      return { item, id, name: "local_shell", inWords: printExact(command) }
    }
    default:
      return null
  }
}

const isOutput = (item: JsonRecord): boolean => {
  const type = text(item, "type")
  return type === "function_call_output" || type === "custom_tool_call_output"
}

/** The outputs that answer a call before them, each with its call. A call is answered once. */
const pairUp = (items: ReadonlyArray<JsonRecord>) => {
  const open = new Map<string, Call>()
  const calls = new Map<JsonRecord, Call>()
  const answers = new Map<JsonRecord, Call>()
  for (const item of items) {
    const call = callOf(item)
    if (call !== null && !open.has(call.id)) {
      open.set(call.id, call)
      calls.set(item, call)
    } else if (isOutput(item)) {
      const id = text(item, "call_id") ?? ""
      const asked = open.get(id)
      if (asked !== undefined) answers.set(item, asked)
      open.delete(id)
    }
  }
  return { calls, answers, unanswered: new Set(open.values()) }
}

const tellCall = (call: Call): Spoken =>
  call.inWords === null
    ? functionCall(call.item, call.id, call.name)
    : { role: "assistant", content: textParts(`I called the tool \`${call.name}\` with:\n${call.inWords}`) }

const tellOutput = (call: Call, output: unknown): Spoken =>
  call.inWords === null
    ? result(call.id, call.name, output)
    : { role: "user", content: textParts(`The tool \`${call.name}\` answered:\n${outputText(output)}`) }

const spokenOf = (item: JsonRecord): ReadonlyArray<Spoken> => {
  switch (text(item, "type") ?? "message") {
    case "message":
      return message(item)
    case "reasoning":
      return reasoning(item, "reasoning")
    case "compaction":
    case "compaction_summary":
    case "context_compaction":
      return reasoning(item, "compaction")
    default:
      return []
  }
}

const assemble = (spoken: ReadonlyArray<Spoken>): Prompt.Prompt => {
  const messages: Array<Prompt.Message> = []
  for (const next of spoken) {
    const last = messages.at(-1)
    if (next.role === "assistant" && last?.role === "assistant") {
      messages[messages.length - 1] = Prompt.assistantMessage({ content: [...last.content, ...next.content] })
    } else if (next.role === "tool" && last?.role === "tool") {
      messages[messages.length - 1] = Prompt.toolMessage({ content: [...last.content, ...next.content] })
    } else if (next.role === "system") messages.push(Prompt.systemMessage({ content: next.content }))
    else if (next.role === "user") messages.push(Prompt.userMessage({ content: next.content }))
    else if (next.role === "assistant") messages.push(Prompt.assistantMessage({ content: next.content }))
    else messages.push(Prompt.toolMessage({ content: next.content }))
  }
  return Prompt.fromMessages(messages)
}

/** The conversation that these items are. Total: any list of objects makes a prompt that a model can take. */
export const fromHistory = (history: ReadonlyArray<JsonRecord>): Prompt.Prompt => {
  // An item may stand in the list twice; calls and outputs are told apart by identity.
  const items = history.map((item) => ({ ...item }))
  const { answers, calls, unanswered } = pairUp(items)
  return assemble(
    items.flatMap((item): ReadonlyArray<Spoken> => {
      const call = calls.get(item)
      if (call !== undefined) {
        return unanswered.has(call) ? [tellCall(call), tellOutput(call, "aborted")] : [tellCall(call)]
      }
      const answered = answers.get(item)
      return answered === undefined ? spokenOf(item) : [tellOutput(answered, own(item, "output"))]
    })
  )
}

const inputPart = (part: UserInput): ReadonlyArray<Prompt.UserMessagePart> => {
  switch (part.type) {
    case "text":
      return textParts(part.text)
    case "image":
      return image(part.url, part.fileId, part.detail)
    case "audio":
      return textParts(`[audio: ${part.url ?? part.fileId ?? ""}]`)
    case "localImage":
    case "localAudio":
    case "skill":
    case "mention":
      return textParts(`[${part.type}: ${part.path}]`)
  }
}

/** What the user says, as a message; empty when there is nothing in it for a model. Local files are named, not read. */
export const fromInput = (input: ReadonlyArray<UserInput>): Prompt.Prompt => {
  const content = input.flatMap(inputPart)
  return content.length === 0 ? Prompt.empty : Prompt.fromMessages([Prompt.userMessage({ content })])
}
