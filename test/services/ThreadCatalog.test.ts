import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ThreadId } from "../../src/domain/Ids.ts"
import type { Thread } from "../../src/domain/Thread.ts"
import {
  type MemoryFile,
  MemoryFiles,
  layerWith,
  type MemoryOptions
} from "../../src/layers/memory/MemoryRolloutStore.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import { ThreadCatalog, type ThreadQuery } from "../../src/services/ThreadCatalog.ts"
import { paginated, rollout, type RolloutBuilder, uuidAt } from "../../src/testing/RolloutBuilder.ts"

const everything: ThreadQuery = {
  cursor: null,
  limit: 100,
  sortKey: "created_at",
  sortDirection: "desc",
  archived: false,
  modelProviders: null,
  sourceKinds: null,
  cwd: null,
  searchTerm: null,
  parentThreadId: null,
  ancestorThreadId: null,
  excludedThreadIds: []
}

const t0 = Date.UTC(2026, 2, 1, 10)
const id = (n: number): string => uuidAt(t0, n)

const catalog = (rollouts: ReadonlyArray<RolloutBuilder | MemoryFile>, options: MemoryOptions = {}) =>
  ThreadCatalog.layer.pipe(
    Layer.provideMerge(
      layerWith(
        rollouts.map((r) => ("build" in r ? r.build() : r)),
        options
      )
    ),
    Layer.provide(ServerConfig.layerMemory({ cwd: "/srv" }))
  )

const list = (query: Partial<ThreadQuery> = {}) =>
  ThreadCatalog.use((catalog) => catalog.list({ ...everything, ...query }))

const ids = (query: Partial<ThreadQuery> = {}) =>
  Effect.map(list(query), (page) => page.data.map((thread) => thread.id as string))

