/**
 * `node:sqlite`, as far as the catalog uses it: loaded when it is first needed, statements prepared once, what it
 * throws told apart by what can be done about it.
 */
import { Effect, Schema } from "effect"
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite"

/** Why the database did not do what it was asked. */
export class SqliteFailure extends Schema.TaggedError<SqliteFailure>()("SqliteFailure", {
  /**
   * `damaged`: the file is no database, or not in order. `busy`: another process holds it. `unusable`: it cannot be
   * opened or written here, or there is no SQLite.
   */
  reason: Schema.Literals(["damaged", "busy", "unusable"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `catalog database ${this.reason}: ${this.detail}`
  }
}

export type Value = SQLInputValue
export type Row = Readonly<Record<string, SQLOutputValue>>
/** A row by the places of its columns. */
export type List = ReadonlyArray<SQLOutputValue>

/** Statements on an open database. They throw; only bodies that run inside an adapter see them. */
export interface Sql {
  readonly run: (sql: string, ...values: ReadonlyArray<Value>) => { readonly changes: number; readonly lastId: number }
  readonly get: (sql: string, ...values: ReadonlyArray<Value>) => Row | undefined
  readonly all: (sql: string, ...values: ReadonlyArray<Value>) => ReadonlyArray<Row>
  /** The same as lists of columns, in half the time: for what is read by the hundred. */
  readonly lists: (sql: string, ...values: ReadonlyArray<Value>) => ReadonlyArray<List>
  /** Row by row: leaving the loop early reads no further. */
  readonly each: (sql: string, ...values: ReadonlyArray<Value>) => IterableIterator<Row>
}

/** An open database. */
export interface Connection {
  /** Runs a body at once; what it throws is a failure. */
  readonly use: <A>(body: (sql: Sql) => A) => Effect.Effect<A, SqliteFailure>
  /** The same in one transaction, which a failure takes back. */
  readonly transaction: <A>(body: (sql: Sql) => A) => Effect.Effect<A, SqliteFailure>
  readonly close: Effect.Effect<void>
}

/** Milliseconds for which a statement waits for another process: nothing else happens here meanwhile. */
const busyMillis = 100

const damaged: ReadonlySet<number> = new Set([1, 11, 24, 26])
const busy: ReadonlySet<number> = new Set([5, 6])

/** Is it a failure of the database? */
export const isSqliteFailure = Schema.is(SqliteFailure)

const failureOf = (cause: unknown): SqliteFailure => {
  if (isSqliteFailure(cause)) return cause
  const detail = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && "errcode" in cause ? Number(cause.errcode) & 0xff : 0
  return new SqliteFailure({ reason: damaged.has(code) ? "damaged" : busy.has(code) ? "busy" : "unusable", detail })
}

const attempt = <A>(body: () => A): Effect.Effect<A, SqliteFailure> => Effect.try({ try: body, catch: failureOf })

// Some versions of Node say of it, on standard error, that it is experimental. Nobody who lists threads needs to know.
const load = () => {
  const original = Reflect.get(process, "emitWarning")
  const emit = process.emitWarning.bind(process)
  process.emitWarning = (warning: string | Error, ...rest: ReadonlyArray<unknown>) => {
    if (!String(warning).startsWith("SQLite is an experimental feature")) {
      Reflect.apply(emit, undefined, [warning, ...rest])
    }
  }
  try {
    return process.getBuiltinModule("node:sqlite")
  } finally {
    Reflect.set(process, "emitWarning", original)
  }
}

const statements = (database: DatabaseSync): Sql => {
  const prepared = new Map<string, StatementSync>()
  const listing = new Map<string, StatementSync>()
  const prepareLists = (sql: string): StatementSync => {
    const known = listing.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    listing.set(sql, statement)
    return statement
  }
  const isList = (row: unknown): row is List => Array.isArray(row)
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql) ?? database.prepare(sql)
    prepared.set(sql, known)
    return known
  }
  return {
    run: (sql, ...values) => {
      const { changes, lastInsertRowid } = prepare(sql).run(...values)
      return { changes: Number(changes), lastId: Number(lastInsertRowid) }
    },
    get: (sql, ...values) => prepare(sql).get(...values),
    all: (sql, ...values) => prepare(sql).all(...values),
    lists: (sql, ...values) => {
      const rows: ReadonlyArray<unknown> = prepareLists(sql).all(...values)
      return rows.filter(isList)
    },
    // Prepared anew: two loops over one statement would disturb each other.
    each: (sql, ...values) => database.prepare(sql).iterate(...values)
  }
}

/** Opens a database, `:memory:` for one that is kept nowhere. */
export const open = (path: string, setUp: (sql: Sql) => void): Effect.Effect<Connection, SqliteFailure> =>
  attempt(() => {
    const { DatabaseSync } = load()
    const database = new DatabaseSync(path, { timeout: busyMillis })
    const sql = statements(database)
    try {
      setUp(sql)
    } catch (cause) {
      database.close()
      throw cause
    }
    const inTransaction = <A>(body: (sql: Sql) => A): A => {
      database.exec("BEGIN IMMEDIATE")
      try {
        const done = body(sql)
        database.exec("COMMIT")
        return done
      } catch (cause) {
        if (database.isTransaction) database.exec("ROLLBACK")
        throw cause
      }
    }
    return {
      use: (body) => attempt(() => body(sql)),
      transaction: (body) => attempt(() => inTransaction(body)),
      close: Effect.ignore(attempt(() => database.close()))
    } satisfies Connection
  })
