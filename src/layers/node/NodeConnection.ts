/**
 * What a WebSocket's server wants to know of the connection under it: does it take more bytes, does its client still
 * live, and every `Authorization` header that it sent.
 */
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Duration, Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import type { Socket } from "node:net"

type Request = HttpServerRequest.HttpServerRequest

/** Between two pings. */
const pingInterval = Duration.seconds(30)

/** Pings in a row that may stay without any sign of life. */
const maxUnanswered = 2

/** A whole frame: a ping without a payload. Frames are written whole, so it never lands inside another. */
const pingFrame = Uint8Array.of(0x89, 0)

const messageOf = NodeHttpServerRequest.toIncomingMessage

const socketOf = (request: Request): Socket => messageOf(request).socket

/** The values of all `Authorization` headers. Node's own table of headers has only the first. */
export const authorization = (request: Request): ReadonlyArray<string> => {
  const { rawHeaders } = messageOf(request)
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "authorization")
}

/** Completes when the socket under the request takes more bytes, or is gone. */
export const drained = (request: Request): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const socket = socketOf(request)
    if (!socket.writableNeedDrain || socket.destroyed) return resume(Effect.void)
    const forget = () => {
      socket.off("drain", done)
      socket.off("close", done)
    }
    const done = () => {
      forget()
      resume(Effect.void)
    }
    socket.on("drain", done)
    socket.on("close", done)
    return Effect.sync(forget)
  })

/** What has moved on a socket: bytes that came, and bytes of which the last one left this process. */
interface Traffic {
  readonly heard: number
  readonly taken: number
  /** Something waits to be taken. */
  readonly waiting: boolean
}

const trafficOf = (socket: Socket): Traffic => ({
  heard: socket.bytesRead,
  taken: socket.bytesWritten - socket.writableLength,
  waiting: socket.writableLength > 0
})

/**
 * A sign of life: bytes came; or a client that lets much pile up, and so cannot have seen a ping, took some of it; or
 * nothing was read because this side did not ask.
 */
const isSignOfLife = (before: Traffic, now: Traffic, paused: boolean): boolean =>
  now.heard > before.heard || (before.waiting && now.taken > before.taken) || (paused && !now.waiting)

/** Pings the client; completes when two pings in a row brought no sign of life. */
export const silent = Effect.fnUntraced(function* (request: Request) {
  const socket = socketOf(request)
  let unanswered = 0
  yield* Effect.sleep(pingInterval)
  while (unanswered < maxUnanswered) {
    const last = trafficOf(socket)
    // Behind what already waits a ping would say nothing, and there would be more of them with time.
    if (!socket.writableNeedDrain && socket.writable) socket.write(pingFrame)
    yield* Effect.sleep(pingInterval)
    unanswered = isSignOfLife(last, trafficOf(socket), socket.isPaused()) ? 0 : unanswered + 1
  }
})
