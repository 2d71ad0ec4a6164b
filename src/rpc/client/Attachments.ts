/**
 * The open attachments of a client, by thread.
 *
 * Rules they hold: an attachment is in its place before the frame after its answer is read, so it misses nothing; each
 * of its events is buffered once and in the order of the wire; a replay goes to the attachment whose answer it follows;
 * nobody's buffer holds anybody else up; and the last one to leave a thread unsubscribes from it.
 */
import { type Duration, Effect, Fiber, Result, type Scope } from "effect"
import { parseThreadId } from "../../domain/Ids.ts"
import { isRecord, type JsonRecord, own } from "../../domain/Json.ts"
import {
  type AttachMethod,
  type Attachment,
  type AttachResponse,
  type Entry,
  eventsOf,
  makeEntry,
  push,
  resumeParams,
  settle,
  shut,
  threadIn,
  usageOf
} from "./Attachment.ts"
import type { CallError, ConnectionLost, EventsError, ProtocolViolation } from "./ClientError.ts"
import type { AnswerHooks, Conversation } from "./Conversation.ts"
import * as Replay from "./Replay.ts"
import { threadIdOf } from "./ThreadEvent.ts"

export interface Options {
  /** Events of one attachment that may wait to be read. */
  readonly capacity: number
  /** How long to wait for a replay that the server may or may not send. */
  readonly patience: Duration.Input
  /** False when the client wants no notifications of usage. */
  readonly replays: boolean
  /** The connection; it waits for one while the client reconnects. */
  readonly conversation: Effect.Effect<Conversation, ConnectionLost>
  /** The same; null while there is none. */
  readonly current: () => Conversation | null
  /** Starts something that nobody waits for. */
  readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
}

export interface Attachments {
  /** Comes to a thread. `params` are as on the wire. */
  readonly attach: <Response extends AttachResponse>(
    method: AttachMethod,
    params: JsonRecord,
    decode: (result: unknown) => Effect.Effect<Response, ProtocolViolation>
  ) => Effect.Effect<Attachment<Response>, CallError, Scope.Scope>
  /** Takes a notification to the attachments of its thread. Is it a replay? */
  readonly onNotification: (method: string, params: JsonRecord) => boolean
  /** The connection is gone; the attachments wait for another. */
  readonly detach: () => void
  /** Resumes every attachment over a new connection; returns when all are answered. */
  readonly reattach: (conversation: Conversation) => Effect.Effect<void>
  /** There will be no other connection. */
  readonly fail: (failure: EventsError) => void
}

/** A thread that is followed over the connection that there is. */
interface Slot {
  readonly entries: Set<Entry>
  /** Replays that are due, in the order of the answers that they follow. */
  due: Array<{ readonly entry: Entry; readonly due: Replay.Due }>
}

const canonical = (params: JsonRecord): string | null => {
  const threadId = own(params, "threadId")
  return typeof threadId === "string" ? Result.getOrElse(parseThreadId(threadId), () => threadId) : null
}

