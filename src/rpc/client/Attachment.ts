/**
 * An attachment as a user holds it: the thread as of one instant, what it had spent by then, and everything that
 * happens to it afterwards. And what is kept of one in the meantime: a bounded buffer, and how to come back.
 */
import { Cause, Deferred, type Duration, Effect, Exit, Option, Queue, Stream } from "effect"
import { isRecord, type JsonRecord, own } from "../../domain/Json.ts"
import type { Thread } from "../../domain/Thread.ts"
import * as Params from "../codex/Params.ts"
import { type EventsError, EventsOverflow, type ProtocolViolation } from "./ClientError.ts"
import { decodeResult, type RestoredUsage } from "./ClientProtocol.ts"
import * as ThreadEvent from "./ThreadEvent.ts"

/** The ways to come to a thread. */
export type AttachMethod = "thread/resume" | "thread/fork" | "thread/start"

/** What every answer to those has. */
export interface AttachResponse {
  readonly thread: Thread
  readonly tokenUsage: RestoredUsage | null
}

/** A thread that this client follows, for as long as the scope lasts in which it came to it. */
export interface Attachment<Response extends AttachResponse = AttachResponse> {
  /** The thread as of the instant when the events begin. */
  readonly thread: Thread
  /** The whole answer, with the settings that the thread runs under. */
  readonly response: Response
  /** What the thread had spent; none when it spent nothing, or the server did not tell. */
  readonly usage: Option.Option<RestoredUsage>
  /**
   * Everything after the answer, in the order of the wire and each event once: let one consumer run it. It is buffered
   * from the answer on. It fails when the connection is lost for good, when the thread cannot be resumed over a new
   * one, or when the buffer overflows; it ends with the attachment's scope.
   */
  readonly events: Stream.Stream<ThreadEvent.ThreadEvent, EventsError>
}

type Queued =
  | { readonly _tag: "Notification"; readonly method: string; readonly params: JsonRecord; readonly replayed: boolean }
  | { readonly _tag: "Reattached"; readonly result: JsonRecord }

/** What is kept of an attachment while it is open. */
export interface Entry {
  readonly method: AttachMethod
  /** The params that it was made with, as on the wire. */
  readonly params: JsonRecord
  readonly capacity: number
  readonly queue: Queue.Queue<Queued, EventsError | Cause.Done>
  /** The params of the replay; null once it is clear that none comes. */
  readonly replay: Deferred.Deferred<JsonRecord | null>
  threadId: string | null
  isOpen: boolean
}

/** An entry that waits to be told its thread. */
export const makeEntry = Effect.fnUntraced(function* (method: AttachMethod, params: JsonRecord, capacity: number) {
  const entry: Entry = {
    method,
    params,
    capacity,
    queue: yield* Queue.dropping<Queued, EventsError | Cause.Done>(capacity),
    replay: yield* Deferred.make<JsonRecord | null>(),
    threadId: null,
    isOpen: true
  }
  return entry
})

/** Tells that the replay has come, or (null) that none will. The first word counts. */
export const settle = (entry: Entry, replay: JsonRecord | null): void => {
  Deferred.doneUnsafe(entry.replay, Exit.succeed(replay))
}

/** Buffers an event; the answer is the failure when there is no room for it. */
export const push = (entry: Entry, queued: Queued): EventsOverflow | null => {
  if (!entry.isOpen || Queue.offerUnsafe(entry.queue, queued)) return null
  return new EventsOverflow({ threadId: entry.threadId, capacity: entry.capacity })
}

/** Ends the events after those that are buffered; null: in good order. */
export const shut = (entry: Entry, failure: EventsError | null): void => {
  entry.isOpen = false
  settle(entry, null)
  Queue.failCauseUnsafe(entry.queue, failure === null ? Cause.fail(Cause.Done()) : Cause.fail(failure))
}

/** The usage that an answer tells of; undefined when the server's answers do not tell. */
const toldUsage = (raw: unknown, decoded: AttachResponse): Option.Option<RestoredUsage> | undefined =>
  isRecord(raw) && Object.hasOwn(raw, "tokenUsage") ? Option.fromNullOr(decoded.tokenUsage) : undefined

/** The usage of an answer; or else of the replay, as soon as it has come, or it is clear that none will. */
export const usageOf = Effect.fnUntraced(function* (
  entry: Entry,
  raw: unknown,
  decoded: AttachResponse,
  patience: Duration.Input
): Effect.fn.Return<Option.Option<RestoredUsage>> {
  const told = toldUsage(raw, decoded)
  if (told !== undefined) return told
  const replay = Option.getOrNull(yield* Effect.timeoutOption(Deferred.await(entry.replay), patience))
  if (replay === null) return Option.none()
  // A replay that is not what it should be is told by the events, as it came.
  const usage = yield* Effect.option(ThreadEvent.decodeUsage(replay))
  return Option.map(usage, (found) => ({ ...found, inherited: null }))
})

const decodeReattached = Effect.fnUntraced(function* (
  raw: JsonRecord
): Effect.fn.Return<ThreadEvent.Reattached, ProtocolViolation> {
  const response = yield* decodeResult("thread/resume", raw)
  return {
    _tag: "Reattached",
    thread: response.thread,
    response,
    usage: toldUsage(raw, response) ?? Option.none()
  }
})

/** The events of an attachment. They are decoded by whoever takes them, so that nobody else waits for it. */
export const eventsOf = (entry: Entry): Stream.Stream<ThreadEvent.ThreadEvent, EventsError> =>
  Stream.fromQueue(entry.queue).pipe(
    Stream.mapEffect((queued): Effect.Effect<ThreadEvent.ThreadEvent, ProtocolViolation> =>
      queued._tag === "Reattached"
        ? decodeReattached(queued.result)
        : ThreadEvent.decode(queued.method, queued.params, queued.replayed)
    )
  )

const settings = new Set([...Object.keys(Params.Overrides.fields), "excludeTurns"])

/** The params that resume the thread of an attachment again, under the settings that it was made with. */
export const resumeParams = ({ method, params, threadId }: Entry): JsonRecord => {
  const kept = Object.entries(params).filter(([key]) =>
    method === "thread/resume" ? key !== "history" : settings.has(key)
  )
  return { ...Object.fromEntries(kept), threadId }
}

/** The id of the thread in an answer. */
export const threadIn = (result: unknown): string | null => {
  const thread = isRecord(result) ? own(result, "thread") : undefined
  const id = isRecord(thread) ? own(thread, "id") : undefined
  return typeof id === "string" ? id : null
}
