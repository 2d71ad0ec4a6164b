/**
 * A session that was kept is the session, or was not kept.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isRecord, printExact } from "../../src/domain/Json.ts"
import type { HistoryMode } from "../../src/domain/Thread.ts"
import { printTurns } from "../../src/domain/PrintedTurns.ts"
import * as SavedSession from "../../src/domain/SavedSession.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import { project, readLines, metaOf, script, um, S, am, C, U, event } from "../support/Script.ts"
import { Line, linesOf, skimInto } from "../support/SkimLines.ts"
import { loadWhole } from "../support/Saved.ts"

const told = (projected: SessionProjection.ProjectedSession): SavedSession.SavedSession => ({
  meta: projected.meta,
  settings: projected.settings,
  preview: projected.preview,
  name: projected.name,
  usage: projected.usage,
  turns: projected.turns.map(({ turn }) => turn)
})

const skimmed = (bytes: Uint8Array, mode: HistoryMode) => {
  const projection = SessionProjection.make(metaOf(readLines(bytes)), mode)
  skimInto(projection, bytes)
  return told(projection.result())
}

const Text = Schema.Struct({
  session: Schema.Unknown,
  turns: Schema.Array(Schema.Record(Schema.String, Schema.Unknown))
})
const readSaved = Schema.decodeSync(Schema.fromJsonString(Text))

const again = (session: SavedSession.SavedSession) => {
  const saved = SavedSession.save(session)
  return saved === null ? null : (loadWhole(saved)?.session ?? null)
}

const whole = script([
  S("t1"),
  um("hello"),
  am("hi — “there”"),
  U(7),
  C("t1"),
  S("t2"),
  um("more"),
  am("done"),
  C("t2")
])

describe("a session that is kept", () => {
  it("is the same when it is loaded, item by item", () => {
    const session = told(project(whole))
    assert.deepStrictEqual(again(session), session)
  })

  it("is the same when its items were never values", () => {
    const session = skimmed(whole.build().bytes, "legacy")
    assert.deepStrictEqual(again(session), told(project(whole)))
  })

  it.prop("is the same or not kept, whatever its lines", { lines: Schema.Array(Line) }, ({ lines }) => {
    const bytes = linesOf(lines)
    const session = skimmed(bytes, "legacy")
    const loaded = again(session)
    // As clients are told it: JSON has one zero.
    if (loaded === null) return
    assert.deepStrictEqual(JSON.parse(printExact(loaded)), JSON.parse(printExact(session)))
    // Sent as one block, the turns are what they are one by one.
    const { turns } = loaded
    const sent = Buffer.concat(printTurns({ turns }, printExact) ?? [Buffer.from(printExact({ turns }))]).toString()
    assert.deepStrictEqual(JSON.parse(sent), JSON.parse(printExact({ turns })))
  })

  it("is not kept with an item of a kind that is not known", () => {
    const strange = { type: "Hologram", id: "h1" }
    const session = told(
      project(script([S("t1"), um(), event("item_completed", { turn_id: "t1", item: strange }), C("t1")]))
    )
    assert.isTrue(session.turns.some((turn) => turn.items.some((item) => item.type === "unknown")))
    assert.isNull(SavedSession.save(session))
  })

  it("is none once anything that is known of a turn is of another kind", () => {
    const saved = SavedSession.save(skimmed(whole.build().bytes, "legacy"))
    if (saved === null) return assert.fail("nothing was kept")
    const { session, turns } = readSaved(saved.text)
    const [first, ...others] = turns
    assert.isNotNull(loadWhole({ ...saved, text: JSON.stringify({ session, turns }) }))
    for (const key of Object.keys(first ?? {})) {
      for (const value of [{}, "", 0.5, true]) {
        const text = JSON.stringify({ session, turns: [{ ...first, [key]: value }, ...others] })
        const isMoment = ["startedAt", "completedAt", "durationMs"].includes(key) && value === 0.5
        const isName = key === "rootTurnId" && value === ""
        const loaded = loadWhole({ ...saved, text })
        assert.strictEqual(loaded !== null, isMoment || isName, `${key}: ${JSON.stringify(value)}`)
      }
    }
  })

  it.prop("is none once its text or its items are others", { at: Schema.Natural }, ({ at }) => {
    const saved = SavedSession.save(skimmed(whole.build().bytes, "legacy"))
    if (saved === null) return assert.fail("nothing was kept")
    assert.isNull(loadWhole({ ...saved, text: saved.text.slice(0, at % saved.text.length) }))
    const [block = new Uint8Array(0)] = saved.blocks
    assert.isNull(loadWhole({ ...saved, blocks: [block.subarray(0, at % block.length)] }))
    assert.isNull(loadWhole({ ...saved, blocks: [new Uint8Array(block.length + 1)] }))
    assert.isNull(loadWhole({ ...saved, blocks: [block, block] }))
  })

  const loadedWith = (fields: Readonly<Record<string, unknown>>) => {
    const saved = SavedSession.save(told(project(whole)))
    const kept: unknown = saved === null ? null : JSON.parse(saved.text)
    if (saved === null || !isRecord(kept) || !Array.isArray(kept.turns)) return assert.fail("nothing was kept")
    const turns = kept.turns.map((turn: unknown, at) => (at === 0 && isRecord(turn) ? { ...turn, ...fields } : turn))
    return loadWhole({ ...saved, text: JSON.stringify({ ...kept, turns }) })
  }

  for (const [field, others] of [
    ["id", [null, 5]],
    ["rootTurnId", [5, {}]],
    ["itemsView", ["whole", null]],
    ["status", ["over", null]],
    ["error", ["no", { message: 5 }]],
    ["startedAt", ["soon", {}]],
    ["completedAt", ["soon", {}]],
    ["durationMs", ["long", {}]],
    ["block", [1, -1, "0", null, 0.5]],
    ["itemsEnd", ["9", null, 0.5]]
  ] as const) {
    it(`is none with a turn whose ${field} is nothing that was ever kept`, () => {
      for (const other of others) assert.isNull(loadedWith({ [field]: other }), JSON.stringify(other))
    })
  }

  it("is one with a turn that could have been kept so", () => {
    const turn = { rootTurnId: "t0", status: "failed", error: null, startedAt: 5, completedAt: null, durationMs: 7 }
    const loaded = loadedWith(turn)?.session.turns[0]
    assert.deepStrictEqual({ ...loaded, items: [] }, { ...told(project(whole)).turns[0], ...turn, items: [] })
  })
})

describe("the blocks of a session that is kept", () => {
  const words = "x".repeat(100_000)
  const turns = (count: number, said: (turn: number) => string) =>
    told(
      project(
        script(
          Array.from({ length: count }, (_, at) => [S(`t${at}`), um(`hello ${at}`), am(said(at)), C(`t${at}`)]).flat()
        )
      )
    )
  const kept = (session: SavedSession.SavedSession) => {
    const saved = SavedSession.save(session)
    const index = saved === null ? null : SavedSession.read(saved.text)
    return saved === null || index === null ? assert.fail("nothing was kept") : { saved, index }
  }

  it("are of some turns each, none of which is in two", () => {
    const session = turns(12, () => words)
    const { index, saved } = kept(session)
    assert.deepStrictEqual([saved.blocks.length, index.blocks], [4, 4])
    for (const { length } of saved.blocks) assert.isBelow(length, 256 * 1024 + words.length + 1000)
    assert.deepStrictEqual(loadWhole(saved)?.session, session)
  })

  it("are none without turns", () => {
    const { index, saved } = kept(turns(0, () => ""))
    assert.deepStrictEqual([saved.blocks, index.blocks, SavedSession.firstBlock(index, 3)], [[], 0, 0])
  })

  it.prop(
    "are enough from the one on that has the first turn that is wanted",
    { sizes: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))), wanted: Schema.Natural },
    ({ sizes, wanted }) => {
      const session = turns(sizes.length, (at) => words.repeat(sizes[at] ?? 0) || "no")
      const { index, saved } = kept(session)
      const count = wanted % (sizes.length + 2)
      const first = SavedSession.firstBlock(index, count)
      const loaded = SavedSession.load(index, saved.blocks.slice(first), first)?.session
      const theirs = loaded?.turns ?? []
      assert.strictEqual(theirs.length, session.turns.length)
      for (const [at, turn] of session.turns.entries()) {
        const isWanted = at >= sizes.length - count
        const isLoaded = theirs[at]?.itemsView === "full"
        assert.isTrue(isLoaded || !isWanted)
        assert.deepStrictEqual(theirs[at], isLoaded ? turn : { ...turn, items: [], itemsView: "notLoaded" })
      }
    },
    { arbitrary: { runs: 30 } }
  )

  it("are not those of a session that has fewer, more, or longer ones", () => {
    const { index, saved } = kept(turns(12, () => words))
    const [one = new Uint8Array(0), two = new Uint8Array(0), ...others] = saved.blocks
    assert.isNotNull(SavedSession.load(index, [two, ...others], 1))
    assert.isNull(SavedSession.load(index, [two, ...others]))
    assert.isNull(SavedSession.load(index, others, 1))
    assert.isNull(SavedSession.load(index, [one, one, two, ...others]))
    assert.isNull(SavedSession.load(index, [one, two.subarray(1), ...others]))
    assert.isNull(SavedSession.load(index, [one, new Uint8Array(two.length + 1), ...others]))
    assert.isNull(SavedSession.load(index, [one, two, ...others.slice(1)]))
  })
})
