/**
 * Rollouts in memory, laid out and named as in a Codex home: for tests, demos and embedding.
 *
 * Same rules as the Codex home store, without a file system: no symbolic links, and compressed
 * rollouts are known by name but cannot be unpacked.
 */
import { Clock, Context, Effect, Layer, Option, Path, Stream } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import { type NewRollout, type RolloutPeek, type RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import { RolloutBusy, RolloutChanged } from "../../services/RolloutWriter.ts"
import { PathRefused, RolloutStoreError, ThreadArchived, ThreadNotFound } from "../../services/ThreadError.ts"
import { relativeInside } from "../codex-home/HomePaths.ts"
import { makeLineWriter } from "../codex-home/LineWriter.ts"
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
} from "../codex-home/RolloutFileName.ts"
import { peekLength } from "../codex-home/FilePeek.ts"
import { threadIdOfHead } from "../codex-home/RolloutHead.ts"
import { makeSurvey } from "../codex-home/RolloutSurvey.ts"
import { parseSessionIndex, sessionIndexLine, withoutThread } from "../codex-home/SessionIndexFile.ts"
import { concat, makeFileTable, type MemoryFile, MemoryFiles, newline, toBytes } from "./MemoryFiles.ts"

export { type AppendFault, type MemoryFile, MemoryFiles } from "./MemoryFiles.ts"

export interface MemoryOptions {
  /** The directory that all paths are under. Default `/codex-home`. */
  readonly home?: string | undefined
  /** Names of threads, beside those in a `session_index.jsonl` among the files. */
  readonly names?: Iterable<readonly [ThreadId, string]> | undefined
}

const chunkBytes = 256 * 1024

const chunksOf = (bytes: Uint8Array): Stream.Stream<Uint8Array> =>
  Stream.unfold(0, (at) =>
    Effect.succeed(at < bytes.length ? ([bytes.slice(at, at + chunkBytes), at + chunkBytes] as const) : undefined)
  )

