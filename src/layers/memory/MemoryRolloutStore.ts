/**
 * Rollouts in memory, laid out and named as in a Codex home: for tests, demos and embedding.
 *
 * Same rules as the Codex home store, without a file system: no symbolic links, and compressed
 * rollouts are known by name but cannot be unpacked.
 */
import { Clock, Context, Effect, Layer, Option, Path, Stream } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import { type RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import { PathRefused, RolloutStoreError, ThreadArchived, ThreadNotFound } from "../../services/ThreadError.ts"
import { relativeInside } from "../codex-home/HomePaths.ts"
import {
  currentRolloutFile,
  mayHoldRollout,
  newRolloutLocation,
  orderRolloutFiles,
  parseRolloutFileName,
  type RolloutFile,
  siblingName
} from "../codex-home/RolloutFileName.ts"
import { threadIdOfHead } from "../codex-home/RolloutHead.ts"
import { parseSessionIndex } from "../codex-home/SessionIndexFile.ts"

/** A file to start with. `path` is relative to the home (`sessions/…`, `archived_sessions/…`), or absolute. */
export interface MemoryFile {
  readonly path: string
  readonly content: string | Uint8Array
  /** Unix milliseconds; default: now. */
  readonly modifiedAt?: number | undefined
}

export interface MemoryOptions {
  /** The directory that all paths are under. Default `/codex-home`. */
  readonly home?: string | undefined
  /** Names of threads, beside those in a `session_index.jsonl` among the files. */
  readonly names?: Iterable<readonly [ThreadId, string]> | undefined
}

/** The files behind the memory store: lets a test be the other program that writes to the home. */
export class MemoryFiles extends Context.Service<
  MemoryFiles,
  {
    /** Creates or replaces a file. */
    readonly write: (file: MemoryFile) => Effect.Effect<void>
    /** Adds to the end of a file, creating it when it is missing. */
    readonly append: (path: string, content: string | Uint8Array) => Effect.Effect<void>
    readonly remove: (path: string) => Effect.Effect<void>
    /** Every file's absolute path and bytes. */
    readonly snapshot: Effect.Effect<ReadonlyMap<string, Uint8Array>>
  }
>()("rethread/layers/memory/MemoryRolloutStore/MemoryFiles") {}

interface Stored {
  readonly bytes: Uint8Array
  readonly modifiedAt: number
  readonly revision: number
}

const chunkBytes = 256 * 1024

const toBytes = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : Uint8Array.from(content)

const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const chunksOf = (bytes: Uint8Array): Stream.Stream<Uint8Array> =>
  Stream.unfold(0, (at) =>
    Effect.succeed(at < bytes.length ? ([bytes.slice(at, at + chunkBytes), at + chunkBytes] as const) : undefined)
  )

const make = Effect.fnUntraced(function* (files: ReadonlyArray<MemoryFile>, options: MemoryOptions) {
  const path = yield* Path.Path
  const home = path.resolve(options.home ?? "/codex-home")
  const sessions = path.join(home, "sessions")
  const archive = path.join(home, "archived_sessions")
  const stored = new Map<string, Stored>()
  let revisions = 0

  const absolute = (file: string): string => path.resolve(home, file)
  const put = (file: string, bytes: Uint8Array, modifiedAt: number): void => {
    stored.set(file, { bytes, modifiedAt, revision: ++revisions })
  }
  const write = ({ content, modifiedAt, path }: MemoryFile) =>
    Effect.map(Clock.currentTimeMillis, (now) => put(absolute(path), toBytes(content), modifiedAt ?? now))

  yield* Effect.forEach(files, write, { discard: true })

  const place = (file: string): { readonly archived: boolean } | undefined => {
    if (path.dirname(file) === archive) return { archived: true }
    return relativeInside(path, sessions, file) === undefined ? undefined : { archived: false }
  }
  const rollouts = (): ReadonlyArray<RolloutFile> =>
    Array.from(stored.keys()).flatMap((file) => {
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
            version: `${file.revision}-${file.bytes.length}-${file.modifiedAt}`
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
      const isFolder = wanted === home || Array.from(stored.keys()).some((known) => known.startsWith(wanted + path.sep))
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

  const create = Effect.fn("RolloutStore.create")(function* <E>(
    { createdAt, threadId }: { readonly threadId: ThreadId; readonly createdAt: number },
    content: Stream.Stream<Uint8Array, E>
  ) {
    const location = newRolloutLocation(threadId, createdAt)
    const target = path.join(sessions, ...location.folders, location.name)
    // Chunks are copied one by one: their memory is only lent.
    const copies = yield* Stream.runCollect(Stream.map(content, (chunk) => chunk.slice()))
    if (stored.has(target)) {
      const detail = "a file of that name exists"
      return yield* new RolloutStoreError({ operation: "create", path: target, detail })
    }
    const whole = concat(copies)
    put(target, whole, yield* Clock.currentTimeMillis)
    return { threadId, path: target, archived: false, segmentId: null }
  })

  const names = Effect.sync(() => {
    const index = stored.get(absolute("session_index.jsonl"))
    const fromFile = index === undefined ? [] : parseSessionIndex(new TextDecoder().decode(index.bytes))
    return new Map([...(options.names ?? []), ...fromFile])
  })

  const segments = (threadId: ThreadId) => Effect.sync(() => orderRolloutFiles(filesOf(threadId)).map(toRef))

  return Context.make(
    RolloutStore,
    RolloutStore.of({ locate, resolve, segments, stat, read, list, create, names })
  ).pipe(
    Context.add(
      MemoryFiles,
      MemoryFiles.of({
        write,
        append: (file, content) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const before = stored.get(absolute(file))?.bytes ?? new Uint8Array()
            put(absolute(file), concat([before, toBytes(content)]), now)
          }),
        remove: (file) => Effect.sync(() => void stored.delete(absolute(file))),
        snapshot: Effect.sync(() => new Map(Array.from(stored, ([file, { bytes }]) => [file, bytes.slice()])))
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
