/**
 * A session that was kept is the session, or was not kept.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { printExact } from "../../src/domain/Json.ts"
import type { HistoryMode } from "../../src/domain/Thread.ts"
import { printTurns } from "../../src/domain/PrintedTurns.ts"
import * as SavedSession from "../../src/domain/SavedSession.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import { project, readLines, metaOf, script, um, S, am, C, U, event } from "../support/Script.ts"
import { Line, linesOf, skimInto } from "../support/SkimLines.ts"

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

const again = (session: SavedSession.SavedSession) => {
  const saved = SavedSession.save(session)
  return saved === null ? null : (SavedSession.load(saved)?.session ?? null)
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

  it.prop("is none once its text or its items are others", { at: Schema.Natural }, ({ at }) => {
    const saved = SavedSession.save(skimmed(whole.build().bytes, "legacy"))
    if (saved === null) return assert.fail("nothing was kept")
    assert.isNull(SavedSession.load({ ...saved, text: saved.text.slice(0, at % saved.text.length) }))
    assert.isNull(SavedSession.load({ ...saved, items: saved.items.subarray(0, at % saved.items.length) }))
  })
})
