/**
 * Rollouts on disk, where Codex would put them, and what a reader must find in them. The same arguments give the same
 * bytes on every machine.
 */
import { closeSync, mkdirSync, openSync, utimesSync, writeFileSync, writeSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { type Chance, makeChance } from "./chance.ts"
import { type Kind, makeRollout, type RolloutOptions, type RolloutSummary } from "./rollouts.ts"

/** When the newest thread began, in Unix milliseconds. */
export const newest = Date.UTC(2026, 0, 5, 9)
const day = 86_400_000
const chunkBytes = 4 << 20

/** A provider that nothing listens behind: no job takes a live turn, and no server needs a network. */
const config = `model = "mock-model"
model_provider = "mock_provider"
approval_policy = "never"
sandbox_mode = "read-only"
[model_providers.mock_provider]
name = "Mock"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
`

/** A rollout in a home. */
export interface Rollout {
  /** Relative to the home. */
  readonly path: string
  readonly threadId: string
  readonly summary: RolloutSummary
  /** Unix milliseconds. */
  readonly modifiedAt: number
}

/** A home as it was made. Servers work on copies. */
export interface Input {
  readonly name: string
  readonly directory: string
  /** The newest first. */
  readonly rollouts: ReadonlyArray<Rollout>
  readonly bytes: number
}

/** Where Codex would put a rollout. */
export const rolloutPath = (home: string, startedAt: number, threadId: string): string => {
  const time = new Date(startedAt).toISOString().slice(0, 19)
  const folder = join(home, "sessions", ...time.slice(0, 10).split("-"))
  return join(folder, `rollout-${time.replaceAll(":", "-")}-${threadId}.jsonl`)
}

/** Writes one rollout, a few megabytes at a time. */
export const writeRollout = (path: string, chance: Chance, options: RolloutOptions): RolloutSummary => {
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

/** Writes many small sessions, the newest first, over at most 120 days. */
export const writeSessions = (
  home: string,
  chance: Chance,
  options: { readonly count: number; readonly kind: Kind; readonly low: number; readonly high: number }
): ReadonlyArray<Rollout> => {
  const interval = Math.floor(day / Math.max(5, Math.ceil(options.count / 120)))
  return Array.from({ length: options.count }, (_, index) => {
    const startedAt = newest - index * interval
    const threadId = chance.uuid(startedAt)
    const path = rolloutPath(home, startedAt, threadId)
    const bytes = chance.between(options.low, options.high)
    const summary = writeRollout(path, chance, {
      kind: options.kind,
      threadId,
      startedAt,
      bytes,
      lineBytes: 0,
      small: true
    })
    const modifiedAt = startedAt + 600_000
    utimesSync(path, modifiedAt / 1000, modifiedAt / 1000)
    return { path: relative(home, path), threadId, summary, modifiedAt }
  })
}

const inputOf = (name: string, directory: string, rollouts: ReadonlyArray<Rollout>): Input => {
  writeFileSync(join(directory, "config.toml"), config)
  return { name, directory, rollouts, bytes: rollouts.reduce((sum, { summary }) => sum + summary.bytes, 0) }
}

/** A home with one rollout. */
export const makeFileHome = (name: string, directory: string, megabytes: number, kind: Kind): Input => {
  const chance = makeChance(1)
  const threadId = chance.uuid(newest)
  const path = rolloutPath(directory, newest, threadId)
  const bytes = megabytes * 1e6
  const summary = writeRollout(path, chance, { kind, threadId, startedAt: newest, bytes, lineBytes: 0, small: false })
  const modifiedAt = newest + 600_000
  utimesSync(path, modifiedAt / 1000, modifiedAt / 1000)
  return inputOf(name, directory, [{ path: relative(directory, path), threadId, summary, modifiedAt }])
}

/** A home with many sessions of 10 to 50 KB. */
export const makeSessionsHome = (name: string, directory: string, count: number): Input => {
  const options = { count, kind: "events", low: 10_000, high: 50_000 } as const
  return inputOf(name, directory, writeSessions(directory, makeChance(1), options))
}

/** One more turn for the end of a rollout of kind `events`: its lines, and the usage that it records. */
export const oneMoreTurn = (threadId: string): { readonly text: string; readonly summary: RolloutSummary } => {
  const options = { kind: "events", threadId, startedAt: newest + day, bytes: 1, lineBytes: 0, small: true } as const
  const lines = makeRollout(makeChance(2), options)
  const texts: Array<string> = []
  for (let step = lines.next(); ; step = lines.next()) {
    if (step.done === true) return { text: texts.slice(1).join(""), summary: step.value }
    texts.push(step.value)
  }
}
