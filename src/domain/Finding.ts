/**
 * What a doctor finds in a rollout, or in the home around it: where, how bad, and what reading makes of it.
 *
 * The kind decides the rest. `error`: something is lost, or cannot be read at all. `warning`: it is read, but not as it
 * was meant, or other programs refuse it. `info`: nothing is lost. Errors and warnings are damage.
 */
import { Schema } from "effect"
import type { Diagnostic } from "./Diagnostic.ts"

export const Severity = Schema.Literals(["error", "warning", "info"])
export type Severity = typeof Severity.Type

interface KindRule {
  readonly severity: Severity
  /** What reading does about it. */
  readonly action: string
  /** Does a mended copy have it no more? */
  readonly mendable: boolean
}

const lost: KindRule = { severity: "error", action: "line skipped", mendable: true }
const read = (action: string): KindRule => ({ severity: "warning", action, mendable: true })
const stays = (severity: Severity, action: string): KindRule => ({ severity, action, mendable: false })

const rules = {
  // Of single lines.
  torn: { ...lost, action: "last line skipped; the next write starts a line of its own" },
  malformed: lost,
  nulBytes: lost,
  notAnObject: lost,
  missingTimestamp: lost,
  missingType: lost,
  invalidPayload: lost,
  lineTooLong: lost,
  invalidUtf8: read("read with replacement characters; Codex refuses the whole file"),
  byteOrderMark: read("skipped; Codex finds no session behind it"),
  blank: { severity: "info", action: "line skipped", mendable: true },
  unended: { severity: "info", action: "last line read; the next write ends it first", mendable: true },
  oldRecord: stays("info", "line skipped: an older Codex wrote it, and no turn depends on it"),
  unknownLineType: stays("info", "line kept, not read"),
  unknownEventType: stays("info", "line kept, not read"),
  unknownItemType: stays("info", "line kept, not read"),
  // Of a rollout as a whole.
  unreadable: stays("error", "not read"),
  emptyFile: stays("error", "cannot be restored"),
  metaMissing: stays("error", "cannot be restored: no line tells whose session it is"),
  metaNotFirst: read("read as if it came first; Codex may refuse the file"),
  unknownHistoryMode: stays("error", "cannot be restored by this version"),
  idMismatch: stays("error", "cannot be restored under either id: rename the file after the thread it belongs to"),
  ordinalMissing: read("line read in the order of the file"),
  ordinalRepeated: read("line read in the order of the file"),
  ordinalBackwards: read("line read in the order of the file"),
  ordinalGap: read("read on; lines may be missing here"),
  baseMissing: { severity: "error", action: "restored without what came before", mendable: true },
  turnLeftOpen: stays("info", "shown as interrupted"),
  turnRepeated: stays("info", "both are shown; who names the id means the first"),
  usageEstimate: stays("info", "told as it is, and marked as an estimate"),
  usageImpossible: stays("warning", "told as it is"),
  // Of a home.
  hidden: stays("warning", "not read: another file of the thread stands before it"),
  strayFile: stays("info", "not read: no rollout's name"),
  leftover: stays("info", "may be deleted"),
  indexLine: stays("warning", "line skipped"),
  indexOrphan: stays("info", "name not used: the thread is not here"),
  config: stays("warning", "ignored")
} as const satisfies Record<string, KindRule>

export type FindingKind = keyof typeof rules

const isKind = (text: string): text is FindingKind => Object.hasOwn(rules, text)

/** Every kind of finding. */
export const findingKinds: ReadonlyArray<FindingKind> = Object.keys(rules).filter(isKind)

export const FindingKind = Schema.Literals(findingKinds)

/** One finding. `line` counts from 1, `offset` and `length` are bytes; null where it is not about one line. */
export const Finding = Schema.Struct({
  kind: FindingKind,
  severity: Severity,
  line: Schema.NullOr(Schema.Int),
  offset: Schema.NullOr(Schema.Int),
  length: Schema.NullOr(Schema.Int),
  /** What exactly is wrong; may be empty. */
  detail: Schema.String,
  /** What reading does about it. */
  action: Schema.String
})
export type Finding = typeof Finding.Type

/** Where a line is. */
export interface Place {
  readonly line: number
  readonly offset: number
  readonly length: number
}

/** A finding of a kind, about a line or (null) about the whole. */
export const finding = (kind: FindingKind, at: Place | null, detail: string): Finding => ({
  kind,
  severity: rules[kind].severity,
  line: at === null ? null : at.line,
  offset: at === null ? null : at.offset,
  length: at === null ? null : at.length,
  detail,
  action: rules[kind].action
})

/** What is wrong with a line, as reading told it. Null for what is no finding about a line of the file. */
export const ofDiagnostic = (diagnostic: Diagnostic): Finding | null => {
  const { detail, reason } = diagnostic
  if (reason === "unusableItem" || reason === "missingBase") return null
  // Codex before 0.40 wrote turn contexts that no later one reads.
  const kind = reason === "invalidPayload" && detail.startsWith("turn_context") ? "oldRecord" : reason
  return finding(kind, diagnostic, detail)
}

/** Errors and warnings are damage; the rest is worth knowing. */
export const isDamage = ({ severity }: Pick<Finding, "severity">): boolean => severity !== "info"

/** Does a mended copy have it no more? */
export const isMendable = ({ kind }: Pick<Finding, "kind">): boolean => rules[kind].mendable

/** Findings by severity. */
export const Counts = Schema.Struct({ error: Schema.Int, warning: Schema.Int, info: Schema.Int })
export type Counts = typeof Counts.Type

export const noCounts: Counts = { error: 0, warning: 0, info: 0 }

/** Findings of two places together. */
export const addCounts = (a: Counts, b: Counts): Counts => ({
  error: a.error + b.error,
  warning: a.warning + b.warning,
  info: a.info + b.info
})
