/**
 * The catalog's rows, read and written: one per current rollout. What is in them was checked when it was written, and
 * its sum tells that it is the same still; where it is not, the database is damaged.
 */
import { Option, Result, Schema } from "effect"
import { isRecord } from "../../domain/Json.ts"
import { GitInfo, type SessionSource, type Thread } from "../../domain/Thread.ts"
import type { RolloutRef, RolloutStat } from "../../services/RolloutStore.ts"
import type { Scanned } from "../../services/RolloutScan.ts"
import { shown } from "../../services/ThreadEntries.ts"
import { type CatalogEntry, parentOf, type Place } from "../../services/ThreadPages.ts"
import type { SourceKind, ThreadQuery } from "../../services/ThreadQuery.ts"
import { type Row, type Sql, SqliteFailure } from "./Sqlite.ts"

const Text = Schema.optionalKey(Schema.String)
const StoredScan = Schema.fromJsonString(
  Schema.Struct({
    mark: Schema.Struct({ offset: Schema.Natural, guard: Schema.String }),
    facts: Schema.NullOr(
      Schema.Struct({
        git: Schema.NullOr(GitInfo),
        settings: Schema.Struct({ model: Text, modelProvider: Text, cwd: Text, reasoningEffort: Text }),
        name: Schema.NullOr(Schema.String)
      })
    )
  })
)
const decodeScan = Schema.decodeUnknownOption(StoredScan)

/** What is known of a rollout without asking the database. */
export interface Known {
  readonly archived: boolean
  readonly listed: boolean
  /** Of the file as it was read; empty when it has to be read again in any case. */
  readonly version: string
}

/** A rollout as it was read. */
export interface ReadRollout {
  readonly ref: RolloutRef
  readonly stat: RolloutStat
  /** Null when it is not listed. */
  readonly entry: CatalogEntry | null
  readonly version: string
  /** What the whole of it says, where all of it was read. */
  readonly scanned: Scanned | null
}

/** A listed thread, as the database has it. */
export interface ListedRow extends CatalogEntry {
  readonly path: string
  readonly version: string
  readonly size: number
  /** Does the thread say what the whole rollout says, and not only its head? */
  readonly current: boolean
  /** As the last reading of the whole rollout left it; null when there was none. */
  readonly scanned: () => Scanned | null
}

/** The last characters of a stored reading's JSON are its own business: absent members stay absent. */
export const toJson = (scanned: Scanned): string => JSON.stringify(scanned)

const text = (row: Row, column: string): string => {
  const value = row[column]
  return typeof value === "string" ? value : ""
}

const optional = (row: Row, column: string): string | null => {
  const value = row[column]
  return typeof value === "string" ? value : null
}

const parsed = (json: string): unknown =>
  Result.getOrElse(
    Result.try((): unknown => JSON.parse(json)),
    () => undefined
  )

const listIn = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** Another number for nearly every other text. */
const sumOf = (body: string): number => {
  let sum = body.length
  for (let at = 0; at < body.length; at++) sum = Math.imul(sum ^ body.charCodeAt(at), 0x01000193)
  return sum
}

/** A thread's JSON as it was written is that thread. */
const isWritten = (value: unknown, body: string, sum: unknown): value is Thread =>
  isRecord(value) && sumOf(body) === sum

/** A stored reading; null when there is none. */
export const scanIn = (row: Row, column: string): Scanned | null => Option.getOrNull(decodeScan(row[column]))

/** Every rollout that the database knows, by its path. */
export const known = (sql: Sql): Map<string, Known> => {
  const found = new Map<string, Known>()
  // As one text: ten thousand rows cost a third of what they cost one by one.
  const row = sql.get("SELECT json_group_array(json_array(path, archived, listed, version)) AS rows FROM rollout") ?? {}
  for (const each of listIn(parsed(text(row, "rows")))) {
    const [path, archived, listed, version] = listIn(each)
    found.set(String(path), { archived: archived === 1, listed: listed === 1, version: String(version) })
  }
  return found
}

/** Moves with every commit of another process. */
export const dataVersion = (sql: Sql): number => Number(sql.get("PRAGMA data_version")?.["data_version"] ?? 0)

type PrimaryKind = Exclude<SourceKind, `subAgent${string}`> | "subAgent"

const kindOf = (source: SessionSource): PrimaryKind => {
  if (typeof source === "string") return source
  return "custom" in source ? "unknown" : "subAgent"
}

const primaryOf = (kind: SourceKind): string => (kind.startsWith("subAgent") ? "subAgent" : kind)

// The preview has a column of its own, which a search for words can read without the rest.
const bodyOf = (thread: Thread): string => JSON.stringify({ ...thread, preview: "" })

