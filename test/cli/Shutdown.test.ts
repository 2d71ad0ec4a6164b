/**
 * The program is told to end: whoever is connected, whatever runs, it ends in order and in time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { open } from "../rpc/support/WebSocketClient.ts"
import { at, hello, home, homeWith, linesOf, send, serve, start, threadId } from "./support/Program.ts"

/** What an agent that repeats it takes minutes to say. */
const long = "word ".repeat(5000)

const input = [{ type: "text", text: long, text_elements: [] }]

/** A client that asked for more than sockets hold, and does not read it. */
const stuckClient = Effect.fnUntraced(function* (url: string) {
  const client = yield* open(url)
  yield* client.send(hello)
  yield* client.receive
  yield* client.pause
  for (let id = 0; id < 60; id++) {
    yield* client.send({ id, method: "thread/read", params: { threadId, includeTurns: true } })
  }
  return client
})

/** Until nobody is listening any more. */
const refused = (url: string) =>
  Effect.repeat(Effect.exit(Effect.scoped(open(url))), { until: (exit) => exit._tag === "Failure" })

const interrupted = ["message", "turn_aborted", ""]

describe("a server that is told to end", () => {
  it.effect.each(["SIGTERM", "SIGINT"] as const)("ends with code 0 when nobody is connected: %s", (signal) =>
    Effect.gen(function* () {
      const { program } = yield* serve("ws://127.0.0.1:0", yield* home)
      yield* program.signal(signal)
      assert.strictEqual(yield* program.exitCode, 0)
    })
  )

  it.effect("ends the turns that run, tells their clients, and writes how they ended", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const { program, url } = yield* serve("ws://127.0.0.1:0", directory)
      const client = yield* open(url)
      yield* client.send(hello)
      yield* client.send({ id: 1, method: "thread/start", params: {} })
      yield* client.receive
      const started = at(yield* client.receive, "result", "thread", "id")
      yield* client.send({ id: 2, method: "turn/start", params: { threadId: started, input } })
      const until = (method: string) =>
        Effect.repeat(client.receive, { until: (frame) => at(frame, "method") === method })
      yield* until("item/agentMessage/delta")
      yield* program.signal("SIGTERM")
      assert.strictEqual(at(yield* until("turn/completed"), "params", "turn", "status"), "interrupted")
      assert.deepStrictEqual(yield* client.closed, { code: 1001, reason: "the server is stopping" })
      assert.strictEqual(yield* program.exitCode, 0)
      assert.deepStrictEqual(linesOf(directory).slice(-3), interrupted)
    })
  )

  it.effect("ends over standard input and output as well", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const program = yield* start(["--agent", "echo", "app-server", "--codex-home", directory])
      yield* send(program, hello)
      yield* send(program, { id: 1, method: "thread/start", params: {} })
      yield* program.frame
      const started = at(yield* program.frame, "result", "thread", "id")
      yield* send(program, { id: 2, method: "turn/start", params: { threadId: started, input } })
      const until = (method: string) =>
        Effect.repeat(program.frame, { until: (frame) => at(frame, "method") === method })
      yield* until("item/agentMessage/delta")
      yield* program.signal("SIGTERM")
      assert.strictEqual(at(yield* until("turn/completed"), "params", "turn", "status"), "interrupted")
      assert.strictEqual(yield* program.exitCode, 0)
      assert.deepStrictEqual(linesOf(directory).slice(-3), interrupted)
    })
  )

  it.effect("ends the turns that run when its input ends", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const program = yield* start(["--agent", "echo", "app-server", "--codex-home", directory])
      yield* send(program, hello)
      yield* send(program, { id: 1, method: "thread/start", params: {} })
      yield* program.frame
      const started = at(yield* program.frame, "result", "thread", "id")
      yield* send(program, { id: 2, method: "turn/start", params: { threadId: started, input } })
      yield* Effect.repeat(program.frame, { until: (frame) => at(frame, "method") === "item/agentMessage/delta" })
      yield* program.end
      assert.strictEqual(yield* program.exitCode, 0)
      assert.deepStrictEqual(linesOf(directory).slice(-3), interrupted)
    })
  )

  it.effect("does not wait for a client that does not read", () =>
    Effect.gen(function* () {
      const { program, url } = yield* serve("ws://127.0.0.1:0", yield* homeWith("x".repeat(1024 * 1024)))
      yield* stuckClient(url)
      yield* program.signal("SIGTERM")
      assert.strictEqual(yield* program.exitCode, 0)
    })
  )

  it.effect.each([
    ["SIGTERM", 143],
    ["SIGINT", 130]
  ] as const)("ends at once at a second signal: %s with code %i", ([signal, code]) =>
    Effect.gen(function* () {
      const directory = yield* homeWith("x".repeat(1024 * 1024))
      const { program, url } = yield* serve("ws://127.0.0.1:0", directory)
      yield* stuckClient(url)
      yield* program.signal("SIGTERM")
      // The first one has arrived.
      yield* refused(url)
      yield* program.signal(signal)
      assert.strictEqual(yield* program.exitCode, code)
    })
  )

  it.effect("leaves no socket behind", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const path = join(directory, "app-server-control", "app-server-control.sock")
      const { program, url } = yield* serve("unix://", directory)
      assert.strictEqual(url, `unix://${path}`)
      assert.isTrue(existsSync(path))
      yield* program.signal("SIGTERM")
      assert.strictEqual(yield* program.exitCode, 0)
      assert.isFalse(existsSync(path))
    })
  )
})
