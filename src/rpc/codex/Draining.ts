/**
 * How conversations end when the server stops: nothing more is read, what is pending is answered, what is answered is
 * sent. Whoever is not done by then is cut off.
 */
import { Cause, Deferred, Effect, Latch } from "effect"
import type { Inbound, PeerGone, Transport } from "./Transport.ts"

/** How long conversations may take to end. A client that does not read would take forever. */
const grace = "3 seconds"

export interface Draining {
  readonly isStopping: Effect.Effect<boolean>
  /** Completes when the server begins to stop. */
  readonly stopping: Effect.Effect<void>
  /** Runs a conversation that {@link drain} waits for. */
  readonly track: <A, E, R>(conversation: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Begins to stop, and waits until every tracked conversation has ended, but not for long. */
  readonly drain: Effect.Effect<void>
}

/** Conversations that end together. */
export const make: Effect.Effect<Draining> = Effect.gen(function* () {
  const stop = yield* Deferred.make<void>()
  const idle = yield* Latch.make(true)
  let open = 0
  return {
    isStopping: Deferred.isDone(stop),
    stopping: Deferred.await(stop),
    track: (conversation) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          open++
          idle.closeUnsafe()
        }),
        () => conversation,
        () =>
          Effect.sync(() => {
            if (--open === 0) idle.openUnsafe()
          })
      ),
    drain: Deferred.succeed(stop, undefined).pipe(
      Effect.andThen(Effect.interruptible(idle.await)),
      Effect.timeoutOption(grace),
      Effect.asVoid
    )
  }
})

/** The transport, whose input ends when the server stops. */
export const receiveUntil = (
  receive: Transport["receive"],
  { stopping }: Draining
): Effect.Effect<ReadonlyArray<Inbound>, Cause.Done | PeerGone> =>
  Effect.raceFirst(
    receive,
    Effect.flatMap(stopping, () => Cause.done())
  )
