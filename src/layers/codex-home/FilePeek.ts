/**
 * The beginning of a file in one go, through one buffer: a tenth of what a stream costs for a file of some kilobytes.
 * It holds everything else up meanwhile, and so is kept short.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import type { RolloutPeek } from "../../services/RolloutStore.ts"
import { rolloutStat } from "./FileVersion.ts"

/** The longest file that is looked at whole, in bytes: a tenth of a millisecond. */
const wholeBytes = 256 * 1024
/** Bytes of a longer one: its first lines. */
const headBytes = 64 * 1024

/** How many bytes of a file of this size are looked at. */
export const peekLength = (size: number): number => (size <= wholeBytes ? size : headBytes)

let buffer = new Uint8Array(headBytes)

/** What `look` makes of the beginning of a file; null when it cannot be read. */
export const filePeek = <A>(path: string, look: (peek: RolloutPeek) => A): A | null => {
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    return null
  }
  let found: { readonly stat: RolloutPeek["stat"]; readonly bytes: Uint8Array; readonly whole: boolean }
  try {
    const stat = rolloutStat(fstatSync(file, { bigint: true }))
    const wanted = peekLength(stat.size)
    if (buffer.length < wanted) buffer = new Uint8Array(wholeBytes)
    let read = 0
    while (read < wanted) {
      const step = readSync(file, buffer, read, wanted - read, read)
      if (step === 0) break
      read += step
    }
    found = { stat, bytes: buffer.subarray(0, read), whole: read === stat.size }
  } catch {
    return null
  } finally {
    closeSync(file)
  }
  return look(found)
}
