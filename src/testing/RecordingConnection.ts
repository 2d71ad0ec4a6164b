/**
 * A client for tests: a connection of `NotificationDelivery` that is drained all the time and
 * remembers what it got, in order.
 *
 * Waiting is on what arrives, never on time: {@link RecordingConnection.until} returns with the entry
 * that completes its condition, or fails when the connection ends first.
 */
import { Effect, Pull, Schema, type Scope } from "effect"
import { printExact } from "../domain/Json.ts"
import { ConnectionId, type RequestId, type ThreadId } from "../domain/Ids.ts"
import {
  type Notification,
  type NotificationMethod,
  type NotificationParams,
  threadOf
} from "../domain/Notification.ts"
import {
  type ConnectOptions,
  type Connection,
  NotificationDelivery,
  type Outbound,
  type ResponseReceipt
} from "../services/NotificationDelivery.ts"
import { wholeFrame } from "../rpc/codex/Transport.ts"
import { type Recorded, type Recorder, threadOfResponse } from "./ExpectOrder.ts"

/** The connection ended before what was waited for arrived. `got` tells what did. */
export class RecordingEnded extends Schema.TaggedError<RecordingEnded>()("RecordingEnded", {
  connectionId: ConnectionId,
  got: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `connection ${this.connectionId} ended; it got ${this.got.length === 0 ? "nothing" : this.got.join(", ")}`
  }
}

export interface RecordingOptions extends ConnectOptions {
  /** Methods that the client opted out of. */
  readonly optOut?: Iterable<string>
  /** False: the handshake is not done, broadcasts do not reach it. Default true. */
  readonly open?: boolean
  /** What messages call it; by default its connection's id. */
  readonly name?: string
}

/** The params of a notification, by its method. */
export type ParamsOf<M extends NotificationMethod> = (typeof NotificationParams)[M]["Type"]

/** What a connection got. */
export interface RecordingConnection extends Recorder<RecordingEnded> {
  readonly connection: Connection
  /** Everything so far, oldest first. */
  readonly received: Effect.Effect<ReadonlyArray<Outbound>>
  /** The same in short: `response`, or a notification's method. */
  readonly sequence: Effect.Effect<ReadonlyArray<string>>
  /** The params of all notifications of one method so far. */
  readonly params: <M extends NotificationMethod>(method: M) => Effect.Effect<ReadonlyArray<ParamsOf<M>>>
  /** Waits until an entry satisfies the condition (one that came before counts) and returns it. */
  readonly until: (
    condition: (entry: Outbound, all: ReadonlyArray<Outbound>) => boolean
  ) => Effect.Effect<Outbound, RecordingEnded>
  /** Waits for the `n`-th (from 1) notification of a method. */
  readonly notification: <M extends NotificationMethod>(
    method: M,
    n?: number
  ) => Effect.Effect<ParamsOf<M>, RecordingEnded>
  /**
   * Everything that was sent to the connection before now, nothing missing: sends a mark through the outbox and waits for
   * it. The mark itself is not recorded. What proves that something did *not* come.
   */
  readonly settled: Effect.Effect<ReadonlyArray<Outbound>, RecordingEnded>
  /** Puts a response into the outbox, as a handler would. */
  readonly respond: (requestId?: RequestId, frame?: string) => Effect.Effect<ResponseReceipt, RecordingEnded>
}

const mark = "\u0000mark:"

/** A record in short, entry by entry: `response`, or the method of a notification or a question. */
export const sequenceOf = (entries: ReadonlyArray<Outbound>): ReadonlyArray<string> => entries.map(nameOf)

/** Of a record, the notifications that concern a thread: by their `threadId`, or as the thread they announce. */
export const aboutThread = (entries: ReadonlyArray<Outbound>, threadId: ThreadId): ReadonlyArray<Notification> =>
  entries.flatMap((entry) => {
    return entry._tag === "Notification" && threadOf(entry.notification) === threadId ? [entry.notification] : []
  })

const nameOf = (entry: Outbound): string => {
  switch (entry._tag) {
    case "Response":
      return "response"
    case "Notification":
      return entry.notification.method
    case "Request":
      return entry.request.question.method
  }
}

