import { assert, describe, it } from "@effect/vitest"
import type { JsonRecord } from "../../src/domain/Json.ts"
import * as Compaction from "../../src/domain/Compaction.ts"
import { at } from "../conformance/Case.ts"

const message = (role: string, text: string): JsonRecord => ({
  type: "message",
  role,
  content: [{ type: role === "user" ? "input_text" : "output_text", text }]
})
const textOf = (item: JsonRecord) => at(item, "content", 0, "text")

describe("a compaction", () => {
  const history = [
    message("user", "one"),
    message("assistant", "a"),
    { type: "function_call", call_id: "c", name: "look", arguments: "{}" },
    message("user", "<turn_aborted>\n…\n</turn_aborted>"),
    message("user", "two")
  ]

  it("leaves what the user said, and the summary", () => {
    const left = Compaction.replacement(history, Compaction.summaryMessage("first"))
    assert.deepStrictEqual(left.map(textOf), ["one", "two", Compaction.summaryMessage("first")])
  })

  it("has a summary without the blanks around it", () => {
    assert.strictEqual(Compaction.summaryMessage(" \n first \n"), Compaction.summaryMessage("first"))
    assert.isTrue(Compaction.summaryMessage(" first ").endsWith("\nfirst"))
  })

  it("covers the summary of the one before it", () => {
    const first = Compaction.replacement(history, Compaction.summaryMessage("first"))
    const codex = message(
      "user",
      "Another language model started to solve this problem and produced a summary of it: …"
    )
    const left = Compaction.replacement(
      [...first, codex, message("user", "three")],
      Compaction.summaryMessage("second")
    )
    assert.deepStrictEqual(left.map(textOf), ["one", "two", "three", Compaction.summaryMessage("second")])
  })
})
