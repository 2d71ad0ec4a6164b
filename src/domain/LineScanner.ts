/**
 * Cuts a rollout's bytes into lines, whatever the chunks they come in.
 *
 * Plain code on bytes, no allocation but a view per line. A line longer than the limit is never held in memory. Measured
 * in docs/performance.md ("Reading").
 */
import { searchable, type Searchable } from "./ByteSearch.ts"
import { LineTable } from "./LineTable.ts"

/** Default for the longest line that is read, in bytes: four times the largest message that the wire accepts. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024

/** What ends a line. The last line of a file may have no end. */
export type LineEnd = "\n" | "\r\n" | ""

/** A line as bytes. */
export interface RawLine {
  /** Counted from 1. */
  readonly line: number
  /** Bytes before the line in the file. */
  readonly offset: number
  /** Bytes of the line without its end. */
  readonly length: number
  readonly end: LineEnd
  /** The content, valid until the next line is asked for; null when the line is longer than the limit. */
  readonly bytes: Uint8Array | null
}

/** Lines that were looked over, from the one with the number `at` in the table on. Moves on with each call. */
export interface Looked {
  readonly table: LineTable
  /** What the places in the table are places in. */
  readonly bytes: Uint8Array
  readonly search: Searchable
  readonly at: number
  /** Of the one at `at`, as in a {@link RawLine}. */
  readonly line: number
  readonly offset: number
}

/**
 * Is shown `count` lines before they are handed out. How many of them it has taken, from the first on: those are not
 * handed out. It is not shown a line without an end, or one that is too long.
 */
export type Skim = (lines: Looked, count: number) => number

/** Feed chunks to `push`, then call `finish` once. */
export interface LineScanner {
  readonly push: (chunk: Uint8Array, onLine: (line: RawLine) => void, skim?: Skim) => void
  /** Hands out a last line without an end, if there is one. */
  readonly finish: (onLine: (line: RawLine) => void) => void
}

const NEWLINE = 0x0a
const RETURN = 0x0d

/** A scanner at the start of a file. */
export const makeLineScanner = (maxLineBytes: number = MAX_LINE_BYTES): LineScanner => {
  let line = 0
  let offset = 0
  // The beginning of a line whose end has not come yet.
  let pieces: Array<Uint8Array> = []
  let held = 0
  let lastHeld = 0

  const next = (size: number, terminated: boolean) => {
    offset += size + (terminated ? 1 : 0)
    if (held > 0) pieces = []
    held = 0
  }

  const emit = (tail: Uint8Array, terminated: boolean, onLine: (line: RawLine) => void, skim?: Skim) => {
    const size = held + tail.length
    const tooLong = size > maxLineBytes
    const last = tail.length > 0 ? tail[tail.length - 1] : lastHeld
    const crlf = terminated && size > 0 && last === RETURN
    const length = crlf ? size - 1 : size
    let bytes: Uint8Array | null = null
    if (!tooLong) {
      if (held === 0) bytes = tail.subarray(0, length)
      else {
        const whole = new Uint8Array(size)
        let at = 0
        for (const piece of pieces) {
          whole.set(piece, at)
          at += piece.length
        }
        whole.set(tail, at)
        bytes = whole.subarray(0, length)
      }
    }
    line++
    const isSkimmed = skim !== undefined && bytes !== null && terminated && !crlf && skimOne(bytes, skim)
    if (!isSkimmed) onLine({ line, offset, length, end: crlf ? "\r\n" : terminated ? "\n" : "", bytes })
    next(size, terminated)
  }

  /** Shows a line that lies in two chunks, or is longer than most. */
  const skimOne = (bytes: Uint8Array, skim: Skim): boolean => {
    const table = LineTable.borrow(bytes.length)
    if (table === null) return false
    table.layLine(bytes)
    const isTaken =
      table.look() === 1 && skim({ table, bytes, search: searchable(bytes), at: 0, line, offset }, 1) === 1
    table.giveBack()
    return isTaken
  }

  /** Shows the lines that lie in a chunk, from `start` on; where the first begins that does not. */
  const skimChunk = (
    chunk: Uint8Array,
    search: Searchable,
    start: number,
    onLine: (line: RawLine) => void,
    skim: Skim
  ): number => {
    const table = LineTable.borrow()
    if (table === null) return start
    // One object for all lines: there are tens of thousands.
    const looked = { table, bytes: chunk, search, at: 0, line: 0, offset: 0 }
    let done = start
    table.lay(chunk, start)
    for (let lines = table.look(); lines > 0; lines = table.look()) {
      looked.at = 0
      while (looked.at < lines) {
        looked.line = line + 1
        looked.offset = offset
        const taken = skim(looked, lines - looked.at)
        looked.at += Math.max(1, taken)
        const end = table.to(looked.at - 1)
        if (taken > 0) {
          line += taken
          offset += end + 1 - done
        } else emit(chunk.subarray(done, end), true, onLine)
        done = end + 1
      }
    }
    table.giveBack()
    return done
  }

  const hold = (rest: Uint8Array) => {
    held += rest.length
    lastHeld = rest[rest.length - 1] ?? 0
    if (held > maxLineBytes) pieces = []
    // The chunk's memory belongs to the reader only for now.
    else pieces.push(rest.slice())
  }

  return {
    push: (chunk, onLine, wanted) => {
      // Where lines have to be shorter than a table is, it is not asked.
      const skim = maxLineBytes < LineTable.usualRoom ? undefined : wanted
      const search = searchable(chunk)
      let start = 0
      while (start < chunk.length) {
        const done = skim === undefined || held > 0 ? start : skimChunk(chunk, search, start, onLine, skim)
        if (done > start) {
          start = done
          continue
        }
        const end = search.indexOf(NEWLINE, start)
        if (end < 0) return hold(chunk.subarray(start))
        emit(chunk.subarray(start, end), true, onLine, skim)
        start = end + 1
      }
    },
    finish: (onLine) => {
      if (held > 0) emit(new Uint8Array(0), false, onLine)
    }
  }
}
