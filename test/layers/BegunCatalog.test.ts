/**
 * A catalog that begins: what was read is listed before it is written, written when nobody waits, and lost with nothing
 * but time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { ThreadId } from "../../src/domain/Ids.ts"
import { catalogFile } from "../../src/layers/sqlite/CatalogDatabase.ts"
import { ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import type { ThreadQuery } from "../../src/services/ThreadQuery.ts"
import { id, ids, list, search, t0 } from "../../src/testing/conformance/CatalogUnderTest.ts"
import { passing } from "../../src/testing/PassingTime.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import { folder, memory, put, sqlite } from "./support/CatalogHome.ts"

/** What is written of a home's threads: their previews, in the order of their names. */
const written = (home: string) => {
  const database = new DatabaseSync(join(home, catalogFile), { readOnly: true })
  const rows = database.prepare("SELECT preview FROM rollout ORDER BY path").all()
  database.close()
  return rows.map((row) => row["preview"])
}

const untilWritten = Effect.fnUntraced(function* (home: string, count: number) {
  while (written(home).length < count) yield* Effect.sleep("1 second")
})

const said = (text: string) => {
  const payload = { type: "user_message", message: text }
  return `${JSON.stringify({ timestamp: "2026-03-01T11:00:00Z", type: "event_msg", payload })}\n`
}

