/**
 * What a client makes of what it is told: it folds the answer that it came to a thread with, and every
 * event after it, into the thread. Whatever does not fit is a problem of the server's.
 *
 * Items are kept in the order in which they end; those that have begun and not ended stand behind. An
 * item that has not ended when its turn does is not part of it.
 */
import { Schema } from "effect"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { type Notification, NotificationParams } from "../../src/domain/Notification.ts"
import type { ThreadItem } from "../../src/domain/ThreadItem.ts"
import { ThreadTokenUsage } from "../../src/domain/TokenUsage.ts"
import { Turn } from "../../src/domain/Turn.ts"
import type { Message } from "./Server.ts"

const decodeTurns = Schema.decodeUnknownSync(Schema.Array(Turn))
const decodeUsage = Schema.decodeUnknownSync(
  Schema.NullOr(
    Schema.Struct({ turnId: Schema.NullOr(Schema.String), tokenUsage: ThreadTokenUsage, inherited: Schema.Unknown })
  )
)

/** Restored usage as an answer carries it. */
export type SeenUsage = ReturnType<typeof decodeUsage>

/** A thread as an answer shows it. */
export interface Seen {
  readonly id: string
  readonly status: unknown
  readonly path: unknown
  readonly turns: ReadonlyArray<Turn>
  readonly usage: SeenUsage
}

/** The thread in the answer to start, resume, fork or read. */
export const seenIn = (result: JsonRecord): Seen => {
  const thread = own(result, "thread")
  const of = (key: string) => (isRecord(thread) ? own(thread, key) : undefined)
  return {
    id: String(of("id")),
    status: of("status"),
    path: of("path"),
    turns: decodeTurns(of("turns")),
    usage: decodeUsage(own(result, "tokenUsage") ?? null)
  }
}

/** The notification in a message. Throws when it is not what its schema says. */
export const notificationIn = (message: Extract<Message, { readonly kind: "notification" }>): Notification => {
  const decoded = decodeNotification(message)
  if (decoded === null) throw new Error(`no such notification: ${message.method}`)
  return decoded
}

const schemas = Schema.Union([
  notification("thread/started"),
  notification("thread/status/changed"),
  notification("thread/closed"),
  notification("thread/archived"),
  notification("thread/unarchived"),
  notification("thread/deleted"),
  notification("thread/reverted"),
  notification("thread/name/updated"),
  notification("turn/started"),
  notification("turn/completed"),
  notification("turn/plan/updated"),
  notification("item/started"),
  notification("item/completed"),
  notification("item/agentMessage/delta"),
  notification("item/reasoning/summaryPartAdded"),
  notification("item/reasoning/summaryTextDelta"),
  notification("error"),
  notification("thread/tokenUsage/updated"),
  notification("warning")
])
function notification<const M extends Notification["method"]>(method: M) {
  return Schema.Struct({ method: Schema.Literal(method), params: NotificationParams[method] })
}
const decodeMessage = Schema.decodeUnknownSync(schemas)
const decodeNotification = ({
  method,
  params
}: Extract<Message, { readonly kind: "notification" }>): Notification | null =>
  method in NotificationParams ? decodeMessage({ method, params }) : null

interface OpenItem {
  item: ThreadItem
  /** Was its beginning, and not its end, told? Items of a snapshot may have ended. */
  readonly open: boolean
  readonly ended?: boolean
}

interface FoldedTurn {
  turn: Turn
  items: Array<OpenItem>
}

/** One client's view of one thread. */
export interface Fold {
  /** Takes one event about the thread; the answer is what is wrong with it, or null. */
  readonly on: (notification: Notification) => string | null
  readonly turns: () => ReadonlyArray<Turn>
  readonly usage: () => SeenUsage | "unknown"
  readonly status: () => unknown
  /** False after something that is not told in full: it has to come to the thread again. */
  readonly isCurrent: () => boolean
  /** Did it begin with all turns? */
  readonly isWhole: boolean
}

// Of a message or reasoning in a snapshot nothing tells that it goes on; it always ends before its turn.
const isOpenItem = (item: ThreadItem): boolean =>
  ("status" in item && item.status === "inProgress") ||
  (item.type === "contextCompaction" && item.completedAtMs === null)

