/**
 * Recorded conversations played to clients: by the typed client in this process, over a WebSocket and over the standard
 * streams of a program; and what clients that do not keep to the recording are told.
 */
import { NodeServices, NodeWS } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { own } from "../../src/domain/Json.ts"
import { CodexClient, make as makeClient } from "../../src/rpc/client/CodexClient.ts"
import * as InProcessWire from "../../src/rpc/client/InProcessWire.ts"
import * as InProcessTransport from "../../src/rpc/codex/InProcessTransport.ts"
import * as MockAppServer from "../../src/testing/MockAppServer.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Testing from "../../src/testing/Testing.ts"
import * as Transcript from "../../src/testing/Transcript.ts"
import { listen } from "../rpc/support/Listening.ts"

const root = join(import.meta.dirname, "../..")
const file = (name: string) => join(root, "fixtures/transcripts", name)
const recorded = (name: string) => Transcript.parse(readFileSync(file(name), "utf8"))

const verify = MockAppServer.MockAppServer.use((mock) => mock.verify)

const threadId = "9c5387c4-a105-4fff-867a-52ef00c84be6"

/** The threads that the recordings are of. */
const threads = { "122": threadId, "169": "355dc1e8-4dc5-402b-a569-4ca5d9ea3a95" }

/** What the client of `resume-rejoin-fork` did. */
const conversation = Effect.fnUntraced(function* (client: CodexClient["Service"], of: string = threadId) {
  const first = yield* client.resume(of)
  const again = yield* client.resume(of)
  const fork = yield* client.fork(of)
  return [first, again, fork].map(({ usage }) =>
    Option.getOrNull(Option.map(usage, ({ tokenUsage }) => tokenUsage.total.totalTokens))
  )
})

describe("a recorded conversation", () => {
  for (const version of ["122", "169"] as const) {
    it.effect(`of ${version} is played to a typed client`, () =>
      Effect.gen(function* () {
        const mock = MockAppServer.layer(yield* recorded(`resume-rejoin-fork-${version}.jsonl`), {
          match: { "thread/resume": ["threadId"], "thread/fork": ["threadId"] }
        })
        yield* Effect.gen(function* () {
          assert.deepStrictEqual(yield* conversation(yield* Testing.codexClient(), threads[version]), [
            150n,
            150n,
            150n
          ])
          yield* verify
        }).pipe(Effect.scoped, Effect.provide(mock))
      })
    )
  }

  it.live("is played over a WebSocket", () =>
    Effect.gen(function* () {
      const mock = MockAppServer.layer(yield* recorded("resume-rejoin-fork-122.jsonl"))
      yield* Effect.gen(function* () {
        const url = yield* listen()
        const wire = CodexClient.layerWebSocket(url).pipe(Layer.provide(NodeWS.layerWebSocketConstructor))
        const usage = yield* Effect.provide(CodexClient.use(conversation), wire)
        assert.deepStrictEqual(usage, [150n, 150n, 150n])
        yield* verify
      }).pipe(Effect.scoped, Effect.provide(mock))
    })
  )

  it.live("is played over the standard streams of a program", () =>
    Effect.gen(function* () {
      const program = `
        import { NodeRuntime, NodeServices } from "@effect/platform-node"
        import { Effect } from "effect"
        import { readFileSync } from "node:fs"
        import * as StdioTransport from "./src/rpc/codex/StdioTransport.ts"
        import * as MockAppServer from "./src/testing/MockAppServer.ts"
        import * as Transcript from "./src/testing/Transcript.ts"
        const transcript = Effect.runSync(Transcript.parse(readFileSync(process.argv[1], "utf8")))
        NodeRuntime.runMain(
          StdioTransport.serve.pipe(Effect.provide([MockAppServer.layer(transcript), NodeServices.layer]))
        )
      `
      const wire = CodexClient.layerStdio({
        command: process.execPath,
        args: ["--input-type=module", "-e", program, file("resume-rejoin-fork-169.jsonl")],
        cwd: root
      })
      const usage = yield* CodexClient.use(conversation).pipe(
        Effect.provide(wire.pipe(Layer.provide(NodeServices.layer)))
      )
      assert.deepStrictEqual(usage, [150n, 150n, 150n])
    })
  )

  it.effect("with a question in it has its answer, and goes on then", () =>
    Effect.gen(function* () {
      const transcript = yield* recorded("approval-A-122.jsonl")
      const asks = transcript.filter(
        ({ dir, msg }) => dir === "s2c" && Object.hasOwn(msg, "method") && Object.hasOwn(msg, "id")
      )
      assert.isAbove(asks.length, 0)
      yield* Effect.gen(function* () {
        const mock = yield* MockAppServer.MockAppServer
        const wire = yield* InProcessTransport.connect()
        const frames = yield* Effect.forkScoped(Stream.runCollect(Stream.fromEffectRepeat(wire.receive)))
        for (const { dir, msg } of transcript) if (dir === "c2s") yield* wire.send(msg)
        yield* mock.played
        yield* mock.verify
        yield* wire.end
        assert.deepStrictEqual(
          yield* Effect.map(Fiber.join(frames), (all) => all.map((frame) => own(frame, "method") ?? "response")),
          transcript.flatMap(({ dir, msg }) => (dir === "s2c" ? [own(msg, "method") ?? "response"] : []))
        )
      }).pipe(Effect.scoped, Effect.provide(MockAppServer.layer(transcript)))
    })
  )
})

