/**
 * A client of the native face, over a WebSocket or in the same process as the services.
 *
 * Every request is in `rpc`, typed. Coming to a thread gives its snapshot and a stream of what happens then, for as long
 * as the scope lasts; what is not pulled waits on the server's side.
 */
import { type Cause, Context, type Duration, Effect, Layer, Pull, type Redacted, type Scope, Stream } from "effect"
import { type Rpc, RpcClient, RpcClientError, type RpcGroup, RpcSerialization, RpcTest } from "effect/rpc"
import { Socket } from "effect/socket"
import { headersOf } from "../client/WebSocketWire.ts"
import { isTraced } from "../codex/Tracing.ts"
import { withLanes } from "./ClientLanes.ts"
import type { Element, First, Following, Snapshot } from "./NativeElement.ts"
import type { FellBehind, Overloaded } from "./NativeError.ts"
import { type Fork, type Resume, RethreadRpc, type Start } from "./NativeProtocol.ts"
import { serialization } from "./NativeServer.ts"
import { Admission } from "./NativeSession.ts"
import type { ThreadError } from "../../services/ThreadError.ts"

type Requests = RpcGroup.Rpcs<typeof RethreadRpc>

/** Why a stream failed: the thread, the pace, or (`RpcClientError`) the connection. */
export type AttachmentError = ThreadError | FellBehind | Overloaded | RpcClientError.RpcClientError

/** What happens to the thread, in order and each once. It ends when the server stops. */
export type Events = Stream.Stream<Following, AttachmentError>

/** A thread as of one instant, and everything after it. Let one consumer run the events. */
export interface Attachment {
  readonly snapshot: Snapshot
  readonly events: Events
}

/** A thread that the client came back to: when `first` is a `Continued` nothing was missed. */
export interface Return {
  readonly first: First
  readonly events: Events
}

type Payload<R extends Rpc.Any> = Rpc.PayloadConstructor<R>
type ById = Extract<Payload<typeof Resume>, { readonly threadId: unknown }>
type Resuming = Omit<ById, "after"> | Exclude<Payload<typeof Resume>, ById>
type Returning = ById & Required<Pick<ById, "after">>
type Coming<A> = Effect.Effect<A, AttachmentError, Scope.Scope>

export class NativeClient extends Context.Service<
  NativeClient,
  {
    /** Every request, as it is. */
    readonly rpc: RpcClient.RpcClient<Requests, RpcClientError.RpcClientError>
    /** By its id, or by the path of its rollout. */
    readonly resume: (payload: Resuming) => Coming<Attachment>
    /** Comes back to a thread, to the place named: the position of the last element that was seen. */
    readonly resumeAfter: (payload: Returning) => Coming<Return>
    readonly fork: (payload: Payload<typeof Fork>) => Coming<Attachment>
    readonly start: (payload: Payload<typeof Start>) => Coming<Attachment>
  }
>()("rethread/rpc/native/NativeClient") {
  /** In the process of the services; needs their handlers (`NativeHandlers.layer`). Nothing is encoded. */
  static readonly layerInProcess: Layer.Layer<NativeClient, never, Rpc.ToHandler<Requests>> = Layer.effect(
    NativeClient,
    Effect.gen(function* () {
      const made = RpcTest.makeClient(RethreadRpc, { disableFatalDefects: true })
      return of(yield* Effect.withTracerEnabled(made, yield* isTraced))
    })
  ).pipe(Layer.provide(Admission.layer(Number.POSITIVE_INFINITY, () => Effect.never)))

  /**
   * At a server's `ws://…/rpc`. A lost connection fails what is under way with `RpcClientError`, and is made again in the
   * background: come back with `resumeAfter`. The platform brings the constructor (`NodeWS.layerWebSocketConstructor` of
   * `@effect/platform-node`).
   */
  static layerWebSocket(
    url: string,
    options: WebSocketOptions = {}
  ): Layer.Layer<NativeClient, never, Socket.WebSocketConstructor> {
    return Layer.effect(
      NativeClient,
      Effect.gen(function* () {
        const protocol = yield* RpcClient.makeProtocolSocket({ retryTransientErrors: false })
        const disableTracing = !(yield* isTraced)
        const client = RpcClient.make(RethreadRpc, { spanPrefix: "native", disableTracing })
        return of(yield* Effect.provideService(client, RpcClient.Protocol, withLanes(protocol)))
      })
    ).pipe(
      Layer.provide([
        Layer.effect(
          Socket.Socket,
          Socket.makeWebSocket(url, { headers: headersOf(options), openTimeout: options.openTimeout ?? "10 seconds" })
        ),
        Layer.succeed(RpcSerialization.RpcSerialization, serialization)
      ])
    )
  }
}

export interface WebSocketOptions {
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string | Redacted.Redacted
  /** More headers of the handshake. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long the server may take to accept. Default 10 seconds. */
  readonly openTimeout?: Duration.Input
}

const outOfPlace = (message: string) =>
  new RpcClientError.RpcClientError({ reason: new RpcClientError.RpcClientDefect({ message, cause: null }) })

const isFollowing = (element: Element): element is Following => element._tag === "Event" || element._tag === "Question"

const begun = Effect.fnUntraced(function* (stream: Stream.Stream<Element, AttachmentError>) {
  const pull = yield* Stream.toPull(stream)
  let buffer: Array<Element> = []
  // One at a time: whoever stops in the middle of what came together, and goes on later, misses nothing.
  const one = Effect.suspend((): Effect.Effect<Element, AttachmentError | Cause.Done> => {
    const next = buffer.shift()
    if (next !== undefined) return Effect.succeed(next)
    return Effect.flatMap(pull, (elements) => {
      buffer = elements.slice(1)
      return Effect.succeed(elements[0])
    })
  })
  const first = yield* Pull.catchDone(one, () => Effect.fail(outOfPlace("the server has ended the stream")))
  if (isFollowing(first)) return yield* outOfPlace("the stream does not begin with the thread")
  return { first, events: Stream.filter(Stream.fromEffectRepeat(one), isFollowing) }
})

const attached = Effect.fnUntraced(function* (stream: Stream.Stream<Element, AttachmentError>) {
  const { events, first } = yield* begun(stream)
  return first._tag === "Snapshot"
    ? { snapshot: first, events }
    : yield* outOfPlace("the stream goes on where none was asked to")
})

const of = (rpc: RpcClient.RpcClient<Requests, RpcClientError.RpcClientError>): NativeClient["Service"] =>
  NativeClient.of({
    rpc,
    resume: (payload) => attached(rpc.Resume(payload)),
    resumeAfter: (payload) => begun(rpc.Resume(payload)),
    fork: (payload) => attached(rpc.Fork(payload)),
    start: (payload) => attached(rpc.Start(payload))
  })
