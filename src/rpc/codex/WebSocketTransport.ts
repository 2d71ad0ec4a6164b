/**
 * One JSON text per WebSocket text frame, beside the health checks and other faces on the same port.
 *
 * Browsers stay out: any request with an `Origin` is refused, before anything else is looked at. Who connects is
 * authenticated before the upgrade. When this side ends a conversation its closing frame says why: 1001 the server
 * stops, 1009 a frame was too large, 1011 the client answers no pings, 1013 it reads too slowly (docs/codex.md,
 * "WebSocket").
 */
import { Cause, Effect, Layer, type Scope, Stream } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { Authenticator } from "./Authentication.ts"
import * as Draining from "./Draining.ts"
import * as Frame from "./Frame.ts"
import { type Ending, JsonRpcServer } from "./JsonRpcServer.ts"
import { type Inbound, PeerGone, type Transport, wholeFrame } from "./Transport.ts"

type Request = HttpServerRequest.HttpServerRequest

/** What the transport asks of the platform about the connection under a request. */
export interface WebSocketOptions {
  /**
   * Completes when the connection takes more bytes, or is gone. A WebSocket's own `send` never waits: this is what
   * holds back a server whose client does not read.
   */
  readonly drained: (request: Request) => Effect.Effect<void>
  /** Pings the client from time to time; completes when it has shown no sign of life for too long. */
  readonly silent: (request: Request) => Effect.Effect<void>
  /** The values of all `Authorization` headers; a platform's table of headers may have only the first. */
  readonly authorization: (request: Request) => ReadonlyArray<string>
  /** What is spoken, instead of the Codex wire, at these paths: under the same rules for connections. */
  readonly faces?: ReadonlyMap<string, Face>
}

/** Speaks with one client until it leaves. */
export type Face = (transport: Transport) => Effect.Effect<Ending>

const pathOf = (request: Request): string => request.url.split("?", 1).join()

const healthPaths: ReadonlySet<string> = new Set(["/healthz", "/readyz"])

const inbound = (frame: string | Uint8Array): Inbound => {
  if (typeof frame !== "string") return { _tag: "Refused", reason: "binaryFrame" }
  return Frame.largerThan(frame, Frame.maxFrameBytes)
    ? { _tag: "Refused", reason: "frameTooLarge" }
    : { _tag: "Text", text: frame }
}

const isTooLarge = (message: Inbound): boolean => message._tag === "Refused" && message.reason === "frameTooLarge"

/** The closing frame for a conversation that this side ends; none when the client left. */
const closing = (ending: Ending | "silent", refusedSize: boolean, stopping: boolean): Socket.CloseEvent | null => {
  if (ending === "overflow") return new Socket.CloseEvent(1013, "the client reads too slowly")
  if (ending === "silent") return new Socket.CloseEvent(1011, "no answer to pings")
  if (refusedSize) return new Socket.CloseEvent(1009, "message too big")
  return stopping ? new Socket.CloseEvent(1001, "the server is stopping") : null
}

const converse = Effect.fnUntraced(function* (
  request: Request,
  options: WebSocketOptions,
  draining: Draining.Draining
) {
  const serve = options.faces?.get(pathOf(request)) ?? (yield* JsonRpcServer).serve
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
  const conversation = serve({
    receive: Draining.receiveUntil(receive, draining),
    send: (frames) =>
      Effect.ignore(
        Stream.runForEach(frames, (frame) => Effect.andThen(writer.write(wholeFrame(frame)), options.drained(request)))
      )
  })
  const ending = yield* Effect.raceFirst(conversation, Effect.as(options.silent(request), "silent" as const))
  const close = closing(ending, refusedSize, yield* draining.isStopping)
  if (close !== null) yield* writer.write(close)
}, Effect.scoped)

const isUpgrade = ({ method, headers }: Request): boolean =>
  method === "GET" && headers["upgrade"]?.toLowerCase() === "websocket"

/** A status, and a body of no bytes that says so. */
const bare = (status: number) => HttpServerResponse.empty({ status, headers: { "content-length": "0" } })

/** Answers one HTTP request; for an upgrade, when the conversation has ended. */
const handle = Effect.fnUntraced(function* (
  options: WebSocketOptions,
  draining: Draining.Draining
): Effect.fn.Return<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | JsonRpcServer | Authenticator | Scope.Scope
> {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.headers["origin"] !== undefined) return bare(403)
  const isHealthCheck = healthPaths.has(pathOf(request))
  if (isHealthCheck && request.method !== "GET") return bare(405)
  if (yield* draining.isStopping) return HttpServerResponse.text("the server is stopping\n", { status: 503 })
  if (isHealthCheck) return bare(200)
  if (!isUpgrade(request)) {
    return HttpServerResponse.text("This is a WebSocket endpoint: connect with ws://\n", { status: 400 })
  }
  const refused = yield* Authenticator.use(({ authorize }) => authorize(options.authorization(request))).pipe(
    Effect.as(null),
    Effect.catchTag("Unauthorized", (error) => Effect.succeed(error))
  )
  if (refused !== null) {
    return HttpServerResponse.text(refused.message, { status: 401, headers: { "www-authenticate": "Bearer" } })
  }
  // A server runs its handlers uninterruptible; a conversation ends with the server, or with the socket under it.
  const conversation = draining.track(Effect.interruptible(converse(request, options, draining)))
  yield* Effect.catchCause(conversation, (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logDebug("WebSocket connection failed", cause)
  )
  return HttpServerResponse.empty()
})

/** Serves WebSocket clients on any path of the {@link HttpServer.HttpServer}. */
export const layer = (
  options: WebSocketOptions
): Layer.Layer<never, never, HttpServer.HttpServer | JsonRpcServer | Authenticator> =>
  Layer.unwrap(
    Effect.map(Draining.make, (draining) => {
      // Built after the serving, so it runs before that ends.
      const drain = Layer.effectDiscard(Effect.addFinalizer(() => draining.drain))
      return Layer.provideMerge(drain, HttpServer.serve(handle(options, draining)))
    })
  )
