/**
 * Keeps restored sessions beside their rollouts. A memory that may lose anything at any time: what is kept for another
 * version of a rollout, or is not what was kept, is not given back.
 */
import { Context, Effect, Layer } from "effect"
import type { SavedText } from "../domain/SavedSession.ts"
import type { RolloutRef } from "./RolloutStore.ts"

export class Checkpoints extends Context.Service<
  Checkpoints,
  {
    /** What was kept of this version of the rollout; null when nothing was. */
    readonly find: (ref: RolloutRef, version: string) => Effect.Effect<SavedText | null>
    /** Keeps it in place of what was kept of the rollout before. */
    readonly keep: (ref: RolloutRef, version: string, saved: SavedText) => Effect.Effect<void>
  }
>()("rethread/services/Checkpoints") {
  /** In memory, without a bound: for tests. */
  static readonly layerMemory: Layer.Layer<Checkpoints> = Layer.sync(Checkpoints, () => {
    const kept = new Map<string, { readonly version: string; readonly saved: SavedText }>()
    return {
      find: (ref, version) =>
        Effect.sync(() => {
          const found = kept.get(ref.path)
          return found?.version === version ? found.saved : null
        }),
      keep: (ref, version, saved) => Effect.sync(() => void kept.set(ref.path, { version, saved }))
    }
  })
}
