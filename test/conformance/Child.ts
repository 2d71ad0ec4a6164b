/**
 * Servers as processes: frames over standard input and output, or over a WebSocket whose address the process tells on
 * standard error. The process ends with its scope.
 */
import { NodeServices, NodeWS } from "@effect/platform-node"
import { type Cause, Deferred, Effect, Exit, Layer, Option, Queue, type Scope } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { isRecord, type JsonRecord, parseExact } from "../../src/domain/Json.ts"
import * as StdioWire from "../../src/rpc/client/StdioWire.ts"
import * as WebSocketWire from "../../src/rpc/client/WebSocketWire.ts"
import { Connector } from "../../src/rpc/client/Wire.ts"
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

/** A connection of the typed client, frame by frame. Where there is no server, it is one that says nothing. */
const framesOver = Effect.fnUntraced(function* (
  connector: Layer.Layer<Connector>
): Effect.fn.Return<Wire, never, Scope.Scope> {
  const frames = yield* Queue.unbounded<JsonRecord, Cause.Done>()
  const wire = yield* Effect.orDie(
    Effect.provide(
      Connector.use(({ open }) => open),
      connector
    )
  )
  yield* Effect.forever(Effect.flatMap(wire.receive, (texts) => Queue.offerAll(frames, texts.map(frameOf)))).pipe(
    Effect.ensuring(Queue.end(frames)),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  return { sendText: (text) => Effect.ignore(wire.send(text)), receive: Queue.take(frames) }
})

/** The process's standard streams as a connection. */
export const stdio = ({ args, command, env }: Program): Effect.Effect<Wire, never, Scope.Scope> =>
  framesOver(StdioWire.layer({ command, args, env, extendEnv: false }).pipe(Layer.provide(NodeServices.layer)))

/** A connection to a WebSocket. */
export const webSocket = (url: string): Effect.Effect<Wire, never, Scope.Scope> =>
  framesOver(WebSocketWire.layer(url).pipe(Layer.provide(NodeWS.layerWebSocketConstructor)))

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
    const found = /listening on:? ((?:ws|unix):\/\/\S+)/.exec(line)?.[1]
    if (found !== undefined) Deferred.doneUnsafe(url, Exit.succeed(found))
  })
  return yield* Deferred.await(url)
})
