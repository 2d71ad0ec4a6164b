/**
 * Keeps the requests that one connection makes of one thread in order: each runs when the one before
 * it has been answered and its replay sent. Requests of different threads run side by side.
 */
import { Effect, Semaphore } from "effect"

export interface Lanes {
  /** Runs `effect` when everything entered earlier under the same key has finished. */
  readonly run: (key: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export const make = (): Lanes => {
  const lanes = new Map<string, { readonly semaphore: Semaphore.Semaphore; users: number }>()
  return {
    run: (key) => {
      const lane = lanes.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
      lanes.set(key, lane)
      lane.users++
      return (effect) =>
        Effect.ensuring(
          lane.semaphore.withPermit(effect),
          Effect.sync(() => {
            if (--lane.users === 0) lanes.delete(key)
          })
        )
    }
  }
}
