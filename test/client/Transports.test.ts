/** The ways to reach a server, with real sockets and real programs. */
import { NodeCrypto, NodeServices, NodeWS } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { CodexClient } from "../../src/rpc/client/CodexClient.ts"
import type { StdioOptions } from "../../src/rpc/client/StdioWire.ts"
import { Authenticator } from "../../src/rpc/codex/Authentication.ts"
import * as RolloutBuilder from "../../src/testing/RolloutBuilder.ts"
import * as Home from "../conformance/Home.ts"
import { server } from "../live/Server.ts"
import { listen } from "../rpc/support/Listening.ts"
import * as Taking from "./support/Taking.ts"

const saved = RolloutBuilder.rollout({ threadId: "01900000-0000-7000-8000-000000000001" })
  .turn({ id: "T1", usage: { total: { total: 150 } } })
  .build()

const token = "a token of the server's"

const authenticator = Authenticator.layerCapabilityToken(createHash("sha256").update(token).digest()).pipe(
  Layer.provide(NodeCrypto.layerDigest)
)

const resumes = Effect.scoped(
  Effect.gen(function* () {
    const client = yield* CodexClient
    const { events, usage } = yield* client.resume(saved.threadId)
    const [event] = yield* Effect.flatMap(Taking.from(events), (taken) => taken.take(1))
    assert.strictEqual(event?._tag, "UsageReplayed")
    return Option.getOrThrow(usage).tokenUsage.total.totalTokens
  })
)

const overWs = NodeWS.layerWebSocketConstructor

describe("over a WebSocket", () => {
  it.live("a client shows its token, and without it is told so", () =>
    Effect.gen(function* () {
      const url = yield* listen({ authenticator })
      const total = yield* Effect.provide(
        resumes,
        CodexClient.layerWebSocket(url, { token }).pipe(Layer.provide(overWs))
      )
      assert.strictEqual(total, 150n)
      const error = yield* Effect.flip(
        Effect.provide(resumes, CodexClient.layerWebSocket(url).pipe(Layer.provide(overWs)))
      )
      assert.deepInclude(error, { _tag: "ConnectionLost", reason: "unreachable" })
      assert.include(error.message, "401")
    }).pipe(Effect.scoped, Effect.provide(server({ files: [saved] })))
  )

  it.live("a client finds nobody, and says so", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.provide(resumes, CodexClient.layerWebSocket("ws://127.0.0.1:1").pipe(Layer.provide(overWs)))
      )
      assert.deepInclude(error, { _tag: "ConnectionLost", reason: "unreachable" })
    })
  )

  it.live("on a Unix socket too", () =>
    Effect.gen(function* () {
      const path = join(yield* Home.temporaryDirectory("socket"), "app-server.sock")
      yield* listen({ on: { path } })
      const total = yield* Effect.provide(resumes, CodexClient.layerUnix(path).pipe(Layer.provide(overWs)))
      assert.strictEqual(total, 150n)
      for (const wrong of ["relative.sock", "/a b.sock", "/a:b.sock", "/ü.sock", `${path}.not`]) {
        const error = yield* Effect.flip(
          Effect.provide(resumes, CodexClient.layerUnix(wrong).pipe(Layer.provide(overWs)))
        )
        assert.deepInclude(error, { _tag: "ConnectionLost", reason: "unreachable" })
      }
    }).pipe(Effect.scoped, Effect.provide(server({ files: [saved] })))
  )
})

const program = (options: StdioOptions) =>
  Effect.provide(
    resumes,
    CodexClient.layerStdio(options, { handshakeTimeout: "20 seconds" }).pipe(Layer.provide(NodeServices.layer))
  )

const script = (text: string): StdioOptions => ({ command: process.execPath, args: ["-e", text], grace: "100 millis" })

describe("over a program's standard streams", () => {
  it.live(
    "a client starts Rethread, and ends it when it is done",
    () =>
      Effect.gen(function* () {
        const home = yield* Home.make([saved])
        const main = join(import.meta.dirname, "../../src/cli/main.ts")
        const total = yield* program({
          command: process.execPath,
          args: [main, "app-server", "--codex-home", home.directory],
          env: { NO_COLOR: "1" }
        })
        assert.strictEqual(total, 150n)
      }).pipe(Effect.scoped),
    30_000
  )

  it.live("a client says why there is no server", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(program({ command: "/no/such/program" }))
      assert.deepInclude(missing, { _tag: "ConnectionLost", reason: "unreachable" })
      const failing = yield* Effect.flip(program(script("console.error('no home here'); process.exit(3)")))
      assert.deepInclude(failing, { _tag: "ConnectionLost", reason: "ended", code: 3 })
      assert.include(failing.message, "no home here")
      const mute = yield* Effect.flip(program(script("require('node:fs').closeSync(1); setInterval(() => {}, 1000)")))
      assert.deepInclude(mute, { _tag: "ConnectionLost", reason: "ended", code: null })
      const garbled = yield* Effect.flip(program(script("console.log('Welcome!'); setInterval(() => {}, 1000)")))
      assert.deepInclude(garbled, { _tag: "ConnectionLost", reason: "violated" })
      assert.include(garbled.message, "Welcome!")
    })
  )

  it.live("a client is not held up by what the program writes to standard error", () =>
    Effect.gen(function* () {
      const noisy = `
        process.stderr.write("noise ".repeat(1e6))
        require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
          const { id } = JSON.parse(line)
          if (id !== undefined) console.log(JSON.stringify({ id, error: { code: 7, message: "heard" } }))
        })`
      const error = yield* Effect.flip(program(script(noisy)))
      assert.deepInclude(error, { _tag: "HandshakeFailed", reason: "refused" })
      assert.include(error.message, "heard")
    })
  )
})
