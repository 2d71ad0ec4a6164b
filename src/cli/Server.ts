/**
 * The server, wired: every service over one Codex home, and a transport to reach them by.
 */
import { NodeCrypto, NodeServices } from "@effect/platform-node"
import { Console, Effect, Layer, Schema } from "effect"
import { FetchHttpClient, HttpServer } from "effect/http"
import * as CodexHomeConfig from "../layers/codex-home/CodexHomeConfig.ts"
import * as CodexHomeStore from "../layers/codex-home/CodexHomeStore.ts"
import * as ConfiguredAgent from "../layers/model/ConfiguredAgent.ts"
import * as NodeListener from "../layers/node/NodeListener.ts"
import * as EchoAgent from "../layers/scripted/EchoAgent.ts"
import * as Frame from "../rpc/codex/Frame.ts"
import * as Handlers from "../rpc/codex/Handlers.ts"
import { JsonRpcServer } from "../rpc/codex/JsonRpcServer.ts"
import * as StdioTransport from "../rpc/codex/StdioTransport.ts"
import * as WebSocketTransport from "../rpc/codex/WebSocketTransport.ts"
import * as Rethread from "../services/Rethread.ts"
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
}

/** The client read too slowly, on a transport that has no other client to go on with. */
class ClientTooSlow extends Schema.TaggedError<ClientTooSlow>()("ClientTooSlow", {}) {
  override get message(): string {
    return "the client on standard output reads too slowly; giving up"
  }
}

/** The JSON-RPC server over a Codex home. */
const layer = (options: ServerOptions) =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(Rethread.layer),
    Layer.provide(options.agent === "echo" ? EchoAgent.layer() : ConfiguredAgent.layer()),
    Layer.provide(
      Layer.mergeAll(CodexHomeStore.layer({ home: options.home }), CodexHomeConfig.layer(options), Host.layerServerInfo)
    ),
    Layer.provide([NodeServices.layer, NodeCrypto.layer, FetchHttpClient.layer])
  )

// A message between the limit and this is read and refused in so many words; a larger one is cut off unread.
const maxPayload = 2 * Frame.maxFrameBytes

/** Serves until the input ends (stdio) or the program is interrupted (WebSocket). */
export const run = Effect.fn("Server.run")(function* (
  address: ListenAddress,
  options: ServerOptions,
  /** Told the URL once the server listens. */
  announce: (url: string) => Effect.Effect<void>
) {
  if (address._tag === "Stdio") {
    const ending = yield* Effect.provide(StdioTransport.serve, [layer(options), NodeServices.layer])
    return ending === "overflow" ? yield* new ClientTooSlow() : undefined
  }
  const announced = Layer.effectDiscard(HttpServer.addressFormattedWith((url) => announce(url.replace(/^http/, "ws"))))
  const application = Layer.provideMerge(announced, WebSocketTransport.layer({ drained: NodeListener.drained }))
  return yield* Layer.launch(
    NodeListener.layer(application, { ...address, maxPayload }).pipe(Layer.provide(layer(options)))
  )
})

/** Where a WebSocket server listens, alone on its line: programs read it. */
export const announceUrl = (url: string): Effect.Effect<void> => Console.error(`listening on ${url}`)
