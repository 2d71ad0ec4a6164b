import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { isRecord, own } from "../../src/domain/Json.ts"
import { TestClock } from "effect/testing"
import * as Frame from "../../src/rpc/codex/Frame.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { initializeParams, server } from "./support/Client.ts"
import { nothingAsked, snapshot, threadA, turn, userMessage } from "./support/Fixtures.ts"
import { listen as listenWith } from "./support/Listening.ts"
import { closingOf, connect, frame, framesIn, hasClosing, opcodes, upgrade } from "./support/RawClient.ts"
import { open } from "./support/WebSocketClient.ts"

const at = (frame: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? own(value, key) : undefined), frame)

/** A thread whose answer is a megabyte: a few fill the buffers of a socket. */
const bulky = snapshot(threadA, { turns: [turn("turn-1", [userMessage("item-1", "x".repeat(1024 * 1024))])] })

const listen = listenWith()

const hello = Effect.fnUntraced(function* (url: string) {
  const client = yield* open(url)
  yield* client.send({ id: "init", method: "initialize", params: initializeParams })
  assert.strictEqual(at(yield* client.receive, "id"), "init")
  return client
})

const asked = nothingAsked()
const mocks = server({ asked, snapshots: new Map([[threadA, bulky]]), capacity: 2, overflow: 300 })

layer(mocks, { excludeTestServices: true })("WebSocket", (it) => {
  it.effect("speaks the protocol, one object a frame", () =>
    Effect.gen(function* () {
      const client = yield* hello(yield* listen)
      yield* client.send({ id: 1, method: "thread/resume", params: { threadId: threadA, excludeTurns: true } })
      assert.strictEqual(at(yield* client.receive, "result", "thread", "id"), threadA)
      assert.strictEqual(at(yield* client.receive, "method"), "thread/tokenUsage/updated")
      yield* client.close
      assert.strictEqual((yield* client.closed).code, 1000)
    })
  )

  it.effect("answers health checks, and keeps browsers and plain requests out", () =>
    Effect.gen(function* () {
      const url = yield* listen
      const base = url.replace(/^ws/, "http")
      const status = (request: HttpClientRequest.HttpClientRequest) =>
        Effect.map(HttpClient.execute(request), (response) => response.status)
      const origin = HttpClientRequest.setHeader("origin", "http://localhost")
      assert.deepStrictEqual(
        [
          yield* status(HttpClientRequest.get(`${base}/healthz`)),
          yield* status(HttpClientRequest.get(`${base}/readyz?x=1`)),
          yield* status(HttpClientRequest.post(`${base}/healthz`)),
          yield* status(HttpClientRequest.get(`${base}/`)),
          yield* status(origin(HttpClientRequest.get(`${base}/healthz`)))
        ],
        [200, 200, 405, 400, 403]
      )
      const refused = yield* Effect.flip(open(url, { origin: "http://localhost" }))
      assert.strictEqual(refused.code, 403)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("answers a binary frame with an error and goes on", () =>
    Effect.gen(function* () {
      const client = yield* hello(yield* listen)
      yield* client.sendText(new TextEncoder().encode('{"id":1,"method":"thread/loaded/list"}'))
      assert.strictEqual(at(yield* client.receive, "error", "data", "type"), "binaryFrame")
      yield* client.send({ id: 2, method: "thread/loaded/list" })
      assert.strictEqual(at(yield* client.receive, "id"), 2)
    })
  )

  it.effect("answers a frame over the limit, then closes with 1009", () =>
    Effect.gen(function* () {
      const client = yield* hello(yield* listen)
      yield* client.sendText("x".repeat(Frame.maxFrameBytes + 1))
      const answer = yield* client.receive
      assert.deepStrictEqual([at(answer, "id"), at(answer, "error", "data", "type")], [null, "frameTooLarge"])
      assert.strictEqual((yield* client.closed).code, 1009)
    })
  )

  it.effect("closes with 1009 on a frame too large to take in at all", () =>
    Effect.gen(function* () {
      const client = yield* hello(yield* listen)
      yield* client.sendText("x".repeat(2 * Frame.maxFrameBytes + 1))
      assert.deepStrictEqual(yield* client.closed, { code: 1009, reason: "message too big" })
    })
  )

  it.effect("closes with 1009 on fragments that are too large together", () =>
    Effect.gen(function* () {
      const client = yield* hello(yield* listen)
      const half = "x".repeat(Frame.maxFrameBytes + 1)
      yield* client.sendFragment(half, false)
      yield* client.sendFragment(half, true)
      assert.strictEqual((yield* client.closed).code, 1009)
    })
  )

  it.effect("answers a ping once", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* listen)
      yield* client.write(upgrade())
      yield* client.until((received) => received.includes("\r\n\r\n"))
      yield* client.write(frame(opcodes.ping, "mark"))
      // Whatever answers the ping comes before the answer to this.
      yield* client.write(frame(opcodes.text, '{"id":1,"method":"thread/list"}'))
      const received = yield* client.until((received) => received.includes("notInitialized"))
      assert.deepStrictEqual(
        framesIn(received).map(({ opcode, payload }) => [opcode, opcode === opcodes.pong ? payload.toString() : ""]),
        [
          [opcodes.pong, "mark"],
          [opcodes.text, ""]
        ]
      )
    })
  )

  it.effect.each([
    ["nothing", ""],
    ["half a line", "GET / HT"],
    ["half a request", upgrade().slice(0, -2)],
    ["a request without its body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"]
  ] as const)("cuts off a client that sends %s, and no more", ([, text]) =>
    Effect.gen(function* () {
      const client = yield* connect(yield* listenWith({ limits: { requestTimeout: "100 millis" } }))
      yield* client.write(text)
      assert.match((yield* client.gone).toString(), /^HTTP\/1\.1 4\d\d /)
    })
  )

  it.effect("hangs up on a client that keeps its end open after a refusal", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* listen)
      yield* client.write(upgrade(["Origin: http://localhost"]))
      assert.match((yield* client.gone).toString(), /^HTTP\/1\.1 403 /)
    })
  )

  it.effect("hangs up on a client that does not answer a closing frame", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* listenWith({ limits: { closeTimeout: "100 millis" } }))
      yield* client.write(upgrade())
      yield* client.until((received) => received.includes("\r\n\r\n"))
      yield* client.write(frame(opcodes.text, Buffer.alloc(Frame.maxFrameBytes + 1, "x")))
      assert.strictEqual(closingOf(yield* client.gone), "1009 message too big")
    })
  )

  it.effect("holds back when a client stops reading; others are served; every request is answered", () =>
    Effect.gen(function* () {
      const url = yield* listen
      const slow = yield* hello(url)
      const quick = yield* hello(url)
      yield* slow.pause
      const requests = 60
      asked.reads.length = 0
      for (let id = 0; id < requests; id++) {
        yield* slow.send({ id, method: "thread/read", params: { threadId: threadA, includeTurns: true } })
      }
      // Time enough to serve all of them, had the answers somewhere to go.
      for (let id = 0; id < 200; id++) {
        yield* quick.send({ id, method: "thread/loaded/list" })
        assert.strictEqual(at(yield* quick.receive, "id"), id)
      }
      assert.isBelow(asked.reads.length, requests)
      yield* slow.resume
      const answers = yield* Effect.replicateEffect(slow.receive, requests)
      assert.deepStrictEqual(
        answers.map((answer) => at(answer, "id")),
        Array.from({ length: requests }, (_, id) => id)
      )
    })
  )

  it.effect("closes a client that lets broadcasts pile up with 1013", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const slow = yield* hello(yield* listen)
      yield* slow.pause
      for (let id = 0; id < 16; id++) {
        yield* slow.send({ id, method: "thread/read", params: { threadId: threadA, includeTurns: true } })
      }
      // Entries beyond the overflow: whatever the socket took, the outbox cannot hold the rest.
      yield* Effect.yieldNow
      for (let count = 0; count < 400; count++) {
        yield* delivery.broadcast({ method: "thread/closed", params: { threadId: threadA } })
      }
      yield* slow.resume
      assert.deepStrictEqual(yield* slow.closed, { code: 1013, reason: "the client reads too slowly" })
    })
  )

  it.effect("forgets a client that vanishes", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const url = yield* listen
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* hello(url)
          yield* client.send({ id: 1, method: "thread/resume", params: { threadId: threadA, excludeTurns: true } })
          yield* client.receive
          yield* client.receive
        })
      )
      yield* Effect.repeat(delivery.subscribers(threadA), { until: (ids) => ids.length === 0 })
    })
  )

  it.effect("stops while a client that does not answer is connected", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const url = yield* Scope.provide(listen, scope)
      const client = yield* hello(url)
      yield* client.pause
      yield* Scope.close(scope, Exit.void)
      yield* client.resume
      assert.include([1000, 1001, 1006], (yield* client.closed).code)
    })
  )

  it.effect("answers what was asked before it stops, and then says that it stops", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const client = yield* hello(yield* Scope.provide(listen, scope))
      const requests = 20
      for (let id = 0; id < requests; id++) {
        yield* client.send({ id, method: "thread/read", params: { threadId: threadA, includeTurns: true } })
      }
      assert.strictEqual(at(yield* client.receive, "id"), 0)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* client.closed, { code: 1001, reason: "the server is stopping" })
      // Those that were read have their answers, in order; none is torn.
      const answered = yield* client.received
      assert.deepStrictEqual(
        answered.map((answer) => at(answer, "id")),
        Array.from(answered, (_, index) => index + 1)
      )
    })
  )
})

