/**
 * `thread/metadata/update` over the wire, and what it leaves in the rollout; and what is answered when
 * another writer has the thread.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { isRecord, type JsonRecord } from "../../src/domain/Json.ts"
import type { MemoryFile } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import type { InProcessClient } from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import { ThreadCommands } from "../../src/services/ThreadCommands.ts"
import { defaultCreatedAt, paginated, rollout, uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { connected } from "../rpc/support/Client.ts"
import { fileOf, hashes, server, textOf } from "../support/TestServer.ts"

const wire = (files: ReadonlyArray<MemoryFile>) =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provideMerge(Layer.mergeAll(ThreadCatalog.layer, ThreadCommands.layer)),
    Layer.provideMerge(
      ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
    ),
    Layer.provideMerge(server(files))
  )

const at = (value: unknown, ...keys: ReadonlyArray<string>): unknown =>
  keys.reduce<unknown>((inner, key) => (isRecord(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined), value)

/** Asks, and skips whatever comes before the answer. */
const ask = Effect.fnUntraced(function* (who: InProcessClient, method: string, params: JsonRecord) {
  yield* who.send({ id: method, method, params })
  for (;;) {
    const frame = yield* who.receive
    if (frame.id === method) return frame
  }
})

const gitOf = (answer: JsonRecord) => at(answer, "result", "thread", "gitInfo")
const refusal = (answer: JsonRecord) => [at(answer, "error", "code"), at(answer, "error", "data", "type")]

const Line = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.String,
    ordinal: Schema.optionalKey(Schema.Int),
    payload: Schema.Record(Schema.String, Schema.Unknown)
  })
)
const linesOf = (file: { readonly path: string }) =>
  Effect.flatMap(textOf({ path: `/codex-home/${file.path}` }), (text) =>
    Effect.forEach(text.trimEnd().split("\n"), (line) => Schema.decodeEffect(Line)(line))
  )

const options = {
  git: { commit_hash: "abc", branch: "main", repository_url: "https://x/y" },
  meta: { base_instructions: { text: "be kind" }, from_the_future: { a: [1] } }
}
const thread = rollout(options).turn({ id: "T1", user: "one" }).turn({ id: "T2", user: "two" }).build()
const ordered = (() => {
  const first = paginated(options).turn({ id: "T1", user: "one" })
  const meta = { timestamp: "2026-03-01T10:00:00Z", cwd: "/", originator: "probe", cli_version: "0" }
  // An update of before the turn that is taken back.
  const update = { ...meta, id: first.build().threadId, git: { branch: "between" }, history_mode: "paginated" }
  return first.line("session_meta", update).turn({ id: "T2", user: "two" }).build()
})()
const { threadId } = thread
const archived = rollout({ threadId: uuidAt(defaultCreatedAt, 22), archived: true })
  .turn({ user: "old" })
  .build()

