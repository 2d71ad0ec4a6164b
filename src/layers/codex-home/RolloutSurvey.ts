/**
 * The current rollouts of a store in the order of their names, newest first: the same array as before for as long
 * as they are the same.
 */
import { stampIn } from "../../services/RolloutStamp.ts"
import type { RolloutRef } from "../../services/RolloutStore.ts"

interface Named {
  readonly ref: RolloutRef
  /** The digits of the time in its name. One without a time comes first: nobody knows how new it is. */
  readonly key: number
}

const zero = 0x30

/** The digits of a stamp as one number, which has their order and is compared in a tenth of the time. */
const keyOf = (stamp: string | null): number => {
  if (stamp === null) return Number.POSITIVE_INFINITY
  let key = 0
  for (let at = 0; at < stamp.length; at++) {
    const digit = stamp.charCodeAt(at) - zero
    if (digit >= 0 && digit <= 9) key = key * 10 + digit
  }
  return key
}

const compare = (a: Named, b: Named): number => {
  if (a.key !== b.key) return a.key < b.key ? 1 : -1
  return a.ref.path < b.ref.path ? 1 : -1
}

// Plain loops: a first page waits for this, ten thousand times, and nothing of it has been compiled yet.
const newestFirst = (refs: ReadonlyArray<RolloutRef>): ReadonlyArray<RolloutRef> => {
  const named: Array<Named> = []
  for (const ref of refs) named.push({ ref, key: keyOf(stampIn(ref.path)) })
  named.sort(compare)
  const sorted: Array<RolloutRef> = []
  for (const { ref } of named) sorted.push(ref)
  return sorted
}

const isSame = (a: ReadonlyArray<RolloutRef>, b: ReadonlyArray<RolloutRef>): boolean =>
  a.length === b.length && a.every((ref, at) => ref.path === b[at]?.path)

interface Surveyed {
  readonly of: unknown
  readonly refs: ReadonlyArray<RolloutRef>
}

/** A memory of what was seen last: `of` is what the references were made from, and stands for it. */
export const makeSurvey = () => {
  const last = new Map<boolean, Surveyed>()
  return {
    of: (source: unknown, archived: boolean, refs: () => ReadonlyArray<RolloutRef>): ReadonlyArray<RolloutRef> => {
      const before = last.get(archived)
      if (before !== undefined && before.of === source) return before.refs
      const sorted = newestFirst(refs())
      const now = { of: source, refs: before !== undefined && isSame(before.refs, sorted) ? before.refs : sorted }
      last.set(archived, now)
      return now.refs
    }
  }
}
