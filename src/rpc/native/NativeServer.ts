/**
 * The native face on a wire: one conversation per transport, on `RpcServer`, in JSON, one message a frame.
 *
 * Rules it holds: a stream has one chunk on its way, and the next leaves when the client has acknowledged it; a connection
 * has at most `maxInFlight` requests and streams open; who does not read what it asked for is read no further; and at the
 * end what waits is sent, and the streams end in good order.
 */
import { Cause, Context, Deferred, Effect, Fiber, Latch, Layer, Pull, Queue, Result, Schema, Stream } from "effect"
import { type Rpc, type RpcGroup, type RpcMessage, RpcSchema, RpcSerialization, RpcServer } from "effect/rpc"
import { isRecord, own } from "../../domain/Json.ts"
import * as Frame from "../codex/Frame.ts"
import type { Ending } from "../codex/JsonRpcServer.ts"
import { isTraced } from "../codex/Tracing.ts"
import type { Inbound, Transport } from "../codex/Transport.ts"
import { RethreadRpc } from "./NativeProtocol.ts"
import { Admission } from "./NativeSession.ts"

export interface Options {
  /** Requests and streams of one connection that may be open at once; one more fails with `Overloaded`. Default 128. */
  readonly maxInFlight?: number
}

/** How the face is spelled on a wire: both sides must agree. */
export const serialization: RpcSerialization.RpcSerialization["Service"] = RpcSerialization.json

type Requests = RpcGroup.Rpcs<typeof RethreadRpc>
type RequestId = string | number

interface Client {
  readonly output: Queue.Queue<string, Cause.Done>
  /** Requests that are not answered yet; true for a stream. */
  readonly open: Map<RequestId, boolean>
  /** Open while there is room for another request. */
  readonly room: Latch.Latch
  /** Open while nothing is pending. */
  readonly idle: Latch.Latch
  readonly ending: Deferred.Deferred<void>
  /** No acknowledgement can come any more: what a socket takes is taken. */
  inputEnded: boolean
}

export class NativeServer extends Context.Service<
  NativeServer,
  {
    /** Speaks with one client until it leaves; interrupting it disconnects the client. */
    readonly serve: (transport: Transport) => Effect.Effect<Ending>
  }
>()("rethread/rpc/native/NativeServer") {
  static layer(options?: Options): Layer.Layer<NativeServer, never, Rpc.ToHandler<Requests>> {
    return Layer.effect(NativeServer, make(options ?? {}))
  }
}

const isStream = (tag: string): boolean => {
  const rpc = RethreadRpc.requests.get(tag)
  return rpc !== undefined && RpcSchema.isStreamSchema(rpc.successSchema)
}

/** Refused requests may wait for room too, but not without end: beyond this the client is not read. */
const slack = 64

const isId = (id: unknown): id is RequestId => typeof id === "string" || typeof id === "number"

/** Every request wants an answer: there are no notifications here. */
const isMessage = (message: unknown): message is RpcMessage.FromClientEncoded => {
  if (!isRecord(message)) return false
  switch (own(message, "_tag")) {
    case "Request":
      return isId(own(message, "id")) && typeof own(message, "tag") === "string" && !own(message, "isNotification")
    case "Ack":
    case "Interrupt":
      return isId(own(message, "requestId"))
    default:
      return message["_tag"] === "Ping" || message["_tag"] === "Eof"
  }
}

const messagesIn = (inbound: Inbound): Result.Result<ReadonlyArray<RpcMessage.FromClientEncoded>, string> => {
  if (inbound._tag === "Refused") return Result.fail(inbound.reason)
  if (Frame.deeperThan(inbound.text, Frame.maxDepth)) return Result.fail("it is nested too deeply")
  const decoded = Result.try(() => serialization.makeUnsafe().decode(inbound.text))
  if (Result.isFailure(decoded)) return Result.fail("it is no JSON")
  const messages = decoded.success.filter(isMessage)
  return messages.length === decoded.success.length
    ? Result.succeed(messages)
    : Result.fail("it is no message of Effect RPC")
}

const encodeDefect = Schema.encodeUnknownEffect(serialization.codecFor(Schema.Defect()))

