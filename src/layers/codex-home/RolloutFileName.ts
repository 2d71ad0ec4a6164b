/**
 * The names that Codex gives to rollout files, read and written:
 * `rollout-YYYY-MM-DDThh-mm-ss-<thread>[_<segment>].jsonl[.zst]`, the time being local.
 *
 * Pure text; which of several files a thread lives in is decided here, once, for every store
 * (docs/codex.md, "Files").
 */
import { DateTime, Result } from "effect"
import { parseThreadId, type ThreadId } from "../../domain/Ids.ts"

/** What a rollout's file name says. */
export interface RolloutFileName {
  readonly threadId: ThreadId
  /** The UUID of the segment that a revert began; null for a thread's first file. */
  readonly segmentId: string | null
  /** `YYYY-MM-DDThh-mm-ss` where it is well formed, else the empty string, which sorts before every time. */
  readonly timestamp: string
  readonly compressed: boolean
}

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
const pattern = new RegExp(`^rollout-(?:(.*)-)?(${uuid})(?:_(${uuid}))?\\.jsonl(\\.zst)?$`, "i")
const timestampPattern = /^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}$/

/** The name of nearly every rollout, read without a search. */
const usual = new RegExp(`^rollout-\\d{4}-\\d{2}-\\d{2}T\\d{2}-\\d{2}-\\d{2}-${uuid}\\.jsonl$`)

/** What the usual name has in that place is an id; to make one of it by its schema takes longer than all the rest. */
const isId = (text: string): text is ThreadId => text.length === 36

/** Reads a file name (no folders); undefined when it is not a rollout's. The time in it is not validated, as in Codex. */
export const parseRolloutFileName = (name: string): RolloutFileName | undefined => {
  const own = name.slice(28, 64)
  if (usual.test(name) && isId(own)) {
    return { threadId: own, segmentId: null, timestamp: name.slice(8, 27), compressed: false }
  }
  const match = pattern.exec(name)
  if (match === null) return undefined
  const [, timestamp = "", id = "", segment, zst] = match
  const threadId = parseThreadId(id)
  if (Result.isFailure(threadId)) return undefined
  return {
    threadId: threadId.success,
    segmentId: segment === undefined ? null : segment.toLowerCase(),
    timestamp: timestampPattern.test(timestamp) ? timestamp : "",
    compressed: zst !== undefined
  }
}

/** Could a file of this name hold a rollout, whatever it is called? */
export const mayHoldRollout = (name: string): boolean => name.endsWith(".jsonl") || name.endsWith(".jsonl.zst")

/** The plain and the compressed name of the same rollout. */
export const siblingName = (name: string): string => (name.endsWith(".zst") ? name.slice(0, -4) : `${name}.zst`)

/** A file of a rollout store, located. */
export interface RolloutFile {
  readonly name: RolloutFileName
  readonly path: string
  readonly archived: boolean
}

/** Order of writing: a thread's first files by time, then its segments in UUIDv7 order; the path breaks ties. */
const compareRolloutFiles = (a: RolloutFile, b: RolloutFile): number =>
  compareText(a.name.segmentId ?? "", b.name.segmentId ?? "") ||
  compareText(a.name.timestamp, b.name.timestamp) ||
  compareText(a.path, b.path)

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** A thread's files, first written first, without compressed ones that have a plain twin in the same folder. */
export const orderRolloutFiles = (files: Iterable<RolloutFile>): Array<RolloutFile> => {
  const all = Array.from(files)
  const paths = new Set(all.map((file) => file.path))
  return writtenFirst(all.filter((file) => !file.name.compressed || !paths.has(siblingName(file.path))))
}

/** All of these files, first written first. */
export const writtenFirst = (files: ReadonlyArray<RolloutFile>): Array<RolloutFile> =>
  files.toSorted(compareRolloutFiles)

/** The file that the thread lives in: the last written active one, else the last written archived one. */
export const currentRolloutFile = (files: ReadonlyArray<RolloutFile>): RolloutFile | undefined => {
  // Nearly every thread lives in one file.
  if (files.length === 1) return files[0]
  const ordered = orderRolloutFiles(files)
  return ordered.findLast((file) => !file.archived) ?? ordered.at(-1)
}

/**
 * Where a rollout made at `createdAt` (Unix milliseconds) goes: its day's folders under `sessions`, and its name.
 * `segmentId`: the UUID of a segment that continues the thread.
 */
export const newRolloutLocation = (
  threadId: ThreadId,
  createdAt: number,
  segmentId?: string
): { readonly folders: readonly [string, string, string]; readonly name: string } => {
  const zone = DateTime.zoneMakeLocal()
  const local = DateTime.toParts(DateTime.makeZonedUnsafe(createdAt, { timeZone: zone }))
  const two = (n: number) => String(n).padStart(2, "0")
  const year = String(local.year).padStart(4, "0")
  const month = two(local.month)
  const day = two(local.day)
  const time = `${two(local.hour)}-${two(local.minute)}-${two(local.second)}`
  const of = segmentId === undefined ? threadId : `${threadId}_${segmentId.toLowerCase()}`
  return { folders: [year, month, day], name: `rollout-${year}-${month}-${day}T${time}-${of}.jsonl` }
}

/** The folders under `sessions` that a rollout belongs in by the time in its name; none without a well-formed time. */
export const foldersOf = ({ timestamp }: RolloutFileName): ReadonlyArray<string> =>
  timestamp === "" ? [] : timestamp.slice(0, 10).split("-")
