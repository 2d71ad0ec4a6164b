/**
 * The three projections together: what is shown, what is counted and what the model receives agree; damage
 * stays where it is; and skimming is as good as reading whenever it says so.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { ReadLine, RolloutRecord } from "../../src/domain/RolloutLine.ts"
import { isRecord } from "../../src/domain/Json.ts"
import {
  abort,
  aitem,
  am,
  C,
  item,
  lastOf,
  type Projected,
  project,
  rb,
  readLines,
  S,
  script,
  type Step,
  U,
  uitem,
  um
} from "../support/Script.ts"

const Story = Schema.Array(
  Schema.Union([
    Schema.Struct({
      does: Schema.Literal("turn"),
      explicit: Schema.Boolean,
      usage: Schema.Boolean,
      tools: Schema.Boolean,
      ends: Schema.Literals(["completed", "interrupted", "open"])
    }),
    Schema.Struct({
      does: Schema.Literal("rollback"),
      turns: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))
    })
  ])
).check(Schema.isMaxLength(14))
type Chapter = (typeof Story.Type)[number]

/** What a story should come to: each surviving turn with what was said in it, and what it spent last. */
interface Told {
  readonly said: Array<string>
  spent: number | null
  /** Explicit, and not ended by a completion: what is said next is said in it. */
  open: boolean
}

const reasoning = item("reasoning", { summary: [], encrypted_content: "x".repeat(200) })
const call = item("function_call", { name: "f", arguments: "{}", call_id: "c" })

/** The steps of a chapter. Every text is its own, and so is every total. */
const write = (chapter: Chapter, n: number): ReadonlyArray<Step> => {
  if (chapter.does === "rollback") return [rb(chapter.turns)]
  const { ends, explicit, tools, usage } = chapter
  return [
    ...(explicit ? [S(`T${n}`)] : []),
    uitem(`u${n}`),
    um(`u${n}`),
    ...(tools ? [reasoning, call] : []),
    aitem(`a${n}`),
    am(`a${n}`),
    ...(usage ? [U(100 + n)] : []),
    ...(explicit && ends === "completed" ? [C(`T${n}`)] : []),
    ...(explicit && ends === "interrupted" ? [abort(`T${n}`)] : [])
  ]
}

/** The same told by a model of its own: a stack of turns. */
const expected = (story: ReadonlyArray<Chapter>) => {
  let turns: Array<Told> = []
  let total: number | null = null
  for (const [n, chapter] of story.entries()) {
    if (chapter.does === "rollback") {
      turns = turns.slice(0, Math.max(0, turns.length - chapter.turns)).map((turn) => ({ ...turn, open: false }))
      continue
    }
    const last = turns.at(-1)
    const steered = !chapter.explicit && (last?.open ?? false)
    const turn: Told =
      steered && last !== undefined
        ? last
        : { said: [], spent: null, open: chapter.explicit && chapter.ends !== "completed" }
    if (!steered) turns.push(turn)
    turn.said.push(`u${n}`, `a${n}`)
    if (chapter.usage) {
      total = 100 + n
      turn.spent = total
    }
  }
  return { turns, total }
}

/** What each turn shows. */
const shown = (session: Projected): ReadonlyArray<ReadonlyArray<string>> =>
  session.turns.map(({ turn }) =>
    turn.items.flatMap((item) =>
      item.type === "agentMessage"
        ? [item.text]
        : item.type === "userMessage"
          ? item.content.flatMap((part) => (part.type === "text" ? [part.text] : []))
          : []
    )
  )

const messageOf = (record: RolloutRecord | undefined): ReadonlyArray<string> => {
  if (record?._tag !== "ResponseItem") return []
  const { content } = record.item.item
  const parts: ReadonlyArray<unknown> = Array.isArray(content) ? content : []
  return parts.flatMap((part) => (isRecord(part) && typeof part.text === "string" ? [part.text] : []))
}

/** What the model receives, messages only. */
const received = (session: Projected, lines: ReadonlyArray<ReadLine>): ReadonlyArray<string> => {
  const records = new Map(lines.flatMap(({ line }) => (line === null ? [] : [[line.line, line.record] as const])))
  return session.context.entries.flatMap(({ at }) => messageOf(records.get(at.line)))
}

/** The parts of a session that do not tell of damage. */
const facts = ({ context, name, openings, preview, settings, turns, usage }: Projected) => ({
  turns: turns.map(({ explicit, turn }) => ({ explicit, turn })),
  opened: openings.map(({ id }) => id),
  items: context.entries.map(({ kind }) => kind),
  usage,
  settings,
  preview,
  name
})

