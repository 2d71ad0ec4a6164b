import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { Prompt } from "effect/ai"
import type { JsonRecord } from "../../src/domain/Json.ts"
import { fromHistory, fromInput } from "../../src/layers/model/ResponsesPrompt.ts"
import { input } from "../../src/layers/model/ResponsesRequest.ts"

const user = (...content: ReadonlyArray<JsonRecord>): JsonRecord => ({ type: "message", role: "user", content })
const said = (text: string, more: JsonRecord = {}): JsonRecord => ({
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text }],
  ...more
})
const call = (id: string, args = "{}"): JsonRecord => ({
  type: "function_call",
  call_id: id,
  name: "shell",
  arguments: args
})
const output = (id: string, output: unknown = "ok"): JsonRecord => ({
  type: "function_call_output",
  call_id: id,
  output
})
const again = (history: ReadonlyArray<JsonRecord>) => input(fromHistory(history))

describe("a history", () => {
  const whole: ReadonlyArray<JsonRecord> = [
    { type: "message", role: "developer", content: [{ type: "input_text", text: "rules" }] },
    user(
      { type: "input_text", text: "look" },
      { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "high" }
    ),
    user({ type: "input_image", image_url: "https://example.org/a.png" }, { type: "input_image", file_id: "file-1" }),
    {
      type: "reasoning",
      summary: [
        { type: "summary_text", text: "a" },
        { type: "summary_text", text: "b" }
      ],
      encrypted_content: "xyz"
    },
    said("on it", { phase: "commentary" }),
    call("1", '{"b": 1,\n "a": 2}'),
    call("2"),
    output("1"),
    output("2", [
      { type: "input_text", text: "seen" },
      { type: "input_image", image_url: "data:image/png;base64,BBBB" }
    ]),
    said("done", { phase: "final_answer" }),
    { type: "compaction", encrypted_content: "sum" }
  ]

  it("goes back to the API as it came from it", () => {
    assert.deepStrictEqual(again(whole), whole)
  })

  it("is messages for any other model", () => {
    const prompt = fromHistory(whole)
    assert.deepStrictEqual(
      prompt.content.map(({ role }) => role),
      ["system", "user", "user", "assistant", "tool", "assistant"]
    )
    const [, seen, , acted, answered] = prompt.content
    assert(seen?.role === "user" && acted?.role === "assistant" && answered?.role === "tool")
    assert.deepInclude(seen.content[1], { mediaType: "image/png", data: "AAAA" })
    assert.deepStrictEqual(
      acted.content.map(({ type }) => type),
      ["reasoning", "text", "tool-call", "tool-call"]
    )
    assert.deepInclude(acted.content[2], { id: "1", name: "shell", params: { b: 1, a: 2 } })
    assert.deepInclude(answered.content[1], { id: "2", name: "shell", result: "seen" })
  })

  it("leaves out what a model cannot take", () => {
    const odd: ReadonlyArray<JsonRecord> = [
      {},
      { type: "ghost_snapshot", ghost_commit: {} },
      { type: "web_search_call", action: { query: "x" } },
      { type: "message" },
      { type: "message", role: "narrator", content: [{ type: "input_text", text: "x" }] },
      { type: "message", role: "user", content: [] },
      { type: "message", role: "user", content: [{ type: "input_image", image_url: "not a url" }, 7, null] },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "" }] },
      { type: "reasoning", summary: [], encrypted_content: null },
      { type: "function_call", call_id: "x" },
      { type: "function_call", name: "shell", arguments: "{}" },
      output("nobody asked")
    ]
    assert.deepStrictEqual(again([...odd, said("hello")]), [said("hello")])
  })

  it("tells custom tools and shell calls in words", () => {
    const told = again([
      { type: "custom_tool_call", call_id: "c", name: "apply_patch", input: "*** Begin" },
      { type: "custom_tool_call_output", call_id: "c", output: "Done!" },
      { type: "local_shell_call", call_id: "l", action: { type: "exec", command: ["ls", "-l"] } },
      output("l", "a b")
    ])
    assert.deepStrictEqual(told, [
      said("I called the tool `apply_patch` with:\n*** Begin"),
      user({ type: "input_text", text: "The tool `apply_patch` answered:\nDone!" }),
      said('I called the tool `local_shell` with:\n["ls","-l"]'),
      user({ type: "input_text", text: "The tool `local_shell` answered:\na b" })
    ])
  })

  it("never has a call without its result, or a result without its call", () => {
    assert.deepStrictEqual(again([output("early"), call("1"), said("hm"), call("2"), output("2"), output("2")]), [
      call("1"),
      output("1", "aborted"),
      said("hm"),
      call("2"),
      output("2")
    ])
  })

  it("keeps integers of tool outputs that a double cannot hold", () => {
    assert.deepStrictEqual(
      again([call("1"), output("1", { n: 9007199254740993n })]).at(1),
      output("1", '{"n":9007199254740993}')
    )
  })
})

