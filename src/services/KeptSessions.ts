/**
 * What large stored sessions were when they were last restored, kept by {@link Checkpoints} for the next time: also for
 * the next process.
 *
 * Only a session whose whole history lies in its own rollout is kept: of another, one version does not tell. Small ones
 * are read as fast as they are recalled.
 */
import { Effect, Option } from "effect"
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
  /** A rollout's session as it was kept; null when the rollout has changed since, or nothing was kept of it. */
  readonly recall: (ref: RolloutRef) => Effect.Effect<KeptSession | null, ThreadNotFound | RolloutStoreError>
  /** Keeps a session that was restored, a moment later: whoever wanted it comes first. */
  readonly remember: (session: RestoredSession) => Effect.Effect<void>
}

/** Bytes of items up to which the session that was asked for last is held in memory. */
const heldBytes = 16 * 1024 * 1024
const patience = "250 millis"

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

  const recall = Effect.fnUntraced(function* (ref: RolloutRef) {
    if (checkpoints === null) return null
    const stat = yield* store.stat(ref)
    if (stat.size < worthwhile) return null
    if (latest?.ref.path === ref.path && latest.stat.version === stat.version) return latest
    const found = yield* checkpoints.find(ref, stat.version)
    const session = found === null ? null : SavedSession.load(found)
    if (found === null || session === null || session.meta.id !== ref.threadId) return null
    return hold({ ...session, ref, stat }, found.items.length)
  })

  const remember = Effect.fnUntraced(function* ({ meta, projected, ref, segments, stat }: RestoredSession) {
    if (checkpoints === null || stat.size < worthwhile || segments.length !== 1 || meta.historyBase !== null) return
    if (kept.get(ref.path) === stat.version) return
    kept.set(ref.path, stat.version)
    const { name, preview, settings, usage } = projected
    const turns = projected.turns.map(({ turn }) => turn)
    const keep = Effect.suspend(() => {
      const saved = SavedSession.save({ meta, settings, preview, name, usage, turns })
      if (saved === null) return Effect.void
      hold({ meta, settings, preview, name, usage, turns, ref, stat }, saved.items.length)
      return checkpoints.keep(ref, stat.version, saved)
    })
    const once: Effect.Effect<void> = Effect.suspend(() => (waiting.delete(once) ? keep : Effect.void))
    waiting.add(once)
    yield* Effect.forkIn(Effect.delay(once, patience), background)
  })

  return { recall, remember } satisfies KeptSessions
})
