/** Requests and their answers: whatever the server does, each call ends, and in the right way. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { own } from "../../src/domain/Json.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { type CodexClient, make } from "../../src/rpc/client/CodexClient.ts"
import { ConnectionLost } from "../../src/rpc/client/ClientError.ts"
import { Connector } from "../../src/rpc/client/Wire.ts"
import { connected } from "./support/Connected.ts"
import * as FakeServer from "./support/FakeServer.ts"
import { named, thread, threadA, threadB } from "./support/Frames.ts"
import * as Taking from "./support/Taking.ts"

const loaded = (id: unknown, ...threads: ReadonlyArray<string>) => ({ id, result: { data: threads, nextCursor: null } })

const list = (client: CodexClient["Service"]) => client.request("thread/loaded/list", {})

const fork = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.forkScoped(effect, { startImmediately: true })

describe("calls", () => {
  it.effect("are answered by id, in whatever order the answers come", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const first = yield* fork(list(client))
      const second = yield* fork(list(client))
      const [one, two] = [yield* peer.asked("thread/loaded/list"), yield* peer.asked("thread/loaded/list")]
      yield* peer.send(loaded(two, threadB), { method: "never/heard/of", params: {} }, loaded(one, threadA))
      assert.deepStrictEqual((yield* Fiber.join(first)).data, [ThreadId.make(threadA)])
      assert.deepStrictEqual((yield* Fiber.join(second)).data, [ThreadId.make(threadB)])
    })
  )

  it.effect("are refused with code, tag and the server's words", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const call = yield* fork(Effect.flip(client.request("thread/read", { threadId: threadA })))
      const id = yield* peer.asked("thread/read")
      yield* peer.send({
        id,
        error: { code: -32600, message: "no such thread", data: { type: "threadNotFound", threadId: threadA } }
      })
      const error = yield* Fiber.join(call)
      assert.deepInclude(error, {
        _tag: "RequestRefused",
        method: "thread/read",
        code: -32600,
        type: "threadNotFound",
        message: "no such thread"
      })
    })
  )

  it.effect("with params that the protocol does not allow are refused here, naming the member", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const error = yield* Effect.flip(client.request("thread/list", { limit: -1 }))
      assert.deepInclude(error, { _tag: "RequestRefused", code: -32602, type: "invalidParams" })
      assert.include(error.message, "limit")
      assert.deepStrictEqual(yield* peer.unread, [])
    })
  )

  it.effect("fail with what is wrong when the result is not what it should be; the next call goes on", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const call = yield* fork(Effect.flip(client.request("thread/read", { threadId: threadA })))
      yield* peer.send({
        id: yield* peer.asked("thread/read"),
        result: { thread: { ...thread(threadA), status: { type: "asleep" } } }
      })
      const error = yield* Fiber.join(call)
      assert.strictEqual(error._tag, "ProtocolViolation")
      assert.include(error.message, "thread.status")
      const next = yield* fork(list(client))
      yield* peer.send(loaded(yield* peer.asked("thread/loaded/list")))
      assert.deepStrictEqual((yield* Fiber.join(next)).data, [])
    })
  )

  it.effect("fail, all of them, when the connection is cut; so do those that come later", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const calls = [yield* fork(Effect.flip(list(client))), yield* fork(Effect.flip(list(client)))]
      yield* peer.asked("thread/loaded/list")
      yield* peer.cut
      for (const call of calls) assert.strictEqual((yield* Fiber.join(call))._tag, "ConnectionLost")
      assert.deepInclude(yield* Effect.flip(list(client)), { _tag: "ConnectionLost", reason: "ended" })
      assert.strictEqual((yield* client.lost).reason, "ended")
    })
  )

  it.effect("fail when the client is closed", () =>
    Effect.gen(function* () {
      const { call, peer } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { client, peer } = yield* connected()
          const call = yield* Effect.forkDetach(Effect.flip(list(client)), { startImmediately: true })
          yield* peer.asked("thread/loaded/list")
          return { call, peer }
        })
      )
      yield* peer.left
      assert.deepInclude(yield* Fiber.join(call), { _tag: "ConnectionLost", reason: "closed" })
    })
  )

  it.effect("that are interrupted are forgotten; their answers bother nobody", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const call = yield* fork(list(client))
      const id = yield* peer.asked("thread/loaded/list")
      yield* Fiber.interrupt(call)
      const next = yield* fork(list(client))
      const other = yield* peer.asked("thread/loaded/list")
      yield* peer.send(loaded(id, threadA), loaded(other, threadB))
      assert.deepStrictEqual((yield* Fiber.join(next)).data, [ThreadId.make(threadB)])
    })
  )

  it.effect("take the first of two answers, and no answer to what was never asked", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const call = yield* fork(list(client))
      const id = yield* peer.asked("thread/loaded/list")
      yield* peer.send(
        loaded(4711, threadB),
        { id: "strange", error: { code: 1, message: "?" } },
        { id: null, error: { code: -32700, message: "?" } },
        loaded(id, threadA),
        loaded(id, threadB)
      )
      assert.deepStrictEqual((yield* Fiber.join(call)).data, [ThreadId.make(threadA)])
      const next = yield* fork(list(client))
      yield* peer.send(loaded(yield* peer.asked("thread/loaded/list"), threadB))
      assert.deepStrictEqual((yield* Fiber.join(next)).data, [ThreadId.make(threadB)])
    })
  )

  const garbage: ReadonlyArray<readonly [string, string, string]> = [
    ["half a frame", '{"id":3,"resu', "not valid JSON"],
    ["a list", "[]", "JSON object"],
    ["nothing that has a meaning", '{"hello":1}', "neither"],
    ["an id that is none", '{"id":1.5,"result":{}}', "`id`"],
    ["a method that is none", '{"method":7}', "`method`"],
    ["params that are none", '{"method":"warning","params":[1]}', "`params`"],
    ["JSON too deep to be read", "[".repeat(100_000), "nested deeper"]
  ]
  for (const [name, frame, detail] of garbage) {
    it.effect(`fail when the server sends ${name}: it could have been their answer`, () =>
      Effect.gen(function* () {
        const { client, peer } = yield* connected()
        const call = yield* fork(Effect.flip(list(client)))
        yield* peer.asked("thread/loaded/list")
        yield* peer.sendText(frame)
        const error = yield* Fiber.join(call)
        assert.deepInclude(error, { _tag: "ConnectionLost", reason: "violated" })
        assert.include(error.message, detail)
        yield* peer.left
      })
    )
  }

  it.effect("of a method that the protocol does not have give the result as it came", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const call = yield* fork(client.call("future/thing", { deep: [1] }))
      const frame = yield* peer.next
      assert.deepStrictEqual(own(frame, "params"), { deep: [1] })
      yield* peer.send({ id: own(frame, "id"), result: { fresh: true } })
      assert.deepStrictEqual(yield* Fiber.join(call), { fresh: true })
    })
  )
})

const shaking = Effect.fnUntraced(function* (answer: (id: unknown) => unknown) {
  const server = yield* FakeServer.make
  const connecting = yield* fork(Effect.flip(Effect.scoped(Effect.provide(make({}), server.layer))))
  const peer = yield* server.accept
  yield* peer.send(answer(yield* peer.asked("initialize")))
  return yield* Fiber.join(connecting)
})

const identity = (userAgent: unknown) => (id: unknown) => ({
  id,
  result: { userAgent, codexHome: "/", platformFamily: "unix", platformOs: "linux" }
})

describe("the handshake", () => {
  it.effect("says who the client is, and learns who the server is", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.make
      const connecting = yield* fork(
        Effect.provide(
          make({ clientInfo: { name: "a/1.2.3 client", version: "9" }, optOut: ["warning"] }),
          server.layer
        )
      )
      const peer = yield* server.accept
      const frame = yield* peer.next
      assert.deepStrictEqual(own(frame, "params"), {
        clientInfo: { name: "a/1.2.3 client", version: "9", title: null },
        capabilities: { experimentalApi: true, optOutNotificationMethods: ["warning"] }
      })
      yield* peer.send(identity("a/1.2.3 client/0.122.0 (x) y (z; 9.9.9)")(own(frame, "id")))
      const client = yield* Fiber.join(connecting)
      assert.strictEqual((yield* client.server).version, "0.122.0")
    })
  )

  it.effect("fails when the server is too old, is none, or refuses", () =>
    Effect.gen(function* () {
      const old = yield* shaking(identity("rethread-client/0.121.9 (Debian)"))
      assert.deepInclude(old, { _tag: "HandshakeFailed", reason: "tooOld", version: "0.121.9" })
      const other = yield* shaking((id) => ({ id, result: { capabilities: {} } }))
      assert.deepInclude(other, { _tag: "HandshakeFailed", reason: "notAnAppServer" })
      assert.include(other.message, "userAgent")
      const refused = yield* shaking((id) => ({ id, error: { code: -32601, message: "Method not found" } }))
      assert.deepInclude(refused, { _tag: "HandshakeFailed", reason: "refused" })
      const garbled = yield* shaking(() => [])
      assert.deepInclude(garbled, { _tag: "ConnectionLost", reason: "violated" })
    })
  )

  it.effect("fails when the server leaves at once", () =>
    Effect.gen(function* () {
      const lost = new ConnectionLost({ reason: "ended", detail: "busy", code: 1013 })
      const busy = Connector.of({ open: Effect.succeed({ send: () => Effect.void, receive: Effect.fail(lost) }) })
      const error = yield* Effect.flip(Effect.provideService(make({}), Connector, busy))
      assert.deepStrictEqual(error, lost)
    })
  )

  it.effect("accepts a server that does not tell its release", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.make
      const connecting = yield* fork(Effect.provide(make({}), server.layer))
      const peer = yield* server.accept
      yield* peer.send(identity("something")(yield* peer.asked("initialize")))
      assert.strictEqual((yield* (yield* Fiber.join(connecting)).server).version, null)
    })
  )

  it.effect("fails when the server says nothing, and lets go of the connection", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.make
      const connecting = yield* fork(
        Effect.flip(Effect.scoped(Effect.provide(make({ handshakeTimeout: "3 seconds" }), server.layer)))
      )
      const peer = yield* server.accept
      yield* peer.asked("initialize")
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude(yield* Fiber.join(connecting), { _tag: "HandshakeFailed", reason: "silent" })
      yield* peer.left
    })
  )
})

describe("notifications", () => {
  it.effect("come in the order of the wire; what is not understood comes as it was sent", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const taken = yield* Taking.from(client.notifications)
      const coming = yield* fork(taken.take(4))
      yield* peer.send(
        named(threadA, "x"),
        { method: "never/heard/of", params: { threadId: threadB, x: [1] } },
        { method: "thread/name/updated", params: { threadId: threadA, threadName: 7 } },
        { method: "configWarning", params: { summary: "s" } }
      )
      const seen = yield* Fiber.join(coming)
      assert.deepStrictEqual(
        seen.map(({ event, threadId }) => [threadId, event._tag]),
        [
          [threadA, "Notified"],
          [threadB, "Unrecognized"],
          [threadA, "Unrecognized"],
          [null, "Notified"]
        ]
      )
      const [, unknown, wrong] = seen
      assert.deepInclude(unknown?.event, { method: "never/heard/of", problem: Option.none() })
      const problem = wrong?.event._tag === "Unrecognized" ? Option.getOrNull(wrong.event.problem) : null
      assert.include(problem?.detail, "threadName")
    })
  )

  it.effect("overflow for the subscriber who does not read, and for nobody else", () =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected({ capacity: 2 })
      const slow = yield* Taking.from(client.notifications)
      const waiting = yield* fork(slow.take(1))
      yield* peer.send(named(threadA, "0"))
      yield* Fiber.join(waiting)
      yield* peer.send(named(threadA, "1"), named(threadA, "2"), named(threadA, "3"))
      const call = yield* fork(list(client))
      yield* peer.send(loaded(yield* peer.asked("thread/loaded/list")))
      yield* Fiber.join(call)
      const { failure, seen } = yield* slow.rest
      assert.strictEqual(seen.length, 2)
      assert.deepInclude(failure, { _tag: "EventsOverflow", capacity: 2 })
    })
  )
})
