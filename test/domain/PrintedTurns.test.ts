/**
 * Turns that are at hand as JSON are printed as if they had been read, in pieces that belong together.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { printExact } from "../../src/domain/Json.ts"
import { printedTurn } from "../../src/domain/PrintedText.ts"
import { printTurns } from "../../src/domain/PrintedTurns.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import { Turn, withItems, withKnownItems } from "../../src/domain/Turn.ts"
import { am, C, contextCompacted, event, metaOf, project, readLines, S, script, um } from "../support/Script.ts"
import { Line, linesOf, skimInto } from "../support/SkimLines.ts"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const NEWLINE = 0x0a

const skimmed = (bytes: Uint8Array) => {
  const projection = SessionProjection.make(metaOf(readLines(bytes)), "legacy")
  skimInto(projection, bytes)
  return projection
}
const turnsOf = (bytes: Uint8Array): ReadonlyArray<Turn> =>
  skimmed(bytes)
    .result()
    .turns.map(({ turn }) => turn)
const fullTurnsOf = (bytes: Uint8Array): ReadonlyArray<Turn> => project(bytes).turns.map(({ turn }) => turn)

const joined = (pieces: ReadonlyArray<Uint8Array>): string => decoder.decode(Buffer.concat(pieces))

/** Results as the wire has them. */
const results = (turns: ReadonlyArray<Turn>): ReadonlyArray<readonly [string, unknown]> => [
  [
    "thread/resume",
    {
      thread: { id: "t", name: null, gitInfo: undefined, turns, preview: 'é"\\' },
      model: "m",
      initialTurnsPage: { data: turns.slice(1), nextCursor: "c", backwardsCursor: null },
      usage: [1, 2, { turns: [] }]
    }
  ],
  ["thread/read", { thread: { id: "t", turns } }],
  ["thread/turns/list", { data: turns, nextCursor: null }],
  ["one turn", { turn: turns[0] ?? null, more: [undefined, null, turns.length] }],
  ["turns among others", { data: [...turns, null, 5, { id: "x", items: [] }] }]
]

const agrees = (turns: ReadonlyArray<Turn>) => {
  for (const [what, value] of results(turns)) {
    const pieces = printTurns(value, JSON.stringify, '{"id":1,"result":', "}")
    if (pieces === null) {
      const held = what === "one turn" ? turns.slice(0, 1) : turns
      assert.isTrue(
        held.every((turn) => printedTurn(turn) === undefined),
        what
      )
      continue
    }
    assert.deepStrictEqual(JSON.parse(joined(pieces)), JSON.parse(JSON.stringify({ id: 1, result: value })), what)
  }
}

// A turn with anything but words in it is made of values.
const greeting = [S("T"), um("hello"), contextCompacted, C("T")]

const story = (count: number, words: string) =>
  script([
    ...greeting,
    ...Array.from({ length: count }, (_, n) => [
      S(`T${n}`),
      um(`question ${n} ${words}`),
      event("agent_reasoning", { text: `**Because** ${words}` }),
      event("agent_reasoning", { text: words }),
      am(`answer ${n} ${words}`),
      C(`T${n}`)
    ]).flat()
  ]).build().bytes

