/**
 * Adds up what suites report: `node scripts/sum-tests.ts FOLDER SUITE…` prints "N passed, N failed" as its last line.
 * `SUITE.json` is vitest's report; `SUITE.txt` is what another runner printed, with such a line of its own at the end. A
 * suite without a report, with a report that cannot be read, or without a single test fails the run; a test file that
 * could not even be loaded counts as one failed test.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { isRecord } from "./lib/sources.ts"

const list = (value: unknown): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  Array.isArray(value) ? value.filter(isRecord) : []

const [folder = "", ...suites] = process.argv.slice(2)
const sum = { passed: 0, failed: 0, other: 0 }
const problems: Array<string> = []

const addPrinted = (suite: string, text: string): void => {
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(text.trimEnd().split("\n").at(-1) ?? "") ?? []
  sum.passed += Number(passed ?? 0)
  sum.failed += Number(failed ?? 0)
  if (Number(passed ?? 0) === 0) problems.push(`${suite}: no test passed`)
}

for (const suite of suites) {
  const name = suite.replaceAll(":", "-")
  const printed = join(folder, `${name}.txt`)
  if (existsSync(printed)) {
    addPrinted(suite, readFileSync(printed, "utf8"))
    continue
  }
  const path = join(folder, `${name}.json`)
  let report: unknown
  try {
    report = JSON.parse(readFileSync(path, "utf8"))
  } catch (error) {
    problems.push(`${suite}: no report: ${String(error)}`)
    continue
  }
  let tests = 0
  for (const file of list(isRecord(report) ? report["testResults"] : undefined)) {
    const results = list(file["assertionResults"])
    const failures = results.filter((result) => result["status"] === "failed").length
    const passes = results.filter((result) => result["status"] === "passed").length
    tests += results.length
    sum.passed += passes
    sum.failed += file["status"] === "failed" ? Math.max(failures, 1) : failures
    sum.other += results.length - passes - failures
  }
  if (tests === 0) problems.push(`${suite}: no test ran`)
  if (!isRecord(report) || report["success"] !== true) problems.push(`${suite}: the runner reports a failure`)
}

for (const problem of problems) console.log(problem)
if (sum.other > 0) console.log(`${sum.other} skipped`)
console.log(`${sum.passed} passed, ${sum.failed} failed`)
if (problems.length > 0 || sum.failed > 0 || sum.passed === 0) process.exitCode = 1
