/**
 * Writes what waits in an outbox as frames: responses as they are, notifications as
 * `{"method","params","emittedAtMs"}`, the envelope of 0.169.
 */
import { Effect, Option, Result } from "effect"
import type { Notification } from "../../domain/Notification.ts"
import type { FrameText, Outbound } from "../../services/NotificationDelivery.ts"
import * as Frame from "./Frame.ts"
import { threadUsage } from "./Results.ts"

// The other notifications are in wire shape already.
const wireParams = (notification: Notification): unknown =>
  notification.method === "thread/tokenUsage/updated"
    ? { ...notification.params, tokenUsage: threadUsage(notification.params.tokenUsage) }
    : notification.params

/** The frame of a notification. `emittedAtMs` is in Unix milliseconds. */
const notificationFrame = (notification: Notification, emittedAtMs: number): Result.Result<string, unknown> =>
  Frame.stringify({ method: notification.method, params: wireParams(notification), emittedAtMs })

// What is told to many waits in many outboxes: it is printed once, and all send the same text.
const printed = new WeakMap<Outbound, Result.Result<string, unknown>>()

const onceFor = (entry: Outbound, print: () => Result.Result<string, unknown>): Result.Result<string, unknown> => {
  const known = printed.get(entry)
  if (known !== undefined) return known
  const frame = print()
  printed.set(entry, frame)
  return frame
}

/** The entry's frame; none (and a line in the log) when it cannot be written as JSON. */
export const outboundFrame = (entry: Outbound): Effect.Effect<Option.Option<FrameText>> => {
  switch (entry._tag) {
    case "Response":
      return Effect.succeedSome(entry.frame)
    case "Notification": {
      const frame = onceFor(entry, () => notificationFrame(entry.notification, entry.emittedAtMs))
      return orLogged(entry.notification.method, frame)
    }
    case "Request": {
      const frame = onceFor(entry, () => Frame.stringify({ id: entry.request.id, ...entry.request.question }))
      return orLogged(entry.request.question.method, frame)
    }
  }
}

const orLogged = (method: string, frame: Result.Result<string, unknown>): Effect.Effect<Option.Option<string>> =>
  Result.isSuccess(frame)
    ? Effect.succeedSome(frame.success)
    : Effect.as(Effect.logError("message cannot be written as JSON", method, frame.failure), Option.none())
