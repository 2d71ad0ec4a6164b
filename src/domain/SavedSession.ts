/**
 * A restored session as text and bytes, to be kept beside its rollout: whoever asks for it again is answered without the
 * rollout being read. The turns stay what clients are sent, JSON in bytes, and beside them what is known of each.
 *
 * It is only ever a copy of what the rollout says. What cannot be kept exactly is not kept.
 */
import { Equal, Option, Schema } from "effect"
import { isRecord, own } from "./Json.ts"
import { printedTurn } from "./PrintedText.ts"
import { blockOf, type TurnPlace } from "./PrintedTurns.ts"
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
  readonly items: Uint8Array
}

/** What is known of a turn, and where it is among the bytes of all. */
interface SavedTurn extends Omit<Turn, "items">, TurnPlace {}

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
  const { bytes: items, places } = blockOf(parts)
  const turns = session.turns.map((turn, at) => {
    const { completedAt, durationMs, error, id, itemsView, rootTurnId, startedAt, status } = turn
    return { id, rootTurnId, itemsView, status, error, startedAt, completedAt, durationMs, ...places[at] }
  })
  const remembered = Object.fromEntries(Object.entries(session.settings).filter(([, value]) => value !== undefined))
  const { name, preview, usage } = session
  return Option.getOrNull(
    Option.map(encode({ payload: meta.payload, settings: remembered, preview, name, usage, growth }), (session) => ({
      text: JSON.stringify({ session, turns }),
      items
    }))
  )
}

/** The session that was kept; null for what is none. */
export const load = ({ items, text }: SavedText): LoadedSession | null => {
  const kept = Option.getOrNull(parse(text))
  const savedTurns = isRecord(kept) ? own(kept, "turns") : null
  const saved = isRecord(kept) ? Option.getOrNull(decode(own(kept, "session"))) : null
  const meta = saved === null || !isRecord(saved.payload) ? null : Option.getOrNull(fromPayload(saved.payload))
  if (saved === null || meta === null || !Array.isArray(savedTurns)) return null
  const turns: Array<Turn> = []
  let from = 0
  for (const turn of savedTurns) {
    if (!isSavedTurn(turn)) return null
    const { end, itemsEnd, itemsFrom } = turn
    if (itemsFrom <= from || itemsEnd < itemsFrom || end <= itemsEnd || end > items.length) return null
    turns.push(lazily(turn, { items: items.subarray(itemsFrom, itemsEnd), whole: items.subarray(from, end) }))
    from = end
  }
  if (from !== items.length) return null
  const { growth, name, preview, settings, usage } = saved
  return { session: { meta, settings, preview, name, usage, turns }, growth }
}
