/**
 * A server that a test plays by hand, frame by frame: what the client sends is taken from `next`, and what it is told is
 * exactly what the test says, fault by fault.
 */
import { type Cause, Deferred, Effect, Layer, Option, Queue } from "effect"
import { isRecord, type JsonRecord, own, parseExact } from "../../../src/domain/Json.ts"
import { ConnectionLost } from "../../../src/rpc/client/ClientError.ts"
import { Connector } from "../../../src/rpc/client/Wire.ts"

/** One connection, from the server's side. */
export interface FakePeer {
  /** The next frame of the client. */
  readonly next: Effect.Effect<JsonRecord, Cause.Done>
  /** The next request of the client, which has to be of this method; its id. */
  readonly asked: (method: string) => Effect.Effect<unknown>
  /** What the client sent and nobody took. */
  readonly unread: Effect.Effect<ReadonlyArray<JsonRecord>>
  readonly send: (...messages: ReadonlyArray<unknown>) => Effect.Effect<void>
  /** Sends texts as they are, as one batch. */
  readonly sendText: (...frames: ReadonlyArray<string>) => Effect.Effect<void>
  /** Ends the connection. */
  readonly cut: Effect.Effect<void>
  /** Takes the client through its handshake. */
  readonly greet: Effect.Effect<void>
  /** Completes when the client has left. */
  readonly left: Effect.Effect<void>
}

export interface FakeServer {
  readonly layer: Layer.Layer<Connector>
  /** The next connection. */
  readonly accept: Effect.Effect<FakePeer>
  /** Connections that were tried. */
  readonly tries: () => number
  /** Is there nobody at home? */
  readonly away: (isAway: boolean) => void
}

const userAgent = "rethread-client/0.169.0 (Debian 12.0.0; x86_64) unknown (rethread-client; 0.1.0)"

const recordOf = (text: string): JsonRecord =>
  Option.getOrElse(Option.filter(parseExact(text), isRecord), () => ({ text }))

const makePeer = Effect.fnUntraced(function* () {
  const fromClient = yield* Queue.unbounded<string, Cause.Done>()
  const toClient = yield* Queue.unbounded<string, ConnectionLost>()
  const left = yield* Deferred.make<void>()
  const next = Effect.map(Queue.take(fromClient), recordOf)
  const sendText: FakePeer["sendText"] = (...frames) => Effect.asVoid(Queue.offerAll(toClient, frames))
  const send: FakePeer["send"] = (...messages) => sendText(...messages.map((message) => JSON.stringify(message)))
  const asked: FakePeer["asked"] = Effect.fnUntraced(function* (method) {
    const frame = yield* Effect.orDie(next)
    if (own(frame, "method") !== method) {
      return yield* Effect.die(new Error(`expected ${method}, the client sent ${JSON.stringify(frame)}`))
    }
    return own(frame, "id")
  })
  const peer: FakePeer = {
    next,
    asked,
    unread: Effect.map(Queue.clear(fromClient), (frames) => frames.map(recordOf)),
    send,
    sendText,
    cut: Effect.asVoid(
      Queue.fail(toClient, new ConnectionLost({ reason: "ended", detail: "the test cut it", code: null }))
    ),
    greet: Effect.gen(function* () {
      const id = yield* asked("initialize")
      yield* send({ id, result: { userAgent, codexHome: "/home", platformFamily: "unix", platformOs: "linux" } })
      yield* asked("initialized")
    }),
    left: Deferred.await(left)
  }
  const wire = {
    send: (frame: string) => Effect.asVoid(Queue.offer(fromClient, frame)),
    receive: Queue.takeAll(toClient)
  }
  return { peer, wire, leave: Effect.asVoid(Deferred.succeed(left, undefined)) }
})

export const make = Effect.gen(function* () {
  const connections = yield* Queue.unbounded<FakePeer>()
  let isAway = false
  let tries = 0
  const server: FakeServer = {
    layer: Layer.succeed(
      Connector,
      Connector.of({
        open: Effect.gen(function* () {
          tries++
          if (isAway) {
            return yield* new ConnectionLost({ reason: "unreachable", detail: "nobody at home", code: null })
          }
          const { leave, peer, wire } = yield* makePeer()
          yield* Effect.addFinalizer(() => leave)
          yield* Queue.offer(connections, peer)
          return wire
        })
      })
    ),
    accept: Queue.take(connections),
    tries: () => tries,
    away: (away) => {
      isAway = away
    }
  }
  return server
})
