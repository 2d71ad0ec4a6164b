/**
 * The items of a running turn: which event begins, adds to and ends which item, and what is written of it when.
 */
import { assert, describe, it } from "@effect/vitest"
import { ReasoningDelta, ReasoningEnd, TextDelta, TextEnd, ToolCall, ToolResult } from "../../src/domain/AgentEvent.ts"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { noTimes } from "../../src/domain/ItemParts.ts"
import { agentMessage } from "../../src/domain/MessageItems.ts"
import type { Notification } from "../../src/domain/Notification.ts"
import type { HistoryMode } from "../../src/domain/Thread.ts"
import type { ThreadItem } from "../../src/domain/ThreadItem.ts"
import * as TurnLines from "../../src/domain/TurnLines.ts"
import * as TurnItems from "../../src/services/TurnItems.ts"

const threadId = ThreadId.make("00000000-0000-7000-8000-000000000001")
const place = { threadId, turnId: TurnId.make("T1") }

const text = (id: string, delta: string) => TextDelta.make({ id, delta })
const textEnd = (id: string, phase: (typeof TextEnd.Type)["phase"] = null) => TextEnd.make({ id, phase })
const thought = (id: string, part: number, delta: string) => ReasoningDelta.make({ id, part, delta })
const thoughtEnd = (id: string, encrypted: string | null = null) => ReasoningEnd.make({ id, encrypted })
const call = (id: string) => ToolCall.make({ id, name: "t", arguments: { a: 1 } })
const result = (id: string, success = true) => ToolResult.make({ id, output: "o", success })

/** A notification in short. */
const short = ({ method, params }: Notification): string => {
  switch (method) {
    case "item/started":
    case "item/completed":
      return `${method.slice(5)} ${params.item.id}`
    case "item/agentMessage/delta":
      return `${params.itemId} + ${params.delta}`
    case "item/reasoning/summaryPartAdded":
      return `${params.itemId} part ${params.summaryIndex}`
    case "item/reasoning/summaryTextDelta":
      return `${params.itemId} ${params.summaryIndex} + ${params.delta}`
    default:
      return method
  }
}

/** A turn whose records are written as soon as they come: what is told, what is written, what is open. */
const turn = (mode: HistoryMode) => {
  let ended = 0
  const written: Array<TurnLines.RecordDraft> = []
  const items = TurnItems.make({ place: { ...place, mode }, nextItemId: () => `item-${ended + 1}` })
  const asRead = (id: string): ThreadItem => agentMessage(id, "as read", null, null, noTimes)
  const apply = (changes: ReadonlyArray<TurnItems.Change>) =>
    changes.flatMap(({ notify, records }) => {
      written.push(...records)
      const told = notify(asRead)
      ended += told.filter(({ method }) => method === "item/completed").length
      return told
    })
  let now = 1000
  return {
    items,
    written,
    tell: (...events: ReadonlyArray<Parameters<typeof items.on>[0]>) =>
      events.flatMap((event) => apply(items.on(event, now++))).map(short),
    settle: () => apply(items.settle(now++)).map(short),
    finish: () => apply(items.finish(now++)).map(short)
  }
}

const both = ["legacy", "paginated"] as const

describe("a message", () => {
  it("begins empty with its first piece, grows, and ends as it reads", () => {
    const told = (id: string) => [`started ${id}`, `${id} + a`, `${id} + b`, `completed ${id}`]
    assert.deepStrictEqual(turn("legacy").tell(text("m", "a"), text("m", "b"), textEnd("m")), told("item-1"))
    const paginated = turn("paginated")
    assert.deepStrictEqual(paginated.tell(text("m", "a"), text("m", "b"), textEnd("m", "commentary")), told("msg_T1_0"))
    const span = { startedAt: 1000, completedAt: 1002 }
    assert.deepStrictEqual(
      paginated.written,
      TurnLines.agentMessage({ ...place, mode: "paginated" }, "msg_T1_0", "ab", "commentary", span)
    )
    const [started] = turn("paginated").items.on(text("m", "a"), 7)
    assert.deepStrictEqual(
      started?.notify(() => undefined),
      [
        {
          method: "item/started",
          params: {
            ...place,
            item: agentMessage("msg_T1_0", "", null, null, { startedAtMs: 7, completedAtMs: null }),
            startedAtMs: 7
          }
        }
      ]
    )
  })

  it("is nothing without text, and ends by its own end only", () => {
    const { items, tell } = turn("legacy")
    assert.deepStrictEqual(tell(text("m", ""), textEnd("m")), [])
    assert.deepStrictEqual(items.open(), [])
    tell(text("m", "a"))
    assert.deepStrictEqual(tell(textEnd("other"), thoughtEnd("m")), [])
    assert.lengthOf(items.open(), 1)
    assert.strictEqual(items.lastMessage(), null)
    assert.deepStrictEqual(tell(textEnd("m")), ["completed item-1"])
    assert.deepStrictEqual(items.open(), [])
    assert.strictEqual(items.lastMessage(), "a")
    assert.deepStrictEqual(tell(textEnd("m")), [])
  })

  it("ends where another begins, which has the next id", () => {
    assert.deepStrictEqual(turn("legacy").tell(text("m", "a"), text("n", "b"), thought("r", 0, "c")), [
      "started item-1",
      "item-1 + a",
      "completed item-1",
      "started item-2",
      "item-2 + b",
      "completed item-2",
      "started item-3",
      "item-3 part 0",
      "item-3 0 + c"
    ])
  })

  it("that nobody reads is not told to be complete", () => {
    const { items, tell } = turn("legacy")
    tell(text("m", "a"))
    const told = items.settle(7).flatMap(({ notify }) => notify(() => undefined))
    assert.deepStrictEqual(told, [])
  })
})

