/**
 * What the model sees next, and that it is what the user sees: the same turns, whatever was rolled back
 * or compacted.
 */
import { assert, describe, it } from "@effect/vitest"
import { isRecord, type JsonRecord } from "../../src/domain/Json.ts"
import { complete } from "../../src/domain/ModelContext.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import {
  abort,
  aitem,
  am,
  C,
  compacted,
  contextCompacted,
  event,
  item,
  metaOf,
  type Projected,
  project,
  rb,
  readLines,
  S,
  script,
  type Step,
  uitem,
  um
} from "../support/Script.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"

/** The model's next input in words: a message's text, or an item's type. */
const input = (steps: ReadonlyArray<Step>): ReadonlyArray<string> => {
  const { bytes } = script(steps).build()
  const session = project(bytes)
  const records = new Map(readLines(bytes).flatMap(({ line }) => (line === null ? [] : [[line.line, line.record]])))
  const word = (record: JsonRecord): string => {
    const parts: ReadonlyArray<unknown> = Array.isArray(record.content) ? record.content : []
    const part = parts[0]
    return isRecord(part) ? String(part.text) : String(record.type)
  }
  const base = session.context.base === null ? undefined : records.get(session.context.base.line)
  const replaced = base?._tag === "Compacted" ? (base.compacted.replacement_history ?? []) : []
  return [
    ...replaced.map((entry) => `[${String(entry)}]`),
    ...session.context.entries.map(({ at, kind }) => {
      const record = records.get(at.line)
      if (record?._tag === "Compacted") return kind === "summary" ? record.compacted.message : "?"
      return record?._tag === "ResponseItem" || record?._tag === "BareItem" ? word(record.item.item) : "?"
    })
  ]
}

const turn = (n: number): ReadonlyArray<Step> => [
  S(`T${n}`),
  uitem(`u${n}`),
  um(`u${n}`),
  aitem(`a${n}`),
  am(`a${n}`),
  C(`T${n}`)
]
const implied = (n: number): ReadonlyArray<Step> => [uitem(`u${n}`), um(`u${n}`), aitem(`a${n}`), am(`a${n}`)]
const compaction = (replacement?: ReadonlyArray<unknown>): ReadonlyArray<Step> => [
  S("C"),
  compacted("SUM", replacement),
  contextCompacted,
  C("C")
]
const shown = (session: Projected) => session.turns.map(({ turn }) => turn.id)

