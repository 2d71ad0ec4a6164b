/** What the server asks: every question is answered once, side by side, and by the right one. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Queue, Schedule } from "effect"
import { ItemId, type RequestId } from "../../src/domain/Ids.ts"
import { CannotAnswer, type QuestionParams } from "../../src/rpc/client/Questions.ts"
import { connected } from "./support/Connected.ts"
import { threadA } from "./support/Frames.ts"

const command = "item/commandExecution/requestApproval"

/** As 0.122 asks: without the members that came later. */
const ask = (id: RequestId, itemId = "i1") => ({
  id,
  method: command,
  params: { threadId: threadA, turnId: "t1", itemId, command: "ls", cwd: "/", commandActions: [] }
})

const resolved = (requestId: RequestId) => ({
  method: "serverRequest/resolved",
  params: { threadId: threadA, requestId }
})

/** A handler that answers when the test says so. */
const deciding = Effect.gen(function* () {
  const open = yield* Queue.unbounded<{
    readonly id: RequestId
    readonly params: QuestionParams<typeof command>
    readonly decide: (decision: "accept" | "decline") => Effect.Effect<boolean>
  }>()
  const interruptions = yield* Queue.unbounded<RequestId>()
  const handler = (params: QuestionParams<typeof command>, id: RequestId) =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<"accept" | "decline">()
      yield* Queue.offer(open, { id, params, decide: (decision) => Deferred.succeed(answer, decision) })
      return { decision: yield* Deferred.await(answer) }
    }).pipe(Effect.onInterrupt(() => Queue.offer(interruptions, id)))
  return { open, onRequest: { [command]: handler }, interrupted: Queue.take(interruptions) }
})

describe("questions of the server", () => {
  it.effect("are handled side by side, and answered under their own ids", () =>
    Effect.gen(function* () {
      const { onRequest, open } = yield* deciding
      const { peer } = yield* connected({ onRequest })
      yield* peer.send(ask(0, "i1"), ask("x", "i2"))
      const [first, second] = [yield* Queue.take(open), yield* Queue.take(open)]
      assert.deepInclude(first.params, { itemId: ItemId.make("i1"), kind: "command", reason: null })
      yield* second.decide("decline")
      assert.deepStrictEqual(yield* peer.next, { id: "x", result: { decision: "decline" } })
      yield* first.decide("accept")
      assert.deepStrictEqual(yield* peer.next, { id: 0, result: { decision: "accept" } })
    })
  )

  it.effect("that nobody handles, or that are not what they should be, are refused", () =>
    Effect.gen(function* () {
      const { onRequest } = yield* deciding
      const { peer } = yield* connected({ onRequest })
      yield* peer.send({ id: 1, method: "item/tool/call", params: {} })
      assert.deepInclude((yield* peer.next)["error"], { code: -32601, data: { type: "unknownMethod" } })
      yield* peer.send({ id: 2, method: "future/question", params: {} })
      assert.deepInclude((yield* peer.next)["error"], { code: -32601 })
      yield* peer.send({ id: 3, method: command, params: { threadId: "not a thread" } })
      assert.deepInclude((yield* peer.next)["error"], { code: -32602, data: { type: "invalidParams" } })
    })
  )

  it.effect("whose handler has no answer, or breaks, are answered with an error", () =>
    Effect.gen(function* () {
      const { peer } = yield* connected({
        onRequest: {
          [command]: () => Effect.fail(new CannotAnswer({ message: "nobody is here" })),
          "item/fileChange/requestApproval": () => Effect.die(new Error("secret"))
        }
      })
      yield* peer.send(ask(1))
      assert.deepInclude((yield* peer.next)["error"], { code: -32603, message: "nobody is here" })
      yield* peer.send({
        id: 2,
        method: "item/fileChange/requestApproval",
        params: { threadId: threadA, turnId: "t1", itemId: "i1" }
      })
      const error = (yield* peer.next)["error"]
      assert.deepInclude(error, { code: -32603 })
      assert.notInclude(JSON.stringify(error), "secret")
    })
  )

  it.effect("are handled with what the handler needs", () =>
    Effect.gen(function* () {
      class Policy extends Context.Service<Policy, { readonly decision: "accept" | "decline" }>()(
        "rethread/test/client/Questions.test/Policy"
      ) {}
      const onRequest = { [command]: () => Policy.use(({ decision }) => Effect.succeed({ decision })) }
      const { peer } = yield* Effect.provideService(connected({ onRequest }), Policy, { decision: "decline" })
      yield* peer.send(ask(1))
      assert.deepStrictEqual(yield* peer.next, { id: 1, result: { decision: "decline" } })
    })
  )

  it.effect("that are sent again are handled once; an answer that was given is given again", () =>
    Effect.gen(function* () {
      const { onRequest, open } = yield* deciding
      const { peer } = yield* connected({ onRequest })
      yield* peer.send(ask(0), ask(0))
      const asked = yield* Queue.take(open)
      yield* asked.decide("accept")
      assert.deepStrictEqual(yield* peer.next, { id: 0, result: { decision: "accept" } })
      yield* peer.send(ask(0))
      assert.deepStrictEqual(yield* peer.next, { id: 0, result: { decision: "accept" } })
      assert.strictEqual(yield* Queue.size(open), 0)
    })
  )

  it.effect("under an id that was used for another question are new", () =>
    Effect.gen(function* () {
      const { interrupted, onRequest, open } = yield* deciding
      const { peer } = yield* connected({ onRequest })
      yield* peer.send(ask(0, "i1"))
      yield* Queue.take(open)
      yield* peer.send(ask(0, "i2"))
      const second = yield* Queue.take(open)
      assert.strictEqual(second.params.itemId, "i2")
      yield* second.decide("decline")
      assert.deepStrictEqual(yield* peer.next, { id: 0, result: { decision: "decline" } })
      assert.strictEqual(yield* interrupted, 0)
    })
  )

  it.effect("that somebody else has answered are dropped", () =>
    Effect.gen(function* () {
      const { interrupted, onRequest, open } = yield* deciding
      const { peer } = yield* connected({ onRequest })
      yield* peer.send(ask(0), ask(1, "i2"))
      yield* Queue.take(open)
      const other = yield* Queue.take(open)
      yield* peer.send(resolved(0))
      assert.strictEqual(yield* interrupted, 0)
      yield* other.decide("accept")
      assert.deepStrictEqual(yield* peer.next, { id: 1, result: { decision: "accept" } })
    })
  )

  it.effect("that outlive their connection are answered over the next one, and handled once", () =>
    Effect.gen(function* () {
      const { onRequest, open } = yield* deciding
      const { peer, server } = yield* connected({ onRequest, reconnect: Schedule.recurs(1) })
      yield* peer.send(ask(0), ask(1, "i2"))
      const [first, second] = [yield* Queue.take(open), yield* Queue.take(open)]
      yield* peer.cut
      const next = yield* server.accept
      yield* first.decide("accept")
      yield* next.greet
      yield* next.send(ask(0), ask(1, "i2"))
      assert.deepStrictEqual(yield* next.next, { id: 0, result: { decision: "accept" } })
      yield* second.decide("decline")
      assert.deepStrictEqual(yield* next.next, { id: 1, result: { decision: "decline" } })
      assert.strictEqual(yield* Queue.size(open), 0)
    })
  )
})
