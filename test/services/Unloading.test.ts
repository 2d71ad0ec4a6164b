/**
 * Letting go of threads that nobody listens to, and clients that come back at that very instant.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import * as IdleThreads from "../../src/services/IdleThreads.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
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
      yield* TestClock.adjust("599 seconds")
      assert.deepStrictEqual(yield* loaded, [id])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* loaded, [])
      yield* bystander.settled
      assert.deepStrictEqual(yield* bystander.sequence, ["thread/status/changed", "thread/closed"])
    }).pipe(Effect.provide(gated(open())))
  )

  it.effect("stays while a turn runs in it, and for its time from the end of that turn on", () =>
    Effect.gen(function* () {
      const ref = yield* RolloutStore.use((store) => store.locate(id))
      const { thread } = yield* Threads.use((threads) => threads.load(ref, {}))
      const input = [{ type: "text", text: "two", text_elements: [] } as const]
      const turn = yield* thread.startTurn({ input, clientMessageId: null, overrides: {} })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* loaded, [id])
      yield* thread.interrupt(turn.id)
      yield* TestClock.adjust("599 seconds")
      assert.deepStrictEqual(yield* loaded, [id])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* loaded, [])
    }).pipe(Effect.provide(gated(open()).pipe(Layer.provide(Scripted.layer([[Scripted.hang]])))))
  )

  it.effect("is let go of also after it was gone once before its time was up", () =>
    Effect.gen(function* () {
      yield* visit
      yield* Threads.use((threads) => threads.unload(id))
      yield* TestClock.adjust("10 minutes")
      yield* visit
      assert.deepStrictEqual(yield* loaded, [id])
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* loaded, [])
    }).pipe(Effect.provide(gated(open())))
  )

  it.effect("stays while somebody does", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, id)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* loaded, [id])
      // From the moment on in which the last one leaves.
      yield* NotificationDelivery.use((delivery) => delivery.unsubscribe(who.connection, id))
      yield* TestClock.adjust("599 seconds")
      assert.deepStrictEqual(yield* loaded, [id])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* loaded, [])
    }).pipe(Effect.provide(gated(open())))
  )

  it.effect("counts from the last time that somebody asked for it", () =>
    Effect.gen(function* () {
      yield* visit
      yield* TestClock.adjust("9 minutes")
      yield* visit
      yield* TestClock.adjust("9 minutes")
      assert.deepStrictEqual(yield* loaded, [id])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* loaded, [])
    }).pipe(Effect.provide(gated(open())))
  )
})

describe("threads whose time runs", () => {
  const one = ThreadId.make("01984de2-8f74-7c91-a3b2-5c5e937cf301")
  const two = ThreadId.make("01984de2-8f74-7c91-a3b2-5c5e937cf302")
  const watching = Effect.gen(function* () {
    const asked: Array<ThreadId> = []
    const idle = yield* IdleThreads.make({
      unloadAfter: 1000,
      letGo: (threadId) =>
        Effect.sync(() => {
          asked.push(threadId)
        })
    })
    return { asked, idle }
  })

  it.effect("nothing is asked while none is known, and once for each when its time is up", () =>
    Effect.gen(function* () {
      const { asked, idle } = yield* watching
      yield* TestClock.adjust("100 days")
      assert.deepStrictEqual(asked, [])
      idle.wanted(one)
      yield* TestClock.adjust(500)
      idle.wanted(two)
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(asked, [one])
      yield* TestClock.adjust("100 days")
      assert.deepStrictEqual(asked, [one, two])
    }).pipe(Effect.scoped)
  )

  it.effect("one that is wanted again has all of it again, also after it was asked for once", () =>
    Effect.gen(function* () {
      const { asked, idle } = yield* watching
      idle.wanted(one)
      yield* TestClock.adjust(999)
      idle.wanted(one)
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(asked, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(asked, [one])
      idle.wanted(one)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(asked, [one, one])
    }).pipe(Effect.scoped)
  )
})

describe("a client that comes when the time is up", () => {
  // `stat`: it is let in, one at a time, and who lets go waits behind it. `names`: it has the thread, and has not subscribed.
  for (const where of ["stat", "names"] as const) {
    const gates = open()
    it.effect(`keeps the thread (held up in ${where})`, () =>
      Effect.gen(function* () {
        yield* visit
        yield* TestClock.adjust("590 seconds")
        const gate = yield* Deferred.make<void>()
        const arrived = yield* Deferred.make<void>()
        gates[where] = Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(gate))
        const who = yield* client()
        const coming = yield* Effect.forkChild(resume(who, id))
        yield* Deferred.await(arrived)
        // Now it would be let go of.
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
