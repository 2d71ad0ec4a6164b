/**
 * The outbox of a connection: bounded, in order, fair to producers that wait; and the order that every
 * client sees whatever else happens at the same time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Pull, Schema, Scope } from "effect"
import type { ThreadId } from "../../src/domain/Ids.ts"
import type { Notification } from "../../src/domain/Notification.ts"
import { type Connection, NotificationDelivery, type Outbound } from "../../src/services/NotificationDelivery.ts"
import { ThreadLifecycle } from "../../src/services/ThreadLifecycle.ts"
import { wholeFrame } from "../../src/rpc/codex/Transport.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { C, S, script, U, um } from "../support/Script.ts"
import { forkRequest, resumeRequest, server } from "../support/TestServer.ts"

const warning = (message: string): Notification => ({ method: "warning", params: { threadId: null, message } })
const short = (entry: Outbound): string => {
  if (entry._tag === "Response") return wholeFrame(entry.frame)
  if (entry._tag !== "Notification") return entry._tag
  const { notification } = entry
  return notification.method === "warning" ? notification.params.message : notification.method
}

/** Lets every fiber that can go on do so. */
const settle = Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })

const take = (connection: Connection) => Effect.map(connection.take, (entries) => entries.map(short))

describe("the outbox", () => {
  it.effect("makes producers wait when it is full, and lets them in first come first served", () =>
    Effect.gen(function* () {
      const connection = yield* NotificationDelivery.use((delivery) => delivery.connect({ capacity: 1 }))
      const producers = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (n) =>
        Effect.tap(Effect.forkChild(connection.respond(n, `${n}`)), () => settle)
      )
      const seen: Array<string> = []
      for (let n = 0; n < 6; n++) {
        assert.strictEqual(producers.filter((fiber) => fiber.pollUnsafe() !== undefined).length, n + 1)
        seen.push(...(yield* take(connection)))
        yield* settle
      }
      assert.deepStrictEqual(seen, ["0", "1", "2", "3", "4", "5"])
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("lets nobody in before those who wait", () =>
    Effect.gen(function* () {
      const connection = yield* NotificationDelivery.use((delivery) => delivery.connect({ capacity: 1 }))
      yield* connection.respond(0, "0")
      const waiter = yield* Effect.forkChild(connection.respond(1, "1"))
      yield* settle
      assert.deepStrictEqual(yield* take(connection), ["0"])
      // Before the one who waits had a turn to run.
      const late = yield* Effect.forkChild(connection.notify(warning("late")), { startImmediately: true })
      yield* settle
      assert.deepStrictEqual(yield* take(connection), ["1"])
      yield* Fiber.join(waiter)
      yield* settle
      assert.deepStrictEqual(yield* take(connection), ["late"])
      yield* Fiber.join(late)
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("never holds more than its capacity of what waits for room", () =>
    Effect.gen(function* () {
      const connection = yield* NotificationDelivery.use((delivery) => delivery.connect({ capacity: 3 }))
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => n),
        (n) => Effect.forkChild(connection.respond(n, `${n}`))
      )
      const seen: Array<string> = []
      while (seen.length < 21) {
        yield* settle
        const batch = yield* take(connection)
        assert.isAtMost(batch.length, 3)
        seen.push(...batch)
        // Somebody who comes in between waits as well.
        if (seen.length === 3) yield* Effect.forkChild(connection.notify(warning("late")), { startImmediately: true })
      }
      assert.deepStrictEqual(seen, [...Array.from({ length: 20 }, (_, n) => `${n}`), "late"])
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("a waiting producer that is interrupted leaves its place to the next", () =>
    Effect.gen(function* () {
      const connection = yield* NotificationDelivery.use((delivery) => delivery.connect({ capacity: 1 }))
      yield* connection.respond(0, "0")
      const first = yield* Effect.forkChild(connection.respond(1, "1"))
      yield* settle
      yield* Effect.forkChild(connection.respond(2, "2"))
      yield* settle
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(yield* take(connection), ["0"])
      yield* settle
      assert.deepStrictEqual(yield* take(connection), ["2"])
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("one that is interrupted just as room was made strands nobody", () =>
    Effect.gen(function* () {
      const connection = yield* NotificationDelivery.use((delivery) => delivery.connect({ capacity: 1 }))
      yield* connection.respond(0, "0")
      const first = yield* Effect.forkChild(connection.respond(1, "1"))
      yield* settle
      yield* Effect.forkChild(connection.respond(2, "2"))
      yield* settle
      assert.deepStrictEqual(yield* take(connection), ["0"])
      yield* Fiber.interrupt(first)
      const rest: Array<string> = []
      const taker = yield* Effect.forkChild(
        Effect.forever(Effect.map(connection.take, (entries) => void rest.push(...entries.map(short))))
      )
      yield* settle
      assert.strictEqual(rest.at(-1), "2")
      yield* Fiber.interrupt(taker)
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("a broadcast never waits: a client that overflows is closed, the others are not", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const slow = yield* delivery.connect({ capacity: 2, overflow: 4 })
      const quick = yield* delivery.connect()
      yield* slow.open({ optOut: new Set() })
      yield* quick.open({ optOut: new Set() })
      for (let n = 0; n < 10; n++) yield* delivery.broadcast(warning(`${n}`))
      assert.strictEqual(yield* slow.closed, "overflow")
      assert.deepStrictEqual(yield* take(slow), ["0", "1", "2", "3"])
      assert.strictEqual((yield* take(quick)).length, 10)
      const gone = yield* Effect.flip(slow.respond(1, "{}"))
      assert.strictEqual(gone._tag, "ConnectionClosed")
      yield* quick.respond(1, "still here")
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("closing frees the producers that wait", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const connection = yield* Scope.provide(
        NotificationDelivery.use((delivery) => delivery.connect({ capacity: 1 })),
        scope
      )
      yield* connection.respond(0, "0")
      const waiting = yield* Effect.forEach([1, 2, 3], (n) =>
        Effect.forkChild(Effect.flip(connection.respond(n, `${n}`)))
      )
      yield* settle
      yield* Scope.close(scope, Exit.void)
      for (const fiber of waiting) assert.strictEqual((yield* Fiber.join(fiber))._tag, "ConnectionClosed")
      yield* connection.notify(warning("dropped"))
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )

  it.effect("ending lets out what is queued, then ends", () =>
    Effect.gen(function* () {
      const connection = yield* NotificationDelivery.use((delivery) => delivery.connect())
      yield* connection.respond(0, "0")
      yield* connection.end
      assert.deepStrictEqual(yield* take(connection), ["0"])
      assert.isTrue(yield* Pull.catchDone(Effect.as(connection.take, false), () => Effect.succeed(true)))
      assert.strictEqual((yield* Effect.flip(connection.respond(1, "1")))._tag, "ConnectionClosed")
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )
})

const sources = [
  script([S("A1"), um("a"), U(150), C("A1")], { threadId: uuidAt(1, 0xa) }).build(),
  script([S("B1"), um("b"), U(250), C("B1")], { threadId: uuidAt(1, 0xb) }).build()
]
const total: ReadonlyMap<string, bigint> = new Map([
  [sources[0]?.threadId ?? "", 150n],
  [sources[1]?.threadId ?? "", 250n]
])

const Case = Schema.Struct({
  capacities: Schema.Tuple([Schema.Literals([1, 2, 5]), Schema.Literals([1, 2, 5]), Schema.Literals([1, 2, 5])]),
  /** How slowly each client takes, in turns of the scheduler. */
  slowness: Schema.Tuple([Schema.Literals([0, 1, 7]), Schema.Literals([0, 1, 7]), Schema.Literals([0, 1, 7])]),
  steps: Schema.Array(
    Schema.Struct({
      does: Schema.Literals(["resume", "fork", "publish", "broadcast"]),
      who: Schema.Literals([0, 1, 2]),
      thread: Schema.Literals([0, 1]),
      after: Schema.Literals([0, 1, 3, 9])
    })
  ).check(Schema.isMaxLength(24))
})

/** What a client saw, as facts that the rules are about. */
type Seen =
  | { readonly kind: "response"; readonly thread: string }
  | { readonly kind: "replay"; readonly thread: string; readonly total: bigint }
  | { readonly kind: "event"; readonly thread: string; readonly n: number }
  | { readonly kind: "broadcast"; readonly n: number }
  | { readonly kind: "started"; readonly thread: string }

/** Events are told from replays by their size: no restored total is that large. */
const EVENT = 1_000_000n

const seenOf = (entry: Outbound): Seen => {
  if (entry._tag === "Response") return { kind: "response", thread: wholeFrame(entry.frame) }
  if (entry._tag !== "Notification") throw new Error(`nobody sends a ${entry._tag}`)
  const { notification } = entry
  switch (notification.method) {
    case "thread/tokenUsage/updated": {
      const { threadId, tokenUsage } = notification.params
      const count = tokenUsage.total.totalTokens
      return count >= EVENT
        ? { kind: "event", thread: threadId, n: Number(count - EVENT) }
        : { kind: "replay", thread: threadId, total: count }
    }
    case "warning":
      return { kind: "broadcast", n: Number(notification.params.message) }
    case "thread/started":
      return { kind: "started", thread: notification.params.thread.id }
    default:
      throw new Error(`nobody sends ${notification.method}`)
  }
}

const event = (
  threadId: ThreadId,
  owner: Notification & { readonly method: "thread/tokenUsage/updated" },
  n: number
): Notification => ({
  ...owner,
  params: {
    ...owner.params,
    threadId,
    tokenUsage: {
      ...owner.params.tokenUsage,
      total: Object.assign({}, owner.params.tokenUsage.total, { totalTokens: EVENT + BigInt(n) })
    }
  }
})

/** Plays a case and returns what each client saw, and which threads each came to. */
const play = Effect.fnUntraced(function* (shape: typeof Case.Type) {
  const lifecycle = yield* ThreadLifecycle
  const delivery = yield* NotificationDelivery
  const clients = yield* Effect.forEach(shape.capacities, (capacity) =>
    Effect.tap(delivery.connect({ capacity }), (connection) => connection.open({ optOut: new Set() }))
  )
  const seen: ReadonlyArray<Array<Seen>> = clients.map(() => [])
  const came: ReadonlyArray<Array<string>> = clients.map(() => [])
  const ended = yield* Effect.forEach(clients, (connection, number) =>
    Effect.forkChild(
      Effect.gen(function* () {
        for (;;) {
          seen[number]?.push(...(yield* connection.take).map(seenOf))
          yield* Effect.replicateEffect(Effect.yieldNow, shape.slowness[number] ?? 0, { discard: true })
        }
      }).pipe(Pull.catchDone(() => Effect.void))
    )
  )

  // A first attachment gives a notification to make events of.
  const sample = yield* Effect.gen(function* () {
    const connection = yield* delivery.connect()
    const attached = yield* lifecycle.resume(
      connection,
      resumeRequest({ by: "id", threadId: sources[0]?.threadId ?? script([]).threadId })
    )
    yield* lifecycle.replay(yield* connection.respond(0, ""), attached)
    const entries = yield* connection.take
    const replay = entries.flatMap((entry) => (entry._tag === "Notification" ? [entry.notification] : []))[0]
    return replay?.method === "thread/tokenUsage/updated" ? replay : yield* Effect.die("no replay")
  }).pipe(Effect.scoped)

  yield* Effect.forEach(
    shape.steps,
    (step, n) =>
      Effect.gen(function* () {
        yield* Effect.replicateEffect(Effect.yieldNow, step.after, { discard: true })
        const threadId = sources[step.thread]?.threadId
        const connection = clients[step.who]
        if (threadId === undefined || connection === undefined) return
        if (step.does === "publish") return yield* delivery.publish(threadId, event(threadId, sample, n))
        if (step.does === "broadcast") return yield* delivery.broadcast(warning(`${n}`))
        const id = yield* Effect.scoped(
          Effect.gen(function* () {
            const attached =
              step.does === "fork"
                ? yield* lifecycle.fork(connection, forkRequest(threadId))
                : yield* lifecycle.resume(connection, resumeRequest({ by: "id", threadId }))
            const { thread } = attached.snapshot
            came[step.who]?.push(thread.id)
            const receipt = yield* connection.respond(n, thread.id)
            yield* lifecycle.follow(yield* lifecycle.replay(receipt, attached))
            return thread.id
          })
        )
        if (step.does === "fork") yield* delivery.publish(id, event(id, sample, n))
      }),
    { concurrency: "unbounded", discard: true }
  )
  yield* Effect.forEach(clients, (connection) => connection.end)
  yield* Effect.forEach(ended, Fiber.join)
  return { seen, came }
})

describe("whatever happens at once", () => {
  it.effect.prop(
    "each client sees response, replay, later events; and nobody else's replay",
    { shape: Case },
    ({ shape }) =>
      Effect.gen(function* () {
        const { came, seen } = yield* play(shape)
        const broadcasts = shape.steps.flatMap((step, n) => (step.does === "broadcast" ? [n] : [])).sort()
        const forked = new Map(
          shape.steps.map((step, n) => [n, step] as const).filter(([, step]) => step.does === "fork")
        )
        for (const [number, log] of seen.entries()) {
          const mine = came[number] ?? []
          const first = (kind: Seen["kind"], thread: string) =>
            log.findIndex((entry) => entry.kind === kind && "thread" in entry && entry.thread === thread)
          // One response and one replay for each time that it came, of the thread that it came to, with its figures.
          for (const kind of ["response", "replay"] as const) {
            const got = log.flatMap((entry) => (entry.kind === kind ? [entry.thread] : []))
            assert.deepStrictEqual(got.sort(), [...mine].sort())
          }
          for (const entry of log) {
            if (entry.kind === "replay") {
              assert.isTrue(
                total.has(entry.thread)
                  ? total.get(entry.thread) === entry.total
                  : entry.total === 150n || entry.total === 250n
              )
            }
          }
          // No replay before its response: at every point at most as many.
          const balance = new Map<string, number>()
          for (const entry of log) {
            if (entry.kind !== "response" && entry.kind !== "replay") continue
            const next = (balance.get(entry.thread) ?? 0) + (entry.kind === "response" ? 1 : -1)
            assert.isAtLeast(next, 0)
            balance.set(entry.thread, next)
          }
          // No event of a thread before the client's first replay of it, none twice, none of threads it did not come to.
          const events = log.flatMap((entry) => (entry.kind === "event" ? [`${entry.thread} ${entry.n}`] : []))
          assert.strictEqual(new Set(events).size, events.length)
          for (const [at, entry] of log.entries()) {
            if (entry.kind === "event") assert.isBelow(first("replay", entry.thread), at)
            if (entry.kind === "event") assert.include(mine, entry.thread)
            if (entry.kind === "started" && mine.includes(entry.thread)) {
              assert.isBelow(first("replay", entry.thread), at)
            }
          }
          // Who forked hears its fork's event; who did not, does not.
          for (const [n, step] of forked) {
            assert.strictEqual(
              log.filter((entry) => entry.kind === "event" && entry.n === n).length,
              step.who === number ? 1 : 0
            )
          }
          // Broadcasts reach everybody once, announcements too.
          assert.deepStrictEqual(
            log.flatMap((entry) => (entry.kind === "broadcast" ? [entry.n] : [])).sort(),
            broadcasts
          )
          assert.strictEqual(log.filter((entry) => entry.kind === "started").length, forked.size)
        }
      }).pipe(Effect.provide(server(sources), { local: true }), Effect.scoped)
  )

  it.effect("a slow client holds up nobody else", () =>
    Effect.gen(function* () {
      const lifecycle = yield* ThreadLifecycle
      const delivery = yield* NotificationDelivery
      const threadId = sources[0]?.threadId ?? script([]).threadId
      const stuck = yield* delivery.connect({ capacity: 1 })
      const done = yield* Deferred.make<void>()
      const hanging = yield* Effect.forkChild(
        Effect.gen(function* () {
          for (let n = 0; n < 5; n++) {
            const attached = yield* lifecycle.resume(stuck, resumeRequest({ by: "id", threadId }))
            yield* lifecycle.follow(yield* lifecycle.replay(yield* stuck.respond(n, "r"), attached))
          }
          yield* Deferred.done(done, Exit.void)
        })
      )
      yield* settle
      const quick = yield* delivery.connect()
      const attached = yield* lifecycle.resume(quick, resumeRequest({ by: "id", threadId }))
      yield* lifecycle.follow(yield* lifecycle.replay(yield* quick.respond(1, "response"), attached))
      assert.deepStrictEqual(yield* take(quick), ["response", "thread/tokenUsage/updated"])
      assert.isFalse(yield* Deferred.isDone(done))
      const seen: Array<string> = []
      while (seen.length < 10) {
        seen.push(...(yield* take(stuck)))
        yield* settle
      }
      yield* Fiber.join(hanging)
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? "r" : "thread/tokenUsage/updated"))
      )
    }).pipe(Effect.provide(server(sources)))
  )
})
