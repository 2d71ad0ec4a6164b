/**
 * Pages of turns, and of items, over a restored history. Pure.
 *
 * A cursor names the turn or item it stands at and whether that one belongs to the next page, so it
 * stays good while turns are appended. Rules and shapes: docs/codex.md, "Paging".
 */
import { Option, Result, Schema } from "effect"
import { ItemId, TurnId } from "./Ids.ts"
import type { ThreadItem } from "./ThreadItem.ts"
import { type Turn, type TurnItemsView, withItems } from "./Turn.ts"

export const SortDirection = Schema.Literals(["asc", "desc"])
export type SortDirection = typeof SortDirection.Type

/** Entries of a page when the request does not say. */
export const defaultLimit = 25

/** Entries of a page at most. */
export const maxLimit = 100

/** A page size as asked for, within bounds: absent is 25, 0 is 1, more than 100 is 100. */
export const clampLimit = (limit: number | null | undefined): number =>
  Math.min(Math.max(limit ?? defaultLimit, 1), maxLimit)

/** The cursor is no cursor of ours, or what it stands at is gone. `cursor` is cut to 200 characters. */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>()("InvalidCursor", {
  cursor: Schema.String,
  reason: Schema.Literals(["malformed", "turnGone", "itemGone"])
}) {
  override get message(): string {
    switch (this.reason) {
      case "malformed":
        return `invalid cursor: ${this.cursor}`
      case "turnGone":
        return "invalid cursor: anchor turn is no longer present"
      case "itemGone":
        return "invalid cursor: anchor item is no longer present"
    }
  }
}

/** A page; `nextCursor` is null on the last one, `backwardsCursor` on an empty one. */
export interface Page<A> {
  readonly data: ReadonlyArray<A>
  /** For the next page in the same direction. */
  readonly nextCursor: string | null
  /** For the opposite direction, from this page's first entry on, that one included. */
  readonly backwardsCursor: string | null
}

/** Which page. Both cursors of a {@link Page} fit either direction. */
export interface PageQuery {
  readonly cursor: string | null
  /** 1 to 100; see {@link clampLimit}. */
  readonly limit: number
  readonly sortDirection: SortDirection
}

/** An item with the turn that it belongs to (`ThreadItemEntry`). */
export interface ItemEntry {
  readonly turnId: TurnId
  readonly item: ThreadItem
  readonly startedAtMs: number | null
  readonly completedAtMs: number | null
}

// Histories may repeat an id; `occurrence` (from 0, left out when 0) tells the repetitions apart.
const Occurrence = Schema.optionalKey(Schema.Natural)
const TurnCursor = Schema.fromJsonString(
  Schema.Struct({ turnId: TurnId, occurrence: Occurrence, includeAnchor: Schema.Boolean })
)
const ItemCursor = Schema.fromJsonString(
  Schema.Struct({ turnId: TurnId, itemId: ItemId, occurrence: Occurrence, includeAnchor: Schema.Boolean })
)
const decodeTurnCursor = Schema.decodeUnknownOption(TurnCursor)
const decodeItemCursor = Schema.decodeUnknownOption(ItemCursor)

interface Anchor {
  readonly key: string
  readonly occurrence: number
  readonly includeAnchor: boolean
}

/** What paging needs to know of an entry kind. */
interface Kind<A> {
  readonly keyOf: (entry: A) => string
  readonly decode: (cursor: string) => Option.Option<Anchor>
  readonly encode: (entry: A, occurrence: number, includeAnchor: boolean) => string
  readonly gone: "turnGone" | "itemGone"
}

const occurrenceOf = <A>(kind: Kind<A>, entries: ReadonlyArray<A>, index: number): number => {
  const entry = entries[index]
  if (entry === undefined) return 0
  const key = kind.keyOf(entry)
  let count = 0
  for (const earlier of entries.slice(0, index)) if (kind.keyOf(earlier) === key) count++
  return count
}

const indexOf = <A>(kind: Kind<A>, entries: ReadonlyArray<A>, anchor: Anchor): number => {
  let seen = 0
  return entries.findIndex((entry) => kind.keyOf(entry) === anchor.key && seen++ === anchor.occurrence)
}

const cursorAt = <A>(
  kind: Kind<A>,
  entries: ReadonlyArray<A>,
  index: number,
  includeAnchor: boolean
): string | null => {
  const entry = entries[index]
  return entry === undefined ? null : kind.encode(entry, occurrenceOf(kind, entries, index), includeAnchor)
}

