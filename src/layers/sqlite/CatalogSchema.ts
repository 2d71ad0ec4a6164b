/**
 * The tables of the catalog's database. All of it is derived from the rollouts: a database of another version is not
 * migrated but made anew.
 */
import type { Sql } from "./Sqlite.ts"

/** Raised with every change of a table, or of what is written into one. */
export const schemaVersion = 7

const tables: ReadonlyArray<string> = [
  // One row per current rollout. `version`: the file's size, times and identity when its head was read. `body`: the
  // rest of a listed one's `Thread`, and `sum` its sum. `facts`, `said`: what later lines say, and how far it was read, each with its version.
  `CREATE TABLE rollout (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    thread TEXT NOT NULL,
    archived INTEGER NOT NULL,
    version TEXT NOT NULL,
    size INTEGER NOT NULL,
    listed INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT,
    preview TEXT NOT NULL,
    body TEXT NOT NULL,
    sum INTEGER NOT NULL,
    facts_version TEXT,
    facts TEXT,
    said_version TEXT,
    said TEXT
  )`,
  `CREATE INDEX rollout_created ON rollout (archived, listed, created, thread)`,
  // What is known of all of them at once is read without the rest, which is a hundred times longer.
  `CREATE INDEX rollout_known ON rollout (path, archived, listed, version)`,
  // Those whose texts are not known: few, or none, once somebody has searched.
  `CREATE INDEX rollout_unheard ON rollout (archived) WHERE said_version IS NOT version`,
  `CREATE INDEX rollout_updated ON rollout (archived, listed, updated, thread)`,
  // Restored sessions, each of one version of its rollout, and their turns in blocks; `sum`: the CRC-32 of `body`, of `bytes`.
  `CREATE TABLE checkpoint (
    path TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    sum INTEGER NOT NULL,
    body TEXT NOT NULL
  )`,
  `CREATE TABLE checkpoint_block (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    number INTEGER NOT NULL,
    version TEXT NOT NULL,
    sum INTEGER NOT NULL,
    bytes BLOB NOT NULL
  )`,
  `CREATE UNIQUE INDEX checkpoint_block_path ON checkpoint_block (path, number)`,
  // What was said, in order, white space collapsed.
  `CREATE TABLE said (id INTEGER PRIMARY KEY, rollout INTEGER NOT NULL, text TEXT NOT NULL)`,
  `CREATE INDEX said_rollout ON said (rollout, id)`,
  // Which texts have which runs of three characters, letter case folded; the texts themselves are in \`said\`.
  `CREATE VIRTUAL TABLE said_runs USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
  )`
]

/** The schema version that a database says it has; 0 for an empty one. */
export const versionOf = (sql: Sql): number => Number(sql.get("PRAGMA user_version")?.["user_version"] ?? 0)

/** Makes the tables of an empty database. */
export const create = (sql: Sql): void => {
  sql.run("BEGIN IMMEDIATE")
  // Another process may have made them since this one looked.
  if (versionOf(sql) !== schemaVersion) {
    for (const statement of tables) sql.run(statement)
    sql.run(`PRAGMA user_version = ${schemaVersion}`)
  }
  sql.run("COMMIT")
}
