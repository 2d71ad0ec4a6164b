/**
 * Errors as JSON-RPC clients see them, and the one place where an error gets its code.
 *
 * `data.type` is a stable tag, and the rest of `data` the fields of the typed error, so that nobody
 * has to match texts (docs/codex.md, "Errors"). Causes and stack traces stay on this side.
 */
import { Schema, SchemaIssue } from "effect"
import type { InvalidCursor } from "../../domain/TurnPage.ts"
import { ThreadError } from "../../services/ThreadError.ts"

/** The codes in use: JSON-RPC's own, and Codex's for a server with too much to do. */
const Code = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  overloaded: -32001
} as const

/** The `error` member of a response. */
export class WireError extends Schema.TaggedError<WireError>()("WireError", {
  code: Schema.Int,
  message: Schema.String,
  data: Schema.StructWithRest(Schema.Struct({ type: Schema.String }), [Schema.Record(Schema.String, Schema.Unknown)])
}) {}

const make = (code: number, type: string, message: string, fields?: { readonly [field: string]: unknown }): WireError =>
  new WireError({ code, message, data: { type, ...fields } })

/** The text is not JSON. */
export const malformedJson: WireError = make(
  Code.parseError,
  "malformedJson",
  "Parse error: the frame is not valid JSON"
)

/** The frame's bytes are not UTF-8. */
export const invalidUtf8: WireError = make(Code.parseError, "invalidUtf8", "Parse error: the frame is not valid UTF-8")

/** Arrays and objects are nested deeper than `limit` levels. */
export const tooDeep = (limit: number): WireError =>
  make(Code.parseError, "tooDeep", `Parse error: JSON nested deeper than ${limit} levels is refused`, { limit })

/** The frame is larger than `limit` bytes. */
export const frameTooLarge = (limit: number): WireError =>
  make(Code.invalidRequest, "frameTooLarge", `Invalid request: a frame may have at most ${limit} bytes`, { limit })

/** A binary frame, where every message is text. */
export const binaryFrame: WireError = make(
  Code.invalidRequest,
  "binaryFrame",
  "Invalid request: messages are text frames, one JSON object each"
)

/** JSON, but no request: `type` says what is wrong with it. */
export const invalidRequest = (
  type: "notAnObject" | "batchUnsupported" | "missingMethod" | "invalidMethod" | "invalidId" | "missingId",
  detail: string
): WireError => make(Code.invalidRequest, type, `Invalid request: ${detail}`)

export const notInitialized: WireError = make(Code.invalidRequest, "notInitialized", "Not initialized")

export const alreadyInitialized: WireError = make(Code.invalidRequest, "alreadyInitialized", "Already initialized")

export const invalidClientName = (name: string): WireError =>
  make(
    Code.invalidRequest,
    "invalidClientName",
    `Invalid clientInfo.name: '${name.slice(0, 200)}'. Must be a valid HTTP header value.`
  )

/** `what`: a method, or `method.field`. */
export const experimentalRequired = (what: string): WireError =>
  make(Code.invalidRequest, "experimentalApiRequired", `${what} requires experimentalApi capability`, { what })

export const unknownMethod = (method: string, known: Iterable<string>): WireError =>
  make(Code.methodNotFound, "unknownMethod", `Method not found: \`${method.slice(0, 200)}\``, {
    method: method.slice(0, 200),
    known: Array.from(known)
  })

/** Params that do not mean what they say. `field` is the protocol's path to the culprit, empty for the params as a whole. */
export const invalidParams = (field: string, detail: string): WireError =>
  make(
    Code.invalidParams,
    "invalidParams",
    field === "" ? `Invalid params: ${detail}` : `Invalid params: \`${field}\`: ${detail}`,
    { field }
  )

/** A request that is well-formed but cannot be done as it stands, in Codex's words. */
export const refused = (field: string, message: string): WireError =>
  make(Code.invalidRequest, "invalidRequest", message, { field, detail: message })

export const overloaded: WireError = make(Code.overloaded, "overloaded", "Server overloaded; retry later.")

export const internalError: WireError = make(Code.internalError, "internalError", "Internal error")

/** The request was dropped because the server stops. */
export const shuttingDown: WireError = make(Code.internalError, "shuttingDown", "The server is shutting down")

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a payload schema found, with the path to the first culprit. */
export const fromSchemaError = (error: Schema.SchemaError): WireError => {
  const issue = formatIssue(error.issue).issues[0]
  const path = (issue?.path ?? []).map((key) => String(typeof key === "object" ? key.key : key)).join(".")
  return issue?.message === "Missing key"
    ? make(Code.invalidParams, "invalidParams", `Invalid params: missing field \`${path}\``, { field: path })
    : invalidParams(path, issue?.message ?? error.message)
}

const encodeThreadError = Schema.encodeSync(ThreadError)

const lowerFirst = (tag: string): string => tag.slice(0, 1).toLowerCase() + tag.slice(1)

/** Codes: a store that fails is our fault; everything else is a request that cannot be met. */
export const fromThreadError = (error: ThreadError): WireError => {
  const { _tag, ...fields } = encodeThreadError(error)
  const code = _tag === "RolloutStoreError" ? Code.internalError : Code.invalidRequest
  return make(code, lowerFirst(_tag), error.message, fields)
}

export const fromInvalidCursor = (error: InvalidCursor): WireError =>
  make(Code.invalidRequest, "invalidCursor", error.message, { cursor: error.cursor, reason: error.reason })
