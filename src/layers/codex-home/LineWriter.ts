/**
 * Adding lines to what has bytes: one append at a time, whole lines, in the order of asking.
 *
 * A line that an earlier writer left torn is ended first. The first append that fails is the last: what
 * follows would stand behind a gap.
 */
import { Effect, type Scope, Semaphore } from "effect"
import { RolloutWriteFailed, type RolloutWriter } from "../../services/RolloutWriter.ts"

type Reason = RolloutWriteFailed["reason"]

export interface LineWriterOptions {
  readonly path: string
  /** Does what is there already end in the middle of a line? */
  readonly torn: boolean
  /** Adds all of the bytes; where it fails, as few of them as can be. Not called again after a failure. */
  readonly write: (content: Uint8Array) => Effect.Effect<void, RolloutWriteFailed>
}

const encoder = new TextEncoder()

const advice: Readonly<Record<Reason, string>> = {
  busy: "another writer has it",
  changed: "another process wrote to it; read it again",
  diskFull: "the disk is full; free some space, then open the thread again",
  lost: "the file was removed or replaced while it was open; open the thread again",
  accessDenied: "the file may not be written; check its permissions, then open the thread again",
  broken: "an earlier write failed; open the thread again",
  other: "writing failed; open the thread again"
}

/** A failure to write, with what to do about it. */
export const writeFailure = (path: string, reason: Reason, detail?: string): RolloutWriteFailed =>
  new RolloutWriteFailed({ path, reason, detail: advice[reason] + (detail === undefined ? "" : ` (${detail})`) })

/** A writer that works until the scope closes. */
export const makeLineWriter = Effect.fnUntraced(function* ({
  path,
  torn,
  write
}: LineWriterOptions): Effect.fn.Return<RolloutWriter, never, Scope.Scope> {
  const turn = yield* Semaphore.make(1)
  let begun = !torn
  let broken: string | undefined

  const close = Effect.sync(() => {
    broken ??= "the writer is closed"
  })
  yield* Effect.addFinalizer(() => turn.withPermit(close))

  const append = (lines: ReadonlyArray<string>): Effect.Effect<void, RolloutWriteFailed> =>
    Effect.suspend(() => {
      if (broken !== undefined) return Effect.fail(writeFailure(path, "broken", broken))
      if (lines.length === 0) return Effect.void
      if (lines.some((line) => line.includes("\n"))) {
        return Effect.fail(writeFailure(path, "other", "a line has a line break in it"))
      }
      const content = encoder.encode(`${begun ? "" : "\n"}${lines.join("\n")}\n`)
      return Effect.tap(write(content), () =>
        Effect.sync(() => {
          begun = true
        })
      )
    }).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          broken ??= error.detail
        })
      ),
      // Begun, a write is finished: a fiber that is interrupted must not leave half a line.
      Effect.uninterruptible,
      (write) => turn.withPermit(write)
    )
  return { append }
})
