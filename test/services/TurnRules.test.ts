/**
 * A turn that runs: how it ends when it is interrupted before it did anything, cannot know what was said before it, or its
 * server goes; how older turns are shown beside it; and that none begins in a thread that is moving elsewhere.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { own } from "../../src/domain/Json.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { RolloutStoreError } from "../../src/services/ThreadError.ts"
import { Threads } from "../../src/services/Threads.ts"
import * as Fold from "../live/Fold.ts"
import { connect, isAbout, type LiveClient, type LiveServerOptions, say, server } from "../live/Server.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import { aitem, am, C, S, script, statuses, uitem, um } from "../support/Script.ts"

const source = script([
  S("T1"),
  uitem("one"),
  um("one"),
  S("T2"),
  uitem("two"),
  um("two"),
  aitem(),
  am(),
  C("T2")
]).build()
const { threadId } = source

const withServer = <A, E>(
  options: LiveServerOptions,
  body: (client: LiveClient) => Effect.Effect<A, E, Threads | RolloutStore>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server({ files: [source], ...options }))
    const scope = yield* Effect.scope
    const client = yield* connect().pipe(Effect.provideContext(context), Scope.provide(scope))
    return yield* Effect.provideContext(body(client), context)
  }).pipe(Effect.scoped)

const shown = (client: LiveClient) =>
  Effect.map(client.ask("thread/read", { threadId, includeTurns: true }), (read) => statuses(Fold.seenIn(read).turns))

const loaded = Effect.gen(function* () {
  const ref = yield* RolloutStore.use((store) => store.locate(threadId))
  return (yield* Threads.use((threads) => threads.load(ref, {}))).thread
})
const request = {
  input: [{ type: "text", text: "three", text_elements: [] }],
  clientMessageId: null,
  overrides: {}
} as const

describe("a turn that is interrupted at once", () => {
  it.effect("ends, though nothing of it had run", () =>
    withServer({ agent: Scripted.layer([[Scripted.hang]]) }, (client) =>
      Effect.gen(function* () {
        const thread = yield* loaded
        const interrupted = yield* Effect.forkChild(
          Effect.flatMap(thread.startTurn(request), ({ id }) => thread.interrupt(id))
        )
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(interrupted.pollUnsafe(), Exit.void)
        yield* Fiber.await(interrupted)
        assert.deepStrictEqual((yield* shown(client)).at(-1), `${thread.turns().at(-1)?.id}:interrupted`)
      })
    )
  )
})

describe("a turn that runs", () => {
  it.effect("is what is given to whoever begins another, with what was said in it", () =>
    withServer({ agent: Scripted.layer([[Scripted.hang]]) }, () =>
      Effect.gen(function* () {
        const thread = yield* loaded
        const { id } = yield* thread.startTurn(request)
        const joined = yield* thread.startTurn(request)
        assert.strictEqual(joined.id, id)
        assert.deepStrictEqual(
          joined.items.map(({ type }) => type),
          ["userMessage", "userMessage"]
        )
        assert.deepStrictEqual(joined, thread.turns().at(-1))
      })
    )
  )
})

describe("beside a turn that runs", () => {
  it.effect("an older one that never ended is shown as at rest", () =>
    withServer({ agent: Scripted.layer([[Scripted.hang]]) }, (client) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        const before = yield* shown(client)
        assert.deepStrictEqual(before, ["T1:interrupted", "T2:completed"])
        yield* client.ask("turn/start", { threadId, input: say("three") })
        const now = yield* shown(client)
        assert.deepStrictEqual(now.slice(0, 2), before)
        assert.match(now[2] ?? "", /:inProgress$/)
      })
    )
  )
})

describe("a turn for which nobody can read what was said before", () => {
  it.effect("fails and says why, and the agent is not asked", () => {
    let isBroken = false
    const detail = "the disk is gone"
    const store: NonNullable<LiveServerOptions["store"]> = (made) => ({
      ...made,
      read: (ref) =>
        Stream.suspend(() =>
          isBroken ? Stream.fail(new RolloutStoreError({ operation: "read", path: ref.path, detail })) : made.read(ref)
        )
    })
    const agent = Scripted.layer(() => assert.fail("the agent was asked"))
    return withServer({ store, agent }, (client) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        isBroken = true
        yield* client.ask("turn/start", { threadId, input: say("three") })
        yield* client.until(isAbout("turn/completed", threadId))
        const [told] = client.log.flatMap((one) =>
          one.kind === "notification" && one.method === "error" ? [own(one.params, "error")] : []
        )
        assert.include(JSON.stringify(told), detail)
        assert.match((yield* shown(client)).at(-1) ?? "", /:failed$/)
      })
    )
  })
})

describe("a thread that moves elsewhere", () => {
  it.effect("takes nothing any more from the instant on at which it leaves, until that fails", () =>
    withServer({ agent: Scripted.layer([[Scripted.hang]]) }, () =>
      Effect.gen(function* () {
        const thread = yield* loaded
        const [left, failed] = [yield* Deferred.make<void>(), yield* Deferred.make<void, "no">()]
        const leaving = yield* Effect.forkChild(
          thread.leave(Deferred.succeed(left, undefined), () => Deferred.await(failed))
        )
        yield* Deferred.await(left)
        const refused = yield* Effect.flip(thread.startTurn(request))
        assert.strictEqual(refused._tag, "InvalidRequest")
        assert.include(refused.message, "unloaded")
        yield* Deferred.fail(failed, "no")
        yield* Fiber.await(leaving)
        assert.strictEqual((yield* thread.startTurn(request)).status, "inProgress")
      })
    )
  )
})

describe("a server that goes", () => {
  it.effect("ends what runs in all threads at once: one that is slow keeps no other from being written", () =>
    Effect.gen(function* () {
      const files = [1, 2].map((day) =>
        rollout({ createdAt: Date.UTC(2026, 3, day) })
          .turn({ id: "T1" })
          .build()
      )
      const [both, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const writing: Array<string> = []
      let isGoing = false
      const store: NonNullable<LiveServerOptions["store"]> = (made) => ({
        ...made,
        writer: (ref, options) =>
          Effect.map(made.writer(ref, options), (writer) => ({
            ...writer,
            append: (lines) =>
              Effect.suspend(() => {
                if (!isGoing) return writer.append(lines)
                if (writing.push(ref.path) === files.length) Deferred.doneUnsafe(both, Exit.void)
                return Effect.andThen(Deferred.await(goOn), writer.append(lines))
              })
          }))
      })
      const scope = yield* Scope.make()
      const agent = Scripted.layer(() => [Scripted.hang])
      const context = yield* Scope.provide(Layer.build(server({ files, store, agent })), scope)
      const client = yield* connect().pipe(Effect.provideContext(context))
      for (const { threadId } of files) {
        yield* client.ask("thread/resume", { threadId })
        yield* client.ask("turn/start", { threadId, input: say("go") })
      }
      isGoing = true
      const going = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Deferred.await(both)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(going)
      assert.strictEqual(new Set(writing).size, 2)
    }).pipe(Effect.scoped)
  )
})
