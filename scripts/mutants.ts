/**
 * Changes the rules one at a time and asks whether a test notices: mutation tests of the domain and of a thread's life.
 *
 *     npm run mutants [-- --sample 200] [--seed 1] [--all] [--area domain] [--only MODULE] [--again] [--write]
 *
 * `--sample` says how many mutants of each area, `--area` takes one area, `--only` the named modules (as often as wanted)
 * and, without `--sample`, every mutant of them, `--again` those that were not killed, or only by time, when
 * `test/mutants/results.json` was written. `--write` writes it; what it holds of other modules stays. Stryker does the
 * work, in a copy of the tree. Ends with 1 if an area's score is below 85. How it works: docs/mutation.md.
 */
import { Schema } from "effect"
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import { Chosen, Settings } from "./lib/mutants/checker.ts"
import { withGuards } from "./lib/mutants/guards.ts"
import { Judged, merged, Results, resultsOf, tallyOf, type Tried, triedOf } from "./lib/mutants/results.ts"
import { areaOf, areas, keyOf } from "./lib/mutants/sample.ts"
import { listFiles, root } from "./lib/sources.ts"

const leastScore = 85

/** The services that decide what a thread, a turn and a client's attachment go through. */
const lifecycle = new Set([
  "Approvals",
  "Coalesced",
  "IdleThreads",
  "KeptSessions",
  "LiveThread",
  "NotificationDelivery",
  "Outbox",
  "RunningTurn",
  "SessionGlimpse",
  "SessionReconstruction",
  "TakenTurns",
  "ThreadCommands",
  "ThreadEnd",
  "ThreadEntries",
  "ThreadForks",
  "ThreadJournal",
  "ThreadLifecycle",
  "Threads",
  "ToldThreads",
  "TurnItems",
  "TurnQuestions",
  "TurnRecording"
])

const { values } = parseArgs({
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    all: { type: "boolean", default: false },
    area: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
    again: { type: "boolean", default: false },
    write: { type: "boolean", default: false }
  }
})

const moduleOf = (file: string): string => basename(file, ".ts")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

const files = [
  ...listFiles("src/domain", (file) => file.endsWith(".ts")),
  ...listFiles("src/services", (file) => lifecycle.has(moduleOf(file)))
]
  .filter((file) => values.area === undefined || values.area === areaOf(file))
  .filter((file) => values.only.length === 0 || values.only.includes(moduleOf(file)))

if (files.length === 0) throw new Error("no module of this name is mutated")

const resultsFile = "test/mutants/results.json"
const lastResults = (): Results => Schema.decodeSync(Results)(read(resultsFile))

/** Runs Stryker on one area, in a copy of the tree, and gives what it found. */
const run = (area: string): { readonly chosen: Chosen; readonly tried: ReadonlyArray<Tried> } => {
  const inArea = files.filter((file) => areaOf(file) === area)
  if (inArea.length === 0) return { chosen: { population: {}, mutants: [] }, tried: [] }
  const copy = mkdtempSync(join(tmpdir(), "rethread-mutants-"))
  try {
    for (const part of ["src", "test", "fixtures", "bench", "scripts", "package.json", "tsconfig.json"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true })
    }
    for (const config of ["vitest.config.ts", "stryker.config.json"]) cpSync(join(root, config), join(copy, config))
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
    for (const file of inArea) writeFileSync(join(copy, file), withGuards(file, read(file)))
    const settings: Settings = {
      size: values.all || (values.only.length > 0 && values.sample === undefined) ? null : Number(values.sample ?? 200),
      seed: Number(values.seed),
      keys: values.again ? lastResults().mutants.map(keyOf) : null,
      chosen: join(copy, "chosen.json")
    }
    const stryker = spawnSync(
      process.execPath,
      [
        join(root, "node_modules/@stryker-mutator/core/bin/stryker.js"),
        "run",
        "--checkers",
        "sample",
        "--mutate",
        inArea.join(",")
      ],
      {
        cwd: copy,
        stdio: "inherit",
        env: { ...process.env, MUTANTS: Schema.encodeSync(Settings)(settings), MUTANTS_AREA: area }
      }
    )
    if (stryker.status !== 0) throw new Error("Stryker did not finish: do the tests pass?")
    const chosen = Schema.decodeSync(Chosen)(readFileSync(settings.chosen, "utf8"))
    return { chosen, tried: triedOf(JSON.parse(readFileSync(join(copy, "mutants.json"), "utf8")), chosen) }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

const judged = new Map(
  Schema.decodeSync(Judged)(read("test/mutants/judged.json")).map((judgement) => [keyOf(judgement), judgement])
)
const runs = areas.map(run)
const found = resultsOf(
  Number(values.seed),
  Object.fromEntries(runs.flatMap(({ chosen }) => Object.entries(chosen.population))),
  runs.flatMap(({ tried }) => tried)
)
const results = values.write && existsSync(join(root, resultsFile)) ? merged(lastResults(), found, values.again) : found
const scores = areas.map((area) => ({ area, ...tallyOf(results, judged, (file) => areaOf(file) === area) }))

console.table(
  results.modules.map(({ file }) => ({
    area: areaOf(file),
    module: moduleOf(file),
    ...tallyOf(results, judged, (other) => other === file)
  }))
)
for (const mutant of results.mutants) {
  const judgement = judged.get(keyOf(mutant))
  const verdict = judgement === undefined ? mutant.status : `${judgement.verdict}: ${judgement.why}`
  console.log(`${mutant.file}:${mutant.line}  ${mutant.mutator}  ${verdict}`)
  console.log(`  - ${mutant.original}\n  + ${mutant.replacement}`)
}
console.table(scores)
if (values.write) writeFileSync(join(root, resultsFile), `${JSON.stringify(results, null, 2)}\n`)
if (scores.some(({ score }) => score < leastScore)) process.exitCode = 1
