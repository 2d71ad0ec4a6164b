/**
 * Items of tools and of other agents: MCP calls, web searches, dynamic tools, collaboration.
 */
import { ItemId } from "./Ids.ts"
import { type ItemTimes, millis, noTimes } from "./ItemParts.ts"
import { isRecord, own } from "./Json.ts"
import { camel, camelKeys, list } from "./OpenRecord.ts"
import type { EventOf, RolloutEvent } from "./RolloutEvent.ts"
import type { CollabAgentToolCallItem, ItemStatus, McpToolCallItem } from "./ThreadItem.ts"

/** A result of an MCP call. */
export const mcpResult = (value: unknown): McpToolCallItem["result"] =>
  isRecord(value)
    ? {
        content: list(value, "content"),
        structuredContent: own(value, "structuredContent") ?? own(value, "structured_content") ?? null,
        _meta: own(value, "_meta") ?? own(value, "meta") ?? null
      }
    : null

/** The item of one MCP call. */
export const mcpToolCall = (
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

/** The item of an MCP call that ended. */
export const mcpToolCallEnd = (event: EventOf<"mcp_tool_call_end">): McpToolCallItem => {
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

/** What a web search did, in the protocol's words. */
export const webSearchAction = (action: unknown): unknown => {
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

/** States of other agents, by thread. */
export const agentsStates = (states: unknown): CollabAgentToolCallItem["agentsStates"] =>
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

/** The item of a call to other agents. */
export const collabCall = (event: CollabEvent): CollabAgentToolCallItem => {
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

/** A part of a tool's output with the protocol's names. */
export const camelContent = (part: unknown): unknown => {
  const renamed = camelKeys(part)
  return isRecord(renamed) && typeof own(renamed, "type") === "string"
    ? { ...renamed, type: camel(String(own(renamed, "type"))) }
    : renamed
}
