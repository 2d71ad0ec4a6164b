/**
 * Servers as processes: frames over standard input and output, or over a WebSocket whose address the process tells on
 * standard error. The process ends with its scope.
 */
import { NodeWS } from "@effect/platform-node"
import { type Cause, Deferred, Effect, Exit, Option, Queue, type Scope } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { isRecord, type JsonRecord, parseExact } from "../../src/domain/Json.ts"
import type { Wire } from "./Client.ts"
import { PeerUnavailable } from "./Peer.ts"

export interface Program {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}

/** A line or frame as JSON; text that is none is kept, so that it shows. */
const frameOf = (text: string): JsonRecord =>
  Option.getOrElse(Option.filter(parseExact(text), isRecord), () => ({ text }))

const start = ({ args, command, env }: Program): Effect.Effect<ChildProcessWithoutNullStreams, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { env })),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )

/** Ends the process's input, and waits until it has left. */
const left = (child: ChildProcessWithoutNullStreams): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resume(Effect.void)
    const done = () => resume(Effect.void)
    child.once("exit", done)
    child.stdin.end()
    return Effect.sync(() => void child.off("exit", done))
  })

/** The process's standard streams as a connection. */
export const stdio = Effect.fnUntraced(function* (program: Program): Effect.fn.Return<Wire, never, Scope.Scope> {
  const child = yield* start(program)
  // Codex tells of a turn's end before it has written it: at the end of its input it does, and goes.
  yield* Effect.addFinalizer(() => Effect.timeoutOption(left(child), "5 seconds"))
  const frames = yield* Queue.unbounded<JsonRecord, Cause.Done>()
  const finish = () => void Queue.endUnsafe(frames)
  child.stdin.on("error", finish)
  child.on("error", finish)
  child.stderr.resume()
  createInterface({ input: child.stdout })
    .on("line", (line) => void Queue.offerUnsafe(frames, frameOf(line)))
    .on("close", finish)
  return {
    sendText: (text) => Effect.sync(() => void child.stdin.write(`${text}\n`)),
    receive: Queue.take(frames)
  }
})

/** Starts a process that listens on a WebSocket; its URL. */
export const listening = Effect.fnUntraced(function* (
  program: Program
): Effect.fn.Return<string, PeerUnavailable, Scope.Scope> {
  const child = yield* start(program)
  const url = yield* Deferred.make<string, PeerUnavailable>()
  const said: Array<string> = []
  const fail = (reason: string) =>
    void Deferred.doneUnsafe(url, Exit.fail(new PeerUnavailable({ peer: program.command, reason })))
  child.on("error", (error) => fail(error.message))
  child.on("exit", (code) => fail(`it ended with code ${code}: ${said.slice(-3).join(" / ")}`))
  child.stdout.resume()
  createInterface({ input: child.stderr }).on("line", (line) => {
    said.push(line)
    const found = /listening on:? (ws:\/\/\S+)/.exec(line)?.[1]
    if (found !== undefined) Deferred.doneUnsafe(url, Exit.succeed(found))
  })
  return yield* Deferred.await(url)
})

/** A connection to a WebSocket. */
export const webSocket = Effect.fnUntraced(function* (url: string): Effect.fn.Return<Wire, never, Scope.Scope> {
  const frames = yield* Queue.unbounded<JsonRecord, Cause.Done>()
  const opened = yield* Deferred.make<void>()
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new NodeWS.WebSocket(url)),
    (socket) => Effect.sync(() => socket.terminate())
  )
  const finish = () => {
    Queue.endUnsafe(frames)
    Deferred.doneUnsafe(opened, Exit.void)
  }
  socket.on("open", () => void Deferred.doneUnsafe(opened, Exit.void))
  socket.on("error", finish)
  socket.on("close", finish)
  socket.addEventListener("message", ({ data }) => {
    Queue.offerUnsafe(frames, frameOf(typeof data === "string" ? data : "a binary frame"))
  })
  yield* Deferred.await(opened)
  return {
    sendText: (text) =>
      Effect.sync(() => {
        if (socket.readyState === NodeWS.WebSocket.OPEN) socket.send(text)
      }),
    receive: Queue.take(frames)
  }
})
