/** The native face over real WebSockets, and what only a wire can do wrong. */
import { NodeCrypto } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { integerToJson } from "../../src/domain/Json.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { Authenticator } from "../../src/rpc/codex/Authentication.ts"
import { Overloaded } from "../../src/rpc/native/NativeError.ts"
import { Threads } from "../../src/services/Threads.ts"
import * as RolloutBuilder from "../../src/testing/RolloutBuilder.ts"
import { open } from "../rpc/support/WebSocketClient.ts"
import { sha256 } from "../rpc/support/Tokens.ts"
import { saved, suite } from "./Suite.ts"
import * as World from "./support/World.ts"

const { threadId } = saved

describe("over a WebSocket", () => suite(World.overWebSocket))

const inWorld = <A, E>(options: World.WorldOptions, body: Effect.Effect<A, E, World.World | Scope.Scope>) =>
  Effect.provide(Effect.scoped(body), World.world({ files: [saved], ...options }))

describe("the native face on a port", () => {
  it.live("wants the token that the Codex wire wants", () =>
    inWorld(
      {},
      Effect.gen(function* () {
        const authenticator = Authenticator.layerCapabilityToken(sha256("open sesame")).pipe(
          Layer.provide(NodeCrypto.layerDigest)
        )
        const url = yield* World.listening({ authenticator })
        for (const options of [{}, { token: "sesame" }]) {
          const client = yield* World.connectTo(url, options)
          const error = yield* Effect.flip(client.resume({ threadId }))
          assert.strictEqual(error._tag, "RpcClientError")
        }
        assert.deepStrictEqual(yield* Effect.flip(open(url)), { code: 401, reason: "" })
        const origin = { origin: "http://localhost", authorization: "Bearer open sesame" }
        assert.deepStrictEqual(yield* Effect.flip(open(url, origin)), { code: 403, reason: "" })
        const client = yield* World.connectTo(url, { token: "open sesame" })
        const { snapshot } = yield* client.resume({ threadId })
        assert.strictEqual(snapshot.thread.id, threadId)
      })
    )
  )

  it.live("has room for so many requests of one connection, streams among them, and tells when there is none", () =>
    inWorld(
      { native: { maxInFlight: 2 } },
      Effect.gen(function* () {
        const url = yield* World.listening()
        const client = yield* World.connectTo(url)
        const scope = yield* Scope.make()
        yield* client.resume({ threadId })
        yield* Scope.provide(client.resume({ threadId }), scope)
        const refused = yield* Effect.flip(client.rpc.Loaded())
        assert.deepStrictEqual(refused, new Overloaded({ limit: 2 }))
        assert.instanceOf(yield* Effect.flip(client.resume({ threadId })), Overloaded)
        const other = yield* World.connectTo(url)
        assert.deepStrictEqual(yield* other.rpc.Loaded(), [threadId])
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(yield* Effect.retry(client.rpc.Loaded(), { times: 100 }), [threadId])
      })
    )
  )

  it.live("tells whoever speaks something else, and is there for the others", () =>
    inWorld(
      {},
      Effect.gen(function* () {
        const url = yield* World.listening()
        const request = { _tag: "Request", tag: "Loaded", headers: [] }
        const wrong: ReadonlyArray<readonly [unknown, string]> = [
          ["no JSON", "it is no JSON"],
          [Uint8Array.of(1, 2), "binaryFrame"],
          [{ id: 1, method: "initialize" }, "no message of Effect RPC"],
          [{ ...request, payload: null }, "no message of Effect RPC"],
          [{ ...request, id: {}, payload: null }, "no message of Effect RPC"],
          [{ ...request, id: 1, isNotification: true, payload: null }, "no message of Effect RPC"],
          [null, "no message of Effect RPC"],
          ["[".repeat(1000), "nested too deeply"]
        ]
        for (const [frame, why] of wrong) {
          const client = yield* open(url)
          yield* typeof frame === "string" || frame instanceof Uint8Array ? client.sendText(frame) : client.send(frame)
          const { _tag, defect } = yield* client.receive
          assert.strictEqual(_tag, "Defect")
          assert.include(JSON.stringify(defect), why)
          yield* client.closed
        }
        const client = yield* open(url)
        const read = { _tag: "Request", tag: "Read", headers: [] }
        yield* client.send({ ...read, id: 1, payload: { threadId: "no thread id" } })
        assert.include(JSON.stringify(yield* client.receive), "threadId")
        yield* client.send({ ...request, id: 2, tag: "NoSuchRequest", payload: {} })
        assert.include(JSON.stringify(yield* client.receive), "NoSuchRequest")
        yield* client.send({ ...request, id: 3 })
        assert.deepInclude(yield* client.receive, { _tag: "Exit", requestId: 3 })
      })
    )
  )

  it.live("holds back a client that does not acknowledge", () =>
    inWorld(
      { agent: Scripted.layer([Scripted.message("m1", ["a", "b", "c"])]), attachments: { patience: "1 hour" } },
      Effect.gen(function* () {
        const url = yield* World.listening()
        const silent = yield* open(url)
        yield* silent.send({ _tag: "Request", id: 1, tag: "Resume", payload: { threadId }, headers: [] })
        assert.deepInclude(yield* silent.receive, { _tag: "Chunk", requestId: 1 })
        const client = yield* World.connectTo(url)
        const { events } = yield* client.resume({ threadId })
        yield* client.rpc.StartTurn({ threadId, input: World.say("go") })
        yield* World.upTo(events, "turn/completed")
        yield* silent.send({ _tag: "Ping" })
        assert.deepStrictEqual(yield* silent.receive, { _tag: "Pong" })
        yield* silent.send({ _tag: "Ack", requestId: 1 })
        assert.deepInclude(yield* silent.receive, { _tag: "Chunk", requestId: 1 })
      })
    )
  )

  it.live("ends its streams in good order when the server stops: what happened last is told", () =>
    inWorld(
      { agent: Scripted.layer([[Scripted.hang]]) },
      Effect.gen(function* () {
        const listening = yield* Scope.make()
        const client = yield* World.connectTo(yield* Scope.provide(World.listening(), listening))
        const { events } = yield* client.resume({ threadId })
        yield* client.rpc.StartTurn({ threadId, input: World.say("go") })
        const story = yield* Effect.forkScoped(Stream.runCollect(events))
        yield* Threads.use((threads) => threads.unload(threadId))
        yield* Scope.close(listening, Exit.void)
        const told = World.notificationsOf(yield* Fiber.join(story)).map(({ method }) => method)
        assert.include(told, "turn/completed")
        assert.strictEqual(told.at(-1), "thread/closed")
      })
    )
  )

  it.live("is gone with a lost connection, and the client comes back over a new one", () =>
    inWorld(
      { agent: Scripted.layer([[{ _tag: "TextDelta", id: "m1", delta: "a" }, Scripted.hang]]) },
      Effect.gen(function* () {
        const first = yield* Scope.make()
        const url = yield* World.listening()
        const client = yield* Scope.provide(World.connectTo(url), first)
        const { events, snapshot } = yield* Scope.provide(client.resume({ threadId }), first)
        const { id: turnId } = yield* client.rpc.StartTurn({ threadId, input: World.say("go") })
        const isDelta = World.isEvent("item/agentMessage/delta")
        const seen = yield* Stream.runCollect(Stream.takeUntil(events, isDelta))
        yield* Scope.close(first, Exit.void)
        const again = yield* World.connectTo(url)
        yield* again.rpc.Interrupt({ threadId, turnId })
        const after = seen.at(-1)?.position ?? snapshot.position
        const back = yield* again.resumeAfter({ threadId, after })
        assert.strictEqual(back.first._tag, "Continued")
        const rest = World.notificationsOf(yield* World.upTo(back.events, "turn/completed"))
        assert.deepStrictEqual(
          rest.map(({ method }) => method),
          ["item/completed", "thread/status/changed", "turn/completed"]
        )
      })
    )
  )

  it.live("tells an untyped number that JSON cannot hold as the nearest that it can", () => {
    const withCall = RolloutBuilder.rollout({ threadId })
      .turn({
        work: (builder) =>
          builder.event({
            type: "mcp_tool_call_end",
            call_id: "c1",
            invocation: { server: "files", tool: "look", arguments: { max_tokens: integerToJson(2n ** 60n) } },
            duration: { secs: 0, nanos: 0 },
            result: { Ok: { content: [{ type: "text", text: "seen" }] } }
          })
      })
      .build()
    return inWorld(
      { files: [withCall] },
      Effect.gen(function* () {
        const stored = yield* Threads.use((threads) => threads.read(threadId))
        const inMemory = stored.thread.turns.flatMap(({ items }) => items).find(({ type }) => type === "mcpToolCall")
        assert.deepStrictEqual(inMemory?.type === "mcpToolCall" && inMemory.arguments, { max_tokens: 2n ** 60n })
        const client = yield* World.connectTo(yield* World.listening())
        const { snapshot } = yield* client.resume({ threadId })
        const told = snapshot.thread.turns.flatMap(({ items }) => items).find(({ type }) => type === "mcpToolCall")
        assert.deepStrictEqual(told?.type === "mcpToolCall" && told.arguments, { max_tokens: 2 ** 60 })
      })
    )
  })
})
