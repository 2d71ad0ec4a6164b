/**
 * An attachment as a stream: the pipeline of `ThreadLifecycle` (attach, respond, replay, follow) on a connection of its
 * own, whose outbox the stream takes from.
 *
 * The first element stands for the response: it leaves the outbox as the response does, before anything that follows.
 * The restored usage is in it, so the replay says nothing more here. The client acknowledges what it takes; what it does
 * not take waits in the outbox under the outbox's own rules, and when those give the client up, the stream fails with
 * {@link FellBehind} and lets go of everything that waited.
 */
import { type Cause, Effect, Exit, Scope, Stream } from "effect"
import type { EventPosition } from "../../domain/EventPosition.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type { Notification } from "../../domain/Notification.ts"
import type { LiveThread } from "../../services/LiveThread.ts"
import {
  type Connection,
  type ConnectOptions,
  NotificationDelivery,
  type Outbound
} from "../../services/NotificationDelivery.ts"
import type { ThreadError } from "../../services/ThreadError.ts"
import { type Attached, ThreadLifecycle } from "../../services/ThreadLifecycle.ts"
import { type Snapshot as ThreadSnapshot, Threads } from "../../services/Threads.ts"
import type { Element, Snapshot } from "./NativeElement.ts"
import { FellBehind } from "./NativeError.ts"
import { NativeSession } from "./NativeSession.ts"
import { plain } from "./PlainJson.ts"

/** What may wait for one stream, and for how long. */
export interface AttachmentOptions extends Omit<ConnectOptions, "follower"> {}

/** How to come to a thread over a connection. */
export type Coming = (connection: Connection) => Effect.Effect<Attached, ThreadError, Scope.Scope>

export interface AttachmentRequest {
  readonly come: Coming
  /** Where the client wants to go on; null when it wants a snapshot. */
  readonly after: { readonly threadId: ThreadId; readonly position: EventPosition } | null
  /** Does the snapshot have the turns? */
  readonly turns: boolean
}

/** A snapshot as the native face tells it. */
export const snapshotOf = (
  { settings, thread, usage }: ThreadSnapshot,
  options: { readonly position: EventPosition; readonly turns: boolean }
): Snapshot => ({
  _tag: "Snapshot",
  position: options.position,
  thread: plain(options.turns ? thread : { ...thread, turns: [] }),
  settings,
  usage
})

const toldAs = (notification: Notification): Notification => {
  if (notification.method !== "thread/tokenUsage/updated") return plain(notification)
  // Typed counters, and no more than the protocol has.
  const { last, modelContextWindow, total } = notification.params.tokenUsage
  return { ...notification, params: { ...notification.params, tokenUsage: { total, last, modelContextWindow } } }
}

/** How the stream begins, and the thread that it is about. */
interface Beginning {
  readonly threadId: ThreadId
  readonly elements: ReadonlyArray<Element>
  readonly position: EventPosition
}

