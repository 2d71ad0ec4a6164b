/**
 * Settings that change while a thread lives: from which turn on they hold, who is told of them, and what the rollout
 * says of them, so that a server that comes after knows.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Schema, Scope } from "effect"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { asFiles, connect, isAbout, type LiveClient, say, server } from "./Server.ts"

const modes = ["paginated", "legacy"] as const
const UPDATED = "thread/settings/updated"

const Line = Schema.fromJsonString(
  Schema.Struct({ type: Schema.String, payload: Schema.Record(Schema.String, Schema.Unknown) })
)

/** What the rollouts say of settings, in order: of the thread, and of its turns. */
const written = Effect.fnUntraced(function* () {
  const files = yield* (yield* MemoryFiles).snapshot
  const text = Array.from(files, ([, bytes]) => new TextDecoder().decode(bytes)).join("")
  const lines = yield* Effect.forEach(text.trimEnd().split("\n"), (line) => Schema.decodeEffect(Line)(line))
  return lines.flatMap(({ payload, type }) => {
    const settings = own(payload, "thread_settings")
    if (isRecord(settings)) return [["thread", own(settings, "model"), own(settings, "approval_policy")]]
    return type === "turn_context" ? [["turn", own(payload, "model"), own(payload, "approval_policy")]] : []
  })
})

const start = Effect.fnUntraced(function* (client: LiveClient, params: object) {
  const { thread } = yield* client.ask("thread/start", params)
  return String(isRecord(thread) ? own(thread, "id") : "none")
})
const turn = Effect.fnUntraced(function* (client: LiveClient, threadId: string, settings: object = {}) {
  const from = client.log.length
  yield* client.ask("turn/start", { threadId, input: say("hello"), ...settings })
  yield* client.until(isAbout("turn/completed", threadId), from)
})
/** The settings that it was told of. */
const told = (client: LiveClient): ReadonlyArray<JsonRecord> =>
  client.log.flatMap((one) => {
    const settings = one.kind === "notification" && one.method === UPDATED ? own(one.params, "threadSettings") : null
    return isRecord(settings) ? [settings] : []
  })
const resumed = Effect.fnUntraced(function* (client: LiveClient, threadId: string) {
  const result = yield* client.ask("thread/resume", { threadId })
  return [own(result, "model"), own(result, "approvalPolicy"), own(result, "reasoningEffort"), own(result, "cwd")]
})

/** A server whose agent notes what it runs under and answers, and as many clients as the case needs. */
const withServer = <A, E>(
  body: (
    connected: Effect.Effect<LiveClient>,
    ranUnder: ReadonlyArray<string>,
    first: Deferred.Deferred<void>
  ) => Effect.Effect<A, E, MemoryFiles>
) =>
  Effect.gen(function* () {
    const ranUnder: Array<string> = []
    const first = yield* Deferred.make<void>()
    const agent = Scripted.layer((input) => {
      ranUnder.push(input.settings.model)
      const slow = JSON.stringify(input.input).includes("slow")
      return [...(slow ? [Scripted.waitFor(first)] : []), ...Scripted.message("m", ["done"])]
    })
    const context = yield* Layer.build(server({ agent }))
    const scope = yield* Effect.scope
    const connected = connect().pipe(Effect.provideContext(context), Effect.provideService(Scope.Scope, scope))
    return yield* Effect.provideContext(body(connected, ranUnder, first), context)
  }).pipe(Effect.scoped)

describe.each(modes)("thread/settings/update of a %s thread", (historyMode) => {
  it.effect("holds from the next turn on, is told to all who listen, and is recorded once", () =>
    withServer((connected, ranUnder) =>
      Effect.gen(function* () {
        const [one, two, stranger] = [yield* connected, yield* connected, yield* connected]
        const threadId = yield* start(one, { historyMode, model: "m0", approvalPolicy: "never" })
        yield* turn(one, threadId)
        yield* two.ask("thread/resume", { threadId })
        const update = { threadId, model: "m1", approvalPolicy: "on-request", effort: "high", cwd: "/else" }
        assert.deepStrictEqual(yield* one.ask("thread/settings/update", update), {})
        // A change that is none is no news.
        yield* one.ask("thread/settings/update", update)
        yield* turn(one, threadId)
        yield* two.until(isAbout("turn/completed", threadId))
        for (const client of [one, two]) {
          assert.deepStrictEqual(
            told(client).map((settings) => [own(settings, "model"), own(settings, "effort"), own(settings, "cwd")]),
            [["m1", "high", "/else"]]
          )
        }
        assert.deepStrictEqual(told(stranger), [])
        assert.deepStrictEqual(ranUnder, ["m0", "m1"])
        assert.deepStrictEqual(yield* written(), [
          ["turn", "m0", "never"],
          ["thread", "m1", "on-request"],
          ["turn", "m1", "on-request"]
        ])
        // The answer comes before what it brought about.
        const at = one.log.findIndex(isAbout(UPDATED, threadId))
        assert.strictEqual(one.log[at - 1]?.kind, "result")
      })
    )
  )

  it.effect("is known to the next server", () =>
    Effect.gen(function* () {
      const files = yield* withServer((connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          const threadId = yield* start(client, { historyMode, model: "m0" })
          yield* turn(client, threadId)
          yield* client.ask("thread/settings/update", {
            threadId,
            model: "m1",
            approvalPolicy: "untrusted",
            effort: "low",
            cwd: "/else"
          })
          const snapshot = yield* (yield* MemoryFiles).snapshot
          return { threadId, files: yield* asFiles(snapshot) }
        })
      )
      const context = yield* Layer.build(server({ files: files.files }))
      const client = yield* connect().pipe(Effect.provideContext(context))
      assert.deepStrictEqual(yield* resumed(client, files.threadId), ["m1", "untrusted", "low", "/else"])
    }).pipe(Effect.scoped)
  )

  it.effect("before the first turn is recorded with it", () =>
    withServer((connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* start(client, { historyMode, model: "m0", approvalPolicy: "never" })
        yield* client.ask("thread/settings/update", { threadId, model: "m1" })
        assert.deepStrictEqual([...(yield* (yield* MemoryFiles).snapshot)], [])
        yield* turn(client, threadId)
        assert.deepStrictEqual(yield* written(), [
          ["turn", "m1", "never"],
          ["thread", "m1", "never"]
        ])
      })
    )
  )

  it.effect("while a turn runs leaves that turn as it is", () =>
    withServer((connected, ranUnder, first) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* start(client, { historyMode, model: "m0", approvalPolicy: "never" })
        yield* client.ask("turn/start", { threadId, input: say("slow") })
        yield* client.ask("thread/settings/update", { threadId, model: "m1" })
        // So does a turn/start that steers.
        yield* client.ask("turn/start", { threadId, input: say("and"), model: "m2" })
        yield* Deferred.succeed(first, undefined)
        yield* client.until(isAbout("turn/completed", threadId))
        yield* turn(client, threadId)
        assert.deepStrictEqual(ranUnder, ["m0", "m2"])
        assert.deepStrictEqual(
          told(client).map((settings) => own(settings, "model")),
          ["m1", "m2"]
        )
        assert.deepStrictEqual(
          (yield* written()).map(([what, model]) => [what, model]),
          [
            ["turn", "m0"],
            ["thread", "m1"],
            ["thread", "m2"],
            ["turn", "m2"]
          ]
        )
      })
    )
  )

  it.effect("of a turn/start is told and recorded too", () =>
    withServer((connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* start(client, { historyMode, model: "m0", approvalPolicy: "never" })
        yield* turn(client, threadId, { model: "m1" })
        yield* turn(client, threadId, { model: "m1" })
        assert.strictEqual(told(client).length, 1)
        assert.deepStrictEqual(yield* written(), [
          ["turn", "m1", "never"],
          ["thread", "m1", "never"],
          ["turn", "m1", "never"]
        ])
      })
    )
  )
})

