/**
 * A WebSocket client that can do what a bad client does: stop reading, send binary frames, send too much.
 */
import { NodeWS } from "@effect/platform-node"
import { Deferred, Effect, Exit, Option, Queue } from "effect"
import { isRecord, type JsonRecord, parseExact } from "../../../src/domain/Json.ts"

/** How the server ended it: the closing code, or the HTTP status that refused the upgrade. */
export interface Closing {
  readonly code: number
  readonly reason: string
}

/** Opens a WebSocket for as long as the scope lasts. */
export const open = Effect.fnUntraced(function* (url: string, headers: Record<string, string> = {}) {
  const opened = yield* Deferred.make<void, Closing>()
  const closed = yield* Deferred.make<Closing>()
  const frames = yield* Queue.unbounded<JsonRecord>()
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new NodeWS.WebSocket(url, { headers })),
    (socket) => Effect.sync(() => socket.terminate())
  )
  socket.on("error", () => {})
  socket.on("open", () => Deferred.doneUnsafe(opened, Exit.void))
  socket.on("unexpected-response", (_, response) =>
    Deferred.doneUnsafe(opened, Exit.fail({ code: response.statusCode ?? 0, reason: "" }))
  )
  socket.on("close", (code, reason) => {
    Deferred.doneUnsafe(opened, Exit.fail({ code, reason: "" }))
    Deferred.doneUnsafe(closed, Exit.succeed({ code, reason: reason.toString("utf8") }))
  })
  socket.addEventListener("message", ({ data }) => {
    const text = typeof data === "string" ? data : "a binary frame"
    Queue.offerUnsafe(
      frames,
      Option.getOrElse(Option.filter(parseExact(text), isRecord), () => ({ text }))
    )
  })
  yield* Deferred.await(opened)
  const sendText = (data: string | Uint8Array) => Effect.sync(() => socket.send(data))
  return {
    sendText,
    send: (message: unknown) => sendText(JSON.stringify(message)),
    /** A part of a message. */
    sendFragment: (data: string, final: boolean) => Effect.sync(() => socket.send(data, { fin: final })),
    receive: Queue.take(frames),
    /** What has come and was not taken. */
    received: Queue.clear(frames),
    closed: Deferred.await(closed),
    pause: Effect.sync(() => socket.pause()),
    resume: Effect.sync(() => socket.resume()),
    close: Effect.sync(() => socket.close(1000))
  }
})
