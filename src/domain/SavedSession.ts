/**
 * A restored session as text and bytes, to be kept beside its rollout: whoever asks for it again is answered without the
 * rollout being read. The turns stay what clients are sent, JSON in bytes, and beside them what is known of each.
 *
 * It is only ever a copy of what the rollout says. What cannot be kept exactly is not kept.
 */
import { Equal, Option, Schema } from "effect"
import { isRecord, own } from "./Json.ts"
import { printedTurn } from "./PrintedText.ts"
import { blocksOf, type TurnPlace } from "./PrintedTurns.ts"
import { fromPayload, type SessionMeta } from "./SessionMeta.ts"
import { type SettingsSource, ThreadSettings } from "./ThreadSettings.ts"
import { RestoredUsage } from "./TokenUsage.ts"
import { lazily } from "./TurnDraft.ts"
import { Turn, TurnError, TurnItemsView, TurnStatus } from "./Turn.ts"

/** What is kept of a session: all that a client is told of it. */
export interface SavedSession {
  readonly meta: SessionMeta
  readonly settings: SettingsSource
  readonly preview: string
  /** The name that the rollout itself records. */
  readonly name: string | null
  readonly usage: RestoredUsage | null
  readonly turns: ReadonlyArray<Turn>
}

/** What has to be known of a session, and of its rollout, to go on from there (`GrownSession.ts`). */
export const Growth = Schema.Struct({
  /** Bytes of the rollout that the session is of; the last ends a line. */
  bytes: Schema.Natural,
  /** The rollout's identity. */
  identity: Schema.String,
  /** The last of the bytes. */
  edge: Schema.Uint8ArrayFromBase64,
  /** The number of the next item that is counted and not named. */
  nextItem: Schema.Natural
})
export type Growth = typeof Growth.Type

/** A session that was kept, and how it may go on; null when it may not. */
export interface LoadedSession {
  readonly session: SavedSession
  readonly growth: Growth | null
}

/** A session as it is kept: what is known of it and its turns, and the turns as clients are sent them. */
export interface SavedText {
  readonly text: string
  readonly blocks: ReadonlyArray<Uint8Array>
}

/** What is known of a turn, and where it is in the blocks. */
interface SavedTurn extends Omit<Turn, "items">, TurnPlace {}

/** The text of a session that was kept, read. */
export interface SavedIndex {
  readonly session: Omit<SavedSession, "turns">
  readonly growth: Growth | null
  readonly turns: ReadonlyArray<SavedTurn>
  /** How many blocks its turns are in. */
  readonly blocks: number
}

const isId = Schema.is(Turn.fields.id)
const isStatus = Schema.is(TurnStatus)
const isView = Schema.is(TurnItemsView)
const isError = Schema.is(TurnError)
const isMoment = (value: unknown): boolean => value === null || (typeof value === "number" && Number.isFinite(value))

// By hand: there are thousands of turns, and nothing in them is decoded, for they are JSON as they are.
const isSavedTurn = (value: unknown): value is SavedTurn => {
  if (!isRecord(value)) return false
  const { completedAt, durationMs, error, id, itemsView, rootTurnId, startedAt, status } = value
  return (
    Number.isSafeInteger(value["block"]) &&
    Number.isSafeInteger(value["itemsFrom"]) &&
    Number.isSafeInteger(value["itemsEnd"]) &&
    Number.isSafeInteger(value["end"]) &&
    isId(id) &&
    (rootTurnId === null || typeof rootTurnId === "string") &&
    (itemsView === "full" || isView(itemsView)) &&
    (status === "completed" || isStatus(status)) &&
    (error === null || isError(error)) &&
    isMoment(startedAt) &&
    isMoment(completedAt) &&
    isMoment(durationMs)
  )
}
const fields = ThreadSettings.fields

const Saved = Schema.Struct({
  payload: Schema.Record(Schema.String, Schema.Unknown),
  // The window is the configuration's, never a rollout's.
  settings: Schema.Struct({
    model: Schema.optionalKey(fields.model),
    modelProvider: Schema.optionalKey(fields.modelProvider),
    serviceTier: Schema.optionalKey(fields.serviceTier),
    cwd: Schema.optionalKey(fields.cwd),
    approvalPolicy: Schema.optionalKey(fields.approvalPolicy),
    approvalsReviewer: Schema.optionalKey(fields.approvalsReviewer),
    sandbox: Schema.optionalKey(fields.sandbox),
    reasoningEffort: Schema.optionalKey(fields.reasoningEffort)
  }),
  preview: Schema.String,
  name: Schema.NullOr(Schema.String),
  usage: Schema.NullOr(RestoredUsage),
  growth: Schema.NullOr(Growth)
})
const codec = Schema.toCodecJson(Saved)
const encode = Schema.encodeUnknownOption(codec)
const decode = Schema.decodeUnknownOption(codec)
const parse = Option.liftThrowable((text: string): unknown => JSON.parse(text))

