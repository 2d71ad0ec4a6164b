/**
 * Keeps restored sessions beside their rollouts. A memory that may lose anything at any time: what is not what was
 * kept is not given back.
 */
import { Context, Effect, Layer } from "effect"
import type { SavedText } from "../domain/SavedSession.ts"
import type { RolloutRef } from "./RolloutStore.ts"

/** What was kept, without its blocks, and the version of the rollout that it is of. */
export interface Checkpoint {
  readonly version: string
  readonly text: string
}

export class Checkpoints extends Context.Service<
  Checkpoints,
  {
    /** What was kept of the rollout last; null when nothing was. */
    readonly find: (ref: RolloutRef) => Effect.Effect<Checkpoint | null>
    /** The blocks that were kept of a version, from the one with this number on; null when they are gone. */
    readonly blocks: (ref: RolloutRef, version: string, from: number) => Effect.Effect<ReadonlyArray<Uint8Array> | null>
    /** Keeps it in place of what was kept of the rollout before. */
    readonly keep: (ref: RolloutRef, version: string, saved: SavedText) => Effect.Effect<void>
  }
>()("rethread/services/Checkpoints") {
  /** In memory, without a bound: for tests. */
  static readonly layerMemory: Layer.Layer<Checkpoints> = Layer.sync(Checkpoints, () => {
    const kept = new Map<string, Checkpoint & SavedText>()
    return {
      find: (ref) => Effect.sync(() => kept.get(ref.path) ?? null),
      blocks: (ref, version, from) =>
        Effect.sync(() => {
          const found = kept.get(ref.path)
          return found?.version === version ? found.blocks.slice(from) : null
        }),
      keep: (ref, version, saved) => Effect.sync(() => void kept.set(ref.path, { version, ...saved }))
    }
  })
}
