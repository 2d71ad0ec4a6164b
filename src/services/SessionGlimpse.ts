/**
 * A session by the two ends of its rollout: who and where it is stands at the beginning, what was spent last and under
 * which settings at the end. What lies between is not read, so it takes the same time at any length.
 *
 * The usage it tells is that of the whole rollout, or it tells nothing: whatever could make a difference (a rollback at
 * the end, turns that are not told of, a fork's share) is left to the full reading. Name, settings and description are as
 * the ends have them; a rollout may say otherwise in the middle, which is why it is read whole right afterwards.
 */
import { searchable } from "../domain/ByteSearch.ts"
import type { SessionMeta } from "../domain/SessionMeta.ts"
import * as SessionProjection from "../domain/SessionProjection.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import { historyMode } from "../domain/ThreadView.ts"
import type { RestoredUsage } from "../domain/TokenUsage.ts"
import type { Turn } from "../domain/Turn.ts"
import { isUnsettling, stepOver } from "../domain/WholeLines.ts"
import type { RolloutEnds, RolloutRef, RolloutStat } from "./RolloutStore.ts"

/** What the ends of a rollout tell. */
export interface SessionGlimpse {
  readonly ref: RolloutRef
  readonly stat: RolloutStat
  readonly meta: SessionMeta
  readonly mode: HistoryMode
  readonly settings: SettingsSource
  readonly preview: string
  readonly name: string | null
  readonly usage: RestoredUsage
  /** The last of its turns, in order. */
  readonly recent: ReadonlyArray<Turn>
  /** Does the rollout end with a line's end? */
  readonly endsLine: boolean
  readonly hasByteOrderMark: boolean
}

/** How much of the ends is read, in bytes: first a little, then more. */
export const lengths = [
  { head: 64 * 1024, tail: 128 * 1024 },
  { head: 64 * 1024, tail: 1024 * 1024 },
  { head: 512 * 1024, tail: 8 * 1024 * 1024 }
] as const

/** Bytes of a rollout that are worth a glimpse; a shorter one is read whole in the same time. */
export const worthwhile = 1.5 * 1024 * 1024

const NEWLINE = 0x0a
const encoder = new TextEncoder()

const USAGE = encoder.encode('"type":"token_count","info":{')
const OPENING = encoder.encode('"type":"task_started"')

/** The lines from the opening of the turn on that was the last to count usage; null when they are not all there. */
const lastTurns = (tail: Uint8Array): Uint8Array | null => {
  const search = searchable(tail)
  const usage = search.lastIndexOfAll(USAGE, tail.length)
  const opening = usage < 0 ? -1 : search.lastIndexOfAll(OPENING, usage)
  if (opening < 0) return null
  const lineEnd = tail.lastIndexOf(NEWLINE, opening)
  return lineEnd < 0 ? null : tail.subarray(lineEnd + 1)
}

/** What the ends tell; null when the rollout has to be read, or read further. */
export const glimpse = (ref: RolloutRef, ends: RolloutEnds): SessionGlimpse | null => {
  const { head, stat, tail, tailFrom } = ends
  if (tailFrom < head.length) return null
  const last = lastTurns(tail)
  if (last === null) return null

  let meta: SessionMeta | null = null
  let beginning: SessionProjection.SessionProjection | null = null
  let hasByteOrderMark = false
  stepOver(
    head,
    () => beginning,
    ({ diagnostics, line }) => {
      hasByteOrderMark = hasByteOrderMark || diagnostics.some(({ reason }) => reason === "byteOrderMark")
      if (beginning === null && line?.record._tag === "SessionMeta") {
        meta = line.record.meta
        const mode = historyMode(meta)
        if (mode !== null) beginning = SessionProjection.make(meta, mode)
      }
      return beginning === null || beginning.preview() === ""
    }
  )
  const begun = resultOf(beginning)
  // Words that only an item told of may not be the first: an event may follow that says other ones.
  if (begun === null || previewOf(beginning) === "" || begun.meta.id !== ref.threadId) return null
  const mode = historyMode(begun.meta)
  // The rest of its history lies elsewhere, or a part of its usage is somebody else's.
  if (mode === null || begun.meta.historyBase !== null || begun.meta.forkedFromId !== null) return null

  // The model has to be told of at the end: every turn may have another.
  const end = SessionProjection.make(begun.meta, mode, { settings: { ...begun.settings, model: undefined } })
  const isSettled = stepOver(
    last,
    () => end,
    (read) => !isUnsettling(read)
  )
  if (!isSettled) return null
  const ended = end.result()
  const { usage } = ended
  if (end.isUncertain() || usage === null || usage.owner === null || usage.info.estimated.total) return null
  const owner = ended.turns.find(({ turn }) => turn.id === usage.owner)
  if (owner?.explicit !== true || ended.settings.model === undefined) return null
  return {
    ref,
    stat,
    meta: ended.meta,
    mode,
    settings: ended.settings,
    preview: begun.preview,
    name: ended.name ?? begun.name,
    usage,
    recent: ended.turns.map(({ turn }) => turn),
    endsLine: tail.at(-1) === NEWLINE,
    hasByteOrderMark
  }
}

const resultOf = (projection: SessionProjection.SessionProjection | null) => projection?.result() ?? null
const previewOf = (projection: SessionProjection.SessionProjection | null) => projection?.preview() ?? ""
