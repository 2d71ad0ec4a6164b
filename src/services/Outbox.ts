/**
 * What waits for one client: a bounded, ordered queue.
 *
 * Whoever may wait does so for room, first come first served. What cannot wait (events of a thread) is let in beyond
 * that, and once the client has fallen behind, pieces of one text are joined while they wait: nothing else is, and
 * nothing is ever dropped. A client that is too far behind, or has taken nothing for too long, is given up.
 */
import { type Cause, Clock, Deferred, Duration, Effect, Exit, Queue, Schedule, type Scope } from "effect"
import * as Deltas from "../domain/Deltas.ts"
import type { ThreadId } from "../domain/Ids.ts"
import { type Notification, threadOf } from "../domain/Notification.ts"
import type { ServerRequest } from "../domain/ServerRequest.ts"

/** A message as JSON text: whole, or in pieces of UTF-8 that make it when put together. */
export type FrameText = string | ReadonlyArray<Uint8Array>

/** What a transport writes, in this order. */
export type Outbound =
  | { readonly _tag: "Response"; readonly frame: FrameText }
  | {
      readonly _tag: "Notification"
      readonly notification: Notification
      readonly emittedAtMs: number
      /** Its number, where somebody keeps the thread's events (`ThreadLogs`); of joined ones, the last. */
      readonly sequence?: number
    }
  /** A question to the client; whatever it opted out of, it is asked. */
  | { readonly _tag: "Request"; readonly request: ServerRequest; readonly sequence?: number }

export interface OutboxOptions {
  /** Entries before who may wait has to; from half of it on texts are joined. Default 256. */
  readonly capacity?: number
  /** Entries at which the client is given up. Default 4096. */
  readonly overflow?: number
  /** Characters that the events of a client that has fallen behind may hold before it is given up. Default 4 million. */
  readonly maxText?: number
  /** How long something may wait without the client taking anything before it is given up. Default 1 minute. */
  readonly patience?: Duration.Input
}

export interface Outbox {
  /** Puts an entry at the end, waiting for room. False when the outbox is closed. */
  readonly offer: (entry: Outbound) => Effect.Effect<boolean>
  /** Never waits. False when the outbox is closed, also when this entry was the one too many. */
  readonly push: (entry: Outbound) => boolean
  /** Everything that waits, at least one entry; ends when the outbox does. */
  readonly take: Effect.Effect<ReadonlyArray<Outbound>, Cause.Done>
  /** Nobody waits for room any more: what is under way is all that will come. */
  readonly lift: Effect.Effect<void>
  /** No more is let in; what waits can be taken. */
  readonly end: Effect.Effect<void>
  /** Closes at once. */
  readonly shut: Effect.Effect<void>
  readonly giveUp: () => void
  /** Completes when the client was given up. */
  readonly givenUp: Effect.Effect<void>
  /** Entries that are waiting. */
  readonly size: () => number
  /** Entries that may wait before the client is given up. */
  readonly limit: number
}

/** Joins a piece of text to the one that waits before it, if it is of the same; null for anything else. */
export const join = (before: Outbound | undefined, entry: Outbound): Outbound | null => {
  if (before?._tag !== "Notification" || entry._tag !== "Notification") return null
  const notification = Deltas.joined(before.notification, entry.notification)
  return notification === null ? null : { ...entry, notification }
}

interface Cell {
  entry: Outbound
}

const textIn = (value: unknown): number => {
  if (typeof value === "string") return value.length
  if (typeof value !== "object" || value === null) return 0
  return Object.values(value).reduce((sum: number, part) => sum + textIn(part), 0)
}

// One entry waits in many outboxes: it is measured once.
const sizes = new WeakMap<Outbound, number>()

/** Characters in an entry. Who asks for much gets it: of answers only the number that waits is bounded. */
export const textOf = (entry: Outbound): number => {
  if (entry._tag === "Response") return 0
  const known = sizes.get(entry)
  if (known !== undefined) return known
  const size = textIn(entry)
  sizes.set(entry, size)
  return size
}

