/**
 * Rollouts with the answers that genuine servers gave, and how an answer is compared with them.
 *
 * A small part is in `fixtures/corpus`; the whole corpus is used where it is: in the directory that `RETHREAD_CORPUS`
 * names, or in `shared/corpus` beside the repository. A genuine answer counts as given when every member that it has is
 * equal in ours; null is the same as absent, and members of ours that it does not have are nobody's harm.
 */
import { Config, Effect, Option, Schema, type Scope } from "effect"
import { cpSync, existsSync, readFileSync, utimesSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { isRecord, type JsonRecord, own, parseExact, printExact } from "../../src/domain/Json.ts"
import { usageMethod } from "./Case.ts"
import { type Home, make as makeHome } from "./Home.ts"

const Answer = Schema.Struct({
  /** Without its turns. */
  thread: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))),
  turns: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
  /** The other members of the result. */
  response: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))),
  notifications: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
  error: Schema.optionalKey(Schema.NullOr(Schema.Struct({ code: Schema.Int, message: Schema.String })))
})
export type Answer = typeof Answer.Type

const Row = Schema.Struct({
  home: Schema.String,
  threadId: Schema.String,
  /** The thread's file, in the home. */
  target: Schema.String,
  /** Unix seconds. */
  mtime: Schema.Finite,
  /** By the server that answered. */
  expected: Schema.Record(Schema.String, Answer)
})
const decodeRow = Schema.decodeUnknownEffect(Schema.fromJsonString(Row))

export interface CorpusRow extends Schema.Schema.Type<typeof Row> {
  /** Where the homes are. */
  readonly root: string
  /** Tells the row apart: its home, and in homes of several threads the ids that name its file. */
  readonly name: string
}

const repository = join(import.meta.dirname, "../..")
const fixtures = join(repository, "fixtures/corpus")

/** Where the corpus is, and whether it is all of it. */
export const corpus = Effect.gen(function* () {
  const configured = yield* Effect.orDie(Config.option(Config.NonEmptyString("RETHREAD_CORPUS")))
  const beside = join(repository, "../shared/corpus")
  const root = Option.getOrElse(configured, () => (existsSync(beside) ? beside : fixtures))
  return { root, whole: existsSync(join(root, "expected.jsonl.gz")) }
})

const fileName = /^.*T\d\d-\d\d-\d\d-|\.jsonl$/g

/** Every row of the corpus that is here. */
export const rows = Effect.gen(function* () {
  const { root, whole } = yield* corpus
  const text = whole
    ? gunzipSync(readFileSync(join(root, "expected.jsonl.gz"))).toString("utf8")
    : readFileSync(join(root, "expected.jsonl"), "utf8")
  const decoded = yield* Effect.forEach(text.trim().split("\n"), (line) => decodeRow(line))
  return decoded.map((row): CorpusRow => {
    const file = row.target.replace(fileName, "")
    return { ...row, root, name: row.home.startsWith("gen/") ? `${row.home} ${file}` : row.home }
  })
})

/** A copy of the row's home, as it was when the genuine servers were asked. */
export const homeOf = Effect.fnUntraced(function* (row: CorpusRow): Effect.fn.Return<Home, never, Scope.Scope> {
  const home = yield* makeHome([])
  yield* Effect.sync(() => {
    cpSync(join(row.root, row.home), home.directory, { recursive: true, preserveTimestamps: true })
    utimesSync(home.at(row.target), row.mtime, row.mtime)
  })
  return home
})

/** A value of ours with the home's directory called as in the corpus. */
const withoutHome = (value: unknown, home: Home): unknown =>
  Option.getOrNull(parseExact(printExact(value ?? null).replaceAll(home.directory, "/codex-home")))

/** Where `ours` lacks what `genuine` has: paths with both values. */
export const lacking = (genuine: unknown, ours: unknown, path: string): ReadonlyArray<string> => {
  if (Array.isArray(genuine) && Array.isArray(ours)) {
    const lengths = genuine.length === ours.length ? [] : [`${path}: ${genuine.length} entries, ours ${ours.length}`]
    return [...lengths, ...genuine.flatMap((value: unknown, index) => lacking(value, ours[index], `${path}/${index}`))]
  }
  if (isRecord(genuine) && isRecord(ours)) {
    return Object.keys(genuine).flatMap((key) => lacking(own(genuine, key), own(ours, key), `${path}/${key}`))
  }
  if (genuine === ours || ((genuine ?? null) === null && (ours ?? null) === null)) return []
  return [`${path}: ${printExact(genuine ?? null).slice(0, 120)}, ours ${printExact(ours ?? null).slice(0, 120)}`]
}

/** What we answered, in the shape of the corpus: the answer frame and the frames behind it. */
export const answerOf = (answer: JsonRecord, frames: ReadonlyArray<JsonRecord>, home: Home): JsonRecord => {
  const result = withoutHome(own(answer, "result"), home)
  if (!isRecord(result)) return { error: own(answer, "error") }
  const { thread, ...response } = result
  const { turns, ...rest } = isRecord(thread) ? thread : {}
  const usage = frames.find((frame) => own(frame, "method") === usageMethod)
  return { thread: rest, turns, response, usage: withoutHome(usage === undefined ? null : own(usage, "params"), home) }
}

// Since 0.169 `updatedAt` comes from the server's own database, and `recencyAt` too while it runs; not from the files. The
// home that a server ran in does not matter, only where in it the file is.
const comparableThread = (thread: unknown, server: string): JsonRecord => {
  if (!isRecord(thread)) return {}
  const left = new Set([...(server === "0.122.0" ? [] : ["updatedAt"]), ...(server === "live" ? ["recencyAt"] : [])])
  return Object.fromEntries(
    Object.entries(thread)
      .filter(([key]) => !left.has(key))
      .map(([key, value]) => [
        key,
        key === "path" && typeof value === "string" ? value.replace(/^.*?(?=(?:archived_)?sessions\/)/, "") : value
      ])
  )
}

// Cursors are the server's own business; whether there is one is not.
const comparableResponse = (response: unknown): JsonRecord =>
  isRecord(response)
    ? Object.fromEntries(
        Object.entries(response).map(([key, value]) => [
          key,
          key.endsWith("Cursor") && typeof value === "string" ? "a cursor" : value
        ])
      )
    : {}

const usageAmong = (notifications: ReadonlyArray<unknown>): unknown => {
  const usage = notifications.find((frame) => isRecord(frame) && own(frame, "method") === usageMethod)
  return isRecord(usage) ? own(usage, "params") : null
}

/** Where ours is not what one genuine server answered. */
export const differences = (server: string, genuine: Answer, ours: JsonRecord): ReadonlyArray<string> => {
  const refused = Object.hasOwn(ours, "error")
  if (genuine.error) return refused ? [] : [served]
  if (refused) return [`refused, where the genuine server serves: ${printExact(own(ours, "error")).slice(0, 200)}`]
  const usage = own(ours, "usage")
  const told = genuine.notifications ? usageAmong(genuine.notifications) : usage
  return [
    ...lacking(comparableThread(genuine.thread, server), comparableThread(own(ours, "thread"), server), "thread"),
    ...lacking(genuine.turns ?? null, own(ours, "turns"), "turns"),
    ...lacking(comparableResponse(genuine.response), comparableResponse(own(ours, "response")), "response"),
    ...((told === null) === (usage === null)
      ? lacking(told, usage, "usage")
      : [`usage sent: ${told !== null}, ours ${usage !== null}`])
  ]
}

/** The difference of a row that a genuine server refuses and Rethread serves. */
export const served = "served, where the genuine server refuses"
