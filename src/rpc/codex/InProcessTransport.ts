/**
 * A client in the same process, over a pair of queues: for tests, and for programs that embed the server.
 *
 * Frames are real frames, written and read as on any transport. The queue towards the client is
 * bounded: a client that does not receive slows its own connection down, as a socket would.
 */
import { type Cause, Deferred, Effect, Exit, Option, Queue, type Scope, Stream } from "effect"
import { isRecord, type JsonRecord, parseExact } from "../../domain/Json.ts"
import { type Ending, JsonRpcServer } from "./JsonRpcServer.ts"
import { type Inbound, PeerGone, wholeFrame } from "./Transport.ts"

export interface InProcessClient {
  /** Sends a message, whatever it is, as one frame. */
  readonly send: (message: unknown) => Effect.Effect<void>
  /** Sends a frame as it is. */
  readonly sendText: (frame: string) => Effect.Effect<void>
  /** Reports a message that the transport could not take. */
  readonly refuse: (reason: Extract<Inbound, { _tag: "Refused" }>["reason"]) => Effect.Effect<void>
  /** The next message of the server, in the order of delivery; `Done` when there will be none. */
  readonly receive: Effect.Effect<JsonRecord, Cause.Done>
  /** No more input; answers still come. */
  readonly end: Effect.Effect<void>
  /** Leaves at once, without waiting for answers. */
  readonly leave: Effect.Effect<void>
  /** Completes when the server has let go of the connection. */
  readonly ending: Effect.Effect<Ending>
}

export interface InProcessOptions {
  /** Frames on their way to the client before the server has to wait. Default 256. */
  readonly capacity?: number
}

/** Connects to the {@link JsonRpcServer}; the connection lasts as long as the scope. */
export const connect = Effect.fn("InProcessTransport.connect")(function* (
  options?: InProcessOptions
): Effect.fn.Return<InProcessClient, never, JsonRpcServer | Scope.Scope> {
  const server = yield* JsonRpcServer
  const input = yield* Queue.unbounded<Inbound, Cause.Done | PeerGone>()
  const output = yield* Queue.bounded<string, Cause.Done>(options?.capacity ?? 256)
  const ending = yield* Deferred.make<Ending>()

  yield* server
    .serve({
      receive: Queue.takeAll(input),
      send: (frames) => Stream.runForEach(frames, (frame) => Queue.offer(output, wholeFrame(frame)))
    })
    .pipe(
      Effect.onExit((exit) =>
        Effect.andThen(Queue.end(output), Deferred.done(ending, Exit.isSuccess(exit) ? exit : Exit.succeed("ended")))
      ),
      Effect.forkScoped
    )

  const sendText = (text: string) => Effect.asVoid(Queue.offer(input, { _tag: "Text", text }))
  return {
    sendText,
    send: (message) => sendText(JSON.stringify(message)),
    refuse: (reason) => Effect.asVoid(Queue.offer(input, { _tag: "Refused", reason })),
    receive: Effect.map(Queue.take(output), (frame) =>
      Option.getOrElse(Option.filter(parseExact(frame), isRecord), () => ({ frame }))
    ),
    end: Effect.asVoid(Queue.end(input)),
    leave: Effect.asVoid(Queue.fail(input, new PeerGone())),
    ending: Deferred.await(ending)
  }
})
