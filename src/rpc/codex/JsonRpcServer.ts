/**
 * The JSON-RPC engine: one conversation per transport, on `RpcServer` with a codec of our own.
 *
 * Rules it holds: every frame that wants an answer gets exactly one; a bad frame never ends a
 * connection; a response comes before whatever its handler left to send after it; a connection has at
 * most `maxInFlight` open requests; and its outbox's room, not memory, limits what waits to be sent.
 */
import {
  Array as Arr,
  Cause,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Option,
  Pull,
  Ref,
  Result,
  Schema,
  Stream
} from "effect"
import { Headers } from "effect/http"
import { type Rpc, type RpcGroup, RpcMessage, RpcServer } from "effect/rpc"
import { parseThreadId, type RequestId } from "../../domain/Ids.ts"
import { isRecord, own } from "../../domain/Json.ts"
import { Approvals } from "../../services/Approvals.ts"
import { type ConnectOptions, NotificationDelivery, type ResponseReceipt } from "../../services/NotificationDelivery.ts"
import { type Client, CurrentRequest, RequestMiddleware, type Session } from "./CurrentRequest.ts"
import * as Frame from "./Frame.ts"
import * as Lanes from "./Lanes.ts"
import { outboundFrame } from "./OutboundFrame.ts"
import { clientNotifications, CodexProtocol } from "./Protocol.ts"
import { isTraced } from "./Tracing.ts"
import type { Inbound, Transport } from "./Transport.ts"
import * as WireError from "./WireError.ts"

type Requests = RpcGroup.Rpcs<typeof CodexProtocol>

export interface Options extends ConnectOptions {
  /** Requests of one connection that may be open at once; one more is answered -32001. Default 128. */
  readonly maxInFlight?: number
}

/** How a conversation ended. `overflow`: from this side, because the client read too slowly. */
export type Ending = "ended" | "overflow"

interface Pending {
  readonly wireId: RequestId
  readonly hooks: Array<(receipt: ResponseReceipt) => Effect.Effect<void>>
  readonly answered: Deferred.Deferred<void>
}

interface Conversation {
  readonly session: Session
  /** Every request that is not answered yet, until what follows its response is sent too. */
  readonly pending: Map<RpcMessage.RequestId, Pending>
  /** Open while nothing is pending. */
  readonly idle: Latch.Latch
  readonly lanes: Lanes.Lanes
}

export class JsonRpcServer extends Context.Service<
  JsonRpcServer,
  {
    /** Speaks with one client until it leaves; interrupting it disconnects the client. */
    readonly serve: (transport: Transport) => Effect.Effect<Ending>
  }
>()("rethread/rpc/codex/JsonRpcServer") {
  static layer(
    options?: Options
  ): Layer.Layer<JsonRpcServer, never, NotificationDelivery | Approvals | Rpc.ToHandler<Requests>> {
    return Layer.effect(JsonRpcServer, make(options ?? {}))
  }
}

const refusals: Record<Extract<Inbound, { _tag: "Refused" }>["reason"], WireError.WireError> = {
  frameTooLarge: WireError.frameTooLarge(Frame.maxFrameBytes),
  binaryFrame: WireError.binaryFrame,
  invalidUtf8: WireError.invalidUtf8
}

const isWireError = Schema.is(WireError.WireError)

/** The error that a failed request is answered with; what the client may not see is logged. */
const wireErrorOf = (cause: Cause.Cause<unknown>): Effect.Effect<WireError.WireError> => {
  const failure = Cause.findErrorOption(cause)
  if (Option.isSome(failure) && isWireError(failure.value)) return Effect.succeed(failure.value)
  if (Cause.hasInterruptsOnly(cause)) return Effect.succeed(WireError.shuttingDown)
  return Effect.as(Effect.logError("request failed", cause), WireError.internalError)
}

/** Requests that name the same thread run in the order in which they came. */
const laneOf = (payload: unknown): string | null => {
  const threadId = isRecord(payload) ? own(payload, "threadId") : undefined
  if (typeof threadId !== "string") return null
  return Result.getOrElse(parseThreadId(threadId), () => threadId)
}

/**
 * Does it change nothing, and answer little? Such requests need not wait for one another. Large answers do: no more than
 * one of a thread waits for a client that does not read.
 */
const onlyLooks = (method: string, payload: unknown): boolean =>
  method === "thread/read" && isRecord(payload) && own(payload, "includeTurns") !== true

