/**
 * What a run of Stryker came to: scores by area and module, and the survivors, less the mutants that are judged to be
 * no fault at all (`test/mutants/judged.json`).
 */
import { Schema } from "effect"
import { isRecord } from "../sources.ts"
import type { Chosen } from "./checker.ts"
import { Change, keyOf } from "./sample.ts"

/** A survivor that somebody has looked at. Only an `equivalent` one is left out of the score. */
const Judgement = Schema.Struct({
  ...Change.fields,
  verdict: Schema.Literals(["equivalent", "accepted"]),
  why: Schema.String
})
export type Judgement = typeof Judgement.Type

/** What `test/mutants/judged.json` holds. */
export const Judged = Schema.fromJsonString(Schema.Array(Judgement))

/** A mutant that was tried. Lines count from 1. One that makes a test hang is as good as killed. */
const Tried = Schema.Struct({
  ...Change.fields,
  line: Schema.Int,
  status: Schema.Literals(["killed", "timeout", "survived", "uncovered", "invalid"])
})
export type Tried = typeof Tried.Type

/** What `test/mutants/results.json` holds: how many mutants of each file were killed, and those that were not, or only by time. */
export const Results = Schema.fromJsonString(
  Schema.Struct({
    seed: Schema.Int,
    modules: Schema.Array(Schema.Struct({ file: Schema.String, population: Schema.Int, killed: Schema.Int })),
    mutants: Schema.Array(Tried)
  })
)
export type Results = typeof Results.Type

/** What was found out about one module, or several. Those that ran out of time are among the killed. */
export interface Tally {
  readonly population: number
  readonly tried: number
  readonly killed: number
  readonly timeouts: number
  /** In percent. */
  readonly score: number
}

const statuses: Readonly<Record<string, Tried["status"]>> = {
  Killed: "killed",
  Timeout: "timeout",
  Survived: "survived",
  NoCoverage: "uncovered"
}

/** Did a test fail because its time was over? */
const isLate = (reason: unknown): boolean => typeof reason === "string" && /timed out in \d+ms/.test(reason)

/** The tried mutants, from Stryker's JSON report. */
export const triedOf = (report: unknown, chosen: Chosen): ReadonlyArray<Tried> => {
  const changes = new Map(chosen.mutants.map(({ id, change }) => [id, change]))
  const files = isRecord(report) && isRecord(report["files"]) ? report["files"] : {}
  return Object.values(files).flatMap((file) => {
    if (!isRecord(file) || !Array.isArray(file["mutants"])) return []
    return file["mutants"].flatMap((mutant: unknown): ReadonlyArray<Tried> => {
      if (!isRecord(mutant) || !isRecord(mutant["location"]) || !isRecord(mutant["location"]["start"])) return []
      const change = changes.get(String(mutant["id"]))
      if (change === undefined) return []
      const status = isLate(mutant["statusReason"]) ? "timeout" : (statuses[String(mutant["status"])] ?? "invalid")
      return [{ ...change, line: Number(mutant["location"]["start"]["line"]), status }]
    })
  })
}

const isOpen = ({ status }: Tried): boolean => status !== "killed" && status !== "invalid"

/** The results of a run of its own. */
export const resultsOf = (seed: number, population: Chosen["population"], tried: ReadonlyArray<Tried>): Results => ({
  seed,
  modules: Object.entries(population).map(([file, population]) => ({
    file,
    population,
    killed: tried.filter((mutant) => mutant.file === file && mutant.status === "killed").length
  })),
  mutants: tried.filter(isOpen)
})

/** Results with those of a later run: of other files, or of mutants that were open before. */
export const merged = (before: Results, later: Results, isAgain: boolean): Results => {
  const files = new Set(later.modules.map(({ file }) => file))
  const tried = new Map(later.mutants.map((mutant) => [keyOf(mutant), mutant]))
  const others = before.mutants.filter(({ file }) => !files.has(file))
  const killedOf = (file: string) => later.modules.find((module) => module.file === file)?.killed ?? 0
  return {
    seed: later.seed,
    modules: isAgain
      ? before.modules.map((module) => ({ ...module, killed: module.killed + killedOf(module.file) }))
      : [...before.modules.filter(({ file }) => !files.has(file)), ...later.modules],
    mutants: [...others, ...tried.values()].toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
  }
}

/** Counts mutants of some files; equivalent ones do not count. */
export const tallyOf = (
  { modules, mutants }: Results,
  judged: ReadonlyMap<string, Judgement>,
  within: (file: string) => boolean
): Tally => {
  const inside = modules.filter(({ file }) => within(file))
  const open = mutants.filter((mutant) => within(mutant.file) && judged.get(keyOf(mutant))?.verdict !== "equivalent")
  const timeouts = open.filter(({ status }) => status === "timeout").length
  const killed = inside.reduce((sum, module) => sum + module.killed, 0) + timeouts
  const tried = killed + open.length - timeouts
  return {
    population: inside.reduce((sum, { population }) => sum + population, 0),
    tried,
    killed,
    timeouts,
    score: tried === 0 ? 100 : Math.round((killed / tried) * 1000) / 10
  }
}
