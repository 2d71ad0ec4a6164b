import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { TestClock } from "effect/testing"
import { ThreadId } from "../../src/domain/Ids.ts"
import type { Notification } from "../../src/domain/Notification.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import * as DeterministicIds from "../../src/testing/DeterministicIds.ts"
import { aboutThread, connect, sequenceOf } from "../../src/testing/RecordingConnection.ts"

const a = ThreadId.make("01a20000-0000-7000-8000-00000000000a")
const b = ThreadId.make("01a20000-0000-7000-8000-00000000000b")
const closed = (threadId: ThreadId): Notification => ({ method: "thread/closed", params: { threadId } })
const idle = (threadId: ThreadId): Notification => ({
  method: "thread/status/changed",
  params: { threadId, status: { type: "idle" } }
})

describe("RecordingConnection", () => {
  it.effect("records in order, each client its own", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const one = yield* connect()
      const two = yield* connect({ optOut: ["thread/closed"] })
      const shy = yield* connect({ open: false })
      yield* one.respond(1, "{}")
      yield* one.connection.notify(idle(a))
      yield* delivery.broadcast(closed(b))
      assert.deepStrictEqual(sequenceOf(yield* one.settled), ["response", "thread/status/changed", "thread/closed"])
      assert.deepStrictEqual(yield* two.settled, [])
      assert.deepStrictEqual(yield* shy.settled, [])
      assert.deepStrictEqual(aboutThread(yield* one.received, b), [closed(b)])
      assert.deepStrictEqual(yield* one.params("thread/closed"), [{ threadId: b }])
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("waits for what comes, and finds what came", () =>
    Effect.gen(function* () {
      const client = yield* connect()
      const second = yield* Effect.forkChild(client.notification("thread/closed", 2), { startImmediately: true })
      yield* client.connection.notify(closed(a))
      yield* client.connection.notify(idle(a))
      yield* client.connection.notify(closed(b))
      assert.deepStrictEqual(yield* Fiber.join(second), { threadId: b })
      assert.deepStrictEqual(yield* client.notification("thread/closed"), { threadId: a })
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("fails a wait when the connection ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(connect(), scope)
      yield* client.connection.notify(idle(a))
      const waiting = yield* Effect.forkChild(client.notification("thread/closed"), { startImmediately: true })
      yield* client.settled
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(Fiber.join(waiting))
      assert.deepStrictEqual(error.got, ["thread/status/changed"])
      assert.strictEqual((yield* Effect.flip(client.settled))._tag, "RecordingEnded")
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )
})

describe("DeterministicIds", () => {
  const ids = (seed?: number) =>
    Effect.gen(function* () {
      const random = yield* SecureRandom.SecureRandom
      const first = yield* random.uuidV7()
      yield* TestClock.adjust(1)
      return [first, yield* random.uuidV7(), yield* random.uuidV4()]
    }).pipe(Effect.provide(DeterministicIds.layer(seed === undefined ? {} : { seed })))

  it.effect("gives the same ids in every run, ordered and distinct", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_772_359_200_000)
      const first = yield* ids()
      yield* TestClock.setTime(1_772_359_200_000)
      assert.deepStrictEqual(yield* ids(), first)
      assert.strictEqual(new Set(first).size, 3)
      assert.isTrue((first[0] ?? "") < (first[1] ?? ""))
      assert.notDeepEqual(yield* ids(5), first)
    })
  )
})
