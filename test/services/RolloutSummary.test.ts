/**
 * What a list takes from a rollout in one pass is what two readings of every line find, whatever is odd about the lines;
 * and a line that is passed over for its first bytes has nothing to say.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import type { RolloutRecord } from "../../src/domain/RolloutLine.ts"
import { makeFactsFold } from "../../src/services/FactsFold.ts"
import * as CatalogLine from "../../src/services/CatalogLine.ts"
import { scanFacts } from "../../src/services/RolloutScan.ts"
import { summaryIn } from "../../src/services/RolloutSummary.ts"
import { makeHeadFold } from "../../src/services/ThreadHead.ts"
import { rollout, uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { bytesOf, rawLines, readLines } from "../support/Script.ts"
import { Line, linesOf } from "../support/SkimLines.ts"

const threadId = uuidAt(Date.UTC(2026, 2, 1, 10), 1)
const other = uuidAt(Date.UTC(2026, 2, 1, 10), 2)
const Whose = Schema.Literals(["own", "other"])

/** Lines that change the facts of a thread, as Codex writes them or nearly so. */
const Fact = Schema.Struct({
  fact: Schema.Union([
    Schema.Struct({
      is: Schema.Literal("meta"),
      whose: Whose,
      git: Schema.Literals(["none", "null", "{}", "main", "other"])
    }),
    Schema.Struct({ is: Schema.Literal("name"), whose: Whose, name: Schema.Literals(["none", "null", "one", "two"]) }),
    Schema.Struct({
      is: Schema.Literal("settings"),
      model: Schema.Literals(["none", "m1", "m2"]),
      effort: Schema.Literals(["none", "low"]),
      cwd: Schema.Literals(["none", "/elsewhere"])
    }),
    Schema.Struct({
      is: Schema.Literal("context"),
      model: Schema.Literals(["m3", "m4", 5]),
      effort: Schema.Literals(["none", "null", "high"])
    }),
    Schema.Struct({
      is: Schema.Literal("said"),
      text: Schema.Literals(["", "first", "later", "<environment_context>"])
    }),
    Schema.Struct({ is: Schema.Literal("item"), text: Schema.Literals(["", "typed", "<environment_context>x"]) }),
    Schema.Struct({ is: Schema.Literal("agent"), text: Schema.Literals(["", "yes"]) })
  ]),
  form: Schema.Literals(["as written", "with spaces", "with an ordinal", "type first", "with a return", "torn"])
})
type Fact = typeof Fact.Type

const optional = (key: string, value: string | number): object =>
  value === "none" ? {} : { [key]: value === "null" ? null : value }

const gitOf = (git: string): object => {
  if (git === "none") return {}
  return { git: git === "null" ? null : git === "{}" ? {} : { branch: git, commit_hash: "abc" } }
}

const payloadOf = ({ fact }: Fact): readonly [type: string, payload: object] => {
  switch (fact.is) {
    case "meta": {
      const id = fact.whose === "own" ? threadId : other
      const meta = { id, timestamp: "2026-03-01T10:00:00Z", cwd: "/", originator: "o", cli_version: "1" }
      return ["session_meta", { ...meta, ...gitOf(fact.git) }]
    }
    case "name": {
      const thread_id = fact.whose === "own" ? threadId : other
      return ["event_msg", { type: "thread_name_updated", thread_id, ...optional("thread_name", fact.name) }]
    }
    case "settings": {
      const settings = { ...optional("model", fact.model), ...optional("cwd", fact.cwd) }
      const thread_settings = { ...settings, ...optional("reasoning_effort", fact.effort) }
      return ["event_msg", { type: "thread_settings_applied", thread_settings }]
    }
    case "context": {
      const policy = { approval_policy: "never", sandbox_policy: { type: "read-only" }, summary: "auto" }
      return ["turn_context", { cwd: "/", ...policy, model: fact.model, ...optional("effort", fact.effort) }]
    }
    case "said":
      return ["event_msg", { type: "user_message", message: fact.text }]
    case "agent":
      return ["event_msg", { type: "agent_message", message: fact.text }]
    case "item": {
      const content = [{ type: "input_text", text: fact.text }]
      return ["response_item", { type: "message", role: "user", content }]
    }
  }
}

