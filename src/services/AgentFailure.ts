/**
 * How a turn failed, told from the cause: an agent's error, a rollout that cannot be written, an
 * interruption (which is no failure), or a defect (whose reason stays in the log).
 */
import { Cause, Option } from "effect"
import type { TurnError } from "../domain/Turn.ts"
import { turnError } from "../domain/TurnFailure.ts"
import type * as TurnLines from "../domain/TurnLines.ts"
import { AgentError } from "./Agent.ts"
import type { RolloutWriteFailed } from "./RolloutWriter.ts"

const errorCodes: { readonly [K in AgentError["kind"]]: string } = {
  noModel: "other",
  unauthorized: "unauthorized",
  badRequest: "bad_request",
  usageLimitExceeded: "usage_limit_exceeded",
  rateLimitExceeded: "rate_limit_exceeded",
  serverOverloaded: "server_overloaded",
  internalServerError: "internal_server_error",
  connectionFailed: "http_connection_failed",
  streamDisconnected: "response_stream_disconnected",
  contextWindowExceeded: "context_window_exceeded",
  stepLimit: "other",
  toolFailed: "other",
  badToolCall: "other",
  other: "other"
}
const withStatus: ReadonlySet<AgentError["kind"]> = new Set(["connectionFailed", "streamDisconnected"])

/** The error as the rollout records it, and clients are told. */
export const recordedError = (error: AgentError): TurnLines.RecordedError => {
  const code = errorCodes[error.kind]
  return {
    message: error.message,
    codex_error_info: withStatus.has(error.kind) ? { [code]: { http_status_code: error.httpStatus } } : code
  }
}

/** Why a turn failed, as clients are told. */
export const toldError = (reason: AgentError | RolloutWriteFailed): TurnError | null =>
  turnError(
    reason._tag === "AgentError" ? recordedError(reason) : { message: reason.message, codex_error_info: "other" }
  )

/** A failure whose reason is not for clients. */
export const unknownFailure = new AgentError({
  kind: "other",
  detail: "the turn failed for a reason that is in the log",
  httpStatus: null
})

/** The failure that ended something; null when it was only interrupted. A defect is a failure whose reason is in the log. */
export const failureOf = <E>(cause: Cause.Cause<E>): E | AgentError | null => {
  const found = Cause.findErrorOption(cause)
  if (Option.isSome(found)) return found.value
  return Cause.hasInterruptsOnly(cause) ? null : unknownFailure
}
