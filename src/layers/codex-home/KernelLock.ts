/**
 * The kernel's lock on an open file (`flock`), the kind that Codex takes: exclusive, and gone with its
 * holder's process, however that ends.
 *
 * Node has no call for it. A helper program inherits the open file, locks it and exits; the lock
 * belongs to the open file, not to the helper, and lasts until the file is closed here.
 */
import { Effect, Schedule } from "effect"
import { spawn } from "node:child_process"
import { type FileHandle, open } from "node:fs/promises"
import { type FileFailure, fileFailure } from "./FileVersion.ts"

/** `held`: somebody else has the lock. `unavailable`: this machine, or this file system, has no way to lock. */
export type LockOutcome = "locked" | "held" | "unavailable"

const flockInPerl = 'open(my $f, "+<&=3") or exit 2; exit(flock($f, LOCK_EX | LOCK_NB) ? 0 : $!{EWOULDBLOCK} ? 1 : 2)'

/** Programs that lock the file they find at descriptor 3; exit code 0: locked, 1: held. */
const helpers: ReadonlyArray<readonly [command: string, ...args: ReadonlyArray<string>]> = [
  ["flock", "-n", "3"],
  ["perl", "-MFcntl=:flock", "-MErrno", "-e", flockInPerl]
]

const exitCode = (command: string, args: ReadonlyArray<string>, fd: number): Effect.Effect<number | null> =>
  Effect.callback((resume) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "ignore", fd] })
    child.once("error", () => resume(Effect.succeed(null)))
    child.once("exit", (code) => resume(Effect.succeed(code)))
  })

/** Locks an open file without waiting, until it is closed. */
export const lockDescriptor = Effect.fnUntraced(function* (fd: number): Effect.fn.Return<LockOutcome> {
  for (const [command, ...args] of helpers) {
    const code = yield* exitCode(command, args, fd)
    if (code === 0) return "locked"
    if (code === 1) return "held"
  }
  return "unavailable"
})

/** A call of Node's file system, its failure as data. */
export const attempt = <A>(call: () => Promise<A>): Effect.Effect<A, FileFailure> =>
  Effect.tryPromise({ try: call, catch: fileFailure })

/** Closes a file; one that cannot be closed is nobody's business any more. */
export const closeQuietly = (handle: FileHandle): Effect.Effect<void> => Effect.ignore(attempt(() => handle.close()))

/** Opens a lock file, making it when it is not there. */
export const openLockFile = (file: string): Effect.Effect<FileHandle, FileFailure> => attempt(() => open(file, "a+"))

const patience = Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 100 }))

/**
 * Runs an effect while nobody else who locks `file` does, waiting five seconds at most. Where files cannot be locked the
 * effect runs all the same: it is told so.
 */
export const whileLocked = <A, E, R>(
  file: string,
  effect: (outcome: "locked" | "unavailable") => Effect.Effect<A, E, R>
): Effect.Effect<A, E | FileFailure, R> =>
  Effect.gen(function* () {
    const handle = yield* Effect.acquireRelease(openLockFile(file), closeQuietly)
    const held: FileFailure = { code: "EBUSY", message: `another program holds ${file} and does not let go` }
    const attempted = Effect.filterOrFail(
      lockDescriptor(handle.fd),
      (outcome) => outcome !== "held",
      () => held
    )
    const outcome = yield* Effect.retry(attempted, patience)
    return yield* effect(outcome)
  }).pipe(Effect.scoped)
