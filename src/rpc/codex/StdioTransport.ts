/**
 * JSON lines over standard input and output: one message a line, blank lines ignored.
 *
 * A line over the limit is skipped without being held in memory and answered with an error. The end
 * of the input ends the conversation after the last answer is written.
 */
import { Array as Arr, Cause, Effect, Result, type Scope, Stdio, Stream } from "effect"
import { makeLineScanner, type RawLine } from "../../domain/LineScanner.ts"
import type { FrameText } from "../../services/NotificationDelivery.ts"
import * as Draining from "./Draining.ts"
import * as Frame from "./Frame.ts"
import { type Ending, JsonRpcServer } from "./JsonRpcServer.ts"
import type { Inbound } from "./Transport.ts"

const decoder = new TextDecoder("utf-8", { fatal: true })

const inbound = ({ bytes }: RawLine): Inbound => {
  if (bytes === null) return { _tag: "Refused", reason: "frameTooLarge" }
  const text = Result.try(() => decoder.decode(bytes))
  return Result.isSuccess(text) ? { _tag: "Text", text: text.success } : { _tag: "Refused", reason: "invalidUtf8" }
}

const isBlank = (message: Inbound): boolean => message._tag === "Text" && message.text.trim() === ""

const collect = (feed: (onLine: (line: RawLine) => void) => void): ReadonlyArray<Inbound> => {
  const found: Array<Inbound> = []
  feed((line) => {
    const message = inbound(line)
    if (!isBlank(message)) found.push(message)
  })
  return found
}

/** The messages in a stream of bytes. `maxBytes`: of one line, without its end. */
export const messages = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  maxBytes: number = Frame.maxFrameBytes
): Stream.Stream<Inbound, E, R> =>
  bytes.pipe(
    Stream.mapAccum(
      () => makeLineScanner(maxBytes),
      (scanner, chunk) => [scanner, collect((onLine) => scanner.push(chunk, onLine))] as const,
      { onHalt: (scanner) => collect(scanner.finish) }
    )
  )

/** Characters that are joined before they are written. */
const joinedLength = 256 * 1024

/** Frames that are there at once as lines, small ones joined: a write costs more than what is written. */
export const lines = (frames: Arr.NonEmptyReadonlyArray<FrameText>): Arr.NonEmptyReadonlyArray<string | Uint8Array> => {
  const found: Array<string | Uint8Array> = []
  let joined = ""
  for (const frame of frames) {
    if (typeof frame === "string") joined += `${frame}\n`
    else {
      if (joined !== "") found.push(joined)
      found.push(...frame)
      joined = "\n"
    }
    if (joined.length < joinedLength) continue
    found.push(joined)
    joined = ""
  }
  if (joined !== "") found.push(joined)
  return Arr.isReadonlyArrayNonEmpty(found) ? found : [""]
}

/** Speaks with the client at the other end of the process's standard streams until its input ends, or the server stops. */
export const serveUntil = Effect.fn("StdioTransport.serve")(function* (
  draining: Draining.Draining
): Effect.fn.Return<Ending, never, JsonRpcServer | Stdio.Stdio | Scope.Scope> {
  const server = yield* JsonRpcServer
  const stdio = yield* Stdio.Stdio
  const receive = yield* Stream.toPull(messages(stdio.stdin))
  const input = Effect.catchTag(receive, "PlatformError", (error) =>
    Effect.andThen(Effect.logError("standard input cannot be read", error), Cause.done())
  )
  return yield* server.serve({
    receive: Draining.receiveUntil(input, draining),
    send: (frames) =>
      frames.pipe(
        Stream.mapArray(lines),
        Stream.run(stdio.stdout({ endOnDone: false })),
        Effect.catchTag("PlatformError", (error) => Effect.logDebug("standard output cannot be written", error))
      )
  })
}, Effect.scoped)

/** {@link serveUntil} the input ends. */
export const serve: Effect.Effect<Ending, never, JsonRpcServer | Stdio.Stdio> = Effect.flatMap(
  Draining.make,
  serveUntil
)
