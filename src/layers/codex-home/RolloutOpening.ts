/**
 * Opening a rollout to write to it: the thread's lock first, then the file, unpacked in place when all
 * there is of it is a `.zst` (as Codex does; docs/codex.md, "Files").
 */
import { Effect, Exit, type PlatformError, Scope } from "effect"
import type { RolloutRef } from "../../services/RolloutStore.ts"
import { type RolloutBusy, RolloutChanged, type RolloutWriter } from "../../services/RolloutWriter.ts"
import { type Durability, openAppendOnly } from "./AppendOnlyFile.ts"
import { type FileFailure, fileStat } from "./FileVersion.ts"
import { rolloutBytes } from "./RolloutBytes.ts"
import { siblingName } from "./RolloutFileName.ts"
import { type FileTools, keepTimes, writeWhole } from "./WholeFile.ts"
import { acquireWriterLock } from "./WriterLock.ts"

type Failure = FileFailure | PlatformError.PlatformError

const gone = (file: string): FileFailure => ({ code: "ENOENT", message: `${file} is not there` })

/** Unpacks a rollout beside its `.zst`, which is removed once the plain file is whole. */
const unpack = Effect.fnUntraced(function* (tools: FileTools, plain: string): Effect.fn.Return<void, Failure> {
  const { fs } = tools
  const packed = siblingName(plain)
  if (!(yield* fs.exists(packed))) return yield* Effect.fail(gone(plain))
  const info = yield* fs.stat(packed)
  // What it was unpacked from goes: before that the disk has to have it.
  yield* writeWhole(tools, plain, rolloutBytes(fs, packed), { durability: "disk", failed: (error) => error })
  yield* keepTimes(tools, plain, info)
  yield* fs.remove(packed)
})

export interface OpeningOptions {
  /** Where the home keeps its writers' locks. */
  readonly locks: string
  readonly durability: Durability
  /** The version that the file must have still. */
  readonly version?: string | undefined
}

/** A writer until the scope closes. A missing file is `ENOENT`. */
export const openRollout = Effect.fnUntraced(function* (
  tools: FileTools,
  ref: RolloutRef,
  { durability, locks, version }: OpeningOptions
): Effect.fn.Return<RolloutWriter, Failure | RolloutBusy | RolloutChanged, Scope.Scope> {
  const { fs, random } = tools
  const plain = ref.path.endsWith(".zst") ? siblingName(ref.path) : ref.path
  const opening = Effect.gen(function* () {
    yield* acquireWriterLock({ folder: locks, random }, ref.threadId, ref.path)
    const isPlain = yield* fs.exists(plain)
    // From here on nobody else writes.
    if (version !== undefined && (yield* fileStat(isPlain ? plain : siblingName(plain))).version !== version) {
      return yield* new RolloutChanged({ threadId: ref.threadId, path: ref.path })
    }
    if (!isPlain) yield* unpack(tools, plain)
    return yield* openAppendOnly(fs, plain, durability)
  })
  // What was opened before a failure is closed at once: the caller's scope may live long.
  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      return yield* Effect.onError(restore(Scope.provide(opening, scope)), (cause) =>
        Scope.close(scope, Exit.failCause(cause))
      )
    })
  )
})