const textOf = (line: Fact): string => {
  const [type, payload] = payloadOf(line)
  const timestamp = "2026-03-01T10:00:00.000Z"
  const text = JSON.stringify({ timestamp, type, payload })
  switch (line.form) {
    case "as written":
      return text
    case "with spaces":
      return JSON.stringify({ timestamp, type, payload }, null, 1).replaceAll("\n", " ")
    case "with an ordinal":
      return JSON.stringify({ timestamp, ordinal: 7, type, payload })
    case "type first":
      return JSON.stringify({ type, timestamp, payload })
    case "with a return":
      return `${text}\r`
    case "torn":
      return text.slice(0, -3)
  }
}

const Lines = Schema.Array(Schema.Union([Line, Fact])).check(Schema.isMaxLength(12))
const History = Schema.Literals(["legacy", "paginated"])
/** What a rollout begins with, and how it ends. */
const Frame = Schema.Struct({
  begins: Schema.Literals(["with its session", "with another line"]),
  ends: Schema.Literals(["whole", "without an end"])
})

const isFact = (line: Line | Fact): line is Fact => "fact" in line

const bytesOfLines = (
  lines: ReadonlyArray<Line | Fact>,
  history: typeof History.Type,
  { begins, ends }: typeof Frame.Type
): Uint8Array => {
  const options = { threadId, history, git: { branch: "main" } } as const
  const first = rollout(options).build().bytes
  const parts = lines.map((line) =>
    isFact(line) ? bytesOf(`${textOf(line)}\n`) : linesOf([line], options).subarray(first.length)
  )
  const all = begins === "with its session" ? [first, ...parts] : [bytesOf("{}\n"), ...parts]
  const bytes = Uint8Array.from(all.flatMap((part) => Array.from(part)))
  return ends === "whole" ? bytes : bytes.subarray(0, -1)
}

/** The head, and the facts, as every line read by itself gives them. */
const plainly = (bytes: Uint8Array) => {
  const head = makeHeadFold()
  const facts = makeFactsFold(null)
  let done = false
  for (const [number, { line }] of readLines(bytes).entries()) {
    const raw = rawLines(bytes)[number]
    if (!done) done = head.step(line, (raw?.offset ?? 0) + (raw?.length ?? 0))
    if (line !== null) facts.step(line)
  }
  return { head: head.finish(), isDone: done, facts: facts.facts() }
}

const says = (record: RolloutRecord | undefined, ...types: ReadonlyArray<string>): boolean =>
  record?._tag === "Event" ? types.includes(record.event.type) : types.includes(record?._tag ?? "")

const settingsAndNames = ["SessionMeta", "thread_name_updated", "thread_settings_applied"]

