/**
 * An effect whose callers share runs: nobody is given an answer that is older than the question.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { coalesced } from "../../src/services/Coalesced.ts"

/** An effect whose runs wait to be ended one by one; `began` waits until one has begun. */
const gated = () => {
  const gates: Array<{ readonly began: Deferred.Deferred<void>; readonly end: Deferred.Deferred<number, string> }> = []
  const gate = (run: number) =>
    (gates[run] ??= { began: Deferred.makeUnsafe<void>(), end: Deferred.makeUnsafe<number, string>() })
  const log: Array<string> = []
  let runs = 0
  const effect = Effect.suspend(() => {
    const run = runs++
    log.push(`${run} begins`)
    return Deferred.succeed(gate(run).began, undefined).pipe(
      Effect.andThen(Deferred.await(gate(run).end)),
      Effect.ensuring(Effect.sync(() => log.push(`${run} ends`)))
    )
  })
  return {
    ask: Effect.forkChild(coalesced(effect), { startImmediately: true }),
    began: (run: number) => Deferred.await(gate(run).began),
    end: (run: number, exit: Exit.Exit<number, string>) => Deferred.done(gate(run).end, exit),
    log
  }
}
const oneAfterTheOther = (runs: number) =>
  Array.from({ length: runs }, (_, run) => [`${run} begins`, `${run} ends`]).flat()

describe("those who ask at the same time", () => {
  it.effect("share one run, and who asks during it the next one, which begins when it is over", () =>
    Effect.gen(function* () {
      const { ask, began, end, log } = gated()
      const first = [yield* ask, yield* ask]
      yield* began(0)
      const later = [yield* ask, yield* ask]
      // Whatever could begin by now begins.
      yield* Effect.yieldNow
      assert.deepStrictEqual(log, ["0 begins"])
      yield* end(0, Exit.succeed(10))
      assert.deepStrictEqual(yield* Effect.forEach(first, (fiber) => Fiber.join(fiber)), [10, 10])
      yield* began(1)
      yield* end(1, Exit.succeed(20))
      assert.deepStrictEqual(yield* Effect.forEach(later, (fiber) => Fiber.join(fiber)), [20, 20])
      assert.deepStrictEqual(log, oneAfterTheOther(2))
    })
  )

  it.effect("share a failure as well, and the next one runs again", () =>
    Effect.gen(function* () {
      const { ask, began, end, log } = gated()
      const first = [yield* ask, yield* ask]
      yield* began(0)
      const later = yield* ask
      yield* end(0, Exit.fail("no"))
      yield* began(1)
      yield* end(1, Exit.succeed(20))
      const no = Exit.fail("no")
      assert.deepStrictEqual(yield* Effect.forEach(first, (fiber) => Fiber.await(fiber)), [no, no])
      assert.strictEqual(yield* Fiber.join(later), 20)
      const last = yield* ask
      yield* began(2)
      yield* end(2, Exit.succeed(30))
      assert.strictEqual(yield* Fiber.join(last), 30)
      assert.deepStrictEqual(log, oneAfterTheOther(3))
    })
  )

  it.effect("stop no run by leaving", () =>
    Effect.gen(function* () {
      const { ask, began, end, log } = gated()
      const leaving = yield* ask
      yield* began(0)
      const staying = yield* ask
      yield* Fiber.interrupt(leaving)
      assert.deepStrictEqual(log, ["0 begins"])
      yield* end(0, Exit.succeed(10))
      yield* began(1)
      yield* end(1, Exit.succeed(20))
      assert.strictEqual(yield* Fiber.join(staying), 20)
      assert.deepStrictEqual(log, oneAfterTheOther(2))
    })
  )
})
