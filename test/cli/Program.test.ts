/**
 * The program as a process: what editors and people start.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { VERSION } from "../../src/domain/Version.ts"
import * as Frame from "../../src/rpc/codex/Frame.ts"
import { initializeParams } from "../rpc/support/Client.ts"
import { open } from "../rpc/support/WebSocketClient.ts"
import { at, home, send, start, threadId } from "./support/Program.ts"

describe("rethread app-server", () => {
  it.effect("restores a thread over standard input and output, and ends with the input", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const program = yield* start(["-c", 'model="from-the-flag"', "app-server"], { CODEX_HOME: directory })
      yield* send(program, { id: "a", method: "initialize", params: initializeParams })
      assert.strictEqual(at(yield* program.frame, "result", "codexHome"), directory)
      yield* program.write("junk\n\n")
      assert.strictEqual(at(yield* program.frame, "error", "code"), -32700)
      yield* program.write("x".repeat(Frame.maxFrameBytes + 1) + "\n")
      assert.strictEqual(at(yield* program.frame, "error", "data", "type"), "frameTooLarge")
      yield* send(program, { id: 2, method: "thread/resume", params: { threadId } })
      yield* program.end
      const response = yield* program.frame
      assert.strictEqual(at(response, "result", "thread", "preview"), "Saved user message")
      assert.strictEqual(at(response, "result", "model"), "from-the-flag")
      const replay = yield* program.frame
      assert.strictEqual(at(replay, "method"), "thread/tokenUsage/updated")
      assert.strictEqual(at(replay, "params", "tokenUsage", "total", "totalTokens"), 150)
      assert.strictEqual(yield* program.exitCode, 0)
    })
  )

  it.effect("ends cleanly when it is told to", () =>
    Effect.gen(function* () {
      const program = yield* start(["app-server", "--codex-home", yield* home])
      yield* send(program, { id: 1, method: "initialize", params: initializeParams })
      yield* program.frame
      yield* program.signal("SIGTERM")
      assert.strictEqual(yield* program.exitCode, 0)
    })
  )

  it.effect.each([
    ["http://x", 2, "unsupported --listen URL"],
    ["ws://localhost:1", 2, "must be an IP address"],
    ["ws://0.0.0.0:0", 1, "refusing to listen"],
    ["off", 1, "no transport configured"]
  ] as const)("refuses --listen %s with exit code %i", ([url, code, text]) =>
    Effect.gen(function* () {
      const program = yield* start(["app-server", "--listen", url, "--codex-home", yield* home])
      assert.include(yield* program.message, text)
      assert.strictEqual(yield* program.exitCode, code)
    })
  )
})

it.effect("--stdio is --listen stdio://, and nothing else", () =>
  Effect.gen(function* () {
    const directory = yield* home
    const program = yield* start(["app-server", "--stdio", "--codex-home", directory])
    yield* send(program, { id: 1, method: "initialize", params: initializeParams })
    assert.strictEqual(at(yield* program.frame, "id"), 1)
    const other = yield* start(["app-server", "--stdio", "--listen", "unix://", "--codex-home", directory])
    assert.strictEqual(yield* other.exitCode, 2)
    assert.include(yield* other.said, "--stdio")
  })
)

describe("rethread serve", () => {
  it.effect("says where it listens and how to attach, serves, refuses a taken port, and stops with its clients", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const program = yield* start(["serve", "--listen", "ws://127.0.0.1:0", "--codex-home", directory])
      const first = yield* program.message
      assert.match(first, /^listening on ws:\/\/127\.0\.0\.1:\d+$/)
      const url = first.replace("listening on ", "")
      assert.include(yield* program.message, directory)
      assert.strictEqual(yield* program.message, `attach with: codex --remote ${url}`)

      const client = yield* Effect.orDie(open(url))
      yield* client.send({ id: 1, method: "initialize", params: initializeParams })
      yield* client.receive
      yield* client.send({ id: 2, method: "thread/list", params: {} })
      assert.deepStrictEqual(Object.keys(at(yield* client.receive, "result") ?? {}), [
        "data",
        "readStates",
        "nextCursor",
        "backwardsCursor"
      ])

      const second = yield* start(["serve", "--listen", url, "--codex-home", directory])
      assert.include(yield* second.message, "Address in use")
      assert.strictEqual(yield* second.exitCode, 1)

      yield* program.signal("SIGINT")
      assert.strictEqual((yield* client.closed).code, 1001)
      assert.strictEqual(yield* program.exitCode, 0)
    })
  )
})

it.effect("rethread --version names the package's version", () =>
  Effect.gen(function* () {
    const program = yield* start(["--version"])
    assert.include(JSON.stringify(yield* program.frame), `rethread v${VERSION}`)
    assert.strictEqual(yield* program.exitCode, 0)
  })
)
