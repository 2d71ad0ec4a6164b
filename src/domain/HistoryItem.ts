/**
 * Makes protocol items of what rollouts hold: of events about one call (event-style history) and of the
 * agent's own items (`item_completed`, paginated history). Names and shapes change in this family of
 * modules and nowhere else. Source: docs/codex.md, "Items".
 */
import { commandExecution, fileChanges, localPath } from "./CommandItems.ts"
import { ItemId } from "./Ids.ts"
import { durationOf, type ItemTimes, millis, noTimes, status } from "./ItemParts.ts"
import { isRecord, type JsonRecord, own } from "./Json.ts"
import { agentMessage, userInput } from "./MessageItems.ts"
import { camel, camelKeys, list, number, strings, text } from "./OpenRecord.ts"
import { reviewOutcome, reviewRequest } from "./ReviewItems.ts"
import type { RolloutEvent } from "./RolloutEvent.ts"
import type { ThreadItem } from "./ThreadItem.ts"
import {
  agentsStates,
  camelContent,
  collabCall,
  mcpResult,
  mcpToolCall,
  mcpToolCallEnd,
  webSearchAction
} from "./ToolItems.ts"

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

/** An agent's own item, as `item_completed` carries it. A kind that is not known is kept whole. */
export const itemOfRecord = (
  item: JsonRecord & { readonly type: string; readonly id: string },
  times: ItemTimes
): ThreadItem => {
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
