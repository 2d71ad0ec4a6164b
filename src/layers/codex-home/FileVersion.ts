/**
 * Tells whether a file changed, as exactly as the file system can: effect's `FileSystem` rounds
 * times to milliseconds, which is too coarse for two writes in a row.
 */
import { Effect, type PlatformError } from "effect"
import { type BigIntStats, statSync } from "node:fs"
import type { RolloutStat } from "../../services/RolloutStore.ts"

/** Why a call to the operating system failed: its code (`ENOENT`, …) and its words. */
export interface FileFailure {
  readonly code: string
  readonly message: string
}

/** What Node threw, as data. */
export const fileFailure = (cause: unknown): FileFailure =>
  cause instanceof Error
    ? { code: "code" in cause ? String(cause.code) : "UNKNOWN", message: cause.message }
    : { code: "UNKNOWN", message: String(cause) }

/** The operating system's code of a failure, however it was reported. */
export const failureCode = (error: FileFailure | PlatformError.PlatformError): string =>
  "code" in error ? error.code : fileFailure(error.reason.cause).code

/** The operating system's own words for a failure, where it has some. */
export const failureText = (error: FileFailure | PlatformError.PlatformError): string =>
  "code" in error || !(error.reason.cause instanceof Error) ? error.message : error.reason.cause.message

/** Is it that there is no such file, or no such folder on the way? */
export const isMissing = (error: FileFailure | PlatformError.PlatformError): boolean => {
  const code = failureCode(error)
  return code === "ENOENT" || code === "ENOTDIR"
}

/** What tells of a file, by its `stat`, whether it changed. */
export const rolloutStat = (info: BigIntStats): RolloutStat => ({
  size: Number(info.size),
  modifiedAt: Number(info.mtimeNs / 1_000_000n),
  identity: `${info.dev}-${info.ino}`,
  version: `${info.dev}-${info.ino}-${info.size}-${info.mtimeNs}-${info.ctimeNs}`
})

const missing = (path: string): FileFailure => ({
  code: "ENOENT",
  message: `ENOENT: no such file or directory, stat '${path}'`
})

/** Size, time of change and version of a file, links followed. Version: identity, size and both times in nanoseconds. */
export const fileStat = (path: string): Effect.Effect<RolloutStat, FileFailure> =>
  // At once: whoever waits for the answer waits twenty times longer than the answer takes.
  Effect.suspend(() => {
    try {
      // A file that is missing is common, and what Node throws for it costs more than all the rest.
      const info = statSync(path, { bigint: true, throwIfNoEntry: false })
      return info === undefined ? Effect.fail(missing(path)) : Effect.succeed(rolloutStat(info))
    } catch (cause) {
      return Effect.fail(fileFailure(cause))
    }
  })

/** {@link fileStat} for many files. Null when the file cannot be looked at. */
export const fileStatNow = (path: string): RolloutStat | null => {
  try {
    const info = statSync(path, { bigint: true, throwIfNoEntry: false })
    return info === undefined ? null : rolloutStat(info)
  } catch {
    return null
  }
}
