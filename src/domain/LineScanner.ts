/**
 * Cuts a rollout's bytes into lines, whatever the chunks they come in.
 *
 * The one hot loop of reading: plain code on bytes, no allocation but a view per line. A line longer
 * than the limit is never held in memory. Measured in docs/performance.md ("Reading").
 */
import { searchable } from "./ByteSearch.ts"

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

/**
 * Is shown a line first, as a range of bytes; `line` and `offset` as in a {@link RawLine}. True when it has taken all that
 * it needs: then the line is not handed out. It is not shown a line without an end, with a carriage return or too long.
 */
export type Skim = (bytes: Uint8Array, from: number, to: number, line: number, offset: number) => boolean

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
    const isSkimmed =
      skim !== undefined && bytes !== null && terminated && !crlf && skim(bytes, 0, length, line, offset)
    if (!isSkimmed) onLine({ line, offset, length, end: crlf ? "\r\n" : terminated ? "\n" : "", bytes })
    next(size, terminated)
  }

  return {
    push: (chunk, onLine, skim) => {
      const search = searchable(chunk)
      let start = 0
      while (start < chunk.length) {
        const end = search.indexOf(NEWLINE, start)
        if (end < 0) break
        const isWhole = held === 0 && end - start <= maxLineBytes && chunk[end - 1] !== RETURN
        if (skim !== undefined && isWhole && skim(chunk, start, end, line + 1, offset)) {
          line++
          next(end - start, true)
        } else {
          emit(chunk.subarray(start, end), true, onLine, isWhole ? undefined : skim)
        }
        start = end + 1
      }
      if (start < chunk.length) {
        const rest = chunk.subarray(start)
        held += rest.length
        lastHeld = rest[rest.length - 1] ?? 0
        if (held > maxLineBytes) pieces = []
        // The chunk's memory belongs to the reader only for now.
        else pieces.push(rest.slice())
      }
    },
    finish: (onLine) => {
      if (held > 0) emit(new Uint8Array(0), false, onLine)
    }
  }
}
