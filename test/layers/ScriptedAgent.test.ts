import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Option, Ref, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as ScriptedAgent from "../../src/layers/scripted/ScriptedAgent.ts"
import { Agent } from "../../src/services/Agent.ts"
import { runTurn, said, tags, textInput, turnInput } from "../support/TurnInputs.ts"

const { askSteered, fail, hang, message, pause, reasoning, signal, tool, usage, waitFor } = ScriptedAgent

describe("a scripted agent", () => {
  it.effect("tells its script, one script a turn", () =>
    Effect.gen(function* () {
      const first = yield* runTurn(turnInput("a"))
      assert.deepStrictEqual(tags(first.events), [
        "ReasoningDelta",
        "ReasoningEnd",
        "ToolCall",
        "ToolResult",
        "TextDelta",
        "TextEnd",
        "UsageReport"
      ])
      assert.deepInclude(first.events.at(-1), {
        usage: {
          totalTokens: 12n,
          inputTokens: 10n,
          cachedInputTokens: 4n,
          cacheWriteInputTokens: 0n,
          outputTokens: 2n,
          reasoningOutputTokens: 0n
        }
      })
      assert.strictEqual(said((yield* runTurn(turnInput("b"))).events), "two|")
      const third = yield* runTurn(turnInput("c"))
      assert(Exit.isFailure(third.exit))
      assert.include(Cause.pretty(third.exit.cause), "no turn 3")
    }).pipe(
      Effect.provide(
        ScriptedAgent.layer([
          [
            ...reasoning("r", ["a", "b"], "blob"),
            ...tool("c", "shell", { command: "x" }, "ok"),
            ...message("m", ["one"]),
            usage({ inputTokens: 10n, cachedInputTokens: 4n, outputTokens: 2n })
          ],
          message("m", ["two"])
        ])
      )
    )
  )

  it.effect("may make its script of what it is given", () =>
    Effect.gen(function* () {
      assert.strictEqual(said((yield* runTurn(turnInput("hello"))).events), "1|")
    }).pipe(Effect.provide(ScriptedAgent.layer(({ input }) => message("m", [String(input.length)]))))
  )

  it.effect("pauses on the clock", () =>
    Effect.gen(function* () {
      const agent = yield* Agent
      const times = yield* Ref.make<ReadonlyArray<number>>([])
      const fiber = yield* agent.run(turnInput("a")).pipe(
        Stream.runForEach(() =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => Ref.update(times, (before) => [...before, now]))
        ),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Ref.get(times), [0])
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* Ref.get(times), [0, 2000])
    }).pipe(
      Effect.provide(
        ScriptedAgent.layer([[...message("m", ["a"]).slice(0, 1), pause("2 seconds"), ...message("m", [])]])
      )
    )
  )

  it.effect("waits, tells how far it is, and fails", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const script = [[...message("m", ["a"]), signal(reached), waitFor(go), fail("serverOverloaded", "busy", 503)]]
      const fiber = yield* Effect.forkChild(runTurn(turnInput("a")).pipe(Effect.provide(ScriptedAgent.layer(script))))
      yield* Deferred.await(reached)
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(go, undefined)
      const { events, exit } = yield* Fiber.join(fiber)
      assert.strictEqual(said(events), "a|")
      assert(Exit.isFailure(exit))
      assert.deepInclude(Option.getOrThrow(Cause.findErrorOption(exit.cause)), {
        kind: "serverOverloaded",
        detail: "busy",
        httpStatus: 503
      })
    })
  )

  it.effect("asks what the user said meanwhile", () =>
    Effect.gen(function* () {
      const steered = Effect.succeed([textInput("left")])
      assert.strictEqual(said((yield* runTurn(turnInput("a", { steered }))).events), "1 more|end|")
    }).pipe(
      Effect.provide(
        ScriptedAgent.layer([[askSteered((more) => message("m", [`${more.length} more`])), ...message("n", ["end"])]])
      )
    )
  )

  it.effect("runs until it is interrupted", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const layer = ScriptedAgent.layer([[signal(begun), hang]])
      const fiber = yield* Effect.forkChild(runTurn(turnInput("a")).pipe(Effect.provide(layer)))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )
})
