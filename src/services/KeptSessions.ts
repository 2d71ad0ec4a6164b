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
  /**
   * A rollout's session as it was kept, and what it has become since; null when it has to be read. `newest`: how many turns at
   * its end are asked for; others may be `notLoaded`. Without it all are.
   */
  readonly recall: (
    ref: RolloutRef,
    newest?: number
  ) => Effect.Effect<KeptSession | null, ThreadNotFound | RolloutStoreError>
  /** Keeps a session that was restored, a moment later: whoever wanted it comes first. */
  readonly remember: (session: RestoredSession) => Effect.Effect<void>
}

/** Bytes of turns up to which the session that was asked for last is held in memory. */
const heldBytes = 16 * 1024 * 1024
/** Bytes that a rollout may have grown by; one that has grown by more is read as fast. */
const mostGrown = 16 * 1024 * 1024
/** Bytes that a rollout may have grown by for a part of its session to be told. */
const littleGrown = 1024 * 1024
const patience = "250 millis"

const sizeOf = (blocks: ReadonlyArray<Uint8Array>): number => blocks.reduce((size, { length }) => size + length, 0)

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
  // Whoever asked for a thread asks for its pages next. `newest`: how many turns at its end have their items.
  let latest: { readonly session: KeptSession; readonly newest: number } | null = null
  const hold = (session: KeptSession, bytes: number, newest = Number.POSITIVE_INFINITY) => {
    if (bytes <= heldBytes) latest = { session, newest }
    return session
  }

  const held = (ref: RolloutRef, { version }: RolloutStat, newest: number): KeptSession | null => {
    if (latest === null || latest.newest < newest) return null
    const { session } = latest
    return session.ref.path === ref.path && session.stat.version === version ? session : null
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
      hold(session, sizeOf(saved.blocks))
      yield* checkpoints.keep(ref, stat.version, saved)
    })
    const once: Effect.Effect<void> = Effect.suspend(() => (waiting.delete(once) ? save : Effect.void))
    waiting.add(once)
    yield* Effect.forkIn(Effect.delay(once, patience), background)
  })

  /** What a session that was kept has become in a rollout that has grown since, and how it may go on from there. */
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
    return { session, ending: grown.growth === null ? null : { ...grown.growth, bytes: size } }
  })

  const recall: KeptSessions["recall"] = Effect.fnUntraced(function* (ref, newest = Number.POSITIVE_INFINITY) {
    if (checkpoints === null) return null
    const stat = yield* store.stat(ref)
    if (stat.size < worthwhile) return null
    const known = held(ref, stat, newest)
    if (known !== null) return known
    const found = yield* checkpoints.find(ref)
    const index = found === null ? null : SavedSession.read(found.text)
    if (found === null || index === null || index.session.meta.id !== ref.threadId) return null
    // Of a part nothing is kept: what has grown by much would be read again every time.
    const grownBy = index.growth === null ? 0 : stat.size - index.growth.bytes
    const from = grownBy > littleGrown ? 0 : SavedSession.firstBlock(index, newest)
    const blocks = yield* checkpoints.blocks(ref, found.version, from)
    const loaded = blocks === null ? null : SavedSession.load(index, blocks, from)
    if (blocks === null || loaded === null) return null
    const whole = from === 0
    const shown = whole ? Number.POSITIVE_INFINITY : newest
    if (found.version === stat.version) return hold({ ...loaded.session, ref, stat }, sizeOf(blocks), shown)
    const grown = yield* goOn(ref, loaded, stat.size)
    if (grown === null) return null
    if (whole) yield* keep(grown.session, grown.ending)
    return hold(grown.session, sizeOf(blocks) + grownBy, shown)
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
