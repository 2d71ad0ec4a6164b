/**
 * Who hears what of a thread: subscribers while they are, followers by number, and nobody who has left or opted out.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Notification } from "../../src/domain/Notification.ts"
import type { ServerRequest } from "../../src/domain/ServerRequest.ts"
import { wholeFrame } from "../../src/rpc/codex/Transport.ts"
import { type Connection, NotificationDelivery, type Outbound } from "../../src/services/NotificationDelivery.ts"

const here = ThreadId.make("00000000-0000-7000-8000-000000000001")
const elsewhere = ThreadId.make("00000000-0000-7000-8000-000000000002")
const closed = (threadId: ThreadId): Notification => ({ method: "thread/closed", params: { threadId } })
const archived = (threadId: ThreadId): Notification => ({ method: "thread/archived", params: { threadId } })
const told: Notification = { method: "configWarning", params: { summary: "s", details: null } }
const optOut = (...methods: ReadonlyArray<string>) => ({ optOut: new Set(methods) })
const question: ServerRequest = {
  id: 7,
  question: {
    method: "item/tool/call",
    params: { threadId: here, turnId: TurnId.make("T1"), callId: "c", namespace: null, tool: "t", arguments: null }
  }
}

const short = (entry: Outbound): string => {
  switch (entry._tag) {
    case "Response":
      return `response ${wholeFrame(entry.frame)}`
    case "Request":
      return `request ${entry.request.id}`
    case "Notification":
      return `${entry.notification.method}${entry.sequence === undefined ? "" : " numbered"}`
  }
}
/** What waits for a client, in short. */
const heard = (connection: Connection) =>
  Effect.gen(function* () {
    // A mark of its own, so that there is something to take.
    yield* connection.reject("mark")
    return (yield* connection.take).map(short).filter((entry) => entry !== "response mark")
  })

describe("subscriptions", () => {
  it.effect("of one client count once for each event, and last as long as the last of them", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const client = yield* delivery.connect()
      const scopes = [yield* Scope.make(), yield* Scope.make(), yield* Scope.make()]
      for (const scope of scopes) yield* Scope.provide(delivery.subscription(client, here), scope)
      for (const scope of scopes) {
        yield* delivery.publish(here, closed(here))
        assert.deepStrictEqual(yield* heard(client), ["thread/closed"])
        assert.deepStrictEqual(yield* delivery.subscribers(here), [client.id])
        yield* Scope.close(scope, Exit.void)
      }
      yield* delivery.publish(here, closed(here))
      assert.deepStrictEqual(yield* heard(client), [])
      assert.deepStrictEqual(yield* delivery.subscribers(here), [])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )

  it.effect("of one client are none of another's, and of one thread none of another", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const [first, second] = [yield* delivery.connect(), yield* delivery.connect()]
      yield* delivery.subscribe(first, here)
      yield* delivery.subscribe(second, here)
      assert.isTrue(yield* delivery.unsubscribe(first, here))
      assert.isFalse(yield* delivery.unsubscribe(first, here))
      yield* delivery.publish(here, closed(here))
      yield* delivery.publish(elsewhere, closed(elsewhere))
      assert.deepStrictEqual(yield* heard(first), [])
      assert.deepStrictEqual(yield* heard(second), ["thread/closed"])
      assert.deepStrictEqual(yield* delivery.subscribers(here), [second.id])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )

  it.effect("are made once, and not for a client that has left", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const client = yield* delivery.connect()
      assert.isTrue(yield* delivery.subscribe(client, here))
      assert.isFalse(yield* delivery.subscribe(client, here))
      assert.isTrue(yield* delivery.subscribe(client, elsewhere))
      const gone = yield* Effect.scoped(Effect.tap(delivery.connect(), (one) => delivery.subscribe(one, here)))
      assert.deepStrictEqual(yield* delivery.subscribers(here), [client.id])
      assert.isFalse(yield* delivery.subscribe(gone, here))
      assert.isFalse(yield* delivery.unsubscribe(gone, here))
      assert.strictEqual(delivery.joinedAt(gone, here), null)
      yield* Effect.scoped(delivery.hold(gone, here))
      assert.deepStrictEqual(yield* delivery.subscribers(here), [client.id])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )

  it.effect("bring the thread's questions too", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const [client, bystander] = [yield* delivery.connect(), yield* delivery.connect()]
      yield* delivery.subscribe(client, here)
      yield* delivery.ask(here, question)
      yield* delivery.ask(elsewhere, question)
      assert.deepStrictEqual(yield* heard(client), ["request 7"])
      assert.deepStrictEqual(yield* heard(bystander), [])
      yield* bystander.ask(question)
      assert.deepStrictEqual(yield* heard(bystander), ["request 7"])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )
})

describe("whoever hears of threads that are left", () => {
  it.effect("hears when the last one leaves, for as long as its own scope lasts", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const [one, other] = [yield* delivery.connect(), yield* delivery.connect()]
      const scope = yield* Scope.make()
      const left: Array<ThreadId> = []
      yield* Scope.provide(
        delivery.whenLeft((threadId) => void left.push(threadId)),
        scope
      )
      for (const client of [one, other]) yield* delivery.subscribe(client, here)
      yield* delivery.unsubscribe(one, here)
      assert.deepStrictEqual(left, [])
      yield* delivery.unsubscribe(other, here)
      assert.deepStrictEqual(left, [here])
      yield* delivery.subscribe(one, elsewhere)
      yield* Scope.close(scope, Exit.void)
      yield* delivery.unsubscribe(one, elsewhere)
      assert.deepStrictEqual(left, [here])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )
})

