/**
 * Every example runs as it is printed, and says what it should.
 */
import { NodeWS } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer } from "effect"
import { execFile, spawn } from "node:child_process"
import { globSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CodexClient } from "../../src/rpc/client/CodexClient.ts"

const examples = join(import.meta.dirname, "../../examples")
const onSources = ["--import", join(import.meta.dirname, "Sources.ts")]

/** What an example prints; with an exit code that is not 0, what went wrong. */
const printed = (file: string) =>
  Effect.callback<string>((resume) => {
    const child = execFile(process.execPath, [...onSources, join(examples, file)], (error, stdout, stderr) =>
      resume(Effect.succeed(error === null ? stdout + stderr : `${error.message}\n${stdout}${stderr}`))
    )
    return Effect.sync(() => child.kill())
  })

const expected = {
  "client.ts": [
    `"Hello" with 1 turn has spent 150n`,
    "  the thread had spent 150 tokens before",
    "  the thread thread/status/changed",
    "  the thread turn/started",
    "  the thread item/started",
    "  the thread item/completed",
    "  the thread item/started",
    `  the thread says "Good "`,
    `  the thread says "morning"`,
    "  the thread item/completed",
    "  the thread has spent 175 tokens now, 25 of them just now",
    "  the thread thread/status/changed",
    "  the thread turn/completed"
  ],
  "agent.ts": [
    "spent 45 tokens so far",
    "item: dynamicToolCall",
    "agent: It rains, at 11 degrees.",
    "spent 113 tokens so far"
  ],
  "store.ts": [
    "a line fits",
    "cannot write to rollout `…`: a thread may have 6028 bytes; fork it without its first turns, or raise the limit",
    "the thread still has 1 turn: Hello"
  ],
  "dashboard.ts": [
    "Write the docs                150 tokens   idle",
    "Fix the build                 150 tokens   idle",
    "Write the docs                150 tokens   thinks",
    "Write the docs                150 tokens   userMessage",
    "Write the docs                150 tokens   agentMessage",
    "Write the docs                175 tokens   agentMessage",
    "Write the docs                175 tokens   completed"
  ],
  "outside/src/main.ts": ["said 3 words", "spent 4 tokens", "forked with 1 turn and 4 tokens"]
}

/** Examples that are tests, or have one of their own: below, or elsewhere. */
const others = ["server.ts", "demo.ts", "threads.test.ts", "store.test.ts"]

it("there is a test for every example", () => {
  const files = globSync("*.ts", { cwd: examples })
  const tested = [...Object.keys(expected), ...others].filter((file) => !file.includes("/"))
  assert.sameMembers(files, tested)
})

it.live.each(Object.entries(expected))("examples/%s", ([file, lines]) =>
  Effect.map(printed(file), (output) => assert.deepStrictEqual(output.trimEnd().split("\n"), lines))
)

const home = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "rethread-examples-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The embedded server, and where it listens. */
const server = Effect.fnUntraced(function* (directory: string) {
  const listening = yield* Deferred.make<string>()
  const ended = yield* Deferred.make<number | null>()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [...onSources, join(examples, "server.ts"), directory])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  let output = ""
  const hear = (chunk: Buffer): void => {
    output += chunk.toString("utf8")
    const url = /^listening on (ws:\S+)$/m.exec(output)?.[1]
    if (url !== undefined) Deferred.doneUnsafe(listening, Exit.succeed(url))
  }
  child.stdout.on("data", hear)
  child.stderr.on("data", hear)
  child.on("close", (code) => {
    Deferred.doneUnsafe(listening, Exit.succeed(`it ended before it listened:\n${output}`))
    Deferred.doneUnsafe(ended, Exit.succeed(code))
  })
  return { url: yield* Deferred.await(listening), stop: Effect.sync(() => child.kill("SIGTERM")), ended }
})

it.live("examples/server.ts serves a home, and ends in order", () =>
  Effect.gen(function* () {
    const { ended, stop, url } = yield* server(yield* home)
    assert.match(url, /^ws:/)
    const answer = Effect.gen(function* () {
      const client = yield* CodexClient
      const { thread } = yield* client.start()
      yield* client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "Hello" }] })
      const { data } = yield* client.request("thread/list", {})
      return data.map(({ preview }) => preview)
    })
    const Client = CodexClient.layerWebSocket(url).pipe(Layer.provide(NodeWS.layerWebSocketConstructor))
    assert.deepStrictEqual(yield* answer.pipe(Effect.scoped, Effect.provide(Client)), ["Hello"])
    yield* stop
    assert.strictEqual(yield* Deferred.await(ended), 130)
  }).pipe(Effect.scoped)
)
