/**
 * Rows as people read them: on a terminal, and in Markdown.
 */
import type { Limit } from "./limits.ts"
import { median, type Row } from "./results.ts"
import { targetText } from "./targets.ts"

/** A number with as many digits as tell something. */
export const digits = (value: number): string => {
  const size = Math.abs(value)
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)
}

const spread = (min: number | null, max: number | null): string =>
  min === null || max === null ? "" : `${digits(min)}–${digits(max)}`

export const verdict = ({ met, target }: Row): string =>
  target === null ? "" : met === null ? "not compared" : met ? "met" : "MISSED"

const head = ["job", "server", "state", "median", "min–max", "peak", "ratio", "target", "", ""] as const

/** One row's cells, in the order of the head. */
const cells = (row: Row): ReadonlyArray<string> => [
  row.job,
  row.peer,
  row.state,
  row.median === null ? "no figure" : `${digits(row.median)} ${row.unit}`,
  row.values.length > 1 ? spread(row.min, row.max) : "",
  row.peakMb === null ? "" : `${row.peakMb.toFixed(0)} MB`,
  row.ratio === null ? "" : `${digits(row.ratio)}×`,
  row.target === null ? "" : targetText(row.target, row.unit),
  verdict(row),
  [row.note, ...row.failures.map((reason) => `WRONG: ${reason}`)].filter((text) => text !== "").join("; ")
]

const rightAligned = new Set([3, 4, 5, 6])

/** Lines of equally wide columns. */
const align = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    []
  )
  return rows.map((row) =>
    row
      .map((cell, column) =>
        rightAligned.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
      )
      .join("  ")
      .trimEnd()
  )
}

/** The table for a terminal; a job's name stands once. */
export const table = (rows: ReadonlyArray<Row>): string =>
  align([
    head,
    ...rows.map((row, index) => {
      const [job = "", ...rest] = cells(row)
      return [rows[index - 1]?.job === row.job ? "" : job, ...rest]
    })
  ]).join("\n")

const limitCells = ({ bytes, input, values, what }: Limit): ReadonlyArray<string> => {
  const ms = median(values) ?? Number.NaN
  const rate = `${(bytes / 1e6 / (ms / 1000)).toFixed(0)} MB/s`
  return [what, input, "", `${digits(ms)} ms`, spread(Math.min(...values), Math.max(...values)), rate]
}

export const limitTable = (limits: ReadonlyArray<Limit>): string =>
  align([["the machine", "input", "", "median", "min–max", "rate"], ...limits.map(limitCells)]).join("\n")

const markdown = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")

const bold = (text: string): string => (text === "MISSED" ? "**missed**" : text)

export const markdownTable = (rows: ReadonlyArray<Row>): string =>
  markdown(
    ["job", "server", "state", "median", "min–max", "peak", "ratio", "target", "reached"],
    rows.map((row, index) => {
      const [job = "", ...rest] = cells(row).slice(0, -1).map(bold)
      return [rows[index - 1]?.job === row.job ? "" : `\`${job}\``, ...rest]
    })
  )

export const markdownLimits = (limits: ReadonlyArray<Limit>): string =>
  markdown(
    ["the machine", "input", "median", "min–max", "rate"],
    limits.map((limit) => limitCells(limit).filter((_, column) => column !== 2))
  )
