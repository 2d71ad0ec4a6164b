/**
 * How a model's provider fails, in the words of three sides: what the API says, what `effect/ai` knows of
 * it, and what the turn fails with. Each failure says what a person can do about it.
 */
import { Duration, Option, Schema } from "effect"
import { AiError } from "effect/ai"
import { AgentError } from "../../services/Agent.ts"

export type FailureKind = AgentError["kind"]

/** What an API says of a failure. */
export interface ApiFailure {
  /** Null when it came within an answer that had begun. */
  readonly status: number | null
  readonly code: string | null
  readonly message: string
  /** When the API wants to be asked again. */
  readonly retryAfter?: Duration.Duration | undefined
}

/** Who answers, as people know it, and what holds its key. */
export interface ProviderName {
  readonly label: string
  readonly envKey: string | null
}

const optional = Schema.optionalKey(Schema.NullOr(Schema.String))
const ErrorBody = Schema.Struct({ code: optional, type: optional, message: optional })
const errorBodies = [Schema.Struct({ error: ErrorBody }), Schema.Struct({ detail: Schema.String })] as const

const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union(errorBodies)))
const decodeError = Schema.decodeUnknownOption(ErrorBody)

const shorten = (text: string): string => (text.length > 500 ? `${text.slice(0, 500)}…` : text)

/** The failure in an error object of the API, as `response.failed` and `error` events bring it. */
export const fromErrorObject = (error: unknown): ApiFailure =>
  Option.match(decodeError(error), {
    onNone: () => ({ status: null, code: null, message: "the provider gave no reason" }),
    onSome: ({ code, message, type }) => ({
      status: null,
      code: code ?? type ?? null,
      message: shorten(message ?? code ?? type ?? "the provider gave no reason")
    })
  })

/** The failure in the answer to a request: JSON in one of the known shapes, or any text. */
export const fromAnswer = (status: number, text: string, retryAfter?: Duration.Duration): ApiFailure =>
  Option.match(decodeBody(text), {
    onNone: () => ({ status, code: null, message: shorten(text.trim()), retryAfter }),
    onSome: (body) =>
      "detail" in body
        ? { status, code: null, message: shorten(body.detail), retryAfter }
        : { ...fromErrorObject(body.error), status, retryAfter }
  })

const kinds: ReadonlyMap<string, FailureKind> = new Map([
  ["context_length_exceeded", "contextWindowExceeded"],
  ["insufficient_quota", "usageLimitExceeded"],
  ["usage_limit_reached", "usageLimitExceeded"],
  ["usage_not_included", "usageLimitExceeded"],
  ["billing_hard_limit_reached", "usageLimitExceeded"],
  ["rate_limit_exceeded", "rateLimitExceeded"],
  ["server_is_overloaded", "serverOverloaded"],
  ["slow_down", "serverOverloaded"],
  ["invalid_api_key", "unauthorized"],
  ["invalid_prompt", "badRequest"],
  ["model_not_found", "badRequest"],
  ["invalid_request_error", "badRequest"],
  ["server_error", "internalServerError"]
])

/** What kind of failure it is: its code says so, or else its status. */
const kindOf = ({ code, status }: ApiFailure): FailureKind => {
  const known = kinds.get(code ?? "")
  // `invalid_request_error` is also what a wrong key is called.
  if (known !== undefined && !(known === "badRequest" && (status === 401 || status === 403))) return known
  if (status === null) return "other"
  if (status === 401 || status === 403) return "unauthorized"
  if (status === 429) return "rateLimitExceeded"
  if (status === 503 || status === 529) return "serverOverloaded"
  if (status >= 500) return "internalServerError"
  return status >= 400 ? "badRequest" : "other"
}

/** Kinds that may pass by themselves. */
export const isTransient = (kind: FailureKind): boolean =>
  kind === "rateLimitExceeded" ||
  kind === "serverOverloaded" ||
  kind === "internalServerError" ||
  kind === "connectionFailed" ||
  kind === "streamDisconnected"

const advice = (kind: FailureKind, provider: ProviderName, retryAfter: Duration.Duration | undefined): string => {
  switch (kind) {
    case "unauthorized":
      return provider.envKey === null
        ? "Give the provider a key: set its `env_key` in config.toml."
        : `Set a valid key in the environment variable ${provider.envKey}.`
    case "contextWindowExceeded":
      return "The conversation is too long for the model: compact the thread, or start a new one."
    case "usageLimitExceeded":
      return "The account's quota is spent: check its plan and billing, or choose another provider."
    case "rateLimitExceeded":
      return `Too many requests: try again ${retryAfter === undefined ? "later" : `in ${Duration.format(retryAfter)}`}.`
    case "badRequest":
      return "Check `model` and the settings of the thread."
    case "connectionFailed":
      return "Check the network and the provider's `base_url`."
    case "serverOverloaded":
    case "internalServerError":
    case "streamDisconnected":
      return "Try again later."
    default:
      return ""
  }
}

