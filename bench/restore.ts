/**
 * How fast a rollout becomes a restored session, and in how much memory: through the real program, `rethread app-server`
 * over stdio, one fresh process a run.
 *
 *     npm run bench [-- --mb 500 --runs 3]
 *
 * Prints the machine, the inputs and a table: median time, rate, the largest size of the process (`VmHWM`, where the
 * system tells it). Beside them, what the machine needs to read the file and to find its line ends.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Option, Schema } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { isRecord, type JsonRecord, own, parseExact } from "../src/domain/Json.ts"
import { makeLineScanner } from "../src/domain/LineScanner.ts"

const root = join(import.meta.dirname, "..")
const { values } = parseArgs({
  options: { mb: { type: "string", default: "500" }, runs: { type: "string", default: "3" } }
})
const megabytes = Number(values.mb)
const runs = Number(values.runs)

class BenchFailed extends Schema.TaggedError<BenchFailed>()("BenchFailed", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

interface Input {
  readonly home: string
  readonly path: string
  readonly threadId: string
  readonly bytes: number
}

const generate = (work: string, name: string, ...args: ReadonlyArray<string>): Input => {
  const home = join(work, name)
  const printed = execFileSync(process.execPath, [join(root, "bench/generate.ts"), "--home", home, ...args], {
    encoding: "utf8"
  })
  const made = Option.getOrNull(parseExact(printed))
  const text = (key: string) => String(isRecord(made) ? own(made, key) : "")
  return { home, path: text("path"), threadId: text("threadId"), bytes: Number(text("bytes")) }
}

interface Measured {
  readonly ms: number
  readonly peakMb: number
  readonly response: JsonRecord
  readonly bytes: number
}

const peakOf = (pid: number | undefined): number => {
  const status = `/proc/${pid}/status`
  if (pid === undefined || !existsSync(status)) return Number.NaN
  const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(status, "utf8"))
  return match === null ? Number.NaN : Number(match[1]) / 1024
}

/** Starts the program on a home, asks one thing, and measures from the request to the last byte of its answer. */
const ask = (input: Input, method: string, params: JsonRecord): Effect.Effect<Measured, BenchFailed> =>
  Effect.callback((resume) => {
    const program = join(root, "bin/rethread.mjs")
    const child = spawn(process.execPath, [program, "app-server", "--codex-home", input.home], {
      stdio: ["pipe", "pipe", "inherit"]
    })
    let started = 0
    const send = (message: JsonRecord) => child.stdin.write(`${JSON.stringify(message)}\n`)
    createInterface({ input: child.stdout }).on("line", (line) => {
      const ended = performance.now()
      const head = line.slice(0, 40)
      if (head.startsWith('{"id":1,')) {
        started = ended
        send({ id: 2, method, params })
      } else if (head.startsWith('{"id":2,') || head.includes('"error"')) {
        const peakMb = peakOf(child.pid)
        child.stdin.end()
        const response = Option.getOrNull(parseExact(line))
        const done = isRecord(response) && isRecord(own(response, "result"))
        child.once("exit", () =>
          resume(
            done
              ? Effect.succeed({ ms: ended - started, peakMb, response, bytes: line.length })
              : Effect.fail(new BenchFailed({ reason: `${method} was answered ${line.slice(0, 300)}` }))
          )
        )
      }
    })
    send({
      id: 1,
      method: "initialize",
      params: { clientInfo: { name: "bench", version: "0" }, capabilities: { experimentalApi: true } }
    })
    return Effect.sync(() => child.kill())
  })

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

const row = (job: string, ms: ReadonlyArray<number>, bytes: number, peakMb: number, note: string) => {
  const time = median(ms)
  const cells = [
    job.padEnd(44),
    `${time.toFixed(0)} ms`.padStart(9),
    `${Math.min(...ms).toFixed(0)}–${Math.max(...ms).toFixed(0)}`.padStart(12),
    `${(bytes / 1e6 / (time / 1000)).toFixed(0)} MB/s`.padStart(11),
    (Number.isNaN(peakMb) ? "?" : `${peakMb.toFixed(0)} MB`).padStart(8)
  ]
  return Console.log(`${cells.join("  ")}  ${note}`)
}

const measure = Effect.fnUntraced(function* (job: string, input: Input, method: string, params: JsonRecord) {
  const results: Array<Measured> = []
  for (let run = 0; run < runs; run++) results.push(yield* ask(input, method, { threadId: input.threadId, ...params }))
  const peak = Math.max(...results.map((result) => result.peakMb))
  const answer = results[0]
  yield* row(
    job,
    results.map((result) => result.ms),
    input.bytes,
    peak,
    answer === undefined ? "" : `answer ${(answer.bytes / 1e6).toFixed(1)} MB`
  )
})

/** The floor: what the machine needs for the file alone. */
const floor = (input: Input, scan: boolean): number => {
  const started = performance.now()
  const file = openSync(input.path, "r")
  const buffer = Buffer.allocUnsafe(256 * 1024)
  const scanner = makeLineScanner()
  for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer)) {
    if (scan) scanner.push(buffer.subarray(0, size), () => {})
  }
  closeSync(file)
  return performance.now() - started
}

const bench = Effect.gen(function* () {
  const work = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "rethread-bench-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const cpu = cpus()
  yield* Console.log(
    `machine: ${cpu.length} × ${cpu[0]?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform}, Node ${process.version}`
  )
  yield* Console.log(
    `inputs:  bench/generate.ts, ${megabytes} MB of event-style history; one with a line of 100 MB; ${runs} runs each\n`
  )
  const big = generate(work, "big", "--mb", String(megabytes))
  const giant = generate(work, "giant", "--mb", "20", "--kind", "giant-line", "--line-mb", "100")
  yield* Console.log(
    `${"job".padEnd(44)}  ${"median".padStart(9)}  ${"min–max".padStart(12)}  ${"rate".padStart(11)}  ${"peak".padStart(8)}`
  )
  const repeat = (scan: boolean) => Array.from({ length: runs }, () => floor(big, scan))
  yield* row("the machine: read the file", repeat(false), big.bytes, Number.NaN, "")
  yield* row("the machine: read it and find line ends", repeat(true), big.bytes, Number.NaN, "")
  yield* measure("thread/resume, cold, without turns", big, "thread/resume", { excludeTurns: true })
  yield* measure("thread/resume, cold, all turns", big, "thread/resume", {})
  yield* measure("thread/read, all turns", big, "thread/read", { includeTurns: true })
  yield* measure("thread/fork, without turns", big, "thread/fork", { excludeTurns: true })
  yield* measure("thread/resume, a line of 100 MB in the file", giant, "thread/resume", {})
})

bench.pipe(Effect.scoped, NodeRuntime.runMain)
