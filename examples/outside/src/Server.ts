/**
 * The server, inside this program: threads in memory, the agent of `Agent.ts`, and the Codex wire on a WebSocket that the
 * system chooses the port of.
 */
import { Layer } from "effect"
import type { HttpServer } from "effect/http"
import { SecureRandom } from "effect/crypto"
import * as Rethread from "rethread"
import { MemoryRolloutStore } from "rethread/layers/memory"
import { NodeConnection, NodeListener } from "rethread/layers/node"
import { Authenticator, CodexHandlers, JsonRpcServer, ServerInfo, WebSocketTransport } from "rethread/rpc"
import { CountingAgent } from "./Agent.ts"

/** Speaks the Codex protocol over whatever transport it is given. */
const Codex = JsonRpcServer.layer().pipe(
  Layer.provide(CodexHandlers.layer),
  Layer.provide(Rethread.layer),
  Layer.provide([
    CountingAgent,
    MemoryRolloutStore.layer(),
    Rethread.ServerConfig.layerMemory({ cwd: "/work" }),
    ServerInfo.layer({ os: "Example", arch: "any", platformFamily: "unix", platformOs: "linux" }),
    SecureRandom.layerWebCrypto
  ])
)

/** Listens on 127.0.0.1 as long as the layer lives; `ready` is told the address. */
export const listen = (ready: Layer.Layer<never, never, HttpServer.HttpServer>) =>
  NodeListener.layer(Layer.provideMerge(ready, WebSocketTransport.layer(NodeConnection)), {
    on: { host: "127.0.0.1", port: 0 },
    maxPayload: 16 * 1024 * 1024
  }).pipe(Layer.provide([Codex, Authenticator.layerOpen]))
