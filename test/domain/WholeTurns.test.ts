/**
 * Turns that were taken whole come to what their lines come to one by one, and those that are not as they should be are not
 * taken.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { LineTable } from "../../src/domain/LineTable.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import type { HistoryMode } from "../../src/domain/Thread.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { counted, event, lineOf, thought } from "../support/Lines.ts"
import { bytesOf, metaOf, readLines } from "../support/Script.ts"
import { Line, linesOf, skimInto } from "../support/SkimLines.ts"
import { told } from "../support/Told.ts"

type Fields = Readonly<Record<string, unknown>>

const started = (id: string, fields: Fields = {}) =>
  event("task_started", { turn_id: id, started_at: 1_772_359_200, model_context_window: 1000, ...fields })
const completed = (id: string, fields: Fields = {}) =>
  event("task_complete", {
    turn_id: id,
    last_agent_message: "so",
    completed_at: 1_772_359_260,
    duration_ms: 60_000,
    ...fields
  })
const context = (id: string, fields: Fields = {}) =>
  lineOf("turn_context", {
    turn_id: id,
    cwd: "/home/dev",
    approval_policy: "never",
    sandbox_policy: { type: "read-only" },
    model: "m",
    effort: "high",
    summary: "auto",
    ...fields
  })
const asked = (message: string) => event("user_message", { message })
const said = (message: string) => event("agent_message", { message, phase: "final_answer" })
const userItem = lineOf("response_item", {
  type: "message",
  role: "user",
  content: [{ type: "input_text", text: "hello there, you" }]
})
const tool = lineOf("response_item", { type: "function_call", name: "f", arguments: "{}", call_id: "c1" })
const settings = event("thread_settings_applied", { thread_settings: { model: "m", approval_policy: "never" } })

/** A turn of seven lines and whatever is in it besides. */
const turn = (id: string, ...more: ReadonlyArray<string>) => [
  started(id),
  context(id),
  userItem,
  asked(`go ${id}`),
  ...more,
  said("so"),
  counted(7),
  completed(id)
]

/** Takes the rollout in chunks, and tells the same as reading it line by line; how many lines each skimming took. */
const taken = (bytes: Uint8Array, mode: HistoryMode = "legacy", size = bytes.length): ReadonlyArray<number> => {
  const lines = readLines(bytes)
  const full = SessionProjection.make(metaOf(lines), mode)
  for (const line of lines) full.step(line, 0)
  const projection = SessionProjection.make(metaOf(lines), mode)
  const counts = skimInto(projection, bytes, size)
  if (!projection.isUncertain()) assert.deepStrictEqual(told(projection), told(full))
  return counts
}

const rollout = (lines: ReadonlyArray<string>, options: Parameters<typeof linesOf>[1] = {}) =>
  Uint8Array.from([...linesOf([], options), ...bytesOf(`${lines.join("\n")}\n`)])

/** Are these lines, behind a turn in which the user spoke first, taken at once? */
const isTaken = (lines: ReadonlyArray<string>, mode?: HistoryMode) =>
  taken(rollout([...turn("T1"), ...lines]), mode).at(-1) === lines.length

