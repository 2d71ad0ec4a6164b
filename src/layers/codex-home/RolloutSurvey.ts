/**
 * The current rollouts of a store in the order of their names, newest first: the same array as before for as long
 * as they are the same.
 */
import { stampIn } from "../../services/RolloutStamp.ts"
import type { RolloutRef } from "../../services/RolloutStore.ts"

/** The time in a name, as text. One without a time comes first: nobody knows how new it is. */
const keyOf = (path: string): string => stampIn(path) ?? "~"

const newestFirst = (refs: ReadonlyArray<RolloutRef>): ReadonlyArray<RolloutRef> =>
  refs
    .map((ref) => ({ ref, key: keyOf(ref.path) }))
    .sort((a, b) => (a.key === b.key ? (a.ref.path < b.ref.path ? 1 : -1) : a.key < b.key ? 1 : -1))
    .map(({ ref }) => ref)

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
      const same =
        before?.refs.length === sorted.length && sorted.every((ref, at) => ref.path === before.refs[at]?.path)
      const now = { of: source, refs: same && before !== undefined ? before.refs : sorted }
      last.set(archived, now)
      return now.refs
    }
  }
}