/** Begins with a snapshot. `whole`: with all its turns. */
export const make = (seen: Seen, whole: boolean): Fold => {
  const turns: Array<FoldedTurn> = seen.turns.map((turn) => ({
    turn,
    items: turn.items.map((item) => ({ item, open: turn.status === "inProgress" && isOpenItem(item) }))
  }))
  const partial = new Set<string>()
  let status = seen.status
  let usage: SeenUsage | "unknown" = seen.usage
  let current = true
  let replayDue = seen.usage !== null && seen.usage.turnId !== null
  const inherited: unknown = seen.usage?.inherited ?? null

  const find = (turnId: string): FoldedTurn | undefined => turns.findLast(({ turn }) => turn.id === turnId)
  const missing = (turnId: string): string | null => {
    if (whole) return `turn ${turnId} is not known`
    partial.add(turnId)
    return null
  }
  const inTurn = (turnId: string, then: (turn: FoldedTurn) => string | null): string | null => {
    if (partial.has(turnId)) return null
    const turn = find(turnId)
    if (turn === undefined) return missing(turnId)
    return turn.turn.status === "inProgress" ? then(turn) : `turn ${turnId} has ended`
  }
  const inItem = (turnId: string, itemId: string, then: (item: OpenItem) => string | null): string | null =>
    inTurn(turnId, (turn) => {
      const item = turn.items.findLast((one) => one.item.id === itemId)
      return item === undefined ? `item ${itemId} is not known` : then(item)
    })

  const onReplayDue = (notification: Notification): string | null => {
    if (notification.method === "warning") return null
    replayDue = false
    if (notification.method !== "thread/tokenUsage/updated") return `${notification.method} before the replay`
    const { tokenUsage, turnId } = notification.params
    if (seen.usage === null || turnId !== seen.usage.turnId) return `the replay is owned by ${turnId}`
    return equal(tokenUsage, seen.usage.tokenUsage) ? null : "the replay has other figures than the response"
  }

  const apply = (told: Notification): string | null => {
    switch (told.method) {
      case "thread/status/changed":
        status = told.params.status
        return null
      case "thread/reverted":
        current = false
        return null
      case "turn/started": {
        const { turn } = told.params
        if (find(turn.id) !== undefined || partial.has(turn.id)) return `turn ${turn.id} has started before`
        const running = turns.findLast((one) => one.turn.status === "inProgress")
        if (running !== undefined) return `turn ${turn.id} starts while ${running.turn.id} runs`
        turns.push({ turn, items: [] })
        return null
      }
      case "turn/completed": {
        const { turn } = told.params
        if (turn.status === "inProgress") return `turn ${turn.id} completes in progress`
        return inTurn(turn.id, (known) => {
          const kept = (item: OpenItem) => item.item.type === "contextCompaction" && turn.status === "completed"
          known.items = known.items.filter((item) => !item.open || kept(item))
          known.turn = { ...turn, items: [], itemsView: "full" }
          return null
        })
      }
      case "item/started":
        return inTurn(told.params.turnId, (turn) => {
          const { item } = told.params
          if (turn.items.some((one) => one.item.id === item.id)) return `item ${item.id} has started before`
          turn.items.push({ item, open: true })
          return null
        })
      case "item/completed":
        return inTurn(told.params.turnId, (turn) => {
          const { item } = told.params
          const known = turn.items.findLast((one) => one.item.id === item.id)
          if (known === undefined) return `item ${item.id} ends and never began`
          if (known.ended === true) return `item ${item.id} ends twice`
          turn.items.splice(turn.items.indexOf(known), 1)
          const at = turn.items.findIndex((one) => one.open)
          turn.items.splice(at < 0 ? turn.items.length : at, 0, { item, open: false, ended: true })
          return null
        })
      case "item/agentMessage/delta":
        return inItem(told.params.turnId, told.params.itemId, (known) => {
          if (known.item.type !== "agentMessage") return `a text for ${known.item.type}`
          known.item = { ...known.item, text: known.item.text + told.params.delta }
          return null
        })
      case "item/reasoning/summaryPartAdded":
        return inItem(told.params.turnId, told.params.itemId, (known) => {
          if (known.item.type !== "reasoning") return `a paragraph for ${known.item.type}`
          const { summary } = known.item
          const { summaryIndex } = told.params
          if (summaryIndex !== summary.length) return `paragraph ${summaryIndex} of ${summary.length}`
          known.item = { ...known.item, summary: [...summary, ""] }
          return null
        })
      case "item/reasoning/summaryTextDelta":
        return inItem(told.params.turnId, told.params.itemId, (known) => {
          const { delta, summaryIndex } = told.params
          if (known.item.type !== "reasoning") return `a reasoning for ${known.item.type}`
          if (known.item.summary[summaryIndex] === undefined) return `paragraph ${summaryIndex} was not added`
          known.item = {
            ...known.item,
            summary: known.item.summary.with(summaryIndex, known.item.summary[summaryIndex] + delta)
          }
          return null
        })
      case "thread/tokenUsage/updated":
        usage = { turnId: told.params.turnId, tokenUsage: told.params.tokenUsage, inherited }
        return null
      default:
        return null
    }
  }

  return {
    on: (notification) => (replayDue ? onReplayDue(notification) : null) ?? apply(notification),
    turns: () =>
      turns
        .filter(({ turn }) => !partial.has(turn.id))
        .map(({ items, turn }) => ({ ...turn, itemsView: "full", items: items.map((one) => one.item) })),
    usage: () => usage,
    status: () => status,
    isCurrent: () => current,
    isWhole: whole
  }
}

const printed = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part))

/** Are they the same data? */
export const equal = (a: unknown, b: unknown): boolean => printed(a) === printed(b)

/** As text, for people. */
export const show = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? Number(part) : part))

/** What a client has after it took turns back: the answer has the turns, and of usage it says nothing. */
export const afterRollback = (seen: Seen): Fold => {
  const fold = make(seen, true)
  let told = false
  let reverted = false
  return {
    ...fold,
    on: (notification) => {
      told = told || notification.method === "thread/tokenUsage/updated"
      // The first is its own.
      if (notification.method === "thread/reverted" && !reverted) {
        reverted = true
        return null
      }
      return fold.on(notification)
    },
    usage: () => (told ? fold.usage() : "unknown")
  }
}
