/**
 * What must not compile: a match that forgets a kind of item, notification, event, question or error. In each of these one
 * kind is forgotten, the last; a kind that is new and stands nowhere here does not compile either. Checked by the type
 * checker; nothing here runs. `Reasons.test.ts` pins what each line is said to forget.
 */
import { Effect, Match } from "effect"
import type { AgentEvent } from "../../src/domain/AgentEvent.ts"
import type { ThreadId } from "../../src/domain/Ids.ts"
import type { Notification } from "../../src/domain/Notification.ts"
import type { Question } from "../../src/domain/ServerRequest.ts"
import type { ThreadItem } from "../../src/domain/ThreadItem.ts"
import type { Turn } from "../../src/domain/Turn.ts"
import type { EventsError } from "../../src/rpc/client/ClientError.ts"
import type { CodexClient } from "../../src/rpc/client/CodexClient.ts"
import type { Notified, ThreadEvent } from "../../src/rpc/client/ThreadEvent.ts"
import type { AttachmentError, NativeClient } from "../../src/rpc/native/NativeClient.ts"
import type { Element } from "../../src/rpc/native/NativeElement.ts"
import type { AgentError } from "../../src/services/Agent.ts"
import type { RolloutWriteFailed } from "../../src/services/RolloutWriter.ts"
import type { ThreadError } from "../../src/services/ThreadError.ts"
import type { Threads } from "../../src/services/Threads.ts"

declare const never: (nothing: never) => void

// --- what happens in a thread

export const ofItem = (item: ThreadItem): string => {
  switch (item.type) {
    case "userMessage":
    case "hookPrompt":
    case "agentMessage":
    case "functionCallOutput":
    case "plan":
    case "reasoning":
    case "commandExecution":
    case "fileChange":
    case "mcpToolCall":
    case "dynamicToolCall":
    case "collabAgentToolCall":
    case "subAgentActivity":
    case "webSearch":
    case "imageView":
    case "sleep":
    case "imageGeneration":
    case "enteredReviewMode":
    case "exitedReviewMode":
    case "contextCompaction":
      return item.type
    default:
      // @ts-expect-error `unknown` was forgotten
      never(item.type)
      return item.type satisfies "unknown"
  }
}

export const ofTurn = (turn: Turn): string => {
  switch (turn.status) {
    case "completed":
    case "interrupted":
    case "failed":
      return turn.status
    default:
      // @ts-expect-error `inProgress` was forgotten
      never(turn.status)
      return turn.status satisfies "inProgress"
  }
}

export const ofNotification = (notification: Notification): string => {
  switch (notification.method) {
    case "thread/started":
    case "thread/status/changed":
    case "thread/closed":
    case "thread/archived":
    case "thread/unarchived":
    case "thread/deleted":
    case "thread/reverted":
    case "thread/name/updated":
    case "thread/settings/updated":
    case "turn/started":
    case "turn/completed":
    case "turn/plan/updated":
    case "item/started":
    case "item/completed":
    case "item/agentMessage/delta":
    case "item/reasoning/summaryPartAdded":
    case "item/reasoning/summaryTextDelta":
    case "serverRequest/resolved":
    case "error":
    case "thread/tokenUsage/updated":
    case "warning":
      return notification.method
    default:
      // @ts-expect-error `configWarning` was forgotten
      never(notification.method)
      return notification.method satisfies "configWarning"
  }
}

export const ofAgentEvent = (event: AgentEvent): string => {
  switch (event._tag) {
    case "TextDelta":
    case "TextEnd":
    case "ReasoningDelta":
    case "ReasoningEnd":
    case "ToolCall":
    case "ToolResult":
    case "PlanUpdate":
      return event._tag
    default:
      // @ts-expect-error `UsageReport` was forgotten
      never(event._tag)
      return event._tag satisfies "UsageReport"
  }
}

export const ofQuestion = (question: Question): string => {
  switch (question.method) {
    case "item/commandExecution/requestApproval":
    case "item/fileChange/requestApproval":
    case "item/permissions/requestApproval":
    case "item/tool/requestUserInput":
      return question.method
    default:
      // @ts-expect-error `item/tool/call` was forgotten
      never(question.method)
      return question.method satisfies "item/tool/call"
  }
}

// --- what clients are told

export const ofClientEvent = (event: ThreadEvent): string => {
  switch (event._tag) {
    case "Notified":
    case "UsageUpdated":
    case "UsageReplayed":
    case "Reattached":
      return event._tag
    default:
      // @ts-expect-error `Unrecognized` was forgotten
      never(event._tag)
      return event._tag satisfies "Unrecognized"
  }
}

export const ofClientNotification = (notification: Notified["notification"]): string => {
  switch (notification.method) {
    case "thread/started":
    case "thread/status/changed":
    case "thread/closed":
    case "thread/archived":
    case "thread/unarchived":
    case "thread/deleted":
    case "thread/reverted":
    case "thread/name/updated":
    case "thread/settings/updated":
    case "turn/started":
    case "turn/completed":
    case "turn/plan/updated":
    case "item/started":
    case "item/completed":
    case "item/agentMessage/delta":
    case "item/reasoning/summaryPartAdded":
    case "item/reasoning/summaryTextDelta":
    case "serverRequest/resolved":
    case "error":
    case "warning":
      return notification.method
    default:
      // @ts-expect-error `configWarning` was forgotten
      never(notification.method)
      return notification.method satisfies "configWarning"
  }
}

