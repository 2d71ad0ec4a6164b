/**
 * A server inside your own program: the threads of a Codex home, an agent, and the Codex protocol on a WebSocket.
 *
 *     node examples/server.ts DIRECTORY        # any folder; threads are kept below it as Codex keeps them
 *     codex --remote ws://127.0.0.1:PORT       # then attach the Codex terminal client, with the port that was printed
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpServer } from "effect/http"
import * as Rethread from "rethread"
import { CodexHomeConfig, CodexHomeStore } from "rethread/layers/codex-home"
import { NodeConnection, NodeListener } from "rethread/layers/node"
import { EchoAgent } from "rethread/layers/scripted"
import { Authenticator, CodexHandlers, JsonRpcServer, ServerInfo, WebSocketTransport } from "rethread/rpc"

const home = process.argv[2] ?? "threads"

// 1. Where threads live, and who runs their turns. Each line can be another layer: `MemoryRolloutStore.layer()`, an agent
//    of your own (agent.ts), a store of your own (store.ts).
const Parts = Layer.mergeAll(CodexHomeStore.layer({ home }), CodexHomeConfig.layer({ home }), EchoAgent.layer())

// 2. The services of a thread server, over those parts.
const Services = Rethread.layer.pipe(Layer.provideMerge(Parts))

// 3. The Codex protocol, over the services. What the server says of this machine is yours to say.
const Codex = JsonRpcServer.layer().pipe(
  Layer.provide(CodexHandlers.layer),
  Layer.provide(Services),
  Layer.provide(ServerInfo.layer({ os: "Linux", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })),
  Layer.provide([NodeServices.layer, SecureRandom.layerWebCrypto])
)

// 4. A transport: WebSockets on a port that the system chooses. Only this machine reaches it, so everybody may connect.
const announced = Layer.effectDiscard(
  HttpServer.addressFormattedWith((url) => Console.log(`listening on ${url.replace(/^http/, "ws")}`))
)
const Server = NodeListener.layer(Layer.provideMerge(announced, WebSocketTransport.layer(NodeConnection)), {
  on: { host: "127.0.0.1", port: 0 },
  maxPayload: 16 * 1024 * 1024
}).pipe(Layer.provide([Codex, Authenticator.layerOpen]))

// Ctrl-C ends it in order: turns are recorded as interrupted, clients are told, sockets are closed.
NodeRuntime.runMain(Layer.launch(Server))
