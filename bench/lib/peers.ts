/**
 * The servers that are measured: Rethread as users run it, and genuine Codex where it can be had. Each run starts a fresh
 * process, which ends with its scope.
 */
import { NodeWS } from "@effect/platform-node"
import { Console, Effect, type Scope } from "effect"
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { createInterface } from "node:readline"
import { binary, versions } from "../../test/support/CodexBinary.ts"
import { BenchFailed, Conversation, hello, isError, makeLineCutter } from "./wire.ts"

export const rethreadName = "rethread"

export interface Peer {
  readonly name: string
  readonly isRethread: boolean
  readonly command: string
  readonly args: ReadonlyArray<string>
}

export interface Process {
  readonly child: ChildProcess
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number
}

/** Rethread, by the program that package.json names. */
export const rethread = (program: string): Peer => ({
  name: rethreadName,
  isRethread: true,
  command: process.execPath,
  args: [program]
})

/** The genuine releases that can be had here; of the others it is said why not. */
export const genuine = Effect.gen(function* () {
  const found: Array<Peer> = []
  for (const version of versions) {
    const command = yield* Effect.result(binary(version))
    if (command._tag === "Success") {
      found.push({ name: `codex ${version}`, isRethread: false, command: command.success, args: [] })
    } else yield* Console.log(`${command.failure.message}; the table goes without it`)
  }
  return found
})

const passedOn = ["TMPDIR", "NODE_DISABLE_COMPILE_CACHE"]

const environmentOf = (home: string) => ({
  ...Object.fromEntries(
    passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  ),
  HOME: homedir(),
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  CODEX_HOME: home,
  RUST_LOG: "off",
  NO_COLOR: "1"
})

/** The end of a process: it is asked first, by the end of its input or by a signal. */
const stop = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    if (child.stdin === null) child.kill("SIGTERM")
    else child.stdin.end()
  }).pipe(
    Effect.timeoutOrElse({
      duration: "5 seconds",
      orElse: () =>
        Effect.callback<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    })
  )

const start = <A extends ChildProcess>(spawning: () => A): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(spawning), stop)

const endOf = (child: ChildProcess, said: ReadonlyArray<string>): string =>
  `the server ended with ${child.exitCode ?? child.signalCode}: ${said.slice(-3).join(" / ")}`

/** A server on standard input and output, not yet greeted. */
const overStdio = Effect.fnUntraced(function* (
  peer: Peer,
  home: string
): Effect.fn.Return<Process & { readonly talk: Conversation }, never, Scope.Scope> {
  let startedAt = 0
  const child = yield* start((): ChildProcessWithoutNullStreams => {
    startedAt = performance.now()
    return spawn(peer.command, [...peer.args, "app-server"], { env: environmentOf(home), stdio: "pipe" })
  })
  const said: Array<string> = []
  const talk = new Conversation((text) => child.stdin.write(text))
  const cut = makeLineCutter((line) => talk.take(line))
  child.stdin.on("error", () => {})
  child.on("error", (error) => talk.end(error.message))
  child.on("close", () => talk.end(endOf(child, said)))
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line))
  child.stdout.on("data", (chunk: Buffer) => {
    // What the answers in one chunk lead to goes out in one piece.
    child.stdin.cork()
    cut(chunk)
    child.stdin.uncork()
  })
  return { child, startedAt, talk }
})

/** The same after `initialize`. */
export const greeted = Effect.fnUntraced(function* (peer: Peer, home: string) {
  const server = yield* overStdio(peer, home)
  const { at } = yield* server.talk.ask("initialize", hello)
  server.talk.post("initialized", {}, () => {})
  return { ...server, greetedAt: at }
})

/** A server that listens on a WebSocket. */
export const listening = Effect.fnUntraced(function* (
  peer: Peer,
  home: string
): Effect.fn.Return<Process & { readonly url: string }, BenchFailed, Scope.Scope> {
  const startedAt = performance.now()
  const args = [...peer.args, "app-server", "--listen", "ws://127.0.0.1:0"]
  const child = yield* start(() =>
    spawn(peer.command, args, { env: environmentOf(home), stdio: ["ignore", "ignore", "pipe"] })
  )
  const said: Array<string> = []
  const url = yield* Effect.callback<string, BenchFailed>((resume) => {
    const fail = (reason: string) => resume(Effect.fail(new BenchFailed({ reason })))
    child.on("error", (error) => fail(error.message))
    child.on("exit", () => fail(endOf(child, said)))
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line)
      const found = /listening on:? (ws:\/\/\S+)/.exec(line)?.[1]
      if (found !== undefined) resume(Effect.succeed(found))
    })
  })
  return { child, startedAt, url }
})

/** A WebSocket client, greeted; null when the server refused it. */
export const connect = Effect.fnUntraced(function* (
  url: string
): Effect.fn.Return<Conversation | null, never, Scope.Scope> {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new NodeWS.WebSocket(url, { perMessageDeflate: false })),
    (socket) => Effect.sync(() => socket.terminate())
  )
  const talk = new Conversation((text) => socket.send(text))
  socket.on("error", () => {})
  socket.on("message", (data) => {
    if (Buffer.isBuffer(data)) talk.take(data)
  })
  const isOpen = yield* Effect.callback<boolean>((resume) => {
    socket.on("open", () => resume(Effect.succeed(true)))
    socket.on("close", (code) => {
      talk.end(`the connection was closed: ${code}`)
      resume(Effect.succeed(false))
    })
  })
  if (!isOpen) return null
  const greeting = yield* Effect.result(talk.send("initialize", hello))
  return greeting._tag === "Failure" || isError(greeting.success) ? null : talk
})

/** A line of the process's status, in megabytes; NaN where the system does not tell. */
export const memoryOf = ({ child }: Process, line: "VmRSS" | "VmHWM"): number => {
  const status = `/proc/${child.pid}/status`
  if (!existsSync(status)) return Number.NaN
  const found = new RegExp(`${line}:\\s+(\\d+) kB`).exec(readFileSync(status, "utf8"))
  return Number(found?.[1] ?? Number.NaN) / 1024
}
