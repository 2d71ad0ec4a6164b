/**
 * The methods of the Codex app-server protocol that this server has, as one RPC group.
 *
 * Names, params and results are Codex's. A method is added here, to `Params`, to `Results` and to the
 * handlers; the engine and the transports need no change.
 */
import { Rpc, RpcGroup } from "effect/rpc"
import { ClientProtocol } from "./ClientProtocol.ts"
import * as Params from "./Params.ts"
import * as Results from "./Results.ts"
import { RequestMiddleware } from "./CurrentRequest.ts"
import { WireError } from "./WireError.ts"

/** The Codex release whose protocol this is; clients read it from the user agent. */
export const protocolVersion = "0.169.0"

export const Initialize = Rpc.make("initialize", {
  payload: Params.InitializeParams,
  success: Results.InitializeResult,
  error: WireError
})

export const ThreadResume = Rpc.make("thread/resume", {
  payload: Params.ThreadResumeParams,
  success: Results.ThreadResumeResult,
  error: WireError
})

export const ThreadFork = Rpc.make("thread/fork", {
  payload: Params.ThreadForkParams,
  success: Results.ThreadForkResult,
  error: WireError
})

export const ThreadRead = Rpc.make("thread/read", {
  payload: Params.ThreadReadParams,
  success: Results.ThreadReadResult,
  error: WireError
})

export const ThreadList = Rpc.make("thread/list", {
  payload: Params.ThreadListParams,
  success: Results.ThreadListResult,
  error: WireError
})

export const ThreadSearch = Rpc.make("thread/search", {
  payload: Params.ThreadSearchParams,
  success: Results.ThreadSearchResult,
  error: WireError
})

export const ThreadLoadedList = Rpc.make("thread/loaded/list", {
  payload: Params.ThreadLoadedListParams,
  success: Results.ThreadLoadedListResult,
  error: WireError
})

export const ThreadTurnsList = Rpc.make("thread/turns/list", {
  payload: Params.ThreadTurnsListParams,
  success: Results.TurnsPage,
  error: WireError
})

export const ThreadItemsList = Rpc.make("thread/items/list", {
  payload: Params.ThreadItemsListParams,
  success: Results.ThreadItemsListResult,
  error: WireError
})

export const ThreadUnsubscribe = Rpc.make("thread/unsubscribe", {
  payload: Params.ThreadUnsubscribeParams,
  success: Results.ThreadUnsubscribeResult,
  error: WireError
})

export const ThreadStart = Rpc.make("thread/start", {
  payload: Params.ThreadStartParams,
  success: Results.ThreadForkResult,
  error: WireError
})

export const TurnStart = Rpc.make("turn/start", {
  payload: Params.TurnStartParams,
  success: Results.TurnResult,
  error: WireError
})

export const ThreadSettingsUpdate = Rpc.make("thread/settings/update", {
  payload: Params.ThreadSettingsUpdateParams,
  success: Results.Done,
  error: WireError
})

export const TurnSteer = Rpc.make("turn/steer", {
  payload: Params.TurnSteerParams,
  success: Results.TurnIdResult,
  error: WireError
})

export const TurnInterrupt = Rpc.make("turn/interrupt", {
  payload: Params.TurnInterruptParams,
  success: Results.Done,
  error: WireError
})

export const ThreadRollback = Rpc.make("thread/rollback", {
  payload: Params.ThreadRollbackParams,
  success: Results.ThreadResult,
  error: WireError
})

export const ThreadRevert = Rpc.make("thread/revert", {
  payload: Params.ThreadRevertParams,
  success: Results.ThreadRevertResult,
  error: WireError
})

export const ThreadCompactStart = Rpc.make("thread/compact/start", {
  payload: Params.ThreadIdParams,
  success: Results.Done,
  error: WireError
})

export const ThreadInjectItems = Rpc.make("thread/inject_items", {
  payload: Params.ThreadInjectItemsParams,
  success: Results.Done,
  error: WireError
})

export const ThreadSetName = Rpc.make("thread/name/set", {
  payload: Params.ThreadSetNameParams,
  success: Results.Done,
  error: WireError
})

export const ThreadMetadataUpdate = Rpc.make("thread/metadata/update", {
  payload: Params.ThreadMetadataUpdateParams,
  success: Results.ThreadResult,
  error: WireError
})

export const ThreadArchive = Rpc.make("thread/archive", {
  payload: Params.ThreadIdParams,
  success: Results.Done,
  error: WireError
})

export const ThreadUnarchive = Rpc.make("thread/unarchive", {
  payload: Params.ThreadIdParams,
  success: Results.ThreadResult,
  error: WireError
})

export const ThreadDelete = Rpc.make("thread/delete", {
  payload: Params.ThreadIdParams,
  success: Results.Done,
  error: WireError
})

/** Requests: each is answered exactly once. */
export class CodexProtocol extends RpcGroup.make(
  Initialize,
  ThreadResume,
  ThreadFork,
  ThreadRead,
  ThreadList,
  ThreadSearch,
  ThreadLoadedList,
  ThreadTurnsList,
  ThreadItemsList,
  ThreadUnsubscribe,
  ThreadStart,
  TurnStart,
  ThreadSettingsUpdate,
  TurnSteer,
  TurnInterrupt,
  ThreadRollback,
  ThreadRevert,
  ThreadCompactStart,
  ThreadInjectItems,
  ThreadSetName,
  ThreadMetadataUpdate,
  ThreadArchive,
  ThreadUnarchive,
  ThreadDelete
)
  .merge(ClientProtocol)
  .middleware(RequestMiddleware) {}

/** What clients tell the server without expecting an answer; nothing depends on any of it. */
export const clientNotifications: ReadonlySet<string> = new Set(["initialized"])