describe("thread/metadata/update", () => {
  it.effect("of a stored thread adds one line that says all of the session, and does not load it", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const before = yield* linesOf(thread)
      const answer = yield* ask(who, "thread/metadata/update", {
        threadId,
        gitInfo: { sha: " def ", branch: null }
      })
      const git = { sha: "def", branch: null, originUrl: "https://x/y" }
      assert.deepStrictEqual(gitOf(answer), git)
      assert.deepStrictEqual(at(answer, "result", "thread", "turns"), [])
      const after = yield* linesOf(thread)
      assert.deepStrictEqual(after.slice(0, -1), before)
      assert.deepStrictEqual(after.at(-1), {
        type: "session_meta",
        payload: { ...before[0]?.payload, git: { commit_hash: "def", repository_url: "https://x/y" } }
      })
      assert.deepStrictEqual(at(yield* ask(who, "thread/loaded/list", {}), "result", "data"), [])
      assert.deepStrictEqual(gitOf(yield* ask(who, "thread/read", { threadId })), git)
      const cleared = yield* ask(who, "thread/metadata/update", { threadId, gitInfo: { sha: null, originUrl: null } })
      assert.isNull(gitOf(cleared))
      const resumed = yield* ask(who, "thread/resume", { threadId })
      assert.isNull(gitOf(resumed))
      assert.strictEqual(at(resumed, "result", "thread", "preview"), "one")
    }).pipe(Effect.scoped, Effect.provide(wire([thread])))
  )

  it.effect("of a loaded thread is seen at once, inherited by forks, and changes nothing of the turns", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const resumed = yield* ask(who, "thread/resume", { threadId })
      const answer = yield* ask(who, "thread/metadata/update", { threadId, gitInfo: { branch: "next" } })
      const git = { sha: "abc", branch: "next", originUrl: "https://x/y" }
      assert.deepStrictEqual(gitOf(answer), git)
      const forked = yield* ask(who, "thread/fork", { threadId })
      assert.deepStrictEqual(gitOf(forked), git)
      // The copy of the source's line in the fork is not the fork's own.
      const forkId = at(forked, "result", "thread", "id")
      const own = yield* ask(who, "thread/metadata/update", { threadId: forkId, gitInfo: { branch: "own" } })
      assert.strictEqual(at(gitOf(own), "branch"), "own")
      const read = yield* ask(who, "thread/read", { threadId, includeTurns: true })
      assert.deepStrictEqual(gitOf(read), git)
      assert.deepStrictEqual(at(read, "result", "thread", "turns"), at(resumed, "result", "thread", "turns"))
    }).pipe(Effect.scoped, Effect.provide(wire([thread])))
  )

  it.effect("of a paginated thread takes the next ordinal, and outlives a revert", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const lines = yield* linesOf(ordered)
      const params = { threadId: ordered.threadId }
      assert.strictEqual(at(gitOf(yield* ask(who, "thread/read", params)), "branch"), "between")
      yield* ask(who, "thread/metadata/update", { ...params, gitInfo: { branch: "next" } })
      const last = (yield* linesOf(ordered)).at(-1)
      assert.strictEqual(last?.ordinal, (lines.at(-1)?.ordinal ?? 0) + 1)
      yield* ask(who, "thread/resume", params)
      const back = yield* ask(who, "thread/revert", { ...params, beforeTurnId: "T2" })
      assert.strictEqual(at(gitOf(back), "branch"), "next")
      yield* ask(who, "thread/archive", params)
      assert.strictEqual(at(gitOf(yield* ask(who, "thread/read", params)), "branch"), "next")
    }).pipe(Effect.scoped, Effect.provide(wire([ordered])))
  )

  it.effect("of a thread that has only begun writes it down", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const started = yield* ask(who, "thread/start", {})
      const begun = { threadId: at(started, "result", "thread", "id") }
      const answer = yield* ask(who, "thread/metadata/update", { ...begun, gitInfo: { sha: "def" } })
      const git = { sha: "def", branch: null, originUrl: null }
      assert.deepStrictEqual(gitOf(answer), git)
      yield* ask(who, "thread/archive", begun)
      assert.deepStrictEqual(gitOf(yield* ask(who, "thread/read", begun)), git)
    }).pipe(Effect.scoped, Effect.provide(wire([])))
  )

  const Change = Schema.optionalKey(Schema.NullOr(Schema.Literals(["a", "b"])))
  const Update = Schema.Struct({ sha: Change, branch: Change, originUrl: Change })

  it.effect.prop(
    "leaves what it leaves out, clears what is null and sets the rest, however often",
    [Schema.Array(Schema.Tuple([Update, Schema.Boolean]))],
    ([updates]) =>
      Effect.gen(function* () {
        const who = yield* connected()
        const expected: Record<string, string | null> = { sha: "abc", branch: "main", originUrl: "https://x/y" }
        for (const [gitInfo, load] of updates) {
          if (Object.keys(gitInfo).length === 0) continue
          if (load) yield* ask(who, "thread/resume", { threadId })
          Object.assign(expected, gitInfo)
          const answer = yield* ask(who, "thread/metadata/update", { threadId, gitInfo })
          const empty = Object.values(expected).every((value) => value === null)
          assert.deepStrictEqual<unknown>(gitOf(answer), empty ? null : expected)
        }
      }).pipe(Effect.scoped, Effect.provide(wire([thread]))),
    { arbitrary: { runs: 25 } }
  )

  it.effect("refuses what says nothing, and threads that keep nothing", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const before = yield* hashes
      const unknown = "01984de2-8f74-7c91-a3b2-5c5e937cf318"
      const started = yield* ask(who, "thread/start", { ephemeral: true })
      const ephemeral = at(started, "result", "thread", "id")
      const gitInfo = { sha: "def" }
      const cases: ReadonlyArray<readonly [JsonRecord, number, string, string]> = [
        [{ threadId }, -32600, "invalidRequest", "thread metadata update must include at least one field"],
        [
          { threadId, gitInfo: null },
          -32600,
          "invalidRequest",
          "thread metadata update must include at least one field"
        ],
        [{ threadId, gitInfo: {} }, -32600, "invalidRequest", "gitInfo must include at least one field"],
        [
          { threadId, gitInfo: { sha: "a", branch: " " } },
          -32600,
          "invalidRequest",
          "gitInfo.branch must not be empty"
        ],
        [{ threadId, gitInfo: { sha: 1 } }, -32602, "invalidParams", "gitInfo"],
        [{ threadId: unknown, gitInfo }, -32600, "threadNotFound", unknown],
        [{ threadId: archived.threadId, gitInfo }, -32600, "threadArchived", "Unarchive it first"],
        [{ threadId: ephemeral, gitInfo }, -32600, "invalidRequest", "ephemeral thread"]
      ]
      for (const [params, code, type, words] of cases) {
        const answer = yield* ask(who, "thread/metadata/update", params)
        assert.deepStrictEqual(refusal(answer), [code, type])
        assert.include(at(answer, "error", "message"), words)
      }
      assert.deepStrictEqual(yield* hashes, before)
    }).pipe(Effect.scoped, Effect.provide(wire([thread, archived])))
  )
})

describe("a thread that another writer has", () => {
  it.effect("is refused like a turn in it, and nothing happens to it", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const who = yield* connected()
      const path = `/codex-home/${thread.path}`
      const before = yield* fileOf({ path })
      yield* store.writer(yield* store.locate(threadId))
      yield* ask(who, "thread/resume", { threadId })
      const input = [{ type: "text", text: "hello" }]
      const turn = yield* ask(who, "turn/start", { threadId, input })
      assert.deepStrictEqual(refusal(turn), [-32600, "threadReadOnly"])
      const update = ["thread/metadata/update", { threadId, gitInfo: { sha: "def" } }] as const
      for (const [method, params] of [
        update,
        ["thread/archive", { threadId }],
        update,
        ["thread/unarchive", { threadId }],
        ["thread/delete", { threadId }]
      ] as const) {
        const answer = yield* ask(who, method, params)
        assert.deepStrictEqual([method, ...refusal(answer)], [method, -32600, "threadReadOnly"])
        assert.include(at(answer, "error", "message"), "active writer")
      }
      assert.deepStrictEqual(yield* fileOf({ path }), before)
    }).pipe(Effect.scoped, Effect.provide(wire([thread])))
  )
})