describe("a broadcast", () => {
  it.effect("reaches who has shaken hands, unless it opted out of it", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const [silent, all, some] = [yield* delivery.connect(), yield* delivery.connect(), yield* delivery.connect()]
      yield* all.open(optOut())
      yield* some.open(optOut("thread/closed"))
      yield* delivery.broadcast(closed(here))
      yield* delivery.broadcast(archived(here))
      yield* delivery.broadcast(told)
      assert.deepStrictEqual(yield* heard(silent), [])
      assert.deepStrictEqual(yield* heard(all), ["thread/closed", "thread/archived", "configWarning"])
      assert.deepStrictEqual(yield* heard(some), ["thread/archived", "configWarning"])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )

  it.effect("reaches a follower only where it is about a thread that it subscribed to", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const follower = yield* delivery.connect({ follower: true })
      yield* follower.open(optOut())
      yield* delivery.subscribe(follower, here)
      yield* delivery.broadcast(closed(here))
      yield* delivery.broadcast(closed(elsewhere))
      yield* delivery.broadcast(told)
      assert.deepStrictEqual(yield* heard(follower), ["thread/closed numbered"])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )

  it.effect("to one client alone waits for room, and is dropped where it opted out or has left", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const client = yield* delivery.connect()
      yield* client.open(optOut("thread/closed"))
      yield* client.notify(closed(here))
      yield* client.notify(archived(here))
      assert.deepStrictEqual(yield* heard(client), ["thread/archived"])
      const gone = yield* Effect.scoped(delivery.connect())
      yield* gone.notify(archived(here))
      yield* gone.ask(question)
      assert.strictEqual((yield* Effect.flip(gone.respond(1, "r"))).connectionId, gone.id)
      assert.strictEqual((yield* Effect.flip(gone.reject("r"))).connectionId, gone.id)
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )
})

describe("a hold", () => {
  it.effect("keeps back what happens to the thread, for as long as the last of them lasts, and nothing else", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const client = yield* delivery.connect()
      yield* client.open(optOut())
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      for (const scope of scopes) yield* Scope.provide(delivery.hold(client, here), scope)
      for (const notification of [closed(here), archived(here), closed(elsewhere), told]) {
        yield* delivery.broadcast(notification)
      }
      assert.deepStrictEqual(yield* heard(client), ["thread/closed", "configWarning"])
      for (const scope of scopes) {
        assert.deepStrictEqual(yield* heard(client), [])
        yield* Scope.close(scope, Exit.void)
      }
      assert.deepStrictEqual(yield* heard(client), ["thread/closed", "thread/archived"])
      yield* delivery.broadcast(closed(here))
      assert.deepStrictEqual(yield* heard(client), ["thread/closed"])
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )

  it.effect("lets go only what its client still wants to hear, and no more than may wait", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const client = yield* delivery.connect({ capacity: 2, overflow: 3 })
      yield* delivery.subscribe(client, here)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* delivery.hold(client, here)
          yield* delivery.publish(here, closed(here))
          yield* delivery.unsubscribe(client, here)
        })
      )
      assert.deepStrictEqual(yield* heard(client), [])
      yield* delivery.subscribe(client, here)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* delivery.hold(client, here)
          for (let n = 0; n < 3; n++) yield* delivery.publish(here, closed(here))
        })
      )
      assert.lengthOf(yield* client.take, 3)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* delivery.hold(client, here)
          for (let n = 0; n < 4; n++) yield* delivery.publish(here, closed(here))
          assert.strictEqual(yield* client.closed, "overflow")
        })
      )
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )
})

describe("a follower", () => {
  it.effect("knows where it joined, and what was told since; nobody else does", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const [follower, other] = [yield* delivery.connect({ follower: true }), yield* delivery.connect()]
      yield* delivery.subscribe(other, here)
      assert.strictEqual(delivery.joinedAt(other, here), null)
      assert.strictEqual(delivery.joinedAt(follower, here), null)
      yield* delivery.subscribe(follower, here)
      const joined = delivery.joinedAt(follower, here)
      assert.deepStrictEqual(joined, delivery.position())
      yield* delivery.publish(here, closed(here))
      assert.deepStrictEqual(joined === null ? null : delivery.since(here, joined)?.map(short), [
        "thread/closed numbered"
      ])
      assert.deepStrictEqual(delivery.since(here, delivery.position()), [])
      assert.strictEqual(delivery.since(elsewhere, delivery.position()), null)
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layer))
  )

  it.effect("that was away too long for what is kept has to begin anew", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const follower = yield* delivery.connect({ follower: true })
      yield* delivery.subscribe(follower, here)
      const joined = delivery.position()
      for (let n = 0; n < 3; n++) yield* delivery.publish(here, closed(here))
      assert.strictEqual(delivery.since(here, joined), null)
    }).pipe(Effect.scoped, Effect.provide(NotificationDelivery.layerWith({ maxEvents: 2 })))
  )
})
