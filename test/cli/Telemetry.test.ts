/**
 * What the program tells a collector, and what it says of flags that it cannot use.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Option } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { isRecord, own, parseExact } from "../../src/domain/Json.ts"
import { at, hello, home, send, start, threadId } from "./support/Program.ts"

const kinds = ["traces", "metrics", "logs"] as const

/** A collector: where it is, the first of what it gets of each kind, by kind, and the headers of the latest of it. */
const collector = Effect.gen(function* () {
  const first = {
    traces: yield* Deferred.make<string>(),
    metrics: yield* Deferred.make<string>(),
    logs: yield* Deferred.make<string>()
  }
  let latest: IncomingHttpHeaders | null = null
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const listening = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        latest = request.headers
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          const kind = kinds.find((one) => request.url === `/v1/${one}`)
          if (kind !== undefined) Deferred.doneUnsafe(first[kind], Exit.succeed(Buffer.concat(chunks).toString()))
          response.end("{}")
        })
      })
      listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) =>
      Effect.sync(() => {
        listening.closeAllConnections()
        listening.close()
      })
  )
  const address = server.address()
  return {
    first,
    headers: () => latest,
    url: `http://127.0.0.1:${isRecord(address) ? String(own(address, "port")) : ""}`
  }
})

/** Everything in a value that has a name. */
const named = (value: unknown, name: string): ReadonlyArray<unknown> => {
  if (Array.isArray(value)) return value.flatMap((one) => named(one, name))
  if (!isRecord(value)) return []
  const below = Object.values(value).flatMap((one) => named(one, name))
  return own(value, "name") === name ? [value, ...below] : below
}

const attribute = (span: unknown, key: string): unknown => {
  const all = at(span, "attributes")
  return Array.isArray(all)
    ? at(
        all.find((one) => at(one, "key") === key),
        "value",
        "stringValue"
      )
    : undefined
}

const resumed = { id: 1, method: "thread/resume", params: { threadId } }

const told = Effect.fnUntraced(function* (args: ReadonlyArray<string>, environment: Record<string, string>) {
  const program = yield* start(["app-server", ...args, "--codex-home", yield* home], environment)
  yield* send(program, hello)
  yield* program.frame
  yield* send(program, resumed)
  yield* program.frame
  yield* program.end
  assert.strictEqual(yield* program.exitCode, 0)
  return yield* program.said
})

describe("a collector", () => {
  it.live("gets the span of a resume with its thread, and the metrics", () =>
    Effect.gen(function* () {
      const { first, url } = yield* collector
      assert.strictEqual(yield* told(["--otlp", url], {}), "")
      const traces = Option.getOrThrow(parseExact(yield* Deferred.await(first.traces)))
      const [resume] = named(traces, "ThreadLifecycle.resume")
      assert.strictEqual(attribute(resume, "threadId"), threadId)
      assert.strictEqual(attribute(resume, "kind"), "cold")
      const [request] = named(traces, "codex.thread/resume")
      assert.strictEqual(attribute(request, "threadId"), threadId)
      assert.strictEqual(at(resume, "traceId"), at(request, "traceId"))
      const metrics = Option.getOrThrow(parseExact(yield* Deferred.await(first.metrics)))
      assert.strictEqual(named(metrics, "rethread.attach.latency").length, 1)
      assert.strictEqual(named(metrics, "rethread.replays").length, 1)
    })
  )

  it.live("may be named by the environment, on the shortest command line too", () =>
    Effect.gen(function* () {
      const { first, url } = yield* collector
      assert.strictEqual(yield* told([], { RETHREAD_OTLP_URL: url }), "")
      assert.include(yield* Deferred.await(first.traces), "ThreadLifecycle.resume")
    })
  )

  it.live("gets the headers of the command line, and of the environment", () =>
    Effect.gen(function* () {
      const { first, headers, url } = yield* collector
      const flags = ["--otlp-header", "Authorization=Bearer a=b", "--otlp-header", "x-team=ours"]
      const environment = { OTEL_EXPORTER_OTLP_HEADERS: "x-team=theirs,x-key=a%20secret" }
      assert.strictEqual(yield* told(["--otlp", url, ...flags], environment), "")
      yield* Deferred.await(first.traces)
      const sent = headers()
      assert.deepStrictEqual(
        [sent?.authorization, sent?.["x-team"], sent?.["x-key"]],
        ["Bearer a=b", "ours", "a secret"]
      )
    })
  )

  it.live("that does not answer changes nothing for clients", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* told(["--otlp", "http://127.0.0.1:1"], {}), "")
    })
  )
})

