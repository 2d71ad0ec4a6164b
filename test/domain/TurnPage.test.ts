import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import {
  clampLimit,
  type InvalidCursor,
  itemPage,
  newestItemCursor,
  newestTurnCursor,
  type Page,
  type SortDirection,
  turnPage,
  withView
} from "../../src/domain/TurnPage.ts"
import type { Turn } from "../../src/domain/Turn.ts"
import { agentMessage, turn, userMessage } from "../rpc/support/Fixtures.ts"

/** Few names, so that histories repeat ids. */
const Histories = Schema.Array(
  Schema.Struct({
    id: Schema.Literals(["T1", "T2", "T3"]),
    items: Schema.Array(Schema.Literals(["a", "b"])).check(Schema.isMaxLength(3))
  })
).check(Schema.isMaxLength(12))
const Limits = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))
const Directions = Schema.Literals(["asc", "desc"])

const historyOf = (shape: typeof Histories.Type): ReadonlyArray<Turn> =>
  shape.map(({ id, items }, index) => ({
    ...turn(
      id,
      items.map((item, at) => userMessage(item, `${index}.${at}`))
    ),
    startedAt: index
  }))

const reversedIf = <A>(list: ReadonlyArray<A>, direction: SortDirection): ReadonlyArray<A> =>
  direction === "asc" ? list : list.toReversed()

/** Every page from the first on. */
const walk = <A>(pageAt: (cursor: string | null) => Result.Result<Page<A>, InvalidCursor>): ReadonlyArray<Page<A>> => {
  const pages: Array<Page<A>> = []
  for (let cursor: string | null | undefined = null; cursor !== undefined;) {
    const page: Page<A> = Result.getOrThrow(pageAt(cursor))
    pages.push(page)
    assert.isBelow(pages.length, 1000)
    cursor = page.nextCursor ?? undefined
  }
  return pages
}

describe("turnPage", () => {
  it.prop(
    "walking visits every turn exactly once, in either direction",
    [Histories, Limits, Directions],
    ([shape, limit, sortDirection]) => {
      const turns = historyOf(shape)
      const pages = walk((cursor) => turnPage(turns, { cursor, limit, sortDirection, itemsView: "full" }))
      assert.deepStrictEqual(
        pages.flatMap((page) => page.data),
        reversedIf(turns, sortDirection)
      )
      assert.isTrue(pages.every((page) => page.data.length <= limit))
    }
  )

  it.prop(
    "a page's backwards cursor leads back from its first turn",
    [Histories, Limits, Directions],
    ([shape, limit, sortDirection]) => {
      const turns = historyOf(shape)
      const before: Array<Turn> = []
      for (const page of walk((cursor) => turnPage(turns, { cursor, limit, sortDirection, itemsView: "full" }))) {
        if (page.backwardsCursor === null) {
          assert.deepStrictEqual(page.data, [])
          continue
        }
        const back = turnPage(turns, {
          cursor: page.backwardsCursor,
          limit: 100,
          sortDirection: sortDirection === "asc" ? "desc" : "asc",
          itemsView: "full"
        })
        const visited = [...before, ...page.data.slice(0, 1)]
        assert.deepStrictEqual(Result.getOrThrow(back).data, visited.toReversed())
        before.push(...page.data)
      }
    }
  )

  it.prop("a cursor stays good while turns are appended", [Histories, Limits], ([shape, limit]) => {
    const turns = historyOf(shape)
    const first = Result.getOrThrow(turnPage(turns, { cursor: null, limit, sortDirection: "asc", itemsView: "full" }))
    const longer = [...turns, turn("T9", [])]
    const rest =
      first.nextCursor === null
        ? []
        : walk((cursor) =>
            turnPage(longer, { cursor: cursor ?? first.nextCursor, limit: 3, sortDirection: "asc", itemsView: "full" })
          ).flatMap((page) => page.data)
    if (first.nextCursor !== null) assert.deepStrictEqual([...first.data, ...rest], longer)
  })

  it("prints cursors as Codex does", () => {
    const turns = [turn("T1", []), turn("T2", []), turn("T3", [])]
    const page = turnPage(turns, { cursor: null, limit: 2, sortDirection: "desc", itemsView: "full" })
    assert.strictEqual(Result.getOrThrow(page).nextCursor, '{"turnId":"T2","includeAnchor":false}')
    assert.strictEqual(Result.getOrThrow(page).backwardsCursor, '{"turnId":"T3","includeAnchor":true}')
    assert.strictEqual(newestTurnCursor(turns), '{"turnId":"T3","includeAnchor":true}')
    assert.strictEqual(newestTurnCursor([]), null)
  })

  it.each([
    ["junk", "malformed", "invalid cursor: junk"],
    ["{}", "malformed", "invalid cursor: {}"],
    ['{"turnId":"","includeAnchor":true}', "malformed", 'invalid cursor: {"turnId":"","includeAnchor":true}'],
    ['{"turnId":"T1","includeAnchor":true,"occurrence":-1}', "malformed", undefined],
    ['{"turnId":"nope","includeAnchor":true}', "turnGone", "invalid cursor: anchor turn is no longer present"],
    ['{"turnId":"T1","includeAnchor":true,"occurrence":1}', "turnGone", undefined]
  ])("refuses the cursor %s", (cursor, reason, message) => {
    const found = turnPage([turn("T1", [])], { cursor, limit: 1, sortDirection: "asc", itemsView: "full" })
    const error = Result.getOrThrow(Result.flip(found))
    assert.strictEqual(error.reason, reason)
    if (message !== undefined) assert.strictEqual(error.message, message)
  })

  it("shows as much of the items as asked for", () => {
    const items = [
      agentMessage("i0", "early"),
      userMessage("i1", "one"),
      agentMessage("i2", "comment"),
      userMessage("i3", "steer"),
      agentMessage("i4", "final")
    ]
    const whole = turn("T1", items)
    assert.strictEqual(withView(whole, "full"), whole)
    assert.deepStrictEqual(withView(whole, "notLoaded"), { ...whole, items: [], itemsView: "notLoaded" })
    const summary = withView(whole, "summary")
    assert.deepStrictEqual([summary.itemsView, summary.items.map((item) => item.id)], ["summary", ["i1", "i4"]])
    assert.deepStrictEqual(withView(turn("T2", [agentMessage("i5", "x")]), "summary").items.length, 1)
    assert.deepStrictEqual(withView(turn("T3", []), "summary").items, [])
  })
})