const textOf = (entry: Outbound): string => {
  switch (entry._tag) {
    case "Response":
      return wholeFrame(entry.frame)
    case "Notification":
      return printExact(entry.notification)
    case "Request":
      return printExact(entry.request.question)
  }
}

const recordedOf = (entry: Outbound): Recorded => {
  const text = textOf(entry)
  const name = nameOf(entry)
  switch (entry._tag) {
    case "Response": {
      const refused = text.includes('"error"') && threadOfResponse(text) === null
      return {
        kind: refused ? "refusal" : "response",
        name,
        threadId: threadOfResponse(text),
        text: `response ${text}`
      }
    }
    case "Notification":
      return { kind: "notification", name, threadId: threadOf(entry.notification), text }
    case "Request":
      return { kind: "question", name, threadId: entry.request.question.params.threadId, text }
  }
}

const isMethod =
  <M extends NotificationMethod>(method: M) =>
  (notification: Notification): notification is Notification & { readonly method: M; readonly params: ParamsOf<M> } =>
    notification.method === method

/** Connects a client that lives as long as the scope. */
export const connect = Effect.fn("RecordingConnection.connect")(function* (
  options: RecordingOptions = {}
): Effect.fn.Return<RecordingConnection, never, NotificationDelivery | Scope.Scope> {
  const delivery = yield* NotificationDelivery
  const connection = yield* delivery.connect(options)
  const received: Array<Outbound> = []
  const marks = new Map<string, "sent" | "seen">()
  let waiting: ReadonlyArray<() => boolean> = []
  let ended = false

  const notifications = () => received.flatMap((entry) => (entry._tag === "Notification" ? [entry.notification] : []))
  const paramsOf = <M extends NotificationMethod>(method: M): ReadonlyArray<ParamsOf<M>> =>
    notifications()
      .filter(isMethod(method))
      .map((notification: { readonly params: ParamsOf<M> }) => notification.params)
  const gone = () => new RecordingEnded({ connectionId: connection.id, got: received.map(nameOf) })
  // A check that succeeds resumes its fiber at once, and that fiber may wait again before the check returns.
  const wake = () => {
    const asked = waiting
    waiting = []
    const still = asked.filter((check) => !check())
    waiting = [...still, ...waiting]
  }

  yield* Effect.whileLoop({
    while: () => true,
    body: () => connection.take,
    step: (entries) => {
      for (const entry of entries) {
        const frame = entry._tag === "Response" && typeof entry.frame === "string" ? entry.frame : null
        if (frame !== null && marks.has(frame)) marks.set(frame, "seen")
        else received.push(entry)
      }
      wake()
    }
  }).pipe(
    Pull.catchDone(() => Effect.void),
    Effect.ensuring(
      Effect.sync(() => {
        ended = true
        wake()
      })
    ),
    Effect.forkScoped
  )
  if (options.open !== false) yield* connection.open({ optOut: new Set(options.optOut) })

  const poll = <A>(find: () => A | undefined): Effect.Effect<A, RecordingEnded> =>
    Effect.callback((resume) => {
      const check = (): boolean => {
        const found = find()
        if (found !== undefined) resume(Effect.succeed(found))
        else if (ended) resume(Effect.fail(gone()))
        else return false
        return true
      }
      if (!check()) waiting = [...waiting, check]
    })

  const settled = Effect.suspend(() => {
    const frame = `${mark}${marks.size}`
    marks.set(frame, "sent")
    return connection
      .respond(frame, frame)
      .pipe(
        Effect.mapError(gone),
        Effect.andThen(poll(() => (marks.get(frame) === "seen" ? received.slice() : undefined)))
      )
  })

  return {
    connection,
    name: options.name ?? `connection ${connection.id}`,
    recorded: Effect.map(settled, (entries) => entries.map(recordedOf)),
    received: Effect.sync(() => received.slice()),
    sequence: Effect.sync(() => received.map(nameOf)),
    params: (method) => Effect.sync(() => paramsOf(method)),
    until: (condition) => poll(() => received.find((entry) => condition(entry, received))),
    notification: (method, n = 1) => poll(() => paramsOf(method)[n - 1]),
    settled,
    respond: (requestId = 1, frame = "{}") => Effect.mapError(connection.respond(requestId, frame), gone)
  }
})