const sentence = (text: string): string => (text === "" || /[.!?…]$/.test(text) ? text : `${text}.`)

const described = (kind: FailureKind, provider: ProviderName, failure: ApiFailure): string => {
  const status = failure.status === null ? "" : ` (HTTP ${failure.status})`
  const said = sentence(`${provider.label}${status}: ${failure.message === "" ? "no message" : failure.message}`)
  return `${said} ${advice(kind, provider, failure.retryAfter)}`.trim()
}

/** The key under which a reason keeps what it cannot say otherwise. */
const KEY = "rethread"

const Note = Schema.Struct({
  kind: AgentError.fields.kind,
  detail: Schema.String,
  retryAfterMs: Schema.NullOr(Schema.Finite)
})
const decodeNote = Schema.decodeUnknownOption(Schema.Struct({ [KEY]: Note }))

/** The failure as a reason of `effect/ai`, with the kind and the words kept in its metadata. */
export const toAiReason = (
  failure: ApiFailure,
  provider: ProviderName,
  kind: FailureKind = kindOf(failure)
): AiError.AiErrorReason => {
  const detail = described(kind, provider, failure)
  const http = failure.status === null ? undefined : { response: { status: failure.status, headers: {} } }
  const retryAfterMs = failure.retryAfter === undefined ? null : Duration.toMillis(failure.retryAfter)
  const common = { metadata: { [KEY]: { kind, detail, retryAfterMs } }, http }
  switch (kind) {
    case "unauthorized":
      return new AiError.AuthenticationError({
        kind: failure.status === 403 ? "InsufficientPermissions" : "InvalidKey",
        description: detail,
        ...common
      })
    case "contextWindowExceeded":
    case "badRequest":
      return new AiError.InvalidRequestError({ description: detail, ...common })
    case "usageLimitExceeded":
      return new AiError.QuotaExhaustedError(common)
    case "rateLimitExceeded":
      return new AiError.RateLimitError({ retryAfter: failure.retryAfter, ...common })
    case "serverOverloaded":
    case "internalServerError":
      return new AiError.InternalProviderError({ description: detail, ...common })
    case "streamDisconnected":
      return new AiError.InvalidResponseError({ description: detail, ...common })
    default:
      return new AiError.UnknownError({ description: detail, ...common })
  }
}

const kindOfReason = (reason: AiError.AiErrorReason): FailureKind => {
  switch (reason._tag) {
    case "AuthenticationError":
      return "unauthorized"
    case "RateLimitError":
      return "rateLimitExceeded"
    case "QuotaExhaustedError":
      return "usageLimitExceeded"
    case "InvalidRequestError":
    case "InvalidUserInputError":
    case "ContentPolicyError":
    case "UnsupportedSchemaError":
      return "badRequest"
    case "InternalProviderError":
      return "internalServerError"
    case "NetworkError":
      return "connectionFailed"
    case "ToolConfigurationError":
    case "ToolkitRequiredError":
    case "ToolNotFoundError":
      return "toolFailed"
    default:
      return "other"
  }
}

const noted = (reason: AiError.AiErrorReason): typeof Note.Type =>
  Option.match(decodeNote("metadata" in reason ? reason.metadata : undefined), {
    onNone: () => ({ kind: kindOfReason(reason), detail: reason.message, retryAfterMs: null }),
    onSome: (note) => note[KEY]
  })

/** What kind of failure an error of any provider is. */
export const kindOfError = (error: AiError.AiError): FailureKind => noted(error.reason).kind

/** When to ask again, if the provider said so. */
export const retryAfterOf = (error: AiError.AiError): Duration.Duration | undefined => {
  const { retryAfterMs } = noted(error.reason)
  return retryAfterMs === null ? error.retryAfter : Duration.millis(retryAfterMs)
}

/** The error of any provider as the failure of a turn. */
export const toAgentError = ({ reason }: AiError.AiError): AgentError => {
  const { detail, kind } = noted(reason)
  const http = "http" in reason ? reason.http : undefined
  return new AgentError({ kind, detail, httpStatus: http?.response?.status ?? null })
}
