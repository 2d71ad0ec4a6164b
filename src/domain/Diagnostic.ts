/**
 * What was wrong with one line of a rollout, and where. Reading goes on: a diagnostic never stops it.
 */
import { Schema } from "effect"

/** Why a line, or a part of one, was not used. */
export const DiagnosticReason = Schema.Literals([
  "blank",
  "torn",
  "malformed",
  "nulBytes",
  "notAnObject",
  "invalidUtf8",
  "byteOrderMark",
  "missingTimestamp",
  "missingType",
  "invalidPayload",
  "unknownLineType",
  "unknownEventType",
  "unknownItemType",
  "lineTooLong",
  "unusableItem",
  "missingBase"
])
export type DiagnosticReason = typeof DiagnosticReason.Type

/** One finding. `line` counts from 1; `offset` and `length` are bytes of the (decompressed) rollout. */
export const Diagnostic = Schema.Struct({
  reason: DiagnosticReason,
  line: Schema.Int,
  offset: Schema.Int,
  length: Schema.Int,
  detail: Schema.String
})
export type Diagnostic = typeof Diagnostic.Type
