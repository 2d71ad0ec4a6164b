/**
 * What Rethread must reach, row by row, and whether a row did.
 */
import { Schema } from "effect"
import type { State, Unit } from "./jobs.ts"

/** Every part that is there must be met. */
export const Target = Schema.Struct({
  /** So many times faster (of a rate: larger) than the better Codex. */
  times: Schema.optionalKey(Schema.Finite),
  /** At most, in the row's unit; of a rate: at least. */
  value: Schema.optionalKey(Schema.Finite),
  peakMb: Schema.optionalKey(Schema.Finite),
  refused: Schema.optionalKey(Schema.Literal(0))
})
export type Target = typeof Target.Type

/** `null`: there was nothing to compare with. */
export type Met = boolean | null

const both = (target: Target): ReadonlyArray<readonly [State, Target]> => [
  ["cold", target],
  ["warm", target],
  ["stale", target]
]

/** A rollout never seen before, and one that is in the catalog; a grown one must be no worse than one never seen. */
const indexed = (cold: Target, warm: Target): ReadonlyArray<readonly [State, Target]> => [
  ["cold", cold],
  ["warm", warm],
  ["stale", cold]
]

const targets: Readonly<Record<string, ReadonlyArray<readonly [State, Target]>>> = {
  "resume-10": both({ times: 6 }),
  "resume-100": indexed({ times: 12, peakMb: 150 }, { times: 40, peakMb: 150 }),
  "resume-500": both({ times: 15, peakMb: 200 }),
  "resume-images": both({ times: 2 }),
  "resume-no-turns-100": both({ value: 10 }),
  "resume-no-turns-500": both({ value: 10 }),
  "rejoin-100": both({ times: 30 }),
  "fork-100": both({ times: 25, peakMb: 150 }),
  "fork-500": both({ times: 25, peakMb: 150 }),
  "turns-list-100": both({ times: 40 }),
  "read-100": indexed({ times: 8 }, { times: 30 }),
  "start-10000": both({ value: 250 }),
  "list-first": both({ value: 100 }),
  "list-all": both({ times: 20 }),
  "start-small": both({ value: 120 }),
  "idle-memory": both({ value: 80 }),
  "read-rate": both({ value: 8000 }),
  "read-rate-one": both({ value: 8000 }),
  "ws-50": both({ refused: 0 }),
  "ws-200": both({ value: 300, refused: 0 }),
  slope: [["cold", { value: 1.5 }]]
}

export const targetOf = (job: string, state: State): Target | null =>
  targets[job]?.find(([of]) => of === state)?.[1] ?? null

/** What a row reached. */
export interface Reached {
  readonly value: number
  readonly unit: Unit
  /** Against the better Codex; null without one. */
  readonly ratio: number | null
  readonly peakMb: number | null
  readonly refused: number
}

/** A part that is not met decides; else a part that could not be compared does. */
export const isMet = (target: Target, { peakMb, ratio, refused, unit, value }: Reached): Met => {
  const parts = new Set<Met>([
    target.times === undefined ? true : ratio === null ? null : ratio >= target.times,
    target.value === undefined ? true : unit === "per s" ? value >= target.value : value <= target.value,
    target.peakMb === undefined ? true : peakMb === null ? null : peakMb <= target.peakMb,
    target.refused === undefined ? true : refused === target.refused
  ])
  return parts.has(false) ? false : parts.has(null) ? null : true
}

export const targetText = (target: Target, unit: Unit): string =>
  [
    ...(target.times === undefined ? [] : [`${target.times}×`]),
    ...(target.value === undefined ? [] : [`${unit === "per s" ? "≥" : "≤"} ${target.value} ${unit}`]),
    ...(target.peakMb === undefined ? [] : [`≤ ${target.peakMb} MB`]),
    ...(target.refused === undefined ? [] : ["none refused"])
  ].join(", ")
