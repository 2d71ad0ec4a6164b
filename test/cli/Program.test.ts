/**
 * The program as a process: what editors and people start.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Option, Queue, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { isRecord, type JsonRecord, own, parseExact } from "../../src/domain/Json.ts"
import { VERSION } from "../../src/domain/Version.ts"
import * as Frame from "../../src/rpc/codex/Frame.ts"
import { initializeParams } from "../rpc/support/Client.ts"
import { open } from "../rpc/support/WebSocketClient.ts"

const main = join(import.meta.dirname, "../../src/cli/main.ts")
const threadId = "9c53aaaa-0000-4000-8000-000000000001"

const at = (frame: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? own(value, key) : undefined), frame)

const line = (type: string, payload: object) =>
  JSON.stringify({ timestamp: "2025-01-05T12:00:00.000Z", type, payload }) + "\n"

const counts = (total: number) => ({
  input_tokens: total - 30,
  cached_input_tokens: 20,
  output_tokens: 30,
  reasoning_output_tokens: 10,
  total_tokens: total
})

const rollout =
  line("session_meta", {
    id: threadId,
    timestamp: "2025-01-05T12:00:00Z",
    cwd: "/",
    originator: "codex",
    cli_version: "0.0.0",
    source: "cli",
    model_provider: "mock_provider"
  }) +
  line("event_msg", { type: "user_message", message: "Saved user message", local_images: [], text_elements: [] }) +
  line("event_msg", {
    type: "token_count",
    info: { total_token_usage: counts(150), last_token_usage: counts(90), model_context_window: 200000 },
    rate_limits: null
  })

/** A Codex home with one thread. */
const home = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "rethread-cli-"))
    const day = join(directory, "sessions/2025/01/05")
    mkdirSync(day, { recursive: true })
    writeFileSync(join(day, `rollout-2025-01-05T12-00-00-${threadId}.jsonl`), rollout)
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

interface Program {
  readonly write: (text: string) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  readonly signal: (signal: "SIGTERM" | "SIGINT") => Effect.Effect<void>
  /** The next line of standard output as JSON. */
  readonly frame: Effect.Effect<JsonRecord>
  /** The next line of standard error. */
  readonly message: Effect.Effect<string>
  readonly exitCode: Effect.Effect<number | null>
}

const start = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  environment: Record<string, string> = {}
): Effect.fn.Return<Program, never, Scope.Scope> {
  const frames = yield* Queue.unbounded<JsonRecord>()
  const messages = yield* Queue.unbounded<string>()
  const exited = yield* Deferred.make<number | null>()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [main, ...args], {
        env: { PATH: dirname(process.execPath), NO_COLOR: "1", ...environment }
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const onLines = (stream: NodeJS.ReadableStream, take: (line: string) => void) => {
    let rest = ""
    stream.setEncoding("utf8")
    stream.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n")
      rest = lines.pop() ?? ""
      lines.forEach(take)
    })
  }
  onLines(child.stdout, (text) => {
    Queue.offerUnsafe(
      frames,
      Option.getOrElse(Option.filter(parseExact(text), isRecord), () => ({ text }))
    )
  })
  onLines(child.stderr, (text) => void Queue.offerUnsafe(messages, text))
  child.stdin.on("error", () => {})
  child.on("exit", (code) => Deferred.doneUnsafe(exited, Exit.succeed(code)))
  return {
    write: (text) => Effect.sync(() => void child.stdin.write(text)),
    end: Effect.sync(() => void child.stdin.end()),
    signal: (signal) => Effect.sync(() => void child.kill(signal)),
    frame: Queue.take(frames),
    message: Queue.take(messages),
    exitCode: Deferred.await(exited)
  }
})

const send = (program: Program, message: unknown) => program.write(JSON.stringify(message) + "\n")

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
    ["ws://0.0.0.0:0", 1, "refusing to listen"]
  ] as const)("refuses --listen %s with exit code %i", ([url, code, text]) =>
    Effect.gen(function* () {
      const program = yield* start(["app-server", "--listen", url, "--codex-home", yield* home])
      assert.include(yield* program.message, text)
      assert.strictEqual(yield* program.exitCode, code)
    })
  )
})

describe("rethread serve", () => {
  it.effect("says where it listens and how to attach, serves, refuses a taken port, and stops with its clients", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const program = yield* start(["serve", "--listen", "ws://127.0.0.1:0", "--codex-home", directory])
      const first = yield* program.message
      assert.match(first, /^listening on ws:\/\/127\.0\.0\.1:\d+$/)
      const url = first.replace("listening on ", "")
      assert.include(yield* program.message, directory)
      assert.strictEqual(yield* program.message, `attach with: any client of the Codex app-server protocol, at ${url}`)

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
