/**
 * The server, wired: every service over one Codex home, and a transport to reach them by.
 */
import { NodeCrypto, NodeServices } from "@effect/platform-node"
import { Console, Effect, Fiber, Layer, Schema } from "effect"
import { FetchHttpClient, HttpServer } from "effect/http"
import * as CodexHomeConfig from "../layers/codex-home/CodexHomeConfig.ts"
import * as CodexHomeStore from "../layers/codex-home/CodexHomeStore.ts"
import * as ConfiguredAgent from "../layers/model/ConfiguredAgent.ts"
import * as NodeConnection from "../layers/node/NodeConnection.ts"
import * as NodeListener from "../layers/node/NodeListener.ts"
import * as EchoAgent from "../layers/scripted/EchoAgent.ts"
import * as Draining from "../rpc/codex/Draining.ts"
import * as Frame from "../rpc/codex/Frame.ts"
import * as Handlers from "../rpc/codex/Handlers.ts"
import { JsonRpcServer } from "../rpc/codex/JsonRpcServer.ts"
import * as StdioTransport from "../rpc/codex/StdioTransport.ts"
import * as WebSocketTransport from "../rpc/codex/WebSocketTransport.ts"
import * as Rethread from "../services/Rethread.ts"
import { Threads } from "../services/Threads.ts"
import * as AuthenticationFlags from "./AuthenticationFlags.ts"
import * as Host from "./Host.ts"
import type { ListenAddress } from "./ListenAddress.ts"

export interface ServerOptions {
  /** The Codex home, absolute. */
  readonly home: string
  /** `key=value` pairs that stand before the home's `config.toml`. */
  readonly overrides: ReadonlyArray<string>
  readonly cwd: string
  /** What runs turns: the configured models, or an echo that needs none. */
  readonly agent: "model" | "echo"
  /** Who may connect, where others could; everybody when not given. */
  readonly authentication?: AuthenticationFlags.Authentication
}

/** The client read too slowly, on a transport that has no other client to go on with. */
class ClientTooSlow extends Schema.TaggedError<ClientTooSlow>()("ClientTooSlow", {}) {
  override get message(): string {
    return "the client on standard output reads too slowly; giving up"
  }
}

/**
 * Ends the turns that run, which writes how they ended and tells whoever listens. Waits for a while only: a client that
 * does not read holds back the turns that it listens to.
 */
const endTurns = Threads.use((threads) =>
  Effect.flatMap(threads.loaded, Effect.forEach(threads.unload, { concurrency: "unbounded", discard: true }))
).pipe(Effect.interruptible, Effect.timeoutOption("2 seconds"), Effect.asVoid)

/** {@link endTurns} while there are clients to be told: before anything stops that was built before this. */
const endTurnsFirst = Layer.effectDiscard(
  Effect.flatMap(Effect.context<Threads>(), (context) =>
    Effect.addFinalizer(() => Effect.provideContext(endTurns, context))
  )
)

/** The JSON-RPC server over a Codex home. */
export const layer = (options: ServerOptions) =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provideMerge(Rethread.layer),
    Layer.provide(options.agent === "echo" ? EchoAgent.layer() : ConfiguredAgent.layer()),
    Layer.provide(
      Layer.mergeAll(CodexHomeStore.layer({ home: options.home }), CodexHomeConfig.layer(options), Host.layerServerInfo)
    ),
    Layer.provide([NodeServices.layer, NodeCrypto.layer, FetchHttpClient.layer])
  )

// A message between the limit and this is read and refused in so many words; a larger one is cut off unread.
const maxPayload = 2 * Frame.maxFrameBytes

/** Serves standard input; told to stop, it ends the turns and answers what is pending first. */
const serveStdio = Effect.gen(function* () {
  const draining = yield* Draining.make
  const serving = yield* Effect.forkChild(draining.track(StdioTransport.serveUntil(draining)))
  return yield* Effect.onInterrupt(Fiber.join(serving), () => Effect.andThen(endTurns, draining.drain))
})

/** What people and programs connect to. */
const urlOf = (address: string): string => address.replace(/^http/, "ws")

const listenOn = (address: Exclude<ListenAddress, { _tag: "Stdio" }>, home: string): NodeListener.ListenOn =>
  address._tag === "WebSocket" ? address : { path: Host.socketPath(address.path, home) }

/** Serves until the input ends (stdio) or the program is interrupted (WebSocket). */
export const run = Effect.fn("Server.run")(function* (
  address: ListenAddress,
  options: ServerOptions,
  /** Told the URL once the server listens. */
  announce: (url: string) => Effect.Effect<void>
) {
  if (address._tag === "Stdio") {
    const ending = yield* Effect.provide(serveStdio, [layer(options), NodeServices.layer])
    return ending === "overflow" ? yield* new ClientTooSlow() : undefined
  }
  const announced = Layer.effectDiscard(HttpServer.addressFormattedWith((url) => announce(urlOf(url))))
  const application = Layer.mergeAll(announced, endTurnsFirst).pipe(
    Layer.provideMerge(WebSocketTransport.layer(NodeConnection))
  )
  const authenticator = AuthenticationFlags.layer(options.authentication ?? { _tag: "Open" })
  return yield* Layer.launch(
    NodeListener.layer(application, { on: listenOn(address, options.home), maxPayload }).pipe(
      Layer.provide([layer(options), Layer.provide(authenticator, NodeServices.layer)])
    )
  )
})

/** Where a WebSocket server listens, alone on its line: programs read it. */
export const announceUrl = (url: string): Effect.Effect<void> => Console.error(`listening on ${url}`)
