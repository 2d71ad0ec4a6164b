import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Layer, Pull, Scope } from "effect"
import { TestClock } from "effect/testing"
import { isRecord, own } from "../../src/domain/Json.ts"
import * as Frame from "../../src/rpc/codex/Frame.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { connect, connected, initializeParams, receive, server } from "./support/Client.ts"
import { brokenThread, defectThread, forkOfA, huge, threadA, threadB, unknownThread } from "./support/Fixtures.ts"

const at = (frame: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? own(value, key) : undefined), frame)

const errorOf = (frame: unknown) => [at(frame, "id"), at(frame, "error", "code"), at(frame, "error", "data", "type")]

const status = { method: "thread/status/changed", params: { threadId: threadA, status: { type: "idle" } } } as const

layer(server())("answers", (it) => {
  it.effect.each([
    ["{", null, -32700, "malformedJson"],
    ["[1]", null, -32600, "batchUnsupported"],
    ["{}", null, -32600, "missingMethod"],
    ['{"id":null,"method":"thread/read"}', null, -32600, "invalidId"],
    ['{"id":1,"method":"thread/nope","params":{}}', 1, -32601, "unknownMethod"],
    ['{"id":"x","method":"thread/read","params":{}}', "x", -32602, "invalidParams"],
    ['{"id":1,"method":"thread/read","params":[]}', 1, -32602, "invalidParams"],
    ['{"id":1,"method":"thread/list","params":{"limit":-1}}', 1, -32602, "invalidParams"],
    [`{"id":1,"method":"thread/read","params":{"threadId":"${unknownThread}"}}`, 1, -32600, "threadNotFound"],
    ['{"id":1,"method":"thread/read","params":{"threadId":"nope"}}', 1, -32600, "invalidThreadId"],
    [`{"id":1,"method":"thread/read","params":{"threadId":"${brokenThread}"}}`, 1, -32603, "rolloutStoreError"],
    [`{"id":1,"method":"thread/read","params":{"threadId":"${defectThread}"}}`, 1, -32603, "internalError"],
    ['{"method":"thread/read","params":{}}', null, -32600, "missingId"],
    ['{"method":"initialized","params":5}', null, -32602, "invalidParams"],
    ["[".repeat(200_000), null, -32700, "tooDeep"],
    [`{"id":1,"x":"${"x".repeat(Frame.maxFrameBytes)}"}`, null, -32600, "frameTooLarge"]
  ] as const)("%s", ([frame, id, code, type]) =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.sendText(frame)
      const answer = yield* client.receive
      assert.deepStrictEqual(errorOf(answer), [id, code, type])
      assert.notInclude(JSON.stringify(answer), "stack")
      // The connection lives on.
      yield* client.send({ id: 2, method: "thread/loaded/list" })
      assert.deepStrictEqual(yield* client.receive, { id: 2, result: { data: [threadA, threadB], nextCursor: null } })
    })
  )

  it.effect("names the field of a bad param, and says a missing one in Codex's words", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send({ id: 1, method: "thread/read", params: {} })
      yield* client.send({
        id: 2,
        method: "thread/resume",
        params: { threadId: threadA, initialTurnsPage: { limit: "a" } }
      })
      const [missing, nested] = yield* receive(client, 2)
      assert.strictEqual(at(missing, "error", "message"), "Invalid params: missing field `threadId`")
      assert.strictEqual(at(nested, "error", "data", "field"), "initialTurnsPage.limit")
    })
  )

  it.effect("gives typed errors their fields", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send({ id: 1, method: "thread/resume", params: { threadId: unknownThread } })
      assert.deepStrictEqual(yield* client.receive, {
        error: {
          code: -32600,
          message: `no rollout found for thread id ${unknownThread}`,
          data: { type: "threadNotFound", threadId: unknownThread }
        },
        id: 1
      })
    })
  )

  it.effect("answers what the transport could not take", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.refuse("binaryFrame")
      yield* client.refuse("invalidUtf8")
      yield* client.refuse("frameTooLarge")
      assert.deepStrictEqual((yield* receive(client, 3)).map(errorOf), [
        [null, -32600, "binaryFrame"],
        [null, -32700, "invalidUtf8"],
        [null, -32600, "frameTooLarge"]
      ])
    })
  )

  it.effect("ignores stray responses and unknown notifications", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send({ id: 99, result: {} })
      yield* client.send({ id: 99, error: { code: 1, message: "x" } })
      yield* client.send({ method: "whatever/happened", params: [1] })
      yield* client.send({ id: 1, method: "thread/loaded/list", params: null })
      assert.strictEqual(at(yield* client.receive, "id"), 1)
    })
  )

  it.effect.each(["", "é😀", "1", 0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])("echoes the id %s", (id) =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send({ id, method: "thread/unsubscribe", params: { threadId: threadA } })
      assert.deepStrictEqual(yield* client.receive, { id, result: { status: "notSubscribed" } })
    })
  )

  it.effect("answers each of two requests with one id", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send({ id: 1, method: "thread/loaded/list" })
      yield* client.send({ id: 1, method: "thread/unsubscribe", params: { threadId: threadB } })
      const frames = yield* receive(client, 2)
      assert.deepStrictEqual(
        frames.map((frame) => at(frame, "id")),
        [1, 1]
      )
    })
  )
})

