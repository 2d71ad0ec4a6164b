/**
 * Resume and fork, tested without disk, network or time: layers are swapped, and `TestClock` says how late it is.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Rethread from "rethread"
import { AgentSuite, Conformance, RecordingConnection, RolloutBuilder, Testing } from "rethread/testing"
import { CountingAgent } from "../src/Agent.ts"

const saved = RolloutBuilder.rollout().turn({ user: "Hello", usage: true }).turn({ user: "Again", usage: true }).build()

/** Every service, over memory; the agent is the project's own. */
const Server = Testing.layer({ files: [saved], agent: CountingAgent })

/** Comes to the thread as a client does: the request, the response, the replay, and then what happens. */
const attach = Effect.fnUntraced(function* (how: "resume" | "fork") {
  const lifecycle = yield* Rethread.ThreadLifecycle
  const client = yield* RecordingConnection.connect()
  const which = { by: "id", threadId: saved.threadId } as const
  const request = { overrides: {}, originator: "outside" }
  const fork = { ...request, source: which, until: null, ephemeral: false, threadSource: null }
  const come = Effect.gen(function* () {
    const attached =
      how === "resume"
        ? yield* lifecycle.resume(client.connection, { ...request, target: which })
        : yield* lifecycle.fork(client.connection, fork)
    yield* lifecycle.follow(yield* lifecycle.replay(yield* client.respond(), attached))
    return attached.snapshot.thread
  })
  // Events of the thread wait until the request's own scope ends.
  return { client, thread: yield* Effect.scoped(come) }
})

it.effect("a resumed thread comes with what it had spent, right behind the response", () =>
  Effect.gen(function* () {
    const { client, thread } = yield* attach("resume")
    yield* client.settled
    assert.strictEqual(thread.turns.length, 2)
    assert.deepStrictEqual(yield* client.sequence, ["response", "thread/tokenUsage/updated"])
    const [usage] = yield* client.params("thread/tokenUsage/updated")
    assert.strictEqual(usage?.turnId, thread.turns[1]?.id)
  }).pipe(Effect.scoped, Effect.provide(Server))
)

it.effect("a fork is a thread of its own, made now, that inherits the usage", () =>
  Effect.gen(function* () {
    const { client, thread } = yield* attach("fork")
    yield* client.settled
    assert.notStrictEqual(thread.id, saved.threadId)
    assert.strictEqual(thread.forkedFromId, saved.threadId)
    assert.strictEqual(thread.createdAt, Date.UTC(2026, 4, 1) / 1000)
    assert.deepStrictEqual(yield* client.sequence, ["response", "thread/tokenUsage/updated", "thread/started"])
  }).pipe(
    Effect.scoped,
    Effect.provide(Server),
    // The time is set before the server is built: what repeats in it would run for all the years in between.
    (test) => Effect.andThen(TestClock.setTime(Date.UTC(2026, 4, 1)), test)
  )
)

it.effect("the agent answers, and what it spent is added up", () =>
  Effect.gen(function* () {
    const { client, thread } = yield* attach("resume")
    const commands = yield* Rethread.ThreadCommands
    const input = [{ type: "text", text: "one two three", text_elements: [] }] as const
    yield* commands.startTurn({ threadId: thread.id, input, clientMessageId: null, overrides: {} })
    const { delta } = yield* client.notification("item/agentMessage/delta")
    assert.strictEqual(delta, "3 words")
    const restored = yield* client.notification("thread/tokenUsage/updated", 1)
    const live = yield* client.notification("thread/tokenUsage/updated", 2)
    const spent = live.tokenUsage.total.totalTokens - restored.tokenUsage.total.totalTokens
    assert.strictEqual(spent, live.tokenUsage.last.totalTokens)
  }).pipe(Effect.scoped, Effect.provide(Server))
)

it.effect("a thread that nobody listens to is put away after half an hour", () =>
  Effect.gen(function* () {
    const threads = yield* Rethread.Threads
    yield* Effect.scoped(attach("resume"))
    assert.deepStrictEqual(yield* threads.loaded, [saved.threadId])
    yield* TestClock.adjust("32 minutes")
    assert.deepStrictEqual(yield* threads.loaded, [])
  }).pipe(Effect.provide(Server))
)

// What every agent must do. This one only speaks.
Conformance.register(it, AgentSuite.agentSuite, {
  layer: CountingAgent,
  missing: ["reasoning", "calls", "plan", "steering"]
})
