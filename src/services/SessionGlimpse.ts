/**
 * A session by the two ends of its rollout: who and where it is stands at the beginning, what was spent last and under
 * which settings at the end. What lies between is not read, so it takes the same time at any length.
 *
 * The usage it tells is that of the whole rollout, or it tells nothing: whatever could make a difference (a rollback at
 * the end, turns that are not told of, a fork's share) is left to the full reading. Name, settings and description are as
 * the ends have them; a rollout may say otherwise in the middle, which is why it is read whole right afterwards.
 */
import { makeLineScanner, type RawLine } from "../domain/LineScanner.ts"
import { readLine, type ReadLine } from "../domain/RolloutLine.ts"
import type { SessionMeta } from "../domain/SessionMeta.ts"
import * as SessionProjection from "../domain/SessionProjection.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import { historyMode } from "../domain/ThreadView.ts"
import type { RestoredUsage } from "../domain/TokenUsage.ts"
import type { Turn } from "../domain/Turn.ts"
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
  { head: 64 * 1024, tail: 256 * 1024 },
  { head: 512 * 1024, tail: 4 * 1024 * 1024 }
] as const

/** Bytes of a rollout that are worth a glimpse; a shorter one is read whole in the same time. */
export const worthwhile = 1024 * 1024

const NEWLINE = 0x0a

interface Read {
  readonly read: ReadLine
  readonly raw: RawLine
}

/** The lines that are whole in these bytes. */
const linesOf = (bytes: Uint8Array): ReadonlyArray<Read> => {
  const lines: Array<Read> = []
  const scanner = makeLineScanner()
  scanner.push(bytes, (raw) => lines.push({ read: readLine(raw, "glance"), raw }))
  return lines
}

/** Whether a line lets nothing be known of the usage but by reading everything before it. */
const isUnsettling = ({ line }: ReadLine): boolean => {
  if (line?.record._tag !== "Event") return false
  const { event } = line.record
  return event.type === "thread_rolled_back" || (event.type === "token_count" && typeof event.carried_over === "string")
}

/** What the ends tell; null when the rollout has to be read, or read further. */
export const glimpse = (ref: RolloutRef, ends: RolloutEnds): SessionGlimpse | null => {
  const { head, stat, tail, tailFrom } = ends
  if (tailFrom < head.length) return null
  const first = linesOf(head)
  const record = first.find(({ read }) => read.line?.record._tag === "SessionMeta")?.read.line?.record
  const meta = record?._tag === "SessionMeta" ? record.meta : null
  const mode = meta === null ? null : historyMode(meta)
  if (meta === null || mode === null || meta.id !== ref.threadId) return null
  // The rest of its history lies elsewhere, or a part of its usage is somebody else's.
  if (meta.historyBase !== null || meta.forkedFromId !== null) return null

  const beginning = SessionProjection.make(meta, mode)
  for (const { read } of first) beginning.step(read, 0)
  const begun = beginning.result()
  if (begun.preview === "") return null

  const end = SessionProjection.make(begun.meta, mode)
  const last = linesOf(tail.subarray(tail.indexOf(NEWLINE) + 1))
  for (const { read } of last) {
    if (isUnsettling(read)) return null
    end.step(read, 0)
  }
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
    settings: { ...begun.settings, ...ended.settings },
    preview: begun.preview,
    name: ended.name ?? begun.name,
    usage,
    recent: ended.turns.map(({ turn }) => turn),
    endsLine: tail.at(-1) === NEWLINE,
    hasByteOrderMark: first.some(({ read }) => read.diagnostics.some(({ reason }) => reason === "byteOrderMark"))
  }
}