const make = Effect.fnUntraced(function* (options: Options) {
  const maxInFlight = options.maxInFlight ?? 128
  const clients = new Map<number, Client>()
  const disconnects = yield* Queue.unbounded<number>()
  const received =
    yield* Deferred.make<(clientId: number, message: RpcMessage.FromClientEncoded) => Effect.Effect<void>>()
  let connections = 0

  const close = (client: Client, id: RequestId) => {
    client.open.delete(id)
    if (client.open.size < maxInFlight + slack) client.room.openUnsafe()
    if (client.open.size === 0) client.idle.openUnsafe()
  }

  const send = (clientId: number, message: RpcMessage.FromServerEncoded) =>
    Effect.gen(function* () {
      const client = clients.get(clientId)
      const frame = serialization.makeUnsafe().encode(message)
      if (client === undefined || typeof frame !== "string") return
      yield* Queue.offer(client.output, frame)
      if (message._tag === "Exit") close(client, message.requestId)
      if (message._tag === "Chunk" && client.inputEnded) yield* acknowledge(clientId, message.requestId)
    })

  const acknowledge = (clientId: number, requestId: RequestId) =>
    Effect.flatMap(Deferred.await(received), (receive) => receive(clientId, { _tag: "Ack", requestId }))

  const protocol = yield* RpcServer.Protocol.make((receive) =>
    Effect.as(Deferred.succeed(received, receive), {
      send,
      end: () => Effect.void,
      disconnects,
      clientIds: Effect.sync(() => new Set(clients.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: true,
      supportsNotifications: false,
      codecFor: serialization.codecFor
    })
  )
  const endingOf = (clientId: number) => {
    const client = clients.get(clientId)
    return client === undefined ? Effect.never : Deferred.await(client.ending)
  }
  const admission = yield* Layer.build(Admission.layer(maxInFlight, endingOf))
  const disableTracing = !(yield* isTraced)
  yield* RpcServer.make(RethreadRpc, { spanPrefix: "native", disableTracing, disableFatalDefects: true }).pipe(
    Effect.provideService(RpcServer.Protocol, protocol),
    Effect.provideContext(admission),
    Effect.forkScoped
  )

  const onMessage = Effect.fnUntraced(function* (
    clientId: number,
    client: Client,
    message: RpcMessage.FromClientEncoded
  ) {
    if (message._tag === "Request") {
      yield* client.room.await
      client.open.set(message.id, isStream(message.tag))
      client.idle.closeUnsafe()
      if (client.open.size >= maxInFlight + slack) client.room.closeUnsafe()
    }
    const receive = yield* Deferred.await(received)
    yield* receive(clientId, message)
  })

  const converse = Effect.fnUntraced(function* (transport: Transport) {
    const clientId = connections++
    const client: Client = {
      output: yield* Queue.bounded<string, Cause.Done>(16),
      open: new Map(),
      room: yield* Latch.make(true),
      idle: yield* Latch.make(true),
      ending: yield* Deferred.make<void>(),
      inputEnded: false
    }
    clients.set(clientId, client)
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.sync(() => clients.delete(clientId)),
        Effect.andThen(Queue.shutdown(client.output), Queue.offer(disconnects, clientId))
      )
    )

    // With whoever speaks something else there is no way to go on: it is told why, and no more is read.
    const notUnderstood = Effect.fnUntraced(function* (why: string) {
      const defect = yield* Effect.orDie(encodeDefect(`a frame was not understood: ${why}`))
      yield* send(clientId, { _tag: "Defect", defect })
      return yield* Cause.done()
    })
    const onInbound = Effect.fnUntraced(function* (inbound: Inbound) {
      const messages = messagesIn(inbound)
      if (Result.isFailure(messages)) return yield* notUnderstood(messages.failure)
      for (const message of messages.success) {
        if (message._tag === "Request" && client.open.has(message.id)) {
          return yield* notUnderstood(`request ${message.id} is open already`)
        }
        yield* onMessage(clientId, client, message)
      }
    })
    const writer = yield* Effect.forkScoped(transport.send(Stream.fromQueue(client.output)))
    const reader = Effect.forever(
      Effect.flatMap(transport.receive, (inbounds) => Effect.forEach(inbounds, onInbound, { discard: true }))
    )
    const drain = Effect.gen(function* () {
      client.inputEnded = true
      yield* Deferred.succeed(client.ending, undefined)
      for (const [id, streams] of client.open) if (streams) yield* acknowledge(clientId, id)
      yield* client.idle.await
      yield* Queue.end(client.output)
      yield* Fiber.await(writer)
    })
    const dialogue = reader.pipe(
      Effect.catchTag("PeerGone", () => Effect.void),
      Pull.catchDone(() => drain)
    )
    return yield* Effect.as(Effect.raceFirst(dialogue, Fiber.await(writer)), "ended" as const)
  }, Effect.scoped)

  return NativeServer.of({
    serve: Effect.fn("NativeServer.serve")(function* (transport) {
      return yield* converse(transport)
    })
  })
})
