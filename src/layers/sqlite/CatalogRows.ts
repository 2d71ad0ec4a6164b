/**
 * The catalog's rows, read and written: one per current rollout. What is in them was checked when it was written, and
 * its sum tells that it is the same still; where it is not, the database is damaged.
 */
import { Option, Schema } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import { GitInfo, type SessionSource, type Thread } from "../../domain/Thread.ts"
import type { RolloutRef, RolloutStat } from "../../services/RolloutStore.ts"
import type { Scanned } from "../../services/RolloutScan.ts"
import { shown } from "../../services/ThreadEntries.ts"
import { type CatalogEntry, parentOf, type Place } from "../../services/ThreadPages.ts"
import type { SourceKind, ThreadQuery } from "../../services/ThreadQuery.ts"
import { type List, type Row, type Sql, SqliteFailure } from "./Sqlite.ts"
import { sumOf, threadOf, threadText } from "./StoredThread.ts"

const Text = Schema.optionalKey(Schema.String)
const TextOrNull = Schema.optionalKey(Schema.NullOr(Schema.String))
const StoredScan = Schema.fromJsonString(
  Schema.Struct({
    mark: Schema.Struct({ offset: Schema.Natural, guard: Schema.String }),
    facts: Schema.NullOr(
      Schema.Struct({
        git: Schema.NullOr(GitInfo),
        settings: Schema.Struct({ model: Text, modelProvider: Text, cwd: Text, reasoningEffort: TextOrNull }),
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
  /** As the last whole reading of an earlier version left it, where that is not in the database. */
  readonly earlier?: Scanned | null
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

/** A stored reading; null when there is none. */
export const scanIn = (written: unknown): Scanned | null => Option.getOrNull(decodeScan(written))

/** Every rollout that the database knows, by its path. */
export const known = (sql: Sql): Map<string, Known> => {
  const found = new Map<string, Known>()
  // As one text: ten thousand rows cost a quarter of what they cost one by one. A path may have any character but NUL.
  const [row] = sql.lists("SELECT group_concat(archived || listed || version || char(0) || path, char(0)) FROM rollout")
  const parts = String(row?.[0] ?? "").split("\0")
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [head = "", path = ""] = [parts[at], parts[at + 1]]
    found.set(path, { archived: head[0] === "1", listed: head[1] === "1", version: head.slice(2) })
  }
  return found
}

/** Moves with every commit of another process. */
export const dataVersion = (sql: Sql): number => Number(sql.get("PRAGMA data_version")?.["data_version"] ?? 0)

type PrimaryKind = Exclude<SourceKind, `subAgent${string}`> | "subAgent"

/** The kind of a source, sub-agents being of one. */
export const kindOf = (source: SessionSource): PrimaryKind => {
  if (typeof source === "string") return source
  return "custom" in source ? "unknown" : "subAgent"
}

/** The same of a kind that is asked for. */
export const primaryOf = (kind: SourceKind): string => (kind.startsWith("subAgent") ? "subAgent" : kind)

/** A thread as all of its rollout tells of it, where that is known. */
const toldBy = (thread: Thread, scanned: Scanned | null): Thread =>
  scanned === null ? thread : shown(thread, { facts: scanned.facts, name: undefined, cwd: "" })

// Of a version that is not to be trusted nothing is kept but what the head tells.
const factsOf = ({ scanned, version }: ReadRollout): Scanned | null => (version === "" ? null : scanned)

/** What was read, as the database would give it; null when it is not listed. */
export const listedOf = (read: ReadRollout): ListedRow | null => {
  const { entry, ref, stat, version } = read
  if (entry === null) return null
  const scanned = factsOf(read)
  return {
    thread: toldBy(entry.thread, scanned),
    createdAt: entry.createdAt,
    updatedAt: entry.updatedAt,
    path: ref.path,
    version,
    size: stat.size,
    current: scanned !== null,
    scanned: () => (scanned === null ? (read.earlier ?? null) : null)
  }
}

/** Writes what was read of rollouts. Texts and facts that are there stay: their own versions tell how good they are. */
export const put = (sql: Sql, rollouts: ReadonlyArray<ReadRollout>): void => {
  for (const read of rollouts) {
    const { entry, ref, stat, version } = read
    const facts = entry === null ? null : factsOf(read)
    const told = facts ?? read.earlier ?? null
    const body = entry === null ? "" : threadText(toldBy(entry.thread, facts))
    sql.run(
      `INSERT INTO rollout (path, thread, archived, version, size, listed, created, updated, kind, parent, preview, body,
         sum, facts_version, facts)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (path) DO UPDATE SET thread = excluded.thread, archived = excluded.archived,
         version = excluded.version, size = excluded.size, listed = excluded.listed, created = excluded.created,
         updated = excluded.updated, kind = excluded.kind, parent = excluded.parent, preview = excluded.preview,
         body = excluded.body, sum = excluded.sum, facts_version = ifnull(excluded.facts_version, nullif(facts_version, excluded.version)),
         facts = ifnull(excluded.facts, facts)`,
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
      sumOf(body),
      facts === null ? null : version,
      told === null ? null : toJson(told)
    )
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
const columns = `path, thread, version, size, created, updated, preview, body, sum,
  version <> '' AND facts_version IS version AS is_current,
  CASE WHEN version <> '' AND facts_version IS version THEN NULL ELSE facts END AS facts`

/** An id in a row is one that was written there: its schema was asked then. */
const isId = (id: unknown): id is ThreadId => typeof id === "string"

/** A listed row of these columns; `damaged` when it is none. */
const listedRow = (row: List): ListedRow => {
  const [path, id, version, size, created, updated, preview, body, sum, isCurrent, facts] = row
  const [createdAt, updatedAt] = [Number(created), Number(updated)]
  if (!isId(id)) throw new SqliteFailure({ reason: "damaged", detail: `the row of ${String(path)} has no thread` })
  const place = { id, path: String(path), preview: String(preview), createdAt, updatedAt }
  const thread = threadOf(String(body), sum, place)
  if (thread === null) {
    throw new SqliteFailure({ reason: "damaged", detail: `the row of ${place.path} holds no thread` })
  }
  return {
    thread,
    createdAt,
    updatedAt,
    path: place.path,
    version: String(version),
    size: Number(size),
    scanned: () => scanIn(facts),
    current: isCurrent === 1
  }
}

/** What can be told of a row before it is decoded. */
export interface Preliminary {
  readonly threadId: string
  readonly preview: string
}

/** Which rows of a selection are meant, where not all are. */
export interface Filter {
  /** Leaves out rows before the rest of them is read; null where that cannot be told. */
  readonly may: ((row: Preliminary) => boolean) | null
  readonly matches: (row: ListedRow) => boolean
}

/** The first `count` rows of a selection, in order; null for no filter. */
export const select = (
  sql: Sql,
  selection: Selection,
  count: number,
  filter: Filter | null
): ReadonlyArray<ListedRow> => {
  if (filter === null) {
    const { sql: statement, values } = selecting(columns, selection)
    return sql.lists(`${statement} LIMIT ?`, ...values, count).map(listedRow)
  }
  const found: Array<ListedRow> = []
  const { sql: statement, values } = selecting("id, thread, preview", selection)
  for (const row of sql.each(statement, ...values)) {
    const preliminary = { threadId: text(row, "thread"), preview: text(row, "preview") }
    if (filter.may?.(preliminary) === false) continue
    const [full] = sql.lists(`SELECT ${columns} FROM rollout WHERE id = ?`, row["id"] ?? null)
    if (full === undefined) continue
    const listed = listedRow(full)
    if (filter.matches(listed)) found.push(listed)
    if (found.length === count) break
  }
  return found
}

/** The listed rows at these paths. */
export const listedRows = (sql: Sql, paths: ReadonlyArray<string>): ReadonlyMap<string, ListedRow> =>
  new Map(
    sql
      .lists(
        `SELECT ${columns} FROM rollout WHERE listed = 1 AND path IN (SELECT value FROM json_each(?))`,
        JSON.stringify(paths)
      )
      .map(listedRow)
      .map((row) => [row.path, row])
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
  const body = threadText(toldBy(thread, scanned))
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
