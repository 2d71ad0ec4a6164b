/**
 * A rollout to a restored session: finds the rollouts that its history lies in, and runs the three
 * projections over them in one pass.
 *
 * Nothing is cached and nothing is written: what it returns depends on the bytes alone.
 */
import { Context, Effect, Layer, type Stream } from "effect"
import type { Diagnostic } from "../domain/Diagnostic.ts"
import { isRecord, type JsonRecord, own } from "../domain/Json.ts"
import * as ModelContext from "../domain/ModelContext.ts"
import { readLine } from "../domain/RolloutLine.ts"
import type { HistoryBase, SessionMeta } from "../domain/SessionMeta.ts"
import * as SessionProjection from "../domain/SessionProjection.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import { historyMode } from "../domain/ThreadView.ts"
import * as HistoryBases from "./HistoryBases.ts"
import { RolloutParser } from "./RolloutParser.ts"
import { type RolloutRef, type RolloutStat, RolloutStore } from "./RolloutStore.ts"
import * as SegmentReading from "./SegmentReading.ts"
import type { Segment } from "./SegmentReading.ts"
import * as SessionGlimpse from "./SessionGlimpse.ts"
import { RolloutUnreadable, type RolloutStoreError, ThreadIdMismatch, type ThreadNotFound } from "./ThreadError.ts"

export type { Segment } from "./SegmentReading.ts"

/** A session that is read while its bytes go by, on their way into a rollout. */
export interface PassingSession<E> {
  readonly bytes: Stream.Stream<Uint8Array, E>
  /** The session, once all have gone by and are stored; null when they have to be read again to be sure of it. */
  readonly restored: (ref: RolloutRef, stat: RolloutStat) => RestoredSession | null
}

/** A session as its rollouts tell it. */
export interface RestoredSession {
  readonly ref: RolloutRef
  readonly stat: RolloutStat
  readonly meta: SessionMeta
  readonly mode: HistoryMode
  readonly segments: ReadonlyArray<Segment>
  readonly projected: SessionProjection.ProjectedSession
  /** The fold behind `projected`, for whoever goes on with the thread: one at most. */
  readonly projection: SessionProjection.SessionProjection
}

/** Why a session cannot be restored. */
export type RestoreError = ThreadNotFound | RolloutUnreadable | ThreadIdMismatch | RolloutStoreError

export class SessionReconstruction extends Context.Service<
  SessionReconstruction,
  {
    readonly restore: (ref: RolloutRef) => Effect.Effect<RestoredSession, RestoreError>
    /** What the ends of the rollout tell of the session; null when it has to be restored. */
    readonly glimpse: (ref: RolloutRef) => Effect.Effect<SessionGlimpse.SessionGlimpse | null>
    /** Restores a session that is nowhere stored: a whole rollout in memory, known as `ref`. */
    readonly restoreBytes: <E>(
      ref: RolloutRef,
      bytes: Stream.Stream<Uint8Array, E>,
      stat: RolloutStat
    ) => Effect.Effect<RestoredSession, E | RolloutUnreadable | ThreadIdMismatch>
    /**
     * Restores a session while its bytes go by. `first` is its first line, without its end; `bytes` is given what the lines
     * so far say, for an end that depends on it (null when they do not tell for sure).
     */
    readonly passing: <E>(
      first: string,
      bytes: (soFar: () => SessionProjection.ProjectedSession | null) => Stream.Stream<Uint8Array, E>
    ) => PassingSession<E>
    /**
     * The items that the model sees next, read from the places that the session names; `read` gives the bytes of a session
     * that is not stored.
     */
    readonly modelInput: (
      session: Pick<RestoredSession, "projected" | "segments">,
      read?: RolloutStore["Service"]["read"]
    ) => Effect.Effect<ReadonlyArray<JsonRecord>, ThreadNotFound | RolloutStoreError>
  }
>()("rethread/services/SessionReconstruction") {
  static readonly layer: Layer.Layer<SessionReconstruction, never, RolloutStore | RolloutParser> = Layer.effect(
    SessionReconstruction,
    Effect.suspend(() => make)
  )
}

const encoder = new TextEncoder()

const missingBase = (ref: RolloutRef, base: HistoryBase): Diagnostic => ({
  reason: "missingBase",
  line: 1,
  offset: 0,
  length: 0,
  detail: `\`${ref.path}\` continues thread ${base.threadId} up to ordinal ${base.endOrdinalExclusive}, which no rollout here holds`
})

