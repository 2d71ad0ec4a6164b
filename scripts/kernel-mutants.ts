/**
 * Changes the kernel's rules (`kernel/*.ts`) one at a time and asks whether a test of the domain notices: mutation tests
 * of what Stryker cannot mutate.
 *
 *     npm run mutants:kernel [-- --sample 60] [--seed 1] [--only lines] [--again] [--write]
 *
 * `--sample` says about how many mutants, `--only` takes the named files (as often as wanted), `--again` those that were
 * not killed, or only by time, when `test/mutants/results.json` was written. `--write` writes it. The tests run in a copy of the tree, with a kernel that was compiled from the mutant. Ends
 * with 1 if the score is below 85. How it works: docs/mutation.md.
 */
import { Schema } from "effect"
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import { compileKernel, kernelModule, kernelModuleText } from "./lib/kernel.ts"
import { type KernelMutant, mutantsOf } from "./lib/mutants/kernel.ts"
import { Judged, merged, Results, resultsOf, tallyOf, type Tried } from "./lib/mutants/results.ts"
import { type Change, keyOf, sampleOfArea } from "./lib/mutants/sample.ts"
import { listFiles, root } from "./lib/sources.ts"

const leastScore = 85
/** What a run of the tests has, in milliseconds; it has twice what it takes without a mutant, if that is more. */
const leastTime = 60_000

const { values } = parseArgs({
  options: {
    sample: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    only: { type: "string", multiple: true, default: [] },
    again: { type: "boolean", default: false },
    write: { type: "boolean", default: false }
  }
})

const moduleOf = (file: string): string => basename(file, ".ts")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

const files = listFiles("kernel", (file) => file.endsWith(".ts") && moduleOf(file) !== "layout").filter(
  (file) => values.only.length === 0 || values.only.includes(moduleOf(file))
)
if (files.length === 0) throw new Error("the kernel has no file of this name")

const original = await compileKernel()
if (original instanceof Error) throw original

/** Runs the tests in the copy against this kernel. */
const tested = (copy: string, kernel: Uint8Array, time: number): Tried["status"] => {
  writeFileSync(join(copy, kernelModule), kernelModuleText(kernel))
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const { error, status } = spawnSync(process.execPath, [vitest, "run", "--config", "test/mutants/kernel.config.ts"], {
    cwd: copy,
    stdio: "ignore",
    timeout: time,
    killSignal: "SIGKILL"
  })
  if (error !== undefined) return "timeout"
  return status === 0 ? "survived" : "killed"
}

/** What becomes of a mutant. One that compiles to the same bytes, or not at all, is none. */
const tryOne = async (copy: string, { of, change }: Chosen, time: number): Promise<Tried> => {
  const compiled = await compileKernel(new Map([[change.file, of.text]]))
  const isMutant = !(compiled instanceof Error) && Buffer.compare(compiled, original) !== 0
  const status = isMutant ? tested(copy, compiled, time) : "invalid"
  console.log(`${change.file}:${of.line}  ${change.mutator}  ${status}`)
  return { ...change, line: of.line, status }
}

interface Chosen {
  readonly of: KernelMutant
  readonly change: Change
}

const all = files.flatMap((file) => mutantsOf(file, read(file)))
const seed = Number(values.seed)
const size = Number(values.sample)
const resultsFile = "test/mutants/results.json"
const lastResults = Schema.decodeSync(Results)(read(resultsFile))
const open = new Set(lastResults.mutants.map(keyOf))
const chosen = values.again
  ? all.filter(({ change }) => open.has(keyOf(change)))
  : sampleOfArea(all, { size, seed, most: size })

const copy = mkdtempSync(join(tmpdir(), "rethread-kernel-mutants-"))
const tried: Array<Tried> = []
try {
  for (const part of ["src", "test", "fixtures", "package.json", "tsconfig.json", "vitest.config.ts"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  const before = performance.now()
  if (tested(copy, original, 10 * leastTime) !== "survived") throw new Error("the tests fail without any mutant")
  const time = Math.max(leastTime, 2 * Math.ceil(performance.now() - before))
  for (const mutant of chosen) tried.push(await tryOne(copy, mutant, time))
} finally {
  rmSync(copy, { recursive: true, force: true })
}

const judged = new Map(
  Schema.decodeSync(Judged)(read("test/mutants/judged.json")).map((judgement) => [keyOf(judgement), judgement])
)
const population = Object.fromEntries(
  files.map((file) => [file, all.filter(({ change }) => change.file === file).length])
)
const found = resultsOf(seed, population, tried)
const results = values.write ? merged(lastResults, found, values.again) : found

for (const mutant of found.mutants) {
  const judgement = judged.get(keyOf(mutant))
  const verdict = judgement === undefined ? mutant.status : `${judgement.verdict}: ${judgement.why}`
  console.log(`${mutant.file}:${mutant.line}  ${mutant.mutator}  ${verdict}`)
  console.log(`  - ${mutant.original}\n  + ${mutant.replacement}`)
}
const score = tallyOf(results, judged, (file) => files.includes(file))
console.table([
  ...files.map((file) => ({ file, ...tallyOf(results, judged, (other) => other === file) })),
  { file: "all", ...score }
])
if (values.write) writeFileSync(join(root, resultsFile), `${JSON.stringify(results, null, 2)}\n`)
if (score.score < leastScore) process.exitCode = 1
