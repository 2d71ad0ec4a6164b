/**
 * One text frame of the wire: what a client may send, and how answers are written.
 *
 * Reading never throws and never blows the stack: size and nesting are checked on the text, before
 * it is parsed. The `jsonrpc` member is neither required nor sent (docs/codex.md, "Frames").
 */
import { Option, Result } from "effect"
import type { RequestId } from "../../domain/Ids.ts"
import { integerToJson, isRecord, type JsonRecord, own, parseExact } from "../../domain/Json.ts"
import { printTurns } from "../../domain/PrintedTurns.ts"
import type { FrameText } from "../../services/NotificationDelivery.ts"
import * as WireError from "./WireError.ts"

/** Bytes of the largest frame that is read: 16 MiB. */
export const maxFrameBytes = 16 * 1024 * 1024

/** Levels of arrays and objects that a frame may nest. */
export const maxDepth = 512

/** What a frame turned out to be. */
export type Incoming =
  | { readonly _tag: "Request"; readonly id: RequestId; readonly method: string; readonly params: unknown }
  | { readonly _tag: "Notification"; readonly method: string; readonly params: unknown }
  /** An answer to a question of the server's. */
  | { readonly _tag: "Response"; readonly id: unknown; readonly result: unknown; readonly error: unknown }
  | { readonly _tag: "Malformed"; readonly id: RequestId | null; readonly error: WireError.WireError }

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Does the text open more than `limit` arrays and objects inside one another? One pass, no allocation. */
export const deeperThan = (text: string, limit: number): boolean => {
  if (text.length <= limit) return false
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) {
      index = endOfString(text, index + 1)
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > limit) return true
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--
    }
  }
  return false
}

const endOfString = (text: string, from: number): number => {
  let end = text.indexOf('"', from)
  while (end >= 0) {
    let slashes = 0
    while (end - slashes > from && text.charCodeAt(end - slashes - 1) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length
}

const encoder = new TextEncoder()

/** Is the text longer than `limit` bytes of UTF-8? Encoded only when its length leaves a doubt. */
export const largerThan = (text: string, limit: number): boolean =>
  text.length > limit || (text.length * 3 > limit && encoder.encode(text).length > limit)

/** A request id as the wire allows it; anything else cannot be echoed and is answered with `id: null`. */
const isRequestId = (u: unknown): u is RequestId =>
  typeof u === "string" || (typeof u === "number" && Number.isSafeInteger(u))

const malformed = (id: unknown, error: WireError.WireError): Incoming => ({
  _tag: "Malformed",
  id: isRequestId(id) ? id : null,
  error
})

const classify = (message: JsonRecord): Incoming => {
  const id = own(message, "id")
  const method = own(message, "method")
  const params = own(message, "params")
  if (method === undefined) {
    return id !== undefined && (Object.hasOwn(message, "result") || Object.hasOwn(message, "error"))
      ? { _tag: "Response", id, result: own(message, "result"), error: own(message, "error") }
      : malformed(id, WireError.invalidRequest("missingMethod", "missing field `method`"))
  }
  if (typeof method !== "string") {
    return malformed(id, WireError.invalidRequest("invalidMethod", "`method` must be a string"))
  }
  if (id === undefined) return { _tag: "Notification", method, params }
  return isRequestId(id)
    ? { _tag: "Request", id, method, params }
    : malformed(null, WireError.invalidRequest("invalidId", "`id` must be a string or an integer below 2^53"))
}

/** Reads one frame of at most {@link maxFrameBytes}. */
export const read = (text: string): Incoming => {
  if (largerThan(text, maxFrameBytes)) return malformed(null, WireError.frameTooLarge(maxFrameBytes))
  if (deeperThan(text, maxDepth)) return malformed(null, WireError.tooDeep(maxDepth))
  const parsed = parseExact(text)
  if (Option.isNone(parsed)) return malformed(null, WireError.malformedJson)
  const message = parsed.value
  if (isRecord(message)) return classify(message)
  return malformed(
    null,
    Array.isArray(message)
      ? WireError.invalidRequest("batchUnsupported", "batches are not supported; send one object a frame")
      : WireError.invalidRequest("notAnObject", "a message is a JSON object")
  )
}

const exactNumbers = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? integerToJson(value) : value

/**
 * A value as JSON text; 64-bit integers keep every digit. Fails only for what no JSON text can hold
 * (a cycle, or more than the engine's longest string).
 */
export const stringify = (value: unknown): Result.Result<string, unknown> => {
  // A replacer costs twice the time of plain printing, and plain printing fails on the first bigint.
  const plain = Result.try(() => JSON.stringify(value))
  return Result.isSuccess(plain) ? plain : Result.try(() => JSON.stringify(value, exactNumbers))
}

/** The frame of a successful response. Fails for what no JSON text can hold. */
export const success = (id: RequestId, result: unknown): Result.Result<FrameText, unknown> => {
  const before = `{"id":${JSON.stringify(id)},"result":`
  const pieces = Result.try(() => printTurns(result, (part) => Result.getOrThrow(stringify(part)), before, "}"))
  if (Result.isFailure(pieces) || pieces.success !== null) return Result.map(pieces, (found) => found ?? "")
  return Result.map(stringify(result), (text) => `${before}${text}}`)
}

/** The frame of an error response; `id` is null when the request had none that can be echoed. */
export const failure = (id: RequestId | null, error: WireError.WireError): string => {
  const body = stringify({ code: error.code, message: error.message, data: error.data })
  const text = Result.getOrElse(body, () => JSON.stringify({ code: error.code, message: error.message }))
  return `{"error":${text},"id":${JSON.stringify(id)}}`
}
