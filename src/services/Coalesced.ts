/**
 * Sharing one run of an effect among those who ask at the same time, without ever handing out an
 * answer that is older than the question.
 */
import { Deferred, Effect } from "effect"

/**
 * An effect whose callers share runs: whoever asks while a run is under way gets the result of the
 * next one, together with everybody else who asked meanwhile. An interrupted caller stops no run.
 */
export const coalesced = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  let running = false
  let next: Deferred.Deferred<A, E> | undefined

  const loop: Effect.Effect<void, never, R> = Effect.suspend(() => {
    const asked = next
    next = undefined
    if (asked === undefined) {
      running = false
      return Effect.void
    }
    return Effect.andThen(Deferred.into(effect, asked), loop)
  })

  return Effect.suspend(() => {
    const mine = (next ??= Deferred.makeUnsafe<A, E>())
    if (running) return Deferred.await(mine)
    running = true
    return Effect.andThen(Effect.forkDetach(Effect.uninterruptible(loop)), Deferred.await(mine))
  })
}