/** Writes what was read of rollouts. Texts and facts that are there stay: their own versions tell how good they are. */
export const put = (sql: Sql, rollouts: ReadonlyArray<ReadRollout>): void => {
  for (const { entry, ref, scanned, stat, version } of rollouts) {
    const body = entry === null ? "" : bodyOf(entry.thread)
    sql.run(
      `INSERT INTO rollout (path, thread, archived, version, size, listed, created, updated, kind, parent, preview, body, sum)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (path) DO UPDATE SET thread = excluded.thread, archived = excluded.archived,
         version = excluded.version, size = excluded.size, listed = excluded.listed, created = excluded.created,
         updated = excluded.updated, kind = excluded.kind, parent = excluded.parent, preview = excluded.preview,
         body = excluded.body, sum = excluded.sum`,
      ref.path,
      ref.threadId,
      ref.archived ? 1 : 0,
      version,
      stat.size,
      entry === null ? 0 : 1,
      entry?.createdAt ?? 0,
      entry?.updatedAt ?? 0,
      entry === null ? "" : kindOf(entry.thread.source),
      entry === null ? null : parentOf(entry.thread),
      entry?.thread.preview ?? "",
      body,
      sumOf(body)
    )
    if (scanned !== null && entry !== null) putFacts(sql, ref.path, entry.thread, stat.version, scanned)
  }
}

/** Which listed rows, in which order. */
export interface Selection extends Pick<ThreadQuery, "archived" | "sortKey" | "sortDirection"> {
  readonly after: Place | null
  /** Kinds that may match; null for all. */
  readonly kinds: ReadonlyArray<SourceKind> | null
}

/** The beginning and the end of a statement over a selection, and its values. */
export const selecting = (columns: string, selection: Selection, further = "") => {
  const { after, archived, kinds, sortDirection, sortKey } = selection
  const time = sortKey === "created_at" ? "created" : "updated"
  const [beyond, order] = sortDirection === "asc" ? [">", "ASC"] : ["<", "DESC"]
  const values = [
    archived ? 1 : 0,
    ...(after === null ? [] : [after.time, after.id]),
    ...(kinds === null ? [] : [JSON.stringify(kinds.map(primaryOf))])
  ]
  const sql = [
    `SELECT ${columns} FROM rollout WHERE archived = ? AND listed = 1`,
    after === null ? "" : `AND (${time}, thread) ${beyond} (?, ?)`,
    kinds === null ? "" : "AND kind IN (SELECT value FROM json_each(?))",
    further,
    `ORDER BY ${time} ${order}, thread ${order}`
  ].join(" ")
  return { sql, values }
}

// What an earlier reading left is only of use where the row is not up to date.
const columns = `path, thread, version, size, created, updated, preview, body, sum, facts_version,
  CASE WHEN facts_version = version THEN NULL ELSE facts END AS facts`

/** A listed row; `damaged` when it is none. */
const listedRow = (row: Row): ListedRow => {
  const body = text(row, "body")
  const thread = parsed(body)
  if (!isWritten(thread, body, row["sum"])) {
    throw new SqliteFailure({ reason: "damaged", detail: `the row of ${text(row, "path")} holds no thread` })
  }
  const version = text(row, "version")
  return {
    thread: { ...thread, preview: text(row, "preview") },
    createdAt: Number(row["created"]),
    updatedAt: Number(row["updated"]),
    path: text(row, "path"),
    version,
    size: Number(row["size"]),
    scanned: () => scanIn(row, "facts"),
    current: version !== "" && optional(row, "facts_version") === version
  }
}

/** What can be told of a row before it is decoded. */
export interface Preliminary {
  readonly threadId: string
  readonly preview: string
}

/**
 * The first `count` rows of a selection that match, in order. `may`, where there is one, leaves out rows before the rest
 * of them is read.
 */
export const select = (
  sql: Sql,
  selection: Selection,
  count: number,
  may: ((row: Preliminary) => boolean) | null,
  matches: (row: ListedRow) => boolean
): ReadonlyArray<ListedRow> => {
  const found: Array<ListedRow> = []
  const statement = selecting(may === null ? columns : "id, thread, preview", selection)
  for (const row of sql.each(statement.sql, ...statement.values)) {
    if (may !== null && !may({ threadId: text(row, "thread"), preview: text(row, "preview") })) continue
    const full = may === null ? row : sql.get(`SELECT ${columns} FROM rollout WHERE id = ?`, row["id"] ?? null)
    if (full === undefined) continue
    const listed = listedRow(full)
    if (matches(listed)) found.push(listed)
    if (found.length === count) break
  }
  return found
}

/** The listed rows at these paths. */
export const listedRows = (sql: Sql, paths: ReadonlyArray<string>): ReadonlyMap<string, ListedRow> =>
  new Map(
    sql
      .all(
        `SELECT ${columns} FROM rollout WHERE listed = 1 AND path IN (SELECT value FROM json_each(?))`,
        JSON.stringify(paths)
      )
      .map((row) => [text(row, "path"), listedRow(row)])
  )

/** The thread that spawned each thread that was spawned. */
export const parents = (sql: Sql): ReadonlyMap<string, string> =>
  new Map(
    sql
      .all("SELECT thread, parent FROM rollout WHERE listed = 1 AND parent IS NOT NULL")
      .map((row) => [text(row, "thread"), text(row, "parent")])
  )

/** Keeps what a whole reading of a rollout of this version found out, and the thread as it then is. */
export const putFacts = (sql: Sql, path: string, thread: Thread, version: string, scanned: Scanned): void => {
  const body = bodyOf(shown(thread, { facts: scanned.facts, name: undefined, cwd: "" }))
  sql.run(
    "UPDATE rollout SET facts = ?, facts_version = ?, body = ?, sum = ? WHERE path = ? AND version = ?",
    toJson(scanned),
    version,
    body,
    sumOf(body),
    path,
    version
  )
}