describe("the model sees what the user sees", () => {
  for (const [what, steps, turns, seen] of [
    ["T1 T2, rollback 1", [...turn(1), ...turn(2), rb(1)], ["T1"], ["u1", "a1"]],
    [
      "T1, legacy compaction, T2",
      [...turn(1), ...compaction(), ...turn(2)],
      ["T1", "C", "T2"],
      ["u1", "SUM", "u2", "a2"]
    ],
    [
      "T1, replacement compaction, T2",
      [...turn(1), ...compaction(["R"]), ...turn(2)],
      ["T1", "C", "T2"],
      ["[R]", "u2", "a2"]
    ],
    [
      "T0 T1 C T2, rollback 2: the compaction goes, what it replaced comes back",
      [...turn(0), ...turn(1), ...compaction(["R"]), ...turn(2), rb(2)],
      ["T0", "T1"],
      ["u0", "a0", "u1", "a1"]
    ],
    [
      "the same with a legacy compaction",
      [...turn(0), ...turn(1), ...compaction(), ...turn(2), rb(2)],
      ["T0", "T1"],
      ["u0", "a0", "u1", "a1"]
    ],
    [
      "T0, T1 with a compaction in it, rollback 1: nothing of T1 leaks",
      [
        ...turn(0),
        S("T1"),
        uitem("u1"),
        um("u1"),
        compacted("SUM", ["R"]),
        contextCompacted,
        aitem("a1"),
        am("a1"),
        C("T1"),
        rb(1)
      ],
      ["T0"],
      ["u0", "a0"]
    ],
    [
      "T1, T2 steered, rollback 1: both messages go",
      [...turn(1), S("T2"), uitem("u2"), um("u2"), aitem("p"), am("p"), uitem("s"), um("s"), C("T2"), rb(1)],
      ["T1"],
      ["u1", "a1"]
    ],
    [
      "interrupted T2 keeps what was said",
      [...turn(1), S("T2"), uitem("u2"), um("u2"), aitem("p"), abort("T2")],
      ["T1", "T2"],
      ["u1", "a1", "u2", "p"]
    ],
    ["rollback 1 of a compaction alone", [...turn(1), ...compaction(["R"]), rb(1)], ["T1"], ["u1", "a1"]],
    [
      "two compactions, the later rolled back",
      [...turn(1), ...compaction(["R1"]), ...turn(2), ...compaction(["R2"]), rb(1)],
      ["T1", "C", "T2"],
      ["[R1]", "u2", "a2"]
    ],
    ["implied turns, rollback 1", [...implied(1), ...implied(2), rb(1)], ["rollout-2"], ["u1", "a1"]],
    [
      "implied turns, rollback 1, another",
      [...implied(1), ...implied(2), rb(1), ...implied(3)],
      ["rollout-2", "rollout-11"],
      ["u1", "a1", "u3", "a3"]
    ],
    [
      "what was put in behind a turn goes with it, though an implied one comes next",
      [...turn(1), ...turn(2), uitem("i"), rb(1), ...implied(3)],
      ["T1", "rollout-16"],
      ["u1", "a1", "u3", "a3"]
    ],
    ["everything rolled back", [...turn(1), ...turn(2), rb(5)], [], []],
    [
      "instructions before the first turn stay",
      [item("message", { role: "developer", content: [{ type: "input_text", text: "rules" }] }), ...turn(1), rb(1)],
      [],
      ["rules"]
    ],
    ["events alone are nothing to the model", [um(), am()], ["rollout-1"], []],
    ["items alone are no turns, and the model sees them", [uitem("u1"), aitem("a1")], [], ["u1", "a1"]]
  ] as const) {
    it(what, () => {
      assert.deepStrictEqual<unknown>(shown(project(script(steps))), turns)
      assert.deepStrictEqual<unknown>(input(steps), seen)
    })
  }

  it("an item of an implied turn belongs to it though it comes before", () => {
    assert.deepStrictEqual(input([...implied(1), uitem("u2"), um("u2"), rb(1)]), ["u1", "a1"])
    assert.deepStrictEqual(input([...implied(1), uitem("u2")]), ["u1", "a1", "u2"])
  })

  for (const [what, between] of [
    ["a user's item", [uitem("i")]],
    ["an agent's item", [aitem("i")]],
    ["both", [uitem("i"), aitem("j")]],
    ["both, the user's last", [aitem("i"), uitem("j")]],
    ["a user's item, then an event", [uitem("i"), event("thread_name_updated", { thread_id: uuidAt(1, 1) })]]
  ] as const) {
    it(`what was put in between two turns is not part of the second: ${what}`, () => {
      const before = [...turn(1), ...between]
      const after = script([...before, ...turn(2)])
      assert.deepStrictEqual(input([...before, ...turn(2), rb(1)]), input(before))
      assert.deepStrictEqual(input([...before, rb(1)]), [])
      assert.deepStrictEqual(input([...before, ...turn(2), rb(2)]), [])
      // A revert or a fork before the second turn cuts where it begins.
      const cut = project(after).openings.at(-1)?.at.offset
      assert.strictEqual(cut, script(before).build().bytes.length)
    })
  }

  it("what is rolled back takes its tools along", () => {
    const call = item("function_call", { name: "f", arguments: "{}", call_id: "c" })
    const output = item("function_call_output", { call_id: "c", output: "o" })
    assert.deepStrictEqual(input([...turn(1), S("T2"), uitem("u2"), um("u2"), call, output, C("T2"), rb(1)]), [
      "u1",
      "a1"
    ])
  })

  it("skimming sees the same places", () => {
    const reasoning = item("reasoning", { summary: [], encrypted_content: "x".repeat(400) })
    const bytes = script([
      ...turn(1),
      S("T2"),
      uitem("u2"),
      um("u2"),
      reasoning,
      aitem("a2"),
      C("T2"),
      rb(1),
      ...turn(3)
    ]).build().bytes
    assert.deepStrictEqual(project(bytes, { skims: true }).context, project(bytes).context)
  })
})

