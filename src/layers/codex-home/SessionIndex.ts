/**
 * The names of a home's threads on disk: read when the file changed, added line by line, and taken out
 * with their thread.
 *
 * Codex rewrites the file when it deletes a thread; whoever changes it holds `session_index.jsonl.lock`
 * meanwhile, or a line could go to a file that is no longer there.
 */
import { Clock, Effect, type PlatformError, Semaphore } from "effect"
import { Buffer } from "node:buffer"
import type { ThreadId } from "../../domain/Ids.ts"
import type { RolloutWriteFailed } from "../../services/RolloutWriter.ts"
import { type Durability, openAppendOnly } from "./AppendOnlyFile.ts"
import { type FileFailure, fileStat, isMissing } from "./FileVersion.ts"
import { whileLocked } from "./KernelLock.ts"
import { parseSessionIndex, sessionIndexLine, withoutThread } from "./SessionIndexFile.ts"
import { type FileTools, replaceWhole } from "./WholeFile.ts"

type Failure = FileFailure | PlatformError.PlatformError

export interface SessionIndex {
  readonly names: Effect.Effect<ReadonlyMap<ThreadId, string>, Failure>
  readonly setName: (threadId: ThreadId, name: string) => Effect.Effect<void, Failure | RolloutWriteFailed>
  /** Takes a deleted thread's names out, where that can be done without losing anybody's. */
  readonly forget: (threadId: ThreadId) => Effect.Effect<void, Failure>
}

export const makeSessionIndex = (
  tools: FileTools,
  /** Where it is read: links on the way are the system's business. */
  readFrom: string,
  /** Where it is written, and locked: without links on the way. */
  file: Effect.Effect<string>,
  durability: Durability
): SessionIndex => {
  const { fs } = tools
  const turn = Semaphore.makeUnsafe(1)
  let known: { readonly version: string; readonly names: ReadonlyMap<ThreadId, string> } = {
    version: "",
    names: new Map()
  }

  const change = <E>(effect: (index: string, outcome: "locked" | "unavailable") => Effect.Effect<void, E>) =>
    Effect.flatMap(file, (index) => whileLocked(`${index}.lock`, (outcome) => effect(index, outcome))).pipe(
      turn.withPermits(1)
    )

  return {
    names: Effect.gen(function* () {
      const { version } = yield* fileStat(readFrom)
      if (version !== known.version) known = { version, names: parseSessionIndex(yield* fs.readFileString(readFrom)) }
      return known.names
    }).pipe(Effect.catchIf(isMissing, () => Effect.succeed(new Map<ThreadId, string>()))),

    setName: (threadId, name) =>
      change((index) =>
        Effect.gen(function* () {
          const writer = yield* openAppendOnly(fs, index, durability)
          yield* writer.append([sessionIndexLine(threadId, name, yield* Clock.currentTimeNanos)])
        }).pipe(Effect.scoped)
      ),

    forget: (threadId) =>
      change((index, outcome) =>
        Effect.gen(function* () {
          if (outcome !== "locked") return
          // Latin 1 gives every byte back as it was, also in lines that are no text.
          const text = Buffer.from(yield* fs.readFile(index)).toString("latin1")
          const rest = withoutThread(text, threadId)
          if (rest !== undefined) yield* replaceWhole(tools, index, Buffer.from(rest, "latin1"))
        }).pipe(Effect.catchIf(isMissing, () => Effect.void))
      )
  }
}