describe("printing turns", () => {
  it.prop(
    "gives the JSON that their values have",
    { lines: Schema.Array(Line).check(Schema.isMaxLength(25)) },
    ({ lines }) => agrees(turnsOf(linesOf(lines))),
    { arbitrary: { runs: 300, size: 40 } }
  )

  it("prints what was said without reading it", () => {
    const turns = turnsOf(story(3, 'é 😀 \u0001 "quoted" \\ \u2028'))
    assert.deepStrictEqual(
      turns.map((turn) => printedTurn(turn) !== undefined),
      [false, true, true, true]
    )
    agrees(turns)
    assert.deepStrictEqual<unknown>(
      turns[1]?.items.map(({ id, type }) => [id, type]),
      [
        ["item-3", "userMessage"],
        ["item-4", "reasoning"],
        ["item-5", "agentMessage"]
      ]
    )
  })

  for (const size of [1, 1000, 85_000, 262_000, 700_000]) {
    it(`keeps pieces of wide characters together: ${size} of them`, () => {
      const bytes = story(4, "é€😀".repeat(Math.ceil(size / 3)))
      const turns = turnsOf(bytes)
      const pieces = printTurns({ thread: { turns } }, JSON.stringify, "é", "😀")
      assert.isNotNull(pieces)
      const text = joined(pieces ?? [])
      assert.isTrue(text.startsWith("é") && text.endsWith("😀"))
      assert.deepStrictEqual(JSON.parse(text.slice(1, -2)), { thread: { turns: fullTurnsOf(bytes) } })
      if (size > 20_000) assert.isAbove(pieces?.length ?? 0, 1)
      // No piece but one with a turn of its own is much longer than it should be.
      for (const piece of pieces ?? []) assert.isBelow(piece.length, 256 * 1024 + 12 * (size + 3) + 2000)
    })
  }

  it("prints a list once, whoever it is sent to", () => {
    const turns = turnsOf(script([S("T1"), um("one"), C("T1"), S("T2"), um("two"), C("T2")]).build().bytes)
    const sent = (name: string) => printTurns({ name, thread: { turns } }, JSON.stringify, name) ?? []
    const [first, second] = [sent("a"), sent("b")]
    for (const [name, pieces] of [
      ["a", first],
      ["b", second]
    ] as const) {
      const expected: unknown = JSON.parse(JSON.stringify({ name, thread: { turns } }))
      assert.deepStrictEqual(JSON.parse(joined(pieces).slice(1)), expected)
    }
    const shared = first.filter((piece) => second.includes(piece))
    assert.include(joined(shared), '"two"')
  })

  it("has nothing to print of anything else", () => {
    const full = fullTurnsOf(story(2, "x"))
    for (const value of [
      null,
      5,
      "x",
      [],
      {},
      { thread: { turns: [] } },
      { thread: { turns: full } },
      { data: full }
    ]) {
      assert.isNull(printTurns(value, JSON.stringify))
    }
    const withValues = turnsOf(script([...greeting, S("T1"), um("one"), contextCompacted, C("T1")]).build().bytes)
    assert.isNull(printTurns({ data: withValues }, JSON.stringify))
  })

  it("leaves everything else to whom it was given, and throws what that throws", () => {
    const turns = turnsOf(story(1, "x"))
    const value = { data: turns, total: 2n ** 60n }
    const pieces = printTurns(value, printExact)
    assert.include(joined(pieces ?? []), '"total":1152921504606846976')
    assert.throws(() => printTurns(value, JSON.stringify), TypeError)
  })

  it("prints turns of both kinds in their order", () => {
    const steps = [...greeting, S("T1"), um("one"), C("T1"), S("T2"), um("two"), contextCompacted, am("b"), C("T2")]
    const bytes = script([...steps, S("T3"), um("three"), am("c")]).build().bytes
    const turns = turnsOf(bytes)
    assert.deepStrictEqual(
      turns.map((turn) => printedTurn(turn) !== undefined),
      [false, true, false, true]
    )
    agrees(turns)
    assert.deepStrictEqual(turns, fullTurnsOf(bytes))
  })
})