const page = <A>(kind: Kind<A>, entries: ReadonlyArray<A>, query: PageQuery): Result.Result<Page<A>, InvalidCursor> => {
  const step = query.sortDirection === "asc" ? 1 : -1
  let first = step === 1 ? 0 : entries.length - 1
  if (query.cursor !== null) {
    const invalid = (reason: InvalidCursor["reason"]) =>
      Result.fail(new InvalidCursor({ cursor: (query.cursor ?? "").slice(0, 200), reason }))
    const anchor = kind.decode(query.cursor)
    if (Option.isNone(anchor)) return invalid("malformed")
    const at = indexOf(kind, entries, anchor.value)
    if (at < 0) return invalid(kind.gone)
    first = anchor.value.includeAnchor ? at : at + step
  }
  const data: Array<A> = []
  let index = first
  for (; data.length < query.limit; index += step) {
    const entry = entries[index]
    if (entry === undefined) break
    data.push(entry)
  }
  return Result.succeed({
    data,
    nextCursor: entries[index] === undefined ? null : cursorAt(kind, entries, index - step, false),
    backwardsCursor: data.length === 0 ? null : cursorAt(kind, entries, first, true)
  })
}

const repeated = (occurrence: number) => (occurrence === 0 ? {} : { occurrence })

const turnKind: Kind<Turn> = {
  keyOf: (turn) => turn.id,
  decode: (cursor) =>
    Option.map(decodeTurnCursor(cursor), ({ turnId, occurrence, includeAnchor }) => ({
      key: turnId,
      occurrence: occurrence ?? 0,
      includeAnchor
    })),
  encode: (turn, occurrence, includeAnchor) =>
    JSON.stringify({ turnId: turn.id, ...repeated(occurrence), includeAnchor }),
  gone: "turnGone"
}

const itemKey = (turnId: string, itemId: string): string => JSON.stringify([turnId, itemId])

const itemKind: Kind<ItemEntry> = {
  keyOf: (entry) => itemKey(entry.turnId, entry.item.id),
  decode: (cursor) =>
    Option.map(decodeItemCursor(cursor), ({ turnId, itemId, occurrence, includeAnchor }) => ({
      key: itemKey(turnId, itemId),
      occurrence: occurrence ?? 0,
      includeAnchor
    })),
  encode: (entry, occurrence, includeAnchor) =>
    JSON.stringify({ turnId: entry.turnId, itemId: entry.item.id, ...repeated(occurrence), includeAnchor }),
  gone: "itemGone"
}

/** The turn with as much of its items as asked for. `summary`: the first user message and the last agent message. */
export const withView = (turn: Turn, view: TurnItemsView): Turn => {
  switch (view) {
    case "full":
      return turn
    case "notLoaded":
      return withItems(turn, [], "notLoaded")
    case "summary": {
      const user = turn.items.find((item) => item.type === "userMessage")
      const agent = turn.items.findLast((item) => item.type === "agentMessage")
      return withItems(
        turn,
        [user, agent].filter((item) => item !== undefined),
        "summary"
      )
    }
  }
}

export interface TurnQuery extends PageQuery {
  readonly itemsView: TurnItemsView
}

/** How many turns, from the newest on, a page may show the items of; the others may be `notLoaded`. */
export const newestShown = ({ cursor, itemsView, limit, sortDirection }: TurnQuery): number => {
  if (itemsView === "notLoaded") return 0
  return cursor === null && sortDirection === "desc" ? limit : Number.POSITIVE_INFINITY
}

/** One page of turns. */
export const turnPage = (turns: ReadonlyArray<Turn>, query: TurnQuery): Result.Result<Page<Turn>, InvalidCursor> =>
  Result.map(page(turnKind, turns, query), (found) => ({
    ...found,
    data: found.data.map((turn) => withView(turn, query.itemsView))
  }))

const itemEntries = (turns: ReadonlyArray<Turn>): ReadonlyArray<ItemEntry> =>
  turns.flatMap((turn) =>
    turn.items.map((item) => ({
      turnId: turn.id,
      item,
      startedAtMs: item.startedAtMs,
      completedAtMs: item.completedAtMs
    }))
  )

/** Where a page of items begins: a cursor, or right beyond one item of the turn that the query names. */
export type ItemPosition = string | { readonly itemId: ItemId } | null

/** One page of items, of one turn or of all. */
export const itemPage = (
  turns: ReadonlyArray<Turn>,
  query: Omit<PageQuery, "cursor"> & { readonly cursor: ItemPosition; readonly turnId: TurnId | null }
): Result.Result<Page<ItemEntry>, InvalidCursor> => {
  const { turnId, cursor } = query
  const entries = itemEntries(turnId === null ? turns : turns.filter((turn) => turn.id === turnId))
  const from =
    cursor === null || typeof cursor === "string"
      ? cursor
      : JSON.stringify({ turnId: turnId ?? "", itemId: cursor.itemId, includeAnchor: false })
  return page(itemKind, entries, { ...query, cursor: from })
}

/** A cursor from which `desc` pages of turns begin with the newest; null when there is none. */
export const newestTurnCursor = (turns: ReadonlyArray<Turn>): string | null =>
  cursorAt(turnKind, turns, turns.length - 1, true)

/** A cursor from which `desc` pages of items begin with the newest; null when there is none. */
export const newestItemCursor = (turns: ReadonlyArray<Turn>): string | null => {
  const entries = itemEntries(turns)
  return cursorAt(itemKind, entries, entries.length - 1, true)
}
