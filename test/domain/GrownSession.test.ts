/**
 * A session that goes on from where it was kept is the session that reading everything gives, or is not told.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as GrownSession from "../../src/domain/GrownSession.ts"
import { printExact } from "../../src/domain/Json.ts"
import * as SavedSession from "../../src/domain/SavedSession.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import type { HistoryMode } from "../../src/domain/Thread.ts"
import { carried, context, guess, settings } from "../support/LongRollout.ts"
import {
  abort,
  aitem,
  am,
  C,
  compacted,
  contextCompacted,
  event,
  metaOf,
  raw,
  rb,
  readLines,
  S,
  script,
  type Step,
  U,
  uitem,
  um,
  Unull
} from "../support/Script.ts"
import { Line, linesOf, skimInto } from "../support/SkimLines.ts"
import { loadWhole } from "../support/Saved.ts"

const sessionOf = ({
  meta,
  name,
  preview,
  settings,
  turns,
  usage
}: SessionProjection.ProjectedSession): SavedSession.SavedSession => ({
  meta,
  settings,
  preview,
  name,
  usage,
  turns: turns.map(({ turn }) => turn)
})

/** As clients are told it. */
const told = (session: SavedSession.SavedSession): unknown => JSON.parse(printExact(session))

const whole = (bytes: Uint8Array, mode: HistoryMode) => {
  const projection = SessionProjection.make(metaOf(readLines(bytes)), mode)
  skimInto(projection, bytes)
  return projection
}

/** What the bytes after `at` make of the session before them; null when that is left to the full reading. */
const goOn = (bytes: Uint8Array, at: number, mode: HistoryMode = "legacy") => {
  const projection = whole(bytes.subarray(0, at), mode)
  const before = projection.result()
  const growth = GrownSession.growthOf(projection, before)
  if (growth === null) return null
  const kept = { ...growth, bytes: at, identity: "1", edge: bytes.slice(Math.max(0, at - 4), at) }
  // As it comes back from where it was kept.
  const saved = SavedSession.save(sessionOf(before), kept)
  const loaded = saved === null ? null : loadWhole(saved)
  if (loaded === null) return null
  assert.deepStrictEqual(loaded.growth, kept)
  return GrownSession.grow(loaded.session, kept, bytes.subarray(at))
}

const agree = (bytes: Uint8Array, at: number, mode: HistoryMode = "legacy") => {
  const grown = goOn(bytes, at, mode)
  if (grown === null) return null
  const all = whole(bytes, mode)
  assert.deepStrictEqual(told(grown.session), told(sessionOf(all.result())))
  assert.deepStrictEqual(grown.growth, GrownSession.growthOf(all, all.result()))
  return grown
}

const ends = (bytes: Uint8Array): ReadonlyArray<number> =>
  Array.from(bytes.entries()).flatMap(([at, byte]) => (byte === 0x0a ? [at + 1] : []))

const first = [S("t1"), context("m1"), uitem("hello"), um("hello"), aitem("hi"), am("hi"), U(7), C("t1")]

const ran = (turnId: string): Step =>
  event("exec_command_end", { turn_id: turnId, call_id: "c", command: ["ls"], cwd: "/home/dev", exit_code: 0 })

const of = (mode: HistoryMode) => ({ meta: { history_mode: mode } })

/** The rollout of these steps, which goes on behind the first turn. */
const after = (steps: ReadonlyArray<Step>, mode: HistoryMode = "legacy") => {
  const at = script(first, of(mode)).build().bytes.length
  return agree(script([...first, ...steps], of(mode)).build().bytes, at, mode)
}