describe("a catalog that begins", () => {
  it.effect("is written a while after it was filled, and at the end", () =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* ids(), [id(1)])
        assert.deepStrictEqual(written(home), [])
        yield* passing(untilWritten(home, 1))
        assert.deepStrictEqual(written(home), ["words of 1"])
        put(home, 2)
        assert.deepStrictEqual(yield* ids(), [id(2), id(1)])
        assert.deepStrictEqual(written(home), ["words of 1", "words of 2"])
        rmSync(join(home, catalogFile))
        assert.deepStrictEqual(yield* ids(), [id(2), id(1)])
        assert.deepStrictEqual(written(home), [])
      }).pipe(Effect.provide(sqlite(home)))
      assert.deepStrictEqual(written(home), ["words of 1", "words of 2"])
    }).pipe(Effect.scoped)
  )

  it.effect("sees what changes before it is written", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const [one, two] = [put(home, 1), put(home, 2)]
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* ids(), [id(2), id(1)])
        const silent = rollout({ threadId: id(3), createdAt: t0 + 3000 }).build()
        writeFileSync(join(home, silent.path), silent.bytes)
        assert.deepStrictEqual(yield* ids(), [id(2), id(1)])
        appendFileSync(join(home, silent.path), said("at last"))
        rmSync(one)
        const name = { type: "session_meta", timestamp: "2026-03-01T11:00:00Z" }
        const meta = { id: id(2), timestamp: "", cwd: "/", originator: "", cli_version: "", git: { branch: "later" } }
        appendFileSync(two, `${JSON.stringify({ ...name, payload: meta })}\n`)
        const { data } = yield* list()
        assert.deepStrictEqual(
          data.map((shown) => [shown.id as string, shown.preview, shown.gitInfo?.branch]),
          [
            [id(3), "at last", undefined],
            [id(2), "words of 2", "later"]
          ]
        )
      }).pipe(Effect.provide(sqlite(home)))
      assert.deepStrictEqual(written(home), ["words of 2", "at last"])
    }).pipe(Effect.scoped)
  )

  it.effect("is searched, and asked for sub-agents, as any other", () =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      // Whose thread the last one is only the rollout between tells.
      for (const n of [2, 3]) {
        const source = { subagent: { thread_spawn: { parent_thread_id: id(n - 1), depth: n - 1 } } }
        const child = rollout({ threadId: id(n), createdAt: t0 + n * 1000, source })
          .turn({ user: "words of a child" })
          .build()
        writeFileSync(join(home, child.path), child.bytes)
      }
      const sourceKinds = ["cli", "vscode", "subAgent"] as const
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* ids({ sourceKinds: ["subAgentThreadSpawn"] }), [id(3), id(2)])
        assert.deepStrictEqual(yield* ids({ ancestorThreadId: ThreadId.make(id(1)) }), [id(3), id(2)])
      }).pipe(Effect.provide(sqlite(home)))
      rmSync(join(home, catalogFile))
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* ids({ sourceKinds }), [id(3), id(2), id(1)])
        const { data } = yield* search("WORDS of", { sourceKinds })
        assert.deepStrictEqual(
          data.map((found) => found.thread.id as string),
          [id(3), id(2), id(1)]
        )
      }).pipe(Effect.provide(sqlite(home)))
    }).pipe(Effect.scoped)
  )

  it.effect("is shared by programs that begin it at once", () =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      const one = yield* Effect.provide(ThreadCatalog, yield* Layer.build(sqlite(home)))
      const all = Effect.provideService(ids(), ThreadCatalog, one)
      assert.deepStrictEqual(yield* all, [id(1)])
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* ids(), [id(1)])
        put(home, 2)
        assert.deepStrictEqual(yield* ids(), [id(2), id(1)])
      }).pipe(Effect.provide(sqlite(home)))
      assert.deepStrictEqual(written(home), ["words of 1", "words of 2"])
      assert.deepStrictEqual(yield* all, [id(2), id(1)])
      put(home, 3)
      assert.deepStrictEqual(yield* all, [id(3), id(2), id(1)])
      assert.deepStrictEqual(written(home), ["words of 1", "words of 2", "words of 3"])
    }).pipe(Effect.scoped)
  )

  it.effect("goes by the time in a rollout where its name tells another, half a day off at most", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const hour = 3_600_000
      const at = (n: number, hours: number, before = "") => {
        const timestamp = new Date(t0 + n * 1000 + hours * hour).toISOString()
        const { content, path } = rollout({ threadId: id(n), createdAt: t0 + n * 1000, meta: { timestamp } })
          .turn({ user: `words of ${n}` })
          .build()
        mkdirSync(dirname(join(home, path)), { recursive: true })
        writeFileSync(join(home, path), before + content)
      }
      for (let n = 0; n < 100; n++) at(n, 0)
      at(3, 14)
      at(50, 13, "{}\n")
      at(60, 12, "not even a line of it\n")
      at(99, -14)
      const query = { limit: 5 }
      const expected = [3, 50, 60, 98, 97].map(id)
      assert.deepStrictEqual(yield* Effect.provide(ids(query), memory(home)), expected)
      assert.deepStrictEqual(yield* Effect.provide(ids(query), sqlite(home)), expected)
      assert.deepStrictEqual(yield* Effect.provide(ids(query), sqlite(home)), expected)
      rmSync(join(home, catalogFile))
      const first = { limit: 3, sortDirection: "asc" } as const
      assert.deepStrictEqual(yield* Effect.provide(ids(first), sqlite(home)), [99, 0, 1].map(id))
    }).pipe(Effect.scoped)
  )

  it.effect("lists every page as the catalog in memory does, packed rollouts among them", () =>
    Effect.gen(function* () {
      const home = yield* folder
      for (let n = 0; n < 400; n++) put(home, n, n % 50 === 7)
      const pages = (query: Partial<ThreadQuery>) =>
        Effect.gen(function* () {
          const first = yield* list({ ...query, limit: 30 })
          const found = [first]
          for (let { nextCursor } = first; nextCursor !== null;) {
            const next = yield* list({ ...query, limit: 30, cursor: nextCursor })
            found.push(next)
            nextCursor = next.nextCursor
          }
          return found
        })
      for (const query of [
        { sortKey: "created_at", sortDirection: "desc" },
        { sortKey: "created_at", sortDirection: "asc" },
        { sortKey: "updated_at", sortDirection: "desc" }
      ] as const) {
        rmSync(join(home, catalogFile), { force: true })
        const expected = yield* Effect.provide(pages(query), memory(home))
        assert.strictEqual(expected.flatMap(({ data }) => data).length, 400)
        const [cold, warm] = [
          yield* Effect.provide(pages(query), sqlite(home)),
          yield* Effect.provide(pages(query), sqlite(home))
        ]
        assert.deepStrictEqual(cold, expected)
        assert.deepStrictEqual(warm, expected)
        assert.strictEqual(JSON.stringify(warm), JSON.stringify(cold))
      }
    }).pipe(Effect.scoped)
  )
})
