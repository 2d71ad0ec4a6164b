/** What is kept of a thread's events, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Outbound } from "../../src/services/Outbox.ts"
import * as ThreadLogs from "../../src/services/ThreadLogs.ts"

const threadId = ThreadId.make("01900000-0000-7000-8000-000000000001")
const other = ThreadId.make("01900000-0000-7000-8000-000000000002")

const delta = (text: string): Outbound => ({
  _tag: "Notification",
  emittedAtMs: 0,
  notification: {
    method: "item/agentMessage/delta",
    params: { threadId, turnId: TurnId.make("T1"), itemId: ItemId.make("m1"), delta: text }
  }
})
const textOf = (entry: Outbound) =>
  entry._tag === "Notification" && entry.notification.method === "item/agentMessage/delta"
    ? entry.notification.params.delta
    : assert.fail("not what was recorded")
const sequenceOf = (entry: Outbound) => (entry._tag === "Response" ? undefined : entry.sequence)

describe("a thread's log", () => {
  it.effect("numbers what is told of a thread that is followed, and of no other", () =>
    Effect.gen(function* () {
      const logs = yield* ThreadLogs.make({})
      const before = logs.position()
      assert.deepStrictEqual(logs.record(threadId, delta("a")), delta("a"))
      assert.isNull(logs.since(threadId, before))
      yield* logs.keep(threadId)
      assert.isNull(logs.since(threadId, before))
      const start = logs.position()
      const recorded = ["b", "c"].map((text) => logs.record(threadId, delta(text)))
      assert.deepStrictEqual(logs.record(other, delta("d")), delta("d"))
      assert.deepStrictEqual(recorded.map(sequenceOf), [start.sequence + 1, start.sequence + 2])
      assert.deepStrictEqual(logs.since(threadId, start), recorded)
      assert.deepStrictEqual(logs.since(threadId, logs.position()), [])
      assert.isNull(logs.since(threadId, { ...start, epoch: "another" }))
      assert.isNull(logs.since(threadId, { ...start, sequence: start.sequence + 3 }))
    }).pipe(Effect.scoped)
  )

  it.effect("lets go of the oldest by count and by text, and then does not know the way back to before them", () =>
    Effect.gen(function* () {
      const logs = yield* ThreadLogs.make({ maxEvents: 8, maxText: 1000 })
      yield* logs.keep(threadId)
      const start = logs.position()
      const places = Array.from({ length: 30 }, (_, n) => {
        logs.record(threadId, delta(`${n}`))
        return logs.position()
      })
      assert.isNull(logs.since(threadId, start))
      const known = places.map((place) => logs.since(threadId, place)?.map(textOf).join(" ") ?? null)
      const first = known.findIndex((rest) => rest !== null)
      assert.isAtLeast(first, 30 - 8 - 1)
      for (let n = first; n < 30; n++) {
        assert.strictEqual(known[n], Array.from({ length: 29 - n }, (_, m) => `${n + 1 + m}`).join(" "))
      }
      logs.record(threadId, delta("x".repeat(2000)))
      assert.deepStrictEqual(logs.since(threadId, logs.position()), [])
      assert.isNull(logs.since(threadId, places[29] ?? start))
    }).pipe(Effect.scoped)
  )

  it.effect("stays for a while after the last follower has left, and then begins anew", () =>
    Effect.gen(function* () {
      const logs = yield* ThreadLogs.make({ linger: "1 minute" })
      const scope = yield* Scope.make()
      yield* Scope.provide(logs.keep(threadId), scope)
      const start = logs.position()
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("59 seconds")
      logs.record(threadId, delta("a"))
      const again = yield* Scope.make()
      yield* Scope.provide(logs.keep(threadId), again)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(logs.since(threadId, start)?.length, 1)
      yield* Scope.close(again, Exit.void)
      yield* TestClock.adjust("1 minute")
      const last = logs.position()
      logs.record(threadId, delta("nobody counts this"))
      yield* logs.keep(threadId)
      assert.isNull(logs.since(threadId, last))
      assert.deepStrictEqual(logs.since(threadId, logs.position()), [])
    }).pipe(Effect.scoped)
  )
})
