/**
 * What a catalog must list: which threads, with what, in which order, page by page.
 */
import { Effect, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ThreadId } from "../../domain/Ids.ts"
import type { Thread } from "../../domain/Thread.ts"
import { MemoryFiles } from "../../layers/memory/MemoryRolloutStore.ts"
import type { ThreadQuery } from "../../services/ThreadCatalog.ts"
import * as Expect from "../Expect.ts"
import { paginated, rollout } from "../RolloutBuilder.ts"
import { catalog, id, ids, list, onCatalog, t0 } from "./CatalogUnderTest.ts"
import { property } from "./Suite.ts"

const lists = onCatalog("list")

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

/** Lists. */
export const listing = [
  lists.test(
    "shows what the head of a rollout tells",
    Effect.suspend(() => {
      const thread = rollout({
        threadId: id(1),
        cwd: "/home/dev/a",
        git: { commit_hash: "abc", branch: "main" },
        source: "cli",
        modifiedAt: t0 + 5000
      }).turn({ user: "hello" })
      return Effect.gen(function* () {
        const [shown] = (yield* list()).data
        if (shown === undefined) return yield* Expect.fail("not listed")
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
        yield* Expect.equal({ ...shown, ...expected }, shown)
        yield* Expect.equal(shown.status, { type: "notLoaded" })
      }).pipe(Effect.provide(catalog([thread], { names: [[thread.threadId, "first"]] })))
    })
  ),

  lists.test(
    "leaves out what cannot be restored, or says nothing yet",
    Effect.suspend(() => {
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
        yield* Expect.equal(
          page.data.map((thread) => [thread.id, thread.preview]),
          [[id(7), "words"]]
        )
      }).pipe(Effect.provide(catalog([silent, misnamed, noMeta, late, packed, good])))
    })
  ),

  lists.test(
    "waits for a long first line: a message with images in it",
    Effect.suspend(() => {
      const image = `data:image/png;base64,${"A".repeat(3_000_000)}`
      return Effect.gen(function* () {
        yield* Expect.equal(
          (yield* list()).data.map((thread) => thread.preview),
          ["look at this"]
        )
      }).pipe(Effect.provide(catalog([rollout().turn({ user: "look at this", images: [image] })])))
    })
  ),

  lists.test(
    "takes the preview of a paginated fork, and of a revert, from where its history began",
    Effect.suspend(() => {
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
        yield* Expect.equal(previews.sort(), [
          [id(1), "root"],
          [id(2), "root"],
          [id(3), "later"],
          [id(4), "own words"],
          [id(6), "orphan"]
        ])
      }).pipe(Effect.provide(catalog([parent, fork, revert, before.turn({ user: "later" }), early, orphan])))
    })
  ),

  lists.test(
    "sees changes with each first page, and cuts further pages from one look",
    Effect.suspend(() => {
      const rollouts = [1, 2, 3].map((n) =>
        rollout({ threadId: id(n), createdAt: t0 + n * 1000 }).turn({ user: `u${n}` })
      )
      const silent = rollout({ threadId: id(9), createdAt: t0 })
      return Effect.gen(function* () {
        const files = yield* MemoryFiles
        yield* Expect.equal(yield* ids(), [id(3), id(2), id(1)])
        yield* files.append(
          silent.build().path,
          silent.turn({ user: "now" }).build().content.slice(silent.build().content.length)
        )
        yield* Expect.equal(yield* ids(), [id(3), id(2), id(1), id(9)])
        const first = yield* list({ limit: 1 })
        yield* files.remove(rollouts[1]?.build().path ?? "")
        const second = yield* ids({ limit: 1, cursor: first.nextCursor })
        yield* Expect.equal(second, [id(2)])
        yield* TestClock.adjust("3 seconds")
        yield* Expect.equal(yield* ids({ limit: 1, cursor: first.nextCursor }), [id(1)])
      }).pipe(Effect.provide(catalog([...rollouts, silent])))
    })
  ),

  lists.test(
    "filters",
    Effect.suspend(() => {
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
        yield* Expect.equal(yield* sorted({}), [id(1), id(2)])
        yield* Expect.equal(yield* sorted({ sourceKinds: [] }), [id(1), id(2)])
        yield* Expect.equal(yield* sorted({ sourceKinds: ["exec"] }), [id(3)])
        yield* Expect.equal(yield* sorted({ sourceKinds: ["subAgent"] }), [id(4), id(5), id(6)])
        yield* Expect.equal(yield* sorted({ sourceKinds: ["subAgentReview", "cli"] }), [id(1), id(4)])
        yield* Expect.equal(yield* sorted({ modelProviders: ["other"] }), [id(2)])
        yield* Expect.equal(yield* sorted({ modelProviders: [] }), [id(1), id(2)])
        yield* Expect.equal(yield* sorted({ cwd: ["/a", "/c"] }), [id(1)])
        yield* Expect.equal(yield* sorted({ searchTerm: "aLPHa" }), [id(1)])
        yield* Expect.equal(yield* sorted({ searchTerm: "named" }), [id(2)])
        yield* Expect.equal(yield* sorted({ excludedThreadIds: [ThreadId.make(id(1))] }), [id(2)])
        yield* Expect.equal(yield* sorted({ parentThreadId: ThreadId.make(id(1)) }), [id(5)])
        yield* Expect.equal(yield* sorted({ ancestorThreadId: ThreadId.make(id(1)) }), [id(5), id(6)])
        yield* Expect.equal(yield* sorted({ ancestorThreadId: ThreadId.make(id(1)), sourceKinds: ["cli"] }), [])
        yield* Expect.equal(yield* sorted({ archived: true }), [id(7)])
      }).pipe(Effect.provide(catalog(rollouts, { names: [[ThreadId.make(id(2)), "is Named so"]] })))
    })
  ),

  ...["", "x", "2026-03-01T10:00:00Z", `|${id(1)}`, `2026-13-01T10:00:00Z|${id(1)}`, "2026-03-01T10:00:00Z|x"].map(
    (cursor) =>
      lists.test(
        `refuses the cursor ${JSON.stringify(cursor)}`,
        Effect.gen(function* () {
          const result = yield* Effect.result(list({ cursor }))
          if (Result.isSuccess(result) || result.failure._tag !== "InvalidRequest") {
            return yield* Expect.fail("let through")
          }
          yield* Expect.equal(result.failure.field, "cursor")
          yield* Expect.equal(result.failure.message, `invalid cursor: ${cursor}`)
        }).pipe(Effect.provide(catalog([])))
      )
  ),

  lists.test(
    "pages visit each thread exactly once in order, and back again",
    property(Schema.Tuple([Times, Limit, SortKey, Direction]), ([times, limit, sortKey, sortDirection]) =>
      Effect.gen(function* () {
        const whole = yield* ids({ sortKey, sortDirection })
        yield* Expect.equal(new Set(whole).size, times.length)
        const forward: Array<string> = []
        let page = yield* list({ limit, sortKey, sortDirection })
        let lastStart = page.backwardsCursor
        for (;;) {
          yield* Expect.atMost(page.data.length, limit)
          forward.push(...page.data.map((thread) => thread.id))
          lastStart = page.backwardsCursor
          if (page.nextCursor === null) break
          page = yield* list({ limit, sortKey, sortDirection, cursor: page.nextCursor })
        }
        yield* Expect.equal(forward, whole)
        const opposite = sortDirection === "asc" ? "desc" : "asc"
        const back: Array<string> = page.data.map((thread) => thread.id as string).toReversed()
        for (let cursor = lastStart; cursor !== null;) {
          const earlier = yield* list({ limit, sortKey, sortDirection: opposite, cursor })
          back.push(...earlier.data.map((thread) => thread.id))
          cursor = earlier.nextCursor
        }
        yield* Expect.equal(back, whole.toReversed())
      }).pipe(
        Effect.provide(
          catalog(
            times.map(({ created, updated }, n) =>
              rollout({
                threadId: id(n),
                createdAt: t0 + created * 500,
                modifiedAt: t0 + 9000 + updated * 500
              }).turn()
            )
          )
        )
      )
    )
  ),

  lists.test(
    "shows what later lines say of a thread",
    Effect.suspend(() => {
      const first = rollout({ threadId: id(1), git: { commit_hash: "abc", branch: "main" }, cwd: "/first" }).turn({
        user: "a"
      })
      const meta = { timestamp: "2026-03-01T10:00:00Z", cwd: "/first", originator: "x", cli_version: "0" }
      const update = { ...meta, id: id(1), git: { branch: "later" } }
      const named = { type: "thread_name_updated", thread_id: id(1), thread_name: "by itself" }
      const settled = { type: "thread_settings_applied", thread_settings: { model: "m2", cwd: "/second" } }
      return Effect.gen(function* () {
        const files = yield* MemoryFiles
        const of = (page: { readonly data: ReadonlyArray<Thread> }) =>
          page.data.map(({ cwd, gitInfo, model, name }) => [gitInfo?.branch, cwd, model, name])
        yield* Expect.equal(of(yield* list()), [["main", "/first", "gpt-5.4", null]])
        const { content, path } = first.line("session_meta", update).line("event_msg", named).build()
        yield* files.append(path, content.slice(first.build().content.length))
        yield* Expect.equal(of(yield* list()), [["later", "/first", "gpt-5.4", "by itself"]])
        const last = first.line("session_meta", update).line("event_msg", named).line("event_msg", settled).build()
        yield* files.append(path, last.content.slice(content.length))
        yield* Expect.equal(of(yield* list()), [["later", "/second", "m2", "by itself"]])
        yield* files.write({ path, content: first.build().content })
        yield* Expect.equal(of(yield* list()), [["main", "/first", "gpt-5.4", null]])
      }).pipe(Effect.provide(catalog([first])))
    }),
    ["laterLines"]
  )
]
