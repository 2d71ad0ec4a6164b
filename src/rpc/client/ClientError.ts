/**
 * What can go wrong between a client and an app server, as a caller can react to it: the server said no, the
 * connection is gone, the server broke the protocol, the handshake failed, or this side read too slowly.
 */
import { Schema } from "effect"

/** The server answered a request with an error; or, with `type` `invalidParams`, the params were not even sent. */
export class RequestRefused extends Schema.TaggedError<RequestRefused>()("RequestRefused", {
  method: Schema.String,
  /** JSON-RPC's code, or Codex's own. */
  code: Schema.Int,
  /** The server's words. */
  message: Schema.String,
  /** The stable tag of the error, `error.data.type`; null where the server gives none, as genuine Codex does. */
  type: Schema.NullOr(Schema.String),
  /** `error.data` as it came. */
  data: Schema.Unknown
}) {}

/**
 * The connection is gone, and with it the answers to all that was asked over it. Whether the server did what it was
 * asked is not known.
 */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", {
  /**
   * `unreachable`: it could not be opened. `ended`: the server closed it. `failed`: the transport broke. `violated`:
   * the server sent what is no frame, after which nothing that it says can be trusted. `closed`: by this side.
   */
  reason: Schema.Literals(["unreachable", "ended", "failed", "violated", "closed"]),
  detail: Schema.String,
  /** The WebSocket's close code, or the exit code of the program; null where there is none. */
  code: Schema.NullOr(Schema.Int)
}) {
  override get message(): string {
    const code = this.code === null ? "" : ` (${this.code})`
    return `the connection to the app server is gone: ${this.reason}${code}: ${this.detail}`
  }
}

/** The server sent something that the protocol does not allow. `where`: the method it belongs to, or `frame`. */
export class ProtocolViolation extends Schema.TaggedError<ProtocolViolation>()("ProtocolViolation", {
  where: Schema.String,
  /** What is wrong, with the path to it. */
  detail: Schema.String,
  /** The beginning of what was sent. */
  excerpt: Schema.String
}) {
  override get message(): string {
    return `the server broke the protocol in ${this.where}: ${this.detail}; it sent ${this.excerpt}`
  }
}

/** What is at the other end cannot be talked to. */
export class HandshakeFailed extends Schema.TaggedError<HandshakeFailed>()("HandshakeFailed", {
  /** `silent`: it did not answer `initialize` in time. */
  reason: Schema.Literals(["refused", "notAnAppServer", "tooOld", "silent"]),
  detail: Schema.String,
  /** The release that the server says it is; null when it did not say. */
  version: Schema.NullOr(Schema.String)
}) {
  override get message(): string {
    return `no app server to talk to (${this.reason}): ${this.detail}`
  }
}

/**
 * Events came faster than they were taken, and the buffer is full. What fitted was delivered before this; nothing was
 * left out in between. `threadId` is null for the stream of all notifications.
 */
export class EventsOverflow extends Schema.TaggedError<EventsOverflow>()("EventsOverflow", {
  threadId: Schema.NullOr(Schema.String),
  capacity: Schema.Int
}) {
  override get message(): string {
    const what = this.threadId === null ? "notifications" : `events of thread ${this.threadId}`
    return `more than ${this.capacity} ${what} were waiting to be read`
  }
}

/** How a request can fail. */
export type CallError = RequestRefused | ConnectionLost | ProtocolViolation

/** How the events of an attachment can end. */
export type EventsError = CallError | EventsOverflow

/** The beginning of something from outside, for a message. */
export const excerptOf = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

export const isConnectionLost = Schema.is(ConnectionLost)
