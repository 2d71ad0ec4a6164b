/**
 * All services of a thread server in one layer, over whatever store, configuration and source of ids it is given.
 * Replace any part by building the layer from the parts' own `layer`s instead.
 */
import { Layer } from "effect"
import { Approvals } from "./Approvals.ts"
import type { Checkpoints } from "./Checkpoints.ts"
import { NotificationDelivery } from "./NotificationDelivery.ts"
import { RolloutParser } from "./RolloutParser.ts"
import type { RolloutStore } from "./RolloutStore.ts"
import type { ServerConfig } from "./ServerConfig.ts"
import { SessionReconstruction } from "./SessionReconstruction.ts"
import { ThreadCatalog } from "./ThreadCatalog.ts"
import { ThreadCommands } from "./ThreadCommands.ts"
import { ThreadLifecycle } from "./ThreadLifecycle.ts"
import { Threads, type ThreadsOptions } from "./Threads.ts"

export interface RethreadOptions extends ThreadsOptions {
  /** Who answers what agents ask; the clients when not given (`Approvals.layer`). */
  readonly approvals?: Layer.Layer<Approvals, never, NotificationDelivery>
  /** What lists and searches threads; in memory when not given (`ThreadCatalog.layer`). */
  readonly catalog?: Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig>
  /** Where restored sessions are kept for the next time; nowhere when not given. */
  readonly checkpoints?: Layer.Layer<Checkpoints>
}

/** {@link layer}, with other choices. */
export const layerWith = (options: RethreadOptions) =>
  Layer.mergeAll(ThreadLifecycle.layer, options.catalog ?? ThreadCatalog.layer, ThreadCommands.layer).pipe(
    Layer.provideMerge(Threads.layerWith(options)),
    Layer.provide(options.checkpoints ?? Layer.empty),
    Layer.provideMerge(SessionReconstruction.layer),
    Layer.provideMerge(options.approvals ?? Approvals.layer),
    Layer.provideMerge(Layer.mergeAll(RolloutParser.layer, NotificationDelivery.layer))
  )

/**
 * Needs a `RolloutStore`, a `ServerConfig` and a `SecureRandom`; provides everything else.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { SecureRandom } from "effect/crypto"
 * import { MemoryRolloutStore } from "rethread/layers/memory"
 * import { layer, ServerConfig, Threads } from "rethread/services"
 *
 * const Server = layer.pipe(
 *   Layer.provide([MemoryRolloutStore.layer(), ServerConfig.layerMemory(), SecureRandom.layerWebCrypto])
 * )
 * const loaded = Threads.use((threads) => threads.loaded).pipe(Effect.provide(Server))
 * ```
 */
export const layer = layerWith({})
