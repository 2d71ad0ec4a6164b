import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { isRecord, own } from "../../src/domain/Json.ts"
import { TurnId } from "../../src/domain/Ids.ts"
import { sandboxPolicy } from "../../src/domain/ThreadSettings.ts"
import * as Results from "../../src/rpc/codex/Results.ts"
import { everything } from "../../src/testing/conformance/CatalogUnderTest.ts"
import { connected, server } from "./support/Client.ts"
import { forkOfA, nothingAsked, snapshot, threadA, threadB, tokens } from "./support/Fixtures.ts"

const at = (frame: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? own(value, key) : undefined), frame)

/** One request's answer; what follows it is left in the queue. */
const ask = Effect.fnUntraced(function* (
  method: string,
  params: object,
  capabilities: object | null = { experimentalApi: true }
) {
  const client = yield* connected({ capabilities })
  yield* client.send({ id: 1, method, params })
  return yield* client.receive
})

const results = {
  "thread/resume": Results.ThreadResumeResult,
  "thread/fork": Results.ThreadForkResult,
  "thread/read": Results.ThreadReadResult,
  "thread/list": Results.ThreadListResult,
  "thread/loaded/list": Results.ThreadLoadedListResult,
  "thread/turns/list": Results.TurnsPage,
  "thread/items/list": Results.ThreadItemsListResult,
  "thread/unsubscribe": Results.ThreadUnsubscribeResult
}

const resumeKeys = [
  "thread",
  "model",
  "modelProvider",
  "serviceTier",
  "disabledPluginIds",
  "cwd",
  "runtimeWorkspaceRoots",
  "instructionSources",
  "approvalPolicy",
  "approvalsReviewer",
  "sandbox",
  "activePermissionProfile",
  "reasoningEffort",
  "collaborationMode",
  "multiAgentMode",
  "initialTurnsPage",
  "turnsBackwardsCursor",
  "itemsBackwardsCursor",
  "tokenUsage"
]
const forkKeys = resumeKeys.filter(
  (key) => !["collaborationMode", "initialTurnsPage", "turnsBackwardsCursor", "itemsBackwardsCursor"].includes(key)
)

const ids = (list: unknown): ReadonlyArray<unknown> =>
  Array.isArray(list) ? list.map((entry: unknown) => at(entry, "id") ?? at(entry, "item", "id")) : []

describe("results", () => {
  it.effect.each(Object.entries(results))("%s is what its schema says", ([method, schema]) =>
    Effect.gen(function* () {
      const answer = yield* ask(method, { threadId: threadA })
      const result = at(answer, "result")
      assert.isTrue(Schema.is(schema)(result))
      assert.deepStrictEqual(isRecord(result) ? Object.keys(result) : [], Object.keys(schema.fields))
    }).pipe(Effect.provide(server()))
  )

  it.effect("resume and fork have Codex's members in Codex's order, and then the usage", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(Object.keys(Results.ThreadResumeResult.fields), resumeKeys)
      assert.deepStrictEqual(Object.keys(Results.ThreadForkResult.fields), forkKeys)
      const forked = yield* ask("thread/fork", { threadId: threadA })
      assert.strictEqual(at(forked, "result", "thread", "id"), forkOfA)
      assert.strictEqual(at(forked, "result", "tokenUsage", "turnId"), "turn-1")
    }).pipe(Effect.provide(server()))
  )

  it.effect("usage that no turn owns is in the result, and only there", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send({ id: 1, method: "thread/resume", params: { threadId: threadA } })
      const answer = yield* client.receive
      assert.strictEqual(at(answer, "result", "tokenUsage", "turnId"), null)
      assert.deepStrictEqual(at(answer, "result", "tokenUsage", "inherited", "totalTokens"), 50)
      yield* client.send({ id: 2, method: "thread/loaded/list" })
      assert.strictEqual(at(yield* client.receive, "id"), 2)
    }).pipe(Effect.provide(server({ snapshots: new Map([[threadA, ownerless()]]) })))
  )
})

