/**
 * Letting go of threads that nobody listens to, and clients that come back at that very instant.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { Threads } from "../../src/services/Threads.ts"
import { aitem, am, C, S, script, uitem, um } from "../support/Script.ts"
import { client, resume, server } from "../support/TestServer.ts"

const source = script([S("T1"), uitem("one"), um("one"), aitem("a"), am("a"), C("T1")]).build()
const id = source.threadId

/** What a look into the store waits for. */
interface Gates {
  stat: Effect.Effect<void>
  names: Effect.Effect<void>
}
const open = (): Gates => ({ stat: Effect.void, names: Effect.void })

const gated = (gates: Gates) =>
  server([source], {
    unloadAfter: "10 minutes",
    store: (store) => ({
      ...store,
      stat: (ref) =>
        Effect.andThen(
          Effect.suspend(() => gates.stat),
          store.stat(ref)
        ),
      names: Effect.andThen(
        Effect.suspend(() => gates.names),
        store.names
      )
    })
  })

const loaded = Threads.use((threads) => threads.loaded)

/** Loads the thread for a client that leaves it again. */
const visit = Effect.gen(function* () {
  const who = yield* client()
  yield* resume(who, id)
  yield* NotificationDelivery.use((delivery) => delivery.unsubscribe(who.connection, id))
})

describe("a thread that nobody listens to", () => {
  it.effect("is let go of after a while, and all are told", () =>
    Effect.gen(function* () {
      const bystander = yield* client()
      yield* visit
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* loaded, [id])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* loaded, [])
      yield* bystander.settled
      assert.deepStrictEqual(yield* bystander.sequence, ["thread/status/changed", "thread/closed"])
    }).pipe(Effect.provide(gated(open())))
  )

  it.effect("stays while somebody does", () =>
    Effect.gen(function* () {
      yield* resume(yield* client(), id)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* loaded, [id])
    }).pipe(Effect.provide(gated(open())))
  )
})

describe("a client that comes when the time is up", () => {
  // `stat`: it is let in, one at a time, and the sweep waits behind it. `names`: it has the thread, and has not subscribed.
  for (const where of ["stat", "names"] as const) {
    const gates = open()
    it.effect(`keeps the thread (held up in ${where})`, () =>
      Effect.gen(function* () {
        yield* visit
        yield* TestClock.adjust("630 seconds")
        const gate = yield* Deferred.make<void>()
        const arrived = yield* Deferred.make<void>()
        gates[where] = Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(gate))
        const who = yield* client()
        const coming = yield* Effect.forkChild(resume(who, id))
        yield* Deferred.await(arrived)
        // The sweep that would let go of it.
        yield* TestClock.adjust("1 minute")
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual((yield* Fiber.join(coming)).kind, "rejoin")
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* loaded, [id])
        yield* who.settled
        assert.deepStrictEqual(yield* who.sequence, ["response"])
      }).pipe(Effect.provide(gated(gates)))
    )
  }
})
