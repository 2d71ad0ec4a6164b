/**
 * Makes protocol items of what rollouts hold: of events (event-style history) and of the agent's own
 * items (`item_completed`, paginated history). Names and shapes change here and nowhere else.
 *
 * Source: docs/codex.md, "Items".
 */
import { ItemId } from "./Ids.ts"
import { isRecord, type JsonRecord, own } from "./Json.ts"
import type { Duration, EventOf, RolloutEvent } from "./RolloutEvent.ts"
import { joinWords } from "./ShellWords.ts"
import {
  type AgentMessageItem,
  type CollabAgentToolCallItem,
  type CommandAction,
  type CommandExecutionItem,
  type FileUpdateChange,
  type ItemStatus,
  type McpToolCallItem,
  type ThreadItem,
  type UserInput,
  type UserMessageItem
} from "./ThreadItem.ts"

/** When an item began and ended, in Unix milliseconds; null where history does not say. */
export interface ItemTimes {
  readonly startedAtMs: number | null
  readonly completedAtMs: number | null
}

/** Event-style history records no times of items. */
export const noTimes: ItemTimes = { startedAtMs: null, completedAtMs: null }

const text = (record: JsonRecord, key: string): string | null => {
  const value = own(record, key)
  return typeof value === "string" ? value : null
}
const number = (record: JsonRecord, key: string): number | null => {
  const value = own(record, key)
  return typeof value === "number" ? value : null
}
const list = (record: JsonRecord, key: string): ReadonlyArray<unknown> => {
  const value = own(record, key)
  return Array.isArray(value) ? value : []
}
const strings = (record: JsonRecord, key: string): ReadonlyArray<string> =>
  list(record, key).filter((value) => typeof value === "string")

const camel = (word: string): string => word.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** Renames the keys of a record, and of the records in it, from snake_case. */
const camelKeys = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(camelKeys)
  if (!isRecord(value)) return value ?? null
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [camel(key), camelKeys(inner)]))
}

const millis = (duration: Duration | null | undefined): number | null =>
  duration === null || duration === undefined ? null : duration.secs * 1000 + Math.floor(duration.nanos / 1_000_000)

const durationOf = (record: JsonRecord): number | null => {
  const duration = own(record, "duration")
  if (!isRecord(duration)) return number(record, "duration_ms")
  return millis({ secs: number(duration, "secs") ?? 0, nanos: number(duration, "nanos") ?? 0 })
}

/** A `file:` URL as a path; anything else as it is. */
const localPath = (path: string): string => {
  if (!path.startsWith("file://")) return path
  const encoded = path.slice("file://".length)
  return /%(?![0-9a-f]{2})/i.test(encoded) ? encoded : decodeUtf8Percent(encoded)
}

const decodeUtf8Percent = (encoded: string): string => {
  const bytes: Array<number> = []
  const source = new TextEncoder().encode(encoded)
  for (let i = 0; i < source.length; i++) {
    const byte = source[i] ?? 0
    if (byte === 0x25) {
      bytes.push(Number.parseInt(String.fromCharCode(source[i + 1] ?? 0, source[i + 2] ?? 0), 16))
      i += 2
    } else bytes.push(byte)
  }
  return new TextDecoder().decode(new Uint8Array(bytes))
}

const within = (cwd: string, path: string): string =>
  path.startsWith("/") || cwd === "" ? path : `${cwd.endsWith("/") ? cwd.slice(0, -1) : cwd}/${path.replace(/^\.\//, "")}`

const statuses: ReadonlyMap<string, ItemStatus> = new Map([
  ["in_progress", "inProgress"],
  ["completed", "completed"],
  ["failed", "failed"],
  ["declined", "declined"],
  ["interrupted", "interrupted"]
])
const status = (word: string | null | undefined, otherwise: ItemStatus): ItemStatus =>
  statuses.get(word ?? "") ?? otherwise

// --- messages

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

