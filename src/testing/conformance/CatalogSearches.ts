/**
 * What a catalog must find in what users and agents said.
 */
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { MemoryFiles } from "../../layers/memory/MemoryRolloutStore.ts"
import type { ThreadSearch } from "../../services/ThreadCatalog.ts"
import * as Expect from "../Expect.ts"
import { paginated, rollout } from "../RolloutBuilder.ts"
import { catalog, found, id, list, onCatalog, search, t0 } from "./CatalogUnderTest.ts"
import { property } from "./Suite.ts"

const searching = onCatalog("search", ["search"])

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

const Words = Schema.Array(
  Schema.Array(Schema.Literals(["ab", "bc", "a b", "\u00c4", "\u00e4b", '"', "%_"])).check(Schema.isMaxLength(5))
).check(Schema.isMaxLength(8))

/** Searches. */
export const searches = [
  ...(
    [
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
    ] as const
  ).map(([term, expected]) =>
    searching.test(
      `finds ${JSON.stringify(term)}`,
      Effect.gen(function* () {
        yield* Expect.equal(
          yield* found(term),
          expected.map((pair) => [...pair])
        )
      }).pipe(Effect.provide(catalog(rollouts)))
    )
  ),

  searching.test(
    "narrows by kind and archive, and goes by the list's order and cursors",
    Effect.suspend(() =>
      Effect.gen(function* () {
        const idsOf = (options: Partial<ThreadSearch>) =>
          Effect.map(found("banana", options), (page) => page.map(([thread]) => thread))
        yield* Expect.equal(yield* idsOf({ sourceKinds: ["exec"] }), [id(3)])
        yield* Expect.equal(yield* idsOf({ archived: true }), [id(4)])
        yield* Expect.equal(yield* idsOf({ sortDirection: "asc" }), [id(1), id(2)])
        const first = yield* search("banana", { limit: 1 })
        yield* Expect.equal(
          first.data.map(({ thread }) => thread.id as string),
          [id(2)]
        )
        yield* Expect.equal(first.nextCursor, `2026-03-01T10:00:01.000Z|${id(2)}`)
        const second = yield* search("banana", { limit: 1, cursor: first.nextCursor })
        yield* Expect.equal(
          second.data.map(({ thread }) => thread.id as string),
          [id(1)]
        )
        yield* Expect.isNull(second.nextCursor)
        yield* Expect.equal(first.data[0]?.thread, (yield* list({ limit: 1 })).data[0])
      }).pipe(Effect.provide(catalog(rollouts)))
    )
  ),

  searching.test(
    "sees what was said since, and no longer what is gone",
    Effect.suspend(() =>
      Effect.gen(function* () {
        const files = yield* MemoryFiles
        yield* Expect.equal(yield* found("kiwi"), [])
        const more = talk.turn({ user: "a kiwi now" }).build()
        yield* files.append(more.path, more.content.slice(talk.build().content.length))
        yield* TestClock.adjust("3 seconds")
        yield* Expect.equal(yield* found("kiwi"), [[id(1), "a kiwi now"]])
        yield* Expect.equal(yield* found("login bug"), [[id(1), "Please fix the login bug"]])
        const torn = more.content.length
        const next = talk.turn({ user: "a kiwi now" }).turn({ user: "a fig" }).build().content.slice(torn)
        yield* files.append(more.path, next.slice(0, next.indexOf("a fig") + 6))
        yield* TestClock.adjust("3 seconds")
        yield* Expect.equal(yield* found("a fig"), [])
        yield* files.append(more.path, next.slice(next.indexOf("a fig") + 6))
        yield* TestClock.adjust("3 seconds")
        yield* Expect.equal(yield* found("a fig"), [[id(1), "a fig"]])
        yield* files.write({
          path: more.path,
          content: rollout({ threadId: id(1), source: "cli" })
            .turn({ user: "new" })
            .build().content
        })
        yield* TestClock.adjust("3 seconds")
        yield* Expect.equal(yield* found("kiwi"), [])
        yield* files.remove(ordered.build().path)
        yield* TestClock.adjust("3 seconds")
        yield* Expect.equal(yield* found("banana"), [])
      }).pipe(Effect.provide(catalog(rollouts)))
    )
  ),

  searching.test(
    "finds what only the model's conversation tells, where there are no events",
    Effect.suspend(() => {
      const message = (role: string, text: string) => ({
        type: "message",
        role,
        content: [{ type: role === "user" ? "input_text" : "output_text", text }]
      })
      const bare = rollout({ threadId: id(1) })
        .line("response_item", message("user", "only an item"))
        .line("response_item", message("assistant", "answered so"))
      return Effect.gen(function* () {
        yield* Expect.equal(yield* found("an item"), [[id(1), "only an item"]])
        yield* Expect.equal(yield* found("answered"), [[id(1), "answered so"]])
        yield* Expect.equal(yield* found("so"), [[id(1), "answered so"]])
      }).pipe(Effect.provide(catalog([bare])))
    })
  ),

  searching.test(
    "cuts a long text to what is around the words, by characters",
    Effect.suspend(() => {
      const long = `${"\u{1F600}".repeat(60)} fig ${"\u{1F600}".repeat(120)}`
      return Effect.gen(function* () {
        const expected = `... ${"\u{1F600}".repeat(48)} fig ${"\u{1F600}".repeat(95)} ...`
        yield* Expect.equal(yield* found("fig"), [[id(1), expected]])
      }).pipe(Effect.provide(catalog([rollout({ threadId: id(1) }).turn({ user: long })])))
    })
  ),

  ...["", " \n\t "].map((term) =>
    searching.test(
      `refuses to search for ${JSON.stringify(term)}`,
      Effect.gen(function* () {
        const error = yield* Effect.flip(search(term))
        yield* Expect.equal(
          [error._tag, error.message],
          ["InvalidRequest", "thread/search requires a non-empty searchTerm"]
        )
      }).pipe(Effect.provide(catalog([])))
    )
  ),

  searching.test(
    "finds a thread exactly when one of its texts has the term",
    property(
      Schema.Tuple([Words, Schema.Literals(["ab", "bc", "abbc", "\u00e4", "\u00c4B", "b \u00e4", '"%', "a b ab"])]),
      ([said, term]) =>
        Effect.gen(function* () {
          const lower = term.toLowerCase()
          const expected = said.flatMap((words, n) =>
            words.some((text) => text.toLowerCase().includes(lower)) || words.join(" ").toLowerCase().includes(lower)
              ? [id(n)]
              : []
          )
          yield* Expect.equal(
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
  )
]
