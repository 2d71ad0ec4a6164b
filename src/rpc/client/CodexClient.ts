/**
 * A client of any Codex app server: typed requests, threads with their restored usage and their events, answers to what
 * the server asks, and another connection when one is lost.
 *
 * Rules it holds: nothing hangs (a request is answered or fails with its connection), nothing is repeated in silence
 * (a request that was in flight when the connection was lost fails), and nothing of a thread is left out: what came
 * while there was no connection is told by a fresh snapshot.
 */
import { Context, Deferred, Duration, Effect, Exit, FiberSet, Layer, type Schedule, Scope, type Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { Socket } from "effect/socket"
import { isRecord, type JsonRecord } from "../../domain/Json.ts"
import type { JsonRpcServer } from "../codex/JsonRpcServer.ts"
import type { Attachment } from "./Attachment.ts"
import * as Attachments from "./Attachments.ts"
import { type CallError, ConnectionLost, type EventsOverflow, type HandshakeFailed } from "./ClientError.ts"
import { decodeResult, encodeParams, type Method, type ParamsOf, type ResultOf } from "./ClientProtocol.ts"
import * as Conversation from "./Conversation.ts"
import * as InProcessWire from "./InProcessWire.ts"
import * as Notifications from "./Notifications.ts"
import * as Questions from "./Questions.ts"
import { usageMethod } from "./Replay.ts"
import { anonymous, type ClientInfo, type ServerIdentity, shake } from "./ServerIdentity.ts"
import * as StdioWire from "./StdioWire.ts"
import * as WebSocketWire from "./WebSocketWire.ts"
import { Connector } from "./Wire.ts"

export interface ClientOptions<R = never> {
  /** What the client says of itself. Default: `rethread-client`. */
  readonly clientInfo?: ClientInfo
  /** Asks for what Codex calls experimental. Default true. */
  readonly experimentalApi?: boolean
  /** Methods of notifications that the server is to keep to itself. */
  readonly optOut?: ReadonlyArray<string>
  /** Answers what the server asks: leave to run a command, a tool call, a question to the user. */
  readonly onRequest?: Questions.RequestHandlers<R>
  /**
   * When to try again after the connection was lost: each step of the schedule is one attempt, and every loss starts
   * it anew. Default: never.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ConnectionLost>
  /** Events of one attachment (or notifications of one subscriber) that may wait to be read. Default 16384. */
  readonly capacity?: number
  /**
   * How long coming to a thread waits for the replay of its usage, from a server that does not tell usage in its
   * answer and may have none to replay. Default 250 milliseconds.
   */
  readonly replayPatience?: Duration.Input
  /** How long the server may take to answer `initialize`. Default 30 seconds. */
  readonly handshakeTimeout?: Duration.Input
}

/** What a thread is resumed with, besides its id. */
export type ResumeOptions = Omit<ParamsOf<"thread/resume">, "threadId">
/** What a thread is forked with, besides the id of its source. */
export type ForkOptions = Omit<ParamsOf<"thread/fork">, "threadId">
export type StartOptions = ParamsOf<"thread/start">

export class CodexClient extends Context.Service<
  CodexClient,
  {
    /** Who is at the other end, as of the latest handshake. */
    readonly server: Effect.Effect<ServerIdentity>
    /**
     * Calls a method of the protocol. Between two connections it waits for the next one. To come to a thread use
     * `resume`, `fork` and `start`.
     */
    readonly request: <M extends Method>(method: M, params: ParamsOf<M>) => Effect.Effect<ResultOf<M>, CallError>
    /** Calls any method, with a result as it came: for what a server has and this protocol does not. */
    readonly call: (method: string, params: JsonRecord) => Effect.Effect<unknown, CallError>
    /** Comes to a thread and follows it for as long as the scope lasts. */
    readonly resume: (
      threadId: string,
      options?: ResumeOptions
    ) => Effect.Effect<Attachment<ResultOf<"thread/resume">>, CallError, Scope.Scope>
    /** Forks a thread and follows the fork for as long as the scope lasts. */
    readonly fork: (
      threadId: string,
      options?: ForkOptions
    ) => Effect.Effect<Attachment<ResultOf<"thread/fork">>, CallError, Scope.Scope>
    /** Starts a thread and follows it for as long as the scope lasts. */
    readonly start: (
      options?: StartOptions
    ) => Effect.Effect<Attachment<ResultOf<"thread/start">>, CallError, Scope.Scope>
    /** Every notification from now on, also of threads that nobody follows here, in the order of the wire. */
    readonly notifications: Stream.Stream<Notifications.ServerNotification, ConnectionLost | EventsOverflow>
    /** Completes when the connection is lost for good. */
    readonly lost: Effect.Effect<ConnectionLost>
  }
>()("rethread/rpc/client/CodexClient") {
  /** Connects over the {@link Connector}. */
  static layer<R = never>(
    options?: ClientOptions<R>
  ): Layer.Layer<CodexClient, ConnectionLost | HandshakeFailed, Connector | R> {
    return Layer.effect(CodexClient, make(options ?? {}))
  }

  /** Starts a program, such as `codex app-server`, and speaks over its standard streams. */
  static layerStdio<R = never>(
    program: StdioWire.StdioOptions,
    options?: ClientOptions<R>
  ): Layer.Layer<CodexClient, ConnectionLost | HandshakeFailed, ChildProcessSpawner.ChildProcessSpawner | R> {
    return Layer.provide(CodexClient.layer(options), StdioWire.layer(program))
  }

  /** Connects to `ws://…` or `wss://…`. */
  static layerWebSocket<R = never>(
    url: string,
    options?: ClientOptions<R> & WebSocketWire.WebSocketOptions
  ): Layer.Layer<CodexClient, ConnectionLost | HandshakeFailed, Socket.WebSocketConstructor | R> {
    return Layer.provide(CodexClient.layer(options), WebSocketWire.layer(url, options))
  }

  /** Connects over a Unix socket. */
  static layerUnix<R = never>(
    path: string,
    options?: ClientOptions<R> & WebSocketWire.WebSocketOptions
  ): Layer.Layer<CodexClient, ConnectionLost | HandshakeFailed, Socket.WebSocketConstructor | R> {
    return Layer.provide(CodexClient.layer(options), WebSocketWire.layerUnix(path, options))
  }

  /** Connects to the server in this process. */
  static layerInProcess<R = never>(
    options?: ClientOptions<R>
  ): Layer.Layer<CodexClient, ConnectionLost | HandshakeFailed, JsonRpcServer | R> {
    return Layer.provide(CodexClient.layer(options), InProcessWire.layer)
  }
}

type State =
  | { readonly _tag: "Connected"; readonly conversation: Conversation.Conversation }
  | { readonly _tag: "Between"; readonly next: Deferred.Deferred<Conversation.Conversation, ConnectionLost> }
  | { readonly _tag: "Lost"; readonly loss: ConnectionLost }

interface Connection {
  readonly conversation: Conversation.Conversation
  readonly identity: ServerIdentity
  readonly scope: Scope.Closeable
}

const closedHere = new ConnectionLost({ reason: "closed", detail: "this client was closed", code: null })

/** A client for as long as the scope lasts. The first connection is tried once. */
export const make = Effect.fn("CodexClient.make")(function* <R = never>(
  options: ClientOptions<R>
): Effect.fn.Return<CodexClient["Service"], ConnectionLost | HandshakeFailed, Connector | R | Scope.Scope> {
  const connector = yield* Connector
  const optOut = options.optOut ?? []
  const capacity = options.capacity ?? 16_384
  const lost = yield* Deferred.make<ConnectionLost>()
  let state: State = { _tag: "Lost", loss: closedHere }

  const conversation = Effect.suspend((): Effect.Effect<Conversation.Conversation, ConnectionLost> => {
    switch (state._tag) {
      case "Connected":
        return Effect.succeed(state.conversation)
      case "Between":
        return Deferred.await(state.next)
      case "Lost":
        return Effect.fail(state.loss)
    }
  })
  const present = () => (state._tag === "Connected" ? state.conversation : null)
  const fork = yield* FiberSet.makeRuntime()
  const attachments = Attachments.make({
    capacity,
    patience: options.replayPatience ?? Duration.millis(250),
    replays: !optOut.includes(usageMethod),
    conversation,
    current: present,
    fork
  })
  const notifications = Notifications.make(capacity)
  const questions = yield* Questions.make(options.onRequest ?? {}, present)

  /** From now on calls wait for the next connection. */
  const lose = (gone: Conversation.Conversation): void => {
    if (state._tag !== "Connected" || state.conversation !== gone) return
    state = { _tag: "Between", next: Deferred.makeUnsafe() }
    attachments.detach()
  }

  const connect = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const opening = Effect.gen(function* () {
      const wire = yield* connector.open
      // A wire may be lost before there is a conversation to speak of.
      let made: Conversation.Conversation | null = null
      const opened = yield* Conversation.make(wire, {
        onNotification: (method, params) => {
          const replayed = attachments.onNotification(method, params)
          questions.onNotification(method, params)
          notifications.publish({ method, params, replayed })
        },
        onQuestion: questions.onQuestion,
        onLost: () => {
          if (made !== null) lose(made)
        }
      })
      made = opened
      const identity = yield* shake(opened, {
        clientInfo: options.clientInfo ?? anonymous,
        experimentalApi: options.experimentalApi ?? true,
        optOut,
        timeout: options.handshakeTimeout ?? Duration.seconds(30)
      })
      return { conversation: opened, identity, scope } satisfies Connection
    })
    return yield* Effect.onError(Scope.provide(opening, scope), (cause) => Scope.close(scope, Exit.failCause(cause)))
  })

  const giveUp = (loss: ConnectionLost): void => {
    if (state._tag === "Between") Deferred.doneUnsafe(state.next, Exit.fail(loss))
    state = { _tag: "Lost", loss }
    attachments.fail(loss)
    notifications.fail(loss)
    Deferred.doneUnsafe(lost, Exit.succeed(loss))
  }

  /** The next connection, as the schedule has it; null when there will be none. */
  const again = (loss: ConnectionLost): Effect.Effect<Connection | null> => {
    const { reconnect } = options
    if (reconnect === undefined) return Effect.succeed(null)
    const refused = (error: HandshakeFailed) =>
      Effect.as(Effect.logWarning("the app server came back as one that cannot be talked to", error), null)
    let attempts = 0
    // The loss itself counts as the first failure: so the schedule has a say about the first attempt too.
    const attempt = Effect.suspend((): Effect.Effect<Connection | null, ConnectionLost> =>
      attempts++ === 0 ? Effect.fail(loss) : Effect.catchTag(connect, "HandshakeFailed", refused)
    )
    return attempt.pipe(
      Effect.retry(reconnect),
      Effect.catch((error) => Effect.as(Effect.logWarning("no new connection to the app server", error), null))
    )
  }

  const keep = Effect.fnUntraced(function* (first: Connection): Effect.fn.Return<void> {
    let connection = first
    while (true) {
      const loss = yield* connection.conversation.lost
      lose(connection.conversation)
      yield* Scope.close(connection.scope, Exit.void)
      const found = yield* again(loss)
      if (found === null) return giveUp(loss)
      connection = found
      current = found
      // The attachments come first, so that what is called now finds its thread subscribed.
      fork(attachments.reattach(found.conversation))
      const { conversation } = found
      if (state._tag === "Between") Deferred.doneUnsafe(state.next, Exit.succeed(conversation))
      state = { _tag: "Connected", conversation }
    }
  })

  const first = yield* connect
  let current = first
  state = { _tag: "Connected", conversation: first.conversation }
  yield* Effect.addFinalizer((exit) => {
    giveUp(closedHere)
    return Scope.close(current.scope, exit)
  })
  yield* Effect.forkScoped(keep(first), { startImmediately: true })

  const call: CodexClient["Service"]["call"] = (method, params) =>
    Effect.flatMap(conversation, (open) => open.call(method, params))

  const encoded = <M extends Method>(method: M, params: ParamsOf<M>) =>
    Effect.map(encodeParams(method, params), (value): JsonRecord => (isRecord(value) ? value : {}))

  return CodexClient.of({
    server: Effect.sync(() => current.identity),
    request: Effect.fn("CodexClient.request")(function* <M extends Method>(method: M, params: ParamsOf<M>) {
      yield* Effect.annotateCurrentSpan({ method })
      return yield* decodeResult(method, yield* call(method, yield* encoded(method, params)))
    }),
    call: Effect.fn("CodexClient.call")(call),
    resume: Effect.fn("CodexClient.resume")(function* (threadId, settings) {
      const params = yield* encoded("thread/resume", { ...settings, threadId })
      return yield* attachments.attach("thread/resume", params, (raw) => decodeResult("thread/resume", raw))
    }),
    fork: Effect.fn("CodexClient.fork")(function* (threadId, settings) {
      const params = yield* encoded("thread/fork", { ...settings, threadId })
      return yield* attachments.attach("thread/fork", params, (raw) => decodeResult("thread/fork", raw))
    }),
    start: Effect.fn("CodexClient.start")(function* (settings) {
      const params = yield* encoded("thread/start", settings ?? {})
      return yield* attachments.attach("thread/start", params, (raw) => decodeResult("thread/start", raw))
    }),
    notifications: notifications.stream,
    lost: Deferred.await(lost)
  })
})