describe("a reasoning", () => {
  it("has a paragraph for each part, also for those that were left out", () => {
    for (const mode of both) {
      const id = mode === "legacy" ? "item-1" : "rs_T1_0"
      const { items, tell } = turn(mode)
      assert.deepStrictEqual(tell(thought("r", 0, "a"), thought("r", 0, "b"), thought("r", 2, "c")), [
        `started ${id}`,
        `${id} part 0`,
        `${id} 0 + a`,
        `${id} 0 + b`,
        `${id} part 1`,
        `${id} part 2`,
        `${id} 2 + c`
      ])
      const [open] = items.open()
      assert.deepStrictEqual(open?.type === "reasoning" ? open.summary : null, ["ab", "", "c"])
      assert.deepStrictEqual(tell(thought("r", 0, "")), [])
    }
  })

  it("ends with its end in a paginated history; in the other the next one goes on with it", () => {
    const paginated = turn("paginated")
    assert.deepStrictEqual(paginated.tell(thought("r", 0, "a"), thoughtEnd("r", "x"), thought("s", 0, "b")), [
      "started rs_T1_0",
      "rs_T1_0 part 0",
      "rs_T1_0 0 + a",
      "completed rs_T1_0",
      "started rs_T1_1",
      "rs_T1_1 part 0",
      "rs_T1_1 0 + b"
    ])
    assert.deepStrictEqual(
      paginated.written,
      TurnLines.reasoning({ ...place, mode: "paginated" }, "rs_T1_0", ["a"], ["x"], {
        startedAt: 1000,
        completedAt: 1001
      })
    )
    const legacy = turn("legacy")
    assert.deepStrictEqual(legacy.tell(thought("r", 0, "a"), thoughtEnd("r"), thought("s", 0, "b")), [
      "started item-1",
      "item-1 part 0",
      "item-1 0 + a",
      "item-1 part 1",
      "item-1 1 + b"
    ])
    assert.deepStrictEqual(legacy.tell(thought("s", 1, "c"), thought("s", 0, "d")), [
      "item-1 part 2",
      "item-1 2 + c",
      "item-1 1 + d"
    ])
  })

  it("of another message in a paginated history is another", () => {
    const { tell } = turn("paginated")
    tell(thought("r", 0, "a"))
    assert.deepStrictEqual(tell(thought("s", 0, "b")).slice(0, 2), ["completed rs_T1_0", "started rs_T1_1"])
  })

  it("that is not open writes only what the model wants back", () => {
    const { items, tell, written } = turn("legacy")
    assert.deepStrictEqual(tell(thoughtEnd("r")), [])
    assert.deepStrictEqual(items.on(thoughtEnd("r"), 7), [])
    assert.deepStrictEqual(tell(thoughtEnd("r", "x")), [])
    assert.deepStrictEqual(written, TurnLines.opaqueReasoning("x"))
    tell(thought("s", 0, "a"), thoughtEnd("other", "y"))
    assert.deepStrictEqual(written.slice(1), TurnLines.opaqueReasoning("y"))
  })

  it("stays open over a call in event-style history: what is written is not added to", () => {
    const { finish, tell, written } = turn("legacy")
    assert.deepStrictEqual(tell(thought("r", 0, "a"), thought("r", 1, "b"), thoughtEnd("r", "x"), call("c")), [
      "started item-1",
      "item-1 part 0",
      "item-1 0 + a",
      "item-1 part 1",
      "item-1 1 + b",
      "started c"
    ])
    const span = { startedAt: 1000, completedAt: 1003 }
    const at = { ...place, mode: "legacy" } as const
    assert.deepStrictEqual(written, [
      ...TurnLines.reasoning(at, "item-1", ["a", "b"], ["x"], span),
      ...TurnLines.toolCall("c", "t", { a: 1 })
    ])
    assert.deepStrictEqual(tell(thought("r", 1, "d")), ["item-1 part 2", "item-1 2 + d"])
    assert.deepStrictEqual(tell(thought("r", 2, "e")), ["item-1 part 3", "item-1 3 + e"])
    const before = written.length
    assert.deepStrictEqual(finish(), ["completed item-1", "completed c"])
    assert.deepStrictEqual(
      written.slice(before, before + 2),
      TurnLines.reasoning(at, "item-1", ["d", "e"], [], { startedAt: 1000, completedAt: 1006 })
    )
  })

  it("ends before a call in a paginated history, and so does a message in both", () => {
    assert.deepStrictEqual(
      turn("paginated")
        .tell(thought("r", 0, "a"), call("c"))
        .slice(-2),
      ["completed rs_T1_0", "started c"]
    )
    for (const mode of both) {
      const told = turn(mode).tell(text("m", "a"), call("c"))
      assert.match(told.at(-2) ?? "", /^completed/)
      assert.strictEqual(told.at(-1), "started c")
    }
  })
})

