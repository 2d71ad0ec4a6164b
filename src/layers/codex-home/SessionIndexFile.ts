/**
 * `session_index.jsonl`: the names that people gave to threads. Append-only; the newest usable line
 * of a thread wins, everything else in the file is ignored (docs/codex.md, "Names").
 */
import { DateTime, Option, Result } from "effect"
import { parseThreadId, type ThreadId } from "../../domain/Ids.ts"
import { isRecord, own, parseExact } from "../../domain/Json.ts"

/** Whom a line names, and how; undefined for a line that names nobody. */
const readLine = (line: string): { readonly threadId: ThreadId; readonly name: unknown } | undefined => {
  const record = Option.getOrUndefined(parseExact(line))
  if (!isRecord(record)) return undefined
  const id = own(record, "id")
  const threadId = typeof id === "string" ? Option.getOrUndefined(Result.getSuccess(parseThreadId(id))) : undefined
  return threadId === undefined ? undefined : { threadId, name: own(record, "thread_name") }
}

/** Reads the file's text. Lines without a thread id and a name that is more than white space are passed over. */
export const parseSessionIndex = (text: string): ReadonlyMap<ThreadId, string> => {
  const names = new Map<ThreadId, string>()
  for (const line of text.split("\n")) {
    const entry = readLine(line)
    if (typeof entry?.name === "string" && entry.name.trim() !== "") names.set(entry.threadId, entry.name)
  }
  return names
}

/** A line without its end. `updatedAt`: Unix nanoseconds. */
export const sessionIndexLine = (threadId: ThreadId, name: string, updatedAt: bigint): string => {
  const seconds = DateTime.formatIso(DateTime.makeUnsafe(Number(updatedAt / 1_000_000n))).slice(0, -5)
  const nanos = String(updatedAt % 1_000_000_000n).padStart(9, "0")
  return JSON.stringify({ id: threadId, thread_name: name, updated_at: `${seconds}.${nanos}Z` })
}

/** The file's text without a thread's lines; every other line stays as it is. Undefined when there is nothing to leave out. */
export const withoutThread = (text: string, threadId: ThreadId): string | undefined => {
  const lines = text.split("\n")
  const kept = lines.filter((line) => readLine(line)?.threadId !== threadId)
  return kept.length === lines.length ? undefined : kept.join("\n")
}