const userInput = (part: unknown): UserInput | null => {
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

// --- commands and files

const commandAction = (action: unknown, cwd: string): CommandAction | null => {
  if (!isRecord(action)) return null
  const command = text(action, "cmd") ?? text(action, "command") ?? ""
  switch (own(action, "type")) {
    case "read":
      return {
        type: "read",
        command,
        name: text(action, "name") ?? "",
        path: within(cwd, text(action, "path") ?? text(action, "name") ?? "")
      }
    case "list_files":
      return { type: "listFiles", command, path: text(action, "path") }
    case "search":
      return { type: "search", command, query: text(action, "query"), path: text(action, "path") }
    default:
      return { type: "unknown", command }
  }
}

const commandSource = (source: string | null | undefined): CommandExecutionItem["source"] => {
  switch (source) {
    case "user_shell":
      return "userShell"
    case "unified_exec_startup":
      return "unifiedExecStartup"
    case "unified_exec_interaction":
      return "unifiedExecInteraction"
    default:
      return "agent"
  }
}

interface Command {
  readonly id: string
  readonly processId: string | null
  readonly command: ReadonlyArray<string>
  readonly cwd: string
  readonly actions: ReadonlyArray<unknown>
  readonly source: string | null | undefined
  readonly status: string | null | undefined
  readonly output: string | null | undefined
  readonly exitCode: number | null
  readonly durationMs: number | null
}

const commandExecution = (command: Command, times: ItemTimes): CommandExecutionItem => ({
  type: "commandExecution",
  id: ItemId.make(command.id),
  pluginId: null,
  scriptPath: null,
  command: joinWords(command.command),
  cwd: localPath(command.cwd),
  processId: command.processId,
  source: commandSource(command.source),
  status: status(command.status, command.exitCode === null || command.exitCode === 0 ? "completed" : "failed"),
  commandActions: command.actions
    .map((action) => commandAction(action, localPath(command.cwd)))
    .filter((action) => action !== null),
  aggregatedOutput: command.output === undefined || command.output === "" ? null : command.output,
  exitCode: command.exitCode,
  durationMs: command.durationMs,
  ...times
})

const fileChanges = (changes: unknown): ReadonlyArray<FileUpdateChange> =>
  !isRecord(changes)
    ? []
    : Object.entries(changes)
        .map(([path, change]) => fileChange(localPath(path), isRecord(change) ? change : {}))
        .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))

const fileChange = (path: string, change: JsonRecord): FileUpdateChange => {
  const type = own(change, "type")
  if (type === "add" || type === "delete") return { path, kind: { type }, diff: text(change, "content") ?? "" }
  const moved = text(change, "move_path")
  const diff = text(change, "unified_diff") ?? ""
  return {
    path,
    kind: { type: "update", move_path: moved },
    diff: moved === null ? diff : `${diff}\n\nMoved to: ${moved}`
  }
}

// --- tools

const mcpResult = (value: unknown): McpToolCallItem["result"] =>
  isRecord(value)
    ? {
        content: list(value, "content"),
        structuredContent: own(value, "structuredContent") ?? own(value, "structured_content") ?? null,
        _meta: own(value, "_meta") ?? own(value, "meta") ?? null
      }
    : null

const mcpToolCall = (
  call: {
    readonly id: string
    readonly server: string
    readonly tool: string
    readonly arguments: unknown
    readonly status: ItemStatus
    readonly result: McpToolCallItem["result"]
    readonly error: string | null
    readonly durationMs: number | null
  },
  times: ItemTimes
): McpToolCallItem => ({
  type: "mcpToolCall",
  id: ItemId.make(call.id),
  server: call.server,
  tool: call.tool,
  status: call.status,
  arguments: call.arguments ?? null,
  appContext: null,
  mcpAppUi: null,
  pluginId: null,
  readOnlyHint: null,
  result: call.result,
  error: call.error === null ? null : { message: call.error },
  durationMs: call.durationMs,
  ...times
})

const mcpToolCallEnd = (event: EventOf<"mcp_tool_call_end">): McpToolCallItem => {
  const outcome = isRecord(event.result) ? event.result : {}
  const ok = own(outcome, "Ok")
  const failed = own(outcome, "Err")
  const refused = isRecord(ok) && (own(ok, "isError") === true || own(ok, "is_error") === true)
  return mcpToolCall(
    {
      id: event.call_id,
      server: event.invocation.server,
      tool: event.invocation.tool,
      arguments: event.invocation.arguments,
      status: ok !== undefined && !refused ? "completed" : "failed",
      result: mcpResult(ok),
      error: typeof failed === "string" ? failed : null,
      durationMs: millis(event.duration)
    },
    noTimes
  )
}

