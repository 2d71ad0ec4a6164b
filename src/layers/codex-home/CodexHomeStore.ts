/**
 * Rollouts in a Codex home, as Codex itself lays them out: `sessions/YYYY/MM/DD/`, the flat
 * `archived_sessions/`, names in `session_index.jsonl` (docs/codex.md, "Files").
 *
 * Reading never writes, and never leaves the home: a path is followed through every symbolic link
 * first. The files are the truth; Codex's state database is not looked at.
 */
import { Effect, FileSystem, Layer, Option, Path, type PlatformError, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import type { ThreadId } from "../../domain/Ids.ts"
import { type RolloutRef, RolloutStore } from "../../services/RolloutStore.ts"
import { PathRefused, RolloutStoreError, ThreadArchived, ThreadNotFound } from "../../services/ThreadError.ts"
import { type FileFailure, fileFailure, fileStat } from "./FileVersion.ts"
import { homePaths, placeInHome, relativeInside } from "./HomePaths.ts"
import { rolloutBytes } from "./RolloutBytes.ts"
import {
  currentRolloutFile,
  mayHoldRollout,
  newRolloutLocation,
  orderRolloutFiles,
  parseRolloutFileName,
  type RolloutFile,
  siblingName
} from "./RolloutFileName.ts"
import { threadIdOfHead } from "./RolloutHead.ts"
import { makeRolloutTree } from "./RolloutTree.ts"
import { parseSessionIndex } from "./SessionIndexFile.ts"

export interface CodexHomeOptions {
  /** The home's directory, as `CODEX_HOME` names it. It need not exist yet. */
  readonly home: string
  /** Lets clients resume rollouts by a path outside the home, as Codex does. Default false. */
  readonly allowPathsOutside?: boolean
}

type Operation = RolloutStoreError["operation"]

const longestPath = 4096

const toRef = (file: RolloutFile): RolloutRef => ({
  threadId: file.name.threadId,
  path: file.path,
  archived: file.archived,
  segmentId: file.name.segmentId
})

const isMissing = (error: FileFailure | PlatformError.PlatformError): boolean => {
  const { code } = "code" in error ? error : fileFailure(error.reason.cause)
  return code === "ENOENT" || code === "ENOTDIR"
}

const make = Effect.fnUntraced(function* ({ allowPathsOutside = false, home }: CodexHomeOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const random = yield* SecureRandom.SecureRandom
  const tree = makeRolloutTree({ fs, path, home, allowPathsOutside })
  const paths = homePaths(fs, path, home)

  const failed =
    (operation: Operation, at: string) =>
    (error: { readonly message: string }): RolloutStoreError =>
      new RolloutStoreError({ operation, path: at, detail: error.message })

  const failedOrGone =
    (operation: Operation, ref: RolloutRef) =>
    (error: FileFailure | PlatformError.PlatformError): RolloutStoreError | ThreadNotFound =>
      isMissing(error) ? new ThreadNotFound({ threadId: ref.threadId }) : failed(operation, ref.path)(error)

  const locate = Effect.fn("RolloutStore.locate")(function* (
    threadId: ThreadId,
    options?: { readonly archived?: boolean }
  ) {
    const file = currentRolloutFile((yield* tree).get(threadId) ?? [])
    if (file === undefined) return yield* new ThreadNotFound({ threadId })
    if (file.archived && options?.archived !== true) return yield* new ThreadArchived({ threadId })
    return toRef(file)
  })

  const segments = Effect.fn("RolloutStore.segments")(function* (threadId: ThreadId) {
    return orderRolloutFiles((yield* tree).get(threadId) ?? []).map(toRef)
  })

  const stat = Effect.fn("RolloutStore.stat")(function* (ref: RolloutRef) {
    return yield* Effect.mapError(fileStat(ref.path), failedOrGone("stat", ref))
  })

  const read = (ref: RolloutRef) => Stream.mapError(rolloutBytes(fs, ref.path), failedOrGone("read", ref))

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

  const list = ({ archived }: { readonly archived: boolean }) =>
    Stream.fromIterableEffect(
      Effect.map(tree, (threads) =>
        Array.from(threads.values(), currentRolloutFile).flatMap((file) =>
          file !== undefined && file.archived === archived ? [toRef(file)] : []
        )
      )
    )

  const create = Effect.fn("RolloutStore.create")(function* <E>(
    { createdAt, threadId }: { readonly threadId: ThreadId; readonly createdAt: number },
    content: Stream.Stream<Uint8Array, E>
  ) {
    const location = newRolloutLocation(threadId, createdAt)
    const { sessions } = yield* paths
    const folder = path.join(sessions, ...location.folders)
    const target = path.join(folder, location.name)
    const storeFailed = failed("create", target)
    const temporary = path.join(folder, `.rethread-${yield* random.uuidV4()}.tmp`)

    const write = Effect.gen(function* () {
      const handle = yield* Effect.mapError(fs.open(temporary, { flag: "wx" }), storeFailed)
      yield* Stream.runForEach(content, (chunk) => Effect.mapError(handle.writeAll(chunk), storeFailed))
      yield* Effect.mapError(handle.sync, storeFailed)
    }).pipe(Effect.scoped)

    // A hard link, unlike a rename, refuses to replace a file. Where links are not to be had, looking first must do.
    const renameIfFree = Effect.gen(function* () {
      if (yield* fs.exists(target)) return yield* exists
      yield* fs.rename(temporary, target)
    })
    const exists = new RolloutStoreError({ operation: "create", path: target, detail: "a file of that name exists" })
    const publish = Effect.catchTag(fs.link(temporary, target), "PlatformError", (error) =>
      error.reason._tag === "AlreadyExists"
        ? exists
        : Effect.catchTag(renameIfFree, "PlatformError", (cause) => Effect.fail(storeFailed(cause)))
    )

    yield* Effect.mapError(fs.makeDirectory(folder, { recursive: true }), storeFailed)
    yield* Effect.andThen(write, publish).pipe(Effect.ensuring(Effect.ignore(fs.remove(temporary, { force: true }))))
    // The file is whole by now; a file system that cannot sync a folder has nothing more to give.
    yield* Effect.ignore(Effect.scoped(Effect.flatMap(fs.open(folder, { flag: "r" }), (handle) => handle.sync)))
    return { threadId, path: target, archived: false, segmentId: null }
  })

  const indexFile = Effect.map(paths, ({ realHome }) => path.join(realHome, "session_index.jsonl"))
  let index: { readonly version: string; readonly names: ReadonlyMap<ThreadId, string> } = {
    version: "",
    names: new Map()
  }
  const names = Effect.gen(function* () {
    const file = yield* indexFile
    return yield* Effect.gen(function* () {
      const { version } = yield* fileStat(file)
      if (version !== index.version) index = { version, names: parseSessionIndex(yield* fs.readFileString(file)) }
      return index.names
    }).pipe(
      Effect.catchIf(isMissing, () => Effect.succeed(new Map<ThreadId, string>())),
      Effect.mapError(failed("names", file))
    )
  }).pipe(Effect.withSpan("RolloutStore.names"))

  return RolloutStore.of({ locate, resolve, segments, stat, read, list, create, names })
})

/** Serves the rollouts of a Codex home. */
export const layer = (
  options: CodexHomeOptions
): Layer.Layer<RolloutStore, never, FileSystem.FileSystem | Path.Path | SecureRandom.SecureRandom> =>
  Layer.effect(RolloutStore, make(options))
