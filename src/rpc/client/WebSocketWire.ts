/**
 * A connection to a server that listens on a WebSocket, at an address or on a Unix socket: one JSON text a text frame.
 *
 * The platform brings the constructor. `NodeWS.layerWebSocketConstructor` of `@effect/platform-node` (the `ws` package)
 * can all of it; a browser's own has neither headers nor Unix sockets.
 */
import { type Duration, Effect, Layer, Redacted } from "effect"
import { Socket } from "effect/socket"
import { ConnectionLost } from "./ClientError.ts"
import { Connector } from "./Wire.ts"

export interface WebSocketOptions {
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string | Redacted.Redacted
  /** More headers of the handshake. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long the server may take to accept. Default 10 seconds. */
  readonly openTimeout?: Duration.Input
}

/** What an error event says of itself; it is no `Error`. */
const wordsOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "message" in cause && typeof cause.message === "string"
    ? cause.message
    : ""

const lossOf = (opened: boolean, { message, reason }: Socket.SocketError): ConnectionLost => {
  const code = reason._tag === "SocketCloseError" ? reason.code : null
  const words = "cause" in reason ? wordsOf(reason.cause) : ""
  const detail = words === "" ? message : `${message}: ${words}`
  if (!opened) return new ConnectionLost({ reason: "unreachable", detail, code })
  return new ConnectionLost({ reason: code === null ? "failed" : "ended", detail, code })
}

/** The headers of a handshake, with the token among them. */
export const headersOf = ({ headers, token }: WebSocketOptions): Readonly<Record<string, string>> | undefined => {
  if (token === undefined) return headers
  return { ...headers, authorization: `Bearer ${typeof token === "string" ? token : Redacted.value(token)}` }
}

const frameOf = (frame: string | Uint8Array): Effect.Effect<string, ConnectionLost> =>
  typeof frame === "string"
    ? Effect.succeed(frame)
    : Effect.fail(new ConnectionLost({ reason: "violated", detail: "the server sent a binary frame", code: null }))

const open = Effect.fnUntraced(function* (url: string, options: WebSocketOptions) {
  const socket = yield* Socket.makeWebSocket(url, { headers: headersOf(options), openTimeout: options.openTimeout })
  const reader = yield* Effect.mapError(socket.reader, (error) => lossOf(false, error))
  const writer = yield* socket.writer
  let gone: ConnectionLost | null = null
  const end = (error: Socket.SocketError) => (gone ??= lossOf(true, error))
  return {
    // A socket that is gone would keep a write waiting.
    send: (frame: string) =>
      Effect.suspend(() => (gone === null ? Effect.mapError(writer.write(frame), end) : Effect.fail(gone))),
    receive: Effect.flatMap(Effect.mapError(reader.pull, end), Effect.forEach(frameOf))
  }
})

/** Connects to `ws://…` or `wss://…`. */
export const layer = (
  url: string,
  options: WebSocketOptions = {}
): Layer.Layer<Connector, never, Socket.WebSocketConstructor> =>
  Layer.effect(
    Connector,
    Effect.map(Socket.WebSocketConstructor, (constructor) =>
      Connector.of({
        open: Effect.provideService(open(url, options), Socket.WebSocketConstructor, constructor)
      })
    )
  )

const unreachable = (detail: string): Layer.Layer<Connector> =>
  Layer.succeed(
    Connector,
    Connector.of({ open: Effect.fail(new ConnectionLost({ reason: "unreachable", detail, code: null })) })
  )

/** Connects over a Unix socket, by its absolute path. Needs the constructor of the `ws` package. */
export const layerUnix = (
  path: string,
  options: WebSocketOptions = {}
): Layer.Layer<Connector, never, Socket.WebSocketConstructor> => {
  // The path travels inside a URL, which is not decoded again, up to the first colon.
  const address = `ws+unix:${path}`
  return path.startsWith("/") && !path.includes(":") && URL.canParse(address) && new URL(address).pathname === path
    ? layer(`${address}:/`, options)
    : unreachable(
        `${JSON.stringify(path)} is no path that a WebSocket can be reached at: absolute, no spaces, no colons`
      )
}
