/**
 * Connections, and what reaches them: responses and notifications, each through one bounded,
 * ordered outbox per connection.
 *
 * Three ways out: `respond` (to the requester, makes the receipt that a replay needs), `notify` (to
 * one connection) and `broadcast` / `publish` (to all, to a thread's subscribers). The first two wait
 * for room; the last two never wait for a slow client: one that falls too far behind is closed (`Outbox`).
 */
import { type Cause, Clock, Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import type { EventPosition } from "../domain/EventPosition.ts"
import { ConnectionId, type RequestId, type ThreadId } from "../domain/Ids.ts"
import { type Notification, threadOf } from "../domain/Notification.ts"
import type { ServerRequest } from "../domain/ServerRequest.ts"
import * as Metrics from "./Metrics.ts"
import * as Outbox from "./Outbox.ts"
import * as ThreadLogs from "./ThreadLogs.ts"

export type { FrameText, Outbound } from "./Outbox.ts"

/** The connection is gone; nothing can be sent to it any more. */
export class ConnectionClosed extends Schema.TaggedError<ConnectionClosed>()("ConnectionClosed", {
  connectionId: ConnectionId
}) {
  override get message(): string {
    return `connection ${this.connectionId} is closed`
  }
}

class Receipt {
  readonly connectionId: ConnectionId
  readonly requestId: RequestId
  // A private member makes the type nominal: only this module can produce a receipt.
  private readonly sent = true
  constructor(connectionId: ConnectionId, requestId: RequestId) {
    this.connectionId = connectionId
    this.requestId = requestId
    void this.sent
  }
}

/**
 * Proof that a request's successful response is in its connection's outbox, so that whatever is put
 * there next comes after it. Only {@link Connection.respond} makes one.
 */
export type ResponseReceipt = Receipt

/** One client, as the services see it. */
export interface Connection {
  readonly id: ConnectionId
  /** Closed with the connection; subscriptions live in it. */
  readonly scope: Scope.Scope
  /** Puts a successful response into the outbox, waiting for room. */
  readonly respond: (requestId: RequestId, frame: Outbox.FrameText) => Effect.Effect<ResponseReceipt, ConnectionClosed>
  /** Puts an error response into the outbox, waiting for room. There is no receipt: nothing may be replayed after it. */
  readonly reject: (frame: string) => Effect.Effect<void, ConnectionClosed>
  /** Sends a notification to this connection only, waiting for room; dropped when the client opted out or is gone. */
  readonly notify: (notification: Notification) => Effect.Effect<void>
  /** Asks this client, waiting for room; dropped when the client is gone. */
  readonly ask: (request: ServerRequest) => Effect.Effect<void>
  /** After the handshake: broadcasts reach the connection from now on, but for the methods in `optOut`. */
  readonly open: (options: { readonly optOut: ReadonlySet<string> }) => Effect.Effect<void>
  /** Everything waiting in the outbox, at least one entry; ends when the connection does. */
  readonly take: Effect.Effect<ReadonlyArray<Outbox.Outbound>, Cause.Done>
  /** From now on nothing waits for room: the server stops, and what is under way is all that will come. */
  readonly lift: Effect.Effect<void>
  /** No more is accepted; `take` drains what is queued, then ends. */
  readonly end: Effect.Effect<void>
  /** Completes when the connection was closed from this side, with the reason for the transport's closing frame. */
  readonly closed: Effect.Effect<"overflow">
}

/** How much may wait for a client, and for how long. */
export interface ConnectOptions extends Outbox.OutboxOptions {
  /**
   * Hears of the threads that it subscribed to and of nothing else, broadcasts included. Their events are numbered and
   * kept for a while, so that it can come back to where it was. Default false.
   */
  readonly follower?: boolean
}

export class NotificationDelivery extends Context.Service<
  NotificationDelivery,
  {
    /** Registers a client for as long as the scope lasts. */
    readonly connect: (options?: ConnectOptions) => Effect.Effect<Connection, never, Scope.Scope>
    /** Sends to every open connection that did not opt out. */
    readonly broadcast: (notification: Notification) => Effect.Effect<void>
    /** Sends to every subscriber of the thread that did not opt out. */
    readonly publish: (threadId: ThreadId, notification: Notification) => Effect.Effect<void>
    /** Asks every subscriber of the thread. */
    readonly ask: (threadId: ThreadId, request: ServerRequest) => Effect.Effect<void>
    /** Subscribes for as long as the scope lasts; several subscriptions of one connection count once per event. */
    readonly subscription: (connection: Connection, threadId: ThreadId) => Effect.Effect<void, never, Scope.Scope>
    /** Subscribes until {@link unsubscribe} or the end of the connection; false when that was so already. */
    readonly subscribe: (connection: Connection, threadId: ThreadId) => Effect.Effect<boolean>
    /**
     * Holds back everything about the thread from this connection for as long as the scope lasts, and then delivers it
     * in order: whatever happens to the thread after this instant comes after what the scope's owner sends meanwhile.
     */
    readonly hold: (connection: Connection, threadId: ThreadId) => Effect.Effect<void, never, Scope.Scope>
    /** False when there was no subscription made by {@link subscribe}. */
    readonly unsubscribe: (connection: Connection, threadId: ThreadId) => Effect.Effect<boolean>
    /** The connections that hear the thread's events. */
    readonly subscribers: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<ConnectionId>>
    /** Calls `heard` whenever a thread has lost its last listener, for as long as the scope lasts. */
    readonly whenLeft: (heard: (threadId: ThreadId) => void) => Effect.Effect<void, never, Scope.Scope>
    /** Where the events stood when a follower subscribed to the thread; null when it did not. */
    readonly joinedAt: (connection: Connection, threadId: ThreadId) => EventPosition | null
    /** Where the events stand now: what is told from here on has a larger number. */
    readonly position: () => EventPosition
    /** What was told of the thread after a position; null when that is no longer known. */
    readonly since: (threadId: ThreadId, position: EventPosition) => ReadonlyArray<Outbox.Outbound> | null
  }
>()("rethread/services/NotificationDelivery") {
  static readonly layer: Layer.Layer<NotificationDelivery> = Layer.effect(
    NotificationDelivery,
    Effect.suspend(() => make({}))
  )

  /** `layer`, with other bounds for what is kept of followed threads. */
  static layerWith(options: ThreadLogs.ThreadLogOptions): Layer.Layer<NotificationDelivery> {
    return Layer.effect(NotificationDelivery, make(options))
  }
}

interface Registered {
  readonly connection: Connection
  readonly scope: Scope.Closeable
  readonly outbox: Outbox.Outbox
  readonly follower: boolean
  readonly kept: Map<ThreadId, { readonly scope: Scope.Closeable; readonly at: EventPosition }>
  /** What waits until the last hold on a thread is over. */
  readonly held: Map<ThreadId, { holds: number; readonly waiting: Array<Held> }>
  open: boolean
  optOut: ReadonlySet<string>
}

interface Held {
  entry: Outbox.Outbound
  readonly to: (entry: Registered) => boolean
}

const make = Effect.fnUntraced(function* (options: ThreadLogs.ThreadLogOptions) {
  const logs = yield* ThreadLogs.make(options)
  const metrics = yield* Metrics.recorder
  const registered = new Map<ConnectionId, Registered>()
  const subscriptions = new Map<ThreadId, Map<ConnectionId, number>>()
  const hearing = new Set<(threadId: ThreadId) => void>()
  let connections = 0

  const connect = Effect.fnUntraced(function* (options?: ConnectOptions) {
    const id = ConnectionId.make(connections++)
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer((exit) =>
      Effect.suspend(() => {
        registered.delete(id)
        return Scope.close(scope, exit)
      })
    )
    const outbox = yield* Outbox.make(options)
    const offer = (entry: Outbox.Outbound): Effect.Effect<void, ConnectionClosed> =>
      Effect.flatMap(outbox.offer(entry), (taken) =>
        taken ? Effect.void : Effect.fail(new ConnectionClosed({ connectionId: id }))
      )

    const connection: Connection = {
      id,
      scope,
      respond: (requestId, frame) => Effect.as(offer({ _tag: "Response", frame }), new Receipt(id, requestId)),
      reject: (frame) => offer({ _tag: "Response", frame }),
      notify: (notification) =>
        Effect.flatMap(Clock.currentTimeMillis, (emittedAtMs) =>
          entry.optOut.has(notification.method)
            ? Effect.void
            : Effect.ignore(offer({ _tag: "Notification", notification, emittedAtMs }))
        ),
      ask: (request) => Effect.ignore(offer({ _tag: "Request", request })),
      open: ({ optOut }) =>
        Effect.sync(() => {
          entry.open = true
          entry.optOut = optOut
        }),
      take: Effect.map(outbox.take, metrics.taken),
      lift: outbox.lift,
      end: outbox.end,
      closed: Effect.as(outbox.givenUp, "overflow")
    }
    const entry: Registered = {
      connection,
      scope,
      outbox,
      follower: options?.follower ?? false,
      kept: new Map(),
      held: new Map(),
      open: false,
      optOut: new Set()
    }
    registered.set(id, entry)
    return connection
  })

  const keepBack = ({ outbox }: Registered, waiting: Array<Held>, entry: Outbox.Outbound, to: Held["to"]) => {
    const last = waiting.at(-1)
    const whole = Outbox.join(last?.entry, entry)
    if (last !== undefined && whole !== null) last.entry = whole
    else if (waiting.length < outbox.limit) waiting.push({ entry, to })
    else outbox.giveUp()
  }

  const put = (told: Outbox.Outbound, threadId: ThreadId | null, to: Held["to"]) => {
    const outbound = threadId === null ? told : logs.record(threadId, told)
    for (const entry of registered.values()) {
      if (!to(entry)) continue
      const held = threadId === null ? undefined : entry.held.get(threadId)
      if (held === undefined) entry.outbox.push(outbound)
      else keepBack(entry, held.waiting, outbound, to)
    }
  }

  const deliver = (notification: Notification, to: (entry: Registered) => boolean) =>
    Effect.map(Clock.currentTimeMillis, (emittedAtMs) =>
      put(
        { _tag: "Notification", notification, emittedAtMs },
        threadOf(notification),
        (entry) => to(entry) && !entry.optOut.has(notification.method)
      )
    )

  const listensTo = (threadId: ThreadId) => (entry: Registered) =>
    subscriptions.get(threadId)?.has(entry.connection.id) === true

  const hold = (connection: Connection, threadId: ThreadId) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => {
          const held = registered.get(connection.id)?.held
          const current = held?.get(threadId)
          if (current === undefined) held?.set(threadId, { holds: 1, waiting: [] })
          else current.holds++
        }),
        () =>
          Effect.sync(() => {
            const entry = registered.get(connection.id)
            const current = entry?.held.get(threadId)
            if (entry === undefined || current === undefined || --current.holds > 0) return
            entry.held.delete(threadId)
            for (const kept of current.waiting) if (kept.to(entry)) entry.outbox.push(kept.entry)
          })
      )
    )

  const subscription = (connection: Connection, threadId: ThreadId) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const counts = subscriptions.get(threadId) ?? new Map<ConnectionId, number>()
        subscriptions.set(threadId, counts)
        counts.set(connection.id, (counts.get(connection.id) ?? 0) + 1)
      }),
      () =>
        Effect.sync(() => {
          const counts = subscriptions.get(threadId)
          const count = counts?.get(connection.id) ?? 0
          if (count > 1) counts?.set(connection.id, count - 1)
          else counts?.delete(connection.id)
          if (counts?.size !== 0) return
          subscriptions.delete(threadId)
          for (const heard of hearing) heard(threadId)
        })
    )

  return NotificationDelivery.of({
    connect,
    broadcast: (notification) => {
      const threadId = threadOf(notification)
      return deliver(notification, (entry) =>
        entry.follower ? threadId !== null && listensTo(threadId)(entry) : entry.open
      )
    },
    publish: (threadId, notification) => deliver(notification, listensTo(threadId)),
    ask: (threadId, request) => Effect.sync(() => put({ _tag: "Request", request }, threadId, listensTo(threadId))),
    subscription,
    hold,
    subscribe: Effect.fn("NotificationDelivery.subscribe")(function* (connection, threadId) {
      const entry = registered.get(connection.id)
      if (entry === undefined || entry.kept.has(threadId)) return false
      const scope = yield* Scope.fork(entry.scope)
      if (entry.follower) yield* Scope.provide(logs.keep(threadId), scope)
      entry.kept.set(threadId, { scope, at: logs.position() })
      yield* Scope.provide(subscription(connection, threadId), scope)
      return true
    }),
    unsubscribe: Effect.fn("NotificationDelivery.unsubscribe")(function* (connection, threadId) {
      const kept = registered.get(connection.id)?.kept
      const found = kept?.get(threadId)
      if (found === undefined) return false
      kept?.delete(threadId)
      yield* Scope.close(found.scope, Exit.void)
      return true
    }),
    subscribers: (threadId) => Effect.sync(() => Array.from(subscriptions.get(threadId)?.keys() ?? [])),
    whenLeft: (heard) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => hearing.add(heard)),
          () => Effect.sync(() => hearing.delete(heard))
        )
      ),
    joinedAt: (connection, threadId) => {
      const entry = registered.get(connection.id)
      return entry?.follower === true ? (entry.kept.get(threadId)?.at ?? null) : null
    },
    position: logs.position,
    since: logs.since
  })
})
