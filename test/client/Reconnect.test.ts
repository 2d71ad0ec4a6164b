/** A connection that is lost: what fails, what waits, and how the threads come back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import { own } from "../../src/domain/Json.ts"
import { connected } from "./support/Connected.ts"
import { attached, named, restored, threadA, threadB, usage } from "./support/Frames.ts"
import * as Taking from "./support/Taking.ts"

const fork = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.forkScoped(effect, { startImmediately: true })

const everySecond = Schedule.spaced("1 second")

/** Lets what is under way come to where it has to wait. */
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })

describe("a client that reconnects", () => {
  it.effect("tries when the schedule says so, and repeats no call", () =>
    Effect.gen(function* () {
      const { client, peer, server } = yield* connected({ reconnect: everySecond })
      const flying = yield* fork(Effect.flip(client.request("turn/start", { threadId: threadA, input: [] })))
      yield* peer.asked("turn/start")
      server.away(true)
      yield* peer.cut
      assert.deepInclude(yield* Fiber.join(flying), { _tag: "ConnectionLost", reason: "ended" })
      const waiting = yield* fork(client.request("thread/loaded/list", {}))
      yield* settle
      assert.strictEqual(server.tries(), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(server.tries(), 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(server.tries(), 3)
      server.away(false)
      yield* TestClock.adjust("1 second")
      const next = yield* server.accept
      yield* next.greet
      yield* next.send({ id: yield* next.asked("thread/loaded/list"), result: { data: [], nextCursor: null } })
      assert.deepStrictEqual((yield* Fiber.join(waiting)).data, [])
    })
  )

  it.effect("resumes its threads, and tells each where it stands now", () =>
    Effect.gen(function* () {
      const { client, peer, server } = yield* connected({ reconnect: Schedule.recurs(3) })
      const coming = yield* fork(client.resume(threadA, { model: "m", excludeTurns: true }))
      yield* peer.send(
        { id: yield* peer.asked("thread/resume"), result: attached(threadA, restored("t1", 1)) },
        usage(threadA, "t1", 1),
        named(threadA, "before")
      )
      const attachment = yield* Fiber.join(coming)
      yield* peer.cut
      yield* settle
      yield* fork(client.request("thread/loaded/list", {}))
      const next = yield* server.accept
      yield* next.greet
      // The thread comes first, then who waited.
      const frame = yield* next.next
      assert.deepStrictEqual(own(frame, "params"), { threadId: threadA, model: "m", excludeTurns: true })
      yield* next.asked("thread/loaded/list")
      yield* next.send(
        named(threadA, "missed"),
        { id: own(frame, "id"), result: attached(threadA, restored("t2", 5)) },
        usage(threadA, "t2", 5),
        named(threadA, "after")
      )
      const taken = yield* Taking.from(attachment.events)
      const events = yield* taken.take(5)
      assert.deepStrictEqual(
        events.map((event) => event._tag),
        ["UsageReplayed", "Notified", "Reattached", "UsageReplayed", "Notified"]
      )
      const again = events[2]
      const now = again?._tag === "Reattached" ? Option.getOrNull(again.usage) : null
      assert.strictEqual(now?.tokenUsage.total.totalTokens, 5n)
    })
  )

  it.effect("resumes what it started or forked, under the same settings", () =>
    Effect.gen(function* () {
      const { client, peer, server } = yield* connected({ reconnect: Schedule.recurs(3) })
      const coming = yield* fork(
        client.fork(threadA, { cwd: "/work", ephemeral: false, threadSource: "x", approvalPolicy: "never" })
      )
      yield* peer.send({ id: yield* peer.asked("thread/fork"), result: attached(threadB, null) })
      const attachment = yield* Fiber.join(coming)
      yield* peer.cut
      const next = yield* server.accept
      yield* next.greet
      const frame = yield* next.next
      assert.strictEqual(own(frame, "method"), "thread/resume")
      assert.deepStrictEqual(own(frame, "params"), { threadId: threadB, cwd: "/work", approvalPolicy: "never" })
      yield* next.send({ id: own(frame, "id"), error: { code: -32600, message: "no rollout found" } })
      const { failure } = yield* Effect.flatMap(Taking.from(attachment.events), (taken) => taken.rest)
      assert.deepInclude(failure, { _tag: "RequestRefused", message: "no rollout found" })
    })
  )

  it.effect("that loses the next connection too, before its threads are back, tries again", () =>
    Effect.gen(function* () {
      const { client, peer, server } = yield* connected({ reconnect: Schedule.recurs(3) })
      const coming = yield* fork(client.resume(threadA))
      yield* peer.send({ id: yield* peer.asked("thread/resume"), result: attached(threadA, null) })
      const attachment = yield* Fiber.join(coming)
      yield* peer.cut
      const second = yield* server.accept
      yield* second.asked("initialize")
      yield* second.cut
      const third = yield* server.accept
      yield* third.greet
      yield* third.asked("thread/resume")
      yield* third.cut
      const fourth = yield* server.accept
      yield* fourth.greet
      yield* fourth.send({ id: yield* fourth.asked("thread/resume"), result: attached(threadA, null) })
      const taken = yield* Taking.from(attachment.events)
      assert.deepStrictEqual(
        (yield* taken.take(1)).map(({ _tag }) => _tag),
        ["Reattached"]
      )
    })
  )

  it.effect("unsubscribes from a thread that was left while it was resumed", () =>
    Effect.gen(function* () {
      const { client, peer, server } = yield* connected({ reconnect: Schedule.recurs(3) })
      const scope = yield* Scope.make()
      const coming = yield* fork(Scope.provide(client.resume(threadA), scope))
      yield* peer.send({ id: yield* peer.asked("thread/resume"), result: attached(threadA, null) })
      yield* Fiber.join(coming)
      yield* peer.cut
      const next = yield* server.accept
      yield* next.greet
      const id = yield* next.asked("thread/resume")
      yield* Scope.close(scope, Exit.void)
      yield* next.send({ id, result: attached(threadA, null) })
      assert.deepInclude(yield* next.next, { method: "thread/unsubscribe", params: { threadId: threadA } })
    })
  )

  it.effect("gives up with the schedule: calls and events fail, nothing waits", () =>
    Effect.gen(function* () {
      const { client, peer, server } = yield* connected({ reconnect: Schedule.recurs(2) })
      const coming = yield* fork(client.resume(threadA))
      yield* peer.send({ id: yield* peer.asked("thread/resume"), result: attached(threadA, null) })
      const attachment = yield* Fiber.join(coming)
      server.away(true)
      yield* peer.cut
      const waiting = yield* fork(Effect.flip(client.request("thread/loaded/list", {})))
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "ConnectionLost")
      assert.strictEqual((yield* client.lost).reason, "ended")
      assert.strictEqual(server.tries(), 3)
      const { failure } = yield* Effect.flatMap(Taking.from(attachment.events), (taken) => taken.rest)
      assert.strictEqual(failure?._tag, "ConnectionLost")
    })
  )

  it.effect("gives up at once on a server that came back as another", () =>
    Effect.gen(function* () {
      const { client, peer, server } = yield* connected({ reconnect: everySecond })
      yield* peer.cut
      yield* TestClock.adjust("1 second")
      const next = yield* server.accept
      yield* next.send({
        id: yield* next.asked("initialize"),
        result: { userAgent: "rethread-client/0.100.0 (x)", codexHome: "/", platformFamily: "", platformOs: "" }
      })
      assert.strictEqual((yield* client.lost).reason, "ended")
      yield* next.left
    })
  )
})
