/** The client and Rethread's own server, in one process: what each promises the other. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { type ClientOptions, CodexClient } from "../../src/rpc/client/CodexClient.ts"
import type { ThreadEvent } from "../../src/rpc/client/ThreadEvent.ts"
import type { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { Approvals } from "../../src/services/Approvals.ts"
import * as RolloutBuilder from "../../src/testing/RolloutBuilder.ts"
import { server } from "../live/Server.ts"
import * as Taking from "./support/Taking.ts"

const saved = RolloutBuilder.rollout({ threadId: "01900000-0000-7000-8000-000000000001" })
  .turn({ id: "T1", usage: { total: { total: 150 } } })
  .turn({ id: "T2" })
  .build()

const script = Scripted.layer([
  [...Scripted.message("m1", ["hel", "lo"]), Scripted.usage({ totalTokens: 7n, inputTokens: 5n, outputTokens: 2n })]
])

/** Another client of the server. */
const connect = <R = never>(options?: ClientOptions<R>) =>
  Effect.map(Layer.build(Layer.fresh(CodexClient.layerInProcess(options))), (context) =>
    Context.get(context, CodexClient)
  )

const run = <A, E, R>(body: Effect.Effect<A, E, R | JsonRpcServer | Approvals | Scope.Scope>) =>
  // Later than the rollout, before there is anything that waits for time.
  TestClock.setTime(Date.UTC(2026, 5, 1)).pipe(
    Effect.andThen(Effect.provide(body, server({ agent: script, files: [saved] }))),
    Effect.scoped
  )

const methodOf = (event: ThreadEvent) => (event._tag === "Notified" ? event.notification.method : event._tag)

describe("a client of Rethread", () => {
  it.effect("resumes a thread and reads its usage, exact and with its owner", () =>
    run(
      Effect.gen(function* () {
        const client = yield* connect()
        const { events, response, thread, usage } = yield* client.resume(saved.threadId)
        assert.strictEqual(thread.turns.length, 2)
        assert.strictEqual(response.modelProvider, thread.modelProvider)
        const restored = Option.getOrThrow(usage)
        assert.strictEqual(restored.turnId, TurnId.make("T1"))
        assert.strictEqual(restored.inherited, null)
        const [replay] = yield* Effect.flatMap(Taking.from(events), (taken) => taken.take(1))
        assert.deepStrictEqual(replay, {
          _tag: "UsageReplayed",
          turnId: restored.turnId,
          tokenUsage: restored.tokenUsage
        })
      })
    )
  )

  it.effect("is told what a fork inherited", () =>
    run(
      Effect.gen(function* () {
        const client = yield* connect()
        const { thread, usage } = yield* client.fork(saved.threadId)
        const { inherited, tokenUsage } = Option.getOrThrow(usage)
        assert.strictEqual(thread.forkedFromId, saved.threadId)
        assert.deepStrictEqual(inherited, tokenUsage.total)
      })
    )
  )

  it.effect("follows a turn from its start to its end, and the second client from where it came in", () =>
    run(
      Effect.gen(function* () {
        const [client, other] = [yield* connect(), yield* connect()]
        const { events, thread } = yield* client.start()
        const taken = yield* Taking.from(events)
        yield* client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "hi" }] })
        const seen: Array<string> = []
        while (seen.at(-1) !== "turn/completed") seen.push(...(yield* taken.take(1)).map(methodOf))
        assert.include(seen, "item/agentMessage/delta")
        assert.isBelow(seen.indexOf("turn/started"), seen.indexOf("UsageUpdated"))
        assert.notInclude(seen, "UsageReplayed")
        const joined = yield* other.resume(thread.id)
        assert.strictEqual(Option.getOrThrow(joined.usage).tokenUsage.total.totalTokens, 7n)
        const [first] = yield* Effect.flatMap(Taking.from(joined.events), (taken) => taken.take(1))
        assert.strictEqual(first?._tag, "UsageReplayed")
      })
    )
  )

  it.effect("reads, lists and names threads; a refusal has its tag", () =>
    run(
      Effect.gen(function* () {
        const client = yield* connect()
        const { data } = yield* client.request("thread/list", { modelProviders: [] })
        assert.deepStrictEqual(
          data.map(({ id }) => id),
          [saved.threadId]
        )
        const { tokenUsage } = yield* client.request("thread/read", { threadId: saved.threadId, includeTurns: true })
        assert.strictEqual(tokenUsage?.turnId, TurnId.make("T1"))
        yield* client.request("thread/name/set", { threadId: saved.threadId, name: "a name" })
        const unknown = "01900000-0000-7000-8000-00000000ffff"
        const error = yield* Effect.flip(client.resume(unknown))
        assert.deepInclude(error, { _tag: "RequestRefused", method: "thread/resume", type: "threadNotFound" })
        const again = yield* Effect.flip(
          Effect.asVoid(client.call("initialize", { clientInfo: { name: "x", version: "1" } }))
        )
        assert.deepInclude(again, { _tag: "RequestRefused", type: "alreadyInitialized" })
        assert.strictEqual((yield* client.server).version, "0.169.0")
      })
    )
  )

  it.effect("answers the server's question", () =>
    run(
      Effect.gen(function* () {
        const client = yield* connect({
          onRequest: {
            "item/commandExecution/requestApproval": ({ command }) =>
              Effect.succeed({ decision: command === "ls" ? "accept" : "decline" })
          }
        })
        const { thread } = yield* client.resume(saved.threadId)
        const approvals = yield* Approvals
        const answer = yield* approvals.ask({
          method: "item/commandExecution/requestApproval",
          params: {
            kind: "command",
            threadId: thread.id,
            turnId: TurnId.make("T1"),
            itemId: ItemId.make("i"),
            startedAtMs: 1,
            environmentId: null,
            reason: null,
            command: "ls",
            cwd: null,
            commandActions: null,
            availableDecisions: null
          }
        })
        assert.deepStrictEqual(answer, { decision: "accept" })
      })
    )
  )

  it.effect("that leaves a thread is told no more of it, and comes back to it", () =>
    run(
      Effect.gen(function* () {
        const client = yield* connect()
        const scope = yield* Scope.make()
        yield* Scope.provide(client.resume(saved.threadId), scope)
        yield* Scope.close(scope, Exit.void)
        const { usage } = yield* client.resume(saved.threadId)
        assert.isTrue(Option.isSome(usage))
        const { status } = yield* client.request("thread/unsubscribe", { threadId: saved.threadId })
        assert.strictEqual(status, "unsubscribed")
      })
    )
  )

  it.effect("asks many things at once, and each is answered", () =>
    run(
      Effect.gen(function* () {
        const client = yield* connect()
        const all = yield* Effect.forEach(
          Array.from({ length: 100 }),
          () => client.request("thread/read", { threadId: saved.threadId }),
          { concurrency: "unbounded" }
        )
        assert.isTrue(all.every(({ thread }) => thread.id === ThreadId.make(saved.threadId)))
      })
    )
  )
})
