/**
 * The place of a Unix socket in the file system, made ready to be listened on.
 *
 * Nothing is removed but a socket that nobody listens on, or the link to one that Codex leaves behind. Only the owner
 * may connect: the socket's mode is 0600, and a directory that has to be made for it gets 0700.
 */
import { Effect } from "effect"
import { link, lstat, mkdir, readlink, rename, stat, unlink } from "node:fs/promises"
import { createConnection } from "node:net"
import { basename, dirname } from "node:path"
import { codeOf, fromError, ListenFailed } from "./ListenFailed.ts"

/** Bytes of a path that fit a socket's address: `sun_path` without its final zero. */
const maxPathBytes = process.platform === "linux" ? 107 : 103

const failed = (path: string, reason: ListenFailed["reason"], detail = "") =>
  Effect.fail(new ListenFailed({ address: path, reason, detail }))

const attempt = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, ListenFailed> =>
  Effect.tryPromise({ try: run, catch: (error) => fromError(path, error) })

/** The same; null when there is nothing at the path. */
const attemptIfThere = <A>(path: string, run: () => Promise<A>): Effect.Effect<A | null, ListenFailed> =>
  attempt(path, () => run().catch((error: unknown) => (codeOf(error) === "ENOENT" ? null : Promise.reject(error))))

/** Does somebody answer? */
const isAlive = (path: string): Effect.Effect<boolean, ListenFailed> =>
  Effect.callback<boolean, ListenFailed>((resume) => {
    const probe = createConnection(path)
    probe.once("connect", () => {
      probe.destroy()
      resume(Effect.succeed(true))
    })
    probe.once("error", (error) => {
      const nobody = ["ECONNREFUSED", "ENOENT"].includes(codeOf(error))
      resume(nobody ? Effect.succeed(false) : Effect.fail(fromError(path, error)))
    })
    return Effect.sync(() => probe.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.succeed(true) }))

/** Codex puts a link at the path; its socket is a file in a directory of this name, which a restart may clear. */
const isCodexLink = (target: string): boolean => /^codex-daemon-\d+$/.test(basename(dirname(target)))

/** Is what is there a socket, or a link to one? */
const leadsToSocket = Effect.fnUntraced(function* (path: string, isLink: boolean) {
  const target = yield* attemptIfThere(path, () => stat(path))
  if (target !== null) return target.isSocket()
  return isLink && isCodexLink(yield* attempt(path, () => readlink(path)))
})

/**
 * Takes a dead socket out of the way. It is moved aside first and asked again: between the question and the removal
 * another server may have replaced it with a live one, which then gets its place back.
 */
const removeStale = Effect.fnUntraced(function* (path: string) {
  if (yield* isAlive(path)) return yield* failed(path, "addressInUse")
  const aside = `${path}.${process.pid}`
  yield* attemptIfThere(path, () => rename(path, aside))
  // The name is longer now: where it does not fit an address, the first answer has to do.
  const alive = Buffer.byteLength(aside) <= maxPathBytes && (yield* isAlive(aside))
  if (alive) yield* attempt(path, () => link(aside, path))
  yield* attemptIfThere(path, () => unlink(aside))
  if (alive) return yield* failed(path, "addressInUse")
})

/** Makes the path free for a socket, or says why it cannot be had. */
export const prepare = Effect.fn("UnixSocketFile.prepare")(function* (
  path: string
): Effect.fn.Return<void, ListenFailed> {
  if (path.includes("\0")) return yield* failed(path, "invalidPath", "a path cannot hold a NUL character")
  const bytes = Buffer.byteLength(path)
  if (bytes > maxPathBytes) {
    return yield* failed(path, "pathTooLong", `${bytes} bytes, of which ${maxPathBytes} are possible`)
  }
  yield* attempt(path, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }))
  const found = yield* attemptIfThere(path, () => lstat(path))
  if (found === null) return
  if (!(yield* leadsToSocket(path, found.isSymbolicLink()))) return yield* failed(path, "notASocket")
  yield* removeStale(path)
})

/** Runs what makes files while new ones are for their owner only. */
export const forOwnerOnly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => process.umask(0o177)),
    () => effect,
    (mask) => Effect.sync(() => process.umask(mask))
  )
