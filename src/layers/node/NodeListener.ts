/**
 * An HTTP server on Node, on a port or on a Unix socket, whose connections never outlive it.
 *
 * Whoever does not finish a request in time is cut off, and nobody can keep a connection open after the last word. When the server stops it first listens no more (a socket's file is gone then), then its application ends,
 * and what is still connected a moment later is cut: Node would wait for it.
 */
import { NodeHttpServer, NodeWS } from "@effect/platform-node"
import { Duration, Effect, Layer } from "effect"
import { HttpServer, type HttpServerError } from "effect/http"
import { unlinkSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { Socket } from "node:net"
import { fromError, type ListenFailed } from "./ListenFailed.ts"
import * as UnixSocketFile from "./UnixSocketFile.ts"

/** Where to listen: a literal IP address and a port (0 lets the system choose), or the path of a Unix socket. */
export type ListenOn = { readonly host: string; readonly port: number } | { readonly path: string }

export interface ListenOptions {
  readonly on: ListenOn
  /** Bytes of a WebSocket message above which the connection is closed (1009) unread. */
  readonly maxPayload: number
  /** How long a client may take for a request, a WebSocket's included. Default 10 seconds. */
  readonly requestTimeout?: Duration.Input
  /** How long a client may take to answer a closing frame. Default 5 seconds. */
  readonly closeTimeout?: Duration.Input
}

/** How long clients may take to hang up when the server stops. */
const grace = Duration.seconds(1)

/** What a closing frame says when whoever closes gives no reason. */
const reasons: Readonly<Record<number, string>> = {
  1001: "the server is stopping",
  1002: "not a WebSocket frame",
  1007: "not UTF-8",
  1009: "message too big"
}

/** Every closing frame has a reason. */
class ReasonedWebSocket extends NodeWS.WebSocket {
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? (code === undefined ? undefined : reasons[code]))
  }
}

const addressOf = (on: ListenOn): string =>
  "path" in on ? on.path : `${on.host.includes(":") ? `[${on.host}]` : on.host}:${on.port}`

const makeServer = ({ requestTimeout = Duration.seconds(10) }: ListenOptions): Server => {
  const timeout = Duration.toMillis(Duration.fromInputUnsafe(requestTimeout))
  return createServer({
    headersTimeout: timeout,
    requestTimeout: timeout,
    connectionsCheckingInterval: Math.min(timeout, 1000)
  })
}

/** Remembers the open sockets, and hangs up when there is nothing left to say. */
const watch = (server: Server): ReadonlySet<Socket> => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    // This side has said its last byte, and Node would keep the other half open for as long as the client likes.
    socket.once("finish", () => socket.destroy())
  })
  return sockets
}

/** The process may also end without another word: then too the socket's file goes with it. */
const removeAtExit = (path: string) => {
  const remove = () => {
    try {
      unlinkSync(path)
    } catch {
      // Gone already.
    }
  }
  return Effect.acquireRelease(
    Effect.sync(() => process.on("exit", remove)),
    () => Effect.sync(() => process.off("exit", remove))
  )
}

const listen = Effect.fnUntraced(function* (server: Server, options: ListenOptions) {
  const { closeTimeout = Duration.seconds(5), maxPayload, on } = options
  const failed = ({ cause }: HttpServerError.ServeError) => fromError(addressOf(on), cause)
  const websocket = {
    maxPayload,
    WebSocket: ReasonedWebSocket,
    closeTimeout: Duration.toMillis(Duration.fromInputUnsafe(closeTimeout))
  }
  const make = Effect.mapError(
    NodeHttpServer.make(() => server, { ...on, disablePreemptiveShutdown: true, websocket }),
    failed
  )
  if (!("path" in on)) return yield* make
  yield* UnixSocketFile.prepare(on.path)
  const listening = yield* UnixSocketFile.forOwnerOnly(make)
  yield* removeAtExit(on.path)
  return listening
})

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
    const server = makeServer(options)
    const sockets = watch(server)
    const listening = Layer.effect(HttpServer.HttpServer, listen(server, options))
    // Built after the server and before the application: runs between the end of the one and of the other.
    const cut = Layer.effectDiscard(Effect.addFinalizer(() => cutAfterGrace(server, sockets)))
    // Built last: runs first. Not waited for, since it completes with the last connection.
    const stopListening = Layer.effectDiscard(
      Effect.addFinalizer(() => Effect.sync(() => void (server.listening && server.close())))
    )
    return Layer.provideMerge(stopListening, application).pipe(Layer.provide(Layer.provideMerge(cut, listening)))
  })
