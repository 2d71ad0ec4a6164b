/**
 * What genuine Codex shows differently of a thread, and Rethread on purpose does not. A rule says exactly where it holds
 * and what both sides show there; in a whole run every rule must have been met, so the list cannot go stale.
 */
import { Equal } from "effect"
import { isRecord, type JsonRecord } from "../../src/domain/Json.ts"
import { at } from "../conformance/Case.ts"
import type { Difference, Round } from "./Play.ts"

export interface Deviation {
  /** A row of docs/codex.md, "Faults", or a section of docs/compatibility.md. */
  readonly because: string
  readonly holds: (difference: Difference, round: Round) => boolean
}

const genuineOf = ({ maker, taker }: Round) => (maker.origin === "rethread" ? taker : maker).origin

const single = (usage: unknown): JsonRecord | null => {
  const first = Array.isArray(usage) && usage.length === 1 ? (usage[0] as unknown) : null
  return isRecord(first) ? first : null
}

/** Do two replays differ in this one field, and in no other? */
const onlyIn = (field: string, { genuine, rethread }: Difference): boolean => {
  const [ours, theirs] = [single(rethread), single(genuine)]
  if (ours === null || theirs === null || Equal.equals(ours[field], theirs[field])) return false
  return Equal.equals({ ...ours, [field]: null }, { ...theirs, [field]: null })
}

const withoutCalls = (turns: unknown): unknown =>
  Array.isArray(turns)
    ? turns.map((turn: unknown) => {
        const items = at(turn, "items")
        return {
          turn: at(turn, "turn"),
          error: at(turn, "error"),
          items: (Array.isArray(items) ? items : []).filter((item) => !String(item).startsWith("dynamicToolCall/"))
        }
      })
    : turns

export const deviations: ReadonlyArray<Deviation> = [
  {
    because: "0.169.0 replays no usage when it resumes a paginated fork cold, its own included",
    holds: (difference, round) =>
      difference.what === "usage" &&
      genuineOf(round) === "0.169.0" &&
      round.mode === "paginated" &&
      round.scenario.name.includes("fork") &&
      Equal.equals(difference.genuine, []) &&
      single(difference.rethread) !== null
  },
  {
    because: "after a rollback Codex shows the last response of a turn that is gone, or an estimate without its parts",
    holds: (difference, round) =>
      difference.what === "usage" &&
      round.scenario.name.includes("rollback at the end") &&
      difference.after === "maker" &&
      onlyIn("last", difference)
  },
  {
    because: "0.169.0 files the usage of a compaction at the end of a paginated thread under the first turn",
    holds: (difference, round) =>
      difference.what === "usage" &&
      genuineOf(round) === "0.169.0" &&
      round.mode === "paginated" &&
      round.scenario.name === "compaction at the end" &&
      onlyIn("turnId", difference)
  },
  {
    because: "0.169.0 shows no calls of client tools in event-style history",
    holds: (difference, round) =>
      difference.what === "turns" &&
      genuineOf(round) === "0.169.0" &&
      round.mode === "event" &&
      Equal.equals(withoutCalls(difference.rethread), difference.genuine)
  }
]