/** An outbox that lives as long as the scope. */
export const make = Effect.fnUntraced(function* (
  options: OutboxOptions = {}
): Effect.fn.Return<Outbox, never, Scope.Scope> {
  let capacity = options.capacity ?? 256
  const limit = Math.max(options.overflow ?? 4096, capacity)
  const maxText = options.maxText ?? 4_000_000
  const patience = Duration.toMillis(options.patience ?? "1 minute")
  const joinAbove = Math.ceil(capacity / 2)
  const queue = yield* Queue.unbounded<Cell, Cause.Done>()
  const givenUp = yield* Deferred.make<void>()
  // Producers that wait for room, first come first served: order within one fiber, and across fibers, is kept.
  const waiting: Array<() => void> = []
  // The last entry about each thread, as long as nothing that it must not overtake stands behind it.
  const tails = new Map<ThreadId, Cell>()
  let waitingText = 0
  let gone = false
  let takenAt = yield* Clock.currentTimeMillis

  const room = Effect.callback<void>((resume) => {
    if (gone || (waiting.length === 0 && Queue.sizeUnsafe(queue) < capacity)) return resume(Effect.void)
    const wake = () => resume(Effect.void)
    waiting.push(wake)
    return Effect.sync(() => {
      const at = waiting.indexOf(wake)
      if (at >= 0) waiting.splice(at, 1)
    })
  })
  const admit = () => {
    let free = gone ? waiting.length : capacity - Queue.sizeUnsafe(queue)
    while (free-- > 0 && waiting.length > 0) waiting.shift()?.()
  }

  const put = (entry: Outbound): boolean => {
    if (gone) return false
    waitingText += textOf(entry)
    const cell: Cell = { entry }
    // A response may hold a snapshot of any thread: what comes after it must not get before it.
    if (entry._tag !== "Notification") tails.clear()
    else {
      const threadId = threadOf(entry.notification)
      if (threadId !== null) tails.set(threadId, cell)
    }
    return Queue.offerUnsafe(queue, cell)
  }
  const joins = (entry: Outbound): boolean => {
    if (entry._tag !== "Notification" || Queue.sizeUnsafe(queue) < joinAbove) return false
    const threadId = threadOf(entry.notification)
    const tail = threadId === null ? undefined : tails.get(threadId)
    const whole = join(tail?.entry, entry)
    if (tail === undefined || whole === null) return false
    tail.entry = whole
    return true
  }

  const giveUp = () => {
    gone = true
    admit()
    Deferred.doneUnsafe(givenUp, Exit.void)
  }
  const close = (then: (queue: Queue.Queue<Cell, Cause.Done>) => Effect.Effect<unknown>) =>
    Effect.suspend(() => {
      gone = true
      admit()
      return Effect.asVoid(then(queue))
    })

  const lookAround = Effect.map(Clock.currentTimeMillis, (now) => {
    if (Queue.sizeUnsafe(queue) === 0 && waiting.length === 0) takenAt = now
    else if (now - takenAt >= patience) giveUp()
  })
  yield* Effect.forkScoped(Effect.repeat(lookAround, Schedule.spaced(Duration.millis(Math.max(1, patience / 4)))))

  const shut = close(Queue.shutdown)
  yield* Effect.addFinalizer(() => shut)

  return {
    offer: (entry) => Effect.map(room, () => put(entry)),
    push: (entry) => {
      if (gone) return false
      const size = Queue.sizeUnsafe(queue)
      // One that takes what there is may be told of something large, and of more than one.
      const tooMuch = size >= joinAbove && waitingText + textOf(entry) > maxText
      if (!tooMuch && joins(entry)) {
        waitingText += textOf(entry)
        return true
      }
      if (!tooMuch && size < limit) return put(entry)
      giveUp()
      return false
    },
    take: Effect.flatMap(Queue.takeAll(queue), (cells) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        takenAt = now
        waitingText = 0
        tails.clear()
        admit()
        return cells.map((cell) => cell.entry)
      })
    ),
    lift: Effect.sync(() => {
      capacity = Number.POSITIVE_INFINITY
      admit()
    }),
    end: close(Queue.end),
    shut,
    giveUp,
    givenUp: Deferred.await(givenUp),
    size: () => Queue.sizeUnsafe(queue),
    limit
  }
})
