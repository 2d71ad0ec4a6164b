/**
 * The second projection: what a session has spent, and which turn the last figures belong to.
 *
 * Numbers and owner always come from the same record: the last `token_count` with figures in what
 * survives. A rollback takes `last` and the owner back to the last surviving record; `total` stays,
 * for it was spent. Source: docs/codex.md, "Usage".
 */
import type { TurnId } from "./Ids.ts"
import { type Counts, LAST_AT, WINDOW_AT } from "./LineTable.ts"
import type { EventOf, RolloutUsage } from "./RolloutEvent.ts"
import type { RolloutLine } from "./RolloutLine.ts"
import type { SessionMeta } from "./SessionMeta.ts"
import { isEstimate, type RestoredUsage, type TokenUsage, type TokenUsageInfo, zero } from "./TokenUsage.ts"
import type { RestoredTurn, TurnHistory, TurnSerial } from "./TurnHistory.ts"

/** The fold. Step it after the turn history has seen the line. */
export interface UsageHistory {
  readonly step: (line: RolloutLine, turns: TurnHistory) => void
  /** Takes the figures of a `token_count` that was skimmed, filed under a turn. */
  readonly counted: (counts: Counts, serial: TurnSerial | null) => void
  /** Is what comes next the thread's own, whatever turns begin? */
  readonly isOwn: () => boolean
  /** What came so far was the source's, not this fork's own. */
  readonly endInherited: () => void
  /** The usage to restore; null when no record with figures was found. */
  readonly result: (turns: TurnHistory) => RestoredUsage | null
}

const COUNTS = WINDOW_AT + 1

interface Recorded {
  readonly serial: TurnSerial | null
  /** Made when it is asked for: of thousands of turns the last one's is. */
  readonly info: () => TokenUsageInfo
}

/** Figures of one turn after the other, as they were skimmed. */
class KeptCounts {
  private rows: Counts = new Float64Array(COUNTS * 4)
  private size = 0

  /** Keeps a copy; its number. */
  push(counts: Counts): number {
    const at = this.size * COUNTS
    if (at === this.rows.length) {
      const longer = new Float64Array(this.rows.length * 2)
      longer.set(this.rows)
      this.rows = longer
    }
    this.rows.set(counts, at)
    return this.size++
  }

  at(number: number): Counts {
    return this.rows.subarray(number * COUNTS, (number + 1) * COUNTS)
  }
}

/** The counters of a record, as everything else names them. */
export const counters = (usage: RolloutUsage): TokenUsage => ({
  totalTokens: usage.total_tokens,
  inputTokens: usage.input_tokens,
  cachedInputTokens: usage.cached_input_tokens,
  cacheWriteInputTokens: usage.cache_write_input_tokens ?? 0n,
  outputTokens: usage.output_tokens,
  reasoningOutputTokens: usage.reasoning_output_tokens
})

const usageAt = (counts: Counts, at: number): TokenUsage => {
  const count = (index: number) => BigInt(counts[at + index] ?? 0)
  return {
    totalTokens: count(5),
    inputTokens: count(0),
    cachedInputTokens: count(1),
    cacheWriteInputTokens: count(2),
    outputTokens: count(3),
    reasoningOutputTokens: count(4)
  }
}

const infoAt = (counts: Counts, isEstimated: boolean): TokenUsageInfo => {
  const window = counts[WINDOW_AT] ?? -1
  const last = usageAt(counts, LAST_AT)
  return {
    total: usageAt(counts, 0),
    last,
    modelContextWindow: window < 0 ? null : BigInt(window),
    estimated: { total: isEstimated, last: isEstimate(last) }
  }
}

