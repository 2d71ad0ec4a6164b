/**
 * Time that passes by itself, for tests that wait for something and do not care when: under `TestClock`, a second at a
 * time, with a moment of real time between, so that what waits for the system gets its turn.
 */
import { Effect } from "effect"
import { TestClock } from "effect/testing"

/** Lets the test's time pass for as long as the effect runs. */
export const passing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(
    effect,
    Effect.forever(Effect.andThen(TestClock.withLive(Effect.sleep("1 millis")), TestClock.adjust("1 second")))
  )