describe("who is waited for", () => {
  const midTurn = (steps: ReadonlyArray<Step>) => project(script(steps)).midTurn
  const call = item("function_call", { name: "f", arguments: "{}", call_id: "c" })

  for (const [what, steps, expected] of [
    ["nobody in an empty thread", [], null],
    ["the agent after a question", [uitem(), um()], { turnId: null }],
    ["nobody after an answer", [uitem(), um(), aitem()], null],
    ["nobody after an answer told by an event alone", [uitem(), um(), am()], null],
    ["the agent after a tool call", [uitem(), um(), aitem(), am(), call], { turnId: null }],
    [
      "the agent while it only thinks",
      [uitem(), um(), item("reasoning", { summary: [], encrypted_content: "x" })],
      { turnId: null }
    ],
    ["nobody while it thinks on after an answer", [...implied(1), item("reasoning", { summary: [] })], null],
    [
      "nobody after notices that Codex filed under the user's role",
      [...implied(1), uitem("<environment_context>x")],
      null
    ],
    ["the open turn's agent", [S("T1"), um()], { turnId: "T1" }],
    ["nobody in a closed turn without an answer", [S("T1"), uitem(), um(), C("T1")], null],
    ["nobody after an interruption", [S("T1"), uitem(), um(), abort("T1")], null],
    ["nobody after a rollback of the question", [...implied(1), uitem("u2"), um("u2"), rb(1)], null]
  ] as const) {
    it(what, () => assert.deepStrictEqual<unknown>(midTurn(steps), expected))
  }
})

describe("complete", () => {
  const call = (id: string, type = "function_call"): JsonRecord => ({ type, call_id: id })
  const output = (id: string, type = "function_call_output"): JsonRecord => ({ type, call_id: id, output: "o" })
  const message: JsonRecord = { type: "message", role: "user" }

  it("answers what was left without an answer, right after it", () => {
    assert.deepStrictEqual(complete([message, call("a"), message, call("b", "custom_tool_call")]), [
      message,
      call("a"),
      { type: "function_call_output", call_id: "a", output: "aborted" },
      message,
      call("b", "custom_tool_call"),
      { type: "custom_tool_call_output", call_id: "b", output: "aborted" }
    ])
  })

  it("leaves out answers to what was not asked", () => {
    assert.deepStrictEqual(complete([output("x"), message, call("a"), output("a")]), [message, call("a"), output("a")])
  })

  it("leaves alone what has no call id", () => {
    const search: JsonRecord = { type: "web_search_call", status: "completed" }
    assert.deepStrictEqual(complete([search, message]), [search, message])
  })
})

describe("the preview", () => {
  const previewOf = (steps: ReadonlyArray<Step>) => project(script(steps)).preview
  it("is what the user said first, by an event before by an item", () => {
    assert.strictEqual(previewOf([uitem("item"), um("event"), um("later")]), "event")
    assert.strictEqual(previewOf([uitem("<environment_context>x"), uitem("item"), uitem("later")]), "item")
    assert.strictEqual(previewOf([am("agent")]), "")
  })
  it("passes over a message without text", () => {
    assert.strictEqual(previewOf([um(""), um("second")]), "second")
  })
  it("is known as soon as an event tells of it, and never before", () => {
    const lines = readLines(script([uitem("item"), am("agent"), um("event"), um("later")]).build().bytes)
    const projection = SessionProjection.make(metaOf(lines), "legacy")
    const told = lines.map((line) => {
      projection.step(line, 0)
      return projection.preview()
    })
    assert.deepStrictEqual(told, ["", "", "", "event", "event"])
  })
})

describe("the name", () => {
  it("is the one that the rollout tells of its own thread last", () => {
    const id = uuidAt(1, 1)
    const name =
      (thread_id: string, thread_name: string): Step =>
      (builder) =>
        builder.event({ type: "thread_name_updated", thread_id, thread_name })
    const session = project(
      script([name(id, "first"), name(id, "second"), name(uuidAt(1, 2), "other's")], { threadId: id })
    )
    assert.strictEqual(session.name, "second")
  })
})