/** An empty ledger of the thread that `meta` begins. */
export const make = (meta: SessionMeta): UsageHistory => {
  // One record per turn is enough: only the last of each can become the last that survives.
  const records: Array<Recorded> = []
  let latest: Recorded | null = null
  let estimatedTotal = false
  let inherited: TokenUsage | null = null
  let own = false
  // Of the records of one turn only the last counts: the others are written over before anything is made of them.
  const skimmed: Counts = new Float64Array(WINDOW_AT + 1)
  let skimmedBy: TurnSerial | null = null
  let isSkimmed = false

  const kept = new KeptCounts()

  const file = (serial: TurnSerial | null, info: Recorded["info"]) => {
    latest = { serial, info }
    if (records.at(-1)?.serial === serial) records.pop()
    records.push(latest)
  }

  const settle = () => {
    if (!isSkimmed) return
    isSkimmed = false
    if (!own) inherited = usageAt(skimmed, 0)
    const number = kept.push(skimmed)
    const isEstimated = estimatedTotal
    file(skimmedBy, () => infoAt(kept.at(number), isEstimated))
  }

  const record = (event: EventOf<"token_count">, turns: TurnHistory) => {
    const info = event.info
    if (info === null || info === undefined) return
    settle()
    const total = counters(info.total_token_usage)
    // A guess that replaced the ledger stays in every later sum.
    estimatedTotal = estimatedTotal || isEstimate(total)
    // After a fork reverted turns of its own, part of what it carries over is its own.
    if (!own && event.carried_over !== meta.id) inherited = total
    if (typeof event.carried_over === "string") return carryOver(total)
    const last = counters(info.last_token_usage)
    const estimated = { total: estimatedTotal, last: isEstimate(last) }
    const recorded = { total, last, modelContextWindow: info.model_context_window ?? null, estimated }
    file(turns.activeTurn(), () => recorded)
  }

  /** A revert left out what some of it was spent on: the total is as before, everything else as recorded. */
  const carryOver = (total: TokenUsage) => {
    const none = { last: zero, modelContextWindow: null, estimated: { total: false, last: false } }
    const carried = { ...(latest?.info() ?? none), total }
    latest = { serial: latest?.serial ?? null, info: () => carried }
  }

  return {
    step: (line, turns) => {
      if (line.record._tag !== "Event") return
      const event = line.record.event
      if (event.type === "token_count") record(event, turns)
      else if (event.type === "task_started" && !own) {
        settle()
        own = startedAfter(event, line, meta)
      }
    },
    isOwn: () => own,
    counted: (counts, serial) => {
      if (isSkimmed && serial !== skimmedBy) settle()
      skimmed.set(counts)
      skimmedBy = serial
      isSkimmed = true
    },
    endInherited: () => {
      settle()
      own = true
    },
    result: (turns) => {
      settle()
      if (latest === null) return null
      const surviving = records.findLast((entry) => entry.serial === null || turns.survives(entry.serial))
      const { total } = latest.info()
      const source = (surviving ?? latest).info()
      return {
        info: { ...source, total, estimated: { total: estimatedTotal, last: source.estimated.last } },
        owner: surviving === undefined ? null : owner(surviving.serial, turns.turns()),
        inherited: meta.forkedFromId === null ? null : inherited
      }
    }
  }
}

// A fork begins with copies of the source's lines. Copies by Codex carry the time of the fork, ours the
// original one; a turn that the fork started itself is later than the fork by both clocks.
const startedAfter = (event: EventOf<"task_started">, line: RolloutLine, meta: SessionMeta): boolean => {
  const forked = Date.parse(meta.timestamp)
  const written = Date.parse(line.timestamp)
  if (Number.isNaN(forked) || (!Number.isNaN(written) && written < forked)) return false
  return typeof event.started_at === "number" && event.started_at >= Math.floor(forked / 1000)
}

/**
 * The turn that usage belongs to: the one that its record was filed under; none for a record from before
 * any turn. Should that turn have left no trace, the latest that has ended, else the last.
 */
const owner = (serial: TurnSerial | null, turns: ReadonlyArray<RestoredTurn>): TurnId | null => {
  if (serial === null) return null
  const filed = turns.find((turn) => turn.serial === serial)
  const ended = turns.findLast((turn) => turn.turn.status !== "inProgress")
  return (filed ?? ended ?? turns.at(-1))?.turn.id ?? null
}