layer(server({ warnings: ["first", "second"] }))("handshake", (it) => {
  it.effect("refuses requests before it, and a second one", () =>
    Effect.gen(function* () {
      const client = yield* connect()
      yield* client.send({ id: 1, method: "thread/loaded/list" })
      assert.deepStrictEqual(yield* client.receive, {
        error: { code: -32600, message: "Not initialized", data: { type: "notInitialized" } },
        id: 1
      })
      yield* client.send({ id: 2, method: "thread/nope" })
      assert.deepStrictEqual(errorOf(yield* client.receive), [2, -32601, "unknownMethod"])
      yield* client.send({ id: 3, method: "initialize", params: initializeParams })
      assert.deepStrictEqual(yield* client.receive, {
        id: 3,
        result: {
          userAgent: "probe/0.169.0 (Linux 6.1.0; x86_64) rethread (probe; 0.0.1)",
          codexHome: "/codex-home",
          platformFamily: "unix",
          platformOs: "linux"
        }
      })
      const warnings = yield* receive(client, 2)
      assert.deepStrictEqual(
        warnings.map((frame) => at(frame, "params", "summary")),
        ["first", "second"]
      )
      yield* client.send({ id: 4, method: "initialize", params: initializeParams })
      assert.deepStrictEqual(errorOf(yield* client.receive), [4, -32600, "alreadyInitialized"])
    })
  )

  it.effect("can be tried again after it failed", () =>
    Effect.gen(function* () {
      const client = yield* connect()
      yield* client.send({ id: 1, method: "initialize", params: { clientInfo: { name: "x" } } })
      assert.deepStrictEqual(errorOf(yield* client.receive), [1, -32602, "invalidParams"])
      yield* client.send({ id: 2, method: "initialize", params: { clientInfo: { name: "né\n", version: "1" } } })
      const refused = yield* client.receive
      assert.strictEqual(
        at(refused, "error", "message"),
        "Invalid clientInfo.name: 'né\n'. Must be a valid HTTP header value."
      )
      yield* client.send({ id: 3, method: "initialize", params: { clientInfo: { name: "x", version: "1" } } })
      assert.strictEqual(at(yield* client.receive, "id"), 3)
    })
  )

  it.effect("serves what is sent behind it without waiting, with the warnings in between", () =>
    Effect.gen(function* () {
      const client = yield* connect()
      yield* client.send({ id: 1, method: "initialize", params: { ...initializeParams, capabilities: null } })
      yield* client.send({ id: 2, method: "thread/loaded/list" })
      const frames = yield* receive(client, 4)
      assert.deepStrictEqual(
        frames.map((frame) => at(frame, "id") ?? at(frame, "method")),
        [1, "configWarning", "configWarning", 2]
      )
    })
  )

  it.effect("opens the connection to broadcasts, except those opted out of", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const silent = yield* connect()
      const deaf = yield* connected({
        capabilities: { optOutNotificationMethods: ["thread/status/changed", "configWarning"] }
      })
      const open = yield* connected({ capabilities: { optOutNotificationMethods: null } })
      yield* receive(open, 2)
      yield* TestClock.setTime(1234)
      yield* delivery.broadcast(status)
      assert.deepStrictEqual(yield* open.receive, { ...status, emittedAtMs: 1234 })
      for (const client of [silent, deaf]) {
        yield* client.send({ id: "last", method: "nope" })
        assert.strictEqual(at(yield* client.receive, "id"), "last")
      }
    })
  )
})

const resume = (id: number, threadId: string) => ({ id, method: "thread/resume", params: { threadId } })