describe("a client that does not keep to the recording", () => {
  it.effect("is refused what is not there, and what it left out is named", () =>
    Effect.gen(function* () {
      const mock = MockAppServer.layer(yield* recorded("resume-rejoin-fork-122.jsonl"))
      yield* Effect.gen(function* () {
        const client = yield* Testing.codexClient()
        const refused = yield* Effect.flip(client.request("thread/loaded/list", {}))
        assert.include(refused.message, "the transcript has no further thread/loaded/list")
        yield* client.fork(threadId)
        const error = yield* Effect.flip(verify)
        assert.strictEqual(error._tag, "TranscriptMismatch")
        assert.deepStrictEqual(
          error.unexpected.map(({ message }) => message.split(" ")[0]),
          ["thread/loaded/list"]
        )
        assert.deepStrictEqual(
          error.missing.map(({ message }) => message.split(" ")[0]),
          ["thread/resume", "thread/resume"]
        )
        assert.include(error.message, `missing on connection 1: thread/resume {"threadId":"${threadId}"}`)
      }).pipe(Effect.scoped, Effect.provide(mock))
    })
  )

  it.effect("is told apart by the params that were chosen", () =>
    Effect.gen(function* () {
      const mock = MockAppServer.layer(yield* recorded("resume-rejoin-fork-122.jsonl"), {
        match: { "thread/resume": ["threadId"] }
      })
      yield* Effect.gen(function* () {
        const client = yield* Testing.codexClient()
        const error = yield* Effect.flip(client.resume("01900000-0000-7000-8000-000000000001"))
        assert.include(error.message, "no further thread/resume")
      }).pipe(Effect.scoped, Effect.provide(mock))
    })
  )

  it.effect("may never come at all", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify)
      assert.include(error.message, "no client ever connected")
    }).pipe(Effect.provide(MockAppServer.layer([])))
  )

  it.effect("loses the connection at the end, where that is wanted", () =>
    Effect.gen(function* () {
      const transcript = yield* recorded("resume-rejoin-fork-122.jsonl")
      yield* Effect.gen(function* () {
        const client = yield* Testing.codexClient()
        yield* conversation(client)
        assert.strictEqual((yield* client.lost).reason, "ended")
        yield* verify
      }).pipe(Effect.scoped, Effect.provide(MockAppServer.layer(transcript, { atEnd: "close" })))
    })
  )
})

const saved = rollout({ threadId }).turn({ user: "hello", usage: true })

describe("a live conversation", () => {
  const live = Testing.layer({ files: [saved] })

  it.effect("is recorded at the server, and played again", () =>
    Effect.gen(function* () {
      const transcript = yield* Effect.gen(function* () {
        const expected = yield* Effect.scoped(Effect.flatMap(Testing.codexClient(), conversation))
        assert.deepStrictEqual(expected, [150n, 150n, 150n])
        const recorder = yield* Transcript.TranscriptRecorder
        const [first = []] = yield* recorder.transcripts
        return first
      }).pipe(Effect.provide(Transcript.recordServer.pipe(Layer.provide(live))))
      assert.deepStrictEqual(yield* Transcript.parse(Transcript.print(transcript)), transcript)
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* conversation(yield* Testing.codexClient()), [150n, 150n, 150n])
        yield* verify
      }).pipe(Effect.scoped, Effect.provide(MockAppServer.layer(transcript)))
    })
  )

  it.effect("is recorded at the client, each connection on its own", () =>
    Effect.gen(function* () {
      const connect = Effect.scoped(Effect.flatMap(makeClient({}), (client) => client.resume(threadId)))
      yield* connect
      yield* connect
      const recorder = yield* Transcript.TranscriptRecorder
      const transcripts = yield* recorder.transcripts
      assert.strictEqual(transcripts.length, 2)
      for (const transcript of transcripts) {
        assert.deepStrictEqual(
          transcript.flatMap(({ dir, msg }) => (dir === "c2s" ? [own(msg, "method")] : [])),
          ["initialize", "initialized", "thread/resume", "thread/unsubscribe"]
        )
      }
    }).pipe(Effect.provide(Transcript.recordWire.pipe(Layer.provide(InProcessWire.layer), Layer.provide(live))))
  )
})

describe("a transcript that cannot be used", () => {
  it.effect.each([
    ["not json", 1, "no JSON object"],
    [`{"t":1,"dir":"c2s","msg":{}}\n\n{"dir":"up","msg":{}}`, 3, "`dir`"],
    [`{"t":1,"dir":"c2s","msg":[]}`, 1, "`msg`"]
  ] as const)("names the line: %j", ([text, line, why]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Transcript.parse(text))
      assert.deepInclude(error, { _tag: "TranscriptInvalid", line })
      assert.include(error.message, why)
    })
  )
})