describe("a rollout's summary", () => {
  it.effect.prop(
    "is what every line read by itself gives",
    { lines: Lines, history: History, frame: Frame },
    ({ frame, history, lines }) =>
      Effect.gen(function* () {
        const bytes = bytesOfLines(lines, history, frame)
        const plain = plainly(bytes)
        const { head, scanned } = summaryIn(bytes, true)
        assert.deepStrictEqual(scanned, yield* scanFacts(Stream.make(bytes), null))
        assert.deepStrictEqual(scanned?.facts, plain.facts)
        const settings = plain.facts?.settings ?? plain.head?.settings
        assert.deepStrictEqual(head, plain.head === null ? null : { ...plain.head, settings })
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect.prop(
    "of the first bytes is that of the whole, or not there",
    { lines: Lines, history: History, frame: Frame, cut: Schema.Natural },
    ({ cut, frame, history, lines }) =>
      Effect.sync(() => {
        const bytes = bytesOfLines(lines, history, frame)
        const some = bytes.subarray(0, cut % bytes.length)
        const { head, scanned } = summaryIn(some, false)
        assert.isNull(scanned)
        const plain = plainly(bytes)
        if (head !== undefined) assert.deepStrictEqual(head, plain.head)
        else assert.isFalse(plainly(some.subarray(0, some.lastIndexOf(0x0a) + 1)).isDone)
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop(
    "passes over no line that says something",
    { lines: Lines, history: History, frame: Frame },
    ({ frame, history, lines }) =>
      Effect.sync(() => {
        const bytes = bytesOfLines(lines, history, frame)
        const read = readLines(bytes)
        for (const [number, { length, offset }] of rawLines(bytes).entries()) {
          const kind = CatalogLine.kindOf(bytes, offset, offset + length)
          const record = read[number]?.line?.record
          if (kind === CatalogLine.unknown || kind === CatalogLine.factual) continue
          assert.isFalse(says(record, ...settingsAndNames))
          if (kind !== CatalogLine.context) assert.isFalse(says(record, "TurnContext"))
          if (kind !== CatalogLine.words) {
            assert.isFalse(says(record, "user_message", "agent_message", "item_completed"))
          }
          if (kind !== CatalogLine.item) assert.isFalse(says(record, "ResponseItem", "BareItem"))
        }
      }),
    { arbitrary: { runs: 300 } }
  )

  const fact = (line: Fact["fact"]): Fact => ({ fact: line, form: "as written" })
  const context = (model: "m3" | "m4" | 5) => fact({ is: "context", model, effort: "none" })
  const examples: ReadonlyArray<readonly [string, typeof Frame.Type.begins, ReadonlyArray<Fact>]> = [
    ["the last settings of a turn count", "with its session", [context("m3"), context("m4")]],
    ["the last that are understood", "with its session", [context("m3"), context("m4"), context(5)]],
    [
      "settings of the thread come between those of turns",
      "with its session",
      [context("m3"), fact({ is: "settings", model: "none", effort: "low", cwd: "none" }), context(5)]
    ],
    [
      "a head ends with what is said behind the session",
      "with another line",
      [
        fact({ is: "said", text: "first" }),
        fact({ is: "meta", whose: "own", git: "main" }),
        fact({ is: "item", text: "typed" }),
        fact({ is: "meta", whose: "own", git: "other" })
      ]
    ],
    [
      "an item counts where no event tells the same",
      "with its session",
      [fact({ is: "item", text: "" }), fact({ is: "item", text: "typed" }), fact({ is: "agent", text: "yes" })]
    ]
  ]
  for (const [title, begins, lines] of examples) {
    it(`is the same where ${title}`, () => {
      const bytes = bytesOfLines(lines, "legacy", { begins, ends: "whole" })
      const plain = plainly(bytes)
      const { head, scanned } = summaryIn(bytes, true)
      assert.deepStrictEqual(scanned?.facts, plain.facts)
      assert.deepStrictEqual([head?.said, head?.meta.git], [plain.head?.said, plain.head?.meta.git])
    })
  }

  for (const [type, payload, kind] of [
    ["response_item", { type: "reasoning" }, CatalogLine.item],
    ["event_msg", { type: "token_count" }, CatalogLine.other],
    ["event_msg", { type: "user_message" }, CatalogLine.words],
    ["event_msg", { type: "agent_message" }, CatalogLine.words],
    ["event_msg", { type: "item_completed" }, CatalogLine.words],
    ["event_msg", { type: "thread_name_updated" }, CatalogLine.factual],
    ["event_msg", { type: "thread_settings_applied" }, CatalogLine.factual],
    ["event_msg", { message: "its type is elsewhere" }, CatalogLine.unknown],
    ["turn_context", { cwd: "/" }, CatalogLine.context],
    ["session_meta", { id: threadId }, CatalogLine.unknown],
    ["token_usage_record", { usage: {} }, CatalogLine.other],
    ["compacted", { message: "in short" }, CatalogLine.other],
    ["world_state", {}, CatalogLine.other]
  ] as const) {
    it(`knows ${type} ${JSON.stringify(payload)} by its first bytes, with an ordinal and without`, () => {
      const timestamp = "2026-03-01T10:00:00.000Z"
      for (const line of [
        { timestamp, type, payload },
        { timestamp, ordinal: 12, type, payload }
      ]) {
        const bytes = bytesOf(`${JSON.stringify(line)}\n`)
        assert.strictEqual(CatalogLine.kindOf(bytes, 0, bytes.length - 1), kind)
      }
    })
  }
})
