/**
 * `session_index.jsonl`: the names that people gave to threads. Append-only; the newest usable line
 * of a thread wins, everything else in the file is ignored (docs/codex.md, "Names").
 */
import { Option, Result } from "effect"
import { parseThreadId, type ThreadId } from "../../domain/Ids.ts"
import { isRecord, own, parseExact } from "../../domain/Json.ts"

/** Reads the file's text. Lines without a thread id and a name that is more than white space are passed over. */
export const parseSessionIndex = (text: string): ReadonlyMap<ThreadId, string> => {
  const names = new Map<ThreadId, string>()
  for (const line of text.split("\n")) {
    const record = Option.getOrUndefined(parseExact(line))
    if (!isRecord(record)) continue
    const id = own(record, "id")
    const name = own(record, "thread_name")
    if (typeof id !== "string" || typeof name !== "string" || name.trim() === "") continue
    const threadId = parseThreadId(id)
    if (Result.isSuccess(threadId)) names.set(threadId.success, name)
  }
  return names
}