describe("a call", () => {
  it("is open until its result, which ends a message that is open", () => {
    for (const mode of both) {
      const { items, tell, written } = turn(mode)
      assert.deepStrictEqual(tell(call("c")), ["started c"])
      const startedAtMs = mode === "paginated" ? 1000 : null
      assert.deepStrictEqual<unknown>(items.open(), [
        {
          type: "dynamicToolCall",
          id: "c",
          namespace: null,
          tool: "t",
          arguments: { a: 1 },
          status: "inProgress",
          contentItems: null,
          success: null,
          durationMs: null,
          startedAtMs,
          completedAtMs: null
        }
      ])
      tell(text("m", "a"))
      assert.match(tell(result("c")).join(), /^completed (item-1|msg_T1_0),completed c$/)
      assert.deepStrictEqual(items.open(), [])
      assert.deepStrictEqual(
        written.slice(-2),
        TurnLines.toolResult(
          { ...place, mode },
          { id: "c", name: "t", arguments: { a: 1 }, output: "o", success: true },
          { startedAt: 1000, completedAt: 1002 }
        )
      )
    }
  })

  it("that was never made has no result", () => {
    const { items, tell } = turn("legacy")
    tell(text("m", "a"))
    assert.deepStrictEqual(tell(result("c")), [])
    assert.lengthOf(items.open(), 1)
  })

  it("without arguments has none, and no result fails it when the turn ends", () => {
    const { finish, items, tell, written } = turn("paginated")
    tell(ToolCall.make({ id: "c", name: "t", arguments: undefined }), call("d"))
    const [open] = items.open()
    assert.strictEqual(open?.type === "dynamicToolCall" ? open.arguments : "?", null)
    assert.deepStrictEqual(finish(), ["completed c", "completed d"])
    assert.deepStrictEqual(items.open(), [])
    assert.deepStrictEqual(
      written.at(-1),
      TurnLines.toolResult(
        { ...place, mode: "paginated" },
        { id: "d", name: "t", arguments: { a: 1 }, output: null, success: false },
        { startedAt: 1001, completedAt: 1002 }
      )[0]
    )
  })
})

describe("what is open", () => {
  it("is shown in the order in which it began, behind what is held", () => {
    const { items, settle, tell } = turn("paginated")
    tell(call("c"), text("m", "a"), call("d"), text("n", "b"))
    const ids = () => items.open().map(({ id }) => id)
    assert.deepStrictEqual<ReadonlyArray<string>>(ids(), ["c", "d", "msg_T1_1"])
    const held = agentMessage(ItemId.make("h"), "", null, null, noTimes)
    items.hold(held)
    assert.deepStrictEqual<ReadonlyArray<string>>(ids(), ["h", "c", "d", "msg_T1_1"])
    items.hold(null)
    assert.deepStrictEqual(settle(), ["completed msg_T1_1"])
    assert.deepStrictEqual<ReadonlyArray<string>>(ids(), ["c", "d"])
    assert.deepStrictEqual(settle(), [])
  })

  it("keeps its place when it began before a call", () => {
    const { items, tell } = turn("legacy")
    tell(thought("r", 0, "a"), call("c"))
    assert.deepStrictEqual<ReadonlyArray<string>>(
      items.open().map(({ id }) => id),
      ["item-1", "c"]
    )
  })
})
