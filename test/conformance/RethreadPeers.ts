/**
 * Rethread as peers: in this process, and as the program that is published, made of the sources as they are, over stdio
 * and over WebSocket.
 */
import { NodeCrypto, NodeServices } from "@effect/platform-node"
import { Context, Effect, Layer, type Scope } from "effect"
import { cpSync } from "node:fs"
import { join } from "node:path"
import { bundleProgram } from "../../scripts/lib/bundle.ts"
import { root } from "../../scripts/lib/sources.ts"
import * as CodexHomeConfig from "../../src/layers/codex-home/CodexHomeConfig.ts"
import * as CodexHomeStore from "../../src/layers/codex-home/CodexHomeStore.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import * as InProcessTransport from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import * as Rethread from "../../src/services/Rethread.ts"
import { listening, type Program, stdio, webSocket } from "./Child.ts"
import { temporaryDirectory } from "./Home.ts"
import { connect, type Peer, type Server } from "./Peer.ts"

/** The whole server over a Codex home. */
export const server = (home: string): Layer.Layer<JsonRpcServer> =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(Rethread.layer),
    Layer.provide(
      Layer.mergeAll(
        CodexHomeStore.layer({ home }),
        CodexHomeConfig.layer({ home, overrides: [], cwd: "/" }),
        ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
      )
    ),
    Layer.provide([NodeServices.layer, NodeCrypto.layer])
  )

/** A server in this process, for as long as the scope lasts. */
const serveInProcess = Effect.fnUntraced(function* (home: string): Effect.fn.Return<Server, never, Scope.Scope> {
  const context = yield* Layer.build(Layer.fresh(server(home)))
  return {
    connect: Effect.fnUntraced(function* (options) {
      const client = yield* Effect.provideContext(InProcessTransport.connect(), context)
      return yield* connect(client, options)
    })
  }
})

/** Rethread in this process. */
export const inProcess: Peer = {
  name: "rethread in process",
  origin: "rethread",
  manyClients: true,
  serve: (home) => serveInProcess(home.directory)
}

/** The program as it is published. */
export class Bundle extends Context.Service<
  Bundle,
  {
    readonly program: (home: string, ...args: ReadonlyArray<string>) => Program
  }
>()("rethread/test/conformance/RethreadPeers/Bundle") {
  static readonly layer: Layer.Layer<Bundle> = Layer.effect(
    Bundle,
    Effect.gen(function* () {
      const folder = yield* temporaryDirectory("program")
      cpSync(join(root, "bin"), join(folder, "bin"), { recursive: true })
      yield* Effect.promise(() => bundleProgram(join(folder, "dist/bin")))
      return Bundle.of({
        program: (home, ...args) => ({
          command: process.execPath,
          args: [join(folder, "bin/rethread.mjs"), "app-server", "--codex-home", home, ...args],
          env: { NO_COLOR: "1", NODE_COMPILE_CACHE: folder }
        })
      })
    })
  )
}

/** Rethread as the program, over stdio. */
export const overStdio = Effect.map(Bundle, ({ program }): Peer => ({
  name: "rethread stdio",
  origin: "rethread",
  manyClients: false,
  serve: (home) =>
    Effect.succeed({
      connect: (options) => Effect.flatMap(stdio(program(home.directory)), (wire) => connect(wire, options))
    })
}))

/** Rethread as the program, over WebSocket. */
export const overWebSocket = Effect.map(Bundle, ({ program }): Peer => ({
  name: "rethread ws",
  origin: "rethread",
  manyClients: true,
  serve: Effect.fnUntraced(function* (home) {
    const url = yield* listening(program(home.directory, "--listen", "ws://127.0.0.1:0"))
    return { connect: (options) => Effect.flatMap(webSocket(url), (wire) => connect(wire, options)) }
  })
}))
