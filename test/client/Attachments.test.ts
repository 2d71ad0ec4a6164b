/** Coming to threads: the usage that is restored, the replay told apart from new usage, and every event once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { own } from "../../src/domain/Json.ts"
import type { Attachment } from "../../src/rpc/client/Attachment.ts"
import type { CodexClient } from "../../src/rpc/client/CodexClient.ts"
import type { ThreadEvent } from "../../src/rpc/client/ThreadEvent.ts"
import { connected } from "./support/Connected.ts"
import type { FakePeer } from "./support/FakeServer.ts"
import { attached, delta, named, restored, threadA, threadB, usage } from "./support/Frames.ts"
import * as Taking from "./support/Taking.ts"

type Client = CodexClient["Service"]

const fork = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.forkScoped(effect, { startImmediately: true })

/** Resumes a thread; the server answers, and says what follows in the same breath. */
const resume = Effect.fnUntraced(function* (
  client: Client,
  peer: FakePeer,
  threadId: string,
  result: unknown,
  ...then: ReadonlyArray<unknown>
) {
  const coming = yield* fork(client.resume(threadId))
  yield* peer.send({ id: yield* peer.asked("thread/resume"), result }, ...then)
  return yield* Fiber.join(coming)
})

const total = (attachment: Attachment): bigint | null =>
  Option.match(attachment.usage, { onNone: () => null, onSome: ({ tokenUsage }) => tokenUsage.total.totalTokens })

/** An event in a word. */
const word = (event: ThreadEvent): string => {
  switch (event._tag) {
    case "UsageReplayed":
    case "UsageUpdated":
      return `${event._tag} ${event.tokenUsage.total.totalTokens} of ${event.turnId}`
    case "Notified":
      return event.notification.method === "thread/name/updated"
        ? `named ${event.notification.params.threadName}`
        : event.notification.method
    case "Reattached":
      return "Reattached"
    case "Unrecognized":
      return `? ${event.method}`
  }
}

const words = Effect.fnUntraced(function* (attachment: Attachment, count: number) {
  const taken = yield* Taking.from(attachment.events)
  return (yield* taken.take(count)).map(word)
})

const turnStarted = (threadId: string, id: string) => ({
  method: "turn/started",
  params: { threadId, turn: { id, items: [], status: "inProgress", error: null } }
})

describe("an attachment to Rethread", () => {
  it.effect("has the restored usage from the answer; the replay and new usage differ in their type", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const attachment = yield* resume(
        client,
        peer,
        threadA,
        attached(threadA, restored("t1", 150)),
        usage(threadA, "t1", 150),
        turnStarted(threadA, "t2"),
        usage(threadA, "t2", 250)
      )
      assert.strictEqual(total(attachment), 150n)
      assert.strictEqual(attachment.thread.historyMode, "legacy")
      assert.deepStrictEqual(yield* words(attachment, 3), [
        "UsageReplayed 150 of t1",
        "turn/started",
        "UsageUpdated 250 of t2"
      ])
    })
  )

  it.effect("that restored nothing, or usage that no turn owns, takes no usage for a replay", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const a = yield* resume(client, peer, threadA, attached(threadA, null), usage(threadA, "t1", 5))
      assert.deepStrictEqual(a.usage, Option.none())
      assert.deepStrictEqual(yield* words(a, 1), ["UsageUpdated 5 of t1"])
      const b = yield* resume(client, peer, threadB, attached(threadB, restored(null, 9)), usage(threadB, "t1", 12))
      assert.strictEqual(total(b), 9n)
      assert.deepStrictEqual(yield* words(b, 1), ["UsageUpdated 12 of t1"])
    })
  )

  it.effect("takes no other turn's usage for the replay that it was told of", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const told = attached(threadA, restored("t1", 150))
      const attachment = yield* resume(client, peer, threadA, told, usage(threadA, "t2", 200))
      assert.deepStrictEqual(yield* words(attachment, 1), ["UsageUpdated 200 of t2"])
    })
  )

  it.effect("does not wait for a replay that it opted out of", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected({ optOut: ["thread/tokenUsage/updated"] })
      const attachment = yield* resume(client, peer, threadA, attached(threadA))
      assert.deepStrictEqual(attachment.usage, Option.none())
    })
  )
})