/** A rollout of a chain before it is read: where the part that counts ends, if not with the file. */
interface Link {
  readonly ref: RolloutRef
  readonly meta: SessionMeta
  readonly until: HistoryBase | null
}

interface Projected {
  /** False when the lines were not read deeply enough to be sure: then the rest means nothing. */
  readonly certain: boolean
  readonly segments: ReadonlyArray<Segment>
  readonly projected: SessionProjection.ProjectedSession
  readonly projection: SessionProjection.SessionProjection
}

const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const parser = yield* RolloutParser
  const bases = yield* HistoryBases.make

  const ownMeta = (ref: RolloutRef, { meta, empty }: HistoryBases.Head) => {
    const unreadable = (reason: RolloutUnreadable["reason"], detail: string) =>
      Effect.fail(new RolloutUnreadable({ path: ref.path, reason, line: empty ? null : 1, detail }))
    if (meta === null) {
      return empty
        ? unreadable("empty", "empty session file")
        : unreadable(
            "noSessionMeta",
            "no line is a valid session_meta (a session needs its id, timestamp, cwd, originator and version)"
          )
    }
    if (meta.id !== ref.threadId) {
      return Effect.fail(new ThreadIdMismatch({ requested: ref.threadId, found: meta.id, path: ref.path }))
    }
    const mode = historyMode(meta)
    return mode === null
      ? unreadable("unsupportedHistoryMode", `history_mode \`${meta.historyMode}\` is not known; use a newer version`)
      : Effect.succeed({ meta, mode })
  }

  /** The rollout that holds the base, with its own first line. */
  const findBase = Effect.fnUntraced(function* (base: HistoryBase, of: SessionMeta, links: ReadonlyArray<Link>) {
    const ref = yield* bases.find(base, of, new Set(links.map((link) => link.ref.path)))
    if (ref === null) return null
    const { meta } = yield* Effect.catchTag(bases.head(store.read(ref)), "ThreadNotFound", () =>
      Effect.succeed({ meta: null })
    )
    return meta === null ? null : ({ ref, meta, until: base } satisfies Link)
  })

  /** The rollouts of a history, base first. A base that is not there ends the search: what remains is still read. */
  const chain = Effect.fnUntraced(function* (ref: RolloutRef, meta: SessionMeta) {
    const links: Array<Link> = [{ ref, meta, until: null }]
    for (let at: Link = { ref, meta, until: null }; ;) {
      const base = at.meta.historyBase
      if (base === null) return { links, missing: [] }
      const found: Link | null = yield* findBase(base, at.meta, links)
      if (found === null) return { links, missing: [missingBase(at.ref, base)] }
      links.unshift(found)
      at = found
    }
  })

  const projectAt = Effect.fnUntraced(function* <E>(
    links: ReadonlyArray<Link>,
    missing: ReadonlyArray<Diagnostic>,
    own: { readonly meta: SessionMeta; readonly mode: HistoryMode },
    bytesOf: (ref: RolloutRef) => Stream.Stream<Uint8Array, E>,
    skims: boolean
  ): Effect.fn.Return<Projected, E> {
    const projection = SessionProjection.make(own.meta, own.mode)
    const segments: Array<Segment> = []
    for (const diagnostic of missing) projection.step({ line: null, diagnostics: [diagnostic], ordinal: null }, 0)
    for (const [number, link] of links.entries()) {
      const before = links[number - 1]
      if (before !== undefined && before.meta.id !== link.meta.id && link.meta.id === own.meta.id) {
        projection.endInherited()
      }
      const reading = SegmentReading.make(projection, number, link.until)
      yield* parser.forEach(bytesOf(link.ref), reading.onLine, skims ? { skim: reading.skim } : {})
      segments.push(reading.segment(link.ref))
    }
    return { segments, projected: projection.result(), projection, certain: !projection.isUncertain() }
  })

  const project = <E>(
    links: ReadonlyArray<Link>,
    missing: ReadonlyArray<Diagnostic>,
    own: { readonly meta: SessionMeta; readonly mode: HistoryMode },
    bytesOf: (ref: RolloutRef) => Stream.Stream<Uint8Array, E>
  ) =>
    Effect.filterOrElse(
      projectAt(links, missing, own, bytesOf, true),
      (skimmed) => skimmed.certain,
      () => projectAt(links, missing, own, bytesOf, false)
    )

  /** A rollout that holds all of its history, read once. Null when something else has to be known first, or is wrong. */
  const projectAlone = <E>(ref: RolloutRef, bytes: Stream.Stream<Uint8Array, E>) =>
    Effect.suspend(() => {
      const lone = SegmentReading.alone((meta) => meta.id === ref.threadId && meta.historyBase === null)
      return Effect.map(parser.forEach(bytes, lone.onLine, { skim: lone.skim }), () => {
        const begun = lone.begun()
        if (begun === null || begun.projection.isUncertain()) return null
        const { mode, projection, reading } = begun
        return { mode, projection, projected: projection.result(), segments: [reading.segment(ref)] }
      })
    })

  const restore = Effect.fn("SessionReconstruction.restore")(function* (ref: RolloutRef) {
    yield* Effect.annotateCurrentSpan({ threadId: ref.threadId, path: ref.path })
    const stat = yield* store.stat(ref)
    const alone = yield* projectAlone(ref, store.read(ref))
    if (alone !== null) return { ref, stat, meta: alone.projected.meta, ...alone }
    const own = yield* ownMeta(ref, yield* bases.head(store.read(ref)))
    const { links, missing } = yield* chain(ref, own.meta)
    const { projected, projection, segments } = yield* project(links, missing, own, store.read)
    return { ref, stat, ...own, meta: projected.meta, segments, projected, projection }
  })

  const glimpse = Effect.fn("SessionReconstruction.glimpse")(function* (ref: RolloutRef) {
    for (const length of SessionGlimpse.lengths) {
      const ends = yield* store.ends(ref, length)
      if (ends === null || ends.stat.size < SessionGlimpse.worthwhile) return null
      const found = SessionGlimpse.glimpse(ref, ends)
      if (found !== null) return found
    }
    return null
  })

  return SessionReconstruction.of({
    restore,
    glimpse,
    restoreBytes: Effect.fn("SessionReconstruction.restoreBytes")(function* (ref, bytes, stat) {
      const own = yield* ownMeta(ref, yield* bases.head(bytes))
      const links: ReadonlyArray<Link> = [{ ref, meta: own.meta, until: null }]
      const { projected, projection, segments } = yield* project(links, [], own, () => bytes)
      return { ref, stat, ...own, meta: projected.meta, segments, projected, projection }
    }),
    passing: (first, bytes) => {
      const encoded = encoder.encode(first)
      const { line } = readLine({ line: 1, offset: 0, length: encoded.length, end: "\n", bytes: encoded })
      const meta = line?.record._tag === "SessionMeta" ? line.record.meta : null
      const mode = meta === null ? null : historyMode(meta)
      if (meta === null || mode === null) return { bytes: bytes(() => null), restored: () => null }
      const projection = SessionProjection.make(meta, mode)
      const reading = SegmentReading.make(projection, 0, null)
      const soFar = () => (projection.isUncertain() ? null : projection.result())
      return {
        bytes: parser.passing(bytes(soFar), reading.onLine, { skim: reading.skim }),
        restored: (ref, stat) => {
          const projected = soFar()
          if (projected === null) return null
          return { ref, stat, mode, meta: projected.meta, segments: [reading.segment(ref)], projected, projection }
        }
      }
    },
    modelInput: Effect.fn("SessionReconstruction.modelInput")(function* (session, read = store.read) {
      const { base, entries } = session.projected.context
      const wanted = new Map<string, JsonRecord>()
      const key = (at: { readonly segment: number; readonly line: number }) => `${at.segment}:${at.line}`
      const places = new Set([...(base === null ? [] : [base]), ...entries.map((entry) => entry.at)].map(key))
      for (const [number, segment] of session.segments.entries()) {
        yield* parser.forEach(read(segment.ref), ({ line }, raw) => {
          const at = key({ segment: number, line: raw.line })
          if (line !== null && places.has(at)) {
            const { record } = line
            if (record._tag === "ResponseItem" || record._tag === "BareItem") wanted.set(at, record.item.item)
            if (record._tag === "Compacted") wanted.set(at, { ...record.compacted })
          }
          return raw.offset < segment.bytes
        })
      }
      const replaced = base === null ? undefined : own(wanted.get(key(base)) ?? {}, "replacement_history")
      const items = entries.flatMap((entry): ReadonlyArray<JsonRecord> => {
        const record = wanted.get(key(entry.at))
        if (record === undefined) return []
        if (entry.kind === "item") return [record]
        const text = String(own(record, "message"))
        return [{ type: "message", role: "user", content: [{ type: "input_text", text }] }]
      })
      return ModelContext.complete([...(Array.isArray(replaced) ? replaced.filter(isRecord) : []), ...items])
    })
  })
})
