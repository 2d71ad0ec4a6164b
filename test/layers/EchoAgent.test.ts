import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref } from "effect"
import { TestClock } from "effect/testing"
import { layer as echoAgent } from "../../src/layers/scripted/EchoAgent.ts"
import type { UserInput } from "../../src/domain/ThreadItem.ts"
import { runTurn, said, textInput, turnInput } from "../support/TurnInputs.ts"

const atOnce = echoAgent({ pace: 0 })

describe("the echo", () => {
  it.effect("says what the user said, word by word, every space kept", () =>
    Effect.gen(function* () {
      const { events } = yield* runTurn(turnInput("  two\n\nwords  here "))
      const deltas = events.flatMap((event) => (event._tag === "TextDelta" ? [event.delta] : []))
      assert.deepStrictEqual(deltas, ["  two", "\n\nwords", "  here", " "])
      assert.deepInclude(events, { _tag: "TextEnd", id: "echo-1", phase: "final_answer" })
    }).pipe(Effect.provide(atOnce))
  )

  it.effect("costs what a model might: the conversation comes from the cache", () =>
    Effect.gen(function* () {
      const history = [{ type: "message", role: "user", content: [{ type: "input_text", text: "x".repeat(400) }] }]
      const fresh = (yield* runTurn(turnInput("12345678"))).events.at(-1)
      const later = (yield* runTurn(
        turnInput("12345678", { history, settings: { modelContextWindow: 9n } })
      )).events.at(-1)
      assert.deepInclude(fresh, {
        usage: {
          totalTokens: 4n,
          inputTokens: 2n,
          cachedInputTokens: 0n,
          cacheWriteInputTokens: 0n,
          outputTokens: 2n,
          reasoningOutputTokens: 0n
        },
        modelContextWindow: null
      })
      assert(later?._tag === "UsageReport")
      assert.isTrue(later.usage.cachedInputTokens > 100n)
      assert.strictEqual(later.usage.inputTokens - later.usage.cachedInputTokens, 2n)
      assert.strictEqual(later.modelContextWindow, 9n)
    }).pipe(Effect.provide(atOnce))
  )

  it.effect("answers what the user adds", () =>
    Effect.gen(function* () {
      const queue = yield* Ref.make<ReadonlyArray<ReadonlyArray<UserInput>>>([[textInput("and this")]])
      const steered = Ref.modify(queue, ([next = [], ...rest]) => [next, rest])
      assert.strictEqual(said((yield* runTurn(turnInput("first", { steered }))).events), "first|and this|")
    }).pipe(Effect.provide(atOnce))
  )

  it.effect("has an answer to nothing, and names what is no text", () =>
    Effect.gen(function* () {
      assert.strictEqual(said((yield* runTurn(turnInput(""))).events), "You said nothing.|")
      const input: ReadonlyArray<UserInput> = [{ type: "localImage", path: "/a.png", detail: null }]
      assert.strictEqual(said((yield* runTurn(turnInput("", { input }))).events), "[localImage]|")
    }).pipe(Effect.provide(atOnce))
  )

  it.effect("takes its time", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(runTurn(turnInput("one two three")))
      yield* TestClock.adjust("80 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("40 millis")
      assert.strictEqual(said((yield* Fiber.join(fiber)).events), "one two three|")
    }).pipe(Effect.provide(echoAgent()))
  )
})
