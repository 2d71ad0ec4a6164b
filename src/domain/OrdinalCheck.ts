/**
 * The ordinals of a paginated history: each line has the next one. A line that could not be read took the ordinal that
 * is missing where it stands; that is told once, with the line.
 */
import { type Finding, finding, type Place } from "./Finding.ts"

export interface OrdinalCheck {
  /** The history is paginated, and this is the ordinal of the line that comes next. */
  readonly begin: (first: number) => void
  /** `skipped`: the line was not understood, so that its ordinal may be unknown. */
  readonly step: (ordinal: number | null, skipped: boolean, at: Place) => void
}

/** A check that counts nothing until it is told to begin. */
export const makeOrdinalCheck = (note: (found: Finding) => void): OrdinalCheck => {
  let expected: number | null = null
  let unknown = 0

  return {
    begin: (first) => {
      expected = first
    },
    step: (ordinal, skipped, at) => {
      if (expected === null) return
      if (ordinal === null) {
        if (skipped) {
          unknown++
          return
        }
        note(finding("ordinalMissing", at, `expected ordinal ${expected}`))
        expected++
        return
      }
      // Lines that could not be read may have had ordinals, or be junk that has none.
      if (ordinal > expected + unknown) {
        note(finding("ordinalGap", at, `expected ordinal ${expected}, found ${ordinal}`))
      } else if (ordinal === expected - 1) {
        note(finding("ordinalRepeated", at, `ordinal ${ordinal} again`))
      } else if (ordinal < expected) {
        note(finding("ordinalBackwards", at, `expected ordinal ${expected}, found ${ordinal}`))
      }
      unknown = 0
      expected = ordinal + 1
    }
  }
}
