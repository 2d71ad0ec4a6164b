/**
 * The server, wired: every service over one Codex home. How it is reached is in `StdioServer.ts` and `SocketServer.ts`.
 */
import { Effect, Layer } from "effect"
import * as CodexHomeConfig from "../layers/codex-home/CodexHomeConfig.ts"
import * as CodexHomeStore from "../layers/codex-home/CodexHomeStore.ts"
import * as SqliteCheckpoints from "../layers/sqlite/SqliteCheckpoints.ts"
import * as SqliteThreadCatalog from "../layers/sqlite/SqliteThreadCatalog.ts"
import * as Handlers from "../rpc/codex/Handlers.ts"
import { JsonRpcServer } from "../rpc/codex/JsonRpcServer.ts"
import * as Rethread from "../services/Rethread.ts"
import { Threads } from "../services/Threads.ts"
import * as Host from "./Host.ts"
import * as LazyAgent from "./LazyAgent.ts"
import * as Platform from "./Platform.ts"
import * as Telemetry from "./Telemetry.ts"

export interface ServerOptions {
  /** The Codex home, absolute. */
  readonly home: string
  /** `key=value` pairs that stand before the home's `config.toml`. */
  readonly overrides: ReadonlyArray<string>
  readonly cwd: string
  readonly agent: LazyAgent.AgentName
  /** Nothing but logs when not given. */
  readonly telemetry?: Telemetry.Telemetry
}

/**
 * Ends the turns that run, which writes how they ended and tells whoever listens. Waits for a while only: a client that
 * does not read holds back the turns that it listens to.
 */
export const endTurns = Threads.use((threads) =>
  Effect.flatMap(threads.loaded, Effect.forEach(threads.unload, { concurrency: "unbounded", discard: true }))
).pipe(Effect.interruptible, Effect.timeoutOption("2 seconds"), Effect.asVoid)

/** The JSON-RPC server over a Codex home. */
export const layer = (options: ServerOptions) =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provideMerge(
      Rethread.layerWith({ catalog: SqliteThreadCatalog.layer(options), checkpoints: SqliteCheckpoints.layer(options) })
    ),
    Layer.provide(LazyAgent.layer(options.agent)),
    Layer.provide(
      Layer.mergeAll(CodexHomeStore.layer({ home: options.home }), CodexHomeConfig.layer(options), Host.layerServerInfo)
    ),
    Layer.provide(Platform.layerHome),
    Layer.provideMerge(Telemetry.layer(options.telemetry ?? Telemetry.none))
  )