describe("after any turns and rollbacks", () => {
  it.prop(
    "what is shown, what is counted and what the model receives are the same turns",
    { story: Story },
    ({ story }) => {
      const { bytes } = script(story.flatMap(write)).build()
      const session = project(bytes)
      const { total, turns } = expected(story)

      assert.deepStrictEqual(
        shown(session),
        turns.map(({ said }) => said)
      )
      assert.deepStrictEqual(
        received(session, readLines(bytes)),
        turns.flatMap(({ said }) => said)
      )

      if (total === null) return assert.isNull(session.usage)
      assert.strictEqual(session.usage?.info.total.totalTokens, BigInt(total))
      const spender = turns.findLast(({ spent }) => spent !== null)
      const owner = spender === undefined ? null : session.turns[turns.indexOf(spender)]?.turn.id
      assert.strictEqual(session.usage?.owner, owner)
      if (spender !== undefined) assert.strictEqual(session.usage?.info.last.totalTokens, lastOf(spender.spent ?? 0))
    }
  )

  it.prop(
    "skimming tells the same whenever it is certain, and is certain without implied turns",
    { story: Story },
    ({ story }) => {
      const { bytes } = script(story.flatMap(write)).build()
      const skimmed = project(bytes, { skims: true })
      const full = project(bytes)
      assert.isFalse(full.uncertain)
      if (!skimmed.uncertain) assert.deepStrictEqual({ ...skimmed, uncertain: false }, full)
      if (story.every((chapter) => chapter.does === "rollback" || chapter.explicit)) assert.isFalse(skimmed.uncertain)
    }
  )

  it.prop("also where what was skipped is not what it seems", { story: Story, at: Schema.Natural }, ({ at, story }) => {
    // A call without what every call has: a line that looks like an item and is none.
    const hollow = item("function_call", { pad: "x".repeat(80) })
    const steps = story.flatMap(write)
    const where = at % (steps.length + 1)
    const { bytes } = script([...steps.slice(0, where), hollow, ...steps.slice(where)]).build()
    const skimmed = project(bytes, { skims: true })
    if (skimmed.uncertain) return
    assert.deepStrictEqual(facts(skimmed).turns, facts(project(bytes)).turns)
    assert.deepStrictEqual(skimmed.usage, project(bytes).usage)
  })

  it("is uncertain of an implied turn's id behind such a line, for the line may not count", () => {
    const { bytes } = script([um("one"), item("function_call", { pad: "x".repeat(80) }), um("two")]).build()
    assert.isTrue(project(bytes, { skims: true }).uncertain)
    assert.deepStrictEqual<unknown>(
      project(bytes).turns.map(({ turn }) => turn.id),
      ["rollout-1", "rollout-2"]
    )
  })

  it.prop("a fork tells the same turns, and twice a fork the same again", { story: Story }, ({ story }) => {
    const source = script(story.flatMap(write))
    const once = source.fork()
    for (const copy of [once, once.fork()]) {
      assert.deepStrictEqual(shown(project(copy)), shown(project(source)))
      assert.deepStrictEqual(project(copy).usage?.info, project(source).usage?.info)
      assert.deepStrictEqual(project(copy).context.entries.length, project(source).context.entries.length)
    }
  })
})

const Damage = Schema.Union([
  Schema.Struct({ does: Schema.Literal("delete") }),
  Schema.Struct({
    does: Schema.Literal("flip"),
    at: Schema.Natural,
    mask: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 }))
  }),
  Schema.Struct({ does: Schema.Literal("truncate"), at: Schema.Natural }),
  Schema.Struct({
    does: Schema.Literal("replace"),
    by: Schema.Union([
      Schema.Literals(["", "5", "null", "[]", "{}", "not json", "\0\0\0", '{"type":"event_msg"}', "\ud800", "   "]),
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
    ])
  })
])

const NEWLINE = 0x0a
const withoutNewlines = (bytes: Uint8Array) => bytes.map((byte) => (byte === NEWLINE ? 0x20 : byte))

/** The line's bytes after the damage; null when it is gone with its end. */
const harm = (line: Uint8Array, damage: typeof Damage.Type): Uint8Array | null => {
  switch (damage.does) {
    case "delete":
      return null
    case "flip": {
      const at = damage.at % line.length
      return withoutNewlines(line.map((byte, index) => (index === at ? byte ^ damage.mask : byte)))
    }
    case "truncate":
      return line.slice(0, damage.at % line.length)
    case "replace":
      return withoutNewlines(
        typeof damage.by === "string" ? new TextEncoder().encode(damage.by) : Uint8Array.from(damage.by)
      )
  }
}

