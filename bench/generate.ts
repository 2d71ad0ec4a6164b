/**
 * Writes the inputs of the benchmarks, the same bytes for the same arguments on every machine.
 *
 *     node bench/generate.ts --mb 500 --out FILE [--kind KIND] [--line-mb 100] [--seed N]
 *     node bench/generate.ts --mb 100 --home DIR [--kind KIND] …     the same, where Codex would put it
 *     node bench/generate.ts --sessions 10000 --home DIR [--kb 10-50] [--seed N]
 *
 * Prints one JSON object: what was written, and what a reader must find at the end of it.
 */
import { closeSync, mkdirSync, openSync, utimesSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { type Chance, makeChance } from "./lib/chance.ts"
import { type Kind, kinds, makeRollout, type RolloutOptions, type RolloutSummary } from "./lib/rollouts.ts"

const chunkBytes = 4 << 20
const newest = Date.UTC(2026, 0, 5, 9)
const day = 86_400_000

const fail = (message: string): never => {
  console.error(message)
  console.error("usage: node bench/generate.ts --mb N (--out FILE | --home DIR) [--kind KIND] [--line-mb N] [--seed N]")
  console.error("       node bench/generate.ts --sessions N --home DIR [--kb LOW-HIGH] [--seed N]")
  console.error(`kinds: ${kinds.join(", ")}`)
  process.exit(1)
}

const rolloutPath = (home: string, startedAt: number, threadId: string) => {
  const time = new Date(startedAt).toISOString().slice(0, 19)
  const folder = join(home, "sessions", ...time.slice(0, 10).split("-"))
  return join(folder, `rollout-${time.replaceAll(":", "-")}-${threadId}.jsonl`)
}

const write = (path: string, chance: Chance, options: RolloutOptions): RolloutSummary => {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, "w")
  const lines = makeRollout(chance, options)
  let chunk: Array<string> = []
  let size = 0
  const flush = () => {
    if (chunk.length > 0) writeSync(file, chunk.join(""))
    chunk = []
    size = 0
  }
  for (let step = lines.next(); ; step = lines.next()) {
    if (step.done === true) {
      flush()
      closeSync(file)
      return step.value
    }
    chunk.push(step.value)
    size += step.value.length
    if (size > chunkBytes) flush()
  }
}

const { values } = parseArgs({
  options: {
    mb: { type: "string" },
    out: { type: "string" },
    home: { type: "string" },
    kind: { type: "string", default: "events" },
    "line-mb": { type: "string", default: "100" },
    sessions: { type: "string" },
    kb: { type: "string", default: "10-50" },
    seed: { type: "string", default: "1" }
  }
})

const numberOf = (name: string, text: string | undefined): number => {
  const value = Number(text)
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : fail(`--${name} must be a number above 0`)
}
const isKind = (text: string): text is Kind => kinds.some((kind) => kind === text)
const kind = isKind(values.kind) ? values.kind : fail(`there is no kind ${values.kind}`)
const chance = makeChance(numberOf("seed", values.seed))

const oneRollout = () => {
  const threadId = chance.uuid(newest)
  const home = values.home === undefined ? undefined : rolloutPath(values.home, newest, threadId)
  const path = values.out ?? home ?? fail("where to? --out FILE or --home DIR")
  const summary = write(path, chance, {
    kind,
    threadId,
    startedAt: newest,
    bytes: numberOf("mb", values.mb) * 1e6,
    lineBytes: numberOf("line-mb", values["line-mb"]) * 1e6,
    small: false
  })
  console.log(JSON.stringify({ path, threadId, kind, ...summary }))
}

/** Many small sessions, the newest first, over at most 120 days. */
const manySessions = (count: number, home: string) => {
  const [low = 0, high = 0] = values.kb.split("-").map((text) => numberOf("kb", text))
  const interval = Math.floor(day / Math.max(5, Math.ceil(count / 120)))
  let bytes = 0
  let lines = 0
  const threadIds = Array.from({ length: count }, (_, index) => {
    const startedAt = newest - index * interval
    const threadId = chance.uuid(startedAt)
    const path = rolloutPath(home, startedAt, threadId)
    const size = chance.between(low * 1000, high * 1000)
    const summary = write(path, chance, { kind, threadId, startedAt, bytes: size, lineBytes: 0, small: true })
    const modifiedAt = startedAt / 1000 + 600
    utimesSync(path, modifiedAt, modifiedAt)
    bytes += summary.bytes
    lines += summary.lines
    return threadId
  })
  console.log(
    JSON.stringify({ home, kind, sessions: count, bytes, lines, newest: threadIds[0], oldest: threadIds.at(-1) })
  )
}

if (values.sessions === undefined) oneRollout()
else manySessions(numberOf("sessions", values.sessions), values.home ?? fail("--sessions needs --home DIR"))
