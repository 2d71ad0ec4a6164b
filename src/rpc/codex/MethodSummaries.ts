/**
 * What each method is for, in a line: requests, notifications and questions. A method of the protocol without one does not
 * compile.
 */
import type { RpcGroup } from "effect/rpc"
import type { NotificationMethod } from "../../domain/Notification.ts"
import type { ServerRequestMethod } from "../../domain/ServerRequest.ts"
import type { CodexProtocol } from "./Protocol.ts"

/** Any method, whoever sends it. */
export type AnyMethod =
  | RpcGroup.Rpcs<typeof CodexProtocol>["_tag"]
  | "initialized"
  | NotificationMethod
  | ServerRequestMethod

const summaries: Readonly<Record<AnyMethod, string>> = {
  initialize: "Opens the conversation: who the client is, what it opts out of.",
  initialized: "The client has read the answer to `initialize`; not required.",
  "thread/start": "A new thread.",
  "thread/resume": "A stored or running thread, and its events from then on; its restored usage follows the answer.",
  "thread/fork": "A new thread with the history of another; its restored usage follows the answer.",
  "thread/read": "A thread as it is, without its events.",
  "thread/list": "A page of the stored threads.",
  "thread/search": "A page of the threads in which something was said.",
  "thread/loaded/list": "Ids of the threads in memory.",
  "thread/turns/list": "A page of a thread's turns.",
  "thread/items/list": "A page of a thread's items.",
  "thread/unsubscribe": "No more events of this thread to this client.",
  "thread/settings/update": "Changes the settings that a loaded thread runs under, from its next turn on.",
  "turn/start": "The user says something: a turn begins, or the running one is steered.",
  "turn/steer": "The user says something to the running turn.",
  "turn/interrupt": "Stops the running turn.",
  "thread/rollback": "Takes back the last turns.",
  "thread/revert": "Takes back a turn and all after it.",
  "thread/compact/start": "A turn that leaves a summary of the history.",
  "thread/inject_items": "Items for the model.",
  "thread/name/set": "Names a thread.",
  "thread/metadata/update": "Sets what is known of a thread's repository.",
  "thread/archive": "Puts a thread into the archive.",
  "thread/unarchive": "Takes a thread out of the archive.",
  "thread/delete": "Deletes a thread.",
  "account/read": "Who pays: the keys are the server's.",
  "account/bedrock/checkGovCloudRequirements": "Nothing to require.",
  "model/list": "The configured model.",
  "config/read": "The configuration in force, without secrets.",
  "configRequirements/read": "Requirements on the configuration: none.",
  "collaborationMode/list": "The default mode.",
  "skills/list": "Skills of each directory: none.",
  "hooks/list": "Hooks of each directory: none.",
  "plugin/installed": "Plugins: none.",
  "mcpServerStatus/list": "MCP servers: none.",
  "permissionProfile/list": "Permission profiles: those that Codex has built in.",
  "thread/goal/get": "The goal of a thread: none.",
  "thread/backgroundTerminals/list": "Background terminals of a thread: none.",
  "thread/backgroundTerminals/clean": "Ends background terminals: there are none.",
  "thread/shellCommand": "Refused; Codex's terminal client gets a turn that fails and says why.",
  "review/start": "Refused; Codex's terminal client gets a turn that fails and says why.",
  "config/batchWrite": "Refused: this server does not change its configuration.",
  "config/value/write": "Refused: this server does not change its configuration.",
  "thread/started": "A thread was started or forked.",
  "thread/status/changed": "A thread became active or idle, or waits for somebody.",
  "thread/closed": "A thread is no longer in memory.",
  "thread/archived": "A thread was archived.",
  "thread/unarchived": "A thread was taken out of the archive.",
  "thread/deleted": "A thread was deleted.",
  "thread/reverted": "Turns of a thread were taken back.",
  "thread/name/updated": "A thread has another name.",
  "thread/settings/updated": "A thread's settings changed; they hold from its next turn on.",
  "turn/started": "A turn began.",
  "turn/completed": "A turn ended; its status says how.",
  "turn/plan/updated": "The agent's plan changed.",
  "item/started": "An item of a turn began.",
  "item/completed": "An item of a turn is whole.",
  "item/agentMessage/delta": "More text of a message.",
  "item/reasoning/summaryPartAdded": "Another part of a reasoning's summary begins.",
  "item/reasoning/summaryTextDelta": "More text of a reasoning's summary.",
  "serverRequest/resolved": "A question was answered, or is no longer asked.",
  error: "A turn met an error.",
  "thread/tokenUsage/updated": "What a thread spent: live to all who follow it, replayed to the one who came to it.",
  warning: "Something that the client should show.",
  configWarning: "Something is wrong with the configuration.",
  "item/commandExecution/requestApproval": "May this command run?",
  "item/fileChange/requestApproval": "May these files be changed?",
  "item/permissions/requestApproval": "May the turn have more than its sandbox gives?",
  "item/tool/requestUserInput": "Questions of the agent to the user.",
  "item/tool/call": "A tool that the client runs."
}

const byMethod: ReadonlyMap<string, string> = new Map(Object.entries(summaries))

/** Empty for a method that is not in the protocol. */
export const summaryOf = (method: string): string => byMethod.get(method) ?? ""
