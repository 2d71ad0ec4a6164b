/**
 * Reads the lines of one rollout into a projection, and keeps what a segment of a history is known by.
 */
import type { Looked, Skim } from "../domain/LineScanner.ts"
import type { HistoryBase, SessionMeta } from "../domain/SessionMeta.ts"
import * as SessionProjection from "../domain/SessionProjection.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import { historyMode } from "../domain/ThreadView.ts"
import type { OnLine } from "./RolloutParser.ts"
import type { RolloutRef } from "./RolloutStore.ts"

/** One of the rollouts that a history lies in, base first, the thread's own last. */
export interface Segment {
  readonly ref: RolloutRef
  /** Bytes of it that belong to the history, as read. */
  readonly bytes: number
  /** Does the last of them end a line? */
  readonly endsLine: boolean
  /** Lines of it that belong to the history. */
  readonly lines: number
  /** Where the first line after a `session_meta` that opens the file begins, in bytes; 0 without one. */
  readonly afterMeta: number
  /** Does it begin with a byte order mark, which has no place inside a file? */
  readonly hasByteOrderMark: boolean
}

/** A segment while it is read. */
export interface SegmentReading {
  /** False when nothing more is to be read. */
  readonly onLine: OnLine
  readonly skim: Skim
  /** What was read so far. */
  readonly segment: (ref: RolloutRef) => Segment
}

/** Lines before the `session_meta` that a reading waits for: more make it a case for somebody else. */
const mostBefore = 64

/** A rollout that is read without knowing yet what it is of: its own first lines say. */
export interface LoneReading extends Pick<SegmentReading, "onLine" | "skim"> {
  /** What its `session_meta` began; null as long as there was none, or when that was not fit. */
  readonly begun: () => {
    readonly mode: HistoryMode
    readonly projection: SessionProjection.SessionProjection
    readonly reading: SegmentReading
  } | null
}

/** Reads a rollout from its beginning, if its first `session_meta` fits; else it stops there. */
export const alone = (fits: (meta: SessionMeta) => boolean): LoneReading => {
  let begun: ReturnType<LoneReading["begun"]> = null
  const before: Array<Parameters<OnLine>> = []

  const begin = (meta: SessionMeta): SegmentReading | null => {
    const mode = historyMode(meta)
    if (mode === null || !fits(meta)) return null
    const projection = SessionProjection.make(meta, mode)
    const reading = make(projection, 0, null)
    begun = { mode, projection, reading }
    return reading
  }

  return {
    begun: () => begun,
    onLine: (read, raw) => {
      if (begun !== null) return begun.reading.onLine(read, raw)
      if (read.line?.record._tag !== "SessionMeta") return before.push([read, { ...raw, bytes: null }]) <= mostBefore
      const reading = begin(read.line.record.meta)
      for (const [earlier, line] of before) reading?.onLine(earlier, line)
      return reading?.onLine(read, raw) === true
    },
    skim: (lines, count) => begun?.reading.skim(lines, count) ?? 0
  }
}

/** How many of the lines come before the end of the history. */
const countBefore = ({ at, offset, table }: Looked, count: number, until: HistoryBase): number => {
  const start = offset - table.from(at)
  for (let next = 0; next < count; next++) {
    if (table.ordinal(at + next) >= until.endOrdinalExclusive) return next
    if (until.endByteOffset !== null && start + table.from(at + next) >= until.endByteOffset) return next
  }
  return count
}

/** Reads the segment with this number into the projection, up to `until` if the history does not go on to its end. */
export const make = (
  projection: SessionProjection.SessionProjection,
  number: number,
  until: HistoryBase | null
): SegmentReading => {
  let bytes = 0
  let endsLine = true
  let lines = 0
  let afterMeta = 0
  let hasByteOrderMark = false
  return {
    onLine: (read, raw) => {
      const { ordinal } = read
      if (until !== null && ordinal !== null && ordinal >= until.endOrdinalExclusive) return false
      if (until !== null && until.endByteOffset !== null && raw.offset >= until.endByteOffset) return false
      bytes = raw.offset + raw.length + raw.end.length
      endsLine = raw.end !== ""
      lines = raw.line
      if (raw.line === 1) {
        if (read.line?.record._tag === "SessionMeta") afterMeta = bytes
        hasByteOrderMark = read.diagnostics.some((diagnostic) => diagnostic.reason === "byteOrderMark")
      }
      projection.step(read, number)
      return !projection.isUncertain()
    },
    skim: (looked, most) => {
      const { at, offset, table } = looked
      // Once nothing is certain, or the history ends, `onLine` ends the reading.
      const count = until === null ? most : countBefore(looked, most, until)
      const taken = count === 0 || projection.isUncertain() ? 0 : projection.skim(looked, count, number)
      if (taken === 0) return 0
      bytes = offset + table.to(at + taken - 1) + 1 - table.from(at)
      endsLine = true
      lines = looked.line + taken - 1
      return taken
    },
    segment: (ref) => ({ ref, bytes, endsLine, lines, afterMeta, hasByteOrderMark })
  }
}
