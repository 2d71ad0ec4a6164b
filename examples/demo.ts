/**
 * The main job, end to end, on the sample home: a server, a client that resumes, rejoins and forks threads over a real
 * WebSocket, and a second client that only listens. Every frame is shown in the order in which it came.
 *
 *     npm start
 */
import { NodeRuntime, NodeServices, NodeSocket } from "@effect/platform-node"
import {
  type Cause,
  Console,
  Deferred,
  Effect,
  FileSystem,
  Option,
  Path,
  Queue,
  References,
  Schema,
  Terminal
} from "effect"
import { Socket } from "effect/socket"
import * as SocketServer from "../src/cli/SocketServer.ts"
import { isRecord, type JsonRecord, own, parseExact } from "../src/domain/Json.ts"

/** A client that prints what it sends and what it receives. */
interface DemoClient {
  readonly request: (method: string, params: JsonRecord) => Effect.Effect<JsonRecord, DemoFailed>
  /** The next notification that the server sends to this client. */
  readonly notification: Effect.Effect<JsonRecord, DemoFailed>
  /** Notifications that came and were not asked for. */
  readonly unread: Effect.Effect<ReadonlyArray<string>>
}

class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

const field = (record: JsonRecord, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? own(value, key) : undefined), record)

// Long members are told in a few words, so that a frame fits on a line or two.
const shorten = (value: unknown, depth: number): unknown => {
  if (typeof value === "string") return value.length > 60 ? `${value.slice(0, 57)}…` : value
  if (Array.isArray(value)) {
    return depth > 2 || value.length > 3 ? `[${value.length}]` : value.map((entry) => shorten(entry, depth + 1))
  }
  if (!isRecord(value)) return value
  const shown = new Set(["id", "forkedFromId", "preview", "name", "status", "turns", "path"])
  const entries = Object.entries(value).filter(
    ([key]) => depth !== 2 || own(value, "turns") === undefined || shown.has(key)
  )
  return Object.fromEntries(entries.map(([key, entry]) => [key, shorten(entry, depth + 1)]))
}

const summary = (message: JsonRecord): unknown => {
  const result = own(message, "result")
  if (!isRecord(result)) return shorten(message, 0)
  const { data, thread, tokenUsage, userAgent } = result
  const told = Object.fromEntries(
    Object.entries({ userAgent, thread, tokenUsage, data }).filter(([, value]) => value !== undefined)
  )
  return { id: own(message, "id"), result: shorten(told, 1) }
}

const printer = (name: string, columns: number) => (direction: "→" | "←", message: JsonRecord) => {
  const text = JSON.stringify(summary(message))
  const width = Math.max(60, columns - 8)
  const lines = Array.from({ length: Math.ceil(text.length / width) }, (_, i) => text.slice(i * width, (i + 1) * width))
  return Console.log(`  ${name} ${direction} ${lines.join("\n        ")}`)
}

const connect = Effect.fnUntraced(function* (url: string, name: string, columns: number) {
  const socket = yield* Socket.makeWebSocket(url)
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  const print = printer(name, columns)
  const responses = yield* Queue.unbounded<JsonRecord, Cause.Done>()
  const notifications = yield* Queue.unbounded<JsonRecord, Cause.Done>()
  let requests = 0

  const receive = Effect.fnUntraced(function* (frame: string | Uint8Array) {
    const message = typeof frame === "string" ? Option.getOrNull(parseExact(frame)) : null
    if (!isRecord(message)) return
    yield* print("←", message)
    yield* Queue.offer(own(message, "method") === undefined ? responses : notifications, message)
  })
  yield* Effect.forever(Effect.flatMap(reader.pull, Effect.forEach(receive))).pipe(
    Effect.ignore,
    Effect.andThen(Effect.andThen(Queue.end(responses), Queue.end(notifications))),
    Effect.forkScoped
  )
  const lost = () => new DemoFailed({ reason: `${name}: the server has gone` })
  const send = (message: JsonRecord) =>
    Effect.andThen(print("→", message), Effect.mapError(writer.write(JSON.stringify(message)), lost))

  const client: DemoClient = {
    request: Effect.fnUntraced(function* (method, params) {
      yield* send({ id: ++requests, method, params })
      const response = yield* Effect.mapError(Queue.take(responses), lost)
      const result = own(response, "result")
      if (!isRecord(result)) {
        return yield* new DemoFailed({ reason: `${method}: ${String(field(response, "error", "message"))}` })
      }
      return result
    }),
    notification: Effect.mapError(Queue.take(notifications), lost),
    unread: Effect.map(Queue.clear(notifications), (all) => all.map((message) => String(own(message, "method"))))
  }
  yield* client.request("initialize", { clientInfo: { name, version: "1" }, capabilities: { experimentalApi: true } })
  yield* send({ method: "initialized" })
  return client
})