const join = (lines: ReadonlyArray<Uint8Array>): Uint8Array =>
  Uint8Array.from(lines.flatMap((line) => [...line, NEWLINE]))

// Every kind of line, in turns that name themselves.
const whole = script([
  S("T1"),
  uitem("u1"),
  um("u1"),
  reasoning,
  call,
  item("function_call_output", { call_id: "c", output: "o".repeat(100) }),
  aitem("a1"),
  am("a1"),
  U(120),
  C("T1"),
  S("T2"),
  uitem("u2"),
  um("u2"),
  U(360),
  abort("T2"),
  S("T3"),
  um("u3"),
  am("a3"),
  C("T3"),
  rb(1),
  S("T4"),
  uitem("u4"),
  um("u4"),
  aitem("a4"),
  am("a4"),
  U(500),
  C("T4")
]).build()
const lines = whole.content
  .trimEnd()
  .split("\n")
  .map((line) => new TextEncoder().encode(line))

describe("damage to one line", () => {
  const Line = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: lines.length - 1 }))

  it.prop(
    "changes nothing but what that line says",
    { at: Line, damage: Damage },
    ({ at, damage }) => {
      const harmed = harm(lines[at] ?? new Uint8Array(), damage)
      const rest = lines.filter((_, index) => index !== at)
      const damaged = harmed === null ? join(rest) : join(lines.map((line, index) => (index === at ? harmed : line)))
      const read = readLines(damaged)

      // The other lines are read as before.
      const others = harmed === null ? read : read.filter((_, index) => index !== at)
      assert.deepStrictEqual(
        others.map(({ line }) => line?.record),
        readLines(join(rest)).map(({ line }) => line?.record)
      )
      // And a line that says nothing any more is as good as none.
      if (harmed === null || read[at]?.line === null) {
        assert.deepStrictEqual(facts(project(damaged)), facts(project(join(rest))))
      }
      // Skimming tells the same turns and figures, whatever is wrong with what it skips.
      const skimmed = project(damaged, { skims: true })
      assert.deepStrictEqual(facts(skimmed).turns, facts(project(damaged)).turns)
      assert.deepStrictEqual(skimmed.usage, project(damaged).usage)
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop(
    "a line that lost its end takes the next one with it, and no other",
    { at: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: lines.length - 2 })), cut: Schema.Natural },
    ({ at, cut }) => {
      const line = lines[at] ?? new Uint8Array()
      const torn = line.slice(0, 1 + (cut % (line.length - 1)))
      const glued = Uint8Array.from([...torn, ...(lines[at + 1] ?? [])])
      const damaged = join([...lines.slice(0, at), glued, ...lines.slice(at + 2)])
      const without = join([...lines.slice(0, at), ...lines.slice(at + 2)])
      assert.deepStrictEqual(facts(project(damaged)), facts(project(without)))
      const skimmed = project(damaged, { skims: true })
      assert.deepStrictEqual(facts(skimmed).turns, facts(project(without)).turns)
      assert.deepStrictEqual(skimmed.usage, project(without).usage)
    }
  )

  it.prop(
    "a file that ends anywhere is read up to there",
    {
      length: Schema.Int.check(Schema.isBetween({ minimum: (lines[0]?.length ?? 0) + 1, maximum: whole.bytes.length }))
    },
    ({ length }) => {
      const torn = whole.bytes.slice(0, length)
      const complete = torn.slice(0, torn.lastIndexOf(NEWLINE) + 1)
      const tail = torn.slice(complete.length)
      const kept = readLines(torn).at(-1)?.line === null || tail.length === 0 ? complete : torn
      assert.deepStrictEqual(facts(project(torn)), facts(project(kept)))
      assert.isAtMost(project(torn).diagnosticCount, 1)
    }
  )

  it("every finding tells its line", () => {
    const damaged = join(lines.map((line, index) => (index === 4 || index === 9 ? line.slice(0, 10) : line)))
    assert.deepStrictEqual(
      project(damaged).diagnostics.map(({ line, reason }) => [line, reason]),
      [
        [5, "malformed"],
        [10, "malformed"]
      ]
    )
  })

  it("findings beyond a thousand are counted", () => {
    const junk: Step = (builder) => builder.raw("x\n".repeat(1500))
    const session = project(script([um(), junk]))
    assert.strictEqual(session.diagnostics.length, 1000)
    assert.strictEqual(session.diagnosticCount, 1500)
    assert.strictEqual(session.lines, 1502)
  })
})