const ownerless = () => {
  const whole = snapshot(threadA)
  if (whole.usage === null) return whole
  return { ...whole, usage: { ...whole.usage, owner: null, inherited: tokens(50n) } }
}

describe("hydration", () => {
  it.effect("turns are left out when asked, and the usage is replayed all the same", () =>
    Effect.gen(function* () {
      for (const method of ["thread/resume", "thread/fork"]) {
        const client = yield* connected()
        yield* client.send({ id: 1, method, params: { threadId: threadA, excludeTurns: true } })
        assert.deepStrictEqual(at(yield* client.receive, "result", "thread", "turns"), [])
        assert.strictEqual(at(yield* client.receive, "method"), "thread/tokenUsage/updated")
      }
    }).pipe(Effect.provide(server()))
  )

  it.effect("a page of turns comes with the answer when asked for", () =>
    Effect.gen(function* () {
      const answer = yield* ask("thread/resume", {
        threadId: threadA,
        excludeTurns: true,
        initialTurnsPage: { limit: 1 }
      })
      const page = at(answer, "result", "initialTurnsPage")
      assert.deepStrictEqual(ids(at(page, "data")), ["turn-2"])
      const next = yield* ask("thread/turns/list", {
        threadId: threadA,
        cursor: at(page, "nextCursor"),
        itemsView: "full"
      })
      assert.deepStrictEqual(ids(at(next, "result", "data")), ["turn-1"])
      assert.strictEqual(at(next, "result", "nextCursor"), null)
    }).pipe(Effect.provide(server()))
  )

  it.effect("paginated threads get cursors that the lists accept; others null", () =>
    Effect.gen(function* () {
      const legacy = yield* ask("thread/resume", { threadId: threadB })
      assert.strictEqual(at(legacy, "result", "turnsBackwardsCursor"), null)
      assert.strictEqual(at(legacy, "result", "itemsBackwardsCursor"), null)
      const { result } = yield* ask("thread/resume", { threadId: threadA })
      const page = { threadId: threadA, sortDirection: "desc", limit: 1 }
      const turns = yield* ask("thread/turns/list", { ...page, cursor: at(result, "turnsBackwardsCursor") })
      assert.deepStrictEqual(ids(at(turns, "result", "data")), ["turn-2"])
      const items = yield* ask("thread/items/list", { ...page, cursor: at(result, "itemsBackwardsCursor") })
      assert.deepStrictEqual(ids(at(items, "result", "data")), ["item-5"])
    }).pipe(
      Effect.provide(
        server({
          snapshots: new Map([
            [threadA, snapshot(threadA, { historyMode: "paginated" })],
            [threadB, snapshot(threadB)]
          ])
        })
      )
    )
  )

  it.effect("thread/read has turns only when asked, and its usage always", () =>
    Effect.gen(function* () {
      const bare = yield* ask("thread/read", { threadId: threadA })
      assert.deepStrictEqual(at(bare, "result", "thread", "turns"), [])
      assert.strictEqual(at(bare, "result", "tokenUsage", "turnId"), "turn-1")
      const whole = yield* ask("thread/read", { threadId: threadA, includeTurns: true })
      assert.deepStrictEqual(ids(at(whole, "result", "thread", "turns")), ["turn-1", "turn-2"])
    }).pipe(Effect.provide(server()))
  )

  it.effect("items are listed from the first, of one turn or of all, or beyond an item", () =>
    Effect.gen(function* () {
      const all = yield* ask("thread/items/list", { threadId: threadA, limit: 2 })
      assert.deepStrictEqual(ids(at(all, "result", "data")), ["item-1", "item-2"])
      const cursor = { type: "item", itemId: "item-2" }
      const one = yield* ask("thread/items/list", { threadId: threadA, turnId: "turn-1", cursor })
      assert.deepStrictEqual(ids(at(one, "result", "data")), ["item-3"])
      const bare = yield* ask("thread/items/list", { threadId: threadA, cursor })
      assert.strictEqual(at(bare, "error", "data", "field"), "turnId")
      const junk = yield* ask("thread/items/list", { threadId: threadA, cursor: "junk" })
      assert.deepStrictEqual(at(junk, "error", "message"), "invalid cursor: junk")
    }).pipe(Effect.provide(server()))
  )
})