const encoder = new TextEncoder()
const unsafeInteger = /\d{16}/

/** The items of a turn as JSON; null when they cannot be kept so. */
const itemsText = (turn: Turn): Uint8Array | null => {
  const printed = printedTurn(turn)
  if (printed !== undefined) return printed.items
  if (turn.items.some((item) => item.type === "unknown")) return null
  const text = Option.getOrNull(Option.liftThrowable(() => JSON.stringify(turn.items))())
  // An integer of that length may be more than a double holds.
  return text === null || unsafeInteger.test(text) ? null : encoder.encode(text.slice(1, -1))
}

/** The session as text and bytes; null when something in it cannot be kept exactly. */
export const save = (session: SavedSession, growth: Growth | null = null): SavedText | null => {
  const { meta } = session
  const again = Option.getOrNull(fromPayload(meta.payload))
  if (again === null || !Equal.equals(again, meta)) return null
  const parts: Array<readonly [Turn, Uint8Array]> = []
  for (const turn of session.turns) {
    const printed = itemsText(turn)
    if (printed === null) return null
    parts.push([turn, printed])
  }
  const { blocks, places } = blocksOf(parts)
  const turns = session.turns.map((turn, at) => {
    const { completedAt, durationMs, error, id, itemsView, rootTurnId, startedAt, status } = turn
    return { id, rootTurnId, itemsView, status, error, startedAt, completedAt, durationMs, ...places[at] }
  })
  const remembered = Object.fromEntries(Object.entries(session.settings).filter(([, value]) => value !== undefined))
  const { name, preview, usage } = session
  return Option.getOrNull(
    Option.map(encode({ payload: meta.payload, settings: remembered, preview, name, usage, growth }), (session) => ({
      text: JSON.stringify({ session, turns }),
      blocks
    }))
  )
}

/** What is known of a session that was kept; null for what is none. */
export const read = (text: string): SavedIndex | null => {
  const kept = Option.getOrNull(parse(text))
  const turns = isRecord(kept) ? own(kept, "turns") : null
  const saved = isRecord(kept) ? Option.getOrNull(decode(own(kept, "session"))) : null
  const meta = saved === null || !isRecord(saved.payload) ? null : Option.getOrNull(fromPayload(saved.payload))
  if (saved === null || meta === null || !Array.isArray(turns) || !turns.every(isSavedTurn)) return null
  const { growth, name, preview, settings, usage } = saved
  const last = turns.at(-1)
  return {
    session: { meta, settings, preview, name, usage },
    growth,
    turns,
    blocks: last === undefined ? 0 : last.block + 1
  }
}

/** The first block that has one of the last `count` turns. */
export const firstBlock = ({ blocks, turns }: SavedIndex, count: number): number =>
  (count >= turns.length ? turns[0] : turns[turns.length - count])?.block ?? blocks

/** A turn whose items are not at hand. */
const unread = ({ completedAt, durationMs, error, id, rootTurnId, startedAt, status }: SavedTurn): Turn => ({
  id,
  rootTurnId,
  items: [],
  itemsView: "notLoaded",
  status,
  error,
  startedAt,
  completedAt,
  durationMs
})

/** The session, given its blocks from one on: turns in those before are `notLoaded`. Null when these are not its blocks. */
export const load = (index: SavedIndex, blocks: ReadonlyArray<Uint8Array>, before = 0): LoadedSession | null => {
  if (index.blocks !== before + blocks.length) return null
  const turns: Array<Turn> = []
  let block = 0
  let from = 0
  const isWhole = () => from === (blocks[block - before]?.length ?? from)
  for (const turn of index.turns) {
    if (turn.block !== block) {
      if (turn.block !== block + 1 || !isWhole()) return null
      block++
      from = 0
    }
    const { end, itemsEnd, itemsFrom } = turn
    const bytes = blocks[block - before]
    if (itemsFrom <= from || itemsEnd < itemsFrom || end <= itemsEnd || end > (bytes?.length ?? end)) return null
    turns.push(
      bytes === undefined
        ? unread(turn)
        : lazily(turn, { items: bytes.subarray(itemsFrom, itemsEnd), whole: bytes.subarray(from, end) })
    )
    from = end
  }
  return isWhole() ? { session: { ...index.session, turns }, growth: index.growth } : null
}