const expectUsage = Effect.fnUntraced(function* (client: DemoClient) {
  const { method, params } = yield* client.notification
  if (method !== "thread/tokenUsage/updated" || !isRecord(params)) {
    return yield* new DemoFailed({ reason: `expected the restored usage, got ${String(method)}` })
  }
  const total = String(field(params, "tokenUsage", "total", "totalTokens"))
  yield* Console.log(`      restored: ${total} tokens in all, owned by turn ${String(own(params, "turnId"))}\n`)
})

const demo = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const columns = yield* (yield* Terminal.Terminal).columns
  const sample = path.join(path.dirname(yield* path.fromFileUrl(new URL(import.meta.url))), "../fixtures/sample-home")
  // Forks are written beside the threads they come from: the demo works on a copy.
  const home = yield* fs.makeTempDirectoryScoped({ prefix: "rethread-demo-" })
  yield* fs.copy(sample, home)

  const listening = yield* Deferred.make<string>()
  yield* SocketServer.serve(
    { _tag: "WebSocket", host: "127.0.0.1", port: 0 },
    { home, overrides: [], cwd: home, agent: "echo" },
    { _tag: "Open" },
    (url) => Deferred.succeed(listening, url)
  ).pipe(Effect.forkScoped)
  const url = yield* Deferred.await(listening)
  yield* Console.log(`rethread listens on ${url}, serving a copy of fixtures/sample-home\n`)

  yield* Console.log("Two clients attach: A works, B only listens.")
  const a = yield* connect(url, "A", columns || 120)
  const b = yield* connect(url, "B", columns || 120)

  yield* Console.log("\nA lists the threads.")
  const { data } = yield* a.request("thread/list", { modelProviders: [] })
  const listed: ReadonlyArray<unknown> = Array.isArray(data) ? data : []
  const [first = "", second = ""] = listed.filter(isRecord).map((thread) => String(own(thread, "id")))
  for (const thread of listed.filter(isRecord)) {
    yield* Console.log(`      ${String(own(thread, "id"))}  ${String(own(thread, "name") ?? own(thread, "preview"))}`)
  }

  yield* Console.log("\nA resumes a thread: the response first, then its restored usage.")
  yield* a.request("thread/resume", { threadId: first })
  yield* expectUsage(a)

  yield* Console.log("A comes back to it (a rejoin) without asking for turns: the usage is told all the same.")
  yield* a.request("thread/resume", { threadId: first, excludeTurns: true })
  yield* expectUsage(a)

  yield* Console.log("A resumes another thread.")
  yield* a.request("thread/resume", { threadId: second })
  yield* expectUsage(a)

  yield* Console.log("A forks the first thread: response, usage, and then the news for everybody.")
  yield* a.request("thread/fork", { threadId: first })
  yield* expectUsage(a)
  yield* a.notification

  yield* Console.log("\nWhat B heard of all this:")
  yield* b.notification
  const more = yield* b.unread
  if (more.length > 0) return yield* new DemoFailed({ reason: `B was told ${more.join(", ")}` })
  yield* Console.log("      the new thread, and nobody's token usage.\n")

  yield* Console.log(`Serve your own threads:

    npx rethread serve                      # ~/.codex, or CODEX_HOME, on ws://127.0.0.1:4500
    codex --remote ws://127.0.0.1:4500      # then attach the Codex terminal client
    npx rethread serve --codex-home DIR     # any other home
    npx rethread app-server                 # in place of \`codex app-server\`, over stdio`)
})

demo.pipe(
  Effect.scoped,
  Effect.provide([NodeServices.layer, NodeSocket.layerWebSocketConstructor]),
  Effect.provideService(References.MinimumLogLevel, "Warn"),
  NodeRuntime.runMain
)
