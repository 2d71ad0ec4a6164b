/**
 * Each server's own copy of a home. Genuine servers append to the rollouts they open, and forks leave files: before each
 * run a copy gets its rollouts back, byte for byte, with their times.
 */
import {
  appendFileSync,
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync
} from "node:fs"
import { dirname, join } from "node:path"
import { type Input, oneMoreTurn } from "./inputs.ts"
import type { Usage } from "./rollouts.ts"

/** What a server must find in the one rollout of a home. */
export interface Expected {
  readonly threadId: string
  readonly turns: number
  readonly lastTurnId: string
  readonly usage: Usage
  readonly bytes: number
}

export interface HomeCopy {
  readonly directory: string
  readonly input: Input
}

const kept = new Set(["config.toml", "sessions"])
const sampleBytes = 64 << 10

const put = (copy: HomeCopy, path: string): void => {
  const target = join(copy.directory, path)
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(join(copy.input.directory, path), target, constants.COPYFILE_FICLONE)
}

const sample = (path: string, position: number): Buffer => {
  const buffer = Buffer.alloc(sampleBytes)
  const file = openSync(path, "r")
  const size = readSync(file, buffer, 0, sampleBytes, position)
  closeSync(file)
  return buffer.subarray(0, size)
}

/** The same first and last bytes: a server that appended, and nothing else, left these as they were. */
const hasSameEnds = (a: string, b: string, bytes: number): boolean =>
  [0, Math.max(0, bytes - sampleBytes)].every((position) => sample(a, position).equals(sample(b, position)))

/** Gives the rollouts back as they were made, and removes those that came later. */
export const restore = (copy: HomeCopy): void => {
  const own = new Set(copy.input.rollouts.map(({ path }) => path))
  for (const folder of ["sessions", "archived_sessions"]) {
    const directory = join(copy.directory, folder)
    for (const entry of folderEntries(directory)) {
      if (entry.isFile() && !own.has(join(entry.parentPath, entry.name).slice(copy.directory.length + 1))) {
        rmSync(join(entry.parentPath, entry.name))
      }
    }
  }
  for (const { modifiedAt, path, summary } of copy.input.rollouts) {
    const target = join(copy.directory, path)
    const found = statSync(target, { throwIfNoEntry: false })
    if (found?.size === summary.bytes && found.mtimeMs === modifiedAt) continue
    if (found === undefined || found.size < summary.bytes) put(copy, path)
    else truncateSync(target, summary.bytes)
    if (!hasSameEnds(join(copy.input.directory, path), target, summary.bytes)) put(copy, path)
    utimesSync(target, modifiedAt / 1000, modifiedAt / 1000)
  }
}

const folderEntries = (directory: string) =>
  statSync(directory, { throwIfNoEntry: false }) === undefined
    ? []
    : readdirSync(directory, { recursive: true, withFileTypes: true })

/** Removes all that servers keep beside the rollouts: databases, catalogs, locks. */
export const forget = (copy: HomeCopy): void => {
  for (const name of readdirSync(copy.directory)) {
    if (!kept.has(name)) rmSync(join(copy.directory, name), { recursive: true, force: true })
  }
}

export const copyOf = (input: Input, directory: string): HomeCopy => {
  const copy = { directory, input }
  put(copy, "config.toml")
  for (const { modifiedAt, path } of input.rollouts) {
    put(copy, path)
    utimesSync(join(directory, path), modifiedAt / 1000, modifiedAt / 1000)
  }
  return copy
}

/** The one rollout of the home, as it was made. */
export const expected = (input: Input): Expected => {
  const [rollout] = input.rollouts
  const { threadId = "", summary } = rollout ?? {}
  const nothing = { turns: 0, lastTurnId: "", bytes: 0 }
  const { bytes, lastTurnId, turns } = summary ?? nothing
  const usage = summary?.totalUsage ?? {
    input_tokens: 0,
    cached_input_tokens: 0,
    output_tokens: 0,
    reasoning_output_tokens: 0,
    total_tokens: 0
  }
  return { threadId, turns, lastTurnId, usage, bytes }
}

/** Appends a turn to the one rollout of the home, as a writer elsewhere would. */
export const grow = (copy: HomeCopy): Expected => {
  const before = expected(copy.input)
  const { summary, text } = oneMoreTurn(before.threadId)
  for (const { path } of copy.input.rollouts) appendFileSync(join(copy.directory, path), text)
  return {
    threadId: before.threadId,
    turns: before.turns + summary.turns,
    lastTurnId: summary.lastTurnId,
    usage: summary.totalUsage,
    bytes: before.bytes + Buffer.byteLength(text)
  }
}