const make = Effect.fnUntraced(function* (files: ReadonlyArray<MemoryFile>, options: MemoryOptions) {
  const path = yield* Path.Path
  const home = path.resolve(options.home ?? "/codex-home")
  const sessions = path.join(home, "sessions")
  const archiveFolder = path.join(home, "archived_sessions")
  const stored = makeFileTable()
  const writing = new Set<ThreadId>()
  const named = new Map(options.names ?? [])

  const absolute = (file: string): string => path.resolve(home, file)
  const write = ({ content, modifiedAt, path }: MemoryFile) => stored.put(absolute(path), content, modifiedAt)

  yield* Effect.forEach(files, write, { discard: true })

  const place = (file: string): { readonly archived: boolean } | undefined => {
    if (path.dirname(file) === archiveFolder) return { archived: true }
    return relativeInside(path, sessions, file) === undefined ? undefined : { archived: false }
  }
  const rollouts = (): ReadonlyArray<RolloutFile> =>
    stored.names().flatMap((file) => {
      const name = parseRolloutFileName(path.basename(file))
      const where = place(file)
      return name === undefined || where === undefined ? [] : [{ name, path: file, archived: where.archived }]
    })
  const toRef = (file: RolloutFile): RolloutRef => ({
    threadId: file.name.threadId,
    path: file.path,
    archived: file.archived,
    segmentId: file.name.segmentId
  })
  const filesOf = (threadId: ThreadId) => rollouts().filter((file) => file.name.threadId === threadId)

  const stat = (ref: RolloutRef) =>
    Effect.suspend(() => {
      const file = stored.get(ref.path)
      return file === undefined
        ? Effect.fail(new ThreadNotFound({ threadId: ref.threadId }))
        : Effect.succeed({
            size: file.bytes.length,
            modifiedAt: file.modifiedAt,
            version: `${file.revision}-${file.bytes.length}-${file.modifiedAt}`,
            identity: String(file.identity)
          })
    })

  const read = (ref: RolloutRef): Stream.Stream<Uint8Array, ThreadNotFound | RolloutStoreError> =>
    Stream.suspend((): Stream.Stream<Uint8Array, ThreadNotFound | RolloutStoreError> => {
      const file = stored.get(ref.path)
      if (file === undefined) return Stream.fail(new ThreadNotFound({ threadId: ref.threadId }))
      if (!ref.path.endsWith(".zst")) return chunksOf(file.bytes)
      const detail = "a compressed rollout cannot be unpacked in memory; store the plain .jsonl instead"
      return Stream.fail(new RolloutStoreError({ operation: "read", path: ref.path, detail }))
    })

  const locate = Effect.fn("RolloutStore.locate")(function* (
    threadId: ThreadId,
    options?: { readonly archived?: boolean }
  ) {
    const file = currentRolloutFile(filesOf(threadId))
    if (file === undefined) return yield* new ThreadNotFound({ threadId })
    if (file.archived && options?.archived !== true) return yield* new ThreadArchived({ threadId })
    return toRef(file)
  })

  const resolve = Effect.fn("RolloutStore.resolve")(function* (input: string) {
    const refuse = (reason: PathRefused["reason"]) => new PathRefused({ path: input, reason })
    if (input === "" || input.length > 4096 || input.includes("\0")) return yield* refuse("invalid")
    const wanted = absolute(input)
    if (relativeInside(path, home, wanted) === undefined) return yield* refuse("outsideHome")
    const plain = wanted.endsWith(".zst") ? siblingName(wanted) : wanted
    const file = [plain, wanted, siblingName(wanted)].find((candidate) => stored.has(candidate))
    if (file === undefined) {
      const isFolder = wanted === home || stored.names().some((known) => known.startsWith(wanted + path.sep))
      return yield* refuse(isFolder ? "isDirectory" : "notFound")
    }
    if (!mayHoldRollout(file)) return yield* refuse("notARollout")
    const name = parseRolloutFileName(path.basename(file))
    const head = threadIdOfHead(chunksOf(stored.get(file)?.bytes ?? new Uint8Array()))
    const threadId = name?.threadId ?? Option.getOrUndefined(yield* head)
    if (threadId === undefined) return yield* refuse("notARollout")
    return { threadId, path: file, archived: place(file)?.archived ?? false, segmentId: name?.segmentId ?? null }
  })

  const list = ({ archived }: { readonly archived: boolean }) =>
    Stream.suspend(() => {
      const threads = Map.groupBy(rollouts(), (file) => file.name.threadId)
      const current = Array.from(threads.values(), currentRolloutFile)
      return Stream.fromIterable(
        current.flatMap((file) => (file !== undefined && file.archived === archived ? [toRef(file)] : []))
      )
    })

  const surveyed = makeSurvey()
  const survey = ({ archived }: { readonly archived: boolean }) =>
    Effect.map(Stream.runCollect(list({ archived })), (refs) => surveyed.of(refs, archived, () => refs))

  const stats = (refs: ReadonlyArray<RolloutRef>) =>
    Effect.forEach(refs, (ref) => Effect.orElseSucceed(stat(ref), () => null))

  const peek = <A>(ref: RolloutRef, look: (peek: RolloutPeek) => A) =>
    Effect.gen(function* () {
      const file = stored.get(ref.path)
      if (file === undefined || ref.path.endsWith(".zst")) return null
      const bytes = file.bytes.subarray(0, peekLength(file.bytes.length))
      return look({ stat: yield* stat(ref), bytes, whole: bytes.length === file.bytes.length })
    }).pipe(Effect.orElseSucceed(() => null))

  const ends: RolloutStore["Service"]["ends"] = (ref, length) =>
    Effect.gen(function* () {
      const file = stored.get(ref.path)
      if (file === undefined || ref.path.endsWith(".zst")) return null
      const tailFrom = Math.max(0, file.bytes.length - length.tail)
      const head = file.bytes.slice(0, length.head)
      return { stat: yield* stat(ref), head, tail: file.bytes.slice(tailFrom), tailFrom }
    }).pipe(Effect.orElseSucceed(() => null))

  const create = Effect.fn("RolloutStore.create")(function* <E>(
    { createdAt, segmentId, threadId }: NewRollout,
    content: Stream.Stream<Uint8Array, E>
  ) {
    const location = newRolloutLocation(threadId, createdAt, segmentId)
    const target = path.join(sessions, ...location.folders, location.name)
    const name = parseRolloutFileName(location.name)
    const refuse = (detail: string) => new RolloutStoreError({ operation: "create", path: target, detail })
    if (name === undefined) return yield* refuse("a segment's id is a UUID")
    // Chunks are copied one by one: their memory is only lent.
    const copies = yield* Stream.runCollect(Stream.map(content, (chunk) => chunk.slice()))
    if (stored.has(target)) return yield* refuse("a file of that name exists")
    yield* stored.put(target, concat(copies))
    return toRef({ name, path: target, archived: false })
  })

  const lock = (threadId: ThreadId, at: string) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        if (writing.has(threadId)) return Effect.fail(new RolloutBusy({ threadId, path: at }))
        writing.add(threadId)
        return Effect.void
      }),
      () => Effect.sync(() => writing.delete(threadId))
    )

  const writer = Effect.fn("RolloutStore.writer")(function* (
    ref: RolloutRef,
    options?: { readonly version?: string | undefined }
  ) {
    const refuse = (detail: string) => new RolloutStoreError({ operation: "open", path: ref.path, detail })
    if (ref.archived) return yield* refuse("it is archived; unarchive the thread first")
    const file = stored.get(ref.path)
    if (file === undefined) return yield* new ThreadNotFound({ threadId: ref.threadId })
    if (ref.path.endsWith(".zst")) return yield* refuse("a compressed rollout cannot be unpacked in memory")
    if (
      options?.version !== undefined &&
      !writing.has(ref.threadId) &&
      (yield* stat(ref)).version !== options.version
    ) {
      return yield* new RolloutChanged({ threadId: ref.threadId, path: ref.path })
    }
    yield* lock(ref.threadId, ref.path)
    return yield* makeLineWriter({
      path: ref.path,
      torn: file.bytes.length > 0 && file.bytes.at(-1) !== newline,
      write: (content) => stored.append(ref.path, file.identity, content)
    })
  })

  /** Changes where a thread's files are while nobody writes to them. */
  const withFiles = <E>(
    threadId: ThreadId,
    change: (files: ReadonlyArray<RolloutFile>) => Effect.Effect<void, E>
  ): Effect.Effect<void, E | ThreadNotFound | RolloutBusy> =>
    Effect.gen(function* () {
      const files = writtenFirst(filesOf(threadId))
      const at = files.at(-1)?.path
      if (at === undefined) return yield* new ThreadNotFound({ threadId })
      yield* lock(threadId, at)
      yield* change(files)
    }).pipe(Effect.scoped)

  const moveAll = (
    operation: RolloutStoreError["operation"],
    files: ReadonlyArray<RolloutFile>,
    target: (file: RolloutFile) => string
  ) =>
    Effect.forEach(
      files,
      (file) =>
        Effect.suspend(() => {
          const to = target(file)
          const detail = "a file of that name exists"
          if (stored.has(to)) return Effect.fail(new RolloutStoreError({ operation, path: file.path, detail }))
          return Effect.sync(() => stored.rename(file.path, to))
        }),
      { discard: true }
    )

  const archive = Effect.fn("RolloutStore.archive")(function* (threadId: ThreadId) {
    yield* withFiles(threadId, (files) =>
      moveAll(
        "archive",
        files.filter((file) => !file.archived),
        (file) => path.join(archiveFolder, path.basename(file.path))
      )
    )
  })

  const unarchive = Effect.fn("RolloutStore.unarchive")(function* (threadId: ThreadId) {
    yield* withFiles(threadId, (files): Effect.Effect<void, ThreadNotFound | RolloutStoreError> => {
      const archived = files.filter((file) => file.archived)
      return archived.length === 0
        ? Effect.fail(new ThreadNotFound({ threadId }))
        : moveAll("unarchive", archived, (file) =>
            path.join(sessions, ...foldersOf(file.name), path.basename(file.path))
          )
    })
    const current = currentRolloutFile(filesOf(threadId))
    return current === undefined ? yield* new ThreadNotFound({ threadId }) : toRef(current)
  })

  const indexFile = absolute("session_index.jsonl")
  const indexText = Effect.sync(() => new TextDecoder().decode(stored.get(indexFile)?.bytes))

  const remove = Effect.fn("RolloutStore.remove")(function* (threadId: ThreadId) {
    yield* withFiles(threadId, (files) =>
      Effect.sync(() => {
        for (const file of files) stored.remove(file.path)
      })
    )
    named.delete(threadId)
    const rest = withoutThread(yield* indexText, threadId)
    if (rest !== undefined) yield* write({ path: indexFile, content: rest })
  })

  const setName = Effect.fn("RolloutStore.setName")(function* (threadId: ThreadId, name: string) {
    const before = yield* indexText
    const line = sessionIndexLine(threadId, name, yield* Clock.currentTimeNanos)
    const gap = before === "" || before.endsWith("\n") ? "" : "\n"
    yield* write({ path: indexFile, content: `${before}${gap}${line}\n` })
  })

  const names = Effect.map(indexText, (text) => new Map([...named, ...parseSessionIndex(text)]))

  const segments = (threadId: ThreadId) => Effect.sync(() => orderRolloutFiles(filesOf(threadId)).map(toRef))

  return Context.make(
    RolloutStore,
    RolloutStore.of({
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
  ).pipe(
    Context.add(
      MemoryFiles,
      MemoryFiles.of({
        write,
        append: (file, content) =>
          Effect.suspend(() => {
            const whole = concat([stored.get(absolute(file))?.bytes ?? new Uint8Array(), toBytes(content)])
            return stored.put(absolute(file), whole)
          }),
        remove: (file) => Effect.sync(() => stored.remove(absolute(file))),
        failAppends: (file, fault) => Effect.sync(() => stored.failAppends(absolute(file), fault)),
        snapshot: Effect.sync(
          () => new Map(stored.names().map((file) => [file, stored.get(file)?.bytes.slice() ?? new Uint8Array()]))
        )
      })
    )
  )
})

type FilesByPath = Readonly<Record<string, string | Uint8Array>>

const isFileList = (files: FilesByPath | ReadonlyArray<MemoryFile>): files is ReadonlyArray<MemoryFile> =>
  Array.isArray(files)

/** A store that holds these files: a record of contents by path, or files with their times (as `RolloutBuilder` makes them). */
export const layerWith = (
  files: FilesByPath | ReadonlyArray<MemoryFile>,
  options: MemoryOptions = {}
): Layer.Layer<RolloutStore | MemoryFiles> => {
  const list = isFileList(files) ? files : Object.entries(files).map(([path, content]) => ({ path, content }))
  return Layer.effectContext(make(list, options)).pipe(Layer.provide(Path.layer))
}

/** An empty store. */
export const layer = (options: MemoryOptions = {}): Layer.Layer<RolloutStore | MemoryFiles> => layerWith([], options)
