/**
 * Faults strike where they are told to, with the errors of what they strike, and nowhere else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryRolloutStore from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as ScriptedAgent from "../../src/layers/scripted/ScriptedAgent.ts"
import { make as makeClient } from "../../src/rpc/client/CodexClient.ts"
import * as InProcessWire from "../../src/rpc/client/InProcessWire.ts"
import { Agent } from "../../src/services/Agent.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ThreadNotFound } from "../../src/services/ThreadError.ts"
import * as Faults from "../../src/testing/Faults.ts"
import { passing } from "../../src/testing/PassingTime.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Testing from "../../src/testing/Testing.ts"
import { runTurn, said, turnInput } from "../../src/testing/TurnInputs.ts"

const saved = rollout().turn({ user: "hello", usage: true })
const threadId = saved.threadId

const over = (...faults: ReadonlyArray<Faults.StoreFault>) =>
  Faults.store(...faults).pipe(Layer.provideMerge(MemoryRolloutStore.layerWith([saved.build()])))

const textOf = Effect.gen(function* () {
  const store = yield* RolloutStore
  const ref = yield* store.locate(threadId)
  const chunks = yield* Stream.runCollect(store.read(ref))
  return chunks.map((chunk) => new TextDecoder().decode(chunk)).join("")
})

describe("faults of the store", () => {
  it.effect("hit the n-th call, so many times", () =>
    Effect.gen(function* () {
      const tries = yield* Effect.replicateEffect(Effect.exit(textOf), 5)
      assert.deepStrictEqual(tries.map(Exit.isSuccess), [true, false, false, true, true])
    }).pipe(Effect.provide(over({ on: "read", nth: 2, times: 2, fail: "failed" })))
  )

  it.effect("have the errors of the operation, by name or as they are", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      assert.strictEqual((yield* Effect.flip(store.locate(threadId)))._tag, "ThreadArchived")
      const ref = yield* store.locate(threadId)
      assert.strictEqual((yield* Effect.flip(Effect.scoped(store.writer(ref))))._tag, "RolloutBusy")
      assert.strictEqual((yield* Effect.flip(store.archive(threadId)))._tag, "ThreadNotFound")
      assert.strictEqual((yield* Effect.flip(store.resolve(ref.path)))._tag, "PathRefused")
      assert.strictEqual((yield* Effect.flip(store.survey({ archived: false })))._tag, "RolloutStoreError")
      assert.strictEqual(
        (yield* Effect.flip(Stream.runDrain(store.list({ archived: false }))))._tag,
        "RolloutStoreError"
      )
      const own = yield* Effect.flip(store.stat(ref))
      assert.deepInclude(own, { _tag: "ThreadNotFound", threadId })
      const full = yield* Effect.flip(store.create({ threadId, createdAt: 1 }, Stream.empty))
      assert.include(full.message, "diskFull")
    }).pipe(
      Effect.provide(
        over(
          { on: "locate", fail: "archived" },
          { on: "writer", fail: "busy" },
          { on: "archive", fail: "gone" },
          { on: "resolve", fail: "refused" },
          { on: "survey", fail: "failed" },
          { on: "list", fail: "failed" },
          { on: "create", fail: "diskFull" },
          { on: "stat", fail: new ThreadNotFound({ threadId }) }
        )
      )
    )
  )

  it.effect("tear what is read, and what is written", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* store.locate(threadId)
      let read = ""
      const error = yield* Effect.flip(
        Stream.runForEach(store.read(ref), (chunk) => Effect.sync(() => void (read += new TextDecoder().decode(chunk))))
      )
      assert.strictEqual(error._tag, "RolloutStoreError")
      assert.isTrue(read !== "" && saved.build().content.startsWith(read) && read !== saved.build().content)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const writer = yield* store.writer(ref)
          assert.strictEqual((yield* Effect.flip(writer.append(["a", "b"]))).reason, "diskFull")
          assert.strictEqual((yield* Effect.flip(writer.append(["c"]))).reason, "broken")
        })
      )
      assert.strictEqual(yield* textOf, `${saved.build().content}a\n`)
    }).pipe(Effect.provide(over({ on: "read", fail: "torn" }, { on: "append", fail: "torn" })))
  )

  it.effect("take their time on the clock", () =>
    Effect.gen(function* () {
      const reading = yield* Effect.forkChild(textOf, { startImmediately: true })
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(reading.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(reading), saved.build().content)
    }).pipe(Effect.provide(over({ on: "read", fail: { slow: "1 minute" } })))
  )

  it.effect("reach the clients of a whole server", () =>
    Effect.gen(function* () {
      const who = yield* Testing.client()
      const refused = yield* Effect.flip(who.request("thread/resume", { threadId }))
      assert.strictEqual(refused._tag, "WireRefused")
      const { thread } = yield* who.request("thread/resume", { threadId })
      assert.deepInclude(thread, { id: threadId })
    }).pipe(Effect.provide(Testing.layer({ files: [saved], store: Faults.store({ on: "locate", fail: "gone" }) })))
  )
})

const twoWords = ScriptedAgent.layer(() => ScriptedAgent.message("m", ["one ", "two"]))
const faulty = (...faults: ReadonlyArray<Faults.AgentFault>) => Layer.provide(Faults.agent(...faults), twoWords)

describe("what cannot happen", () => {
  it("cannot be written down", () => {
    const faults: ReadonlyArray<Faults.StoreFault> = [
      // @ts-expect-error names are never busy
      { on: "names", fail: "busy" },
      // @ts-expect-error an append has its writer already
      { on: "append", fail: "busy" },
      // @ts-expect-error what is created appears whole or not at all
      { on: "create", fail: "torn" },
      { on: "create", fail: "diskFull" }
    ]
    assert.strictEqual(faults.length, 4)
  })
})

describe("faults of the agent", () => {
  it.effect("fail in place of an event, in the turn that is meant", () =>
    Effect.gen(function* () {
      assert.strictEqual(said((yield* runTurn(turnInput("a"))).events), "one two|")
      const second = yield* runTurn(turnInput("b"))
      assert.strictEqual(said(second.events), "one ")
      assert.strictEqual(Exit.isFailure(second.exit) && Cause.hasFails(second.exit.cause), true)
      assert.strictEqual(said((yield* runTurn(turnInput("c"))).events), "one two|")
    }).pipe(Effect.provide(faulty({ turn: 2, nth: 2, fail: "serverOverloaded" })))
  )

  it.effect("die, end early, and are slow", () =>
    Effect.gen(function* () {
      const died = yield* runTurn(turnInput("a"))
      assert.isTrue(Exit.isFailure(died.exit) && Cause.hasDies(died.exit.cause))
      assert.strictEqual(said((yield* runTurn(turnInput("b"))).events), "one two")
      const slow = yield* Effect.forkChild(runTurn(turnInput("c")), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(slow.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(said((yield* Fiber.join(slow)).events), "one two|")
    }).pipe(
      Effect.provide(faulty({ fail: "die" }, { turn: 2, nth: 3, fail: "end" }, { turn: 3, fail: { slow: "1 second" } }))
    )
  )

  it.effect("hang until they are interrupted", () =>
    Effect.gen(function* () {
      const agent = yield* Agent
      let told = 0
      const turn = yield* Effect.forkChild(
        Stream.runForEach(agent.run(turnInput("a")), () => Effect.sync(() => void told++)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual([told, turn.pollUnsafe()], [1, undefined])
      yield* Fiber.interrupt(turn)
    }).pipe(Effect.provide(faulty({ nth: 2, fail: "hang" })))
  )
})

describe("faults of the wire", () => {
  const lost = (fault: Faults.WireFault) =>
    Effect.gen(function* () {
      const client = yield* Testing.codexClient()
      const error = yield* Effect.flip(client.request("thread/loaded/list", {}))
      yield* client.lost
      return error
    }).pipe(Effect.scoped, Effect.provide(Testing.layer({ wire: Faults.server(fault) })))

  it.effect("break the connection behind a frame, and in the middle of one", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* lost({ disconnectAfter: 1 }))._tag, "ConnectionLost")
      assert.strictEqual((yield* lost({ tornFrame: 2 }))._tag, "ConnectionLost")
    })
  )

  it.effect("slow the reader down, and lose nothing", () =>
    Effect.gen(function* () {
      const asked = Effect.flatMap(Testing.codexClient(), (client) => client.request("thread/loaded/list", {}))
      assert.deepStrictEqual((yield* passing(asked)).data, [])
      assert.isAtLeast(yield* Clock.currentTimeMillis, 10_000)
    }).pipe(Effect.scoped, Effect.provide(Testing.layer({ wire: Faults.server({ slow: "5 seconds" }) })))
  )

  it.effect("on the client's side too, in one connection of several", () =>
    Effect.gen(function* () {
      const connect = Effect.result(
        Effect.flatMap(makeClient({}), (client) => client.request("thread/loaded/list", {}))
      )
      const [first, second] = yield* Effect.all([connect, connect])
      assert.deepStrictEqual([first._tag, second._tag], ["Failure", "Success"])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Faults.connector({ disconnectAfter: 1, connection: 1 }).pipe(
          Layer.provide(InProcessWire.layer),
          Layer.provideMerge(Testing.layer())
        )
      )
    )
  )
})
