/**
 * A thread's history while it lives: records go to its rollout and, only then, into its projections.
 *
 * What is told to anyone was written before. The line that is written is the line that is folded: a
 * snapshot taken from here is what a cold restore of the same bytes would show. One writer per journal;
 * the rollout is opened, and created, with the first record.
 */
import { Clock, DateTime, Effect, Scope, Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import { type JsonRecord, printExact } from "../domain/Json.ts"
import { readLine } from "../domain/RolloutLine.ts"
import type { SessionMeta } from "../domain/SessionMeta.ts"
import * as SessionProjection from "../domain/SessionProjection.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import type { RecordDraft } from "../domain/TurnLines.ts"
import { type NewRollout, type RolloutRef, RolloutStore } from "./RolloutStore.ts"
import { RolloutWriteFailed, type RolloutWriter } from "./RolloutWriter.ts"
import type { RestoredSession, Segment } from "./SessionReconstruction.ts"
import type { RolloutStoreError, ThreadNotFound } from "./ThreadError.ts"

/** Where records go. `new`: to a rollout that is created with the first of them. `memory`: nowhere. */
export type Destination =
  | {
      readonly _tag: "stored"
      readonly ref: RolloutRef
      /** The rollout's version when it was read; not known for one that is held open. */
      readonly version?: string | undefined
      /** Open already: then nobody wrote between the reading of the rollout and the first record. */
      readonly writer?: RolloutWriter | undefined
    }
  | { readonly _tag: "new"; readonly rollout: NewRollout }
  | { readonly _tag: "memory" }

export interface ThreadJournal {
  /** As its lines describe it now. */
  readonly meta: SessionMeta
  readonly mode: HistoryMode
  /** Writes the records, in order; then they are part of {@link projected}. On failure none of them is. */
  readonly append: (records: ReadonlyArray<RecordDraft>) => Effect.Effect<void, RolloutWriteFailed>
  /** What the thread's lines say, those appended here included. */
  readonly projected: () => SessionProjection.ProjectedSession
  /** The id that the next counted item will have (event-style history). */
  readonly nextItemId: () => string
  /** The rollout, once there is one. */
  readonly ref: () => RolloutRef | null
  /** Unix milliseconds of the last record, or of the rollout's last change before it. */
  readonly modifiedAt: () => number
  /** Has it written to the rollout? From then on nobody else does. */
  readonly isWriting: () => boolean
  /** The rollouts that the history lies in, as of now. */
  readonly segments: () => ReadonlyArray<Segment>
  /** The bytes of one of them, also of one that is not stored (yet). */
  readonly read: ReadRollout
}

/** The bytes of a rollout, wherever the thread keeps them. */
export type ReadRollout = (ref: RolloutRef) => Stream.Stream<Uint8Array, ThreadNotFound | RolloutStoreError>

const encoder = new TextEncoder()

interface Start {
  readonly mode: HistoryMode
  readonly projection: SessionProjection.SessionProjection
  readonly destination: Destination
  readonly modifiedAt: number
  /** The rollouts so far, the one that is appended to last. */
  readonly bases: ReadonlyArray<Segment>
  readonly own: Segment
  /** What the last one has before anything is appended, where it is not stored. */
  readonly content: Stream.Stream<Uint8Array, ThreadNotFound | RolloutStoreError>
  /** Lines to be written before the first record. */
  readonly pending: ReadonlyArray<string>
}

const make = Effect.fnUntraced(function* (
  start: Start
): Effect.fn.Return<ThreadJournal, never, RolloutStore | Scope.Scope> {
  const store = yield* RolloutStore
  const scope = yield* Effect.scope
  const { bases, destination, mode, own, projection } = start
  // Kept only for as long as the rollout is not stored.
  const appended: Array<string> = []
  let ref: RolloutRef | null = destination._tag === "stored" ? destination.ref : null
  let writer: RolloutWriter | null = (destination._tag === "stored" ? destination.writer : null) ?? null
  let { modifiedAt, pending } = start
  let { lines } = own
  let bytes = own.bytes + (own.endsLine ? 0 : 1)
  let projected: SessionProjection.ProjectedSession | null = null

  const failed = (path: string) => (error: { readonly message: string }) =>
    new RolloutWriteFailed({ path, reason: "other", detail: error.message })

  const open = Effect.fnUntraced(function* (target: RolloutRef): Effect.fn.Return<RolloutWriter, RolloutWriteFailed> {
    const version = destination._tag === "stored" ? destination.version : undefined
    return yield* store.writer(target, { version }).pipe(
      Scope.provide(scope),
      Effect.mapError((error) => {
        switch (error._tag) {
          case "ThreadNotFound":
            return new RolloutWriteFailed({
              path: target.path,
              reason: "lost",
              detail: "the rollout is no longer there"
            })
          case "RolloutBusy":
            return new RolloutWriteFailed({ path: target.path, reason: "busy", detail: error.message })
          case "RolloutChanged":
            return new RolloutWriteFailed({ path: target.path, reason: "changed", detail: error.message })
          case "RolloutStoreError":
            return failed(target.path)(error)
        }
      })
    )
  })

  const write = Effect.fnUntraced(function* (added: ReadonlyArray<string>): Effect.fn.Return<void, RolloutWriteFailed> {
    if (destination._tag === "memory") return
    if (ref === null && destination._tag === "new") {
      const whole = [...pending, ...added].map((line) => `${line}\n`).join("")
      const name = destination.rollout.threadId
      ref = yield* Effect.mapError(
        store.create(destination.rollout, Stream.succeed(encoder.encode(whole))),
        failed(name)
      )
      pending = []
      return
    }
    if (ref === null) return
    writer ??= yield* open(ref)
    yield* writer.append(added)
  })

  const fold = (line: string) => {
    const encoded = encoder.encode(line)
    lines++
    const raw = { line: lines, offset: bytes, length: encoded.length, end: "\n" as const, bytes: encoded }
    bytes += encoded.length + 1
    projection.step(readLine(raw), bases.length)
    if (destination._tag !== "stored") appended.push(line)
  }

  return {
    get meta() {
      return projection.meta()
    },
    mode,
    append: Effect.fn("ThreadJournal.append")(function* (records) {
      if (records.length === 0) return
      const now = yield* Clock.currentTimeMillis
      const timestamp = DateTime.formatIso(DateTime.makeUnsafe(now))
      const last = projection.lastOrdinal()
      const first = mode === "paginated" ? (last ?? -1) + 1 : null
      const added = records.map((record, at) => envelope(record, timestamp, first === null ? null : first + at))
      yield* write(added)
      for (const line of added) fold(line)
      modifiedAt = now
      projected = null
    }, Effect.uninterruptible),
    projected: () => (projected ??= projection.result()),
    nextItemId: projection.nextItemId,
    ref: () => ref,
    modifiedAt: () => modifiedAt,
    isWriting: () => writer !== null || (destination._tag === "new" && ref !== null),
    // Until something is appended, the rollout may still end in the middle of a line.
    segments: () => [
      ...bases,
      lines === own.lines
        ? { ...own, ref: ref ?? own.ref }
        : { ...own, ref: ref ?? own.ref, bytes, lines, endsLine: true }
    ],
    read: (target) =>
      destination._tag === "stored" || target.path !== (ref ?? own.ref).path || ref !== null
        ? store.read(target)
        : Stream.concat(
            start.content,
            Stream.suspend(() => Stream.fromIterable(appended.map((line) => encoder.encode(`${line}\n`))))
          )
  }
})

/** A line of a rollout, without its end. */
const envelope = (record: RecordDraft, timestamp: string, ordinal: number | null): string =>
  printExact({
    timestamp,
    ...(ordinal === null ? {} : { ordinal }),
    type: record.type,
    payload: record.payload satisfies JsonRecord
  })

/** Goes on with a thread that was restored. A last line without an end is ended before anything is added. */
export const resume = (session: RestoredSession, destination: Destination, content: Start["content"] = Stream.empty) =>
  make({
    mode: session.mode,
    projection: session.projection,
    destination,
    modifiedAt: session.stat.modifiedAt,
    bases: session.segments.slice(0, -1),
    own: session.segments.at(-1) ?? emptySegment(session.ref),
    content,
    pending: []
  })

/** Begins a thread: `first` is its `session_meta` line, as it will be written, without its end. */
export const begin = (first: string, mode: HistoryMode, createdAt: number, destination: Destination) => {
  const encoded = encoder.encode(first)
  const read = readLine({ line: 1, offset: 0, length: encoded.length, end: "\n", bytes: encoded })
  const record = read.line?.record
  if (record?._tag !== "SessionMeta") return Effect.die(new Error(`not a session_meta line: ${first}`))
  const { meta } = record
  const projection = SessionProjection.make(meta, mode)
  projection.step(read, 0)
  const bytes = encoded.length + 1
  return make({
    mode,
    projection,
    destination,
    modifiedAt: createdAt,
    bases: [],
    own: { ...emptySegment(unstored(meta.id)), bytes, lines: 1, afterMeta: bytes },
    content: Stream.succeed(encoder.encode(`${first}\n`)),
    pending: [first]
  })
}

/** Names a rollout that is stored nowhere. */
export const unstored = (threadId: ThreadId): RolloutRef => ({
  threadId,
  path: `memory:${threadId}`,
  archived: false,
  segmentId: null
})

const emptySegment = (ref: RolloutRef): Segment => ({
  ref,
  bytes: 0,
  lines: 0,
  endsLine: true,
  afterMeta: 0,
  hasByteOrderMark: false
})