describe("order", () => {
  it.effect("response, replay and what follows stay in order on a connection that is full", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const client = yield* connected({ capacity: 1 })
      const rounds = 40
      for (let id = 0; id < rounds; id++) {
        yield* client.send({ id, method: "thread/fork", params: { threadId: threadA } })
        yield* client.send(resume(id + rounds, threadB))
        yield* delivery.broadcast(status)
      }
      // Nobody has read anything yet: the outbox holds two entries and the transport one.
      const frames = yield* receive(client, rounds * 6)
      const order = frames.map(
        (frame) =>
          at(frame, "id") ??
          `${String(at(frame, "method"))} ${String(at(frame, "params", "threadId") ?? at(frame, "params", "thread", "id"))}`
      )
      for (let id = 0; id < rounds; id++) {
        const response = order.indexOf(id)
        assert.isAtLeast(response, 0)
        const usage = order.indexOf(`thread/tokenUsage/updated ${forkOfA}`, response)
        assert.isAbove(order.indexOf(`thread/started ${forkOfA}`, response), usage)
      }
      // Requests of one thread are served one after the other, each with its replay before the next response.
      const own = order.filter(
        (entry) => entry === `thread/tokenUsage/updated ${threadB}` || (typeof entry === "number" && entry >= rounds)
      )
      assert.deepStrictEqual(
        own,
        Array.from({ length: rounds }, (_, id) => [id + rounds, `thread/tokenUsage/updated ${threadB}`]).flat()
      )
    }).pipe(Effect.provide(server({ capacity: 2 })))
  )

  it.effect("the replay goes to the requester only, with every digit", () =>
    Effect.gen(function* () {
      const one = yield* connected()
      const other = yield* connected()
      yield* one.send(resume(1, threadA))
      const [response, replay] = yield* receive(one, 2)
      assert.strictEqual(at(response, "id"), 1)
      assert.strictEqual(at(replay, "params", "tokenUsage", "total", "totalTokens"), huge)
      assert.deepStrictEqual(at(response, "result", "tokenUsage", "tokenUsage"), at(replay, "params", "tokenUsage"))
      assert.deepStrictEqual(Object.keys(replay ?? {}), ["method", "params", "emittedAtMs"])
      yield* other.send({ id: 9, method: "thread/loaded/list" })
      assert.strictEqual(at(yield* other.receive, "id"), 9)
    }).pipe(Effect.provide(server()))
  )

  it.effect("no replay after an error", () =>
    Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send(resume(1, unknownThread))
      yield* client.send({ id: 2, method: "thread/loaded/list" })
      assert.deepStrictEqual(
        (yield* receive(client, 2)).map((frame) => at(frame, "id")),
        [1, 2]
      )
    }).pipe(Effect.provide(server()))
  )

  it.effect("a client's requests for different threads do not wait for one another", () => {
    const gate = Latch.makeUnsafe(false)
    return Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send(resume(1, threadA))
      yield* client.send({ id: 2, method: "thread/unsubscribe", params: { threadId: threadA.toUpperCase() } })
      yield* client.send(resume(3, threadB))
      assert.deepStrictEqual(
        (yield* receive(client, 2)).map((frame) => at(frame, "id")),
        [3, undefined]
      )
      yield* gate.open
      const frames = yield* receive(client, 3)
      assert.deepStrictEqual(
        frames.map((frame) => at(frame, "id")),
        [1, undefined, 2]
      )
      assert.deepStrictEqual(at(frames[2], "result"), { status: "unsubscribed" })
    }).pipe(Effect.provide(server({ beforeResume: (threadId) => (threadId === threadA ? gate.await : Effect.void) })))
  })
})

