/**
 * What stored threads were told to be when they were last restored, without their turns: each is good for one version
 * of its rollout, and the ones asked for last are kept.
 *
 * Only a thread whose whole history lies in its own rollout is kept: of another, that one version does not tell.
 */
import type { SessionMeta } from "../domain/SessionMeta.ts"
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import type { RestoredUsage } from "../domain/TokenUsage.ts"
import type { RolloutRef, RolloutStat } from "./RolloutStore.ts"
import type { RestoredSession } from "./SessionReconstruction.ts"

/** A stored thread without its turns. */
export interface ToldThread {
  /** Without its payload: instructions of twenty kilobytes a thread are not worth keeping. */
  readonly meta: SessionMeta
  readonly ref: RolloutRef
  readonly stat: RolloutStat
  readonly preview: string
  readonly settings: SettingsSource
  readonly usage: RestoredUsage | null
  /** The name that the rollout itself records. */
  readonly name: string | null
}

/** A session without what makes it large. */
export const toldOf = ({ meta, projected, ref, stat }: RestoredSession): ToldThread => ({
  meta: { ...meta, payload: {} },
  ref,
  stat,
  preview: projected.preview,
  settings: projected.settings,
  usage: projected.usage,
  name: projected.name
})

export interface ToldThreads {
  /** What was told of this version of the rollout; undefined when nothing is known of it. */
  readonly recall: (ref: RolloutRef, version: string) => ToldThread | undefined
  /** Keeps what may be kept, and gives all there is. */
  readonly keep: (session: RestoredSession) => ToldThread
}

/** A memory of at most `capacity` threads. */
export const make = (capacity = 4096): ToldThreads => {
  // A map gives its entries in the order of their last insertion.
  const known = new Map<string, ToldThread>()
  return {
    recall: (ref, version) => {
      const told = known.get(ref.path)
      if (told === undefined) return undefined
      known.delete(ref.path)
      if (told.stat.version !== version || told.ref.threadId !== ref.threadId) return undefined
      known.set(ref.path, told)
      return told
    },
    keep: (session) => {
      const told = toldOf(session)
      if (session.segments.length !== 1 || session.meta.historyBase !== null) return told
      known.delete(told.ref.path)
      known.set(told.ref.path, told)
      const [oldest] = known.size > capacity ? known.keys() : []
      if (oldest !== undefined) known.delete(oldest)
      return told
    }
  }
}