describe("a rollout that has grown by", () => {
  const second = [S("t2"), context("m2"), uitem("more"), um("more"), am("done"), U(30), C("t2")]
  const grows: ReadonlyArray<readonly [string, ReadonlyArray<Step>]> = [
    ["a turn", second],
    ["two turns", [...second, S("t3"), um("and"), C("t3")]],
    ["a turn without usage", [S("t2"), um("more"), am("done"), C("t2")]],
    ["a turn that is still open", [S("t2"), um("more"), U(9)]],
    ["a turn that was interrupted", [S("t2"), um("more"), abort("t2")]],
    ["a turn with a compaction", [S("t2"), compacted(), contextCompacted, am("again"), C("t2")]],
    ["settings", [settings("/elsewhere")]],
    ["limits only", [Unull]],
    ["a guess", [S("t2"), guess, C("t2")]],
    ["a line that is no JSON", [raw("{nonsense}\n")]]
  ]
  for (const [what, steps] of grows) it(`${what} goes on`, () => assert.isNotNull(after(steps)))

  const refused: ReadonlyArray<readonly [string, ReadonlyArray<Step>]> = [
    ["a rollback", [...second, rb(1)]],
    ["figures that were carried over", [S("t2"), carried, C("t2")]],
    ["words outside of a turn", [um("more")]],
    ["figures outside of a turn", [U(90)]],
    ["the end of an earlier turn, in another", [S("t2"), C("t1"), am("so")]],
    ["the end of a turn that never was", [abort("t9")]],
    ["a turn of an earlier id", [S("t1"), um("more"), C("t1")]],
    ["an item of an earlier turn", [S("t2"), ran("t1")]],
    ["half a line", [...second, raw('{"timestamp":"2026-')]]
  ]
  for (const [what, steps] of refused) it(`${what} is read anew`, () => assert.isNull(after(steps)))

  it("a description of itself is read anew", () => {
    const { bytes } = script(first).build()
    const [line = ""] = new TextDecoder().decode(bytes).split("\n")
    assert.isNull(after([raw(`${line}\n`)]))
  })

  it("anything, while a turn was open, is read anew", () => {
    const open = script([S("t1"), um("hello"), U(7)])
    const at = open.build().bytes.length
    assert.isNull(agree(am("late")(open).build().bytes, at))
  })
})

const steps: ReadonlyArray<Step> = [
  S("t1"),
  S("t2"),
  S("t3"),
  C("t1"),
  C("t2"),
  C("t3"),
  um("hello"),
  um("more"),
  am("done"),
  uitem("hello"),
  aitem("done"),
  U(5),
  U(9),
  Unull,
  guess,
  abort("t2"),
  abort(null),
  rb(1),
  compacted(),
  contextCompacted,
  context("m2"),
  settings("/elsewhere"),
  event("error", { message: "broken" }),
  ran("t1"),
  ran("t2"),
  event("thread_name_updated", { thread_id: script([]).build().threadId, thread_name: "named" })
]
const Story = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: steps.length - 1 })))
const Mode = Schema.Literals(["legacy", "paginated"])

describe("wherever a rollout is cut", () => {
  it.prop(
    "going on tells what reading everything tells",
    { story: Story.check(Schema.isMaxLength(14)), mode: Mode },
    ({ mode, story }) => {
      const { bytes } = script(
        story.flatMap((at) => steps[at] ?? []),
        of(mode)
      ).build()
      for (const at of ends(bytes)) agree(bytes, at, mode)
    },
    { arbitrary: { runs: 400, size: 14 } }
  )

  it.prop(
    "also behind turns that ended",
    { story: Story.check(Schema.isMaxLength(8)), mode: Mode },
    ({ mode, story }) => {
      after(
        story.flatMap((at) => steps[at] ?? []),
        mode
      )
    },
    { arbitrary: { runs: 600, size: 8 } }
  )

  it.prop(
    "whatever its lines are",
    { before: Schema.Array(Line).check(Schema.isMaxLength(6)), lines: Schema.Array(Line).check(Schema.isMaxLength(8)) },
    ({ before, lines }) => {
      const bytes = linesOf([...before, ...lines])
      agree(bytes, linesOf(before).length)
    },
    { arbitrary: { runs: 400, size: 10 } }
  )
})

describe("a session at rest", () => {
  const growth = (builder: ReturnType<typeof script>) => {
    const projection = whole(builder.build().bytes, "legacy")
    return GrownSession.growthOf(projection, projection.result())
  }
  const turn = [S("T1"), um(), am(), C("T1")]

  it("may go on, with the number of its next item", () => {
    assert.deepStrictEqual(growth(script(turn)), { nextItem: 3 })
    assert.deepStrictEqual(growth(script([...turn, U(7)])), { nextItem: 3 })
  })

  it("that is a fork is read whole, whatever it spent", () => {
    assert.strictEqual(growth(script(turn).fork()), null)
    assert.strictEqual(growth(script([S("T1"), um(), am(), U(7), C("T1")]).fork()), null)
  })

  it("whose figures are nobody's, or in which a turn is open, is read whole", () => {
    assert.strictEqual(growth(script([U(7), ...turn])), null)
    assert.strictEqual(growth(script(turn.slice(0, -1))), null)
  })
})
