/**
 * A passage is taken as far as it goes, and comes to what its lines come to one by one.
 */
import { assert, describe, it } from "@effect/vitest"
import { LineTable } from "../../src/domain/LineTable.ts"
import { counted, event, lineOf, thought } from "../support/Lines.ts"
import { bytesOf } from "../support/Script.ts"

const item = (type: string, fields: object = {}) => lineOf("response_item", { type, ...fields, x: "x".repeat(40) })
const message = (role: string) => item("message", { role, content: [{ type: "input_text", text: "hello" }] })

const said = (message: string) => event("agent_message", { message })
const tool = item("function_call")
const asked = message("user")

const nothing = { nextItem: 0, items: 0, reasons: false }

/** The passage that these lines begin with, whose first is the tenth of its rollout and begins at 1000. */
const passageOf = (lines: ReadonlyArray<string>, before = nothing, from = 0) => {
  const table = LineTable.borrow()
  if (table === null) throw new Error("no WebAssembly")
  table.lay(bytesOf(`${lines.join("\n")}\n`), 0)
  assert.strictEqual(table.look(), lines.length)
  const { counts, filed, printed, ...passage } = table.passage(from, lines.length - from, before, 10, 1000)
  const { lengths, lines: numbers, offsets, users } = filed
  const found = {
    ...passage,
    text: new TextDecoder().decode(printed),
    counts: counts === null ? null : Array.from(counts),
    filed: { offsets: [...offsets], lines: [...numbers], lengths: [...lengths], users: [...users] }
  }
  table.giveBack()
  return found
}

const noTimes = { startedAtMs: null, completedAtMs: null }

describe("a passage", () => {
  it("is what was said, what was counted, and what belongs to the conversation", () => {
    const lines = [
      thought("a", 4),
      item("reasoning"),
      asked,
      thought("b", 9),
      counted(1),
      message("assistant"),
      said("done"),
      counted(7),
      event("user_message", { message: "next" }, 6),
      tool
    ]
    const found = passageOf(lines, { nextItem: 8, items: 0, reasons: false })
    assert.strictEqual(found.lines, lines.length)
    assert.strictEqual(found.items, 3)
    assert.isFalse(found.isReasoning)
    assert.strictEqual(found.lastWord, "asks")
    assert.strictEqual(found.ordinal, 9)
    assert.deepStrictEqual(found.counts, [7, 2, 0, 3, 4, 10, 1, 2, 0, 3, 4, 4, 1000])
    const begins = lines.map(
      (_, at) =>
        1000 +
        bytesOf(
          lines
            .slice(0, at)
            .map((line) => `${line}\n`)
            .join("")
        ).length
    )
    const items = [1, 2, 5, 9]
    assert.deepStrictEqual(found.filed, {
      offsets: items.map((at) => begins[at]),
      lines: items.map((at) => 10 + at),
      lengths: items.map((at) => lines[at]?.length),
      users: [0, 4, 0, 0]
    })
    const printed: unknown = JSON.parse(`[${found.text}]`)
    assert.deepStrictEqual(printed, [
      { type: "reasoning", id: "item-8", summary: ["a", "b"], content: [], ...noTimes },
      {
        type: "agentMessage",
        moderation: null,
        id: "item-9",
        text: "done",
        phase: null,
        memoryCitation: null,
        delivery: null,
        questions: null,
        ...noTimes
      },
      {
        type: "userMessage",
        id: "item-10",
        clientId: null,
        content: [{ type: "text", text: "next", text_elements: [] }],
        ...noTimes
      }
    ])
  })

  it("goes on from what was before", () => {
    const first = passageOf([thought("a")], { nextItem: 99, items: 0, reasons: false })
    assert.isTrue(first.isReasoning)
    const second = passageOf([thought("b"), said("c")], { nextItem: 100, items: 1, reasons: true })
    assert.strictEqual(second.items, 1)
    const printed: unknown = JSON.parse(`[${first.text}${second.text}]`)
    const whole: unknown = JSON.parse(
      `[${passageOf([thought("a"), thought("b"), said("c")], { nextItem: 99, items: 0, reasons: false }).text}]`
    )
    assert.deepStrictEqual(printed, whole)
  })

  it("begins where it is asked to", () => {
    const found = passageOf([asked, thought("a"), tool], nothing, 1)
    assert.strictEqual(found.lines, 2)
    assert.deepStrictEqual(found.filed.lines, [11])
    assert.deepStrictEqual(found.filed.offsets, [1000 + thought("a").length + 1])
    assert.strictEqual(found.counts, null)
    assert.strictEqual(found.ordinal, -1)
  })

  for (const [what, line, word] of [
    ["a tool", tool, "asks"],
    ["what a user said", asked, "asks"],
    ["what the agent said", message("assistant"), "answers"],
    ["an agent's message", said("done"), "answers"],
    ["another item", item("reasoning"), null],
    ["what a developer said", message("developer"), null],
    ["reasoning", thought("a"), null],
    ["figures", counted(1), null]
  ] as const) {
    it(`tells whose word is next: ${what}`, () => {
      assert.strictEqual(passageOf([line]).lastWord, word)
      for (const other of [tool, message("assistant")]) {
        const last = other === tool ? "asks" : "answers"
        assert.strictEqual(passageOf([other, line]).lastWord, word ?? last)
      }
    })
  }

  for (const [what, line] of [
    ["the beginning of a turn", event("task_started", { turn_id: "T1" })],
    ["the end of a turn", event("task_complete", { turn_id: "T1" })],
    ["settings", lineOf("turn_context", { cwd: "/home/dev", x: "x".repeat(40) })],
    ["what is not known", event("hologram", { text: "x".repeat(40) })],
    ["reasoning without a text", event("agent_reasoning", { text: null, x: "x".repeat(20) })],
    ["a message without a text", event("agent_message", { message: 5, x: "x".repeat(20) })],
    ["a phase that is no text", event("agent_message", { message: "done", phase: 1 })],
    ["a citation", event("agent_message", { message: "done", memory_citation: {} })],
    ["a message of nothing", event("user_message", { message: "", x: "x".repeat(20) })],
    ["a client's id that is no text", event("user_message", { message: "go", client_id: 1 })],
    ["an element of a text", event("user_message", { message: "go", text_elements: [{}] })],
    ["an image", event("user_message", { message: "go", images: ["data:x"] })],
    ["a local image", event("user_message", { message: "go", local_images: ["/x"] })],
    ["audio", event("user_message", { message: "go", audio: ["data:x"] })],
    ["local audio", event("user_message", { message: "go", local_audio: ["/x"] })]
  ] as const) {
    it(`ends before ${what}`, () => {
      const found = passageOf([thought("a"), line, said("c")])
      assert.strictEqual(found.lines, 1)
      assert.deepStrictEqual(found, { ...passageOf([thought("a")]) })
    })
  }

  it("passes over words that say nothing", () => {
    const found = passageOf([thought(""), said(""), thought("a"), thought("")])
    assert.strictEqual(found.lines, 4)
    assert.deepStrictEqual([found.items, found.text], [1, passageOf([thought("a")]).text])
  })
})
