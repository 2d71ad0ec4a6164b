import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import * as Lanes from "../../src/rpc/codex/Lanes.ts"

const Entries = Schema.Array(Schema.Literals(["looks", "changes", "interrupted"]))

describe("Lanes", () => {
  it.effect("those that look run side by side, what changes waits for them, and they for it", () =>
    Effect.gen(function* () {
      const lanes = Lanes.make()
      const log: Array<string> = []
      const gates = new Map<string, Deferred.Deferred<void>>()
      const enter = Effect.fnUntraced(function* (name: string, kind: Lanes.Kind) {
        const gate = yield* Deferred.make<void>()
        gates.set(name, gate)
        const run = lanes.run("thread", kind)
        return yield* Effect.forkChild(
          run(
            Effect.andThen(
              Effect.sync(() => log.push(name)),
              Deferred.await(gate)
            )
          ),
          { startImmediately: true }
        )
      })
      const first = yield* enter("look 1", "looks")
      const second = yield* enter("look 2", "looks")
      const third = yield* enter("change", "changes")
      const fourth = yield* enter("look 3", "looks")
      assert.deepStrictEqual(log, ["look 1", "look 2"])
      const finish = (name: string, fiber: Fiber.Fiber<unknown>) =>
        Effect.andThen(Deferred.succeed(gates.get(name) ?? Deferred.makeUnsafe<void>(), undefined), Fiber.await(fiber))
      yield* finish("look 2", second)
      assert.deepStrictEqual(log, ["look 1", "look 2"])
      yield* finish("look 1", first)
      yield* Effect.yieldNow
      assert.deepStrictEqual(log, ["look 1", "look 2", "change"])
      yield* finish("change", third)
      yield* finish("look 3", fourth)
      assert.deepStrictEqual(log, ["look 1", "look 2", "change", "look 3"])
    })
  )

  it.effect.prop(
    "nothing runs beside a change, nothing overtakes one, and all come to their turn but those that leave",
    { entries: Entries },
    ({ entries }) =>
      Effect.gen(function* () {
        const lanes = Lanes.make()
        let changing = 0
        let looking = 0
        const begun: Array<number> = []
        const fibers = yield* Effect.forEach(
          entries,
          Effect.fnUntraced(function* (entry, number) {
            const kind = entry === "looks" ? ("looks" as const) : ("changes" as const)
            const run = lanes.run("thread", kind)
            const work = Effect.gen(function* () {
              assert.strictEqual(changing, 0)
              if (kind === "changes") assert.strictEqual(looking, 0)
              begun.push(number)
              if (kind === "changes") changing++
              else looking++
              yield* Effect.yieldNow
              if (kind === "changes") changing--
              else looking--
            })
            const fiber = yield* Effect.forkChild(run(entry === "interrupted" ? Effect.never : work), {
              startImmediately: true
            })
            if (entry === "interrupted") yield* Fiber.interrupt(fiber)
            return fiber
          })
        )
        yield* Effect.forEach(fibers, Fiber.await)
        const wanted = entries.flatMap((entry, number) => (entry === "interrupted" ? [] : [number]))
        assert.deepStrictEqual(
          [...begun].sort((a, b) => a - b),
          wanted
        )
        for (const [number, entry] of entries.entries()) {
          if (entry !== "changes") continue
          const at = begun.indexOf(number)
          assert.isTrue(begun.slice(0, at).every((before) => before < number))
          assert.isTrue(begun.slice(at + 1).every((after) => after > number))
        }
      })
  )
})
