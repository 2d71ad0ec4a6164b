/**
 * Which loaded threads have not been wanted for so long that they can be let go of.
 *
 * A thread is wanted when somebody asks for it, and until its last listener has left and its turn has ended: each of these
 * starts its time anew. There is one sleeper for each thread whose time runs, and none for a thread that is listened to: at
 * the end of its time such a one is left alone until it is told of again.
 */
import { Clock, Effect, FiberSet, type Scope } from "effect"
import type { ThreadId } from "../domain/Ids.ts"

export interface IdleThreads {
  /** Somebody asks for it, the last listener has left, or its turn has ended: its time starts now. */
  readonly wanted: (threadId: ThreadId) => void
}

export interface IdleThreadsOptions {
  /** In milliseconds. */
  readonly unloadAfter: number
  /**
   * Lets go of a thread that is not listened to and in which nothing runs; of others not. `isDue` says whether its time is
   * still up: somebody may have come while it waited for its turn.
   */
  readonly letGo: (threadId: ThreadId, isDue: () => boolean) => Effect.Effect<void>
}

/** Watches for as long as the scope lasts. */
export const make = Effect.fnUntraced(function* ({
  letGo,
  unloadAfter
}: IdleThreadsOptions): Effect.fn.Return<IdleThreads, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.makeRuntime()
  // When each was wanted last. Whoever is in here has a sleeper.
  const since = new Map<ThreadId, number>()

  const watch = (threadId: ThreadId): Effect.Effect<void> =>
    Effect.suspend(() => {
      const at = since.get(threadId) ?? Number.NEGATIVE_INFINITY
      const left = at + unloadAfter - clock.currentTimeMillisUnsafe()
      if (left > 0) return Effect.andThen(Effect.sleep(left), watch(threadId))
      const isDue = () => since.get(threadId) === at
      return Effect.flatMap(letGo(threadId, isDue), () => {
        if (!isDue()) return watch(threadId)
        since.delete(threadId)
        return Effect.void
      })
    })

  return {
    wanted: (threadId) => {
      const isWatched = since.has(threadId)
      since.set(threadId, clock.currentTimeMillisUnsafe())
      if (!isWatched) run(watch(threadId))
    }
  }
})