/** What a request's span says of it. */
const about = (connectionId: number, payload: unknown): Record<string, unknown> => {
  const threadId = isRecord(payload) ? own(payload, "threadId") : undefined
  const turnId = isRecord(payload) ? own(payload, "turnId") : undefined
  return {
    connectionId,
    ...(typeof threadId === "string" ? { threadId } : {}),
    ...(typeof turnId === "string" ? { turnId } : {})
  }
}

const methods = new Map(
  Array.from(
    CodexProtocol.requests,
    ([name, rpc]) => [name, { tag: rpc._tag, decode: Schema.decodeUnknownEffect(rpc.payloadSchema) }] as const
  )
)

const make = Effect.fnUntraced(function* (options: Options) {
  const delivery = yield* NotificationDelivery
  const approvals = yield* Approvals
  const maxInFlight = options.maxInFlight ?? 128
  const conversations = new Map<number, Conversation>()
  let requests = 0

  const reject = ({ session }: Conversation, id: RequestId | null, error: WireError.WireError): Effect.Effect<void> =>
    Effect.ignore(session.connection.reject(Frame.failure(id, error)))

  const succeed = Effect.fnUntraced(
    function* (conversation: Conversation, pending: Pending, value: unknown) {
      const frame = Frame.success(pending.wireId, value)
      if (Result.isFailure(frame)) {
        yield* Effect.logError("response cannot be written as JSON", frame.failure)
        return yield* reject(conversation, pending.wireId, WireError.internalError)
      }
      const { connection } = conversation.session
      const receipt = yield* connection.respond(pending.wireId, frame.success)
      // The answer is out: a hook that fails must not lead to a second one.
      for (const hook of pending.hooks) yield* Effect.ignoreCause(hook(receipt), { log: "Error" })
    },
    (sending) => Effect.ignore(sending)
  )

  const answer = (conversation: Conversation, id: RpcMessage.RequestId, exit: Exit.Exit<unknown, unknown>) => {
    const pending = conversation.pending.get(id)
    if (pending === undefined) return Effect.void
    const send = Exit.isSuccess(exit)
      ? succeed(conversation, pending, exit.value)
      : Effect.flatMap(wireErrorOf(exit.cause), (error) => reject(conversation, pending.wireId, error))
    // A response that waits for room still counts as open; otherwise the limit would not hold.
    return Effect.ensuring(
      send,
      Effect.sync(() => {
        conversation.pending.delete(id)
        Deferred.doneUnsafe(pending.answered, Exit.void)
        if (conversation.pending.size === 0) conversation.idle.openUnsafe()
      })
    )
  }

  const traced = yield* isTraced
  const server = yield* RpcServer.makeNoSerialization(CodexProtocol, {
    spanPrefix: "codex",
    disableTracing: !traced,
    disableClientAcks: true,
    disableFatalDefects: true,
    onFromServer: (message) => {
      const conversation = conversations.get(message.clientId)
      return conversation === undefined || message._tag !== "Exit"
        ? Effect.void
        : answer(conversation, message.requestId, message.exit)
    }
  }).pipe(
    Effect.provideService(
      RequestMiddleware,
      RequestMiddleware.of((effect, { client, payload, requestId }) => {
        const conversation = conversations.get(client.id)
        if (conversation === undefined) return Effect.interrupt
        const handled = traced ? Effect.andThen(Effect.annotateCurrentSpan(about(client.id, payload)), effect) : effect
        return Effect.provideService(handled, CurrentRequest, {
          session: conversation.session,
          afterResponse: (hook) =>
            Effect.sync(() => {
              conversation.pending.get(requestId)?.hooks.push(hook)
            })
        })
      })
    )
  )

  // The server waits for what is open to be answered: nobody may wait for a client that does not read.
  yield* Effect.addFinalizer(() =>
    Effect.forEach(conversations.values(), ({ session }) => session.connection.lift, { discard: true })
  )

  const onRequest = Effect.fnUntraced(function* (
    conversation: Conversation,
    request: Extract<Frame.Incoming, { _tag: "Request" }>
  ) {
    const { connection, client } = conversation.session
    const refuse = (error: WireError.WireError) => reject(conversation, request.id, error)
    const method = methods.get(request.method)
    if (method === undefined) return yield* refuse(WireError.unknownMethod(request.method, methods.keys()))
    if (method.tag !== "initialize" && (yield* Ref.get(client)) === null) {
      return yield* refuse(WireError.notInitialized)
    }
    if (conversation.pending.size >= maxInFlight) return yield* refuse(WireError.overloaded)
    const params = request.params ?? {}
    if (!isRecord(params)) return yield* refuse(WireError.invalidParams("", "`params` must be an object"))
    const decoded = yield* Effect.result(method.decode(params))
    if (Result.isFailure(decoded)) return yield* refuse(WireError.fromSchemaError(decoded.failure))

    const payload = decoded.success
    // The client's ids may repeat; inside, every request has one of its own.
    const id = RpcMessage.RequestId(requests++)
    const answered = yield* Deferred.make<void>()
    conversation.pending.set(id, { wireId: request.id, hooks: [], answered })
    conversation.idle.closeUnsafe()
    const lane = laneOf(payload)
    yield* server.write(
      connection.id,
      { _tag: "Request", id, tag: method.tag, payload, headers: Headers.empty },
      lane === null
        ? undefined
        : { onRequest: conversation.lanes.run(lane, onlyLooks(method.tag, payload) ? "looks" : "changes") }
    )
    // What was sent behind `initialize` without waiting for its answer finds the session initialized.
    if (method.tag === "initialize") yield* Deferred.await(answered)
  })

  const onNotification = (conversation: Conversation, method: string, params: unknown): Effect.Effect<void> => {
    if (methods.has(method)) {
      return reject(conversation, null, WireError.invalidRequest("missingId", `\`${method}\` needs an \`id\``))
    }
    if (!clientNotifications.has(method)) return Effect.logDebug("unknown notification ignored", method)
    return params === undefined || params === null || isRecord(params)
      ? Effect.void
      : reject(conversation, null, WireError.invalidParams("", "`params` must be an object"))
  }

  // A late answer, or one to a question that was never asked, is nobody's business.
  const onAnswer = Effect.fnUntraced(function* ({ error, id, result }: Extract<Frame.Incoming, { _tag: "Response" }>) {
    const known = typeof id === "string" || typeof id === "number"
    const message = isRecord(error) ? own(error, "message") : undefined
    const taken = known
      ? yield* approvals.answer(
          id,
          error === undefined
            ? { _tag: "Result", result }
            : { _tag: "Error", message: typeof message === "string" ? message : "the client could not answer" }
        )
      : false
    if (!taken) yield* Effect.logDebug("stray response ignored", id)
  })

  const onInbound = (conversation: Conversation, inbound: Inbound): Effect.Effect<void> => {
    if (inbound._tag === "Refused") return reject(conversation, null, refusals[inbound.reason])
    const incoming = Frame.read(inbound.text)
    switch (incoming._tag) {
      case "Request":
        return onRequest(conversation, incoming)
      case "Notification":
        return onNotification(conversation, incoming.method, incoming.params)
      case "Response":
        return onAnswer(incoming)
      case "Malformed":
        return reject(conversation, incoming.id, incoming.error)
    }
  }

  const converse = Effect.fnUntraced(function* (transport: Transport) {
    const connection = yield* delivery.connect(options)
    yield* Effect.annotateCurrentSpan("connectionId", connection.id)
    const conversation: Conversation = {
      session: { connection, client: yield* Ref.make<Client | null>(null) },
      pending: new Map(),
      idle: yield* Latch.make(true),
      lanes: Lanes.make()
    }
    conversations.set(connection.id, conversation)
    yield* Effect.addFinalizer(() => {
      conversations.delete(connection.id)
      return server.disconnect(connection.id)
    })

    const frames = Stream.fromEffectRepeat(connection.take).pipe(
      Stream.mapEffect((entries) => Effect.forEach(entries, outboundFrame)),
      Stream.map(Arr.getSomes),
      Stream.flattenIterable
    )
    const writer = yield* Effect.forkScoped(transport.send(frames))
    const reader = Effect.forever(
      Effect.flatMap(
        transport.receive,
        Effect.forEach((inbound) => onInbound(conversation, inbound), { discard: true })
      )
    )
    const drain = Effect.andThen(conversation.idle.await, connection.end).pipe(Effect.andThen(Fiber.await(writer)))
    const dialogue = reader.pipe(
      Effect.catchTag("PeerGone", () => Effect.void),
      Pull.catchDone(() => drain)
    )
    return yield* Effect.raceFirst(
      Effect.as(Effect.raceFirst(dialogue, Fiber.await(writer)), "ended" as const),
      connection.closed
    )
  }, Effect.scoped)

  return JsonRpcServer.of({
    serve: Effect.fn("JsonRpcServer.serve")(function* (transport) {
      return yield* converse(transport)
    })
  })
})
