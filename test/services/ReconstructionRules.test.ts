/**
 * A session as its rollouts tell it, where they are odd: bytes that are read while they go by, a compaction of before
 * there were replacements, a fork of a fork, and a history that goes on from itself.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { layerWith } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { type BuiltRollout, paginated } from "../../src/testing/RolloutBuilder.ts"
import { aitem, am, C, compacted, S, script, U, uitem, um } from "../support/Script.ts"

const over = (...files: ReadonlyArray<BuiltRollout>) =>
  SessionReconstruction.layer.pipe(Layer.provideMerge(RolloutParser.layer), Layer.provideMerge(layerWith(files)))

const restored = Effect.fnUntraced(function* ({ threadId }: BuiltRollout) {
  const sessions = yield* SessionReconstruction
  const store = yield* RolloutStore
  const ref = yield* store.locate(threadId)
  return { store, sessions, ref, session: yield* sessions.restore(ref) }
})

describe("a session whose bytes go by", () => {
  const built = script([S("T1"), um("said"), am("so"), U(7), C("T1")]).build()

  it.effect("is then what reading them tells", () =>
    Effect.gen(function* () {
      const { ref, session, sessions, store } = yield* restored(built)
      const first = built.content.slice(0, built.content.indexOf("\n"))
      const { bytes, restored: read } = sessions.passing(first, () => store.read(ref))
      const passed = yield* Stream.runCollect(Stream.map(bytes, (chunk) => chunk.slice()))
      assert.strictEqual(Buffer.concat(passed).toString(), built.content)
      const { projected, segments, stat } = session
      const gone = read(ref, stat)
      assert.deepStrictEqual(gone?.segments, segments)
      assert.deepStrictEqual(gone?.projected.usage, projected.usage)
      assert.deepStrictEqual(
        gone?.projected.turns.map(({ turn }) => ({ ...turn, items: turn.items })),
        projected.turns.map(({ turn }) => ({ ...turn, items: turn.items }))
      )
    }).pipe(Effect.provide(over(built)))
  )

  it.effect("is none when they do not begin as a session does, and the bytes go by all the same", () =>
    Effect.gen(function* () {
      const { ref, session, sessions } = yield* restored(built)
      const [, event = "", ...others] = built.content.split("\n")
      for (const first of [event, others[0] ?? "", "no JSON", ""]) {
        const told: Array<unknown> = []
        const passing = sessions.passing(first, (soFar) => {
          told.push(soFar())
          return Stream.succeed(built.bytes)
        })
        assert.deepStrictEqual(yield* Stream.runCollect(passing.bytes), [built.bytes])
        assert.isNull(passing.restored(ref, session.stat))
        assert.deepStrictEqual(told, [null])
      }
    }).pipe(Effect.provide(over(built)))
  )
})

describe("a compaction without a replacement", () => {
  const built = script([S("T1"), uitem("one"), um("one"), aitem("a"), am("a"), compacted("the gist"), C("T1")]).build()

  it.effect("leaves the model with what the user said, and the summary as if the user had said it", () =>
    Effect.gen(function* () {
      const { session, sessions } = yield* restored(built)
      const said = (text: string) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] })
      assert.deepStrictEqual<unknown>(yield* sessions.modelInput(session), [said("one"), said("the gist")])
    }).pipe(Effect.provide(over(built)))
  )
})

describe("a fork of a fork", () => {
  const spent = (total: number) => ({ total: { input: total, total }, last: { input: 100, total: 100 } })
  const first = paginated().turn({ id: "T1", usage: spent(100) })
  const second = first.fork().turn({ id: "T2", usage: spent(200) })
  const third = second.fork().turn({ id: "T3", usage: spent(300) })
  // Times tell nothing here: only whose rollout it is says where its own spending begins.
  const untimed = (built: BuiltRollout) => {
    const content = built.content.replaceAll(/"started_at":\d\d/g, '"started_at":10')
    return { ...built, content, bytes: new TextEncoder().encode(content) }
  }
  const files = [first, second, third].map((builder) => untimed(builder.build()))

  it.effect("inherits what both before it have spent", () =>
    Effect.gen(function* () {
      const { session } = yield* restored(files[2] ?? assert.fail("no file"))
      assert.lengthOf(session.segments, 3)
      const { usage } = session.projected
      assert.deepStrictEqual([usage?.inherited?.totalTokens, usage?.info.total.totalTokens], [200n, 300n])
    }).pipe(Effect.provide(over(...files)))
  )
})

describe("a history that goes on from itself", () => {
  const reverted = paginated().turn({ id: "T1" }).revert().turn({ id: "T2" }).build()
  // The base that it names ends behind its own first line.
  const content = reverted.content.replace(/"end_ordinal_exclusive":(\d+),"end_byte_offset":\d+/, (_, end) => {
    return `"end_ordinal_exclusive":${Number(end) + 1}`
  })
  const circular = { ...reverted, content, bytes: new TextEncoder().encode(content) }

  it.effect("is read once, and it is said that its base is missing", () =>
    Effect.gen(function* () {
      assert.notStrictEqual(content, reverted.content)
      const { session } = yield* restored(circular)
      assert.lengthOf(session.segments, 1)
      assert.deepStrictEqual(
        session.projected.diagnostics.map(({ reason }) => reason),
        ["missingBase"]
      )
      assert.deepStrictEqual<unknown>(
        session.projected.turns.map(({ turn }) => turn.id),
        ["T2"]
      )
    }).pipe(Effect.provide(over(circular)))
  )
})
