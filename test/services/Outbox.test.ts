/**
 * A client's outbox: nothing is lost or overtakes what it must not, whatever is joined; and who is given up, when.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Notification } from "../../src/domain/Notification.ts"
import { wholeFrame } from "../../src/rpc/codex/Transport.ts"
import * as Outbox from "../../src/services/Outbox.ts"

const threads = ["a", "b"].map((name) => ThreadId.make(`019cb3a1-5e80-7f93-a1b7-2c4d6e8f0a0${name}`))
const place = (thread: number) => ({
  threadId: threads[thread] ?? assert.fail("no such thread"),
  turnId: TurnId.make("T")
})
const told = (notification: Notification): Outbox.Outbound => ({ _tag: "Notification", notification, emittedAtMs: 1 })
const text = (thread: number, item: string, delta: string) =>
  told({ method: "item/agentMessage/delta", params: { ...place(thread), itemId: ItemId.make(item), delta } })
const thought = (thread: number, summaryIndex: number, delta: string) =>
  told({
    method: "item/reasoning/summaryTextDelta",
    params: { ...place(thread), itemId: ItemId.make("r"), summaryIndex, delta }
  })
const event = (thread: number): Outbox.Outbound =>
  told({ method: "thread/closed", params: { threadId: place(thread).threadId } })
const response = (frame: string): Outbox.Outbound => ({ _tag: "Response", frame })

const Entry = Schema.Union([
  Schema.Struct({
    kind: Schema.Literals(["text"]),
    thread: Schema.Literals([0, 1]),
    item: Schema.Literals(["x", "y"])
  }),
  Schema.Struct({ kind: Schema.Literals(["thought"]), thread: Schema.Literals([0, 1]), part: Schema.Literals([0, 1]) }),
  Schema.Struct({ kind: Schema.Literals(["event"]), thread: Schema.Literals([0, 1]) }),
  Schema.Struct({ kind: Schema.Literals(["response", "take"]) })
])

/** What one thread's reader gets, texts written out letter by letter; a response is seen by all. */
const seenBy = (thread: number, entries: ReadonlyArray<Outbox.Outbound>): ReadonlyArray<string> =>
  entries.flatMap((entry) => {
    if (entry._tag === "Response") return [`response ${wholeFrame(entry.frame)}`]
    if (entry._tag === "Request") return []
    const { notification } = entry
    if (!("threadId" in notification.params) || notification.params.threadId !== threads[thread]) return []
    switch (notification.method) {
      case "item/agentMessage/delta":
        return Array.from(notification.params.delta, (letter) => `${notification.params.itemId} ${letter}`)
      case "item/reasoning/summaryTextDelta":
        return Array.from(notification.params.delta, (letter) => `${notification.params.summaryIndex} ${letter}`)
      default:
        return [notification.method]
    }
  })

describe("an outbox", () => {
  it.effect.prop(
    "gives each thread's reader everything in order, however much was joined",
    { steps: Schema.Array(Entry) },
    ({ steps }) =>
      Effect.gen(function* () {
        const outbox = yield* Outbox.make({ capacity: 2, overflow: 10_000 })
        const put: Array<Outbox.Outbound> = []
        const got: Array<Outbox.Outbound> = []
        for (const [n, step] of steps.entries()) {
          const letter = String.fromCharCode(97 + (n % 26))
          if (step.kind === "take") {
            if (outbox.size() > 0) got.push(...(yield* outbox.take))
            continue
          }
          const entry =
            step.kind === "text"
              ? text(step.thread, step.item, letter)
              : step.kind === "thought"
                ? thought(step.thread, step.part, letter)
                : step.kind === "event"
                  ? event(step.thread)
                  : response(`${n}`)
          put.push(entry)
          assert.isTrue(outbox.push(entry))
        }
        if (outbox.size() > 0) got.push(...(yield* outbox.take))
        for (const thread of [0, 1]) assert.deepStrictEqual(seenBy(thread, got), seenBy(thread, put))
        assert.isAtMost(got.length, put.length)
      }).pipe(Effect.scoped),
    { arbitrary: { size: 40 } }
  )

  it.effect("joins the texts of a client that has fallen behind, and of no other", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 4 })
      for (const letter of "abcdefgh") outbox.push(text(0, "x", letter))
      const entries = yield* outbox.take
      assert.deepStrictEqual(entries, [text(0, "x", "a"), text(0, "x", "bcdefgh")])
      outbox.push(text(0, "x", "i"))
      assert.deepStrictEqual(yield* outbox.take, [text(0, "x", "i")])
    }).pipe(Effect.scoped)
  )

  it.effect("is given up with one entry too many, and takes no more", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1, overflow: 3 })
      for (let n = 0; n < 3; n++) assert.isTrue(outbox.push(event(0)))
      assert.isTrue(Option.isNone(yield* Effect.option(Effect.timeout(outbox.givenUp, 0))))
      assert.isFalse(outbox.push(event(0)))
      yield* outbox.givenUp
      assert.isFalse(outbox.push(text(0, "x", "late")))
      assert.isFalse(yield* outbox.offer(response("late")))
    }).pipe(Effect.scoped)
  )

  it.effect("is given up when it has fallen behind and too much text waits, joined or not", () =>
    Effect.gen(function* () {
      for (const item of ["x", "y"]) {
        const outbox = yield* Outbox.make({ capacity: 2, maxText: 1000 })
        assert.isTrue(outbox.push(text(0, "x", "0".repeat(5000))))
        yield* outbox.take
        assert.isTrue(outbox.push(response("0".repeat(5000))))
        for (let n = 0; n < 4; n++) assert.isTrue(outbox.push(text(0, item, "0".repeat(100))))
        assert.isFalse(outbox.push(text(0, "x", "0".repeat(600))))
        yield* outbox.givenUp
      }
      const brisk = yield* Outbox.make({ maxText: 1000 })
      for (let n = 0; n < 3; n++) assert.isTrue(brisk.push(text(0, "x", "0".repeat(5000))))
    }).pipe(Effect.scoped)
  )

  it.effect("is given up when nothing is taken for too long, and lives as long as something is", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1, patience: "1 minute" })
      const gone = yield* Effect.forkChild(outbox.givenUp)
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(gone.pollUnsafe())
      for (let n = 0; n < 5; n++) {
        outbox.push(event(0))
        yield* TestClock.adjust("45 seconds")
        yield* outbox.take
      }
      assert.isUndefined(gone.pollUnsafe())
      outbox.push(event(0))
      const waiting = yield* Effect.forkChild(outbox.offer(response("late")))
      yield* TestClock.adjust("75 seconds")
      yield* Fiber.join(gone)
      assert.isFalse(yield* Fiber.join(waiting))
    }).pipe(Effect.scoped)
  )

  it.effect("ends what waits for room when it is closed", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      outbox.push(event(0))
      const waiting = yield* Effect.forkChild(outbox.offer(response("late")))
      yield* Effect.yieldNow
      yield* outbox.end
      assert.isFalse(yield* Fiber.join(waiting))
      assert.deepStrictEqual(yield* outbox.take, [event(0)])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(outbox.take)))
    }).pipe(Effect.scoped)
  )
})
