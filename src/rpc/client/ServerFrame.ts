/**
 * One text frame as a server sends it: an answer, a notification or a question. Anything else is a violation of the
 * protocol, told with the reason. Reading never throws; the size of a frame is the transport's business, for the history
 * of a thread can be large.
 */
import { Option, Result } from "effect"
import type { RequestId } from "../../domain/Ids.ts"
import { isRecord, type JsonRecord, own, parseExact } from "../../domain/Json.ts"
import { deeperThan, maxDepth } from "../codex/Frame.ts"
import { excerptOf, ProtocolViolation } from "./ClientError.ts"

/** What a frame turned out to be. */
export type ServerFrame =
  | { readonly _tag: "Result"; readonly id: RequestId; readonly result: unknown }
  /** `id` is null when the server could not tell which request it refuses. */
  | { readonly _tag: "Error"; readonly id: RequestId | null; readonly error: JsonRecord }
  | { readonly _tag: "Notification"; readonly method: string; readonly params: JsonRecord }
  | { readonly _tag: "Question"; readonly id: RequestId; readonly method: string; readonly params: JsonRecord }

const isRequestId = (u: unknown): u is RequestId =>
  typeof u === "string" || (typeof u === "number" && Number.isSafeInteger(u))

const classify = (message: JsonRecord): ServerFrame | string => {
  const id = own(message, "id")
  const method = own(message, "method")
  if (method !== undefined) {
    if (typeof method !== "string") return "`method` is not a string"
    const params = own(message, "params") ?? {}
    if (!isRecord(params)) return "`params` is not an object"
    if (id === undefined) return { _tag: "Notification", method, params }
    return isRequestId(id)
      ? { _tag: "Question", id, method, params }
      : "`id` is neither a string nor an integer below 2^53"
  }
  const error = own(message, "error")
  if (isRecord(error)) {
    if (id === undefined || id === null) return { _tag: "Error", id: null, error }
    return isRequestId(id) ? { _tag: "Error", id, error } : "`id` is neither a string nor an integer below 2^53"
  }
  if (!Object.hasOwn(message, "result")) return "neither `method` nor `result` nor an `error` object"
  return isRequestId(id)
    ? { _tag: "Result", id, result: own(message, "result") }
    : "`id` is neither a string nor an integer below 2^53"
}

/** Reads one frame. */
export const read = (text: string): Result.Result<ServerFrame, ProtocolViolation> => {
  const wrong = (detail: string) =>
    Result.fail(new ProtocolViolation({ where: "frame", detail, excerpt: excerptOf(text) }))
  if (deeperThan(text, maxDepth)) return wrong(`JSON is nested deeper than ${maxDepth} levels`)
  const parsed = parseExact(text)
  if (Option.isNone(parsed)) return wrong("it is not valid JSON")
  if (!isRecord(parsed.value)) return wrong("a message is a JSON object")
  const frame = classify(parsed.value)
  return typeof frame === "string" ? wrong(frame) : Result.succeed(frame)
}
