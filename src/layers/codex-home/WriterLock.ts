/**
 * One writer per thread, over all processes: `thread-writer-locks/<thread>.lock`, as Codex 0.169 keeps it
 * (docs/codex.md, "Files").
 *
 * Whoever has the kernel's lock on the file is the writer, Codex or we; a writer that died left none. The
 * file also says who holds it: where the kernel's lock is not to be had, that record is the lock, between
 * our own processes only, and one whose process is gone counts for nothing.
 */
import { Effect, Option, Result, type Scope } from "effect"
import type { SecureRandom } from "effect/crypto"
import { type FileHandle, link, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { ThreadId } from "../../domain/Ids.ts"
import { RolloutBusy } from "../../services/RolloutWriter.ts"
import { type FileFailure, isMissing } from "./FileVersion.ts"
import { attempt, closeQuietly, lockDescriptor, type LockOutcome, openLockFile } from "./KernelLock.ts"
import * as ProcessIdentity from "./ProcessIdentity.ts"

export interface WriterLockOptions {
  /** `thread-writer-locks` of the home; made when it is missing. */
  readonly folder: string
  readonly random: SecureRandom.SecureRandom["Service"]
  /** How an open file is locked. */
  readonly lock?: (fd: number) => Effect.Effect<LockOutcome>
}

interface Held {
  readonly release: Effect.Effect<void>
}

/** Takes the lock on a thread until the scope closes; `path` is the rollout that is to be written. */
export const acquireWriterLock = (
  { folder, lock = lockDescriptor, random }: WriterLockOptions,
  threadId: ThreadId,
  path: string
): Effect.Effect<void, RolloutBusy | FileFailure, Scope.Scope> => {
  const file = join(folder, `${threadId}.lock`)
  const busy = new RolloutBusy({ threadId, path })

  /** The locked file is removed only while no Codex is between opening and locking it: that is what this other lock is for. */
  const discard = Effect.gen(function* () {
    const coordination = yield* Effect.acquireRelease(openLockFile(join(folder, ".coordination.lock")), closeQuietly)
    if ((yield* lock(coordination.fd)) === "locked") yield* attempt(() => rm(file, { force: true }))
  }).pipe(Effect.scoped, Effect.ignore)

  const isStillThere = (handle: FileHandle) =>
    Effect.gen(function* () {
      const [opened, there] = yield* attempt(() =>
        Promise.all([handle.stat({ bigint: true }), stat(file, { bigint: true })])
      )
      return opened.ino === there.ino && opened.dev === there.dev
    }).pipe(Effect.catchIf(isMissing, () => Effect.succeed(false)))

  /** The kernel's lock is ours; is there a process that could not take it, and wrote itself down? */
  const holdsRecord = Effect.fnUntraced(function* (handle: FileHandle, self: ProcessIdentity.ProcessIdentity) {
    const record = ProcessIdentity.parseIdentity(yield* attempt(() => handle.readFile("utf8")))
    if (Option.isNone(record) || ProcessIdentity.isSame(record.value, self)) return false
    return (yield* ProcessIdentity.isRunning(record.value)) === "yes"
  })

  /** None when the file was replaced meanwhile, and its lock is worth nothing. */
  const claim = Effect.fnUntraced(function* (handle: FileHandle, self: ProcessIdentity.ProcessIdentity) {
    const outcome = yield* lock(handle.fd)
    if (outcome === "held") return yield* busy
    if (outcome === "unavailable") {
      yield* closeQuietly(handle)
      return Option.some(yield* claimByRecord(self))
    }
    if (!(yield* isStillThere(handle))) {
      yield* closeQuietly(handle)
      return Option.none<Held>()
    }
    if (yield* holdsRecord(handle, self)) return yield* busy
    // Who holds it is said for others' sake; a full disk does not stop it from being held.
    const empty = attempt(() => handle.truncate(0))
    const record = attempt(() => handle.appendFile(JSON.stringify(self)))
    yield* Effect.ignore(Effect.andThen(empty, record))
    const release = Effect.andThen(Effect.ignore(empty), Effect.andThen(discard, closeQuietly(handle)))
    return Option.some<Held>({ release })
  })

  const claimByRecord = Effect.fnUntraced(function* (self: ProcessIdentity.ProcessIdentity) {
    const mine = JSON.stringify(self)
    const draft = `${file}.${yield* random.uuidV4()}`
    const contentOf = (target: string) =>
      attempt(() => readFile(target, "utf8")).pipe(Effect.catchIf(isMissing, () => Effect.succeed(null)))
    const isHeld = Effect.fnUntraced(function* (content: string) {
      const record = ProcessIdentity.parseIdentity(content)
      return Option.isSome(record) && (yield* ProcessIdentity.isRunning(record.value)) !== "no"
    })

    /** A link is made by one only. A dead one's record is replaced by one only: who has the right to, which is had the same way. */
    const place = (target: string): Effect.Effect<void, RolloutBusy | FileFailure> =>
      Effect.gen(function* () {
        const placed = yield* Effect.result(attempt(() => link(draft, target)))
        if (Result.isSuccess(placed)) return
        if (placed.failure.code !== "EEXIST") return yield* Effect.fail(placed.failure)
        const found = yield* contentOf(target)
        if (found !== null && (yield* isHeld(found))) return yield* busy
        const right = `${target}.takeover`
        yield* place(right)
        if (found !== null && (yield* contentOf(target)) === found) return yield* attempt(() => rename(right, target))
        yield* attempt(() => rm(right, { force: true }))
        return yield* place(target)
      })

    yield* attempt(() => writeFile(draft, mine))
    yield* Effect.ensuring(place(file), Effect.ignore(attempt(() => rm(draft, { force: true }))))
    const release = Effect.gen(function* () {
      if ((yield* contentOf(file)) === mine) yield* attempt(() => rm(file, { force: true }))
    })
    return { release: Effect.ignore(release) }
  })

  const take: Effect.Effect<Held, RolloutBusy | FileFailure> = Effect.gen(function* () {
    const self = yield* ProcessIdentity.self
    const handle = yield* openLockFile(file)
    const held = yield* Effect.onError(claim(handle, self), () => closeQuietly(handle))
    return Option.isSome(held) ? held.value : yield* take
  })

  return Effect.andThen(
    attempt(() => mkdir(folder, { recursive: true })),
    Effect.acquireRelease(take, ({ release }) => release)
  ).pipe(Effect.asVoid)
}
