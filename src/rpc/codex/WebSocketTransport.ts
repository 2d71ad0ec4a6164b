/**
 * One JSON text per WebSocket text frame, beside the health checks on the same port.
 *
 * Browsers stay out: any request with an `Origin` is refused. A frame over the limit is answered, then
 * the connection closed with 1009; a client that reads too slowly is closed with 1013 (docs/codex.md,
 * "WebSocket").
 */
import { Cause, Effect, type Layer, type Scope, Stream } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import * as Frame from "./Frame.ts"
import { JsonRpcServer } from "./JsonRpcServer.ts"
import { type Inbound, PeerGone } from "./Transport.ts"

export interface WebSocketOptions {
  /**
   * Completes when the connection under the request takes more bytes, or is gone. A WebSocket's own `send` never
   * waits: this is what holds back a server whose client does not read.
   */
  readonly drained: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<void>
}

const healthPaths: ReadonlySet<string> = new Set(["/healthz", "/readyz"])

const inbound = (frame: string | Uint8Array): Inbound => {
  if (typeof frame !== "string") return { _tag: "Refused", reason: "binaryFrame" }
  return Frame.largerThan(frame, Frame.maxFrameBytes)
    ? { _tag: "Refused", reason: "frameTooLarge" }
    : { _tag: "Text", text: frame }
}

const isTooLarge = (message: Inbound): boolean => message._tag === "Refused" && message.reason === "frameTooLarge"

const converse = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, options: WebSocketOptions) {
  const server = yield* JsonRpcServer
  const socket = yield* request.upgrade
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  let refusedSize = false

  const receive = Effect.suspend((): Effect.Effect<ReadonlyArray<Inbound>, Cause.Done | PeerGone> => {
    if (refusedSize) return Cause.done()
    return reader.pull.pipe(
      Effect.map((frames) => {
        const messages = frames.map(inbound)
        const at = messages.findIndex(isTooLarge)
        refusedSize = at >= 0
        return refusedSize ? messages.slice(0, at + 1) : messages
      }),
      Effect.mapError(() => new PeerGone())
    )
  })
  const ending = yield* server.serve({
    receive,
    send: (frames) =>
      Effect.ignore(Stream.runForEach(frames, (frame) => Effect.andThen(writer.write(frame), options.drained(request))))
  })
  if (ending === "overflow") yield* writer.write(new Socket.CloseEvent(1013, "the client reads too slowly"))
  else if (refusedSize) yield* writer.write(new Socket.CloseEvent(1009, "message too big"))
}, Effect.scoped)

const isUpgrade = ({ method, headers }: HttpServerRequest.HttpServerRequest): boolean =>
  method === "GET" && headers["upgrade"]?.toLowerCase() === "websocket"

/** Answers one HTTP request; for an upgrade, when the conversation has ended. */
export const handle = Effect.fnUntraced(function* (
  options: WebSocketOptions
): Effect.fn.Return<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | JsonRpcServer | Scope.Scope
> {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.headers["origin"] !== undefined) return HttpServerResponse.empty({ status: 403 })
  if (healthPaths.has(request.url.split("?", 1).join())) {
    return HttpServerResponse.empty({ status: request.method === "GET" ? 200 : 405 })
  }
  if (!isUpgrade(request)) {
    return HttpServerResponse.text("This is a WebSocket endpoint: connect with ws://\n", { status: 400 })
  }
  // A server runs its handlers uninterruptible; a conversation ends with the server, or with the socket under it.
  yield* Effect.catchCause(Effect.interruptible(converse(request, options)), (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logDebug("WebSocket connection failed", cause)
  )
  return HttpServerResponse.empty()
})

/** Serves WebSocket clients on any path of the {@link HttpServer.HttpServer}. */
export const layer = (options: WebSocketOptions): Layer.Layer<never, never, HttpServer.HttpServer | JsonRpcServer> =>
  HttpServer.serve(handle(options))
