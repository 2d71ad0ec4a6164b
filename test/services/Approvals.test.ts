/**
 * Asking the client: who is asked, whose answer counts, and who is told.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Question } from "../../src/domain/ServerRequest.ts"
import * as MemoryRolloutStore from "../../src/layers/memory/MemoryRolloutStore.ts"
import { Approvals } from "../../src/services/Approvals.ts"
import { NotificationDelivery, type Outbound } from "../../src/services/NotificationDelivery.ts"
import { layer as layerOfServices } from "../../src/services/Rethread.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import * as DeterministicIds from "../../src/testing/DeterministicIds.ts"
import { connect, type RecordingConnection, sequenceOf } from "../../src/testing/RecordingConnection.ts"
import * as RolloutBuilder from "../../src/testing/RolloutBuilder.ts"
import { resume } from "../support/TestServer.ts"

const threadId = ThreadId.make("019cb3a1-5e80-7f93-a1b7-2c4d6e8f0a03")
const ask = "item/commandExecution/requestApproval"

const mayIRun = (thread: ThreadId): Extract<Question, { readonly method: typeof ask }> => ({
  method: ask,
  params: {
    kind: "command",
    threadId: thread,
    turnId: TurnId.make("T1"),
    itemId: ItemId.make("call-1"),
    startedAtMs: 7,
    environmentId: "local",
    reason: "because",
    command: "rm -rf build",
    cwd: "/tmp",
    commandActions: null,
    availableDecisions: ["accept", "cancel"]
  }
})

const isQuestion = (entry: Outbound) => entry._tag === "Request"
const idOf = (entry: Outbound) => (entry._tag === "Request" ? entry.request.id : null)
const listens = (who: RecordingConnection) =>
  NotificationDelivery.use((delivery) => delivery.subscribe(who.connection, threadId))

const layer = Approvals.layer.pipe(Layer.provideMerge(NotificationDelivery.layer))
const asked = Approvals.use((approvals) => approvals.ask(mayIRun(threadId)))
const answer = (id: string | number | null, result: unknown) =>
  Approvals.use((approvals) => approvals.answer(id ?? -1, { _tag: "Result", result }))

describe("a question", () => {
  it.effect("goes to the thread's subscribers; the first answer wins, and all are told", () =>
    Effect.gen(function* () {
      const [a, b, bystander] = [yield* connect(), yield* connect(), yield* connect()]
      yield* listens(a)
      yield* listens(b)
      const asking = yield* Effect.forkChild(asked)
      const id = idOf(yield* a.until(isQuestion))
      assert.strictEqual(idOf(yield* b.until(isQuestion)), id)
      assert.isTrue(yield* answer(id, { decision: "accept" }))
      assert.isFalse(yield* answer(id, { decision: "decline" }))
      assert.deepStrictEqual(yield* Fiber.join(asking), { decision: "accept" })
      for (const who of [a, b]) {
        assert.deepStrictEqual(yield* who.notification("serverRequest/resolved"), { threadId, requestId: id ?? -1 })
        assert.deepStrictEqual(sequenceOf(yield* who.settled), [ask, "serverRequest/resolved"])
      }
      assert.deepStrictEqual(sequenceOf(yield* bystander.settled), [])
      assert.deepStrictEqual((yield* Approvals).pending(threadId), [])
    }).pipe(Effect.provide(layer))
  )

  it.effect("is asked whatever the client opted out of", () =>
    Effect.gen(function* () {
      const who = yield* connect({ optOut: [ask, "serverRequest/resolved"] })
      yield* listens(who)
      const asking = yield* Effect.forkChild(asked)
      yield* answer(idOf(yield* who.until(isQuestion)), { decision: "cancel" })
      assert.deepStrictEqual(yield* Fiber.join(asking), { decision: "cancel" })
      assert.deepStrictEqual(sequenceOf(yield* who.settled), [ask])
    }).pipe(Effect.provide(layer))
  )

  it.effect("outlives every connection, and is asked of the next one under the same id", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const asking = yield* Effect.scoped(
        Effect.gen(function* () {
          const gone = yield* connect()
          yield* listens(gone)
          const fiber = yield* Effect.forkDetach(approvals.ask(mayIRun(threadId)))
          yield* gone.until(isQuestion)
          return fiber
        })
      )
      const [open] = approvals.pending(threadId)
      assert.strictEqual(open?.question.params.threadId, threadId)
      yield* answer(open?.id ?? null, { decision: "accept" })
      assert.deepStrictEqual(yield* Fiber.join(asking), { decision: "accept" })
    }).pipe(Effect.provide(layer))
  )

  it.effect("is taken back when whoever asked is interrupted", () =>
    Effect.gen(function* () {
      const who = yield* connect()
      yield* listens(who)
      const asking = yield* Effect.forkChild(asked)
      const id = idOf(yield* who.until(isQuestion))
      yield* Fiber.interrupt(asking)
      assert.deepStrictEqual(yield* who.notification("serverRequest/resolved"), { threadId, requestId: id ?? -1 })
      assert.isFalse(yield* answer(id, { decision: "accept" }))
    }).pipe(Effect.provide(layer))
  )

  it.effect("that is answered with nonsense, or with an error, fails with the method and the reason", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const who = yield* connect()
      yield* listens(who)
      for (const [n, reply] of [
        { _tag: "Result", result: { decision: 7 } } as const,
        { _tag: "Error", message: "no such method" } as const
      ].entries()) {
        const asking = yield* Effect.forkChild(Effect.flip(asked))
        yield* who.until((_, all) => all.filter(isQuestion).length > n)
        yield* approvals.answer(approvals.pending(threadId)[0]?.id ?? -1, reply)
        const error = yield* Fiber.join(asking)
        assert.strictEqual(error.method, ask)
        assert.include(error.message, reply._tag === "Error" ? "no such method" : "decision")
      }
    }).pipe(Effect.provide(layer))
  )
})

describe("a policy", () => {
  const cases = [
    ["always", Approvals.layerAlways, "accept"],
    ["never", Approvals.layerNever, "decline"]
  ] as const
  for (const [name, policy, decision] of cases) {
    it.effect(`${name}: nobody is asked`, () =>
      Effect.gen(function* () {
        const who = yield* connect()
        yield* listens(who)
        assert.deepStrictEqual(yield* asked, { decision })
        assert.deepStrictEqual(sequenceOf(yield* who.settled), [])
      }).pipe(Effect.provide(policy.pipe(Layer.provideMerge(NotificationDelivery.layer))))
    )
  }
})

describe("a client that joins while a question is open", () => {
  const built = RolloutBuilder.rollout().turn({ user: "Hello", usage: true }).build()
  const whole = layerOfServices.pipe(
    Layer.provide([MemoryRolloutStore.layerWith([built]), ServerConfig.layerMemory(), DeterministicIds.layer()])
  )

  it.effect("gets its response, its usage, and then the question, once", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const [first, second] = [yield* connect(), yield* connect()]
      yield* resume(first, built.threadId)
      const asking = yield* Effect.forkChild(approvals.ask(mayIRun(built.threadId)))
      const id = idOf(yield* first.until(isQuestion))
      yield* resume(second, built.threadId)
      assert.deepStrictEqual(sequenceOf(yield* second.settled), ["response", "thread/tokenUsage/updated", ask])
      assert.strictEqual(idOf(yield* second.until(isQuestion)), id)
      yield* approvals.answer(id ?? -1, { _tag: "Result", result: { decision: "accept" } })
      yield* Fiber.join(asking)
      assert.deepStrictEqual(sequenceOf(yield* second.settled).slice(3), ["serverRequest/resolved"])
    }).pipe(Effect.provide(whole))
  )
})
