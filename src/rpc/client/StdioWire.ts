/**
 * A connection to a program that speaks over its standard streams, such as `codex app-server`: one JSON text a line.
 *
 * Each connection is a process of its own. With the scope its input ends, which is how an app server is told to leave;
 * one that does not leave is killed. What it writes to standard error is read, so that it never blocks, and its last
 * words explain why it ended.
 */
import {
  type Cause,
  type Duration,
  Effect,
  Fiber,
  Layer,
  Option,
  type PlatformError,
  Queue,
  type Scope,
  Stream
} from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as StdioTransport from "../codex/StdioTransport.ts"
import type { Inbound } from "../codex/Transport.ts"
import { ConnectionLost } from "./ClientError.ts"
import { Connector, type Wire } from "./Wire.ts"

export interface StdioOptions {
  readonly command: string
  readonly args?: ReadonlyArray<string>
  readonly cwd?: string
  /** The environment; without `extendEnv` the program has no other. */
  readonly env?: Readonly<Record<string, string>>
  /** Adds `env` to this process's environment. Default true. */
  readonly extendEnv?: boolean
  /** How long the program may take to leave after its input has ended. Default 5 seconds. */
  readonly grace?: Duration.Input
  /** Bytes of the largest line that is read. Default 256 MiB. */
  readonly maxFrameBytes?: number
  /** What the program writes to standard error, line by line. Default: nothing is done with it. */
  readonly onStderr?: (line: string) => Effect.Effect<void>
}

const text = (message: Inbound): Effect.Effect<string, ConnectionLost> =>
  message._tag === "Text"
    ? Effect.succeed(message.text)
    : Effect.fail(
        new ConnectionLost({
          reason: "violated",
          detail: `the server sent a line that is refused: ${message.reason}`,
          code: null
        })
      )

const unreachable = ({ message }: PlatformError.PlatformError) =>
  new ConnectionLost({ reason: "unreachable", detail: message, code: null })
const broken = ({ message }: PlatformError.PlatformError) =>
  new ConnectionLost({ reason: "failed", detail: message, code: null })

const lastLines = 5

const open = (
  options: StdioOptions,
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"]
): Effect.Effect<Wire, ConnectionLost, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.mapError(
      spawner.spawn(
        ChildProcess.make(options.command, options.args ?? [], {
          cwd: options.cwd,
          env: options.env,
          extendEnv: options.extendEnv ?? true,
          killSignal: "SIGKILL"
        })
      ),
      unreachable
    )
    let said: ReadonlyArray<string> = []
    const listening = yield* child.stderr.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) => {
        said = [...said, line].slice(-lastLines)
        return options.onStderr?.(line) ?? Effect.void
      }),
      Effect.ignore,
      Effect.forkScoped
    )
    const outbox = yield* Queue.bounded<string, Cause.Done>(64)
    yield* Stream.fromQueue(outbox).pipe(
      Stream.map((frame) => `${frame}\n`),
      Stream.encodeText,
      Stream.run(child.stdin),
      // A program that reads no more answers no more.
      Effect.catch(() => child.kill()),
      Effect.ignore,
      Effect.forkScoped
    )
    const grace = options.grace ?? "5 seconds"
    yield* Effect.addFinalizer(() =>
      Queue.end(outbox).pipe(Effect.andThen(child.exitCode), Effect.timeoutOption(grace), Effect.ignore)
    )
    const pull = yield* StdioTransport.messages(child.stdout, options.maxFrameBytes ?? 256 * 1024 * 1024).pipe(
      Stream.mapError(broken),
      Stream.mapEffect(text),
      Stream.toPull
    )
    // A program may close its output and live on, or leave its standard error to another.
    const exit = Effect.timeoutOption(
      Effect.tap(Effect.mapError(child.exitCode, broken), () => Fiber.await(listening)),
      grace
    )
    const ended = Effect.gen(function* (): Effect.gen.Return<never, ConnectionLost> {
      const code = Option.getOrNull(yield* exit)
      const words = said.length === 0 ? "" : `, and said: ${said.join(" / ")}`
      const detail = code === null ? "the program has closed its output" : "the program has ended"
      return yield* new ConnectionLost({ reason: "ended", detail: `${detail}${words}`, code })
    })
    return {
      send: (frame: string) => Effect.asVoid(Queue.offer(outbox, frame)),
      receive: Effect.catchTag(pull, "Done", () => ended)
    }
  })

/** Starts a program for each connection. */
export const layer = (options: StdioOptions): Layer.Layer<Connector, never, ChildProcessSpawner.ChildProcessSpawner> =>
  Layer.effect(
    Connector,
    Effect.map(ChildProcessSpawner.ChildProcessSpawner, (spawner) => Connector.of({ open: open(options, spawner) }))
  )