describe("what settings may be changed to", () => {
  const change = (params: object) =>
    withServer((connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* start(client, { model: "m0", sandbox: "read-only", effort: "low" })
        yield* client.ask("thread/settings/update", { threadId, ...params })
        yield* client.until(isAbout(UPDATED, threadId))
        return told(client)[0] ?? {}
      })
    )
  const refusal = (params: object) =>
    withServer((connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* start(client, { model: "m0" })
        const error = yield* client.refused("thread/settings/update", { threadId, ...params })
        assert.deepStrictEqual(told(client), [])
        return `${String(own(error, "code"))} ${String(own(error, "message"))}`
      })
    )

  it.effect.each([
    [{ type: "workspaceWrite", writableRoots: ["/w"] }, "workspaceWrite", ["/w"]],
    [{ type: "readOnly", access: { type: "fullAccess" }, networkAccess: true }, "readOnly", undefined],
    [{ type: "externalSandbox" }, "externalSandbox", undefined],
    [{ type: "dangerFullAccess" }, "dangerFullAccess", undefined]
  ] as const)("a sandbox that is spelled out: %j", ([sandboxPolicy, type, roots]) =>
    Effect.gen(function* () {
      const policy = own(yield* change({ sandboxPolicy }), "sandboxPolicy")
      assert.isTrue(isRecord(policy))
      if (isRecord(policy)) assert.deepStrictEqual([own(policy, "type"), own(policy, "writableRoots")], [type, roots])
    })
  )

  it.effect.each([
    [":workspace", "workspaceWrite"],
    [":danger-full-access", "dangerFullAccess"]
  ] as const)("a permission profile: %s", ([permissions, type]) =>
    Effect.gen(function* () {
      const policy = own(yield* change({ permissions }), "sandboxPolicy")
      assert.isTrue(isRecord(policy) && own(policy, "type") === type)
    })
  )

  it.effect("a collaboration mode decides model and effort", () =>
    Effect.gen(function* () {
      const settings = { model: "m5", reasoning_effort: null, developer_instructions: null }
      const changed = yield* change({ model: "m4", effort: "high", collaborationMode: { mode: "default", settings } })
      assert.deepStrictEqual([own(changed, "model"), own(changed, "effort")], ["m5", null])
    })
  )

  it.effect("a service tier of null is none, by the name that it has in Codex", () =>
    Effect.map(change({ serviceTier: null }), (changed) => assert.strictEqual(own(changed, "serviceTier"), "default"))
  )

  it.effect.each([
    [
      { permissions: ":workspace", sandboxPolicy: { type: "dangerFullAccess" } },
      "-32600 `permissions` cannot be combined with `sandboxPolicy`"
    ],
    [{ permissions: "nope" }, "permissions"],
    [{ approvalPolicy: "sometimes" }, "approvalPolicy"],
    [{ effort: "" }, "effort"],
    [{ sandboxPolicy: { type: "tight" } }, "sandboxPolicy"]
  ] as const)("refused: %j", ([params, words]) => Effect.map(refusal(params), (error) => assert.include(error, words)))

  it.effect("of a thread that is not loaded: refused", () =>
    withServer((connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = "01984de2-8f74-7c91-a3b2-5c5e937cf318"
        const error = yield* client.refused("thread/settings/update", { threadId, model: "m" })
        assert.strictEqual(own(error, "code"), -32600)
        assert.include(String(own(error, "message")), `thread not found: ${threadId}`)
      })
    )
  )
})
