/**
 * The server on WebSockets, for any number of clients. A module of its own: HTTP, WebSockets and signed tokens are loaded
 * where somebody listens, and not before.
 */
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import * as NodeConnection from "../layers/node/NodeConnection.ts"
import * as NodeListener from "../layers/node/NodeListener.ts"
import * as Frame from "../rpc/codex/Frame.ts"
import * as WebSocketTransport from "../rpc/codex/WebSocketTransport.ts"
import * as NativeHandlers from "../rpc/native/NativeHandlers.ts"
import { NativeServer } from "../rpc/native/NativeServer.ts"
import type { Threads } from "../services/Threads.ts"
import type { Authentication } from "./AuthenticationFlags.ts"
import * as AuthenticationSecrets from "./AuthenticationSecrets.ts"
import * as Failure from "./Failure.ts"
import * as Host from "./Host.ts"
import type { ListenAddress } from "./ListenAddress.ts"
import * as Platform from "./Platform.ts"
import * as Server from "./Server.ts"

/** The turns end while there are clients to be told: before anything stops that was built before this. */
const endTurnsFirst = Layer.effectDiscard(
  Effect.flatMap(Effect.context<Threads>(), (context) =>
    Effect.addFinalizer(() => Effect.provideContext(Server.endTurns, context))
  )
)

// A message between the limit and this is read and refused in so many words; a larger one is cut off unread.
const maxPayload = 2 * Frame.maxFrameBytes

/** Where the native face is. Codex's own clients ask for `/rpc` on a Unix socket: there it has another name. */
const nativePath = (address: SocketAddress): string => (address._tag === "WebSocket" ? "/rpc" : "/native/rpc")

/** The native face at its path, the Codex wire at every other. */
const sockets = (address: SocketAddress) =>
  Layer.unwrap(
    NativeServer.use(({ serve }) =>
      Effect.succeed(WebSocketTransport.layer({ ...NodeConnection, faces: new Map([[nativePath(address), serve]]) }))
    )
  ).pipe(Layer.provide(Layer.provide(NativeServer.layer(), NativeHandlers.layer)))

/** What people and programs connect to. */
const urlOf = (address: string): string => address.replace(/^http/, "ws")

/** Where clients connect. */
export type SocketAddress = Exclude<ListenAddress, { _tag: "Stdio" }>

const listenOn = (address: SocketAddress, home: string): NodeListener.ListenOn =>
  address._tag === "WebSocket" ? address : { path: Host.socketPath(address.path, home) }

/** Serves until the program is interrupted. */
export const serve = (
  address: SocketAddress,
  options: Server.ServerOptions,
  /** Who may connect. */
  authentication: Authentication,
  /** Told the URL once the server listens. */
  announce: (url: string) => Effect.Effect<void>
): Effect.Effect<never, Failure.CommandFailed> => {
  const announced = Layer.effectDiscard(HttpServer.addressFormattedWith((url) => announce(urlOf(url))))
  const application = Layer.mergeAll(announced, endTurnsFirst).pipe(Layer.provideMerge(sockets(address)))
  const authenticator = Layer.provide(AuthenticationSecrets.layer(authentication), Platform.layerFiles)
  return Layer.launch(
    NodeListener.layer(application, { on: listenOn(address, options.home), maxPayload }).pipe(
      Layer.provide([Server.layer(options), authenticator])
    )
  ).pipe(Effect.catchTag(["ListenFailed", "SecretUnavailable"], (error) => Failure.fail(error, 1)))
}
