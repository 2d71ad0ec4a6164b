/**
 * The catalog's file: whatever happens to it, and to the rollouts behind its back, a list is what the files say.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { appendFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { catalogFile } from "../../src/layers/sqlite/CatalogDatabase.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { shownInFull, ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import { id, ids, list, search, t0 } from "../../src/testing/conformance/CatalogUnderTest.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import { folder, memory, put, sqlite, store, thread } from "./support/CatalogHome.ts"

const found = (term: string) => Effect.map(search(term), (page) => page.data.map(({ thread }) => thread.id as string))

const file = (home: string) => join(home, catalogFile)

describe("the catalog's file", () => {
  it.effect("is made with the first list, for its owner only, and is there for the next program", () =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      yield* Effect.gen(function* () {
        assert.isFalse(existsSync(file(home)))
        assert.deepStrictEqual(yield* ids(), [id(1)])
        assert.strictEqual(statSync(file(home)).mode & 0o777, 0o600)
      }).pipe(Effect.provide(sqlite(home)))
      assert.isFalse(existsSync(`${file(home)}-wal`))
      const rows = new DatabaseSync(file(home), { readOnly: true }).prepare("SELECT thread FROM rollout").all()
      assert.deepStrictEqual(
        rows.map((row) => row["thread"]),
        [id(1)]
      )
      assert.deepStrictEqual(yield* Effect.provide(ids(), sqlite(home)), [id(1)])
    }).pipe(Effect.scoped)
  )

  it.effect("is not made where there is no home", () =>
    Effect.gen(function* () {
      const home = join(yield* folder, "nowhere")
      assert.deepStrictEqual(yield* Effect.provide(ids(), sqlite(home)), [])
      assert.isFalse(existsSync(home))
    }).pipe(Effect.scoped)
  )

  it.effect("may be removed, or replaced by anything, while the program runs", () =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      yield* Effect.gen(function* () {
        assert.deepStrictEqual([yield* ids(), yield* found("words")], [[id(1)], [id(1)]])
        rmSync(file(home))
        put(home, 2)
        assert.deepStrictEqual(yield* ids(), [id(2), id(1)])
        assert.isTrue(existsSync(file(home)))
        assert.deepStrictEqual(yield* found("words"), [id(2), id(1)])
        writeFileSync(`${file(home)}.new`, "no database at all, but long enough to be looked at".repeat(100))
        renameSync(`${file(home)}.new`, file(home))
        assert.deepStrictEqual([yield* ids(), yield* found("words of 1")], [[id(2), id(1)], [id(1)]])
        rmSync(file(home))
        mkdirSync(file(home))
        assert.deepStrictEqual([yield* ids(), yield* found("words of 1")], [[id(2), id(1)], [id(1)]])
      }).pipe(Effect.provide(sqlite(home)))
    }).pipe(Effect.scoped)
  )

  const spoil: ReadonlyArray<readonly [string, (path: string) => void, "anew" | "kept"]> = [
    ["is no database", (path) => writeFileSync(path, "hello ".repeat(5000)), "anew"],
    ["is cut short", (path) => writeFileSync(path, "SQLite format 3\0"), "anew"],
    [
      "is of an older version",
      (path) => {
        const database = new DatabaseSync(path)
        database.exec("CREATE TABLE rollout (x); PRAGMA user_version = 0")
        database.close()
      },
      "anew"
    ],
    [
      "lacks its tables",
      (path) => {
        const database = new DatabaseSync(path)
        database.exec("PRAGMA user_version = 1")
        database.close()
      },
      "anew"
    ],
    [
      "is of a newer version",
      (path) => {
        const database = new DatabaseSync(path)
        database.exec("CREATE TABLE later (x); PRAGMA user_version = 999")
        database.close()
      },
      "kept"
    ]
  ]
  for (const [title, make, outcome] of spoil) {
    it.effect(`costs time only when it ${title}`, () =>
      Effect.gen(function* () {
        const home = yield* folder
        put(home, 1)
        make(file(home))
        const listed = Effect.all([ids(), found("words")])
        assert.deepStrictEqual(yield* Effect.provide(listed, sqlite(home)), [[id(1)], [id(1)]])
        const rows = new DatabaseSync(file(home), { readOnly: true })
          .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
          .all()
        const tables = new Set(rows.map((row) => row["name"]))
        assert.strictEqual(tables.has("said"), outcome === "anew")
        assert.strictEqual(tables.has("later"), outcome === "kept")
      }).pipe(Effect.scoped)
    )
  }

  it.effect("costs time only when another process holds it", () =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(file(home))),
        (database) => Effect.sync(() => database.close())
      )
      other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE mine (x)")
      assert.deepStrictEqual(yield* Effect.provide(Effect.all([ids(), found("words")]), sqlite(home)), [
        [id(1)],
        [id(1)]
      ])
    }).pipe(Effect.scoped)
  )

  it.effect.each([
    ["it loses a table while the program runs", "DROP TABLE said_runs; DROP TABLE rollout"],
    ["its rows hold no threads", "UPDATE rollout SET body = '{}'"]
  ] as const)("costs time only when %s", ([, damage]) =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* ids(), [id(1)])
        const other = new DatabaseSync(file(home))
        other.exec(damage)
        other.close()
        assert.deepStrictEqual([yield* ids(), yield* found("words")], [[id(1)], [id(1)]])
      }).pipe(Effect.provide(sqlite(home)))
    }).pipe(Effect.scoped)
  )

  it.effect("shows what was changed at the end of a rollout that is too long to be read for a list", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const git = { branch: "first", commit_hash: "abc" }
      const long = rollout({ threadId: id(1), createdAt: t0, git }).turn({ user: "hello" })
      const content = long.event({ type: "agent_message", message: "x".repeat(shownInFull + 1) })
      const built = content.build()
      const path = join(home, built.path)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, built.content)
      const branches = list().pipe(Effect.map((page) => page.data.map((thread) => thread.gitInfo?.branch)))
      const meta = { timestamp: "2026-03-01T10:00:00Z", cwd: "/", originator: "probe", cli_version: "0" }
      const restate = (of: string, branch: string) =>
        rollout()
          .line("session_meta", { ...meta, id: of, git: { branch } })
          .build()
          .content.trimEnd()
          .split("\n")
          .at(-1)
      for (const catalog of [sqlite(home), memory(home)]) {
        writeFileSync(path, built.content)
        yield* Effect.gen(function* () {
          assert.deepStrictEqual(yield* branches, ["first"])
          appendFileSync(path, `${restate(id(1), "second")}\n`)
          assert.deepStrictEqual(yield* branches, ["second"])
          appendFileSync(path, `${restate(id(2), "of another thread")}\n`)
          assert.deepStrictEqual(yield* branches, ["second"])
        }).pipe(Effect.provide(catalog))
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is shared by programs that see the same", () =>
    Effect.gen(function* () {
      const home = yield* folder
      for (const n of [1, 2, 3]) put(home, n)
      const both = Effect.gen(function* () {
        const one = yield* Effect.provide(ThreadCatalog, yield* Layer.build(sqlite(home)))
        const two = yield* Effect.provide(ThreadCatalog, yield* Layer.build(sqlite(home)))
        const all = (catalog: ThreadCatalog["Service"]) => Effect.provideService(ids(), ThreadCatalog, catalog)
        assert.deepStrictEqual(yield* Effect.all([all(one), all(two)], { concurrency: 2 }), [
          [id(3), id(2), id(1)],
          [id(3), id(2), id(1)]
        ])
        const path = put(home, 4)
        assert.deepStrictEqual(
          [yield* all(one), yield* all(two)].map((page) => page.length),
          [4, 4]
        )
        rmSync(path)
        assert.deepStrictEqual(
          [yield* all(two), yield* all(one)].map((page) => page.length),
          [3, 3]
        )
        assert.deepStrictEqual(
          yield* Effect.forEach(
            [one, two],
            (catalog) => Effect.provideService(found("words of 2"), ThreadCatalog, catalog),
            { concurrency: 2 }
          ),
          [[id(2)], [id(2)]]
        )
      })
      yield* both
    }).pipe(Effect.scoped)
  )

  const Change = Schema.Struct({
    thread: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })),
    what: Schema.Literals(["new", "grow", "silent", "remove", "archive", "rename", "touch", "again", "spoil", "forget"])
  })

  /** What the files say: every rollout that is somebody's and in which something was said, restored whole. */
  const fold = (archived: boolean) =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const reconstruction = yield* SessionReconstruction
      const refs = yield* Stream.runCollect(store.list({ archived }))
      const all = yield* Effect.forEach(refs, (ref) => Effect.option(reconstruction.restore(ref)))
      return all
        .flatMap((session) =>
          session._tag === "Some" && session.value.projected.preview !== "" ? [session.value] : []
        )
        .map(({ meta, projected, ref, stat }) => ({
          id: meta.id as string,
          path: ref.path,
          preview: projected.preview,
          branch: projected.meta.git?.branch,
          updatedAt: Math.floor(stat.modifiedAt / 1000)
        }))
        .sort((a, b) => (a.id < b.id ? 1 : -1))
    })

  const shown = (archived: boolean, sortKey: "created_at" | "updated_at") =>
    list({ archived, sortKey }).pipe(
      Effect.map((page) =>
        page.data
          .map((thread) => ({
            id: thread.id as string,
            path: thread.path ?? "",
            preview: thread.preview,
            branch: thread.gitInfo?.branch,
            updatedAt: thread.updatedAt
          }))
          .sort((a, b) => (a.id < b.id ? 1 : -1))
      )
    )

  const change = (home: string, step: number, { thread: n, what }: typeof Change.Type) => {
    const { content, path } = thread(n).build()
    const active = join(home, path)
    const moved = join(home, "sessions", path.split("/").at(-1) ?? "")
    const archived = join(home, "archived_sessions", path.split("/").at(-1) ?? "")
    const there = [active, moved, archived].find((candidate) => existsSync(candidate))
    const meta = { timestamp: "2026-03-01T10:00:00Z", cwd: "/", originator: "x", cli_version: "0", id: id(n) }
    mkdirSync(dirname(active), { recursive: true })
    mkdirSync(dirname(archived), { recursive: true })
    switch (what) {
      case "new":
        return there === undefined ? writeFileSync(active, content) : undefined
      case "silent":
        return there === undefined ? writeFileSync(active, content.split("\n")[0] ?? "") : undefined
      case "again":
        return writeFileSync(there ?? active, content.replace("words", `step ${step}`))
      case "grow": {
        const git = { branch: `b${step}` }
        const line = JSON.stringify({ timestamp: meta.timestamp, type: "session_meta", payload: { ...meta, git } })
        const said = JSON.stringify({
          timestamp: meta.timestamp,
          type: "event_msg",
          payload: { type: "user_message", message: `late ${step}` }
        })
        return there === undefined ? undefined : appendFileSync(there, `\n${line}\n${said}\n`)
      }
      case "remove":
        return there === undefined ? undefined : rmSync(there)
      case "archive":
        return there === undefined ? undefined : renameSync(there, there === archived ? active : archived)
      case "rename":
        return there === undefined ? undefined : renameSync(there, there === moved ? active : moved)
      case "touch":
        return there === undefined ? undefined : utimesSync(there, t0 / 1000 + step, t0 / 1000 + step)
      case "spoil":
        return writeFileSync(file(home), `garbage ${step}`.repeat(200))
      case "forget":
        return rmSync(file(home), { force: true })
    }
  }

  it.effect.prop(
    "after any changes a list is what the files say: warm, cold, stale, or of garbage",
    [Schema.Array(Schema.Array(Change).check(Schema.isMaxLength(4))).check(Schema.isMaxLength(5))],
    ([rounds]) =>
      Effect.gen(function* () {
        const home = yield* folder
        const files = Layer.mergeAll(SessionReconstruction.layer).pipe(
          Layer.provideMerge(Layer.mergeAll(store(home), RolloutParser.layer))
        )
        yield* Effect.gen(function* () {
          let step = 0
          for (const round of rounds) {
            for (const each of round) change(home, ++step, each)
            for (const archived of [false, true]) {
              const expected = yield* Effect.provide(fold(archived), Layer.fresh(files))
              for (const sortKey of ["created_at", "updated_at"] as const) {
                const what = `${step} ${archived} ${sortKey}`
                assert.deepStrictEqual(yield* shown(archived, sortKey), expected, `warm ${what}`)
                const others = [
                  yield* Effect.provide(shown(archived, sortKey), sqlite(home)),
                  yield* Effect.provide(shown(archived, sortKey), memory(home))
                ]
                assert.deepStrictEqual(others, [expected, expected], `cold ${what}`)
              }
            }
            yield* TestClock.adjust("3 seconds")
          }
        }).pipe(Effect.provide(sqlite(home)))
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 30 } }
  )

  it.effect("costs time only when it cannot be opened", () =>
    Effect.gen(function* () {
      const home = yield* folder
      put(home, 1)
      mkdirSync(file(home))
      assert.deepStrictEqual(yield* Effect.provide(Effect.all([ids(), found("words")]), sqlite(home)), [
        [id(1)],
        [id(1)]
      ])
    }).pipe(Effect.scoped)
  )
})
