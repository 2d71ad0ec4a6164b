/**
 * The program as a process, and a Codex home for it.
 */
import { Deferred, Effect, Exit, Option, Queue, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { isRecord, type JsonRecord, own, parseExact } from "../../../src/domain/Json.ts"
import { initializeParams } from "../../rpc/support/Client.ts"

const main = join(import.meta.dirname, "../../../src/cli/main.ts")
/** The thread in the {@link home}. */
export const threadId = "9c53aaaa-0000-4000-8000-000000000001"

/** A member of a member of a frame. */
export const at = (frame: unknown, ...path: ReadonlyArray<string>): unknown =>
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

const rollout = (said: string) =>
  line("session_meta", {
    id: threadId,
    timestamp: "2025-01-05T12:00:00Z",
    cwd: "/",
    originator: "codex",
    cli_version: "0.0.0",
    source: "cli",
    model_provider: "mock_provider"
  }) +
  line("event_msg", { type: "user_message", message: said, local_images: [], text_elements: [] }) +
  line("event_msg", {
    type: "token_count",
    info: { total_token_usage: counts(150), last_token_usage: counts(90), model_context_window: 200000 },
    rate_limits: null
  })

/** A Codex home with one thread, in which the user said this. */
export const homeWith = (said: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const directory = mkdtempSync(join(tmpdir(), "rethread-cli-"))
      const day = join(directory, "sessions/2025/01/05")
      mkdirSync(day, { recursive: true })
      writeFileSync(join(day, `rollout-2025-01-05T12-00-00-${threadId}.jsonl`), rollout(said))
      return directory
    }),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )

export const home = homeWith("Saved user message")

/** The types of the lines of the home's newest rollout; a torn line fails. */
export const linesOf = (directory: string): ReadonlyArray<string> => {
  const [newest = ""] = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".jsonl"))
    .toSorted()
    .toReversed()
  const text = readFileSync(join(directory, newest), "utf8")
  return text.split("\n").map((line) => {
    if (line === "") return ""
    const parsed = Option.getOrNull(parseExact(line))
    const type = at(parsed, "payload", "type") ?? at(parsed, "type")
    return typeof type === "string" ? type : "torn"
  })
}

export interface Program {
  readonly write: (text: string) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  readonly signal: (signal: "SIGTERM" | "SIGINT") => Effect.Effect<void>
  /** The next line of standard output as JSON. */
  readonly frame: Effect.Effect<JsonRecord>
  /** The next line of standard error. */
  readonly message: Effect.Effect<string>
  /** What else it has said on standard error. */
  readonly said: Effect.Effect<string>
  readonly exitCode: Effect.Effect<number | null>
}

/** Starts the program; it is killed with the scope. */
export const start = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  environment: Record<string, string> = {},
  /** What Node runs; the program's sources when not given. */
  entry: string = main
): Effect.fn.Return<Program, never, Scope.Scope> {
  const frames = yield* Queue.unbounded<JsonRecord>()
  const messages = yield* Queue.unbounded<string>()
  const exited = yield* Deferred.make<number | null>()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [entry, ...args], {
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
  child.on("close", (code) => Deferred.doneUnsafe(exited, Exit.succeed(code)))
  return {
    write: (text) => Effect.sync(() => void child.stdin.write(text)),
    end: Effect.sync(() => void child.stdin.end()),
    signal: (signal) => Effect.sync(() => void child.kill(signal)),
    frame: Queue.take(frames),
    message: Queue.take(messages),
    said: Effect.map(Queue.clear(messages), (lines) => lines.join("\n")),
    exitCode: Deferred.await(exited)
  }
})

/** Sends a message over standard input. */
export const send = (program: Program, message: unknown) => program.write(JSON.stringify(message) + "\n")

/** Starts a server, and gives it with the URL that it says it listens on. */
export const serve = Effect.fnUntraced(function* (listen: string, directory: string, ...args: ReadonlyArray<string>) {
  const program = yield* start([
    "app-server",
    "--agent",
    "echo",
    "--listen",
    listen,
    "--codex-home",
    directory,
    ...args
  ])
  return { program, url: (yield* program.message).replace("listening on ", "") }
})

/** A connection's first words. */
export const hello = { id: "hello", method: "initialize", params: initializeParams }
