/**
 * Finds the thread that a rollout says it belongs to when its file name does not tell. Only the
 * first usable `session_meta` line counts, and only the first mebibyte is looked at.
 */
import { Effect, Option, Result, Stream } from "effect"
import { parseThreadId, type ThreadId } from "../../domain/Ids.ts"
import { isRecord, own, parseExact } from "../../domain/Json.ts"

/** Bytes of a rollout, decompressed, that are searched for the thread's id. */
const headLimit = 1024 * 1024

const threadIdOfLine = (line: string): Option.Option<ThreadId> => {
  const record = Option.getOrUndefined(parseExact(line))
  if (!isRecord(record) || own(record, "type") !== "session_meta") return Option.none()
  const payload = own(record, "payload")
  const id = isRecord(payload) ? own(payload, "id") : undefined
  return typeof id === "string" ? Result.getSuccess(parseThreadId(id)) : Option.none()
}

/** The id in the head of a rollout's bytes; none when there is no `session_meta` with one. */
export const threadIdOfHead = <E>(content: Stream.Stream<Uint8Array, E>): Effect.Effect<Option.Option<ThreadId>, E> =>
  Effect.suspend(() => {
    let seen = 0
    return content.pipe(
      Stream.takeUntil((chunk) => (seen += chunk.length) >= headLimit),
      Stream.decodeText(),
      Stream.splitLines,
      Stream.map((line) => threadIdOfLine(line.replace(/^\uFEFF/, ""))),
      Stream.filter(Option.isSome),
      Stream.runHead,
      Effect.map(Option.flatten)
    )
  })