describe("an attachment to genuine Codex", () => {
  it.effect("has the restored usage from the replay, also under the id of the turn that runs", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const attachment = yield* resume(
        client,
        peer,
        threadA,
        attached(threadA),
        usage(threadA, "running", 150),
        delta(threadA, "x"),
        usage(threadA, "running", 250)
      )
      assert.strictEqual(total(attachment), 150n)
      assert.deepStrictEqual(yield* words(attachment, 3), [
        "UsageReplayed 150 of running",
        "item/agentMessage/delta",
        "UsageUpdated 250 of running"
      ])
    })
  )

  it.effect("finds the replay behind what belongs to no turn, and reads an empty turn id as none", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const attachment = yield* resume(
        client,
        peer,
        threadA,
        attached(threadA),
        { method: "warning", params: { threadId: threadA, message: "careful" } },
        named(threadA, "n"),
        { method: "thread/status/changed", params: { threadId: threadA, status: { type: "idle" } } },
        usage(threadA, "", 7)
      )
      assert.strictEqual(total(attachment), 7n)
      assert.deepStrictEqual((yield* words(attachment, 4)).at(-1), "UsageReplayed 7 of null")
    })
  )

  it.effect("takes no usage for a replay after an event of a turn", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const attachment = yield* resume(
        client,
        peer,
        threadA,
        attached(threadA),
        turnStarted(threadA, "t1"),
        usage(threadA, "t1", 150)
      )
      assert.deepStrictEqual(attachment.usage, Option.none())
      assert.deepStrictEqual(yield* words(attachment, 2), ["turn/started", "UsageUpdated 150 of t1"])
    })
  )

  it.effect("waits no longer once the server says what comes after a replay", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const attachment = yield* resume(client, peer, threadA, attached(threadA), {
        method: "thread/goal/cleared",
        params: { threadId: threadA }
      })
      assert.deepStrictEqual(attachment.usage, Option.none())
    })
  )

  it.effect("waits a moment for a replay that may not come; one that is late is still a replay", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected({ replayPatience: "2 seconds" })
      const coming = yield* fork(client.resume(threadA))
      yield* peer.send({ id: yield* peer.asked("thread/resume"), result: attached(threadA) })
      yield* TestClock.adjust("2 seconds")
      const attachment = yield* Fiber.join(coming)
      assert.deepStrictEqual(attachment.usage, Option.none())
      yield* peer.send(usage(threadA, "t1", 150))
      assert.deepStrictEqual(yield* words(attachment, 1), ["UsageReplayed 150 of t1"])
    })
  )

  it.effect("to a new thread expects no replay", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const coming = yield* fork(client.start({ cwd: "/x" }))
      const frame = yield* peer.next
      assert.deepStrictEqual(own(frame, "params"), { cwd: "/x" })
      yield* peer.send({ id: own(frame, "id"), result: attached(threadA) }, usage(threadA, "t1", 1))
      const attachment = yield* Fiber.join(coming)
      assert.deepStrictEqual(attachment.usage, Option.none())
      assert.deepStrictEqual(yield* words(attachment, 1), ["UsageUpdated 1 of t1"])
    })
  )

  it.effect("to a fork is told the replay, then that the thread has started", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const coming = yield* fork(client.fork(threadA))
      const { thread } = attached(threadB)
      yield* peer.send(
        { id: yield* peer.asked("thread/fork"), result: attached(threadB) },
        usage(threadB, "rollout-3", 150),
        { method: "thread/started", params: { thread } }
      )
      const attachment = yield* Fiber.join(coming)
      assert.strictEqual(total(attachment), 150n)
      assert.deepStrictEqual(yield* words(attachment, 2), ["UsageReplayed 150 of rollout-3", "thread/started"])
    })
  )
})

