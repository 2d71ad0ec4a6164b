/**
 * Which pieces of text may be told as one.
 */
import { assert, describe, it } from "@effect/vitest"
import { joined } from "../../src/domain/Deltas.ts"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Notification } from "../../src/domain/Notification.ts"

const at = {
  threadId: ThreadId.make("00000000-0000-7000-8000-000000000001"),
  turnId: TurnId.make("T1"),
  itemId: ItemId.make("i1")
}
const elsewhere = [
  { threadId: ThreadId.make("00000000-0000-7000-8000-000000000002") },
  { turnId: TurnId.make("T2") },
  { itemId: ItemId.make("i2") }
]
const said = (delta: string, place = {}): Notification => ({
  method: "item/agentMessage/delta",
  params: { ...at, delta, ...place }
})
const thought = (delta: string, place = {}): Notification => ({
  method: "item/reasoning/summaryTextDelta",
  params: { ...at, summaryIndex: 0, delta, ...place }
})

describe("pieces of one text", () => {
  it("are one, in their order", () => {
    assert.deepStrictEqual(joined(said("a"), said("b")), said("ab"))
    assert.deepStrictEqual(joined(thought("a"), thought("b")), thought("ab"))
  })

  it("of different items, turns, threads or parts stay apart", () => {
    for (const place of elsewhere) {
      assert.strictEqual(joined(said("a"), said("b", place)), null)
      assert.strictEqual(joined(thought("a"), thought("b", place)), null)
    }
    assert.strictEqual(joined(thought("a"), thought("b", { summaryIndex: 1 })), null)
  })

  it("of different kinds stay apart, and so does everything else", () => {
    const part: Notification = { method: "item/reasoning/summaryPartAdded", params: { ...at, summaryIndex: 0 } }
    assert.strictEqual(joined(said("a"), thought("b")), null)
    assert.strictEqual(joined(thought("a"), said("b")), null)
    assert.strictEqual(joined(part, part), null)
    assert.strictEqual(joined(part, thought("b")), null)
    assert.strictEqual(joined(said("a"), part), null)
  })
})
