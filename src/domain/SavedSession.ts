/**
 * A restored session as text and bytes, to be kept beside its rollout: whoever asks for it again is answered without the
 * rollout being read. The items stay what clients are sent, JSON in bytes.
 *
 * It is only ever a copy of what the rollout says. What cannot be kept exactly is not kept.
 */
import { Equal, Option, Schema } from "effect"
import { isRecord } from "./Json.ts"
import { printedItems } from "./PrintedText.ts"
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

/** A session as it is kept. */
export interface SavedText {
  readonly text: string
  readonly items: Uint8Array
}

interface SavedTurn extends Omit<Turn, "items"> {
  /** Where its items end among all; they begin where those of the turn before end. */
  readonly itemsEnd: number
}

const isId = Schema.is(Turn.fields.id)
const isStatus = Schema.is(TurnStatus)
const isView = Schema.is(TurnItemsView)
const isError = Schema.is(TurnError)
const isMoment = (value: unknown): boolean => value === null || (typeof value === "number" && Number.isFinite(value))

// By hand: there are thousands of turns, and nothing in them is decoded, for they are JSON as they are.
const isSavedTurn = (value: unknown): value is SavedTurn => {
  if (!isRecord(value)) return false
  const { completedAt, durationMs, error, id, itemsEnd, itemsView, rootTurnId, startedAt, status } = value
  return (
    typeof itemsEnd === "number" &&
    Number.isSafeInteger(itemsEnd) &&
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
  growth: Schema.NullOr(Growth),
  turns: Schema.Array(Schema.Unknown)
})
const codec = Schema.fromJsonString(Schema.toCodecJson(Saved))
const encode = Schema.encodeUnknownOption(codec)
const decode = Schema.decodeUnknownOption(codec)

const encoder = new TextEncoder()
const unsafeInteger = /\d{16}/

/** The items of a turn as JSON; null when they cannot be kept so. */
const itemsText = (turn: Turn): Uint8Array | null => {
  const printed = printedItems(turn)
  if (printed !== undefined) return printed
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
  const parts: Array<Uint8Array> = []
  const turns: Array<unknown> = []
  let itemsEnd = 0
  for (const turn of session.turns) {
    const printed = itemsText(turn)
    if (printed === null) return null
    parts.push(printed)
    itemsEnd += printed.length
    const { completedAt, durationMs, error, id, itemsView, rootTurnId, startedAt, status } = turn
    turns.push({ id, rootTurnId, itemsView, status, error, startedAt, completedAt, durationMs, itemsEnd })
  }
  const items = new Uint8Array(itemsEnd)
  let at = 0
  for (const part of parts) {
    items.set(part, at)
    at += part.length
  }
  const remembered = Object.fromEntries(Object.entries(session.settings).filter(([, value]) => value !== undefined))
  const { name, preview, usage } = session
  return Option.getOrNull(
    Option.map(
      encode({ payload: meta.payload, settings: remembered, preview, name, usage, growth, turns }),
      (text) => ({
        text,
        items
      })
    )
  )
}

/** The session that was kept; null for what is none. */
export const load = ({ items, text }: SavedText): LoadedSession | null => {
  const saved = Option.getOrNull(decode(text))
  const meta = saved === null || !isRecord(saved.payload) ? null : Option.getOrNull(fromPayload(saved.payload))
  if (saved === null || meta === null) return null
  const turns: Array<Turn> = []
  let from = 0
  for (const one of saved.turns) {
    if (!isSavedTurn(one)) return null
    const { itemsEnd, ...turn } = one
    if (itemsEnd < from) return null
    turns.push(lazily(turn, items.subarray(from, itemsEnd)))
    from = itemsEnd
  }
  if (from !== items.length) return null
  const { growth, name, preview, settings, usage } = saved
  return { session: { meta, settings, preview, name, usage, turns }, growth }
}
