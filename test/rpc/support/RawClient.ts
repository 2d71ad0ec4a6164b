/**
 * A client of bytes: what no WebSocket library would send, and every byte that came back.
 */
import { Deferred, Effect, Exit } from "effect"
import { connect as connectSocket, type NetConnectOpts } from "node:net"

/** The options to connect to a `ws://` or `unix://` URL. */
const endpoint = (url: string): NetConnectOpts => {
  if (url.startsWith("unix://")) return { path: url.slice("unix://".length) }
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

/** The lines of a request for a WebSocket. */
export const upgrade = (headers: ReadonlyArray<string> = [], target = "/"): string =>
  [
    `GET ${target} HTTP/1.1`,
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
    "",
    ""
  ].join("\r\n")

export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A frame as a client sends it: masked, with a mask that changes nothing. */
export const frame = (
  opcode: number,
  payload: string | Uint8Array,
  { final = true, masked = true }: { readonly final?: boolean; readonly masked?: boolean } = {}
): Buffer => {
  const body = Buffer.from(payload)
  const mask = masked ? 0x80 : 0
  const head = Buffer.from([(final ? 0x80 : 0) | opcode, mask | (body.length > 125 ? 127 : body.length)])
  const length = Buffer.alloc(body.length > 125 ? 8 : 0)
  if (length.length > 0) length.writeBigUInt64BE(BigInt(body.length))
  return Buffer.concat([head, length, Buffer.alloc(masked ? 4 : 0), body])
}

export interface ReceivedFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/** The frames in what a server sent after its answer to the upgrade. */
export const framesIn = (received: Buffer): ReadonlyArray<ReceivedFrame> => {
  const frames: Array<ReceivedFrame> = []
  let at = received.indexOf("\r\n\r\n") + 4
  while (at + 2 <= received.length) {
    const short = received.readUInt8(at + 1)
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0
    if (at + 2 + extra > received.length) break
    const length =
      extra === 0 ? short : extra === 2 ? received.readUInt16BE(at + 2) : Number(received.readBigUInt64BE(at + 2))
    const from = at + 2 + extra
    if (from + length > received.length) break
    frames.push({ opcode: received.readUInt8(at) & 0x0f, payload: received.subarray(from, from + length) })
    at = from + length
  }
  return frames
}

/** Has the server sent its closing frame? */
export const hasClosing = (received: Buffer): boolean =>
  framesIn(received).some(({ opcode }) => opcode === opcodes.close)

/** The closing frame's code and reason; nothing when the connection ended without one. */
export const closingOf = (received: Buffer): string => {
  const payload = framesIn(received).find(({ opcode }) => opcode === opcodes.close)?.payload
  if (payload === undefined) return "no closing frame"
  return payload.length < 2 ? "no code" : `${payload.readUInt16BE(0)} ${payload.toString("utf8", 2)}`
}

/** Connects for as long as the scope lasts. */
export const connect = Effect.fnUntraced(function* (url: string) {
  const opened = yield* Deferred.make<void>()
  const ended = yield* Deferred.make<Buffer>()
  const closed = yield* Deferred.make<Buffer>()
  const waiting = new Set<() => void>()
  let received = Buffer.alloc(0)
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => connectSocket({ ...endpoint(url), allowHalfOpen: true })),
    (socket) => Effect.sync(() => socket.destroy())
  )
  socket.on("connect", () => Deferred.doneUnsafe(opened, Exit.void))
  socket.on("error", () => {})
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk])
    waiting.forEach((check) => check())
  })
  socket.on("close", () => Deferred.doneUnsafe(closed, Exit.succeed(received)))
  socket.on("end", () => Deferred.doneUnsafe(ended, Exit.succeed(received)))
  yield* Deferred.await(opened)
  const poke = Effect.callback<void>((resume) => void socket.write("x", () => resume(Effect.void)))
  return {
    write: (data: string | Uint8Array) => Effect.sync(() => void socket.write(data)),
    /** What came, when it is enough. */
    until: (enough: (received: Buffer) => boolean) =>
      Effect.callback<Buffer>((resume) => {
        const check = () => {
          if (enough(received)) resume(Effect.succeed(received))
        }
        waiting.add(check)
        check()
        return Effect.sync(() => waiting.delete(check))
      }),
    /** All that came, when the server has sent its last byte; this side does not hang up. */
    ended: Deferred.await(ended),
    /** The same, when the server has hung up altogether: it takes no byte any more. */
    gone: Deferred.await(ended).pipe(Effect.andThen(Effect.raceFirst(Deferred.await(closed), Effect.forever(poke))))
  }
})
