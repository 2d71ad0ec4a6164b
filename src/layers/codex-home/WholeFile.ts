/**
 * Writing a file so that it appears whole or not at all, and never in another's place; and moving one
 * without losing either.
 */
import { Effect, type FileSystem, Option, type Path, type PlatformError, Stream } from "effect"
import type { SecureRandom } from "effect/crypto"
import type { Durability } from "./AppendOnlyFile.ts"
import { failureCode, type FileFailure } from "./FileVersion.ts"

export interface FileTools {
  readonly fs: FileSystem.FileSystem
  readonly path: Path.Path
  readonly random: SecureRandom.SecureRandom["Service"]
}

type Failure = FileFailure | PlatformError.PlatformError

const occupied: FileFailure = { code: "EEXIST", message: "a file of that name exists" }

const temporaryIn = ({ path, random }: FileTools, folder: string) =>
  Effect.map(random.uuidV4(), (id) => path.join(folder, `.rethread-${id}.tmp`))

/** Gives a finished file its name, unless the name is taken. */
const publish = ({ fs }: FileTools, temporary: string, target: string): Effect.Effect<void, Failure> => {
  // A hard link, unlike a rename, refuses to replace a file. Where links are not to be had, looking first must do.
  const renameIfFree = Effect.gen(function* () {
    if (yield* fs.exists(target)) return yield* Effect.fail(occupied)
    yield* fs.rename(temporary, target)
  })
  return Effect.catchTag(fs.link(temporary, target), "PlatformError", (error) =>
    error.reason._tag === "AlreadyExists" ? Effect.fail(occupied) : renameIfFree
  )
}

/** Makes what happened in a folder durable; a file system that cannot sync a folder has nothing more to give. */
const syncFolder = ({ fs }: FileTools, folder: string): Effect.Effect<void> =>
  Effect.ignore(Effect.scoped(Effect.flatMap(fs.open(folder, { flag: "r" }), (handle) => handle.sync)))

/** Has the disk have a file and its name. */
export const settle = (tools: FileTools, target: string): Effect.Effect<void> =>
  Effect.andThen(
    Effect.ignore(Effect.scoped(Effect.flatMap(tools.fs.open(target, { flag: "r" }), (handle) => handle.sync))),
    syncFolder(tools, tools.path.dirname(target))
  )

/** How a new file is written. */
export interface Writing<F> {
  readonly durability: Durability
  readonly failed: (error: Failure) => F
}

/**
 * Writes a new file, with the folders that it lies in. A name that is taken is a failure (`EEXIST`). With `system` for its
 * durability the disk may have it later (`settle`).
 */
export const writeWhole = Effect.fnUntraced(function* <E, F>(
  tools: FileTools,
  target: string,
  content: Stream.Stream<Uint8Array, E>,
  { durability, failed }: Writing<F>
) {
  const { fs, path } = tools
  const folder = path.dirname(target)
  const temporary = yield* temporaryIn(tools, folder)
  const write = Effect.gen(function* () {
    const handle = yield* Effect.mapError(fs.open(temporary, { flag: "wx" }), failed)
    yield* Stream.runForEach(content, (chunk) => Effect.mapError(handle.writeAll(chunk), failed))
    if (durability === "disk") yield* Effect.mapError(handle.sync, failed)
  }).pipe(Effect.scoped)

  yield* Effect.mapError(fs.makeDirectory(folder, { recursive: true }), failed)
  yield* Effect.andThen(write, Effect.mapError(publish(tools, temporary, target), failed)).pipe(
    Effect.ensuring(Effect.ignore(fs.remove(temporary, { force: true })))
  )
  if (durability === "disk") yield* syncFolder(tools, folder)
})

/** Replaces a small file's content. */
export const replaceWhole = Effect.fnUntraced(function* (tools: FileTools, target: string, content: Uint8Array) {
  const { fs, path } = tools
  const temporary = yield* temporaryIn(tools, path.dirname(target))
  yield* Effect.gen(function* () {
    const handle = yield* fs.open(temporary, { flag: "wx", mode: (yield* fs.stat(target)).mode & 0o777 })
    yield* handle.writeAll(content)
    yield* handle.sync
  }).pipe(
    Effect.scoped,
    Effect.andThen(fs.rename(temporary, target)),
    Effect.ensuring(Effect.ignore(fs.remove(temporary, { force: true })))
  )
})

/** Gives `target` the times of `info`: a copy is as old as its original. */
export const keepTimes = ({ fs }: FileTools, target: string, info: FileSystem.File.Info): Effect.Effect<void> =>
  Option.match(info.mtime, {
    onNone: () => Effect.void,
    onSome: (mtime) =>
      Effect.ignore(
        fs.utimes(
          target,
          Option.getOrElse(info.atime, () => mtime),
          mtime
        )
      )
  })

/** Moves a file, to another disk if need be; a symbolic link goes on leading where it led. */
export const moveFile = Effect.fnUntraced(function* (
  tools: FileTools,
  from: string,
  to: string
): Effect.fn.Return<void, Failure> {
  const { fs, path } = tools
  const folder = path.dirname(to)
  if (yield* fs.exists(to)) return yield* Effect.fail(occupied)
  yield* fs.makeDirectory(folder, { recursive: true })
  const link = yield* Effect.option(fs.readLink(from))
  if (Option.isSome(link)) {
    yield* fs.symlink(path.resolve(path.dirname(from), link.value), to)
    return yield* fs.remove(from)
  }
  const copy = Effect.gen(function* () {
    const temporary = yield* temporaryIn(tools, folder)
    yield* Effect.gen(function* () {
      yield* fs.copyFile(from, temporary)
      yield* keepTimes(tools, temporary, yield* fs.stat(from))
      yield* Effect.scoped(Effect.flatMap(fs.open(temporary, { flag: "r+" }), (handle) => handle.sync))
      yield* publish(tools, temporary, to)
    }).pipe(Effect.ensuring(Effect.ignore(fs.remove(temporary, { force: true }))))
    yield* fs.remove(from)
  })
  yield* Effect.catchIf(
    fs.rename(from, to),
    (error) => failureCode(error) === "EXDEV",
    () => copy
  )
  yield* syncFolder(tools, folder)
})
