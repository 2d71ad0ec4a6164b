/**
 * What the server tells clients unasked. Method and params are the protocol's own; a schema per
 * method is the codec of every face.
 */
import { Schema } from "effect"
import { ItemId, RequestId, ThreadId, TurnId } from "./Ids.ts"
import { Thread, ThreadStatus } from "./Thread.ts"
import { ThreadItem } from "./ThreadItem.ts"
import { ThreadTokenUsage } from "./TokenUsage.ts"
import { ToldSettings } from "./ToldSettings.ts"
import { Turn, TurnError } from "./Turn.ts"

const inTurn = { threadId: ThreadId, turnId: TurnId }
const inItem = { ...inTurn, itemId: ItemId }

const params = {
  "thread/started": Schema.Struct({ thread: Thread }),
  "thread/status/changed": Schema.Struct({ threadId: ThreadId, status: ThreadStatus }),
  "thread/closed": Schema.Struct({ threadId: ThreadId }),
  "thread/archived": Schema.Struct({ threadId: ThreadId }),
  "thread/unarchived": Schema.Struct({ threadId: ThreadId }),
  "thread/deleted": Schema.Struct({ threadId: ThreadId }),
  "thread/reverted": Schema.Struct({ threadId: ThreadId }),
  "thread/name/updated": Schema.Struct({ threadId: ThreadId, threadName: Schema.String }),
  "thread/settings/updated": Schema.Struct({ threadId: ThreadId, threadSettings: ToldSettings }),
  "turn/started": Schema.Struct({ threadId: ThreadId, turn: Turn }),
  "turn/completed": Schema.Struct({ threadId: ThreadId, turn: Turn }),
  "turn/plan/updated": Schema.Struct({
    ...inTurn,
    explanation: Schema.NullOr(Schema.String),
    plan: Schema.Array(
      Schema.Struct({ step: Schema.String, status: Schema.Literals(["pending", "inProgress", "completed"]) })
    )
  }),
  "item/started": Schema.Struct({ item: ThreadItem, ...inTurn, startedAtMs: Schema.Finite }),
  "item/completed": Schema.Struct({ item: ThreadItem, ...inTurn, completedAtMs: Schema.Finite }),
  "item/agentMessage/delta": Schema.Struct({ ...inItem, delta: Schema.String }),
  "item/reasoning/summaryPartAdded": Schema.Struct({ ...inItem, summaryIndex: Schema.Int }),
  "item/reasoning/summaryTextDelta": Schema.Struct({ ...inItem, delta: Schema.String, summaryIndex: Schema.Int }),
  "serverRequest/resolved": Schema.Struct({ threadId: ThreadId, requestId: RequestId }),
  error: Schema.Struct({ error: TurnError, willRetry: Schema.Boolean, ...inTurn }),
  "thread/tokenUsage/updated": Schema.Struct({ threadId: ThreadId, turnId: TurnId, tokenUsage: ThreadTokenUsage }),
  warning: Schema.Struct({ threadId: Schema.NullOr(ThreadId), message: Schema.String }),
  configWarning: Schema.Struct({ summary: Schema.String, details: Schema.NullOr(Schema.String) })
}

/** The params schema of every notification, by method. */
export const NotificationParams = params

/** A notification's method. */
export type NotificationMethod = keyof typeof params

/** One notification, typed by its method. */
export type Notification = {
  readonly [M in NotificationMethod]: { readonly method: M; readonly params: (typeof params)[M]["Type"] }
}[NotificationMethod]

const told = <M extends NotificationMethod>(method: M) =>
  Schema.Struct({ method: Schema.Literal(method), params: Schema.toType(params[method]) })

/** Any notification as this server holds it: counters are integers, not the protocol's spelling of them. */
export const Notification = Schema.Union([
  told("thread/started"),
  told("thread/status/changed"),
  told("thread/closed"),
  told("thread/archived"),
  told("thread/unarchived"),
  told("thread/deleted"),
  told("thread/reverted"),
  told("thread/name/updated"),
  told("thread/settings/updated"),
  told("turn/started"),
  told("turn/completed"),
  told("turn/plan/updated"),
  told("item/started"),
  told("item/completed"),
  told("item/agentMessage/delta"),
  told("item/reasoning/summaryPartAdded"),
  told("item/reasoning/summaryTextDelta"),
  told("serverRequest/resolved"),
  told("error"),
  told("thread/tokenUsage/updated"),
  told("warning"),
  told("configWarning")
])

/** The one that this server exists for: a session's usage, live or replayed. */
export type TokenUsageUpdated = Extract<Notification, { readonly method: "thread/tokenUsage/updated" }>

/** The thread that a notification is about; null when it is about none. */
export const threadOf = (notification: Notification): ThreadId | null => {
  switch (notification.method) {
    case "thread/started":
      return notification.params.thread.id
    case "configWarning":
      return null
    default:
      return notification.params.threadId
  }
}
