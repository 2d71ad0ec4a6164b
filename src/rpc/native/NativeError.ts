/**
 * What can go wrong on the native face beside what goes wrong with a thread (`ThreadError`).
 */
import { Schema } from "effect"
import { EventPosition } from "../../domain/EventPosition.ts"
import { RequestId, ThreadId } from "../../domain/Ids.ts"

/** The client took too little for too long, so the server gave its stream up. It may resume after `position`. */
export class FellBehind extends Schema.TaggedError<FellBehind>()("FellBehind", {
  threadId: Schema.NullOr(ThreadId),
  /** Of the last element that was handed over; null when there was none. */
  position: Schema.NullOr(EventPosition)
}) {
  override get message(): string {
    return `the events of thread ${this.threadId ?? "(unknown)"} came faster than they were taken; resume it`
  }
}

/** The connection has as many requests and streams open as it may have. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", { limit: Schema.Int }) {
  override get message(): string {
    return `${this.limit} requests and streams are open on this connection; end one, or connect again`
  }
}

/** Nobody waits for an answer to this: it was answered, taken back, or never asked in this thread. */
export class QuestionNotOpen extends Schema.TaggedError<QuestionNotOpen>()("QuestionNotOpen", {
  threadId: ThreadId,
  requestId: RequestId
}) {
  override get message(): string {
    return `thread ${this.threadId} has no open question ${JSON.stringify(this.requestId)}`
  }
}
