/**
 * A rollout to a restored session: finds the rollouts that its history lies in, and runs the three
 * projections over them in one pass.
 *
 * Nothing is cached and nothing is written: what it returns depends on the bytes alone.
 */
import { Context, Effect, Layer, type Stream } from "effect"
import type { Diagnostic } from "../domain/Diagnostic.ts"
import { isRecord, type JsonRecord, own } from "../domain/Json.ts"
import type { Skim } from "../domain/LineScanner.ts"
import * as ModelContext from "../domain/ModelContext.ts"
import type { ReadDepth } from "../domain/RolloutLine.ts"
import type { HistoryBase, SessionMeta } from "../domain/SessionMeta.ts"
import * as SessionProjection from "../domain/SessionProjection.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import { historyMode } from "../domain/ThreadView.ts"
import * as HistoryBases from "./HistoryBases.ts"
import { type OnLine, RolloutParser } from "./RolloutParser.ts"
import { type RolloutRef, type RolloutStat, RolloutStore } from "./RolloutStore.ts"
import * as SessionGlimpse from "./SessionGlimpse.ts"
import { RolloutUnreadable, type RolloutStoreError, ThreadIdMismatch, type ThreadNotFound } from "./ThreadError.ts"

/** One of the rollouts that a history lies in, base first, the thread's own last. */
export interface Segment {
  readonly ref: RolloutRef
  /** Bytes of it that belong to the history, as read. */
  readonly bytes: number
  /** Does the last of them end a line? */
  readonly endsLine: boolean
  /** Lines of it that belong to the history. */
  readonly lines: number
  /** Where the first line after a `session_meta` that opens the file begins, in bytes; 0 without one. */
  readonly afterMeta: number
  /** Does it begin with a byte order mark, which has no place inside a file? */
  readonly hasByteOrderMark: boolean
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
    depth: ReadDepth
  ): Effect.fn.Return<Projected, E> {
    const projection = SessionProjection.make(own.meta, own.mode)
    const segments: Array<Segment> = []
    for (const diagnostic of missing) projection.step({ line: null, diagnostics: [diagnostic], ordinal: null }, 0)
    for (const [number, link] of links.entries()) {
      const before = links[number - 1]
      if (before !== undefined && before.meta.id !== link.meta.id && link.meta.id === own.meta.id) {
        projection.endInherited()
      }
      let bytes = 0
      let endsLine = true
      let lines = 0
      let afterMeta = 0
      let hasByteOrderMark = false
      const until = link.until
      const visit: OnLine = (read, raw) => {
        const { ordinal } = read
        if (until !== null && ordinal !== null && ordinal >= until.endOrdinalExclusive) return false
        if (until !== null && until.endByteOffset !== null && raw.offset >= until.endByteOffset) return false
        bytes = raw.offset + raw.length + raw.end.length
        endsLine = raw.end !== ""
        lines = raw.line
        if (raw.line === 1) {
          if (read.line?.record._tag === "SessionMeta") afterMeta = bytes
          hasByteOrderMark = read.diagnostics.some((diagnostic) => diagnostic.reason === "byteOrderMark")
        }
        projection.step(read, number)
        return !projection.isUncertain()
      }
      const skim: Skim = (chunk, from, to, line, offset) => {
        const place = { segment: number, line, offset, length: to - from }
        // Left to `visit` once nothing is certain any more: it ends the reading.
        if (!projection.skim(chunk, from, to, place) || projection.isUncertain()) return false
        bytes = offset + place.length + 1
        endsLine = true
        lines = line
        return true
      }
      const isSkimmed = depth === "glance" && until === null
      yield* parser.forEach(bytesOf(link.ref), visit, { depth, skim: isSkimmed ? skim : undefined })
      segments.push({ ref: link.ref, bytes, endsLine, lines, afterMeta, hasByteOrderMark })
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
      projectAt(links, missing, own, bytesOf, "glance"),
      (glanced) => glanced.certain,
      () => projectAt(links, missing, own, bytesOf, "full")
    )

  const restore = Effect.fn("SessionReconstruction.restore")(function* (ref: RolloutRef) {
    yield* Effect.annotateCurrentSpan({ threadId: ref.threadId, path: ref.path })
    const stat = yield* store.stat(ref)
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
