/**
 * The beginning and the end of a file as of one instant, in one go: what a thread is attached by, however long it is.
 * Holds everything else up for as long as it takes, a tenth of a millisecond; so it is for single files.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import type { RolloutEnds } from "../../services/RolloutStore.ts"
import { rolloutStat } from "./FileVersion.ts"

const readAt = (file: number, from: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let read = 0
  while (read < length) {
    const step = readSync(file, bytes, read, length - read, from + read)
    if (step === 0) break
    read += step
  }
  return bytes.subarray(0, read)
}

/** At most `head` bytes from the beginning and `tail` from the end; null when the file cannot be read. */
export const fileEnds = (
  path: string,
  length: { readonly head: number; readonly tail: number }
): RolloutEnds | null => {
  let file: number
  try {
    file = openSync(path, "r")
  } catch {
    return null
  }
  try {
    const stat = rolloutStat(fstatSync(file, { bigint: true }))
    const tailFrom = Math.max(0, stat.size - length.tail)
    const head = readAt(file, 0, Math.min(stat.size, length.head))
    return { stat, head, tail: readAt(file, tailFrom, stat.size - tailFrom), tailFrom }
  } catch {
    return null
  } finally {
    closeSync(file)
  }
}