/** A client that says its first words, and from then on what the test says. */
const silentClient = Effect.gen(function* () {
  const client = yield* connect(yield* listen)
  yield* client.write(upgrade())
  yield* client.until((received) => received.includes("\r\n\r\n"))
  yield* client.write(frame(opcodes.text, '{"id":1,"method":"thread/list"}'))
  yield* client.until((received) => received.includes("notInitialized"))
  return client
})

const pingsIn = (received: Buffer) => framesIn(received).filter(({ opcode }) => opcode === opcodes.ping).length

describe("the heartbeat", () => {
  it.effect("closes a client that gave no sign of life after two pings", () =>
    Effect.gen(function* () {
      const client = yield* silentClient
      for (const pings of [1, 2]) {
        yield* TestClock.adjust("30 seconds")
        yield* client.until((received) => pingsIn(received) === pings)
      }
      yield* TestClock.adjust("29 seconds")
      assert.isFalse(hasClosing(yield* client.until(() => true)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(closingOf(yield* client.until(hasClosing)), "1011 no answer to pings")
    }).pipe(Effect.provide(mocks))
  )

  it.effect("keeps a client that answers, even if it says nothing else", () =>
    Effect.gen(function* () {
      const client = yield* silentClient
      for (let pings = 1; pings <= 6; pings++) {
        yield* TestClock.adjust("30 seconds")
        yield* client.until((received) => pingsIn(received) === pings)
        yield* client.write(frame(opcodes.pong, ""))
        // The answer shows that the server has read the pong.
        yield* client.write(frame(opcodes.ping, String(pings)))
        yield* client.until((received) => framesIn(received).some((f) => f.payload.toString() === String(pings)))
      }
      assert.isFalse(hasClosing(yield* client.until(() => true)))
    }).pipe(Effect.provide(mocks))
  )
})