/** Over the services that it works on. */
export const make = Effect.fnUntraced(function* (options: AttachmentOptions) {
  const lifecycle = yield* ThreadLifecycle
  const delivery = yield* NotificationDelivery
  const threads = yield* Threads
  // From which number on each loaded thread was followed. A thread that was loaded again since may be another one: what
  // another process wrote to it was no event.
  const followedFrom = new WeakMap<LiveThread, number>()

  const elementOf = (entry: Outbound, position: EventPosition): Element | null => {
    switch (entry._tag) {
      case "Response":
        return null
      case "Notification": {
        const { emittedAtMs, notification } = entry
        return { _tag: "Event", position, notification: toldAs(notification), emittedAtMs }
      }
      case "Request":
        return { _tag: "Question", position, request: plain(entry.request) }
    }
  }

  /** Turns what waits into elements, each with its place; what the client has already is left out. */
  const teller = (beginning: Beginning) => {
    let position = beginning.position
    const element = (entry: Outbound): ReadonlyArray<Element> => {
      if (entry._tag === "Response") return beginning.elements.map(told)
      if (entry.sequence !== undefined) {
        if (entry.sequence <= position.sequence) return []
        position = { ...position, sequence: entry.sequence }
      }
      const made = elementOf(entry, position)
      return made === null ? [] : [made]
    }
    const told = (made: Element): Element => {
      position = made.position
      return made
    }
    return { tell: (entries: ReadonlyArray<Outbound>) => entries.flatMap(element), position: () => position }
  }

  const goOn = Effect.fnUntraced(function* (
    connection: Connection,
    { position, threadId }: NonNullable<AttachmentRequest["after"]>
  ): Effect.fn.Return<Beginning | null, ThreadError, Scope.Scope> {
    const thread = yield* threads.find(threadId)
    const from = thread === undefined ? undefined : followedFrom.get(thread)
    if (from === undefined || position.sequence < from) return null
    yield* delivery.hold(connection, threadId)
    yield* delivery.subscribe(connection, threadId)
    const missed = delivery.since(threadId, position)
    if (missed === null) {
      yield* delivery.unsubscribe(connection, threadId)
      return null
    }
    const elements: Array<Element> = [{ _tag: "Continued", position }]
    for (const entry of missed) {
      const sequence = entry._tag === "Response" ? undefined : entry.sequence
      const element = elementOf(entry, { ...position, sequence: sequence ?? position.sequence })
      if (element !== null) elements.push(element)
    }
    return { threadId, elements, position }
  })

  const cameTo = Effect.fnUntraced(function* (
    connection: Connection,
    { snapshot }: Attached,
    turns: boolean
  ): Effect.fn.Return<Beginning> {
    const threadId = snapshot.thread.id
    const position = delivery.joinedAt(connection, threadId) ?? delivery.position()
    const thread = yield* Effect.orElseSucceed(threads.find(threadId), () => undefined)
    if (thread !== undefined && !followedFrom.has(thread)) followedFrom.set(thread, position.sequence)
    return { threadId, elements: [snapshotOf(snapshot, { position, turns })], position }
  })

  /** Takes the connection through the pipeline; what the thread does meanwhile comes after it. */
  const begin = Effect.fnUntraced(function* (connection: Connection, request: AttachmentRequest) {
    const fellBehind = new FellBehind({ threadId: request.after?.threadId ?? null, position: null })
    const respond = Effect.mapError(connection.respond("", ""), () => fellBehind)
    const continued = request.after === null ? null : yield* goOn(connection, request.after)
    if (continued !== null) {
      yield* respond
      return continued
    }
    const attached = yield* request.come(connection)
    const beginning = yield* cameTo(connection, attached, request.turns)
    const receipt = yield* respond
    yield* lifecycle.follow(yield* lifecycle.replay(receipt, attached))
    return beginning
  }, Effect.scoped)

  return Effect.fnUntraced(function* (request: AttachmentRequest) {
    const session = yield* NativeSession
    const scope = yield* Scope.fork(yield* Effect.scope)
    const made = yield* Scope.provide(delivery.connect({ ...options, follower: true }), scope)
    // The snapshot has the usage already, so the replay of it is not news.
    const connection: Connection = {
      ...made,
      notify: (notification) =>
        notification.method === "thread/tokenUsage/updated" ? Effect.void : made.notify(notification)
    }
    let givenUp = false
    // The client may be slow to ask for more: what waits for it is let go of at once.
    yield* connection.closed.pipe(
      Effect.andThen(
        Effect.suspend(() => {
          givenUp = true
          return Scope.close(scope, Exit.void)
        })
      ),
      Effect.forkScoped
    )
    yield* Effect.forkScoped(Effect.andThen(session.ending, connection.end))

    const beginning = yield* begin(connection, request)
    const { position, tell } = teller(beginning)
    const behind = Effect.suspend(() =>
      Effect.fail(new FellBehind({ threadId: beginning.threadId, position: position() }))
    )
    const next = Effect.suspend((): Effect.Effect<ReadonlyArray<Element>, Cause.Done | FellBehind> =>
      givenUp
        ? behind
        : Effect.catchCauseIf(
            Effect.map(connection.take, tell),
            () => givenUp,
            () => behind
          )
    )
    return Stream.flattenIterable(Stream.fromEffectRepeat(next))
  }, Stream.unwrap)
})
