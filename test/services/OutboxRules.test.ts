/**
 * The bounds of an outbox, each at its edge: who waits for room, what is joined, what is too much and too long.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Notification } from "../../src/domain/Notification.ts"
import * as Outbox from "../../src/services/Outbox.ts"

const place = {
  threadId: ThreadId.make("00000000-0000-7000-8000-000000000001"),
  turnId: TurnId.make("T"),
  itemId: ItemId.make("x")
}
const told = (notification: Notification, sequence?: number): Outbox.Outbound => ({
  _tag: "Notification",
  notification,
  emittedAtMs: sequence ?? 1,
  ...(sequence === undefined ? {} : { sequence })
})
const text = (delta: string, sequence?: number) =>
  told({ method: "item/agentMessage/delta", params: { ...place, delta } }, sequence)
const closed = told({ method: "thread/closed", params: { threadId: place.threadId } })
const warning = told({ method: "warning", params: { threadId: null, message: "m" } })
const response = (frame: string): Outbox.Outbound => ({ _tag: "Response", frame })
const question: Outbox.Outbound = {
  _tag: "Request",
  request: {
    id: 1,
    question: {
      method: "item/tool/call",
      params: {
        threadId: place.threadId,
        turnId: place.turnId,
        callId: "c",
        namespace: null,
        tool: "t",
        arguments: null
      }
    }
  }
}

const isDone = (fiber: Fiber.Fiber<unknown>) => fiber.pollUnsafe() !== undefined
const settle = Effect.repeat(Effect.yieldNow, { times: 20 })
const pushAll = (outbox: Outbox.Outbox, entries: ReadonlyArray<Outbox.Outbound>) => {
  for (const entry of entries) assert.isTrue(outbox.push(entry))
}

describe("room", () => {
  it.effect("is what the capacity leaves, first come first served", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 2 })
      pushAll(outbox, [closed, closed])
      const offers: Array<Fiber.Fiber<boolean>> = []
      for (const frame of ["1", "2", "3"]) {
        offers.push(yield* Effect.forkChild(outbox.offer(response(frame))))
        yield* settle
      }
      assert.deepStrictEqual(offers.map(isDone), [false, false, false])
      assert.lengthOf(yield* outbox.take, 2)
      yield* settle
      assert.deepStrictEqual(offers.map(isDone), [true, true, false])
      assert.deepStrictEqual(yield* outbox.take, [response("1"), response("2")])
      yield* settle
      assert.deepStrictEqual(yield* outbox.take, [response("3")])
    }).pipe(Effect.scoped)
  )

  it.effect("is there for who does not have to wait, and not before those who do", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      assert.isTrue(yield* outbox.offer(response("1")))
      const second = yield* Effect.forkChild(outbox.offer(response("2")))
      yield* settle
      assert.isFalse(isDone(second))
      assert.strictEqual(outbox.size(), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is not kept for who has stopped waiting", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      pushAll(outbox, [closed])
      const first = yield* Effect.forkChild(outbox.offer(response("1")))
      yield* settle
      const second = yield* Effect.forkChild(outbox.offer(response("2")))
      yield* settle
      yield* Fiber.interrupt(first)
      yield* outbox.take
      yield* settle
      assert.isTrue(isDone(second))
      assert.deepStrictEqual(yield* outbox.take, [response("2")])
    }).pipe(Effect.scoped)
  )

  it.effect("is for all once it is lifted", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      pushAll(outbox, [closed])
      const first = yield* Effect.forkChild(outbox.offer(response("1")))
      const second = yield* Effect.forkChild(outbox.offer(response("2")))
      yield* settle
      yield* outbox.lift
      yield* settle
      assert.deepStrictEqual([first, second].map(isDone), [true, true])
      assert.isTrue(yield* outbox.offer(response("3")))
      assert.strictEqual(outbox.size(), 4)
    }).pipe(Effect.scoped)
  )
})

describe("texts", () => {
  it.effect("are joined from half the capacity on: 128 of 256, when nothing else is asked for", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make()
      for (let n = 0; n < 130; n++) outbox.push(text("a"))
      assert.strictEqual(outbox.size(), 128)
      assert.strictEqual(outbox.limit, 4096)
      assert.deepStrictEqual((yield* outbox.take).at(-1), text("aaa"))
      const odd = yield* Outbox.make({ capacity: 3 })
      for (let n = 0; n < 5; n++) odd.push(text("a"))
      assert.deepStrictEqual(yield* odd.take, [text("a"), text("aaaa")])
    }).pipe(Effect.scoped)
  )

  it.effect("are not joined over what stands between them", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      for (const between of [response("r"), question, closed]) {
        const entries = [text("a"), between, text("b")]
        pushAll(outbox, entries)
        assert.deepStrictEqual(yield* outbox.take, entries)
      }
      pushAll(outbox, [text("a"), warning, warning, text("b")])
      assert.deepStrictEqual(yield* outbox.take, [text("ab"), warning, warning])
    }).pipe(Effect.scoped)
  )

  it.effect("are not joined to what has been taken, or to what is no text", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      pushAll(outbox, [text("a")])
      yield* outbox.take
      pushAll(outbox, [response("r"), text("b")])
      assert.deepStrictEqual(yield* outbox.take, [response("r"), text("b")])
      assert.strictEqual(Outbox.join(undefined, text("a")), null)
      assert.strictEqual(Outbox.join(response("r"), text("a")), null)
      assert.strictEqual(Outbox.join(text("a"), response("r")), null)
    }).pipe(Effect.scoped)
  )

  it.effect("joined have the number and the time of the last", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      pushAll(outbox, [text("a", 7), text("b", 8)])
      assert.deepStrictEqual(yield* outbox.take, [text("ab", 8)])
    }).pipe(Effect.scoped)
  )

  it("are measured in characters, those of answers not", () => {
    const bare = Outbox.textOf(text(""))
    assert.strictEqual(Outbox.textOf(text("abc")), bare + 3)
    assert.strictEqual(Outbox.textOf(response("abc")), 0)
    const asked = Outbox.textOf(question)
    assert.isAbove(asked, 0)
    assert.strictEqual(Outbox.textOf(question), asked)
  })
})

describe("too much", () => {
  it.effect("is one entry beyond the limit, which is never below the capacity", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 4, overflow: 2 })
      assert.strictEqual(outbox.limit, 4)
      pushAll(outbox, [closed, closed, closed, closed])
      assert.isFalse(outbox.push(closed))
      yield* outbox.givenUp
    }).pipe(Effect.scoped)
  )

  it.effect("is one character more than may wait, of a client that has fallen behind", () =>
    Effect.gen(function* () {
      const size = Outbox.textOf(text("1234567890"))
      for (const [maxText, fits] of [
        [2 * size, true],
        [2 * size - 1, false]
      ] as const) {
        const outbox = yield* Outbox.make({ capacity: 2, maxText })
        assert.isTrue(outbox.push(text("1234567890")))
        assert.strictEqual(outbox.push(text("1234567890")), fits)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("counts what was joined, and forgets what was taken", () =>
    Effect.gen(function* () {
      const size = Outbox.textOf(text("1234567890"))
      const outbox = yield* Outbox.make({ capacity: 2, maxText: 3 * size })
      for (let round = 0; round < 3; round++) {
        pushAll(outbox, [text("1234567890"), text("1234567890"), text("1234567890")])
        assert.lengthOf(yield* outbox.take, 1)
      }
      pushAll(outbox, [text("1234567890"), text("1234567890"), text("1234567890")])
      assert.isFalse(outbox.push(text("1234567890")))
    }).pipe(Effect.scoped)
  )
})

describe("patience", () => {
  it.effect("ends when it is over and not before, though nobody says anything", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ patience: "1 minute" })
      const gone = yield* Effect.forkChild(outbox.givenUp)
      yield* settle
      pushAll(outbox, [closed])
      yield* TestClock.adjust("59 seconds")
      assert.isFalse(isDone(gone))
      yield* TestClock.adjust("1 second")
      assert.isTrue(isDone(gone))
      assert.isFalse(outbox.push(closed))
    }).pipe(Effect.scoped)
  )

  it.effect("is a minute when nothing else is asked for", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make()
      const gone = yield* Effect.forkChild(outbox.givenUp)
      pushAll(outbox, [closed])
      yield* TestClock.adjust("45 seconds")
      assert.isFalse(isDone(gone))
      yield* TestClock.adjust("15 seconds")
      assert.isTrue(isDone(gone))
    }).pipe(Effect.scoped)
  )
})

describe("the end", () => {
  it.effect("of a client that is given up frees who waits, and lets nothing in", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ capacity: 1 })
      pushAll(outbox, [closed])
      const waiting = yield* Effect.forkChild(outbox.offer(response("1")))
      yield* settle
      outbox.giveUp()
      assert.isFalse(yield* Fiber.join(waiting))
      assert.isFalse(outbox.push(closed))
      assert.strictEqual(outbox.size(), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("lets what waits be taken; shutting does not", () =>
    Effect.gen(function* () {
      const ended = yield* Outbox.make()
      pushAll(ended, [closed])
      yield* ended.end
      assert.isFalse(ended.push(closed))
      assert.deepStrictEqual(yield* ended.take, [closed])
      const shut = yield* Outbox.make({ capacity: 1 })
      pushAll(shut, [closed])
      const waiting = yield* Effect.forkChild(shut.offer(response("1")))
      yield* settle
      yield* shut.shut
      assert.isFalse(yield* Fiber.join(waiting))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(shut.take)))
    }).pipe(Effect.scoped)
  )

  it.effect("comes with the scope's", () =>
    Effect.gen(function* () {
      const outbox = yield* Effect.scoped(Outbox.make())
      assert.isFalse(outbox.push(closed))
      assert.isFalse(yield* outbox.offer(response("1")))
    })
  )
})
