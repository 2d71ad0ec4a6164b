/** Older and newer servers' values, made to fit: nothing that is there is changed, what is missing is filled in. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ItemId } from "../../src/domain/Ids.ts"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { Thread } from "../../src/domain/Thread.ts"
import { ThreadItem } from "../../src/domain/ThreadItem.ts"
import { ThreadTokenUsage } from "../../src/domain/TokenUsage.ts"
import { Turn } from "../../src/domain/Turn.ts"
import { complete } from "../../src/rpc/client/Lenient.ts"
import { thread, threadA } from "./support/Frames.ts"

const completeTurn = complete(Turn)
const completeItem = complete(ThreadItem)

const recordOf = (value: unknown): JsonRecord => (isRecord(value) ? value : {})

describe("a value of the newest release", () => {
  it.effect.prop("stays what it is", { turn: Turn }, ({ turn }) =>
    Effect.sync(() => assert.strictEqual(completeTurn(turn), turn))
  )

  it.effect.prop("is found again when what may be null is left out", { turn: Turn }, ({ turn }) =>
    Effect.sync(() => {
      const less = Object.fromEntries(Object.entries(turn).filter(([, value]) => value !== null))
      assert.deepStrictEqual(recordOf(completeTurn(less)), { ...less, ...turn })
    })
  )
})

describe("a value of an older release", () => {
  it.effect("has what it means where it does not say", () =>
    Effect.gen(function* () {
      const found = yield* Schema.decodeUnknownEffect(Thread)(complete(Thread)(thread(threadA)))
      assert.deepInclude(found, { sessionId: threadA, historyMode: "legacy", recencyAt: null, environments: null })
      const counts = { totalTokens: 1, inputTokens: 1, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 0 }
      const usage = complete(ThreadTokenUsage)({ total: counts, last: counts, modelContextWindow: null })
      const decoded = yield* Schema.decodeUnknownEffect(ThreadTokenUsage)(usage)
      assert.strictEqual(decoded.total.cacheWriteInputTokens, 0n)
    })
  )

  it.effect("is refused still where it lacks what it cannot be without", () =>
    Effect.gen(function* () {
      const nameless = Object.fromEntries(Object.entries(thread(threadA)).filter(([key]) => key !== "id"))
      const error = yield* Effect.flip(Schema.decodeUnknownEffect(Thread)(complete(Thread)(nameless)))
      assert.include(error.message, "id")
    })
  )
})

describe("a value of a release to come", () => {
  it.effect("keeps its unknown members from nobody, and an item of an unknown kind whole", () =>
    Effect.gen(function* () {
      const item = { type: "hologram", id: "h1", shape: { sides: 4 }, startedAtMs: 7 }
      const found = yield* Schema.decodeUnknownEffect(ThreadItem)(completeItem(item))
      assert.deepInclude(found, {
        type: "unknown",
        id: ItemId.make("h1"),
        kind: "hologram",
        startedAtMs: 7,
        completedAtMs: null
      })
      assert.deepStrictEqual(own(recordOf(found), "record"), item)
    })
  )

  it.effect("is no other kind because it looks like one", () =>
    Effect.gen(function* () {
      const message = { type: "agentMessage", id: "m", text: 7 }
      const error = yield* Effect.flip(Schema.decodeUnknownEffect(ThreadItem)(completeItem(message)))
      assert.include(error.message, "text")
    })
  )
})
