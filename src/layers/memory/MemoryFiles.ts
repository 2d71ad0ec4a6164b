/**
 * Files in memory: what the memory store keeps its rollouts in, and what lets a test be the other
 * program that writes to the home, or the disk that fails.
 */
import { Clock, Context, Effect } from "effect"
import type { RolloutWriteFailed } from "../../services/RolloutWriter.ts"
import { writeFailure } from "../codex-home/LineWriter.ts"

/** A file to start with. `path` is relative to the home (`sessions/…`, `archived_sessions/…`), or absolute. */
export interface MemoryFile {
  readonly path: string
  readonly content: string | Uint8Array
  /** Unix milliseconds; default: now. */
  readonly modifiedAt?: number | undefined
}

/** How an append fails that a test wants to fail. */
export interface AppendFault {
  readonly reason: Exclude<RolloutWriteFailed["reason"], "broken" | "busy" | "changed">
  /** Lines that still go through; the append with the first one more fails, as a whole. Default 0. */
  readonly afterLines?: number | undefined
  /** Leaves behind what was written before it failed: that line is torn. Default: all is taken back. */
  readonly torn?: boolean | undefined
}

/** The files behind the memory store. */
export class MemoryFiles extends Context.Service<
  MemoryFiles,
  {
    /** Creates or replaces a file. */
    readonly write: (file: MemoryFile) => Effect.Effect<void>
    /** Adds to the end of a file, creating it when it is missing. */
    readonly append: (path: string, content: string | Uint8Array) => Effect.Effect<void>
    readonly remove: (path: string) => Effect.Effect<void>
    /** Makes one append to a file fail, and break the writer that asked for it; the next writer is well again. */
    readonly failAppends: (path: string, fault: AppendFault) => Effect.Effect<void>
    /** Every file's absolute path and bytes. */
    readonly snapshot: Effect.Effect<ReadonlyMap<string, Uint8Array>>
  }
>()("rethread/layers/memory/MemoryFiles") {}

/** A file's bytes, and what tells whether it is another one now, or the same with other bytes. */
export interface StoredFile {
  readonly bytes: Uint8Array
  readonly modifiedAt: number
  readonly revision: number
  /** Stays while the file does, whatever is written to it. */
  readonly identity: number
}

/** The table of files. All paths are absolute. */
export interface FileTable {
  readonly get: (file: string) => StoredFile | undefined
  readonly has: (file: string) => boolean
  readonly names: () => ReadonlyArray<string>
  readonly put: (file: string, content: string | Uint8Array, modifiedAt?: number) => Effect.Effect<void>
  readonly remove: (file: string) => void
  /** Gives a file another name, which is free. */
  readonly rename: (from: string, to: string) => void
  /** Adds bytes to a file that must be the one it was, unless a test wants that to fail. */
  readonly append: (file: string, identity: number, content: Uint8Array) => Effect.Effect<void, RolloutWriteFailed>
  readonly failAppends: (file: string, fault: AppendFault) => void
}

export const newline = 10

/** Text as UTF-8, bytes as a copy. */
export const toBytes = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : Uint8Array.from(content)

/** Bytes one after the other, in memory of their own. */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Lines with their ends. A line break at the very start, which ends somebody's torn line, belongs to the first. */
const splitLines = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const lines: Array<Uint8Array> = []
  let start = 0
  for (let end = bytes.indexOf(newline, 1); end >= 0; end = bytes.indexOf(newline, end + 1)) {
    lines.push(bytes.subarray(start, end + 1))
    start = end + 1
  }
  return lines
}

/** An empty table. */
export const makeFileTable = (): FileTable => {
  const stored = new Map<string, StoredFile>()
  const faults = new Map<string, AppendFault>()
  let revisions = 0

  const put: FileTable["put"] = (file, content, modifiedAt) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const revision = ++revisions
      const identity = stored.get(file)?.identity ?? revision
      stored.set(file, { bytes: toBytes(content), modifiedAt: modifiedAt ?? now, revision, identity })
    })

  const append = Effect.fnUntraced(function* (file: string, identity: number, content: Uint8Array) {
    const before = stored.get(file)
    if (before === undefined || before.identity !== identity) return yield* writeFailure(file, "lost")
    const fault = faults.get(file)
    const lines = splitLines(content)
    const through = fault?.afterLines ?? 0
    if (fault === undefined || lines.length <= through) {
      if (fault !== undefined) faults.set(file, { ...fault, afterLines: through - lines.length })
      return yield* put(file, concat([before.bytes, content]))
    }
    faults.delete(file)
    const failing = lines[through] ?? new Uint8Array()
    const left = [...lines.slice(0, through), failing.subarray(0, Math.ceil(failing.length / 2))]
    if (fault.torn === true) yield* put(file, concat([before.bytes, ...left]))
    return yield* writeFailure(file, fault.reason, "made to fail")
  })

  return {
    get: (file) => stored.get(file),
    has: (file) => stored.has(file),
    names: () => Array.from(stored.keys()),
    put,
    remove: (file) => void stored.delete(file),
    rename: (from, to) => {
      const file = stored.get(from)
      if (file !== undefined) stored.set(to, file)
      stored.delete(from)
    },
    append,
    failAppends: (file, fault) => void faults.set(file, fault)
  }
}