describe("limits", () => {
  it.effect("answers -32001 above the number of open requests, and serves again when they are done", () => {
    const gate = Latch.makeUnsafe(false)
    return Effect.gen(function* () {
      const client = yield* connected()
      for (let id = 0; id < 6; id++) yield* client.send(resume(id, threadA))
      assert.deepStrictEqual((yield* receive(client, 2)).map(errorOf), [
        [4, -32001, "overloaded"],
        [5, -32001, "overloaded"]
      ])
      // Answers to what is already open, and frames that open nothing, are not refused.
      yield* client.send({ id: 99, result: {} })
      yield* gate.open
      const frames = yield* receive(client, 8)
      assert.deepStrictEqual(
        frames.flatMap((frame) => at(frame, "id") ?? []),
        [0, 1, 2, 3]
      )
      yield* client.send({ id: 6, method: "thread/loaded/list" })
      assert.strictEqual(at(yield* client.receive, "id"), 6)
    }).pipe(Effect.provide(server({ maxInFlight: 4, beforeResume: () => gate.await })))
  })

  it.effect("a client that asks without end does not keep another from being answered", () =>
    Effect.gen(function* () {
      const greedy = yield* connected()
      const modest = yield* connected()
      const flood = 3000
      for (let id = 0; id < flood; id++) yield* greedy.send({ id, method: "thread/loaded/list" })
      let answers = 0
      const counting = yield* Effect.forkScoped(
        Effect.forever(
          Effect.tap(greedy.receive, () =>
            Effect.sync(() => {
              answers++
            })
          )
        )
      )
      yield* modest.send({ id: "mine", method: "thread/loaded/list" })
      assert.strictEqual(at(yield* modest.receive, "id"), "mine")
      assert.isBelow(answers, flood / 2)
      yield* Fiber.interrupt(counting)
    }).pipe(Effect.provide(server()), Effect.scoped)
  )

  it.effect("a client that does not read holds back only itself", () =>
    Effect.gen(function* () {
      const slow = yield* connected({ capacity: 1 })
      for (let id = 0; id < 500; id++) yield* slow.send({ id, method: "thread/read", params: { threadId: threadA } })
      const quick = yield* connected()
      yield* quick.send({ id: "q", method: "thread/loaded/list" })
      assert.strictEqual(at(yield* quick.receive, "id"), "q")
      const frames = yield* receive(slow, 500)
      assert.deepStrictEqual(new Set(frames.map((frame) => at(frame, "id"))).size, 500)
    }).pipe(Effect.provide(server({ capacity: 2 })))
  )

  it.effect("a client whose outbox overflows is let go", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const client = yield* connected({ capacity: 1 })
      yield* Effect.replicateEffect(delivery.broadcast(status), 20)
      assert.strictEqual(yield* client.ending, "overflow")
    }).pipe(Effect.provide(server({ capacity: 2, overflow: 4 })))
  )
})

describe("the end", () => {
  it.effect("of the input waits for the answers", () => {
    const gate = Latch.makeUnsafe(false)
    return Effect.gen(function* () {
      const client = yield* connected()
      yield* client.send(resume(1, threadA))
      yield* client.send({ id: 2, method: "thread/loaded/list" })
      yield* client.end
      assert.strictEqual(at(yield* client.receive, "id"), 2)
      yield* gate.open
      const frames = yield* receive(client, 2)
      assert.deepStrictEqual(
        frames.map((frame) => at(frame, "id") ?? at(frame, "method")),
        [1, "thread/tokenUsage/updated"]
      )
      assert.isTrue(Pull.isDoneCause(yield* Effect.flip(Effect.sandbox(client.receive))))
      assert.strictEqual(yield* client.ending, "ended")
    }).pipe(Effect.provide(server({ beforeResume: () => gate.await })))
  })

  it.effect("of the client interrupts what it asked for and forgets its subscriptions", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const delivery = yield* NotificationDelivery
        const client = yield* connected()
        yield* client.send(resume(1, threadB))
        yield* receive(client, 2)
        assert.strictEqual((yield* delivery.subscribers(threadB)).length, 1)
        yield* client.send(resume(2, threadA))
        yield* Deferred.await(started)
        yield* client.leave
        yield* Deferred.await(interrupted)
        assert.strictEqual(yield* client.ending, "ended")
        assert.deepStrictEqual(yield* delivery.subscribers(threadB), [])
      }).pipe(
        Effect.provide(
          server({
            beforeResume: (threadId) =>
              threadId === threadA
                ? Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
                    Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
                  )
                : Effect.void
          })
        )
      )
    })
  )

  it.effect("of a client that stopped reading frees what waits for room", () =>
    Effect.gen(function* () {
      const client = yield* connected({ capacity: 1 })
      for (let id = 0; id < 50; id++) yield* client.send(resume(id, threadA))
      yield* client.receive
      yield* client.leave
      assert.strictEqual(yield* client.ending, "ended")
    }).pipe(Effect.provide(server({ capacity: 2 })))
  )

  it.effect("of the server does not wait for a client that does not read", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Scope.provide(Layer.build(server({ capacity: 2 })), scope)
      const client = yield* Effect.provideContext(connected({ capacity: 1 }), context)
      for (let id = 0; id < 100; id++) yield* client.send({ id, method: "thread/loaded/list" })
      yield* Effect.replicateEffect(Effect.yieldNow, 20)
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.scoped)
  )

  it.effect("of the server answers what is open", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const client = yield* Effect.gen(function* () {
        const client = yield* connected()
        yield* client.send(resume(1, threadA))
        yield* Deferred.await(started)
        return client
      }).pipe(
        Effect.provide(
          server({ beforeResume: () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never) })
        )
      )
      assert.deepStrictEqual(errorOf(yield* client.receive), [1, -32603, "shuttingDown"])
    })
  )
})
