import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Scope } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { isRecord, own } from "../../src/domain/Json.ts"
import * as NodeListener from "../../src/layers/node/NodeListener.ts"
import * as Frame from "../../src/rpc/codex/Frame.ts"
import type { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import * as WebSocketTransport from "../../src/rpc/codex/WebSocketTransport.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { initializeParams, server } from "./support/Client.ts"
import { nothingAsked, snapshot, threadA, turn, userMessage } from "./support/Fixtures.ts"
import { open } from "./support/WebSocketClient.ts"

const at = (frame: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? own(value, key) : undefined), frame)

/** A thread whose answer is a megabyte: a few fill the buffers of a socket. */
const bulky = snapshot(threadA, { turns: [turn("turn-1", [userMessage("item-1", "x".repeat(1024 * 1024))])] })

/** Listens on a free port and gives the URL. */
const listen = Effect.gen(function* () {
  const url = yield* Deferred.make<string>()
  const rpc = yield* Effect.context<JsonRpcServer>()
  const announced = Layer.effectDiscard(
    HttpServer.addressFormattedWith((address) => Deferred.succeed(url, address.replace(/^http/, "ws")))
  )
  const application = WebSocketTransport.layer({ drained: NodeListener.drained }).pipe(
    Layer.provideMerge(announced),
    Layer.provide(Layer.succeedContext(rpc))
  )
  const options = { host: "127.0.0.1", port: 0, maxPayload: 2 * Frame.maxFrameBytes }
  yield* Layer.build(NodeListener.layer(application, options))
  return yield* Deferred.await(url)
})

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
      assert.strictEqual((yield* client.closed).code, 1009)
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
})
