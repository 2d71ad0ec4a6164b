/**
 * An HTTP server on Node whose WebSockets hold back their writers and never outlive it.
 *
 * Node counts an upgraded socket as open until its peer lets go; here the sockets that remain
 * a moment after the application has stopped are cut, so that a signal ends the process.
 */
import { NodeHttpServer, NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { HttpServer, type HttpServerError, type HttpServerRequest } from "effect/http"
import { createServer, type Server } from "node:http"
import type { Socket } from "node:net"

export interface ListenOptions {
  /** A literal IP address. */
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** Bytes of a WebSocket message above which the connection is closed (1009) unread. */
  readonly maxPayload: number
}

/** The address cannot be listened on. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Int,
  reason: Schema.Literals(["addressInUse", "accessDenied", "addressNotAvailable", "other"]),
  detail: Schema.String
}) {
  override get message(): string {
    const address = `${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.port}`
    switch (this.reason) {
      case "addressInUse":
        return `Address in use: something already listens on ${address}. Choose another port, or 0 for any free one.`
      case "accessDenied":
        return `Not allowed to listen on ${address}. Ports below 1024 need privileges; choose a higher one.`
      case "addressNotAvailable":
        return `Cannot listen on ${address}: this machine has no such address.`
      case "other":
        return `Cannot listen on ${address}: ${this.detail}`
    }
  }
}

const reasons: Record<string, ListenFailed["reason"]> = {
  EADDRINUSE: "addressInUse",
  EACCES: "accessDenied",
  EADDRNOTAVAIL: "addressNotAvailable"
}

const listenFailed = (options: ListenOptions, { cause }: HttpServerError.ServeError): ListenFailed => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  return new ListenFailed({
    host: options.host,
    port: options.port,
    reason: Object.hasOwn(reasons, code) ? (reasons[code] ?? "other") : "other",
    detail: cause instanceof Error ? cause.message : String(cause)
  })
}

/** Completes when the socket under the request takes more bytes, or is gone. */
export const drained = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const { socket } = NodeHttpServerRequest.toIncomingMessage(request)
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

/** How long a client may take to answer the closing of its WebSocket. */
const grace = "1 second"

const cutAfterGrace = (server: Server, sockets: ReadonlySet<Socket>): Effect.Effect<void> => {
  const closed = Effect.forEach(
    sockets,
    (socket) =>
      Effect.callback<void>((resume) => {
        if (socket.destroyed) return resume(Effect.void)
        const done = () => resume(Effect.void)
        socket.once("close", done)
        return Effect.sync(() => socket.off("close", done))
      }),
    { concurrency: "unbounded", discard: true }
  )
  return Effect.andThen(
    Effect.sync(() => server.closeIdleConnections()),
    Effect.timeoutOrElse(Effect.interruptible(closed), {
      duration: grace,
      orElse: () => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
    })
  )
}

/** Runs `application` on a server of its own. */
export const layer = <E, R>(
  application: Layer.Layer<never, E, R | HttpServer.HttpServer>,
  options: ListenOptions
): Layer.Layer<never, E | ListenFailed, Exclude<R, HttpServer.HttpServer>> =>
  Layer.suspend(() => {
    const sockets = new Set<Socket>()
    const server = createServer().on("connection", (socket: Socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
    })
    const listening = Layer.effect(
      HttpServer.HttpServer,
      Effect.mapError(
        NodeHttpServer.make(() => server, {
          host: options.host,
          port: options.port,
          disablePreemptiveShutdown: true,
          websocket: { maxPayload: options.maxPayload }
        }),
        (error) => listenFailed(options, error)
      )
    )
    // Built after the server and before the application: runs between the end of the one and of the other.
    const cut = Layer.effectDiscard(Effect.addFinalizer(() => cutAfterGrace(server, sockets)))
    return application.pipe(Layer.provide(Layer.provideMerge(cut, listening)))
  })
