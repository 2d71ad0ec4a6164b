/**
 * What lies in a Codex home besides its rollouts, and whether it belongs there: the index of names, the configuration,
 * files that no program reads, what a writer that died left behind.
 */
import { Effect, FileSystem, Path, type PlatformError, Result, Stream } from "effect"
import { parseThreadId } from "../domain/Ids.ts"
import { isRecord, own, parseExact } from "../domain/Json.ts"
import { type Finding, finding, type Place } from "../domain/Finding.ts"
import { makeLineScanner, type RawLine } from "../domain/LineScanner.ts"
import { parseRolloutFileName } from "../layers/codex-home/RolloutFileName.ts"
import { ServerConfig } from "../services/ServerConfig.ts"

/** A file of the home, or the home itself, with what was found. */
export interface FileReport {
  readonly path: string
  readonly findings: ReadonlyArray<Finding>
}

const folders = ["sessions", "archived_sessions"]
const concurrency = 4

const isMissing = (error: PlatformError.PlatformError): boolean => error.reason._tag === "NotFound"

const unreadable = (path: string, error: PlatformError.PlatformError): FileReport => ({
  path,
  findings: [finding("unreadable", null, error.message)]
})

/** What a file among the rollouts is found to be, by its name alone. */
const ofName = (path: string, name: string, siblings: ReadonlySet<string>): ReadonlyArray<FileReport> => {
  const rollout = parseRolloutFileName(name)
  if (rollout === undefined) {
    const kind = /^\.rethread-.*\.tmp$/.test(name) ? "leftover" : "strayFile"
    const detail = kind === "leftover" ? "a file that was not finished" : "it is not named like a rollout"
    return [{ path, findings: [finding(kind, null, detail)] }]
  }
  const plain = name.replace(/\.zst$/, "")
  return rollout.compressed && siblings.has(plain)
    ? [{ path, findings: [finding("hidden", null, `the plain ${plain} lies beside it`)] }]
    : []
}

const make = Effect.fnUntraced(function* (home: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  const walk = (folder: string): Effect.Effect<ReadonlyArray<FileReport>> =>
    Effect.gen(function* () {
      const entries = yield* fs.readDirectoryEntries(folder)
      const names = new Set(entries.map(({ name }) => name))
      const here = entries
        .filter(({ type }) => type === "File")
        .flatMap(({ name }) => ofName(path.join(folder, name), name, names))
      const below = yield* Effect.forEach(
        entries.filter(({ type }) => type === "Directory"),
        ({ name }) => walk(path.join(folder, name)),
        { concurrency }
      )
      return [...here, ...below.flat()]
    }).pipe(Effect.catch((error) => Effect.succeed(isMissing(error) ? [] : [unreadable(folder, error)])))

  const lineFinding = (raw: RawLine, known: ReadonlySet<string>): Finding | null => {
    const at: Place = { line: raw.line, offset: raw.offset, length: raw.length }
    const text = raw.bytes === null ? "" : new TextDecoder().decode(raw.bytes)
    if (raw.bytes !== null && text.trim() === "") return null
    const parsed = parseExact(text)
    if (parsed._tag === "None" || !isRecord(parsed.value)) return finding("indexLine", at, "not a JSON object")
    const id = own(parsed.value, "id")
    const threadId = typeof id === "string" ? parseThreadId(id) : undefined
    if (threadId === undefined || Result.isFailure(threadId)) return finding("indexLine", at, "no thread's `id`")
    if (typeof own(parsed.value, "thread_name") !== "string") return finding("indexLine", at, "no `thread_name`")
    return known.has(threadId.success) ? null : finding("indexOrphan", at, `thread ${threadId.success}`)
  }

  const index = (known: ReadonlySet<string>) =>
    Effect.gen(function* () {
      const file = path.join(home, "session_index.jsonl")
      const scanner = makeLineScanner()
      const findings: Array<Finding> = []
      const visit = (raw: RawLine) => {
        const found = lineFinding(raw, known)
        if (found !== null) findings.push(found)
      }
      yield* Stream.runForEach(fs.stream(file), (chunk) => Effect.sync(() => scanner.push(chunk, visit)))
      scanner.finish(visit)
      return findings.length === 0 ? [] : [{ path: file, findings }]
    }).pipe(
      Effect.catch((error) =>
        Effect.succeed(isMissing(error) ? [] : [unreadable(path.join(home, "session_index.jsonl"), error)])
      )
    )

  const locks = (known: ReadonlySet<string>) =>
    Effect.gen(function* () {
      const folder = path.join(home, "thread-writer-locks")
      const names = yield* fs.readDirectory(folder)
      return names
        .filter((name) => name.endsWith(".lock") && !name.startsWith(".") && !known.has(name.slice(0, -5)))
        .map((name): FileReport => ({
          path: path.join(folder, name),
          findings: [finding("leftover", null, "the lock of a thread that is not here")]
        }))
    }).pipe(Effect.orElseSucceed((): ReadonlyArray<FileReport> => []))

  const config = Effect.gen(function* () {
    const warnings = yield* ServerConfig.use((config) => config.warnings)
    const findings = warnings.map(({ details, summary }) =>
      finding("config", null, details === null ? summary : `${summary}: ${details}`)
    )
    return findings.length === 0 ? [] : [{ path: path.join(home, "config.toml"), findings }]
  })

  return { walk, index, locks, config }
})

/** Everything about the home but its rollouts; `known` are the threads that it has. */
export const inspect = Effect.fnUntraced(function* (home: string, known: ReadonlySet<string>) {
  const path = yield* Path.Path
  const look = yield* make(home)
  const found = [
    yield* look.config,
    yield* look.index(known),
    yield* look.locks(known),
    ...(yield* Effect.forEach(folders, (folder) => look.walk(path.join(home, folder))))
  ]
  return found.flat()
})
