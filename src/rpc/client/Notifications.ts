/**
 * Every notification of the server, for those who want to see all of them: each subscriber has a bounded buffer of its
 * own, so that none holds up another.
 */
import { Cause, Effect, Queue, Stream } from "effect"
import type { JsonRecord } from "../../domain/Json.ts"
import { type ConnectionLost, EventsOverflow } from "./ClientError.ts"
import * as ThreadEvent from "./ThreadEvent.ts"

/** A notification, and the thread that it is about; null when it is about none. */
export interface ServerNotification {
  readonly threadId: string | null
  readonly event: ThreadEvent.Told
}

interface Raw {
  readonly method: string
  readonly params: JsonRecord
  readonly replayed: boolean
}

export interface Notifications {
  readonly stream: Stream.Stream<ServerNotification, ConnectionLost | EventsOverflow>
  readonly publish: (notification: Raw) => void
  /** There will be no more. */
  readonly fail: (failure: ConnectionLost) => void
}

/** Nobody listens yet. `capacity`: what a subscriber may leave unread. */
export const make = (capacity: number): Notifications => {
  const subscribers = new Set<Queue.Queue<Raw, ConnectionLost | EventsOverflow | Cause.Done>>()
  let failed: ConnectionLost | null = null

  const subscribe = Effect.acquireRelease(
    Effect.map(Queue.dropping<Raw, ConnectionLost | EventsOverflow | Cause.Done>(capacity), (queue) => {
      if (failed === null) subscribers.add(queue)
      else Queue.failCauseUnsafe(queue, Cause.fail(failed))
      return queue
    }),
    (queue) => Effect.sync(() => subscribers.delete(queue))
  )
  return {
    stream: Stream.unwrap(Effect.map(subscribe, Stream.fromQueue)).pipe(
      Stream.mapEffect(({ method, params, replayed }) =>
        Effect.map(ThreadEvent.decode(method, params, replayed), (event) => ({
          threadId: ThreadEvent.threadIdOf(params),
          event
        }))
      )
    ),
    publish: (notification) => {
      for (const queue of Array.from(subscribers)) {
        if (Queue.offerUnsafe(queue, notification)) continue
        subscribers.delete(queue)
        Queue.failCauseUnsafe(queue, Cause.fail(new EventsOverflow({ threadId: null, capacity })))
      }
    },
    fail: (failure) => {
      failed = failure
      for (const queue of subscribers) Queue.failCauseUnsafe(queue, Cause.fail(failure))
      subscribers.clear()
    }
  }
}