describe("a turn that is only printed", () => {
  it.prop(
    "has the items that reading gives, in the form that the wire has",
    { lines: Schema.Array(Line).check(Schema.isMaxLength(25)) },
    ({ lines }) => {
      const bytes = linesOf(lines)
      const projection = skimmed(bytes)
      if (projection.isUncertain()) return
      const turns = projection.result().turns.map(({ turn }) => turn)
      assert.deepStrictEqual(turns, fullTurnsOf(bytes))
      assert.isTrue(Schema.is(Schema.Array(Turn))(turns))
    },
    { arbitrary: { runs: 200, size: 40 } }
  )

  it("may be copied, and shown with other items", () => {
    const bytes = story(1, "x")
    const turn = turnsOf(bytes)[1]
    const full = fullTurnsOf(bytes)[1]
    if (turn === undefined || full === undefined) return assert.fail("there are two turns")
    const shown = withItems(turn, [], "notLoaded")
    assert.deepStrictEqual(shown, { ...full, items: [], itemsView: "notLoaded" })
    assert.isNull(printTurns({ data: [shown] }, JSON.stringify))
    assert.strictEqual(withKnownItems([turn])[0], turn)

    const interrupted: Turn = { ...turn, status: "interrupted" }
    assert.deepStrictEqual(interrupted, { ...full, status: "interrupted" })
    assert.isNull(printTurns({ data: [interrupted] }, JSON.stringify))
    assert.deepStrictEqual(Object.keys(turn), Object.keys(full))
    assert.strictEqual(turn.items, turn.items)
  })

  it("goes on from wherever it was looked at", () => {
    const bytes = story(2, "x")
    const ends = Array.from(bytes.keys()).filter((at) => bytes[at] === NEWLINE)
    for (const end of ends) {
      const projection = skimmed(bytes.slice(0, end + 1))
      const early = projection.result()
      skimInto(projection, bytes.slice(end + 1))
      assert.deepStrictEqual(
        projection.result().turns.map(({ turn }) => turn),
        fullTurnsOf(bytes)
      )
      assert.deepStrictEqual(
        early.turns.map(({ turn }) => turn),
        fullTurnsOf(bytes.slice(0, end + 1))
      )
    }
  })

  it.prop(
    "stays as it was when it was handed out, whatever is said later",
    { lines: Schema.Array(Line).check(Schema.isMaxLength(25)), cut: Schema.Natural },
    ({ cut, lines }) => {
      const bytes = linesOf(lines)
      const ends = Array.from(bytes.keys()).filter((at) => bytes[at] === NEWLINE)
      const at = (ends[cut % ends.length] ?? 0) + 1
      const [before, after] = [bytes.slice(0, at), bytes.slice(at)]
      const projection = skimmed(before)
      const early = projection.result()
      const looked = projection.result()
      const seen = looked.turns.map(({ turn }) => ({ ...turn, items: turn.items.slice() }))
      skimInto(projection, after)
      projection.result()
      assert.deepStrictEqual(
        early.turns.map(({ turn }) => turn),
        seen
      )
      assert.deepStrictEqual(
        looked.turns.map(({ turn }) => turn),
        seen
      )
      const pieces = printTurns({ data: early.turns.map(({ turn }) => turn) }, JSON.stringify)
      if (pieces !== null) {
        assert.deepStrictEqual(JSON.parse(joined(pieces)), JSON.parse(JSON.stringify({ data: seen })))
      }
      if (!projection.isUncertain()) assert.deepStrictEqual(seen, fullTurnsOf(before))
    },
    { arbitrary: { runs: 300, size: 40 } }
  )

  it("stays so when something is told of it after its end", () => {
    const done = (code: number) =>
      event("exec_command_end", { call_id: "c", turn_id: "T1", command: ["ls"], cwd: "/", exit_code: code })
    const steps = [...greeting, S("T1"), um("one"), am("a"), C("T1"), S("T2"), done(0), done(1), done(2)]
    for (const at of steps.keys()) {
      const [before, after] = [script(steps.slice(0, at)).build().bytes, script(steps).build().bytes]
      const projection = skimmed(before)
      const early = projection.result().turns.map(({ turn }) => ({ ...turn, items: turn.items }))
      skimInto(projection, after.slice(before.length))
      assert.deepStrictEqual(early, fullTurnsOf(before))
      assert.deepStrictEqual(
        projection.result().turns.map(({ turn }) => turn),
        fullTurnsOf(after)
      )
    }
  })
})
