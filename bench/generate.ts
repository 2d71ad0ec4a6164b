/**
 * Writes the inputs of the benchmarks, the same bytes for the same arguments on every machine.
 *
 *     node bench/generate.ts --mb 500 --out FILE [--kind KIND] [--line-mb 100] [--seed N]
 *     node bench/generate.ts --mb 100 --home DIR [--kind KIND] …     the same, where Codex would put it
 *     node bench/generate.ts --sessions 10000 --home DIR [--kb 10-50] [--seed N]
 *
 * Prints one JSON object: what was written, and what a reader must find at the end of it.
 */
import { parseArgs } from "node:util"
import { makeChance } from "./lib/chance.ts"
import { newest, rolloutPath, writeRollout, writeSessions } from "./lib/inputs.ts"
import { type Kind, kinds } from "./lib/rollouts.ts"

const fail = (message: string): never => {
  console.error(message)
  console.error("usage: node bench/generate.ts --mb N (--out FILE | --home DIR) [--kind KIND] [--line-mb N] [--seed N]")
  console.error("       node bench/generate.ts --sessions N --home DIR [--kb LOW-HIGH] [--seed N]")
  console.error(`kinds: ${kinds.join(", ")}`)
  process.exit(1)
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
  const summary = writeRollout(path, chance, {
    kind,
    threadId,
    startedAt: newest,
    bytes: numberOf("mb", values.mb) * 1e6,
    lineBytes: numberOf("line-mb", values["line-mb"]) * 1e6,
    small: false
  })
  console.log(JSON.stringify({ path, threadId, kind, ...summary }))
}

const manySessions = (count: number, home: string) => {
  const [low = 0, high = 0] = values.kb.split("-").map((text) => numberOf("kb", text) * 1000)
  const rollouts = writeSessions(home, chance, { count, kind, low, high })
  const sum = (key: "bytes" | "lines") => rollouts.reduce((total, { summary }) => total + summary[key], 0)
  const ends = { newest: rollouts[0]?.threadId, oldest: rollouts.at(-1)?.threadId }
  console.log(JSON.stringify({ home, kind, sessions: count, bytes: sum("bytes"), lines: sum("lines"), ...ends }))
}

if (values.sessions === undefined) oneRollout()
else manySessions(numberOf("sessions", values.sessions), values.home ?? fail("--sessions needs --home DIR"))
