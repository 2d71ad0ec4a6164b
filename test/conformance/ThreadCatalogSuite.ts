/**
 * What every `ThreadCatalog` must do, whatever it keeps and where: the suite makes the rollouts, in memory, and lays the
 * catalog under test over them.
 */
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
import type { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import { ThreadCatalog, type ThreadQuery, type ThreadSearch } from "../../src/services/ThreadCatalog.ts"
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

const asked: ThreadSearch = {
  searchTerm: "",
  cursor: null,
  limit: 25,
  sortKey: "created_at",
  sortDirection: "desc",
  archived: false,
  sourceKinds: null
}

const list = (query: Partial<ThreadQuery> = {}) =>
  ThreadCatalog.use((catalog) => catalog.list({ ...everything, ...query }))

const ids = (query: Partial<ThreadQuery> = {}) =>
  Effect.map(list(query), (page) => page.data.map((thread) => thread.id as string))

const search = (searchTerm: string, options: Partial<ThreadSearch> = {}) =>
  ThreadCatalog.use((catalog) => catalog.search({ ...asked, ...options, searchTerm }))

const found = (searchTerm: string, options: Partial<ThreadSearch> = {}) =>
  Effect.map(search(searchTerm, options), (page) => page.data.map(({ snippet, thread }) => [thread.id, snippet]))

/** Runs the suite against catalogs that `under` makes: an empty one each. */
export const threadCatalogSuite = (
  name: string,
  under: () => Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig>
): void => {
  const catalog = (rollouts: ReadonlyArray<RolloutBuilder | MemoryFile>, options: MemoryOptions = {}) =>
    Layer.fresh(under()).pipe(
      Layer.provideMerge(
        layerWith(
          rollouts.map((r) => ("build" in r ? r.build() : r)),
          options
        )
      ),
      Layer.provide(ServerConfig.layerMemory({ cwd: "/srv" }))
    )

  describe(name, () => {
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

    it.effect("shows what later lines say of a thread", () => {
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
        assert.deepStrictEqual(of(yield* list()), [["main", "/first", "gpt-5.4", null]])
        const { content, path } = first.line("session_meta", update).line("event_msg", named).build()
        yield* files.append(path, content.slice(first.build().content.length))
        assert.deepStrictEqual(of(yield* list()), [["later", "/first", "gpt-5.4", "by itself"]])
        const last = first.line("session_meta", update).line("event_msg", named).line("event_msg", settled).build()
        yield* files.append(path, last.content.slice(content.length))
        assert.deepStrictEqual(of(yield* list()), [["later", "/second", "m2", "by itself"]])
        yield* files.write({ path, content: first.build().content })
        assert.deepStrictEqual(of(yield* list()), [["main", "/first", "gpt-5.4", null]])
      }).pipe(Effect.provide(catalog([first])))
    })

    describe("search", () => {
      const talk = rollout({ threadId: id(1), createdAt: t0, source: "cli" })
        .turn({ user: "Please fix the login bug", agent: "Fixed; the   banana\nis ripe.", reasoning: "of mango" })
        .turn({ user: "last banana" })
      const ordered = paginated({ threadId: id(2), createdAt: t0 + 1000, source: "cli" }).turn({
        user: "a BANANA of its own",
        agent: "100% caf\u00e9 Stra\u00dfe \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2"
      })
      const script = rollout({ threadId: id(3), createdAt: t0 + 2000, source: "exec" }).turn({ user: "banana, run" })
      const put = rollout({ threadId: id(4), createdAt: t0 + 3000, archived: true }).turn({ user: "old banana" })
      const rollouts = [talk, ordered, script, put]

      it.effect.each([
        [
          "banana",
          [
            [id(2), "a BANANA of its own"],
            [id(1), "Fixed; the banana is ripe."]
          ]
        ],
        [
          "  ANAN ",
          [
            [id(2), "a BANANA of its own"],
            [id(1), "Fixed; the banana is ripe."]
          ]
        ],
        ["banana \t is", [[id(1), "Fixed; the banana is ripe."]]],
        ["LOGIN", [[id(1), "Please fix the login bug"]]],
        ["%", [[id(2), "100% caf\u00e9 Stra\u00dfe \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2"]]],
        ["CAF\u00c9 stra\u00dfe", [[id(2), "100% caf\u00e9 Stra\u00dfe \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2"]]],
        [
          "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3",
          [[id(2), "100% caf\u00e9 Stra\u00dfe \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2"]]
        ],
        ["strasse", []],
        ["mango", []],
        ["b.nana", []],
        ['"banana"', []],
        ["banana login", []],
        ["session_meta", []]
      ] as const)("finds %j", ([term, expected]) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(
            yield* found(term),
            expected.map((pair) => [...pair])
          )
        }).pipe(Effect.provide(catalog(rollouts)))
      )

      it.effect("narrows by kind and archive, and goes by the list's order and cursors", () =>
        Effect.gen(function* () {
          const idsOf = (options: Partial<ThreadSearch>) =>
            Effect.map(found("banana", options), (page) => page.map(([thread]) => thread))
          assert.deepStrictEqual(yield* idsOf({ sourceKinds: ["exec"] }), [id(3)])
          assert.deepStrictEqual(yield* idsOf({ archived: true }), [id(4)])
          assert.deepStrictEqual(yield* idsOf({ sortDirection: "asc" }), [id(1), id(2)])
          const first = yield* search("banana", { limit: 1 })
          assert.deepStrictEqual(
            first.data.map(({ thread }) => thread.id as string),
            [id(2)]
          )
          assert.strictEqual(first.nextCursor, `2026-03-01T10:00:01.000Z|${id(2)}`)
          const second = yield* search("banana", { limit: 1, cursor: first.nextCursor })
          assert.deepStrictEqual(
            second.data.map(({ thread }) => thread.id as string),
            [id(1)]
          )
          assert.isNull(second.nextCursor)
          assert.deepStrictEqual(first.data[0]?.thread, (yield* list({ limit: 1 })).data[0])
        }).pipe(Effect.provide(catalog(rollouts)))
      )

      it.effect("sees what was said since, and no longer what is gone", () =>
        Effect.gen(function* () {
          const files = yield* MemoryFiles
          assert.deepStrictEqual(yield* found("kiwi"), [])
          const more = talk.turn({ user: "a kiwi now" }).build()
          yield* files.append(more.path, more.content.slice(talk.build().content.length))
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(yield* found("kiwi"), [[id(1), "a kiwi now"]])
          assert.deepStrictEqual(yield* found("login bug"), [[id(1), "Please fix the login bug"]])
          const torn = more.content.length
          const next = talk.turn({ user: "a kiwi now" }).turn({ user: "a fig" }).build().content.slice(torn)
          yield* files.append(more.path, next.slice(0, next.indexOf("a fig") + 6))
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(yield* found("a fig"), [])
          yield* files.append(more.path, next.slice(next.indexOf("a fig") + 6))
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(yield* found("a fig"), [[id(1), "a fig"]])
          yield* files.write({
            path: more.path,
            content: rollout({ threadId: id(1), source: "cli" })
              .turn({ user: "new" })
              .build().content
          })
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(yield* found("kiwi"), [])
          yield* files.remove(ordered.build().path)
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(yield* found("banana"), [])
        }).pipe(Effect.provide(catalog(rollouts)))
      )

      it.effect("finds what only the model's conversation tells, where there are no events", () => {
        const message = (role: string, text: string) => ({
          type: "message",
          role,
          content: [{ type: role === "user" ? "input_text" : "output_text", text }]
        })
        const bare = rollout({ threadId: id(1) })
          .line("response_item", message("user", "only an item"))
          .line("response_item", message("assistant", "answered so"))
        return Effect.gen(function* () {
          assert.deepStrictEqual(yield* found("an item"), [[id(1), "only an item"]])
          assert.deepStrictEqual(yield* found("answered"), [[id(1), "answered so"]])
          assert.deepStrictEqual(yield* found("so"), [[id(1), "answered so"]])
        }).pipe(Effect.provide(catalog([bare])))
      })

      it.effect("cuts a long text to what is around the words, by characters", () => {
        const long = `${"\u{1F600}".repeat(60)} fig ${"\u{1F600}".repeat(120)}`
        return Effect.gen(function* () {
          const expected = `... ${"\u{1F600}".repeat(48)} fig ${"\u{1F600}".repeat(95)} ...`
          assert.deepStrictEqual(yield* found("fig"), [[id(1), expected]])
        }).pipe(Effect.provide(catalog([rollout({ threadId: id(1) }).turn({ user: long })])))
      })

      it.effect.each(["", " \n\t "])("refuses to search for %j", (term) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(search(term))
          assert.deepStrictEqual(
            [error._tag, error.message],
            ["InvalidRequest", "thread/search requires a non-empty searchTerm"]
          )
        }).pipe(Effect.provide(catalog([])))
      )

      const Words = Schema.Array(
        Schema.Array(Schema.Literals(["ab", "bc", "a b", "\u00c4", "\u00e4b", '"', "%_"])).check(Schema.isMaxLength(5))
      ).check(Schema.isMaxLength(8))
      it.effect.prop(
        "finds a thread exactly when one of its texts has the term",
        [Words, Schema.Literals(["ab", "bc", "abbc", "\u00e4", "\u00c4B", "b \u00e4", '"%', "a b ab"])],
        ([said, term]) =>
          Effect.gen(function* () {
            const lower = term.toLowerCase()
            const expected = said.flatMap((words, n) =>
              words.some((text) => text.toLowerCase().includes(lower)) || words.join(" ").toLowerCase().includes(lower)
                ? [id(n)]
                : []
            )
            assert.deepStrictEqual(
              (yield* found(term, { sortDirection: "asc" })).map(([thread]) => thread),
              expected
            )
          }).pipe(
            Effect.provide(
              catalog(
                said.map((words, n) =>
                  rollout({ threadId: id(n), createdAt: t0 + n * 1000 })
                    .turn({ user: words.join(" "), agent: "-" })
                    .turn({ user: "z" })
                )
              )
            )
          )
      )
    })
  })
}
