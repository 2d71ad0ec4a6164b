/**
 * The current rollouts of a store in the order of their names, newest first: the same array as before for as long
 * as they are the same.
 */
import type { RolloutRef } from "../../services/RolloutStore.ts"

const stamp = /rollout-(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2})-[^/\\]*$/

/** The digits of the time in a name. One without a time comes first: nobody knows how new it is. */
const keyOf = (path: string): number => {
  const digits = stamp.exec(path)?.[1]?.replace(/\D/g, "")
  return digits === undefined ? Number.POSITIVE_INFINITY : Number(digits)
}

const newestFirst = (refs: ReadonlyArray<RolloutRef>): ReadonlyArray<RolloutRef> =>
  refs
    .map((ref) => ({ ref, key: keyOf(ref.path) }))
    .sort((a, b) => (a.key === b.key ? (a.ref.path < b.ref.path ? 1 : -1) : b.key - a.key))
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