/** No attachments yet. */
export const make = (options: Options): Attachments => {
  const entries = new Set<Entry>()
  const slots = new Map<string, Slot>()
  /** Resumes that are not answered yet, by thread. */
  const coming = new Map<string, number>()
  /** Threads that the last attachment left while a resume was under way. */
  const orphans = new Set<string>()
  const leaving = new Map<string, Fiber.Fiber<unknown>>()

  const unsubscribe = (threadId: string): void => {
    if (slots.has(threadId)) return
    if ((coming.get(threadId) ?? 0) > 0) return void orphans.add(threadId)
    const conversation = options.current()
    // With its connection a subscription is gone.
    if (conversation === null) return
    const fiber = options.fork(
      conversation
        .call("thread/unsubscribe", { threadId })
        .pipe(Effect.ignore, Effect.ensuring(Effect.sync(() => leaving.delete(threadId))))
    )
    if (fiber.pollUnsafe() === undefined) leaving.set(threadId, fiber)
  }

  const remove = (entry: Entry): void => {
    entries.delete(entry)
    const { threadId } = entry
    const slot = threadId === null ? undefined : slots.get(threadId)
    if (threadId === null || slot?.entries.delete(entry) !== true || slot.entries.size > 0) return
    slots.delete(threadId)
    unsubscribe(threadId)
  }

  const close = (entry: Entry, failure: EventsError | null): void => {
    if (!entry.isOpen) return
    shut(entry, failure)
    remove(entry)
  }

  const deliver = (entry: Entry, queued: Parameters<typeof push>[1]): void => {
    const overflow = push(entry, queued)
    if (overflow !== null) close(entry, overflow)
  }

  const bind = (entry: Entry, threadId: string, result: JsonRecord, again: boolean): void => {
    const slot: Slot = slots.get(threadId) ?? { entries: new Set(), due: [] }
    slots.set(threadId, slot)
    slot.entries.add(entry)
    entries.add(entry)
    entry.threadId = threadId
    const due = options.replays && (again || entry.method !== "thread/start") ? Replay.dueAfter(result) : null
    if (due === null) settle(entry, null)
    else slot.due.push({ entry, due })
  }

  /** What happens between an answer and the frame after it. */
  const hooks = (entry: Entry, again: boolean): AnswerHooks => {
    const onLateResult = (result: unknown) => {
      const threadId = threadIn(result)
      if (threadId !== null) unsubscribe(threadId)
    }
    return {
      onLateResult,
      onResult: (result) => {
        const threadId = threadIn(result)
        if (!isRecord(result) || threadId === null) return
        if (again) deliver(entry, { _tag: "Reattached", result })
        if (entry.isOpen) bind(entry, threadId, result, again)
        else onLateResult(result)
      }
    }
  }

  /** A resume of this thread is under way, so nobody unsubscribes from it until it has ended. */
  const arriving = <A, E, R>(threadId: string | null, arrival: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    threadId === null
      ? arrival
      : Effect.suspend(() => {
          coming.set(threadId, (coming.get(threadId) ?? 0) + 1)
          return Effect.ensuring(
            arrival,
            Effect.sync(() => {
              const left = (coming.get(threadId) ?? 1) - 1
              if (left > 0) coming.set(threadId, left)
              else coming.delete(threadId)
              if (orphans.delete(threadId)) unsubscribe(threadId)
            })
          )
        })

  const arrive = Effect.fnUntraced(function* <Response extends AttachResponse>(
    entry: Entry,
    decode: (result: unknown) => Effect.Effect<Response, ProtocolViolation>
  ): Effect.fn.Return<Attachment<Response>, CallError> {
    const threadId = entry.method === "thread/resume" ? canonical(entry.params) : null
    const left = threadId === null ? undefined : leaving.get(threadId)
    if (left !== undefined) yield* Fiber.await(left)
    const conversation = yield* options.conversation
    const raw = yield* arriving(threadId, conversation.call(entry.method, entry.params, hooks(entry, false)))
    const response = yield* decode(raw)
    const usage = yield* usageOf(entry, raw, response, options.patience)
    return { thread: response.thread, response, usage, events: eventsOf(entry) }
  })

  return {
    attach: Effect.fnUntraced(function* (method, params, decode) {
      const entry = yield* makeEntry(method, params, options.capacity)
      const release = Effect.sync(() => close(entry, null))
      yield* Effect.addFinalizer(() => release)
      return yield* Effect.onError(arrive(entry, decode), () => release)
    }),
    onNotification: (method, params) => {
      const threadId = threadIdOf(params)
      const slot = threadId === null ? undefined : slots.get(threadId)
      if (slot === undefined) return false
      const first = method === Replay.usageMethod ? slot.due[0] : undefined
      if (first !== undefined && Replay.isReplay(first.due, params)) {
        slot.due.shift()
        settle(first.entry, params)
        deliver(first.entry, { _tag: "Notification", method, params, replayed: true })
        return true
      }
      if (Replay.settles(method)) for (const { entry } of slot.due) settle(entry, null)
      if (Replay.closes(method)) slot.due = []
      for (const entry of Array.from(slot.entries)) {
        deliver(entry, { _tag: "Notification", method, params, replayed: false })
      }
      return false
    },
    detach: () => {
      for (const { due } of slots.values()) for (const { entry } of due) settle(entry, null)
      slots.clear()
      leaving.clear()
      orphans.clear()
    },
    reattach: (conversation) =>
      Effect.forEach(
        Array.from(entries),
        (entry) =>
          arriving(entry.threadId, conversation.call("thread/resume", resumeParams(entry), hooks(entry, true))).pipe(
            // Another loss brings another try; a refusal is the end.
            Effect.catchTag("ConnectionLost", () => Effect.void),
            Effect.catch((failure) => Effect.sync(() => close(entry, failure)))
          ),
        { concurrency: "unbounded", discard: true }
      ),
    fail: (failure) => {
      slots.clear()
      for (const entry of Array.from(entries)) close(entry, failure)
    }
  }
}