describe("turns that lie in a chunk from beginning to end", () => {
  it("are taken at once", () => {
    const lines = [...turn("T2"), ...turn("T3", thought("a"), tool, thought("b")), ...turn("T4", context("T4"))]
    for (const mode of ["legacy", "paginated"] as const) assert.isTrue(isTaken(lines, mode))
  })

  it("are taken with all that may be in their lines, and without all that may be missing", () => {
    const root = { root_turn_id: "R — ü" }
    const bare = { started_at: undefined, model_context_window: null, root_turn_id: null }
    for (const lines of [
      [started("Tü 😀", root), said("so"), completed("Tü 😀", { ...root, started_at: 5 })],
      [
        started("T2", bare),
        completed("T2", { completed_at: null, duration_ms: undefined, last_agent_message: null, error: null })
      ],
      [started("T2"), completed("T2")],
      [started("T".repeat(510)), completed("T".repeat(510))],
      [started("T2"), event("agent_reasoning", { text: "" }), thought("a"), completed("T2")],
      [started("T2"), said(""), completed("T2"), started("T2"), said("again"), completed("T2")],
      [...turn("T2"), ...turn("T3")].map((line, at) => line.replace('"type"', `"ordinal":${at + 20},"type"`))
    ]) {
      assert.isTrue(isTaken(lines), lines.join("\n"))
    }
  })

  it("are taken as far as they are as they should be", () => {
    for (const [lines, count] of [
      [[...turn("T2"), ...turn("T3").slice(0, -1)], 7],
      [[...turn("T2", thought("a")), started("T3"), thought("open"), started("T4"), completed("T4")], 8],
      [[...turn("T2"), event("thread_rolled_back", { num_turns: 1 }), ...turn("T3")], 7]
    ] as const) {
      assert.include(taken(rollout([...turn("T1"), ...lines])), count)
    }
  })

  it("leave nothing behind when they are not taken", () => {
    const open = [started("T3"), context("T3"), userItem, thought("a"), counted(99), said("not yet")]
    const marked = open.map((line) => line.replace('"type"', '"ordinal":77,"type"'))
    for (const lines of [open, marked]) {
      taken(rollout([...turn("T1"), ...turn("T2"), ...lines]))
      taken(rollout([...turn("T1"), ...turn("T2"), ...lines, event("turn_aborted", { turn_id: "T3" })]))
    }
  })

  for (const [what, lines] of [
    ["that is another's end", [started("T2"), said("so"), completed("T9")]],
    ["that is the end of a longer name", [started("T2"), said("so"), completed("T22")]],
    ["that failed", [started("T2"), said("so"), completed("T2", { error: { message: "no" } })]],
    ["with an end that names nothing", [started("T2"), said("so"), completed("T2", { turn_id: undefined })]],
    ["with a last message that is none", [started("T2"), said("so"), completed("T2", { last_agent_message: 5 })]],
    ["with a name that is spelled with an escape", [started('T"2'), said("so"), completed('T"2')]],
    ["with a very long name", [started("T".repeat(511)), said("so"), completed("T".repeat(511))]],
    ["with a root that is spelled with an escape", [started("T2", { root_turn_id: "\t" }), completed("T2")]],
    ["with an end's root that is no text", [started("T2"), completed("T2", { root_turn_id: 5 })]],
    ["without a name", [started(""), said("so"), completed("")]],
    ["that began at no time", [started("T2", { started_at: -1 }), completed("T2")]],
    ["with a window that is none", [started("T2", { model_context_window: 1.5 }), completed("T2")]],
    ["that ended at no time", [started("T2"), completed("T2", { completed_at: 0.5 })]],
    ["that took no time that can be told", [started("T2"), completed("T2", { duration_ms: "5" })]],
    ["with an end that began at no time", [started("T2"), completed("T2", { started_at: -1 })]],
    ["that runs elsewhere", [started("T2"), context("T2", { cwd: "/home/other" }), completed("T2")]],
    ["with another model", [started("T2"), context("T2", { model: "n" }), completed("T2")]],
    ["with another effort", [started("T2"), context("T2", { effort: "low" }), completed("T2")]],
    ["without its effort", [started("T2"), context("T2", { effort: null }), completed("T2")]],
    ["with another policy", [started("T2"), context("T2", { approval_policy: "on-request" }), completed("T2")]],
    ["with a reviewer", [started("T2"), context("T2", { approvals_reviewer: "user" }), completed("T2")]],
    ["with settings that have no summary", [started("T2"), context("T2", { summary: undefined }), completed("T2")]],
    ["with another kind of sandbox", [started("T2"), context("T2", { sandbox_policy: "none" }), completed("T2")]],
    ["without a sandbox", [started("T2"), context("T2", { sandbox_policy: undefined }), completed("T2")]],
    [
      "in which something attached is sent",
      [started("T2"), event("user_message", { message: "go", images: ["data:x"] }), completed("T2")]
    ],
    [
      "in which a command ran",
      [
        started("T2"),
        event("exec_command_end", { turn_id: "T2", call_id: "c", command: ["ls"], cwd: "/" }),
        completed("T2")
      ]
    ],
    ["that another begins in", [started("T2"), started("T3"), completed("T3")]]
  ] as const) {
    it(`is not taken ${what}`, () => {
      assert.isFalse(isTaken(lines))
    })
  }

  it("are looked at one by one until the first words are known", () => {
    const silent = [started("T1"), context("T1"), counted(1), completed("T1")]
    assert.notInclude(taken(rollout([...silent, ...silent])), silent.length)
  })

  it("are looked at one by one where settings were changed before, and not from then on", () => {
    const counts = taken(rollout([...turn("T1"), settings, ...turn("T2"), ...turn("T3")]))
    assert.deepStrictEqual([counts.includes(14), counts.at(-1)], [false, 7])
    const first = taken(rollout([started("T1"), asked("go"), completed("T1"), ...turn("T2"), ...turn("T3")]))
    assert.deepStrictEqual([first.includes(14), first.at(-1)], [false, 7])
  })

  it("are not looked for behind the last line, where another rollout was before", () => {
    // In the same table: first lines of every kind of length, a turn begun behind as many as the next rollout has.
    const next = [
      ...turn("T1"),
      started("T2"),
      ...Array.from({ length: 12 }, (_, n) => counted(3_000_001 + n)),
      completed("T2")
    ]
    for (let thoughts = 0; thoughts <= next.length; thoughts++) {
      const items = Array.from({ length: next.length - thoughts }, () => tool)
      const before = [...Array.from({ length: thoughts }, () => thought("hm")), ...items]
      for (const counts of [0, 1, 2, 3, 4, 5, 6]) {
        const lines = before.map((line, at) => (at >= thoughts && at < thoughts + counts ? counted(9) : line))
        taken(rollout([...lines, started("T9"), asked("x")]))
        taken(rollout(next))
      }
    }
  })

  it("are looked at one by one where the settings before name nothing that has to be named", () => {
    const before = [started("T1"), context("T1", { approval_policy: null }), asked("go"), completed("T1")]
    const lines = [started("T2"), context("T2", { approval_policy: undefined }), completed("T2")]
    taken(rollout([...before, ...lines, asked("and on")]))
    assert.notStrictEqual(taken(rollout([...before, ...lines])).at(-1), lines.length)
  })

  it("are compared by settings however those are spelled, unless they are very long", () => {
    for (const [model, isTaken] of [
      ['m "and" more', true],
      ["m".repeat(5000), false]
    ] as const) {
      const before = [started("T1"), context("T1", { model }), asked("go"), completed("T1")]
      const lines = [started("T2"), context("T2", { model }), completed("T2")]
      assert.strictEqual(taken(rollout([...before, ...lines])).at(-1) === lines.length, isTaken)
    }
  })

  it("are looked at one by one in a fork until a turn is its own", () => {
    const forked = { meta: { forked_from_id: uuidAt(0, 1), timestamp: "2026-03-01T10:00:00.000Z" } }
    const early = { started_at: 1000 }
    const source = [started("T1", early), asked("go"), completed("T1"), started("T2", early), completed("T2")]
    const counts = taken(rollout([...source, ...turn("T3"), ...turn("T4")], forked))
    assert.notInclude(counts, 2)
  })

  it("are looked at one by one behind what belongs to none of them, and what waits for one", () => {
    assert.isFalse(isTaken([userItem, ...turn("T2")]))
    const review = event("item_completed", {
      turn_id: "T2",
      item: { type: "EnteredReviewMode", id: "r1", review: "changes" }
    })
    assert.isFalse(isTaken([review, ...turn("T2")], "paginated"))
  })

  it("are as many as there is room for what they say", () => {
    const large = "x".repeat(300_000)
    const lines = ["T2", "T3", "T4"].flatMap((id) => [started(id), said(large), completed(id)])
    const counts = taken(rollout([...turn("T1"), ...lines]))
    assert.isAbove(counts.length, 2)
  })

  it("tell of each what is filed, and of all together", () => {
    const table = LineTable.borrow() ?? assert.fail("no WebAssembly")
    const lines = [...turn("T2", tool), ...turn("T3", thought("a")), started("T4"), userItem]
    const bytes = bytesOf(`${lines.join("\n")}\n`)
    table.lay(bytes, 0)
    assert.strictEqual(table.look(), lines.length)
    const reference = ["/home/dev", "m", "high", "never", ""].map((text) =>
      bytesOf(text === "" ? "" : JSON.stringify(text))
    )
    const found = table.turns(0, lines.length, { nextItem: 9, reference }, 20, 5000)
    assert.deepStrictEqual(
      [found.lines, found.items, found.ordinal, [...found.filed.lines], [...found.filed.users]],
      [16, 5, -1, [22, 24, 30], [4, 0, 4]]
    )
    const [first, second] = found.turns
    assert.deepStrictEqual(
      [first?.line, first?.offset, first?.length, first?.items, first?.filedTo, first?.begun, first?.ended],
      [20, 5000, lines[0]?.length, 2, 2, 0, 7]
    )
    assert.deepStrictEqual([second?.line, second?.items, second?.filedTo, second?.ended], [28, 3, 3, 15])
    assert.strictEqual(second?.end, found.printed.length)
    assert.isTrue(new TextDecoder().decode(found.printed.subarray(first?.end)).startsWith(',{"id":"T3"'))
    assert.strictEqual(table.turns(0, lines.length, { nextItem: 9, reference: null }, 20, 5000).lines, 0)
    table.giveBack()
  })

  const Mode = Schema.Literals(["legacy", "paginated"])
  const Size = Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 20_000 }))
  const Part = Schema.Union([
    Schema.Struct({ usual: Schema.Literals(["turn", "short turn", "item", "rollback", "settings"]) }),
    Schema.Struct({
      usual: Schema.Literals(["turn", "open turn"]),
      lines: Schema.Array(Line).check(Schema.isMaxLength(4))
    })
  ])
  const fine: Line["twist"] = { does: "nothing" }
  const begins = (turn: number): Line => ({
    kind: { is: "task_started", turn, at: 1_772_359_200, window: 1000 },
    twist: fine
  })
  const ends = (turn: number): Line => ({
    kind: { is: "task_complete", turn, at: 1_772_359_260, took: 60_000, last: { said: "hello" } },
    twist: fine
  })
  const under: Line = {
    kind: { is: "turn_context", model: { said: "hello" }, cwd: { said: "hello" }, reviewer: "user" },
    twist: fine
  }
  const speaks: Line = {
    kind: {
      is: "user_message",
      text: { said: "hello" },
      images: "none",
      local_images: "none",
      audio: "none",
      elements: "none"
    },
    twist: fine
  }
  it.prop(
    "come to what their lines come to, whatever else there is",
    { parts: Schema.Array(Part).check(Schema.isMaxLength(12)), mode: Mode, size: Size, forked: Schema.Boolean },
    ({ forked, mode, parts, size }) => {
      const lines = parts.flatMap((part, at): ReadonlyArray<Line> => {
        const number = at % 10
        const others = "lines" in part ? part.lines : []
        switch (part.usual) {
          case "turn":
            return [begins(number), under, speaks, ...others, ends(number)]
          case "open turn":
            return [begins(number), under, ...others]
          case "short turn":
            return [begins(number), ends(number)]
          case "item":
            return [{ kind: { is: "userItem", text: "hello" }, twist: fine }]
          case "rollback":
            return [{ kind: { is: "thread_rolled_back", turns: 1 }, twist: fine }]
          case "settings":
            return [{ ...under, kind: { is: "turn_context", model: { said: "hello" }, cwd: { said: "hello" } } }]
        }
      })
      const meta = forked ? { meta: { forked_from_id: uuidAt(0, 1) } } : {}
      taken(linesOf([begins(9), under, speaks, ends(9), ...lines], meta), mode, size)
    },
    { arbitrary: { runs: 1000, size: 30 } }
  )
})
