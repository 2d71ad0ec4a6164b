/**
 * Reads the lines of one rollout into a projection, and keeps what a segment of a history is known by.
 */
import type { Skim } from "../domain/LineScanner.ts"
import type { HistoryBase } from "../domain/SessionMeta.ts"
import type { SessionProjection } from "../domain/SessionProjection.ts"
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

/** Reads the segment with this number into the projection, up to `until` if the history does not go on to its end. */
export const make = (projection: SessionProjection, number: number, until: HistoryBase | null): SegmentReading => {
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
    skim: (chunk, from, to, line, offset) => {
      // Where the end is a matter of ordinals, they are looked at. Once nothing is certain, `onLine` ends the reading.
      if (until !== null) return false
      const place = { segment: number, line, offset, length: to - from }
      if (!projection.skim(chunk, from, to, place) || projection.isUncertain()) return false
      bytes = offset + place.length + 1
      endsLine = true
      lines = line
      return true
    },
    segment: (ref) => ({ ref, bytes, endsLine, lines, afterMeta, hasByteOrderMark })
  }
}
