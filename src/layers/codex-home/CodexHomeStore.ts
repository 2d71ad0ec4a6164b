/**
 * Rollouts in a Codex home, as Codex itself lays them out: `sessions/YYYY/MM/DD/`, the flat
 * `archived_sessions/`, names in `session_index.jsonl` (docs/codex.md, "Files").
 *
 * Reading never writes, and never leaves the home: a path is followed through every symbolic link
 * first. The files are the truth; Codex's state database is not looked at.
 */
import { Effect, FileSystem, Layer, Option, Path, type PlatformError, Schema, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import type { ThreadId } from "../../domain/Ids.ts"
import {
  type NewRollout,
  type RolloutPeek,
  type RolloutRef,
  type RolloutStat,
  RolloutStore
} from "../../services/RolloutStore.ts"
import { RolloutBusy, RolloutChanged } from "../../services/RolloutWriter.ts"
import { PathRefused, RolloutStoreError, ThreadArchived, ThreadNotFound } from "../../services/ThreadError.ts"
import type { Durability } from "./AppendOnlyFile.ts"
import { type FileFailure, fileStat, fileStatNow, isMissing } from "./FileVersion.ts"
import { fileEnds } from "./FileEnds.ts"
import { filePeek } from "./FilePeek.ts"
import { homePaths, placeInHome, realFolder, relativeInside } from "./HomePaths.ts"
import { rolloutBytes } from "./RolloutBytes.ts"
import {
  currentRolloutFile,
  foldersOf,
  mayHoldRollout,
  newRolloutLocation,
  orderRolloutFiles,
  parseRolloutFileName,
  type RolloutFile,
  siblingName,
  writtenFirst
} from "./RolloutFileName.ts"
import { threadIdOfHead } from "./RolloutHead.ts"
import { openRollout } from "./RolloutOpening.ts"
import { makeSurvey } from "./RolloutSurvey.ts"
import { makeRolloutTree, type RolloutTree } from "./RolloutTree.ts"
import { makeSessionIndex } from "./SessionIndex.ts"
import { moveFile, settle, writeWhole } from "./WholeFile.ts"
import { acquireWriterLock } from "./WriterLock.ts"

export interface CodexHomeOptions {
  /** The home's directory, as `CODEX_HOME` names it. It need not exist yet. */
  readonly home: string
  /** Lets clients resume rollouts by a path outside the home, as Codex does. Default false. */
  readonly allowPathsOutside?: boolean
  /** When an appended line counts as written. Default `system`. */
  readonly durability?: Durability
}

type Operation = RolloutStoreError["operation"]

const longestPath = 4096
/** Files looked at in one go: a thousandth of a second. */
const statsAtOnce = 128

const isBusy = Schema.is(RolloutBusy)
const isChanged = Schema.is(RolloutChanged)

const toRef = (file: RolloutFile): RolloutRef => ({
  threadId: file.name.threadId,
  path: file.path,
  archived: file.archived,
  segmentId: file.name.segmentId
})

const make = Effect.fnUntraced(function* ({
  allowPathsOutside = false,
  durability = "system",
  home
}: CodexHomeOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const random = yield* SecureRandom.SecureRandom
  const background = yield* Effect.scope
  const tree = makeRolloutTree({ path, home, allowPathsOutside })
  const paths = Effect.sync(() => homePaths(path, home))
  const tools = { fs, path, random }
  const inRealHome = (name: string) => Effect.sync(() => path.join(realFolder(path.resolve(home)), name))
  const index = makeSessionIndex(
    tools,
    path.join(path.resolve(home), "session_index.jsonl"),
    inRealHome("session_index.jsonl"),
    durability
  )
  const locks = inRealHome("thread-writer-locks")

  const failed =
    (operation: Operation, at: string) =>
    (error: { readonly message: string }): RolloutStoreError =>
      new RolloutStoreError({ operation, path: at, detail: error.message })

  const failedOrGone =
    (operation: Operation, ref: RolloutRef) =>
    (error: FileFailure | PlatformError.PlatformError): RolloutStoreError | ThreadNotFound =>
      isMissing(error) ? new ThreadNotFound({ threadId: ref.threadId }) : failed(operation, ref.path)(error)

  // Without spans of their own, `locate` and `stat`: every request for a thread asks them, and they are over at once.
  const locate = Effect.fnUntraced(function* (threadId: ThreadId, options?: { readonly archived?: boolean }) {
    const file = currentRolloutFile((yield* tree).get(threadId) ?? [])
    if (file === undefined) return yield* new ThreadNotFound({ threadId })
    if (file.archived && options?.archived !== true) return yield* new ThreadArchived({ threadId })
    return toRef(file)
  })

  const segments = Effect.fn("RolloutStore.segments")(function* (threadId: ThreadId) {
    return orderRolloutFiles((yield* tree).get(threadId) ?? []).map(toRef)
  })

  /** A rollout is packed, and unpacked, under its readers: its other form is as good. */
  const twin = (ref: RolloutRef) => (error: FileFailure | PlatformError.PlatformError) =>
    isMissing(error) && mayHoldRollout(ref.path)

  const stat = Effect.fnUntraced(function* (ref: RolloutRef) {
    return yield* fileStat(ref.path).pipe(
      Effect.catchIf(twin(ref), () => fileStat(siblingName(ref.path))),
      Effect.mapError(failedOrGone("stat", ref))
    )
  })

  const read = (ref: RolloutRef) =>
    rolloutBytes(fs, ref.path).pipe(
      Stream.catchIf(twin(ref), () => rolloutBytes(fs, siblingName(ref.path))),
      Stream.mapError(failedOrGone("read", ref))
    )

  /** The file itself, else its (un)compressed twin; a plain file hides a compressed one. */
  const existing = (file: string) => {
    const candidates = file.endsWith(".zst") ? [siblingName(file), file] : [file, siblingName(file)]
    const [first = file, second = file] = mayHoldRollout(file) ? candidates : [file, file]
    return Effect.catchIf(fs.realPath(first), isMissing, () => fs.realPath(second))
  }

  const resolve = Effect.fn("RolloutStore.resolve")(function* (input: string) {
    const refuse = (reason: PathRefused["reason"]) => new PathRefused({ path: input, reason })
    if (input === "" || input.length > longestPath || input.includes("\0")) return yield* refuse("invalid")
    const known = yield* paths
    const wanted = path.resolve(known.home, input)
    const inside = [known.home, known.realHome, known.realSessions, known.realArchived]
    if (!allowPathsOutside && inside.every((folder) => relativeInside(path, folder, wanted) === undefined)) {
      // Said before the disk is asked: whether a file outside exists is none of the client's business.
      return yield* refuse("outsideHome")
    }
    const real = yield* Effect.mapError(existing(wanted), (error) =>
      isMissing(error)
        ? refuse("notFound")
        : error.reason._tag === "PermissionDenied"
          ? failed("locate", wanted)(error)
          : refuse("invalid")
    )
    const place = placeInHome(path, known, real)
    if (place === undefined && !allowPathsOutside) return yield* refuse("outsideHome")
    const info = yield* Effect.mapError(fs.stat(real), (error) =>
      isMissing(error) ? refuse("notFound") : failed("locate", real)(error)
    )
    if (info.type === "Directory") return yield* refuse("isDirectory")
    if (info.type !== "File" || !mayHoldRollout(real)) return yield* refuse("notARollout")
    const at = place ?? { path: real, archived: false }
    const name = parseRolloutFileName(path.basename(real))
    const threadId =
      name?.threadId ??
      Option.getOrUndefined(yield* Effect.mapError(threadIdOfHead(rolloutBytes(fs, real)), failed("read", real)))
    if (threadId === undefined) return yield* refuse("notARollout")
    return { threadId, path: at.path, archived: at.archived, segmentId: name?.segmentId ?? null }
  })

  const current = (threads: RolloutTree, archived: boolean) => {
    const refs: Array<RolloutRef> = []
    for (const files of threads.values()) {
      const file = currentRolloutFile(files)
      if (file?.archived === archived) refs.push(toRef(file))
    }
    return refs
  }

  const list = ({ archived }: { readonly archived: boolean }) =>
    Stream.fromIterableEffect(Effect.map(tree, (threads) => current(threads, archived)))

  const surveyed = makeSurvey()
  const survey = Effect.fn("RolloutStore.survey")(function* ({ archived }: { readonly archived: boolean }) {
    const threads = yield* tree
    yield* Effect.yieldNow
    return surveyed.of(threads, archived, () => current(threads, archived))
  })

  const stats = Effect.fn("RolloutStore.stats")(function* (refs: ReadonlyArray<RolloutRef>) {
    const found: Array<RolloutStat | null> = []
    for (const ref of refs) {
      found.push(fileStatNow(ref.path) ?? (mayHoldRollout(ref.path) ? fileStatNow(siblingName(ref.path)) : null))
      if (found.length % statsAtOnce === 0) yield* Effect.yieldNow
    }
    return found
  })

  const peek = <A>(ref: RolloutRef, look: (peek: RolloutPeek) => A) =>
    Effect.sync(() => (ref.path.endsWith(".zst") ? null : filePeek(ref.path, look)))

  const ends: RolloutStore["Service"]["ends"] = (ref, length) =>
    Effect.sync(() => (ref.path.endsWith(".zst") ? null : fileEnds(ref.path, length)))

  const create = Effect.fn("RolloutStore.create")(function* <E>(
    { createdAt, segmentId, threadId }: NewRollout,
    content: Stream.Stream<Uint8Array, E>
  ) {
    const location = newRolloutLocation(threadId, createdAt, segmentId)
    const { sessions } = yield* paths
    const target = path.join(sessions, ...location.folders, location.name)
    const name = parseRolloutFileName(location.name)
    if (name === undefined) return yield* failed("create", target)({ message: "a segment's id is a UUID" })
    yield* writeWhole(tools, target, content, { durability, failed: failed("create", target) })
    // Hundreds of megabytes may be on their way to the disk: that is waited for by nobody who did not ask for it.
    if (durability === "system") yield* Effect.forkIn(settle(tools, target), background)
    return toRef({ name, path: target, archived: false })
  })

  const writer = Effect.fn("RolloutStore.writer")(function* (
    ref: RolloutRef,
    options?: { readonly version?: string | undefined }
  ) {
    if (ref.archived) return yield* failed("open", ref.path)({ message: "it is archived; unarchive the thread first" })
    const opened = openRollout(tools, ref, { locks: yield* locks, durability, version: options?.version })
    return yield* Effect.mapError(opened, (error) =>
      isBusy(error) || isChanged(error) ? error : failedOrGone("open", ref)(error)
    )
  })

  /** Every file of a thread, first written first, compressed twins too; there is at least one. */
  const filesOf = Effect.fnUntraced(function* (threadId: ThreadId) {
    const files = writtenFirst((yield* tree).get(threadId) ?? [])
    return files.length === 0 ? yield* new ThreadNotFound({ threadId }) : files
  })

  /** Changes where a thread's files are while nobody writes to them. */
  const withFiles = Effect.fnUntraced(function* <E>(
    operation: Operation,
    threadId: ThreadId,
    change: (files: ReadonlyArray<RolloutFile>) => Effect.Effect<void, E>
  ) {
    const at = (yield* filesOf(threadId)).at(-1)?.path ?? home
    const lock = acquireWriterLock({ folder: yield* locks, random }, threadId, at)
    yield* Effect.mapError(lock, (error) => (isBusy(error) ? error : failed(operation, at)(error)))
    // Looked for again: the last writer may have begun a new one.
    yield* change(yield* filesOf(threadId))
  }, Effect.scoped)

  const moveAll = (operation: Operation, files: ReadonlyArray<RolloutFile>, target: (file: RolloutFile) => string) =>
    Effect.forEach(
      files,
      (file) => Effect.mapError(moveFile(tools, file.path, target(file)), failed(operation, file.path)),
      { discard: true }
    )

  const archive = Effect.fn("RolloutStore.archive")(function* (threadId: ThreadId) {
    const { archived } = yield* paths
    // The newest last: cut short, the thread is active still, and all of its history is found.
    yield* withFiles("archive", threadId, (files) =>
      moveAll(
        "archive",
        files.filter((file) => !file.archived),
        (file) => path.join(archived, path.basename(file.path))
      )
    )
  })

  const unarchive = Effect.fn("RolloutStore.unarchive")(function* (threadId: ThreadId) {
    const { sessions } = yield* paths
    yield* withFiles("unarchive", threadId, (files): Effect.Effect<void, ThreadNotFound | RolloutStoreError> => {
      const archived = files.filter((file) => file.archived).toReversed()
      return archived.length === 0
        ? Effect.fail(new ThreadNotFound({ threadId }))
        : moveAll("unarchive", archived, (file) =>
            path.join(sessions, ...foldersOf(file.name), path.basename(file.path))
          )
    })
    const current = currentRolloutFile(yield* filesOf(threadId))
    return current === undefined ? yield* new ThreadNotFound({ threadId }) : toRef(current)
  })

  const remove = Effect.fn("RolloutStore.remove")(function* (threadId: ThreadId) {
    const indexFile = yield* inRealHome("session_index.jsonl")
    yield* withFiles("remove", threadId, (files) =>
      Effect.forEach(
        files,
        (file) => Effect.mapError(fs.remove(file.path, { force: true }), failed("remove", file.path)),
        { discard: true }
      ).pipe(Effect.andThen(Effect.mapError(index.forget(threadId), failed("remove", indexFile))))
    )
  })

  const setName = Effect.fn("RolloutStore.setName")(function* (threadId: ThreadId, name: string) {
    const file = yield* inRealHome("session_index.jsonl")
    yield* Effect.mapError(index.setName(threadId, name), failed("setName", file))
  })

  const names = Effect.mapError(index.names, failed("names", path.join(home, "session_index.jsonl")))

  return RolloutStore.of({
    locate,
    resolve,
    segments,
    stat,
    read,
    list,
    survey,
    stats,
    peek,
    ends,
    create,
    writer,
    archive,
    unarchive,
    remove,
    setName,
    names
  })
})

/** Serves the rollouts of a Codex home. */
export const layer = (
  options: CodexHomeOptions
): Layer.Layer<RolloutStore, never, FileSystem.FileSystem | Path.Path | SecureRandom.SecureRandom> =>
  Layer.effect(RolloutStore, make(options))