describe("resume and fork params", () => {
  it.effect("every spelling of an id names the same thread", () => {
    const asked = nothingAsked()
    return Effect.gen(function* () {
      const bare = threadA.replaceAll("-", "")
      for (const spelling of [threadA, threadA.toUpperCase(), bare, `{${threadA}}`, `urn:uuid:${threadA}`]) {
        yield* ask("thread/resume", { threadId: spelling })
      }
      assert.deepStrictEqual(
        asked.resumes.map(({ target }) => [target.by, target.threadId]),
        Array.from({ length: 5 }, () => ["id" as const, threadA])
      )
    }).pipe(Effect.provide(server({ asked })))
  })

  it.effect("history before path before id; an empty path is none", () => {
    const asked = nothingAsked()
    return Effect.gen(function* () {
      const items = [{ type: "message", big: 1 }]
      yield* ask("thread/resume", { threadId: "junk", history: items, path: "/x" })
      yield* ask("thread/resume", { threadId: threadB, path: "/x", history: null })
      yield* ask("thread/resume", { threadId: threadB, path: "" }, null)
      yield* ask("thread/fork", { threadId: threadB, path: "/x" })
      yield* ask("thread/fork", { threadId: threadB, path: "" }, null)
      assert.deepStrictEqual(
        asked.resumes.map((request) => request.target),
        [
          { by: "history", items, threadId: null },
          { by: "path", path: "/x", threadId: threadB },
          { by: "id", threadId: threadB }
        ]
      )
      assert.deepStrictEqual(
        asked.forks.map((request) => request.source),
        [
          { by: "path", path: "/x" },
          { by: "id", threadId: threadB }
        ]
      )
      assert.strictEqual(asked.resumes[0]?.originator, "probe")
    }).pipe(Effect.provide(server({ asked })))
  })

  it.effect.each([
    [
      "thread/resume",
      { threadId: threadA, history: [{}] },
      "thread/resume.history requires experimentalApi capability"
    ],
    ["thread/resume", { threadId: threadA, path: "/x" }, "thread/resume.path requires experimentalApi capability"],
    ["thread/fork", { threadId: threadA, path: "/x" }, "thread/fork.path requires experimentalApi capability"]
  ] as const)("%s %o is experimental", ([method, params, message]) =>
    Effect.gen(function* () {
      for (const capabilities of [null, {}, { experimentalApi: false }, { experimentalApi: null }]) {
        const answer = yield* ask(method, params, capabilities)
        assert.deepStrictEqual([at(answer, "error", "code"), at(answer, "error", "message")], [-32600, message])
      }
    }).pipe(Effect.provide(server()))
  )

  it.effect.each([
    ["thread/resume", { threadId: threadA, history: [] }, -32600, "history must not be empty"],
    [
      "thread/fork",
      { threadId: threadA, lastTurnId: "a", beforeTurnId: "b" },
      -32600,
      "`beforeTurnId` cannot be combined with `lastTurnId`"
    ],
    [
      "thread/fork",
      { threadId: threadA, attachToSource: true },
      -32602,
      "Invalid params: `attachToSource`: this kind of fork is not supported"
    ],
    ["thread/resume", { threadId: "x" }, -32600, 'invalid thread id: "x" is not a UUID'],
    [
      "thread/resume",
      { threadId: threadA, config: { model: 5 } },
      -32602,
      "Invalid params: `config.model`: Expected string"
    ],
    ["thread/resume", { threadId: threadA, sandbox: "none" }, -32602, undefined],
    ["thread/turns/list", { threadId: threadA, cursor: "junk" }, -32600, "invalid cursor: junk"]
  ] as const)("%s refuses %o", ([method, params, code, message]) =>
    Effect.gen(function* () {
      const answer = yield* ask(method, params)
      assert.strictEqual(at(answer, "error", "code"), code)
      if (message !== undefined) assert.strictEqual(at(answer, "error", "message"), message)
    }).pipe(Effect.provide(server()))
  )

  it.effect("settings: the request's members before its config, and nothing where neither speaks", () => {
    const asked = nothingAsked()
    return Effect.gen(function* () {
      const answer = yield* ask("thread/resume", {
        threadId: threadA,
        model: "m1",
        modelProvider: null,
        sandbox: "workspace-write",
        approvalPolicy: { granular: { rules: true } },
        persistExtendedHistory: true,
        unknownParam: { deep: [1] },
        config: {
          model: "m2",
          model_provider: "p2",
          sandbox_mode: "danger-full-access",
          model_reasoning_effort: "high",
          model_context_window: 1000,
          "features.x": true
        }
      })
      const { overrides } = asked.resumes[0] ?? { overrides: {} }
      assert.deepStrictEqual(
        { ...overrides },
        {
          model: "m1",
          modelProvider: "p2",
          serviceTier: undefined,
          cwd: undefined,
          approvalPolicy: { granular: { rules: true } },
          approvalsReviewer: undefined,
          sandbox: sandboxPolicy("workspace-write"),
          reasoningEffort: "high",
          modelContextWindow: 1000n
        }
      )
      assert.strictEqual(at(answer, "result", "model"), "m1")
      assert.strictEqual(at(answer, "result", "collaborationMode", "settings", "reasoning_effort"), "high")
    }).pipe(Effect.provide(server({ asked })))
  })

  it.effect("what the real clients send is taken: every null, and 0.122's members", () => {
    const asked = nothingAsked()
    return Effect.gen(function* () {
      const nulls = Object.fromEntries(
        [
          "history",
          "path",
          "model",
          "modelProvider",
          "cwd",
          "runtimeWorkspaceRoots",
          "approvalPolicy",
          "approvalsReviewer",
          "sandbox",
          "permissions",
          "config",
          "baseInstructions",
          "developerInstructions",
          "personality",
          "initialTurnsPage",
          "serviceTier"
        ].map((key) => [key, null])
      )
      const resumed = yield* ask("thread/resume", { threadId: threadA, ...nulls, excludeTurns: true })
      assert.strictEqual(at(resumed, "id"), 1)
      assert.isDefined(at(resumed, "result"))
      const forked = yield* ask("thread/fork", {
        threadId: threadA,
        lastTurnId: null,
        beforeTurnId: null,
        ...nulls,
        threadSource: "user"
      })
      assert.isDefined(at(forked, "result"))
      assert.deepStrictEqual(asked.forks[0]?.until, null)
      assert.strictEqual(asked.forks[0]?.threadSource, "user")
      yield* ask("thread/fork", { threadId: threadA, lastTurnId: "turn-1", ephemeral: true })
      assert.deepStrictEqual(asked.forks[1]?.until, { field: "lastTurnId", turnId: TurnId.make("turn-1") })
      assert.isTrue(asked.forks[1]?.ephemeral)
    }).pipe(Effect.provide(server({ asked })))
  })
})

