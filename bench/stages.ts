/**
 * Where the time of a first reading goes: what each stage of restoring adds, in a process that does it for the first time
 * and in one that has done it before.
 *
 *     node bench/stages.ts [--megabytes 100] [--runs 5]
 *
 * Each run is a process of its own that goes through the same rollout ten times; printed are the medians of the first and
 * of the tenth time, in milliseconds. Reading is synchronous here, so nothing overlaps.
 */
import { Result } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { parseThreadId } from "../src/domain/Ids.ts"
import { makeLineScanner, type Skim } from "../src/domain/LineScanner.ts"
import { printTurns } from "../src/domain/PrintedTurns.ts"
import { readLine } from "../src/domain/RolloutLine.ts"
import * as SessionProjection from "../src/domain/SessionProjection.ts"
import { fileEnds } from "../src/layers/codex-home/FileEnds.ts"
import * as SessionGlimpse from "../src/services/SessionGlimpse.ts"
import { makeFileHome } from "./lib/inputs.ts"
import { eachBlock } from "./lib/limits.ts"
import { machine, machineText } from "./lib/machine.ts"
import { median } from "./lib/results.ts"

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "100" },
    runs: { type: "string", default: "5" },
    stage: { type: "string" },
    file: { type: "string" },
    thread: { type: "string" }
  }
})

const times = 10
const scan = (path: string, skim: Skim): void => {
  const scanner = makeLineScanner()
  eachBlock(path, (block) => scanner.push(block, () => {}, skim))
}

const fold = (path: string): SessionProjection.ProjectedSession | undefined => {
  let projection: SessionProjection.SessionProjection | undefined
  const scanner = makeLineScanner()
  const skim: Skim = (lines, count) => projection?.skim(lines, count, 0) ?? 0
  eachBlock(path, (block) => {
    scanner.push(
      block,
      (raw) => {
        const read = readLine(raw)
        if (read.line?.record._tag === "SessionMeta") {
          projection ??= SessionProjection.make(read.line.record.meta, "legacy")
        }
        projection?.step(read, 0)
      },
      skim
    )
  })
  return projection?.result()
}

const stages: Readonly<Record<string, (path: string) => unknown>> = {
  "read the file": (path) => eachBlock(path, () => {}),
  "and look over its lines": (path) => scan(path, (_, count) => count),
  "and fold them into a session": fold,
  "and print its turns": (path) =>
    printTurns({ turns: fold(path)?.turns.map(({ turn }) => turn) ?? [] }, (value) => JSON.stringify(value)),
  "the ends alone, for a client without turns": (path) => {
    const threadId = Result.getOrThrow(parseThreadId(values.thread ?? ""))
    const ref = { threadId, path, archived: false, segmentId: null }
    const isSeen = SessionGlimpse.lengths.some((length) => {
      const ends = fileEnds(path, length)
      return ends !== null && SessionGlimpse.glimpse(ref, ends) !== null
    })
    if (!isSeen) throw new Error("the ends tell nothing")
  }
}

/** The times of one process, in milliseconds. */
const measure = (stage: string, path: string): ReadonlyArray<number> => {
  const run = stages[stage]
  if (run === undefined) throw new Error(`there is no stage "${stage}"`)
  return Array.from({ length: times }, () => {
    const start = performance.now()
    run(path)
    return performance.now() - start
  })
}

const report = (directory: string): void => {
  const { rollouts } = makeFileHome("stages", directory, Number(values.megabytes), "events")
  const [rollout] = rollouts
  const path = join(directory, rollout?.path ?? "")
  const thread = rollout?.threadId ?? ""
  console.log(`${values.megabytes} MB on ${machineText(machine())}, median of ${values.runs} processes\n`)
  console.log("| stage | first time | tenth time |\n| --- | --- | --- |")
  for (const stage of Object.keys(stages)) {
    const runs = Array.from({ length: Number(values.runs) }, (): ReadonlyArray<number> => {
      const child = spawnSync(process.execPath, [
        import.meta.filename,
        "--stage",
        stage,
        "--file",
        path,
        "--thread",
        thread
      ])
      if (child.status !== 0) throw new Error(child.stderr.toString())
      return child.stdout.toString().split(" ").map(Number)
    })
    const at = (index: number) => median(runs.flatMap((run) => run[index] ?? []))?.toPrecision(3)
    console.log(`| ${stage} | ${at(0)} ms | ${at(times - 1)} ms |`)
  }
}

if (values.stage !== undefined) process.stdout.write(measure(values.stage, values.file ?? "").join(" "))
else {
  const directory = mkdtempSync(join(tmpdir(), "rethread-stages-"))
  try {
    report(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
