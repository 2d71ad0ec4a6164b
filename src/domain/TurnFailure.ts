/**
 * How a turn failed, from the records of it. Source: docs/codex.md, "Turns".
 */
import { isRecord, own } from "./Json.ts"
import { camel } from "./OpenRecord.ts"
import type { TurnError } from "./Turn.ts"

/** Errors that concern a request and not the turn that runs. */
const requestErrors: ReadonlySet<string> = new Set(["thread_rollback_failed", "active_turn_not_steerable"])

const errorKind = (info: unknown): string =>
  typeof info === "string" ? info : isRecord(info) ? (Object.keys(info)[0] ?? "") : ""

// The protocol's tags; clients are told `other` of any that is not among them.
const knownErrors: ReadonlySet<string> = new Set([
  "context_window_exceeded",
  "session_budget_exceeded",
  "usage_limit_exceeded",
  "rate_limit_exceeded",
  "flex_unavailable",
  "server_overloaded",
  "model_not_found",
  "policy_capacity_unavailable",
  "inference_hook_denied",
  "cyber_policy",
  "misalignment_policy_violation",
  "too_many_denials",
  "internal_server_error",
  "unauthorized",
  "bad_request",
  "thread_rollback_failed",
  "sandbox_error"
])

// `snake_case` words, or one tagged object whose own fields are snake_case too.
const codexErrorInfo = (info: unknown): unknown => {
  if (typeof info === "string") return knownErrors.has(info) ? camel(info) : "other"
  if (!isRecord(info)) return null
  return Object.fromEntries(
    Object.entries(info).map(([kind, fields]) => [
      camel(kind),
      isRecord(fields) ? Object.fromEntries(Object.entries(fields).map(([key, value]) => [camel(key), value])) : fields
    ])
  )
}

/** A failure as `task_complete.error` or an `error` event records it; null when there is none. */
export const turnError = (error: unknown): TurnError | null => {
  if (!isRecord(error)) return null
  const message = own(error, "message")
  return {
    message: typeof message === "string" ? message : "",
    codexErrorInfo: codexErrorInfo(own(error, "codex_error_info")),
    additionalDetails: null,
    misalignment: null
  }
}

/** Does an error say something about the turn that runs? */
export const concernsTurn = (info: unknown): boolean => !requestErrors.has(errorKind(info))