describe("thread/list", () => {
  it.effect("asks the catalog with Codex's defaults", () => {
    const asked = nothingAsked()
    return Effect.gen(function* () {
      yield* ask("thread/list", {})
      yield* ask("thread/list", {
        limit: 0,
        sortKey: "recency_at",
        sortDirection: "asc",
        archived: true,
        cwd: "/a",
        searchTerm: "x",
        cursor: "c",
        modelProviders: ["p"],
        sourceKinds: ["exec"],
        parentThreadId: threadA.toUpperCase(),
        excludedThreadIds: [threadB]
      })
      yield* ask("thread/list", { limit: 1000, cwd: ["/a", "/b"], ancestorThreadId: threadA })
      const query = { ...everything, limit: 25 }
      assert.deepStrictEqual(asked.lists, [
        query,
        {
          cursor: "c",
          limit: 1,
          sortKey: "recency_at",
          sortDirection: "asc",
          archived: true,
          modelProviders: ["p"],
          sourceKinds: ["exec"],
          cwd: ["/a"],
          searchTerm: "x",
          parentThreadId: threadA,
          ancestorThreadId: null,
          excludedThreadIds: [threadB]
        },
        { ...query, limit: 100, cwd: ["/a", "/b"], ancestorThreadId: threadA }
      ])
    }).pipe(Effect.provide(server({ asked })))
  })

  it.effect("takes what the terminal client asks; a section's list is empty here", () => {
    const asked = nothingAsked()
    return Effect.gen(function* () {
      const params = {
        currentAccountOnly: true,
        cursor: null,
        limit: 10,
        excludedThreadIds: null,
        sortKey: "recency_at",
        sortDirection: null,
        modelProviders: [],
        sourceKinds: [],
        originators: null,
        archived: false,
        cwd: null,
        useStateDbOnly: true,
        searchTerm: null,
        parentThreadId: null,
        ancestorThreadId: null,
        attachedToThreadId: null
      }
      const recent = yield* ask("thread/list", params)
      assert.deepStrictEqual(ids(at(recent, "result", "data")), [threadA, threadB])
      assert.strictEqual(at(recent, "result", "nextCursor"), "next")
      const section = yield* ask("thread/list", {
        ...params,
        sortKey: "section_position",
        sectionId: "01984de2-8f74-7c91-a3b2-5c5e937cf318"
      })
      assert.deepStrictEqual(at(section, "result"), {
        data: [],
        readStates: null,
        nextCursor: null,
        backwardsCursor: null
      })
      assert.strictEqual(asked.lists.length, 1)
    }).pipe(Effect.provide(server({ asked })))
  })

  it.effect.each([
    ["originators", { originators: ["x"] }],
    ["attachedToThreadId", { attachedToThreadId: threadA }],
    ["sortKey", { sortKey: "section_position" }],
    ["ancestorThreadId", { parentThreadId: threadA, ancestorThreadId: threadB }],
    ["excludedThreadIds", { excludedThreadIds: Array.from({ length: 101 }, () => threadA) }],
    ["excludedThreadIds.1", { excludedThreadIds: [threadA, "x"] }],
    ["parentThreadId", { parentThreadId: "x" }],
    ["sourceKinds.0", { sourceKinds: ["robot"] }]
  ] as const)("refuses a filter that it cannot apply: %s", ([field, params]) =>
    Effect.gen(function* () {
      const answer = yield* ask("thread/list", params)
      assert.deepStrictEqual([at(answer, "error", "code"), at(answer, "error", "data", "field")], [-32602, field])
    }).pipe(Effect.provide(server()))
  )
})

