/**
 * When a thread that nobody wants is let go of, and when its time starts anew.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as IdleThreads from "../../src/services/IdleThreads.ts"

const here = ThreadId.make("00000000-0000-7000-8000-000000000001")
const elsewhere = ThreadId.make("00000000-0000-7000-8000-000000000002")

/** Watches threads, and remembers which were let go of and when; `during` happens while one is. */
const watching = Effect.fnUntraced(function* (
  during: (idle: IdleThreads.IdleThreads, isDue: () => boolean) => Effect.Effect<void> = () => Effect.void
) {
  const gone: Array<readonly [ThreadId, number]> = []
  const idle: IdleThreads.IdleThreads = yield* IdleThreads.make({
    unloadAfter: 1000,
    letGo: (threadId, isDue) =>
      Effect.gen(function* () {
        gone.push([threadId, yield* Clock.currentTimeMillis])
        yield* during(idle, isDue)
      })
  })
  return { idle, gone }
})

describe("a thread that is not wanted", () => {
  it.effect("is let go of when its time is up, once", () =>
    Effect.gen(function* () {
      const { gone, idle } = yield* watching()
      idle.wanted(here)
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(gone, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(gone, [[here, 1000]])
      yield* TestClock.adjust(5000)
      assert.lengthOf(gone, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("has its time anew whenever somebody asks for it, and for itself alone", () =>
    Effect.gen(function* () {
      const { gone, idle } = yield* watching()
      idle.wanted(here)
      idle.wanted(elsewhere)
      yield* TestClock.adjust(600)
      idle.wanted(here)
      yield* TestClock.adjust(5000)
      assert.deepStrictEqual(gone, [
        [elsewhere, 1000],
        [here, 1600]
      ])
      idle.wanted(here)
      yield* TestClock.adjust(5000)
      assert.deepStrictEqual(gone.slice(2), [[here, 6600]])
    }).pipe(Effect.scoped)
  )

  it.effect("that is asked for while it is let go of is not due any more, and has its time anew", () =>
    Effect.gen(function* () {
      const due: Array<boolean> = []
      let isFirst = true
      const { gone, idle } = yield* watching((threads, isDue) =>
        Effect.gen(function* () {
          due.push(isDue())
          if (!isFirst) return
          isFirst = false
          yield* Effect.sleep(10)
          threads.wanted(here)
          due.push(isDue())
        })
      )
      idle.wanted(here)
      yield* TestClock.adjust(5000)
      assert.deepStrictEqual(gone, [
        [here, 1000],
        [here, 2010]
      ])
      assert.deepStrictEqual(due, [true, false, true])
    }).pipe(Effect.scoped)
  )

  it.effect("is left alone when nobody watches any more", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(
        Effect.map(watching(), ({ gone, idle }) => {
          idle.wanted(here)
          return gone
        })
      )
      yield* TestClock.adjust(5000)
      assert.deepStrictEqual(gone, [])
    })
  )
})
