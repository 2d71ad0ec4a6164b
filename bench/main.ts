/**
 * The benchmark: Rethread as users run it, and genuine Codex where it can be had, in turn on the same files; beside them
 * what the machine itself needs.
 *
 *     npm run bench [-- --only NAME] [--runs 3] [--no-codex] [--program FILE] [--out FILE] [--keep]
 *     npm run bench -- --quick [--codex]
 *
 * `--only` may be repeated. `--program` measures another build. `--quick` takes smaller inputs, one run, and leaves genuine Codex out. Prints a table and
 * writes it with everything that belongs to it as JSON: a full run to `bench/results/full.json`. Ends with 1 if Rethread
 * gave a wrong answer; a target that is missed is said in the table.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schema } from "effect"
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { parseArgs } from "node:util"
import { readManifest } from "../scripts/lib/sources.ts"
import { homeScenarios } from "./lib/home-jobs.ts"
import type { InputName, Scenario } from "./lib/jobs.ts"
import { type Limit, limitsOf } from "./lib/limits.ts"
import { commit, machine, machineText } from "./lib/machine.ts"
import { genuine, rethread, rethreadName } from "./lib/peers.ts"
import { type Results, rowsOf, type Sample } from "./lib/results.ts"
import { Homes, runScenario } from "./lib/runner.ts"
import { socketScenarios } from "./lib/socket-jobs.ts"
import { limitTable, table, verdict } from "./lib/table.ts"
import { threadScenarios } from "./lib/thread-jobs.ts"

const root = join(import.meta.dirname, "..")
const { values } = parseArgs({
  allowNegative: true,
  options: {
    only: { type: "string", multiple: true, default: [] },
    runs: { type: "string" },
    quick: { type: "boolean", default: false },
    codex: { type: "boolean" },
    program: { type: "string" },
    out: { type: "string" },
    keep: { type: "boolean", default: false }
  }
})

class CannotRun extends Schema.TaggedError<CannotRun>()("CannotRun", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

const { quick } = values
const builtProgram = String(readManifest("bin")["rethread"])
const runs = Number(values.runs ?? (quick ? 1 : 3))
const withCodex = values.codex ?? !quick

const scenarios: ReadonlyArray<Scenario> = quick
  ? [
      ...threadScenarios({ resume: [10, 50], large: 50, huge: null, images: 10 }),
      ...homeScenarios(1000, 20, 1),
      ...socketScenarios([20])
    ]
  : [
      ...threadScenarios({ resume: [10, 100, 500], large: 100, huge: 500, images: 50 }),
      ...homeScenarios(10_000, 200, 3),
      ...socketScenarios([50, 200])
    ]
const limitInputs: ReadonlyArray<InputName> = quick ? ["file-50"] : ["file-100", "file-500"]

const names = [...scenarios.flatMap(({ jobs }) => Object.keys(jobs)), "slope", "limits"]
const isSlopePart = (job: string) => /^resume-\d+$/.test(job)
const isWanted = (job: string) =>
  values.only.length === 0 || values.only.includes(job) || (values.only.includes("slope") && isSlopePart(job))
const chosen = scenarios.filter(({ jobs }) => Object.keys(jobs).some(isWanted))
const withLimits = values.only.length === 0 || values.only.includes("limits")

const command = ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" ")
const isFull = !quick && values.only.length === 0 && values.codex === undefined
const out = values.out ?? join(root, "bench/results", isFull ? "full.json" : quick ? "quick.json" : "part.json")

const check = Effect.gen(function* () {
  const unknown = values.only.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    return yield* new CannotRun({ reason: `no job ${unknown.join(", ")}; there are: ${names.join(", ")}` })
  }
  if (!Number.isInteger(runs) || runs < 1) return yield* new CannotRun({ reason: "--runs must be a number above 0" })
  const missing = values.program === undefined ? join(root, "dist") : values.program
  if (!existsSync(missing)) return yield* new CannotRun({ reason: `there is no ${missing}; npm run build` })
})

const workFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "rethread-bench-"))),
  (folder) =>
    Effect.suspend(() => {
      if (values.keep) return Console.log(`kept: ${folder}`)
      return Effect.sync(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))
    })
)

/** A copy of the program as it is now: a build in the meantime changes nothing. */
const copyProgram = (folder: string): string => {
  const target = join(folder, "program")
  mkdirSync(target)
  for (const name of ["package.json", "bin", "dist"]) cpSync(join(root, name), join(target, name), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"))
  return join(target, builtProgram)
}

const bench = Effect.gen(function* () {
  yield* check
  const startedAt = new Date()
  const folder = yield* workFolder
  const homes = new Homes(folder)
  const peers = [rethread(values.program ?? copyProgram(folder)), ...(withCodex ? yield* genuine : [])]
  const about = { command, commit: commit(), machine: machine() }
  yield* Console.log(`${command}\n${machineText(about.machine)}\ncommit ${about.commit}`)
  yield* Console.log(
    `servers: ${peers.map(({ name }) => name).join(", ")}; ${runs} runs, fewer of what takes Codex long\n`
  )

  const limits: Array<Limit> = []
  if (withLimits) {
    for (const name of limitInputs) {
      const { bytes, directory, rollouts } = homes.input(name)
      const path = join(directory, rollouts[0]?.path ?? "")
      limits.push(...limitsOf(name, path, bytes, runs, (what) => console.error(`the machine: ${what}, ${name}`)))
    }
    yield* Console.log(`${limitTable(limits)}\n`)
  }

  const samples: Array<Sample> = []
  for (const scenario of chosen) samples.push(...(yield* runScenario(scenario, peers, homes, runs)))
  const bytesOf = (job: string) => {
    const scenario = chosen.find(({ jobs }) => Object.hasOwn(jobs, job))
    return scenario === undefined ? Number.NaN : homes.input(scenario.input).bytes
  }
  const rows = rowsOf(samples, bytesOf, rethreadName, !quick)
  const results: Results = {
    ...about,
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    servers: peers.map(({ name }) => name),
    inputs: homes.made.map(({ bytes, name, rollouts }) => ({ name, rollouts: rollouts.length, bytes })),
    limits,
    rows
  }
  mkdirSync(dirname(out), { recursive: true })
  writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`)

  const verdicts = rows.map(verdict)
  const count = (word: string) => verdicts.filter((verdict) => verdict === word).length
  yield* Console.log(table(rows))
  yield* Console.log(
    `\ntargets: ${count("met")} met, ${count("MISSED")} missed, ${count("not compared")} not compared; ` +
      `${results.seconds} s; written to ${relative(process.cwd(), out)}`
  )
  return rows.every(({ failures, peer }) => peer !== rethreadName || failures.length === 0)
})

bench.pipe(
  Effect.scoped,
  Effect.flatMap((isRight) => (isRight ? Effect.void : new CannotRun({ reason: "Rethread gave wrong answers" }))),
  NodeRuntime.runMain
)
