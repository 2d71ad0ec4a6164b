/**
 * A file that lines are added to: they are in it, and it is where it was, when that is said.
 *
 * An append that fails is taken back where that is possible: the file then holds what was acknowledged.
 * A file that was removed or replaced under the writer is found out before anything is acknowledged.
 */
import { Effect, type FileSystem, Option, type PlatformError, type Scope } from "effect"
import type { RolloutWriteFailed, RolloutWriter } from "../../services/RolloutWriter.ts"
import { failureCode, failureText, isMissing } from "./FileVersion.ts"
import { makeLineWriter, writeFailure } from "./LineWriter.ts"

/**
 * When a line counts as written: when the operating system has it (it survives the end of this process, however violent),
 * or when the disk has it (it survives the end of the machine).
 */
export type Durability = "system" | "disk"

const newline = 10

const reasonOfCode: Readonly<Record<string, RolloutWriteFailed["reason"]>> = {
  ENOSPC: "diskFull",
  EDQUOT: "diskFull",
  EACCES: "accessDenied",
  EPERM: "accessDenied",
  EROFS: "accessDenied"
}

/** Tells files apart, as far as the file system does. */
const identityOf = (info: FileSystem.File.Info): string => `${info.dev}-${Option.getOrElse(info.ino, () => 0)}`

/** Opens a file for appending until the scope closes, making it when it is not there. One writer at a time: the caller sees to it. */
export const openAppendOnly = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  path: string,
  durability: Durability
): Effect.fn.Return<RolloutWriter, PlatformError.PlatformError, Scope.Scope> {
  const handle = yield* fs.open(path, { flag: "a+" })
  const opened = yield* handle.stat
  const identity = identityOf(opened)
  let end = Number(opened.size)

  const last = new Uint8Array(1)
  if (end > 0) yield* handle.read(last, { position: BigInt(end - 1) })

  const failed = (error: PlatformError.PlatformError) =>
    writeFailure(path, reasonOfCode[failureCode(error)] ?? "other", failureText(error))

  const write = (content: Uint8Array) => {
    let written = 0
    // Only what is known to be ours is taken back: another program may have appended behind it.
    const takeBack = Effect.gen(function* () {
      if (Number((yield* handle.stat).size) === end + written) yield* handle.truncate(end)
    })
    return Effect.gen(function* () {
      while (written < content.length) {
        const step = yield* Effect.mapError(handle.write(content.subarray(written)), failed)
        if (step === 0) return yield* writeFailure(path, "other", "the system takes no more bytes")
        written += step
      }
      if (durability === "disk") yield* Effect.mapError(handle.sync, failed)
      // Looked at last: a line in a file that was removed meanwhile must not be acknowledged.
      const there = yield* Effect.mapError(fs.stat(path), (error) =>
        isMissing(error) ? writeFailure(path, "lost") : failed(error)
      )
      if (identityOf(there) !== identity) return yield* writeFailure(path, "lost")
      end += content.length
    }).pipe(Effect.onError(() => Effect.ignore(takeBack)))
  }

  return yield* makeLineWriter({ path, torn: end > 0 && last[0] !== newline, write })
})
