/**
 * Mended copies on disk: beside the rollouts, in a folder `repaired` that no program takes for one of theirs, under a
 * name that is no rollout's. The damaged file is not touched, and nothing is ever overwritten.
 */
import { Effect, FileSystem, Path, Schema, Stream } from "effect"
import { printExact } from "../domain/Json.ts"
import { type Diagnosis, RolloutDoctor } from "../services/RolloutDoctor.ts"

/** A copy of that name exists. */
class CopyExists extends Schema.TaggedError<CopyExists>()("CopyExists", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} exists already, and nothing is overwritten: move it away and try again`
  }
}

/** A mended copy, and what did not go into it. */
export interface MendedFile {
  readonly path: string
  readonly rejectedPath: string | null
  readonly keptLines: number
  readonly rejectedLines: number
}

/** Where the copy of a rollout goes: beside the folder that programs look for rollouts in. */
const folderFor = (path: Path.Path, file: string): string => {
  const parts = path.dirname(file).split(path.sep)
  const at = parts.findLastIndex((part) => part === "sessions" || part === "archived_sessions")
  return path.join(at > 0 ? parts.slice(0, at).join(path.sep) || path.sep : path.dirname(file), "repaired")
}

const encoder = new TextEncoder()

/** Writes the mended copy of a rollout, and the lines that it leaves out into a `.rejected` file beside it. */
export const write = Effect.fn("MendedFiles.write")(function* (diagnosis: Diagnosis) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const doctor = yield* RolloutDoctor
  const source = diagnosis.ref.path
  const folder = folderFor(path, source)
  const name = path.basename(source).replace(/\.jsonl(\.zst)?$/, "")
  const target = path.join(folder, `${name}.repaired.jsonl`)
  const rejectedPath = path.join(folder, `${name}.rejected`)
  yield* fs.makeDirectory(folder, { recursive: true })
  const create = (file: string) =>
    Effect.catchIf(
      fs.open(file, { flag: "wx" }),
      (error) => error.reason._tag === "AlreadyExists",
      () => Effect.fail(new CopyExists({ path: file }))
    )
  let keptLines = 0
  let rejectedLines = 0
  const remove = (file: string) => Effect.ignore(fs.remove(file, { force: true }))
  const copy = Effect.gen(function* () {
    const kept = yield* create(target)
    const rejected = yield* Effect.onError(create(rejectedPath), () => remove(target))
    const writing = Stream.runForEach(doctor.mend(diagnosis), (line) => {
      switch (line._tag) {
        case "Kept":
          keptLines++
          return kept.writeAll(line.bytes)
        case "Rejected":
          rejectedLines++
          return rejected.writeAll(encoder.encode(`${printExact(line.line)}\n`))
        case "Dropped":
          return Effect.void
      }
    })
    // Half a copy is none.
    yield* Effect.onError(Effect.andThen(writing, kept.sync), () =>
      Effect.andThen(remove(target), remove(rejectedPath))
    )
  })
  yield* Effect.scoped(copy)
  if (rejectedLines === 0) yield* remove(rejectedPath)
  return {
    path: target,
    rejectedPath: rejectedLines === 0 ? null : rejectedPath,
    keptLines,
    rejectedLines
  } satisfies MendedFile
})
