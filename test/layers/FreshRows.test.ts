/**
 * Rows that are not in the catalog's database yet are listed as those that are: the same threads, in the same order, in
 * the same words.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as CatalogRows from "../../src/layers/sqlite/CatalogRows.ts"
import { create } from "../../src/layers/sqlite/CatalogSchema.ts"
import { makeFreshRows } from "../../src/layers/sqlite/FreshRows.ts"
import * as SaidRows from "../../src/layers/sqlite/SaidRows.ts"
import { open } from "../../src/layers/sqlite/Sqlite.ts"
import { summaryIn } from "../../src/services/RolloutSummary.ts"
import { entryOf } from "../../src/services/ThreadEntries.ts"
import { headAlone } from "../../src/services/ThreadHead.ts"
import { rollout, uuidAt } from "../../src/testing/RolloutBuilder.ts"

const t0 = Date.UTC(2026, 2, 1, 10)
const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const id = (n: number) => ThreadId.make(uuidAt(t0, n))

/** A rollout as it is found at some time. */
const Found = Schema.Struct({
  thread: between(0, 3),
  created: between(0, 1),
  updated: between(0, 1),
  archived: Schema.Boolean,
  says: Schema.Literals(["nothing", "words", "ü \u{1f600} \u0000\n"]),
  source: Schema.Literals(["cli", "vscode", "exec", "review", "custom"]),
  settings: Schema.Literals(["none", "model"]),
  read: Schema.Literals(["whole", "its head", "not for good"])
})

const sources = { review: { subagent: "review" }, custom: { custom: "mine" } }

const readOf = (found: typeof Found.Type): CatalogRows.ReadRollout => {
  const { archived, created, read, says, settings, source, thread, updated } = found
  const begun = rollout({
    threadId: id(thread),
    createdAt: t0 + created * 1500,
    archived,
    git: { branch: "main" },
    source: source === "review" || source === "custom" ? sources[source] : source
  })
  const said = says === "nothing" ? begun : begun.turn({ user: says })
  const { bytes, path } =
    settings === "none"
      ? said.build()
      : said.event({ type: "thread_settings_applied", thread_settings: { model: "later", cwd: "/later" } }).build()
  const { head, scanned } = summaryIn(bytes, true)
  const modifiedAt = t0 + updated * 1500
  const version = `${modifiedAt} ${says} ${settings}`
  const stat = { size: bytes.length, modifiedAt, version, identity: path }
  // A thread has one row: its current rollout's.
  const ref = { threadId: id(thread), path: `/${thread}/rollout.jsonl`, archived, segmentId: null }
  const entry = entryOf(ref, stat, head === null || head === undefined ? null : headAlone(head))
  return {
    ref,
    stat,
    version: read === "not for good" ? "" : version,
    entry,
    scanned: read === "its head" ? null : scanned
  }
}

const Step = Schema.Union([
  Schema.Struct({ does: Schema.Literal("put"), found: Schema.Array(Found).check(Schema.isMaxLength(5)) }),
  Schema.Struct({ does: Schema.Literal("remove"), thread: between(0, 9) }),
  Schema.Struct({
    does: Schema.Literal("list"),
    archived: Schema.Boolean,
    sortKey: Schema.Literals(["created_at", "updated_at", "recency_at"]),
    sortDirection: Schema.Literals(["asc", "desc"]),
    after: Schema.NullOr(Schema.Struct({ time: between(0, 2), thread: between(0, 9) })),
    kinds: Schema.Literals(["all", "cli and vscode", "subAgent", "unknown"]),
    count: between(1, 6),
    only: Schema.Literals(["all", "even"])
  })
])

const kinds = { all: null, "cli and vscode": ["cli", "vscode"], subAgent: ["subAgent"], unknown: ["unknown"] } as const
const evenOnly: CatalogRows.Filter = { may: null, matches: ({ thread }) => /[02468]$/.test(thread.id) }

/** A row with nothing in it that is not data, and its thread as it is sent. */
const told = ({ scanned, thread, ...row }: CatalogRows.ListedRow) => ({
  ...row,
  scanned: JSON.stringify(scanned()),
  thread: JSON.stringify(thread)
})

describe("rows that are not written yet", () => {
  it.effect.prop(
    "are listed as the database lists them",
    [Schema.Array(Step).check(Schema.isMaxLength(12))],
    ([steps]) =>
      Effect.gen(function* () {
        const connection = yield* open(":memory:", create)
        const fresh = makeFreshRows()
        const paths = new Set<string>()
        for (const step of steps) {
          switch (step.does) {
            case "put": {
              const rollouts = step.found.map(readOf)
              for (const { ref } of rollouts) paths.add(ref.path)
              fresh.put(rollouts)
              yield* connection.transaction((sql) => CatalogRows.put(sql, rollouts))
              break
            }
            case "remove": {
              const gone = Array.from(paths).filter((path) => path.startsWith(`/${step.thread}/`))
              fresh.remove(gone)
              yield* connection.transaction((sql) => SaidRows.removeRollouts(sql, gone))
              break
            }
            case "list": {
              const { after, archived, sortDirection, sortKey } = step
              const place = after === null ? null : { time: t0 + after.time * 1500, id: id(after.thread) }
              const selection = { archived, sortKey, sortDirection, after: place, kinds: kinds[step.kinds] }
              const filter = step.only === "all" ? null : evenOnly
              const listed = yield* connection.use((sql) => CatalogRows.select(sql, selection, step.count, filter))
              assert.deepStrictEqual(fresh.select(selection, step.count, filter).map(told), listed.map(told))
            }
          }
        }
        yield* connection.close
      }),
    { arbitrary: { runs: 300 } }
  )

  const words = (thread: number) =>
    readOf({
      thread,
      created: 0,
      updated: 0,
      archived: false,
      says: "words",
      source: "cli",
      settings: "none",
      read: "its head"
    })
  const all = {
    archived: false,
    sortKey: "created_at",
    sortDirection: "asc",
    after: null,
    kinds: null
  } as const

  it("are handed out to be written until they are, also when they were read anew meanwhile", () => {
    const fresh = makeFreshRows(3)
    const [one, two] = [words(1), words(2)]
    fresh.put([one, two])
    assert.isFalse(fresh.isFull())
    const [first] = fresh.unwritten(1)
    const again = words(1)
    fresh.put([again])
    fresh.written(first === undefined ? [] : [first])
    assert.deepStrictEqual(
      fresh.unwritten(9).map(({ ref }) => ref.path),
      [two.ref.path, again.ref.path]
    )
    fresh.written(fresh.unwritten(9))
    assert.deepStrictEqual(fresh.unwritten(9), [])
    assert.strictEqual(fresh.select(all, 9, null).length, 2)
    fresh.put([words(3)])
    assert.isTrue(fresh.isFull())
  })

  it("take what a whole reading of the same version found out, and of no other", () => {
    const fresh = makeFreshRows()
    const head = words(1)
    fresh.put([head])
    const facts = { git: null, settings: { model: "found" }, name: "told" }
    const scanned = { mark: { offset: 0, guard: "" }, facts }
    fresh.putFacts(head.ref.path, "another", scanned)
    assert.deepStrictEqual(
      fresh.select(all, 9, null).map(({ current, thread }) => [current, thread.name]),
      [[false, null]]
    )
    fresh.putFacts(head.ref.path, head.version, scanned)
    assert.deepStrictEqual(
      fresh.select(all, 9, null).map(({ current, thread }) => [current, thread.name, thread.model]),
      [[true, "told", "found"]]
    )
  })
})
