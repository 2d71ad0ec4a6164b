/**
 * Where a paginated history goes on from: the rollout that holds the part before a thread's own lines.
 *
 * A base names a thread, or one segment of an ancestor, and an ordinal; it is held by the file that has a line with the
 * ordinal before that one, ending where the base ends (docs/codex.md, "Forks").
 */
import { Effect, Option, type Stream } from "effect"
import type { HistoryBase, SessionMeta } from "../domain/SessionMeta.ts"
import { type OnLine, RolloutParser } from "./RolloutParser.ts"
import { type RolloutRef, RolloutStore } from "./RolloutStore.ts"

/** The beginning of a rollout. */
export interface Head {
  /** Its first usable `session_meta`; null without one. */
  readonly meta: SessionMeta | null
  /** Is there nothing in it up to there? */
  readonly empty: boolean
}

/** Over the store and the parser in the context. */
export const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const parser = yield* RolloutParser

  const head = <E>(bytes: Stream.Stream<Uint8Array, E>): Effect.Effect<Head, E> =>
    Effect.suspend(() => {
      let meta: SessionMeta | null = null
      let empty = true
      const find: OnLine = ({ line }, raw) => {
        if (raw.length > 0) empty = false
        if (line?.record._tag !== "SessionMeta") return true
        meta = line.record.meta
        return false
      }
      return Effect.map(parser.forEach(bytes, find), () => ({ meta, empty }))
    })

  const holds = (ref: RolloutRef, base: HistoryBase) =>
    Effect.suspend(() => {
      let found = false
      const look: OnLine = ({ ordinal }, raw) => {
        const end = raw.offset + raw.length + raw.end.length
        if (ordinal === base.endOrdinalExclusive - 1) {
          found = base.endByteOffset === null || end === base.endByteOffset
        }
        return !found && (base.endByteOffset === null || end < base.endByteOffset)
      }
      return Effect.map(parser.forEach(store.read(ref), look), () => found)
    })

  /** The thread, and those that it was forked from, nearest first. */
  const lineage = Effect.fnUntraced(function* (of: SessionMeta) {
    const known = new Set([of.id])
    for (let parent = of.forkedFromId; parent !== null && !known.has(parent);) {
      known.add(parent)
      const [first] = yield* store.segments(parent)
      parent = first === undefined ? null : ((yield* head(store.read(first))).meta?.forkedFromId ?? null)
    }
    return known
  })

  /** The rollout that holds the base of `of`, which is none of those at `visited`; null when there is none. */
  const find = Effect.fnUntraced(
    function* (base: HistoryBase, of: SessionMeta, visited: ReadonlySet<string>) {
      const threads = new Set([base.threadId, ...(yield* lineage(of))])
      const candidates = (yield* Effect.forEach(threads, store.segments))
        .flat()
        .filter(({ path, segmentId, threadId }) => {
          const named = threadId === base.threadId || segmentId === base.threadId
          return named && !visited.has(path)
        })
      return Option.getOrNull(yield* Effect.findFirst(candidates, (candidate) => holds(candidate, base)))
    },
    Effect.catchTag("ThreadNotFound", () => Effect.succeed(null))
  )

  return { head, find }
})