describe("itemPage", () => {
  it.prop(
    "walking visits every item exactly once, in either direction",
    [Histories, Limits, Directions],
    ([shape, limit, sortDirection]) => {
      const turns = historyOf(shape)
      const pages = walk((cursor) => itemPage(turns, { cursor, limit, sortDirection, turnId: null }))
      assert.deepStrictEqual(
        pages.flatMap((page) => page.data.map((entry) => entry.item)),
        reversedIf(
          turns.flatMap((entry) => entry.items),
          sortDirection
        )
      )
    }
  )

  it.prop("of one turn, only its items", [Histories, Limits], ([shape, limit]) => {
    const turns = historyOf(shape)
    const turnId = TurnId.make("T2")
    const pages = walk((cursor) => itemPage(turns, { cursor, limit, sortDirection: "asc", turnId }))
    assert.deepStrictEqual(
      pages.flatMap((page) => page.data.map((entry) => entry.item)),
      turns.filter((entry) => entry.id === turnId).flatMap((entry) => entry.items)
    )
  })

  it("starts beyond an item named as the place", () => {
    const turns = [
      turn(
        "T1",
        ["a", "b", "c"].map((id) => userMessage(id, id))
      )
    ]
    const at = (sortDirection: SortDirection) =>
      Result.getOrThrow(
        itemPage(turns, { cursor: { itemId: ItemId.make("b") }, limit: 25, sortDirection, turnId: TurnId.make("T1") })
      ).data.map((entry) => entry.item.id)
    assert.deepStrictEqual([at("asc"), at("desc")], [["c"], ["a"]])
    const gone = itemPage(turns, {
      cursor: { itemId: ItemId.make("z") },
      limit: 25,
      sortDirection: "asc",
      turnId: TurnId.make("T1")
    })
    assert.strictEqual(Result.getOrThrow(Result.flip(gone)).reason, "itemGone")
  })

  it("hands out a cursor for the newest item", () => {
    const turns = [turn("T1", [userMessage("a", "a")]), turn("T2", [])]
    assert.strictEqual(newestItemCursor(turns), '{"turnId":"T1","itemId":"a","includeAnchor":true}')
    assert.strictEqual(newestItemCursor([turn("T2", [])]), null)
  })
})

it("bounds the page size", () => {
  assert.deepStrictEqual([undefined, null, 0, 1, 100, 101].map(clampLimit), [25, 25, 1, 1, 100, 100])
})
