/**
 * Copies of a history's lines, byte for byte, out of however many rollouts it lies in. What a copy is for adds its own
 * first line, which takes the place of the oldest rollout's where lines are numbered.
 */
import { Stream } from "effect"
import type { TurnOpening } from "../domain/SessionProjection.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import type { Segment } from "./SessionReconstruction.ts"
import type { ReadRollout } from "./ThreadJournal.ts"

/** What is copied. */
export interface CopySource {
  readonly mode: HistoryMode
  readonly segments: ReadonlyArray<Segment>
  readonly read: ReadRollout
}

const BOM_BYTES = 3
const LINE_END = new TextEncoder().encode("\n")

/** The bytes `from` (inclusive) to `to` (exclusive) of a stream. Chunks are parts of those that come in: good until the next one is asked for. */
const slice = <E>(bytes: Stream.Stream<Uint8Array, E>, from: number, to: number): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let at = 0
    return bytes.pipe(
      Stream.takeWhile(() => at < to),
      Stream.map((chunk) => {
        const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at))
        at += chunk.length
        return part
      }),
      Stream.filter((chunk) => chunk.length > 0)
    )
  })

/** The lines up to `cut`, or all; without the first where lines are numbered. Each ends with a line end. */
export const linesBefore = ({ mode, read, segments }: CopySource, cut: TurnOpening | null): ReturnType<ReadRollout> => {
  const last = cut === null ? segments.length - 1 : cut.at.segment
  const parts = segments.slice(0, last + 1).map((segment, number): ReturnType<ReadRollout> => {
    const afterMark = segment.hasByteOrderMark ? BOM_BYTES : 0
    const from = number === 0 && mode === "paginated" ? segment.afterMeta : afterMark
    const to = cut !== null && number === last ? cut.at.offset : segment.bytes
    const open = to === segment.bytes && !segment.endsLine
    return Stream.concat(slice(read(segment.ref), from, to), open ? Stream.succeed(LINE_END) : Stream.empty)
  })
  return Stream.flatMap(Stream.fromIterable(parts), (part) => part)
}