describe("the events of a thread", () => {
  it.effect("begin at the answer: what came before it is in the snapshot", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const coming = yield* fork(client.resume(threadA))
      const id = yield* peer.asked("thread/resume")
      yield* peer.send(
        named(threadA, "before"),
        { id, result: attached(threadA, null) },
        named(threadA, "after"),
        named(threadB, "another's")
      )
      yield* peer.send(named(threadA, "last"))
      assert.deepStrictEqual(yield* words(yield* Fiber.join(coming), 2), ["named after", "named last"])
    })
  )

  it.effect("go to each attachment of the thread; a replay only to the one that it answers", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const first = yield* resume(client, peer, threadA, attached(threadA), usage(threadA, "t1", 1))
      const second = yield* resume(client, peer, threadA, attached(threadA), usage(threadA, "t1", 1))
      yield* peer.send(named(threadA, "n"))
      assert.deepStrictEqual(yield* words(first, 2), ["UsageReplayed 1 of t1", "named n"])
      assert.deepStrictEqual(yield* words(second, 2), ["UsageReplayed 1 of t1", "named n"])
    })
  )

  it.effect("overflow for who does not read them, and hold up nobody else", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected({ capacity: 3 })
      const slow = yield* resume(client, peer, threadA, attached(threadA, null))
      const quick = yield* resume(client, peer, threadB, attached(threadB, null))
      yield* peer.send(...["1", "2", "3", "4", "5"].map((name) => named(threadA, name)), named(threadB, "b"))
      assert.deepStrictEqual(yield* words(quick, 1), ["named b"])
      const { failure, seen } = yield* Effect.flatMap(Taking.from(slow.events), (taken) => taken.rest)
      assert.deepStrictEqual(seen.map(word), ["named 1", "named 2", "named 3"])
      assert.deepInclude(failure, { _tag: "EventsOverflow", threadId: threadA, capacity: 3 })
      const frame = yield* peer.next
      assert.deepInclude(frame, { method: "thread/unsubscribe", params: { threadId: threadA } })
    })
  )

  it.effect("end with the loss, after everything that came before it", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const attachment = yield* resume(client, peer, threadA, attached(threadA, null), named(threadA, "n"))
      yield* peer.cut
      yield* client.lost
      const { failure, seen } = yield* Effect.flatMap(Taking.from(attachment.events), (taken) => taken.rest)
      assert.deepStrictEqual(seen.map(word), ["named n"])
      assert.deepInclude(failure, { _tag: "ConnectionLost", reason: "ended" })
    })
  )
})

describe("leaving a thread", () => {
  const within = Effect.fnUntraced(function* (client: Client, peer: FakePeer) {
    const scope = yield* Scope.make()
    const coming = yield* fork(Scope.provide(client.resume(threadA), scope))
    yield* peer.send({ id: yield* peer.asked("thread/resume"), result: attached(threadA, null) })
    return { attachment: yield* Fiber.join(coming), leave: Scope.close(scope, Exit.void) }
  })

  it.effect("ends the events; the last to leave unsubscribes, and who comes back waits for that", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const first = yield* within(client, peer)
      const second = yield* within(client, peer)
      yield* first.leave
      const { failure } = yield* Effect.flatMap(Taking.from(first.attachment.events), (taken) => taken.rest)
      assert.strictEqual(failure, null)
      assert.deepStrictEqual(yield* peer.unread, [])
      yield* second.leave
      const leaving = yield* peer.asked("thread/unsubscribe")
      const back = yield* fork(client.resume(threadA.toUpperCase()))
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* peer.unread, [])
      yield* peer.send({ id: leaving, result: { status: "unsubscribed" } })
      yield* peer.send({ id: yield* peer.asked("thread/resume"), result: attached(threadA, null) })
      yield* Fiber.join(back)
    })
  )

  it.effect("before the answer came unsubscribes when it comes", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const coming = yield* fork(client.resume(threadA))
      const id = yield* peer.asked("thread/resume")
      yield* Fiber.interrupt(coming)
      yield* peer.send({ id, result: attached(threadA, null) })
      assert.deepInclude(yield* peer.next, { method: "thread/unsubscribe", params: { threadId: threadA } })
    })
  )

  it.effect("while somebody comes waits for how that ends", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const first = yield* within(client, peer)
      const coming = yield* fork(Effect.flip(client.resume(threadA)))
      const id = yield* peer.asked("thread/resume")
      yield* first.leave
      assert.deepStrictEqual(yield* peer.unread, [])
      yield* peer.send({ id, error: { code: -32600, message: "not now" } })
      yield* Fiber.join(coming)
      assert.deepInclude(yield* peer.next, { method: "thread/unsubscribe", params: { threadId: threadA } })
    })
  )

  it.effect("is what a refused resume does", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const coming = yield* fork(Effect.flip(client.resume(threadA)))
      yield* peer.send({ id: yield* peer.asked("thread/resume"), error: { code: -32600, message: "no rollout found" } })
      assert.deepInclude(yield* Fiber.join(coming), { _tag: "RequestRefused", code: -32600, type: null })
      assert.deepStrictEqual(yield* peer.unread, [])
    })
  )
})