const Word = Schema.Literals([
  "",
  "a",
  "b",
  "shell",
  "hello world",
  "{",
  '{"a":1}',
  "https://x.org/i.png",
  "data:image/png;base64,AA"
])
const Odd = Schema.Union([Word, Schema.Null, Schema.Boolean, Schema.Finite])
const Part = Schema.Struct({
  type: Schema.Literals(["input_text", "output_text", "input_image", "summary_text", "refusal", "new"]),
  text: Schema.optionalKey(Odd),
  image_url: Schema.optionalKey(Odd),
  file_id: Schema.optionalKey(Odd)
})
const AnyItem = Schema.Struct({
  type: Schema.optionalKey(
    Schema.Literals([
      "message",
      "reasoning",
      "function_call",
      "function_call_output",
      "custom_tool_call",
      "custom_tool_call_output",
      "local_shell_call",
      "web_search_call",
      "compaction",
      "new_thing"
    ])
  ),
  role: Schema.optionalKey(Schema.Literals(["user", "assistant", "developer", "system", "narrator"])),
  content: Schema.optionalKey(Schema.Union([Schema.Array(Schema.Union([Part, Odd])), Odd])),
  summary: Schema.optionalKey(Schema.Union([Schema.Array(Part), Odd])),
  encrypted_content: Schema.optionalKey(Odd),
  call_id: Schema.optionalKey(Odd),
  name: Schema.optionalKey(Odd),
  arguments: Schema.optionalKey(Odd),
  input: Schema.optionalKey(Odd),
  action: Schema.optionalKey(Odd),
  output: Schema.optionalKey(Schema.Union([Schema.Array(Part), Odd]))
})
const History = Arbitrary.array(Arbitrary.schema(AnyItem), { minLength: 0, maxLength: 12 })

/** Every call is answered by the next result of its id, and every result answers a call. */
const paired = (prompt: Prompt.Prompt): boolean => {
  const open = new Set<string>()
  for (const message of prompt.content) {
    if (typeof message.content === "string") continue
    for (const part of message.content) {
      if (part.type === "tool-call") {
        if (open.has(part.id)) return false
        open.add(part.id)
      } else if (part.type === "tool-result" && !open.delete(part.id)) return false
    }
  }
  return open.size === 0
}

describe("any history at all", () => {
  it.prop("makes a prompt that is one, with calls and results in pairs", { history: History }, ({ history }) => {
    const prompt = fromHistory(history)
    assert.deepStrictEqual(Schema.decodeSync(Prompt.Prompt)(Schema.encodeSync(Prompt.Prompt)(prompt)), prompt)
    assert.isTrue(paired(prompt))
    for (const message of prompt.content) assert.isNotEmpty(message.content)
  })

  it.prop("is stable: what was sent once is sent the same again", { history: History }, ({ history }) => {
    const sent = again(history)
    assert.deepStrictEqual(again(sent), sent)
  })
})

describe("what the user says", () => {
  it("is one message; files on the user's machine are named", () => {
    const prompt = fromInput([
      { type: "text", text: "see", text_elements: [] },
      { type: "image", url: "data:image/png;base64,AAAA", detail: null },
      { type: "localImage", path: "/a.png", detail: null },
      { type: "audio", url: "https://x.org/a.wav" },
      { type: "mention", name: "app", path: "app://x" }
    ])
    assert.deepStrictEqual(input(prompt), [
      user(
        { type: "input_text", text: "see" },
        { type: "input_image", image_url: "data:image/png;base64,AAAA" },
        { type: "input_text", text: "[localImage: /a.png]" },
        { type: "input_text", text: "[audio: https://x.org/a.wav]" },
        { type: "input_text", text: "[mention: app://x]" }
      )
    ])
  })

  it("may be nothing", () => {
    assert.deepStrictEqual(fromInput([]).content, [])
    assert.deepStrictEqual(fromInput([{ type: "text", text: "", text_elements: [] }]).content, [])
  })
})
