/**
 * Makes new threads out of old ones: forks of a stored or loaded thread, and threads from a history that a
 * client brings.
 *
 * A fork is a copy: the new first line, the source's lines byte for byte with their own timestamps, and
 * the mark of an interruption if the source was in the middle of a turn. The source is only read.
 */
import { Clock, Effect, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import * as ForkLines from "../domain/ForkLines.ts"
import { ThreadId, type TurnId } from "../domain/Ids.ts"
import type { ProjectedSession, TurnOpening } from "../domain/SessionProjection.ts"
import type { SettingsSource, ThreadSettings } from "../domain/ThreadSettings.ts"
import type { HistoryMode } from "../domain/Thread.ts"
import { VERSION } from "../domain/Version.ts"
import * as RolloutCopy from "./RolloutCopy.ts"
import { RolloutStore } from "./RolloutStore.ts"
import type { SessionGlimpse } from "./SessionGlimpse.ts"
import { type PassingSession, type RestoredSession, SessionReconstruction } from "./SessionReconstruction.ts"
import { ForkPointRefused, InvalidRequest, type ThreadError } from "./ThreadError.ts"
import type { LiveThread } from "./LiveThread.ts"
import * as Journal from "./ThreadJournal.ts"
import type { ReadRollout } from "./ThreadJournal.ts"
import { Threads } from "./Threads.ts"

/** What a request that may create a thread says about it. */
export interface NewThreadRequest {
  readonly overrides: SettingsSource
  /** Name of the client, recorded on the thread. */
  readonly originator: string
}

export interface ForkRequest extends NewThreadRequest {
  readonly source: { readonly by: "id"; readonly threadId: ThreadId } | { readonly by: "path"; readonly path: string }
  /** Where the copy ends: with the source, with this turn, or before it. */
  readonly until: { readonly field: "lastTurnId" | "beforeTurnId"; readonly turnId: TurnId } | null
  /** Kept in memory only. */
  readonly ephemeral: boolean
  readonly threadSource: string | null
}

/** A thread that begins with nothing before it. */
export interface StartRequest extends NewThreadRequest {
  readonly ephemeral: boolean
  /** How it keeps its history; paginated unless told otherwise. */
  readonly historyMode: HistoryMode
  readonly threadSource: string | null
}

export interface Forked {
  readonly thread: LiveThread
  /** The turn that runs in the source and was copied as far as it had come; null when none does. */
  readonly running: TurnId | null
}

export interface ThreadForks {
  /** Stored with its first turn, and not before. */
  readonly start: (request: StartRequest) => Effect.Effect<LiveThread, ThreadError>
  readonly fork: (request: ForkRequest) => Effect.Effect<Forked, ThreadError>
  /** A thread of the given response items; it has no turns and no usage. */
  readonly ofHistory: (
    items: ReadonlyArray<unknown>,
    request: NewThreadRequest
  ) => Effect.Effect<LiveThread, ThreadError>
}

interface Source {
  /** The turn that runs in it at this instant. */
  readonly running: TurnId | null
  readonly session: Pick<RestoredSession, "meta" | "mode" | "segments"> & {
    /** Null when only the ends of it were looked at. */
    readonly projected: ProjectedSession | null
  }
  readonly remembered: SettingsSource
  readonly read: ReadRollout
}

const encoder = new TextEncoder()
const text = (lines: ReadonlyArray<string>): Stream.Stream<Uint8Array> =>
  lines.length === 0 ? Stream.empty : Stream.succeed(encoder.encode(lines.join("")))

const EPHEMERAL_STAT = { size: 0, version: "ephemeral", identity: "ephemeral" }

/** The forking part of the lifecycle, over the services it works on. */
export const make = Effect.gen(function* () {
  const threads = yield* Threads
  const store = yield* RolloutStore
  const reconstruction = yield* SessionReconstruction
  const random = yield* SecureRandom.SecureRandom

  const ofGlimpse = ({ endsLine, hasByteOrderMark, meta, mode, ref, settings, stat }: SessionGlimpse): Source => ({
    running: null,
    session: {
      meta,
      mode,
      projected: null,
      segments: [{ ref, bytes: stat.size, endsLine, lines: 0, afterMeta: 0, hasByteOrderMark }]
    },
    remembered: settings,
    read: store.read
  })

  const locate = Effect.fnUntraced(function* ({ source, until }: ForkRequest): Effect.fn.Return<Source, ThreadError> {
    const loaded = source.by === "id" ? yield* threads.find(source.threadId) : undefined
    if (loaded !== undefined) {
      const { journal } = loaded
      // One instant of the thread's history: what it adds from now on is not part of the copy.
      return yield* loaded.alone(
        Effect.sync(() => ({
          running: loaded.status().type === "active" ? (loaded.turns().at(-1)?.id ?? null) : null,
          session: {
            meta: journal.meta,
            mode: journal.mode,
            projected: journal.projected(),
            segments: journal.segments()
          },
          remembered: loaded.settings(),
          read: journal.read
        }))
      )
    }
    const ref = source.by === "id" ? yield* store.locate(source.threadId) : yield* store.resolve(source.path)
    const glimpsed = until === null ? yield* reconstruction.glimpse(ref) : null
    // Of a history in one file, whose lines have no numbers, the ends tell all that a copy needs to know.
    if (glimpsed !== null && glimpsed.mode === "legacy") return ofGlimpse(glimpsed)
    const session = yield* reconstruction.restore(ref)
    return { running: null, session, remembered: session.projected.settings, read: store.read }
  })

  const newSession = Effect.fnUntraced(function* (
    settings: ThreadSettings,
    request: NewThreadRequest,
    threadSource: string | null
  ): Effect.fn.Return<ForkLines.NewSession> {
    return {
      id: ThreadId.make(yield* random.uuidV7()),
      createdAt: yield* Clock.currentTimeMillis,
      cwd: settings.cwd,
      modelProvider: settings.modelProvider,
      originator: request.originator,
      version: VERSION,
      threadSource
    }
  })

  const fork = Effect.fn("ThreadForks.fork")(function* (request: ForkRequest): Effect.fn.Return<Forked, ThreadError> {
    const source = yield* locate(request)
    const { meta, mode, projected } = source.session
    const cut = yield* cutOf(source.session, request.until)
    const settings = yield* threads.settings(request.overrides, source.remembered)
    const session = yield* newSession(settings, request, request.threadSource)
    const copied = RolloutCopy.linesBefore({ mode, segments: source.session.segments, read: source.read }, cut)
    const first = ForkLines.firstLineOfFork(session, meta, mode)
    const body = Stream.concat(text([first]), copied)
    const pending = Journal.unstored(session.id)
    const stat = { ...EPHEMERAL_STAT, modifiedAt: session.createdAt }

    /** What the copy says before anything is added: of one that ends with its source, as the source says it. */
    const ends = Effect.suspend(() =>
      cut === null && projected !== null
        ? Effect.succeed(projected)
        : Effect.map(reconstruction.restoreBytes(pending, body, stat), (made) => made.projected)
    )
    const added = ({ lastOrdinal, midTurn }: Pick<ProjectedSession, "lastOrdinal" | "midTurn">) => {
      const free = mode === "legacy" ? null : (lastOrdinal ?? 0) + 1
      // A cut may leave the copy in the middle of a turn that the source went on from.
      const marks = midTurn === null ? [] : ForkLines.interruptionLines(midTurn.turnId, session.createdAt, free)
      return persistedOverrides(request.overrides)
        ? [...marks, ForkLines.settingsLine(session, settings, free === null ? null : free + marks.length)]
        : marks
    }
    const passing = reconstruction.passing(first.trimEnd(), (soFar) =>
      Stream.concat(
        body,
        Stream.unwrap(
          Effect.suspend(() => {
            const sure = soFar()
            return Effect.map(sure === null ? ends : Effect.succeed(sure), (end) => text(added(end)))
          })
        )
      )
    )
    const running = cut === null ? source.running : null
    if (request.ephemeral) {
      // Held whole: the source may be moved or removed while its copy lives.
      const held = Stream.fromIterable(yield* Stream.runCollect(Stream.map(passing.bytes, (chunk) => chunk.slice())))
      const made = passing.restored(pending, stat) ?? (yield* reconstruction.restoreBytes(pending, held, stat))
      const journal = Journal.resume(made, { _tag: "memory" }, held)
      return {
        thread: yield* threads.adopt(session.id, { settings, ephemeral: true, journal, version: null }),
        running
      }
    }
    return { thread: yield* keep(session, settings, passing), running }
  })

  const keep = Effect.fnUntraced(function* <E extends ThreadError>(
    session: ForkLines.NewSession,
    settings: ThreadSettings,
    content: PassingSession<E>
  ): Effect.fn.Return<LiveThread, ThreadError> {
    const ref = yield* store.create({ threadId: session.id, createdAt: session.createdAt }, content.bytes)
    const made = content.restored(ref, yield* store.stat(ref)) ?? (yield* reconstruction.restore(ref))
    const journal = Journal.resume(made, { _tag: "stored", ref, version: made.stat.version })
    return yield* threads.adopt(session.id, { settings, ephemeral: false, journal, version: made.stat.version })
  })

  const ofHistory = Effect.fn("ThreadForks.ofHistory")(function* (
    items: ReadonlyArray<unknown>,
    request: NewThreadRequest
  ): Effect.fn.Return<LiveThread, ThreadError> {
    if (items.length === 0) return yield* new InvalidRequest({ field: "history", detail: "history must not be empty" })
    const unusable = ForkLines.firstUnusableItem(items)
    if (unusable !== null) {
      return yield* new InvalidRequest({
        field: `history[${unusable}]`,
        detail: `history[${unusable}] is no response item: an object with a \`type\` is expected`
      })
    }
    const settings = yield* threads.settings(request.overrides, {})
    const session = yield* newSession(settings, request, null)
    const lines = ForkLines.linesOfHistory(session, items)
    return yield* keep(
      session,
      settings,
      reconstruction.passing((lines[0] ?? "").trimEnd(), () => text(lines))
    )
  })

  const start = Effect.fn("ThreadForks.start")(function* (
    request: StartRequest
  ): Effect.fn.Return<LiveThread, ThreadError> {
    const settings = yield* threads.settings(request.overrides, {})
    const session = yield* newSession(settings, request, request.threadSource)
    const first = ForkLines.firstLineOfThread(session, request.historyMode).trimEnd()
    const journal = Journal.begin(
      first,
      request.historyMode,
      session.createdAt,
      request.ephemeral
        ? { _tag: "memory" }
        : { _tag: "new", rollout: { threadId: session.id, createdAt: session.createdAt } }
    )
    return yield* threads.adopt(session.id, { settings, ephemeral: request.ephemeral, journal, version: null })
  })

  return { fork, ofHistory, start } satisfies ThreadForks
})

/** Where the copy must end; null for the whole source. */
const cutOf = Effect.fnUntraced(function* (
  { projected }: Source["session"],
  until: ForkRequest["until"]
): Effect.fn.Return<TurnOpening | null, ForkPointRefused> {
  if (until === null || projected === null) return null
  const named = projected.turns.find(({ turn }) => turn.id === until.turnId)
  if (named === undefined) return yield* new ForkPointRefused({ ...until, reason: "notFound" })
  if (until.field === "beforeTurnId") {
    return projected.openings.find((opening) => opening.serial === named.serial) ?? null
  }
  if (named.turn.status === "inProgress" && projected.turns.at(-1) === named) {
    return yield* new ForkPointRefused({ ...until, reason: "inProgress" })
  }
  // Turns that were rolled back since count too: what came after the named turn is not part of the copy.
  return projected.openings.find((opening) => opening.serial > named.serial) ?? null
})

// `cwd` and the provider are in the first line; these have no place there.
const persistedOverrides = (overrides: SettingsSource): boolean =>
  [
    overrides.model,
    overrides.reasoningEffort,
    overrides.approvalPolicy,
    overrides.approvalsReviewer,
    overrides.sandbox,
    overrides.serviceTier
  ].some((value) => value !== undefined)