export const ofNativeElement = (element: Element): string => {
  switch (element._tag) {
    case "Snapshot":
    case "Continued":
    case "Event":
      return element._tag
    default:
      // @ts-expect-error `Question` was forgotten
      never(element._tag)
      return element._tag satisfies "Question"
  }
}

// --- what can go wrong

export const ofThreadError = (error: ThreadError): string => {
  switch (error._tag) {
    case "InvalidThreadId":
    case "ThreadNotFound":
    case "ThreadArchived":
    case "RolloutUnreadable":
    case "ThreadIdMismatch":
    case "PathRefused":
    case "HistoryBaseMissing":
    case "ForkPointRefused":
    case "InvalidRequest":
    case "ThreadNotLoaded":
    case "ThreadReadOnly":
    case "ThreadChanged":
      return error._tag
    default:
      // @ts-expect-error `RolloutStoreError` was forgotten
      never(error._tag)
      return error._tag satisfies "RolloutStoreError"
  }
}

export const ofAgentError = (error: AgentError): string => {
  switch (error.kind) {
    case "noModel":
    case "unauthorized":
    case "badRequest":
    case "usageLimitExceeded":
    case "rateLimitExceeded":
    case "serverOverloaded":
    case "internalServerError":
    case "connectionFailed":
    case "streamDisconnected":
    case "contextWindowExceeded":
    case "stepLimit":
    case "badToolCall":
    case "toolFailed":
      return error.kind
    default:
      // @ts-expect-error `other` was forgotten
      never(error.kind)
      return error.kind satisfies "other"
  }
}

export const ofWriteFailure = (error: RolloutWriteFailed): string => {
  switch (error.reason) {
    case "busy":
    case "changed":
    case "diskFull":
    case "lost":
    case "accessDenied":
    case "broken":
      return error.reason
    default:
      // @ts-expect-error `other` was forgotten
      never(error.reason)
      return error.reason satisfies "other"
  }
}

export const ofClientError = (error: EventsError): string => {
  switch (error._tag) {
    case "RequestRefused":
    case "ConnectionLost":
    case "ProtocolViolation":
      return error._tag
    default:
      // @ts-expect-error `EventsOverflow` was forgotten
      never(error._tag)
      return error._tag satisfies "EventsOverflow"
  }
}

export const ofNativeError = (error: AttachmentError): string => {
  switch (error._tag) {
    case "InvalidThreadId":
    case "ThreadNotFound":
    case "ThreadArchived":
    case "RolloutUnreadable":
    case "ThreadIdMismatch":
    case "PathRefused":
    case "HistoryBaseMissing":
    case "ForkPointRefused":
    case "InvalidRequest":
    case "ThreadNotLoaded":
    case "ThreadReadOnly":
    case "ThreadChanged":
    case "RolloutStoreError":
    case "FellBehind":
    case "Overloaded":
      return error._tag
    default:
      // @ts-expect-error `RpcClientError` was forgotten
      never(error._tag)
      return error._tag satisfies "RpcClientError"
  }
}

// --- the same by `Effect.catchTags` and by `Match`

declare const threads: Threads["Service"]
declare const native: NativeClient["Service"]
declare const client: CodexClient["Service"]
declare const threadId: ThreadId
declare const item: ThreadItem
const done = () => Effect.void

/** How a program can still fail. */
declare const left: <A, E, R>(program: Effect.Effect<A, E, R>) => E

const others = {
  ThreadNotFound: done,
  ThreadArchived: done,
  RolloutUnreadable: done,
  ThreadIdMismatch: done,
  PathRefused: done,
  HistoryBaseMissing: done,
  ForkPointRefused: done,
  InvalidRequest: done,
  ThreadNotLoaded: done,
  ThreadReadOnly: done,
  ThreadChanged: done,
  RolloutStoreError: done
}
never(left(threads.read(threadId).pipe(Effect.catchTags({ ...others, InvalidThreadId: done }))))
// @ts-expect-error `InvalidThreadId` was forgotten
never(left(threads.read(threadId).pipe(Effect.catchTags(others))))

const attached = Effect.scoped(native.resume({ threadId }))
const connection = { Overloaded: done, RpcClientError: done }
never(left(attached.pipe(Effect.catchTags({ ...others, ...connection, InvalidThreadId: done, FellBehind: done }))))
// @ts-expect-error `FellBehind` was forgotten
never(left(attached.pipe(Effect.catchTags({ ...others, ...connection, InvalidThreadId: done }))))

const resumed = Effect.scoped(client.resume(threadId))
never(left(resumed.pipe(Effect.catchTags({ RequestRefused: done, ConnectionLost: done, ProtocolViolation: done }))))
// @ts-expect-error `ConnectionLost` was forgotten
never(left(resumed.pipe(Effect.catchTags({ RequestRefused: done, ProtocolViolation: done }))))

// @ts-expect-error there is no such error
export const imagined = Effect.catchTag(threads.read(threadId), "ThreadLost", done)

const shown = Match.value(item).pipe(
  Match.when({ type: "userMessage" }, ({ content }) => content.length),
  Match.when({ type: "agentMessage" }, ({ text }) => text.length)
)
export const some = shown.pipe(Match.orElse(() => 0))
// @ts-expect-error the other kinds were forgotten
export const all = shown.pipe(Match.exhaustive)