it.effect("thread/loaded/list pages by id", () =>
  Effect.gen(function* () {
    const first = yield* ask("thread/loaded/list", { limit: 0 })
    assert.deepStrictEqual(at(first, "result"), { data: [threadA], nextCursor: threadA })
    const rest = yield* ask("thread/loaded/list", { cursor: threadA, limit: 5 })
    assert.deepStrictEqual(at(rest, "result"), { data: [threadB], nextCursor: null })
    const junk = yield* ask("thread/loaded/list", { cursor: "junk" })
    assert.deepStrictEqual([at(junk, "error", "code"), at(junk, "error", "message")], [-32600, "invalid cursor: junk"])
  }).pipe(Effect.provide(server()))
)

it.effect("thread/unsubscribe says what it found", () =>
  Effect.gen(function* () {
    const client = yield* connected()
    const status = Effect.fnUntraced(function* (threadId: string) {
      yield* client.send({ id: 2, method: "thread/unsubscribe", params: { threadId } })
      return at(yield* client.receive, "result", "status")
    })
    yield* client.send({ id: 1, method: "thread/resume", params: { threadId: threadA } })
    yield* client.receive
    yield* client.receive
    assert.deepStrictEqual(
      [yield* status(threadA), yield* status(threadA), yield* status(forkOfA)],
      ["unsubscribed", "notSubscribed", "notLoaded"]
    )
  }).pipe(Effect.provide(server()))
)
