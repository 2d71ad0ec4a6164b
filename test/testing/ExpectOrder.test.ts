/**
 * Expectations of order and scope: they hold where the server keeps its rules, and say what was recorded where not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import {
  expectOnly,
  expectReplayAfterResponse,
  expectSequence,
  expectUntold,
  following,
  type Recorded,
  type Recorder
} from "../../src/testing/ExpectOrder.ts"
import { connect } from "../../src/testing/RecordingConnection.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Testing from "../../src/testing/Testing.ts"

const usage = "thread/tokenUsage/updated"
const saved = rollout().turn({ user: "hello", usage: true })
const threadId: string = saved.threadId

const response: Recorded = { kind: "response", name: "response", threadId, text: `{"result":"…"}` }
const told = (name: string, about = threadId): Recorded => ({ kind: "notification", name, threadId: about, text: name })
const recorder = (...entries: ReadonlyArray<Recorded>): Recorder<never> => ({
  name: "the client",
  recorded: Effect.succeed(entries)
})

describe("what holds", () => {
  it.effect("on the wire: the replay comes directly behind the response, to the requester only", () =>
    Effect.gen(function* () {
      const one = yield* Testing.client({ name: "one" })
      const two = yield* Testing.client({ name: "two" })
      yield* one.request("thread/resume", { threadId })
      yield* expectReplayAfterResponse(one, threadId)
      yield* expectOnly(one, { threadId, name: usage, others: [two] })
      const order = following(one)
      yield* order.expectReplayAfterResponse(threadId)
      yield* order.expectNothingElse
      yield* expectSequence(one, ["response", usage])
    }).pipe(Effect.provide(Testing.layer({ files: [saved] })))
  )

  it.effect("on a connection of the services", () =>
    Effect.gen(function* () {
      const who = yield* connect({ name: "who" })
      const other = yield* connect()
      const delivery = yield* NotificationDelivery
      yield* who.respond(1, JSON.stringify({ id: 1, result: { thread: { id: threadId } } }))
      yield* delivery.broadcast({ method: "thread/closed", params: { threadId: saved.threadId } })
      const order = following(who)
      assert.strictEqual((yield* order.expectNext("response")).threadId, threadId)
      assert.strictEqual((yield* order.expectNext("thread/closed")).kind, "notification")
      yield* order.expectNothingElse
      yield* expectSequence(other, ["thread/closed"])
    }).pipe(Effect.provide(NotificationDelivery.layer))
  )
})

describe("what does not hold", () => {
  const other = "another"
  it.effect.each([
    ["nothing came", recorder(), "no response gave thread"],
    ["no replay", recorder(response), "directly behind response 1"],
    ["something between", recorder(response, told("thread/closed"), told(usage)), "directly behind response 1"],
    ["the replay of another thread", recorder(response, told(usage, other)), "directly behind response 1"],
    ["two replays", recorder(response, told(usage), told(usage)), "replayed twice"],
    ["a replay too early", recorder(told(usage), response, told(usage)), "before the response"]
  ] as const)("is said with all that was recorded: %s", ([, from, why]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(expectReplayAfterResponse(from, threadId))
      assert.strictEqual(error._tag, "ExpectationFailed")
      assert.include(error.message, why)
      const all = yield* from.recorded
      assert.strictEqual(error.recorded.length, all.length)
      for (const line of error.recorded) assert.include(error.message, line)
    })
  )

  it.effect("more than was expected, other things, and things for others", () =>
    Effect.gen(function* () {
      const full = recorder(response, told(usage), told("thread/closed"))
      const order = following(full)
      yield* order.expectReplayAfterResponse(threadId)
      assert.include((yield* Effect.flip(order.expectNothingElse)).message, "thread/closed")
      assert.include((yield* Effect.flip(order.expectNext("turn/started"))).message, "entry 3")
      assert.include((yield* Effect.flip(expectSequence(full, ["response"]))).message, "another order")
      assert.include((yield* Effect.flip(expectUntold(threadId, full))).message, "was told of thread")
      const options = { threadId, name: usage, others: [recorder(told(usage))] }
      assert.include((yield* Effect.flip(expectOnly(full, options))).message, "for the client only")
      assert.include((yield* Effect.flip(expectOnly(recorder(), options))).message, `no ${usage}`)
    })
  )
})
