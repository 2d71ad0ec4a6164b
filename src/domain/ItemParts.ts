/**
 * What items of every kind are made with: times, durations and statuses.
 */
import { isRecord, type JsonRecord, own } from "./Json.ts"
import { number } from "./OpenRecord.ts"
import type { Duration } from "./RolloutEvent.ts"
import type { ItemStatus } from "./ThreadItem.ts"

/** When an item began and ended, in Unix milliseconds; null where history does not say. */
export interface ItemTimes {
  readonly startedAtMs: number | null
  readonly completedAtMs: number | null
}

/** Event-style history records no times of items. */
export const noTimes: ItemTimes = { startedAtMs: null, completedAtMs: null }

/** A Rust duration in whole milliseconds; null when there is none. */
export const millis = (duration: Duration | null | undefined): number | null =>
  duration === null || duration === undefined ? null : duration.secs * 1000 + Math.floor(duration.nanos / 1_000_000)

/** The `duration` of an item in milliseconds. */
export const durationOf = (record: JsonRecord): number | null => {
  const duration = own(record, "duration")
  if (!isRecord(duration)) return number(record, "duration_ms")
  return millis({ secs: number(duration, "secs") ?? 0, nanos: number(duration, "nanos") ?? 0 })
}

const statuses: ReadonlyMap<string, ItemStatus> = new Map([
  ["in_progress", "inProgress"],
  ["completed", "completed"],
  ["failed", "failed"],
  ["declined", "declined"],
  ["interrupted", "interrupted"]
])
/** A snake_case status as the protocol's word; `otherwise` when it is none. */
export const status = (word: string | null | undefined, otherwise: ItemStatus): ItemStatus =>
  statuses.get(word ?? "") ?? otherwise