describe("ThreadCatalog", () => {
  it.effect("shows what the head of a rollout tells", () => {
    const thread = rollout({
      threadId: id(1),
      cwd: "/home/dev/a",
      git: { commit_hash: "abc", branch: "main" },
      source: "cli",
      modifiedAt: t0 + 5000
    }).turn({ user: "hello" })
    return Effect.gen(function* () {
      const [shown] = (yield* list()).data
      if (shown === undefined) return assert.fail("not listed")
      const expected: Partial<Thread> = {
        id: ThreadId.make(id(1)),
        preview: "hello",
        name: "first",
        cwd: "/home/dev/a",
        source: "cli",
        createdAt: t0 / 1000,
        updatedAt: t0 / 1000 + 5,
        modelProvider: "openai",
        gitInfo: { sha: "abc", branch: "main", originUrl: null },
        turns: []
      }
      assert.deepStrictEqual({ ...shown, ...expected }, shown)
      assert.deepStrictEqual(shown.status, { type: "notLoaded" })
    }).pipe(Effect.provide(catalog([thread], { names: [[thread.threadId, "first"]] })))
  })

  it.effect("leaves out what cannot be restored, or says nothing yet", () => {
    const silent = rollout({ threadId: id(1) })
    const misnamed = {
      ...rollout({ threadId: id(2) })
        .turn()
        .build(),
      path: `sessions/rollout-x-${id(3)}.jsonl`
    }
    const noMeta = { path: `sessions/rollout-x-${id(4)}.jsonl`, content: "{}\nnot json\n\0\0\0\n" }
    const late = rollout({ threadId: id(5) })
      .raw(`${" ".repeat(1024)}\n`.repeat(1100))
      .turn()
    const packed = { path: `sessions/rollout-x-${id(6)}.jsonl.zst`, content: "cannot be read from memory" }
    const good = rollout({ threadId: id(7) })
      .raw("{torn\n\n")
      .turn({ user: "", images: ["data:,x"] })
      .turn({ user: "words" })
    return Effect.gen(function* () {
      const page = yield* list()
      assert.deepStrictEqual(
        page.data.map((thread) => [thread.id, thread.preview]),
        [[id(7), "words"]]
      )
    }).pipe(Effect.provide(catalog([silent, misnamed, noMeta, late, packed, good])))
  })

  it.effect("waits for a long first line: a message with images in it", () => {
    const image = `data:image/png;base64,${"A".repeat(3_000_000)}`
    return Effect.gen(function* () {
      assert.deepStrictEqual(
        (yield* list()).data.map((thread) => thread.preview),
        ["look at this"]
      )
    }).pipe(Effect.provide(catalog([rollout().turn({ user: "look at this", images: [image] })])))
  })

  it.effect("takes the preview of a paginated fork, and of a revert, from where its history began", () => {
    const parent = paginated({ threadId: id(1) }).turn({ user: "root" })
    const fork = parent.fork({ threadId: id(2) }).turn({ user: "forked" })
    const before = paginated({ threadId: id(3) })
    const early = before.fork({ threadId: id(4) }).turn({ user: "own words" })
    const revert = parent.revert().turn({ user: "again" })
    const orphan = paginated({ threadId: id(5) })
      .turn()
      .fork({ threadId: id(6) })
      .turn({ user: "orphan" })
    return Effect.gen(function* () {
      const previews = (yield* list()).data.map((thread) => [thread.id, thread.preview])
      assert.deepStrictEqual(previews.sort(), [
        [id(1), "root"],
        [id(2), "root"],
        [id(3), "later"],
        [id(4), "own words"],
        [id(6), "orphan"]
      ])
    }).pipe(Effect.provide(catalog([parent, fork, revert, before.turn({ user: "later" }), early, orphan])))
  })

  it.effect("sees changes with each first page, and cuts further pages from one look", () => {
    const rollouts = [1, 2, 3].map((n) =>
      rollout({ threadId: id(n), createdAt: t0 + n * 1000 }).turn({ user: `u${n}` })
    )
    const silent = rollout({ threadId: id(9), createdAt: t0 })
    return Effect.gen(function* () {
      const files = yield* MemoryFiles
      assert.deepStrictEqual(yield* ids(), [id(3), id(2), id(1)])
      yield* files.append(
        silent.build().path,
        silent.turn({ user: "now" }).build().content.slice(silent.build().content.length)
      )
      assert.deepStrictEqual(yield* ids(), [id(3), id(2), id(1), id(9)])
      const first = yield* list({ limit: 1 })
      yield* files.remove(rollouts[1]?.build().path ?? "")
      const second = yield* ids({ limit: 1, cursor: first.nextCursor })
      assert.deepStrictEqual(second, [id(2)])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* ids({ limit: 1, cursor: first.nextCursor }), [id(1)])
    }).pipe(Effect.provide(catalog([...rollouts, silent])))
  })

  it.effect("reads a head once per version", () => {
    let reads = 0
    const counting = Layer.effect(
      RolloutStore,
      RolloutStore.use((store) =>
        Effect.succeed({
          ...store,
          read: (ref) => {
            reads++
            return store.read(ref)
          }
        })
      )
    )
    const file = rollout({ threadId: id(1) }).turn()
    return Effect.gen(function* () {
      yield* list()
      yield* list({ sortKey: "updated_at" })
      assert.strictEqual(reads, 1)
      const files = yield* MemoryFiles
      yield* files.append(file.build().path, "\n")
      yield* list()
      assert.strictEqual(reads, 2)
    }).pipe(
      Effect.provide(
        ThreadCatalog.layer.pipe(
          Layer.provide(counting),
          Layer.provideMerge(layerWith([file.build()])),
          Layer.provide(ServerConfig.layerMemory())
        )
      )
    )
  })

  it.effect("filters", () => {
    const spawned = (n: number, parent: number) =>
      rollout({
        threadId: id(n),
        source: { subagent: { thread_spawn: { parent_thread_id: id(parent), depth: 1 } } }
      }).turn({ user: `child ${n}` })
    const rollouts = [
      rollout({ threadId: id(1), source: "cli", cwd: "/a" }).turn({ user: "Alpha" }),
      rollout({ threadId: id(2), source: "vscode", cwd: "/b", modelProvider: "other" }).turn({ user: "beta" }),
      rollout({ threadId: id(3), source: "exec" }).turn({ user: "gamma" }),
      rollout({ threadId: id(4), source: { subagent: "review" } }).turn({ user: "delta" }),
      spawned(5, 1),
      spawned(6, 5),
      rollout({ threadId: id(7), archived: true }).turn({ user: "old" })
    ]
    return Effect.gen(function* () {
      const sorted = (query: Partial<ThreadQuery>) => ids({ ...query, sortDirection: "asc" })
      assert.deepStrictEqual(yield* sorted({}), [id(1), id(2)])
      assert.deepStrictEqual(yield* sorted({ sourceKinds: [] }), [id(1), id(2)])
      assert.deepStrictEqual(yield* sorted({ sourceKinds: ["exec"] }), [id(3)])
      assert.deepStrictEqual(yield* sorted({ sourceKinds: ["subAgent"] }), [id(4), id(5), id(6)])
      assert.deepStrictEqual(yield* sorted({ sourceKinds: ["subAgentReview", "cli"] }), [id(1), id(4)])
      assert.deepStrictEqual(yield* sorted({ modelProviders: ["other"] }), [id(2)])
      assert.deepStrictEqual(yield* sorted({ modelProviders: [] }), [id(1), id(2)])
      assert.deepStrictEqual(yield* sorted({ cwd: ["/a", "/c"] }), [id(1)])
      assert.deepStrictEqual(yield* sorted({ searchTerm: "aLPHa" }), [id(1)])
      assert.deepStrictEqual(yield* sorted({ searchTerm: "named" }), [id(2)])
      assert.deepStrictEqual(yield* sorted({ excludedThreadIds: [ThreadId.make(id(1))] }), [id(2)])
      assert.deepStrictEqual(yield* sorted({ parentThreadId: ThreadId.make(id(1)) }), [id(5)])
      assert.deepStrictEqual(yield* sorted({ ancestorThreadId: ThreadId.make(id(1)) }), [id(5), id(6)])
      assert.deepStrictEqual(yield* sorted({ ancestorThreadId: ThreadId.make(id(1)), sourceKinds: ["cli"] }), [])
      assert.deepStrictEqual(yield* sorted({ archived: true }), [id(7)])
    }).pipe(Effect.provide(catalog(rollouts, { names: [[ThreadId.make(id(2)), "is Named so"]] })))
  })

  it.effect.each([
    "",
    "x",
    "2026-03-01T10:00:00Z",
    `|${id(1)}`,
    `2026-13-01T10:00:00Z|${id(1)}`,
    "2026-03-01T10:00:00Z|x"
  ])("refuses the cursor %j", (cursor) =>
    Effect.gen(function* () {
      const result = yield* Effect.result(list({ cursor }))
      if (Result.isSuccess(result) || result.failure._tag !== "InvalidRequest") return assert.fail("let through")
      assert.strictEqual(result.failure.field, "cursor")
      assert.strictEqual(result.failure.message, `invalid cursor: ${cursor}`)
    }).pipe(Effect.provide(catalog([])))
  )

  // Times from a handful of values, so that most threads share theirs with others.
  const Times = Schema.Array(
    Schema.Struct({
      created: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
      updated: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 }))
    })
  ).check(Schema.isMaxLength(30))
  const Limit = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 }))
  const SortKey = Schema.Literals(["created_at", "updated_at", "recency_at"])
  const Direction = Schema.Literals(["asc", "desc"])

  it.effect.prop(
    "pages visit each thread exactly once in order, and back again",
    [Times, Limit, SortKey, Direction],
    ([times, limit, sortKey, sortDirection]) =>
      Effect.gen(function* () {
        const whole = yield* ids({ sortKey, sortDirection })
        assert.strictEqual(new Set(whole).size, times.length)
        const forward: Array<string> = []
        let page = yield* list({ limit, sortKey, sortDirection })
        let lastStart = page.backwardsCursor
        for (;;) {
          assert.isAtMost(page.data.length, limit)
          forward.push(...page.data.map((thread) => thread.id))
          lastStart = page.backwardsCursor
          if (page.nextCursor === null) break
          page = yield* list({ limit, sortKey, sortDirection, cursor: page.nextCursor })
        }
        assert.deepStrictEqual(forward, whole)
        const opposite = sortDirection === "asc" ? "desc" : "asc"
        const back: Array<string> = page.data.map((thread) => thread.id as string).toReversed()
        for (let cursor = lastStart; cursor !== null;) {
          const earlier = yield* list({ limit, sortKey, sortDirection: opposite, cursor })
          back.push(...earlier.data.map((thread) => thread.id))
          cursor = earlier.nextCursor
        }
        assert.deepStrictEqual(back, whole.toReversed())
      }).pipe(
        Effect.provide(
          catalog(
            times.map(({ created, updated }, n) =>
              rollout({ threadId: id(n), createdAt: t0 + created * 500, modifiedAt: t0 + 9000 + updated * 500 }).turn()
            )
          )
        )
      )
  )
})