const webSearchAction = (action: unknown): unknown => {
  if (!isRecord(action)) return null
  switch (own(action, "type")) {
    case "search":
      return { type: "search", query: own(action, "query") ?? null, queries: own(action, "queries") ?? null }
    case "open_page":
      return { type: "openPage", url: own(action, "url") ?? null }
    case "find_in_page":
      return { type: "findInPage", url: own(action, "url") ?? null, pattern: own(action, "pattern") ?? null }
    default:
      return { type: "other" }
  }
}

const agentState = (value: unknown): { readonly status: string; readonly message: string | null } => {
  if (typeof value === "string") return { status: camel(value), message: null }
  if (!isRecord(value)) return { status: "notFound", message: null }
  const [word, message] = Object.entries(value)[0] ?? ["not_found", null]
  return { status: camel(word), message: typeof message === "string" ? message : null }
}

const agentsStates = (states: unknown): CollabAgentToolCallItem["agentsStates"] =>
  isRecord(states)
    ? Object.fromEntries(Object.entries(states).map(([thread, state]) => [thread, agentState(state)]))
    : {}

type CollabEvent = Extract<RolloutEvent, { readonly sender_thread_id: string }>

const collabTools: { readonly [T in CollabEvent["type"]]: string } = {
  collab_agent_spawn_end: "spawnAgent",
  collab_agent_interaction_end: "sendInput",
  collab_waiting_end: "wait",
  collab_close_end: "closeAgent",
  collab_resume_end: "resumeAgent"
}

const collabCall = (event: CollabEvent): CollabAgentToolCallItem => {
  const receiver = event.new_thread_id ?? event.receiver_thread_id ?? null
  const states = event.statuses ?? (receiver === null ? {} : { [receiver]: event.status })
  const receivers = event.receiver_thread_ids ?? (receiver === null ? Object.keys(states) : [receiver])
  const failed =
    (event.type === "collab_agent_spawn_end" && receiver === null) ||
    Object.values(agentsStates(states)).some((state) => state.status === "errored" || state.status === "notFound")
  return {
    type: "collabAgentToolCall",
    id: ItemId.make(event.call_id),
    tool: collabTools[event.type],
    status: failed ? "failed" : "completed",
    senderThreadId: event.sender_thread_id,
    receiverThreadIds: receivers,
    prompt: event.prompt === undefined || event.prompt === "" ? null : event.prompt,
    model: event.model ?? null,
    reasoningEffort: event.reasoning_effort ?? null,
    agentsStates: agentsStates(states),
    ...noTimes
  }
}

// --- review

/** What is shown on entering a review. */
export const reviewRequest = (hint: string | null | undefined): string => hint ?? "Review requested."

/** What is shown of a review's outcome: the explanation, then the findings. */
export const reviewOutcome = (output: unknown): string => {
  if (!isRecord(output)) return "Reviewer failed to output a response."
  const explanation = (text(output, "overall_explanation") ?? "").trim()
  const findings = list(output, "findings").filter(isRecord)
  const sections = explanation === "" ? [] : [explanation]
  if (findings.length > 0) {
    sections.push(
      [findings.length > 1 ? "Full review comments:" : "Review comment:", ...findings.flatMap(finding)].join("\n")
    )
  }
  return sections.length === 0 ? "Reviewer failed to output a response." : sections.join("\n\n")
}

const finding = (record: JsonRecord): ReadonlyArray<string> => {
  const place = own(record, "code_location")
  const range = isRecord(place) ? own(place, "line_range") : undefined
  const path = isRecord(place) ? (text(place, "absolute_file_path") ?? "") : ""
  const lines = isRecord(range) ? `${number(range, "start") ?? 0}-${number(range, "end") ?? 0}` : "0-0"
  const body = (text(record, "body") ?? "").split("\n").map((line) => `  ${line}`)
  return ["", `- ${text(record, "title") ?? ""} — ${path}:${lines}`, ...body]
}

