/**
 * A lock for each thread: of those who want to load, replace or let go of it, one at a time. A lock that nobody holds or
 * waits for is forgotten.
 */
import { Effect, type Scope, Semaphore } from "effect"
import type { ThreadId } from "../domain/Ids.ts"

export interface ThreadLocks {
  /** Runs an effect while nobody else has the thread. */
  readonly alone: <A, E, R>(threadId: ThreadId, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Keeps everybody else from the thread for as long as the scope lasts. */
  readonly hold: (threadId: ThreadId) => Effect.Effect<void, never, Scope.Scope>
  /** Does somebody have it, or wait for it? */
  readonly isWanted: (threadId: ThreadId) => boolean
}

interface Lock {
  readonly semaphore: Semaphore.Semaphore
  users: number
}

/** `onEnter` is called for everybody who comes to a lock, before they wait. */
export const make = (onEnter: (threadId: ThreadId) => void): ThreadLocks => {
  const locks = new Map<ThreadId, Lock>()

  const enter = (threadId: ThreadId) =>
    Effect.sync(() => {
      const lock = locks.get(threadId) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
      lock.users++
      locks.set(threadId, lock)
      onEnter(threadId)
      return lock
    })
  const leave = (threadId: ThreadId) => (lock: Lock) =>
    Effect.sync(() => {
      if (--lock.users === 0) locks.delete(threadId)
    })

  return {
    alone: (threadId, effect) =>
      Effect.acquireUseRelease(enter(threadId), ({ semaphore }) => semaphore.withPermits(1)(effect), leave(threadId)),
    hold: (threadId) =>
      Effect.flatMap(Effect.acquireRelease(enter(threadId), leave(threadId)), ({ semaphore }) =>
        Effect.asVoid(semaphore.takeScoped(1))
      ),
    isWanted: (threadId) => locks.has(threadId)
  }
}
