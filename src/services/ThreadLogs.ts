/**
 * The last events of the threads that somebody follows by number: for a client that comes back to where it was.
 *
 * An event gets its number, and its place here, when it is told, whoever it is told to. What is kept is bounded by
 * count and by text; it is dropped a while after the last follower has left, and with the oldest event that is
 * dropped the way back to before it is gone. One counter numbers all threads, so a number is never used twice.
 */
import { Clock, Duration, Effect, Fiber, Random, type Scope } from "effect"
import type { EventPosition } from "../domain/EventPosition.ts"
import type { ThreadId } from "../domain/Ids.ts"
import { type Outbound, textOf } from "./Outbox.ts"

export interface ThreadLogOptions {
  /** Events of one thread that are kept. Default 4096. */
  readonly maxEvents?: number
  /** Characters that they may hold together. Default 4 million. */
  readonly maxText?: number
  /** How long they are kept when nobody follows the thread any more. Default 2 minutes. */
  readonly linger?: Duration.Input
}

export interface ThreadLogs {
  readonly position: () => EventPosition
  /** Keeps the thread's events for as long as the scope lasts, and a while longer. */
  readonly keep: (threadId: ThreadId) => Effect.Effect<void, never, Scope.Scope>
  /** The entry with its number; as it is when nobody keeps the thread's events. */
  readonly record: (threadId: ThreadId, entry: Outbound) => Outbound
  /** What was recorded after a position; null when not all of it is here. */
  readonly since: (threadId: ThreadId, position: EventPosition) => ReadonlyArray<Outbound> | null
}

interface Kept {
  readonly sequence: number
  readonly entry: Outbound
}

interface Log {
  /** Everything of the thread with a larger number is here. */
  from: number
  events: Array<Kept>
  text: number
  followers: number
  leaving: Fiber.Fiber<void> | null
}

/** No logs yet, in an epoch of their own. */
export const make = Effect.fnUntraced(function* (
  options: ThreadLogOptions
): Effect.fn.Return<ThreadLogs, never, Scope.Scope> {
  const maxEvents = options.maxEvents ?? 4096
  const maxText = options.maxText ?? 4_000_000
  const linger = Duration.fromInputUnsafe(options.linger ?? "2 minutes")
  const scope = yield* Effect.scope
  const now = yield* Clock.currentTimeMillis
  const epoch = `${now.toString(36)}-${(yield* Random.nextIntBetween(0, 2 ** 32)).toString(36)}`
  const logs = new Map<ThreadId, Log>()
  let last = 0

  /** Drops the oldest events until the bounds hold; many at a time, so that each costs little. */
  const trim = (log: Log) => {
    if (log.events.length <= maxEvents && log.text <= maxText) return
    const goal = { events: Math.floor(maxEvents * 0.75), text: maxText * 0.75 }
    let dropped = 0
    while (log.events.length - dropped > goal.events || log.text > goal.text) {
      const oldest = log.events[dropped++]
      if (oldest === undefined) break
      log.text -= textOf(oldest.entry)
      log.from = oldest.sequence
    }
    log.events = log.events.slice(dropped)
  }

  const join = (threadId: ThreadId) =>
    Effect.gen(function* () {
      // A new log begins beyond all that was told before: nobody can claim to have seen what was not numbered.
      const log = logs.get(threadId) ?? { from: ++last, events: [], text: 0, followers: 0, leaving: null }
      logs.set(threadId, log)
      log.followers++
      const { leaving } = log
      log.leaving = null
      if (leaving !== null) yield* Fiber.interrupt(leaving)
      return log
    })

  const leave = (threadId: ThreadId, log: Log) =>
    Effect.gen(function* () {
      if (--log.followers > 0) return
      const drop = Effect.sync(() => {
        if (log.followers === 0 && logs.get(threadId) === log) logs.delete(threadId)
      })
      log.leaving = yield* Effect.forkIn(Effect.andThen(Effect.sleep(linger), drop), scope)
    })

  return {
    position: () => ({ epoch, sequence: last }),
    keep: (threadId) => Effect.asVoid(Effect.acquireRelease(join(threadId), (log) => leave(threadId, log))),
    record: (threadId, entry) => {
      const log = logs.get(threadId)
      if (log === undefined || entry._tag === "Response") return entry
      const numbered: Outbound = { ...entry, sequence: ++last }
      log.events.push({ sequence: last, entry: numbered })
      log.text += textOf(numbered)
      trim(log)
      return numbered
    },
    since: (threadId, position) => {
      const log = logs.get(threadId)
      if (log === undefined || position.epoch !== epoch) return null
      if (position.sequence < log.from || position.sequence > last) return null
      return log.events.filter(({ sequence }) => sequence > position.sequence).map(({ entry }) => entry)
    }
  }
})
