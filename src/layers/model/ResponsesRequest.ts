/**
 * Makes a request of the Responses API: a prompt, tools and settings in, the request's body out.
 *
 * Nothing is kept at the provider (`store: false`), so every request brings the whole conversation, with
 * the model's reasoning in the opaque form that it came in.
 */
import { type LanguageModel, OpenAiStructuredOutput, type Prompt, Tool } from "effect/ai"
import { Base64 } from "effect/encoding"
import { type JsonRecord, printExact } from "../../domain/Json.ts"
import { strings, text } from "../../domain/OpenRecord.ts"
import * as ItemOptions from "./ItemOptions.ts"

/** What is asked of the model, beside the conversation. */
export interface RequestSettings {
  readonly model: string
  readonly reasoningEffort?: string | null | undefined
  readonly serviceTier?: string | null | undefined
  /** Requests that share a key share the provider's prompt cache. */
  readonly promptCacheKey?: string | undefined
}

const withDetail = (options: JsonRecord): JsonRecord => {
  const detail = text(options, "detail")
  return detail === null ? {} : { detail }
}

const filePart = (part: Prompt.FilePart): ReadonlyArray<JsonRecord> => {
  const options = ItemOptions.of(part.options)
  const fileId = text(options, "fileId")
  const base64 = part.data instanceof Uint8Array ? Base64.encode(part.data) : part.data
  const url = typeof base64 === "string" ? `data:${part.mediaType};base64,${base64}` : base64.href
  if (part.mediaType.startsWith("image/")) {
    return [
      { type: "input_image", ...(fileId === null ? { image_url: url } : { file_id: fileId }), ...withDetail(options) }
    ]
  }
  if (part.mediaType !== "application/pdf") return []
  const named = { filename: part.fileName ?? "document.pdf" }
  return [{ type: "input_file", ...(part.data instanceof URL ? { file_url: url } : { ...named, file_data: url }) }]
}

const inputPart = (part: Prompt.UserMessagePart): ReadonlyArray<JsonRecord> =>
  part.type === "text" ? [{ type: "input_text", text: part.text }] : filePart(part)

const assistantPart = (part: Prompt.AssistantMessagePart): ReadonlyArray<JsonRecord> => {
  const options = ItemOptions.of(part.options)
  switch (part.type) {
    case "text": {
      if (part.text === "") return []
      const phase = text(options, "phase")
      return [
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: part.text }],
          ...(phase === null ? {} : { phase })
        }
      ]
    }
    case "reasoning": {
      // The API takes reasoning back only in its opaque form.
      const encrypted_content = text(options, "encryptedContent")
      if (encrypted_content === null) return []
      if (text(options, "kind") === "compaction") return [{ type: "compaction", encrypted_content }]
      const summary = strings(options, "summary").map((text) => ({ type: "summary_text", text }))
      return [{ type: "reasoning", summary, encrypted_content }]
    }
    case "tool-call": {
      const written = text(options, "arguments")
      const given = typeof part.params === "string" ? part.params : printExact(part.params ?? {})
      return [{ type: "function_call", call_id: part.id, name: part.name, arguments: written ?? given }]
    }
    case "file":
    case "tool-result":
    case "tool-approval-request":
      return []
  }
}

const toolPart = (part: Prompt.ToolMessagePart): ReadonlyArray<JsonRecord> => {
  if (part.type !== "tool-result") return []
  const output =
    part.modelOutput?.flatMap(inputPart) ??
    (typeof part.result === "string" ? part.result : printExact(part.result ?? null))
  return [{ type: "function_call_output", call_id: part.id, output }]
}

const message = (role: "developer" | "user", content: ReadonlyArray<JsonRecord>): ReadonlyArray<JsonRecord> =>
  content.length === 0 ? [] : [{ type: "message", role, content }]

/** The prompt as input items. What the API has no item for is left out. */
export const input = (prompt: Prompt.Prompt): ReadonlyArray<JsonRecord> =>
  prompt.content.flatMap((said): ReadonlyArray<JsonRecord> => {
    switch (said.role) {
      case "system":
        return message("developer", [{ type: "input_text", text: said.content }])
      case "user":
        return message("user", said.content.flatMap(inputPart))
      case "assistant":
        return said.content.flatMap(assistantPart)
      case "tool":
        return said.content.flatMap(toolPart)
    }
  })

const toolDefinition = (tool: Tool.Any): ReadonlyArray<JsonRecord> => {
  if (Tool.isProviderDefined(tool)) return []
  const description = Tool.getDescription(tool)
  return [
    {
      type: "function",
      name: tool.name,
      ...(description === undefined ? {} : { description }),
      parameters: Tool.getJsonSchema(tool),
      strict: Tool.getStrictMode(tool) ?? false
    }
  ]
}

const toolChoice = (choice: LanguageModel.ToolChoice<string>): unknown => {
  if (typeof choice === "string") return choice
  return "tool" in choice ? { type: "function", name: choice.tool } : (choice.mode ?? "auto")
}

const responseFormat = (format: LanguageModel.ProviderOptions["responseFormat"]): JsonRecord => {
  if (format.type === "text") return {}
  const schema = Tool.getJsonSchemaFromSchema(format.schema, { transformer: OpenAiStructuredOutput.toCodecOpenAI })
  return { text: { format: { type: "json_schema", name: format.objectName, schema, strict: true } } }
}

// Models that do not reason refuse to be asked for it; a configured effort says that this one does.
const reasons = ({ model, reasoningEffort }: RequestSettings): boolean =>
  typeof reasoningEffort === "string" || /^(o\d|gpt-5|codex)/.test(model)

// Codex's own word for the tier that the API calls `priority`.
const tier = (serviceTier: string): string => (serviceTier === "fast" ? "priority" : serviceTier)

/** The body of a streaming request. */
export const body = (settings: RequestSettings, options: LanguageModel.ProviderOptions): JsonRecord => {
  const tools = options.tools.flatMap(toolDefinition)
  const { promptCacheKey, reasoningEffort, serviceTier } = settings
  return {
    model: settings.model,
    input: input(options.prompt),
    ...(tools.length === 0 ? {} : { tools, tool_choice: toolChoice(options.toolChoice), parallel_tool_calls: true }),
    ...responseFormat(options.responseFormat),
    ...(reasons(settings)
      ? {
          reasoning: {
            ...(typeof reasoningEffort === "string" ? { effort: reasoningEffort } : {}),
            summary: "auto"
          },
          include: ["reasoning.encrypted_content"]
        }
      : {}),
    ...(typeof serviceTier === "string" ? { service_tier: tier(serviceTier) } : {}),
    ...(promptCacheKey === undefined ? {} : { prompt_cache_key: promptCacheKey }),
    store: false,
    stream: true
  }
}
