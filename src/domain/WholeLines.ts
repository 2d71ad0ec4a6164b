/**
 * Steps a projection over the lines that are whole in a few bytes: a part of a rollout that is at hand.
 */
import { makeLineScanner, type RawLine } from "./LineScanner.ts"
import { readLine, type ReadLine } from "./RolloutLine.ts"
import type { SessionProjection } from "./SessionProjection.ts"

/**
 * False as soon as `look`, which is shown every line that is not skimmed, gives one up. Until there is a projection the
 * lines are only looked at.
 */
export const stepOver = (
  bytes: Uint8Array,
  projection: () => SessionProjection | null,
  look: (read: ReadLine) => boolean
): boolean => {
  let goesOn = true
  const visit = (raw: RawLine) => {
    if (!goesOn) return
    const read = readLine(raw)
    goesOn = look(read)
    if (goesOn) projection()?.step(read, 0)
  }
  makeLineScanner().push(bytes, visit, (lines, count) => (goesOn ? (projection()?.skim(lines, count, 0) ?? 0) : count))
  return goesOn
}

/**
 * Does a line let nothing be known of the usage, or of the turns before it, but by reading everything that came before?
 */
export const isUnsettling = ({ line }: ReadLine): boolean => {
  if (line?.record._tag !== "Event") return false
  const { event } = line.record
  return event.type === "thread_rolled_back" || (event.type === "token_count" && typeof event.carried_over === "string")
}
