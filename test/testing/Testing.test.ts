/**
 * The server in one line, with any part replaced in one line.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option } from "effect"
import { TestClock } from "effect/testing"
import * as ScriptedAgent from "../../src/layers/scripted/ScriptedAgent.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import { ThreadCommands } from "../../src/services/ThreadCommands.ts"
import { InvalidRequest } from "../../src/services/ThreadError.ts"
import { Threads } from "../../src/services/Threads.ts"
import { following } from "../../src/testing/ExpectOrder.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Testing from "../../src/testing/Testing.ts"

const saved = rollout().turn({ user: "hello", usage: true })
const threadId: string = saved.threadId

describe("a server for tests", () => {
  it.effect("serves its files to typed clients, with the same ids in every run", () => {
    const started = Effect.gen(function* () {
      const client = yield* Testing.codexClient()
      const { usage } = yield* client.resume(threadId)
      assert.strictEqual(Option.getOrThrow(usage).tokenUsage.total.totalTokens, 150n)
      return (yield* client.start()).thread.id
    }).pipe(Effect.scoped, Effect.provide(Testing.layer({ files: [saved] })))
    return Effect.gen(function* () {
      assert.strictEqual(yield* started, yield* started)
    })
  })

  it.effect("runs turns by a script, on the test's clock", () =>
    Effect.gen(function* () {
      const who = yield* Testing.client()
      yield* who.request("thread/resume", { threadId })
      const order = following(who)
      yield* order.expectReplayAfterResponse(threadId)
      yield* who.request("turn/start", { threadId, input: [{ type: "text", text: "go" }] })
      yield* who.told("item/agentMessage/delta")
      assert.isFalse((yield* who.frames).some(({ method }) => method === "turn/completed"))
      yield* TestClock.adjust("1 hour")
      yield* who.told("turn/completed")
      const [text = ""] = Array.from((yield* Testing.texts).values())
      assert.include(text, "one two")
    }).pipe(
      Effect.provide(
        Testing.layer({
          files: [saved],
          agent: ScriptedAgent.layer([
            [
              ...ScriptedAgent.message("m", ["one two"]).slice(0, 1),
              ScriptedAgent.pause("1 hour"),
              ...ScriptedAgent.message("m", [])
            ]
          ])
        })
      )
    )
  )
})

describe("a part replaced in one line", () => {
  const failure = new InvalidRequest({ field: "limit", detail: "the mock says no" })

  it.effect("the catalog", () =>
    Effect.gen(function* () {
      const who = yield* Testing.client()
      const refused = yield* Effect.flip(who.request("thread/list", {}))
      assert.include(refused.message, "the mock says no")
    }).pipe(
      Effect.provide(Testing.layer({ catalog: Testing.mock(ThreadCatalog, { list: () => Effect.fail(failure) }) }))
    )
  )

  it.effect("the commands that the wire calls, and the threads", () =>
    Effect.gen(function* () {
      const who = yield* Testing.client()
      const refused = yield* Effect.flip(who.request("thread/name/set", { threadId, name: "x" }))
      assert.include(refused.message, "the mock says no")
      const threads = yield* Threads
      assert.deepStrictEqual(yield* threads.loaded, [saved.threadId])
    }).pipe(
      Effect.provide(
        Testing.layer({
          commands: Testing.mock(ThreadCommands, { setName: () => Effect.fail(failure) }),
          threads: Testing.mock(Threads, { loaded: Effect.succeed([saved.threadId]) })
        })
      )
    )
  )

  it.effect("what a mock does not have dies, and says the service and the method", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      assert.strictEqual((yield* store.names).size, 0)
      const exit = yield* Effect.exit(store.locate(saved.threadId))
      assert.isTrue(Exit.isFailure(exit))
      const said = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      assert.include(said, "RolloutStore")
      assert.include(said, "locate")
    }).pipe(Effect.provide(Testing.layer({ store: Testing.mock(RolloutStore, { names: Effect.succeed(new Map()) }) })))
  )
})
