/**
 * What the server tells clients unasked. Method and params are the protocol's own; a schema per
 * method is the codec of every face.
 */
import { Schema } from "effect"
import { ThreadId, TurnId } from "./Ids.ts"
import { Thread, ThreadStatus } from "./Thread.ts"
import { ThreadTokenUsage } from "./TokenUsage.ts"

const params = {
  "thread/started": Schema.Struct({ thread: Thread }),
  "thread/status/changed": Schema.Struct({ threadId: ThreadId, status: ThreadStatus }),
  "thread/closed": Schema.Struct({ threadId: ThreadId }),
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

/** The one that this server exists for: a session's usage, live or replayed. */
export type TokenUsageUpdated = Extract<Notification, { readonly method: "thread/tokenUsage/updated" }>