// --- the two entrances

/** Events that are about one call, and stand for one item by its call id. */
export type CallEvent = Extract<RolloutEvent, { readonly call_id: string }>

/** The item that a call's last event tells of. */
export const itemOfCall = (event: CallEvent): ThreadItem => {
  switch (event.type) {
    case "exec_command_end":
      return commandExecution(
        {
          id: event.call_id,
          processId: event.process_id ?? null,
          command: event.command,
          cwd: event.cwd,
          actions: event.parsed_cmd ?? [],
          source: event.source,
          status: event.status,
          output: event.aggregated_output,
          exitCode: event.exit_code ?? null,
          durationMs: millis(event.duration)
        },
        noTimes
      )
    case "patch_apply_end":
      return {
        type: "fileChange",
        id: ItemId.make(event.call_id),
        changes: fileChanges(event.changes),
        status: status(event.status, event.success === false ? "failed" : "completed"),
        ...noTimes
      }
    case "mcp_tool_call_end":
      return mcpToolCallEnd(event)
    case "web_search_end":
      return {
        type: "webSearch",
        id: ItemId.make(event.call_id),
        query: event.query ?? "",
        action: webSearchAction(event.action),
        results: null,
        ...noTimes
      }
    case "view_image_tool_call":
      return { type: "imageView", id: ItemId.make(event.call_id), path: localPath(event.path), ...noTimes }
    case "image_generation_end":
      return {
        type: "imageGeneration",
        id: ItemId.make(event.call_id),
        status: event.status,
        revisedPrompt: event.revised_prompt ?? null,
        result: event.result,
        transparentBackground: null,
        failure: null,
        ...(typeof event.saved_path === "string" ? { savedPath: event.saved_path } : {}),
        generationId: null,
        ...noTimes
      }
    case "dynamic_tool_call_response":
      return {
        type: "dynamicToolCall",
        id: ItemId.make(event.call_id),
        namespace: event.namespace ?? null,
        tool: event.tool,
        arguments: event.arguments ?? null,
        status: event.success === false ? "failed" : "completed",
        contentItems: (event.content_items ?? []).map(camelContent),
        success: event.success ?? null,
        durationMs: millis(event.duration),
        ...noTimes
      }
    case "collab_agent_spawn_end":
    case "collab_agent_interaction_end":
    case "collab_waiting_end":
    case "collab_close_end":
    case "collab_resume_end":
      return collabCall(event)
  }
}

const camelContent = (part: unknown): unknown => {
  const renamed = camelKeys(part)
  return isRecord(renamed) && typeof own(renamed, "type") === "string"
    ? { ...renamed, type: camel(String(own(renamed, "type"))) }
    : renamed
}