describe("logs", () => {
  it.live("are JSON lines when they are asked for, and reach the collector too", () =>
    Effect.gen(function* () {
      const { first, url } = yield* collector
      const program = yield* start(
        ["app-server", "--log-level", "debug", "--log-format", "json", "--otlp", url, "--codex-home", yield* home],
        {}
      )
      yield* send(program, hello)
      yield* program.frame
      yield* send(program, { method: "nobody/knows", params: {} })
      const line = Option.getOrThrow(parseExact(yield* program.message))
      assert.strictEqual(at(line, "level"), "DEBUG")
      assert.include(JSON.stringify(at(line, "message")), "nobody/knows")
      yield* program.end
      assert.strictEqual(yield* program.exitCode, 0)
      assert.include(yield* Deferred.await(first.logs), "nobody/knows")
    })
  )

  it.live("are JSON lines when the environment says so", () =>
    Effect.gen(function* () {
      const program = yield* start(["app-server", "--log-level", "debug", "--codex-home", yield* home], {
        RETHREAD_LOG_FORMAT: "json"
      })
      yield* send(program, hello)
      yield* program.frame
      yield* send(program, { method: "nobody/knows", params: {} })
      assert.strictEqual(at(Option.getOrThrow(parseExact(yield* program.message)), "level"), "DEBUG")
    })
  )
})

describe("headers that cannot be used", () => {
  it.live.each<readonly [string, ReadonlyArray<string>, Record<string, string>, string]>([
    ["no value", ["--otlp-header", "secret"], {}, "unsupported --otlp-header: expected NAME=VALUE"],
    ["no name", ["--otlp-header", "a b=secret"], {}, '--otlp-header: "a b" is no name of a header'],
    ["no line", ["--otlp-header", "a=secret\nsecret"], {}, "--otlp-header: the value of a cannot be sent"],
    ["nothing in the environment", [], { OTEL_EXPORTER_OTLP_HEADERS: "secret" }, "OTEL_EXPORTER_OTLP_HEADERS"],
    ["no text in the environment", [], { OTEL_EXPORTER_OTLP_HEADERS: "a=secret%" }, "OTEL_EXPORTER_OTLP_HEADERS"]
  ])("%s: said with exit code 2, and without the value", ([, args, environment, words]) =>
    Effect.gen(function* () {
      const all = ["app-server", "--otlp", "http://127.0.0.1:1", ...args, "--codex-home", yield* home]
      const program = yield* start(all, environment)
      assert.strictEqual(yield* program.exitCode, 2)
      const said = yield* program.said
      assert.include(said, words)
      assert.notInclude(said, "secret")
    })
  )

  it.live("without a collector a header is refused", () =>
    Effect.gen(function* () {
      const program = yield* start(["app-server", "--otlp-header", "a=b", "--codex-home", yield* home], {})
      assert.strictEqual(yield* program.exitCode, 2)
      assert.include(yield* program.said, "--otlp URL")
    })
  )
})

describe("what cannot be used", () => {
  it.live.each<readonly [string, ReadonlyArray<string>, Record<string, string>, string]>([
    ["a URL on the command line", ["--otlp", "collector:4318"], {}, "--otlp"],
    ["a URL in the environment", [], { RETHREAD_OTLP_URL: "nowhere" }, "RETHREAD_OTLP_URL"],
    ["a format in the environment", [], { RETHREAD_LOG_FORMAT: "xml" }, "RETHREAD_LOG_FORMAT"]
  ])("%s is named, with exit code 2", ([, args, environment, name]) =>
    Effect.gen(function* () {
      const program = yield* start(["app-server", ...args, "--codex-home", yield* home], environment)
      assert.strictEqual(yield* program.exitCode, 2)
      assert.include(yield* program.said, name)
    })
  )
})
