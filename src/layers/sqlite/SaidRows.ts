/**
 * What was said, in the catalog's database: the texts of each rollout, and the index over their runs of three
 * characters.
 *
 * A rollout's texts count once its `said_version` says so. Whoever writes them marks the row first: of two processes
 * that read the same rollout at once, the one that began last goes on.
 */
import { ThreadId } from "../../domain/Ids.ts"
import { foldCase, snippet, trigrams } from "../../domain/SearchText.ts"
import type { Scanned } from "../../services/RolloutScan.ts"
import { scanIn, type Selection, selecting, toJson } from "./CatalogRows.ts"
import type { Row, Sql } from "./Sqlite.ts"

/** A rollout whose texts may have the term. */
export interface Candidate {
  readonly path: string
  readonly thread: ThreadId
  readonly version: string
  readonly time: number
  /** Are its texts those of this version? */
  readonly current: boolean
  /** Where an earlier reading ended, and the same as it is written. */
  readonly scanned: Scanned | null
  readonly written: string | null
}

const candidate = (row: Row): Candidate => ({
  path: String(row["path"]),
  thread: ThreadId.make(String(row["thread"])),
  version: String(row["version"]),
  time: Number(row["time"]),
  current: row["version"] !== "" && row["said_version"] === row["version"],
  scanned: row["said_version"] === null ? null : scanIn(row["said"]),
  written: typeof row["said"] === "string" ? row["said"] : null
})

/** Rollouts, as JSON, with a text that has every run of the term; null for a term that is too short to have one. */
export const withRuns = (sql: Sql, term: string): string | null => {
  const runs = trigrams(term)
  if (runs.length === 0) return null
  const question = runs.map((run) => `"${run.replaceAll('"', '""')}"`).join(" AND ")
  const rows = sql.all(
    `SELECT DISTINCT said.rollout AS id FROM said_runs JOIN said ON said.id = said_runs.rowid WHERE said_runs MATCH ?`,
    question
  )
  return JSON.stringify(rows.map((row) => row["id"]))
}

/** The next rollouts of a selection that may have the term, or have not been read since they changed. */
export const candidates = (
  sql: Sql,
  selection: Selection,
  among: string | null,
  count: number
): ReadonlyArray<Candidate> => {
  const time = selection.sortKey === "created_at" ? "created" : "updated"
  const { sql: text, values } = selecting(
    `path, thread, version, ${time} AS time, said_version, said`,
    selection,
    among === null
      ? ""
      : `AND id IN (SELECT id FROM rollout INDEXED BY rollout_unheard WHERE said_version IS NOT version
           UNION ALL SELECT value FROM json_each(?))`
  )
  return sql.all(`${text} LIMIT ${count}`, ...values, ...(among === null ? [] : [among])).map(candidate)
}

/** The first of a rollout's texts that has the term, cut to what is around it. */
export const firstSnippet = (sql: Sql, path: string, term: string): string | null => {
  const texts = "SELECT text FROM said WHERE rollout = (SELECT id FROM rollout WHERE path = ?) ORDER BY id"
  for (const row of sql.each(texts, path)) {
    const found = snippet(String(row["text"]), term)
    if (found !== null) return found
  }
  return null
}

/** Forgets the texts of a rollout. */
const forget = (sql: Sql, id: number): void => {
  for (const row of sql.all("SELECT id FROM said WHERE rollout = ?", id)) {
    sql.run("DELETE FROM said_runs WHERE rowid = ?", row["id"] ?? null)
  }
  sql.run("DELETE FROM said WHERE rollout = ?", id)
}

/** Takes rollouts out, with all that was said in them. */
export const removeRollouts = (sql: Sql, paths: Iterable<string>): void => {
  for (const path of paths) {
    const id = sql.get("SELECT id FROM rollout WHERE path = ?", path)?.["id"]
    if (typeof id === "number") forget(sql, id)
    sql.run("DELETE FROM rollout WHERE path = ?", path)
  }
}

/** Some of what was said in a rollout. */
export interface SaidPart {
  readonly path: string
  /** Whose reading it is. */
  readonly writer: string
  /** The first part of a reading that began with the file: what was there before is void. */
  readonly restart: boolean
  /** What must stand in the row: the mark that the reading went on from, or the writer's own; null for anything. */
  readonly expects: string | null
  readonly texts: ReadonlyArray<string>
  /** The last part, and what the reading found out; null when more is to come. */
  readonly end: { readonly version: string; readonly scanned: Scanned } | null
}

/** Adds texts; nothing happens when somebody else has begun to read the rollout meanwhile. */
export const add = (sql: Sql, part: SaidPart): void => {
  const row = sql.get("SELECT id, said FROM rollout WHERE path = ?", part.path)
  const id = row?.["id"]
  if (row === undefined || typeof id !== "number") return
  if (part.expects !== null && row["said"] !== part.expects) return
  if (part.restart) forget(sql, id)
  for (const text of part.texts) {
    const { lastId } = sql.run("INSERT INTO said (rollout, text) VALUES (?, ?)", id, text)
    sql.run("INSERT INTO said_runs (rowid, text) VALUES (?, ?)", lastId, foldCase(text))
  }
  if (part.end === null) {
    sql.run("UPDATE rollout SET said = ?, said_version = NULL WHERE id = ?", part.writer, id)
  } else {
    const said = toJson(part.end.scanned)
    sql.run("UPDATE rollout SET said = ?, said_version = ? WHERE id = ?", said, part.end.version, id)
  }
}