/** An agent's own item, as `item_completed` carries it. A kind that is not known is kept whole. */
export const itemOfRecord = (item: JsonRecord & { readonly type: string; readonly id: string }, times: ItemTimes): ThreadItem => {
  const id = ItemId.make(item.id)
  switch (item.type) {
    case "UserMessage":
      return {
        type: "userMessage",
        id,
        clientId: text(item, "client_id"),
        content: list(item, "content")
          .map(userInput)
          .filter((part) => part !== null),
        ...times
      }
    case "HookPrompt":
      return {
        type: "hookPrompt",
        id,
        fragments: list(item, "fragments")
          .filter(isRecord)
          .map((part) => ({ text: text(part, "text") ?? "", hookRunId: text(part, "hook_run_id") ?? "" })),
        ...times
      }
    case "AgentMessage": {
      const message = list(item, "content").map((part) => (isRecord(part) ? (text(part, "text") ?? "") : ""))
      return agentMessage(item.id, message.join(""), text(item, "phase"), own(item, "memory_citation"), times)
    }
    case "Plan":
      return { type: "plan", id, text: text(item, "text") ?? "", ...times }
    case "Reasoning":
      return {
        type: "reasoning",
        id,
        summary: strings(item, "summary_text"),
        content: strings(item, "raw_content"),
        ...times
      }
    case "CommandExecution":
      return commandExecution(
        {
          id: item.id,
          processId: text(item, "process_id"),
          command: strings(item, "command"),
          cwd: text(item, "cwd") ?? "",
          actions: list(item, "parsed_cmd"),
          source: text(item, "source"),
          status: text(item, "status"),
          output: text(item, "aggregated_output"),
          exitCode: number(item, "exit_code"),
          durationMs: durationOf(item)
        },
        times
      )
    case "FileChange":
      return {
        type: "fileChange",
        id,
        changes: fileChanges(own(item, "changes")),
        status: status(text(item, "status"), "inProgress"),
        ...times
      }
    case "McpToolCall": {
      const error = own(item, "error")
      return mcpToolCall(
        {
          id: item.id,
          server: text(item, "server") ?? "",
          tool: text(item, "tool") ?? "",
          arguments: own(item, "arguments"),
          status: status(text(item, "status"), "inProgress"),
          result: mcpResult(own(item, "result")),
          error: isRecord(error) ? text(error, "message") : typeof error === "string" ? error : null,
          durationMs: durationOf(item)
        },
        times
      )
    }
    case "DynamicToolCall": {
      const success = own(item, "success")
      const contentItems = own(item, "content_items")
      return {
        type: "dynamicToolCall",
        id,
        namespace: text(item, "namespace"),
        tool: text(item, "tool") ?? "",
        arguments: own(item, "arguments") ?? null,
        status: status(text(item, "status"), "inProgress"),
        contentItems: Array.isArray(contentItems) ? contentItems.map(camelContent) : null,
        success: typeof success === "boolean" ? success : null,
        durationMs: durationOf(item),
        ...times
      }
    }
    case "FunctionCallOutput":
      return {
        type: "functionCallOutput",
        id,
        name: text(item, "name") ?? "",
        namespace: text(item, "namespace"),
        output: own(item, "output") ?? "",
        ...times
      }
    case "CollabAgentToolCall":
      return {
        type: "collabAgentToolCall",
        id,
        tool: camel(text(item, "tool") ?? ""),
        status: status(text(item, "status"), "inProgress"),
        senderThreadId: text(item, "sender_thread_id") ?? "",
        receiverThreadIds: strings(item, "receiver_thread_ids"),
        prompt: text(item, "prompt"),
        model: text(item, "model"),
        reasoningEffort: text(item, "reasoning_effort"),
        agentsStates: agentsStates(own(item, "agents_states")),
        ...times
      }
    case "SubAgentActivity":
      return {
        type: "subAgentActivity",
        model: text(item, "model"),
        reasoningEffort: text(item, "reasoning_effort"),
        id,
        kind: camel(text(item, "kind") ?? ""),
        agentThreadId: text(item, "agent_thread_id") ?? "",
        agentPath: text(item, "agent_path") ?? "",
        ...times
      }
    case "WebSearch":
      return {
        type: "webSearch",
        id,
        query: text(item, "query") ?? "",
        action: webSearchAction(own(item, "action")),
        results: own(item, "results") ?? null,
        ...times
      }
    case "ImageView":
      return { type: "imageView", id, path: localPath(text(item, "path") ?? ""), ...times }
    case "Sleep":
      return { type: "sleep", id, durationMs: number(item, "duration_ms") ?? 0, ...times }
    case "ImageGeneration": {
      const savedPath = text(item, "saved_path")
      return {
        type: "imageGeneration",
        id,
        status: text(item, "status") ?? "",
        revisedPrompt: text(item, "revised_prompt"),
        result: text(item, "result") ?? "",
        transparentBackground: own(item, "transparent_background") === true ? true : null,
        failure: camelKeys(own(item, "failure")),
        ...(savedPath === null ? {} : { savedPath }),
        generationId: text(item, "generation_id"),
        ...times
      }
    }
    case "EnteredReviewMode":
      return { type: "enteredReviewMode", id, review: reviewRequest(text(item, "user_facing_hint")), ...times }
    case "ExitedReviewMode":
      return { type: "exitedReviewMode", id, review: reviewOutcome(own(item, "review_output")), ...times }
    case "ContextCompaction":
      return { type: "contextCompaction", id, ...times }
    default:
      return { type: "unknown", id, kind: item.type, record: item, ...times }
  }
}
