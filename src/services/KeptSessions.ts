/**
 * What large stored sessions were when they were last restored, kept by {@link Checkpoints} for the next time: also for
 * the next process. A rollout that has grown since is read from there on.
 *
 * Only a session whose whole history lies in its own rollout is kept: of another, one version does not tell. Small ones
 * are read as fast as they are recalled.
 */
import { Effect, Option } from "effect"
import * as GrownSession from "../domain/GrownSession.ts"
import * as SavedSession from "../domain/SavedSession.ts"
import { Checkpoints } from "./Checkpoints.ts"
import { type RolloutRef, type RolloutStat, RolloutStore } from "./RolloutStore.ts"
import { worthwhile } from "./SessionGlimpse.ts"
import type { RestoredSession } from "./SessionReconstruction.ts"
import type { RolloutStoreError, ThreadNotFound } from "./ThreadError.ts"

/** A session as it was kept, with the version of its rollout that it is of. */
export interface KeptSession extends SavedSession.SavedSession {
  readonly ref: RolloutRef
  readonly stat: RolloutStat
}

export interface KeptSessions {
  /** A rollout's session as it was kept, and what it has become since; null when it has to be read. */
  readonly recall: (ref: RolloutRef) => Effect.Effect<KeptSession | null, ThreadNotFound | RolloutStoreError>
  /** Keeps a session that was restored, a moment later: whoever wanted it comes first. */
  readonly remember: (session: RestoredSession) => Effect.Effect<void>
}

/** Bytes of items up to which the session that was asked for last is held in memory. */
const heldBytes = 16 * 1024 * 1024
/** Bytes that a rollout may have grown by; one that has grown by more is read as fast. */
const mostGrown = 16 * 1024 * 1024
const patience = "250 millis"

/** Where a session ends in its rollout, and how it may go on. */
type Ending = Pick<SavedSession.Growth, "bytes" | "nextItem">

/** Over the store and, where there are any, the checkpoints in the context. What is left to do ends with the scope. */
export const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const checkpoints = Option.getOrNull(yield* Effect.serviceOption(Checkpoints))
  const background = yield* Effect.scope
  const kept = new Map<string, string>()
  const waiting = new Set<Effect.Effect<void>>()
  // Who ends soon keeps what there was no time for.
  yield* Effect.addFinalizer(() => Effect.forEach(Array.from(waiting), (once) => once, { discard: true }))
  // Whoever asked for a thread asks for its pages next.
  let latest: KeptSession | null = null
  const hold = (session: KeptSession, bytes: number) => {
    if (bytes <= heldBytes) latest = session
    return session
  }

  /** What stands in the rollout right before `bytes`, and all that follows; null when it cannot be had, or is too much. */
  const around = Effect.fnUntraced(function* (ref: RolloutRef, bytes: number, size: number) {
    const edge = Math.min(bytes, GrownSession.edgeBytes)
    if (size < bytes || size - bytes > mostGrown) return null
    const ends = yield* store.ends(ref, { head: 0, tail: size - bytes + edge })
    if (ends === null || ends.tailFrom !== bytes - edge || ends.stat.size !== size) return null
    return { stat: ends.stat, edge: ends.tail.subarray(0, edge), appended: ends.tail.subarray(edge) }
  })

  const growthOf = Effect.fnUntraced(function* ({ ref, stat }: KeptSession, ending: Ending | null) {
    if (ending === null) return null
    const found = yield* around(ref, ending.bytes, stat.size)
    return found === null || found.stat.identity !== stat.identity
      ? null
      : { ...ending, identity: stat.identity, edge: found.edge.slice() }
  })

  const keep = Effect.fnUntraced(function* (session: KeptSession, ending: Ending | null) {
    const { ref, stat } = session
    if (checkpoints === null || kept.get(ref.path) === stat.version) return
    kept.set(ref.path, stat.version)
    const save = Effect.gen(function* () {
      const saved = SavedSession.save(session, yield* growthOf(session, ending))
      if (saved === null) return
      hold(session, saved.items.length)
      yield* checkpoints.keep(ref, stat.version, saved)
    })
    const once: Effect.Effect<void> = Effect.suspend(() => (waiting.delete(once) ? save : Effect.void))
    waiting.add(once)
    yield* Effect.forkIn(Effect.delay(once, patience), background)
  })

  /** A session that was kept of a rollout that has grown since. */
  const goOn = Effect.fnUntraced(function* (
    ref: RolloutRef,
    { growth, session: before }: SavedSession.LoadedSession,
    size: number
  ) {
    if (growth === null) return null
    const found = yield* around(ref, growth.bytes, size)
    if (found === null || found.stat.identity !== growth.identity) return null
    if (!found.edge.every((byte, at) => byte === growth.edge[at])) return null
    const grown = GrownSession.grow(before, growth, found.appended)
    if (grown === null) return null
    const session: KeptSession = { ...grown.session, ref, stat: found.stat }
    yield* keep(session, grown.growth === null ? null : { ...grown.growth, bytes: size })
    return session
  })

  const recall = Effect.fnUntraced(function* (ref: RolloutRef) {
    if (checkpoints === null) return null
    const stat = yield* store.stat(ref)
    if (stat.size < worthwhile) return null
    if (latest?.ref.path === ref.path && latest.stat.version === stat.version) return latest
    const found = yield* checkpoints.find(ref)
    const loaded = found === null ? null : SavedSession.load(found.saved)
    if (found === null || loaded === null || loaded.session.meta.id !== ref.threadId) return null
    if (found.version !== stat.version) return yield* goOn(ref, loaded, stat.size)
    return hold({ ...loaded.session, ref, stat }, found.saved.items.length)
  })

  const remember = ({ meta, projected, projection, ref, segments, stat }: RestoredSession) => {
    const [segment] = segments
    if (stat.size < worthwhile || segment === undefined || segments.length > 1) return Effect.void
    if (meta.historyBase !== null) return Effect.void
    const { name, preview, settings, usage } = projected
    const turns = projected.turns.map(({ turn }) => turn)
    const growth = segment.endsLine ? GrownSession.growthOf(projection, projected) : null
    return keep(
      { meta, settings, preview, name, usage, turns, ref, stat },
      growth === null ? null : { ...growth, bytes: segment.bytes }
    )
  }

  return { recall, remember } satisfies KeptSessions
})
