/**
 * From the figures of single runs to rows: median and spread, the ratio against the better Codex, the target.
 */
import { Schema } from "effect"
import { type Figure, type State, states, units } from "./jobs.ts"
import { Limit } from "./limits.ts"
import { Machine } from "./machine.ts"
import { isMet, Target, targetOf } from "./targets.ts"

/** What one run of one server said of a job: a figure, or why there is none. */
export interface Sample {
  readonly job: string
  readonly what: string
  readonly peer: string
  readonly isRethread: boolean
  readonly state: State
  readonly outcome: Figure | string
}

const NullableNumber = Schema.NullOr(Schema.Finite)

export const Row = Schema.Struct({
  job: Schema.String,
  what: Schema.String,
  peer: Schema.String,
  state: Schema.Literals(states),
  unit: Schema.Literals(units),
  /** In the order of the runs. */
  values: Schema.Array(Schema.Finite),
  median: NullableNumber,
  min: NullableNumber,
  max: NullableNumber,
  /** The largest of all runs. */
  peakMb: NullableNumber,
  refused: Schema.Finite,
  note: Schema.String,
  /** Why runs brought no figure. */
  failures: Schema.Array(Schema.String),
  /** Of Rethread's rows: against the better Codex, above 1 when Rethread is better. */
  ratio: NullableNumber,
  target: Schema.NullOr(Target),
  met: Schema.NullOr(Schema.Boolean)
})
export type Row = typeof Row.Type

/** What a run of the bench writes. */
export const Results = Schema.Struct({
  command: Schema.String,
  startedAt: Schema.String,
  seconds: Schema.Finite,
  commit: Schema.String,
  machine: Machine,
  servers: Schema.Array(Schema.String),
  inputs: Schema.Array(Schema.Struct({ name: Schema.String, rollouts: Schema.Finite, bytes: Schema.Finite })),
  limits: Schema.Array(Limit),
  rows: Schema.Array(Row)
})
export type Results = typeof Results.Type

/** The middle of the numbers; the mean of the two in the middle of an even count. Null of none. */
export const median = (numbers: ReadonlyArray<number>): number | null => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  const high = sorted[Math.floor(sorted.length / 2)]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

const rowOf = (samples: readonly [Sample, ...ReadonlyArray<Sample>]): Row => {
  const [{ isRethread, job, peer, state, what }] = samples
  const figures = samples.flatMap(({ outcome }) => (typeof outcome === "string" ? [] : [outcome]))
  const failures = samples.flatMap(({ outcome }) => (typeof outcome === "string" ? [outcome] : []))
  const values = figures.map(({ value }) => value)
  const peaks = figures.flatMap(({ peakMb }) => (peakMb === null || Number.isNaN(peakMb) ? [] : [peakMb]))
  return {
    job,
    what,
    peer,
    state,
    unit: figures[0]?.unit ?? "ms",
    values,
    median: median(values),
    min: values.length === 0 ? null : Math.min(...values),
    max: values.length === 0 ? null : Math.max(...values),
    peakMb: peaks.length === 0 ? null : Math.max(...peaks),
    refused: Math.max(0, ...figures.map(({ refused }) => refused)),
    note: figures.at(-1)?.note ?? "",
    failures: [...new Set(failures)],
    ratio: null,
    target: isRethread ? targetOf(job, state) : null,
    met: null
  }
}

/** Against the better of the others: those in the same state where there are such, else all. */
const ratioOf = (row: Row, others: ReadonlyArray<Row>): number | null => {
  const same = others.filter(({ state }) => state === row.state)
  const medians = (same.length === 0 ? others : same).flatMap(({ median }) => (median === null ? [] : [median]))
  if (row.median === null || medians.length === 0) return null
  return row.unit === "per s" ? row.median / Math.max(...medians) : Math.min(...medians) / row.median
}

/** The line through points that has the least squared error: how many `y` for one `x`. Null of fewer than two. */
export const slope = (points: ReadonlyArray<readonly [x: number, y: number]>): number | null => {
  if (points.length < 2) return null
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)]
  const up = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const along = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return along === 0 ? null : up / along
}

/** How the time of a cold resume with all turns grows with the rollout, out of the rows of several sizes. */
const slopeRows = (rows: ReadonlyArray<Row>, bytesOf: (job: string) => number): ReadonlyArray<Row> => {
  const resumes = rows.filter(({ job }) => /^resume-\d+$/.test(job))
  const servers = new Map(resumes.map((row) => [`${row.peer} ${row.state}`, row]))
  return [...servers.values()].flatMap((first) => {
    const of = resumes.filter(({ peer, state }) => peer === first.peer && state === first.state)
    const perByte = slope(of.flatMap(({ job, median }) => (median === null ? [] : [[bytesOf(job), median] as const])))
    if (perByte === null) return []
    const value = perByte * 1e6
    const fresh = { values: [value], median: value, min: value, max: value, peakMb: null, refused: 0, failures: [] }
    const [job, what] = ["slope", "milliseconds of a resume with all turns for each MB of the rollout"]
    const target = first.target === null ? null : targetOf(job, first.state)
    return [{ ...first, ...fresh, job, what, unit: "ms/MB", note: "", ratio: null, target, met: null } satisfies Row]
  })
}

/**
 * The rows of all samples, in the order in which their jobs, servers and states first came. Targets are about the sizes
 * of a full run, and mean nothing of others.
 */
export const rowsOf = (
  samples: ReadonlyArray<Sample>,
  bytesOf: (job: string) => number,
  rethread: string,
  withTargets: boolean
): ReadonlyArray<Row> => {
  const groups = new Map<string, [Sample, ...Array<Sample>]>()
  for (const sample of samples) {
    const key = `${sample.job} ${sample.peer} ${sample.state}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [sample])
    else group.push(sample)
  }
  const measured = Array.from(groups.values(), rowOf)
  const jobs = [...new Set(measured.map(({ job }) => job))]
  const ordered = jobs.flatMap((job) => measured.filter((row) => row.job === job))
  const all = [...ordered, ...slopeRows(ordered, bytesOf)]
  const rows = withTargets ? all : all.map((row) => ({ ...row, target: null }))
  return rows.map((row) => {
    if (row.peer !== rethread) return row
    const others = rows.filter(({ job, peer }) => job === row.job && peer !== rethread)
    const ratio = ratioOf(row, others)
    if (row.target === null || row.median === null) return { ...row, ratio, met: row.target === null ? null : false }
    const { peakMb, refused, unit } = row
    return { ...row, ratio, met: isMet(row.target, { value: row.median, unit, ratio, peakMb, refused }) }
  })
}
