/**
 * A whole server for a test in one line: every service, over memory, with ids that are the same in every run, and the
 * Codex wire in the same process. Any part is replaced by a layer, and a part of a part by `mock`.
 *
 * Nothing here starts a thread of its own in time: under `TestClock` the server waits until the test lets time pass.
 */
import { type Context, Effect, Layer, type Scope } from "effect"
import type { MemoryFile } from "../layers/memory/MemoryFiles.ts"
import { layerWith as memoryStore, MemoryFiles } from "../layers/memory/MemoryRolloutStore.ts"
import type { ConnectionLost, HandshakeFailed } from "../rpc/client/ClientError.ts"
import * as CodexClient from "../rpc/client/CodexClient.ts"
import * as InProcessWire from "../rpc/client/InProcessWire.ts"
import * as Handlers from "../rpc/codex/Handlers.ts"
import { JsonRpcServer, type Options } from "../rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../rpc/codex/ServerInfo.ts"
import type { Agent } from "../services/Agent.ts"
import type { Approvals } from "../services/Approvals.ts"
import type { NotificationDelivery } from "../services/NotificationDelivery.ts"
import * as Rethread from "../services/Rethread.ts"
import type { RolloutStore } from "../services/RolloutStore.ts"
import { ServerConfig } from "../services/ServerConfig.ts"
import type { ThreadCatalog } from "../services/ThreadCatalog.ts"
import type { ThreadCommands } from "../services/ThreadCommands.ts"
import type { ThreadLifecycle } from "../services/ThreadLifecycle.ts"
import type { Threads } from "../services/Threads.ts"
import * as DeterministicIds from "./DeterministicIds.ts"
import type { RolloutBuilder } from "./RolloutBuilder.ts"
import { connect, type WireClient, type WireClientOptions, type WireEnded, type WireRefused } from "./WireClient.ts"

/** What a server for tests is made of; everything has a default. */
export interface TestingOptions {
  /** Rollouts to start with, in memory. */
  readonly files?: ReadonlyArray<MemoryFile | RolloutBuilder>
  /** Runs the turns. Default: none; a turn fails and says so. */
  readonly agent?: Layer.Layer<Agent>
  /** Instead of the memory store, or around it (`Faults.store`): the memory's files are there for either. */
  readonly store?: Layer.Layer<RolloutStore, never, RolloutStore | MemoryFiles>
  readonly catalog?: Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig>
  readonly approvals?: Layer.Layer<Approvals, never, NotificationDelivery>
  readonly config?: Layer.Layer<ServerConfig>
  /** Instead of the services that the wire calls. */
  readonly commands?: Layer.Layer<ThreadCommands>
  readonly lifecycle?: Layer.Layer<ThreadLifecycle>
  readonly threads?: Layer.Layer<Threads>
  /** The wire itself, changed: `Faults.server`. */
  readonly wire?: Layer.Layer<JsonRpcServer, never, JsonRpcServer>
  /** Limits of the wire. */
  readonly limits?: Options
  /** Other ids for another seed. */
  readonly seed?: number
}

const fileOf = (file: MemoryFile | RolloutBuilder): MemoryFile => ("build" in file ? file.build() : file)

/** Some of its services replaced. */
const over = <A, E, R, B extends A>(base: Layer.Layer<A, E, R>, other: Layer.Layer<B> | undefined) =>
  other === undefined ? base : Layer.merge(base, other)

const around = <A, R>(base: Layer.Layer<A | R>, other: Layer.Layer<A, never, A | R> | undefined) =>
  other === undefined ? base : Layer.provideMerge(other, base)

const services = (options: TestingOptions) => {
  const { approvals, catalog } = options
  const all = Rethread.layerWith({
    ...(approvals === undefined ? {} : { approvals }),
    ...(catalog === undefined ? {} : { catalog })
  })
  const run = options.agent === undefined ? all : Layer.provide(all, options.agent)
  return over(over(over(run, options.commands), options.lifecycle), options.threads)
}

/** The server. */
export const layer = (options: TestingOptions = {}) => {
  const store = around<RolloutStore, MemoryFiles>(memoryStore((options.files ?? []).map(fileOf)), options.store)
  const wire = JsonRpcServer.layer(options.limits).pipe(
    Layer.provide(Handlers.layer),
    Layer.provideMerge(services(options))
  )
  const changed = options.wire === undefined ? wire : Layer.provideMerge(options.wire, wire)
  return changed.pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        store,
        options.config ?? ServerConfig.layerMemory(),
        ServerInfo.layer({ os: "Test 1", arch: "x86_64", platformFamily: "unix", platformOs: "linux" }),
        DeterministicIds.layer(options.seed === undefined ? {} : { seed: options.seed })
      )
    ),
    Layer.fresh
  )
}

/**
 * A service of which only some methods are there: calling another one dies with a message that names the service and the
 * method.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { RolloutStore } from "rethread/services"
 * import { Testing } from "rethread/testing"
 *
 * const nobody = Testing.mock(RolloutStore, { names: Effect.succeed(new Map()) })
 * const Server = Testing.layer({ store: nobody })
 * ```
 */
export const mock = <I, S extends object>(
  service: Context.Key<I, S>,
  implementation: Layer.PartialEffectful<S>
): Layer.Layer<I> => Layer.mock(service, implementation)

/** A client that speaks in frames, after its handshake. */
export const client = (
  options?: WireClientOptions
): Effect.Effect<WireClient, WireRefused | WireEnded, JsonRpcServer | Scope.Scope> => connect(options)

/** The typed client, over the wire in the same process. */
export const codexClient = <R = never>(
  options: CodexClient.ClientOptions<R> = {}
): Effect.Effect<
  CodexClient.CodexClient["Service"],
  ConnectionLost | HandshakeFailed,
  JsonRpcServer | R | Scope.Scope
> => Effect.provide(CodexClient.make(options), InProcessWire.layer)

/** Every rollout as the memory holds it, as text by absolute path. */
export const texts: Effect.Effect<ReadonlyMap<string, string>, never, MemoryFiles> = MemoryFiles.use((files) =>
  Effect.map(
    files.snapshot,
    (all) => new Map(Array.from(all, ([path, bytes]) => [path, new TextDecoder().decode(bytes)]))
  )
)
