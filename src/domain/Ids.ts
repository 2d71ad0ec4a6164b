/**
 * The branded identifiers of the thread domain.
 *
 * A brand stops one kind of id from being passed where another is meant; it does not change the
 * value on the wire. Only thread ids have a shape of their own (a UUID).
 */
import { Result, Schema } from "effect"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** A thread's id: a UUID in its canonical spelling (lower case, hyphenated). New ids are UUIDv7. */
export const ThreadId = Schema.String.check(Schema.isPattern(uuid)).pipe(Schema.brand("ThreadId"))
export type ThreadId = typeof ThreadId.Type

/**
 * A turn's id: a UUID where the agent named the turn, `rollout-N` where history only implies it
 * (docs/codex.md, "Turns").
 */
export const TurnId = Schema.NonEmptyString.pipe(Schema.brand("TurnId"))
export type TurnId = typeof TurnId.Type

/** An item's id: the one that the agent gave it, or `item-K`, counted over the thread. */
export const ItemId = Schema.String.pipe(Schema.brand("ItemId"))
export type ItemId = typeof ItemId.Type

/** A connection's number, unique within one server; never reused. */
export const ConnectionId = Schema.Int.pipe(Schema.brand("ConnectionId"))
export type ConnectionId = typeof ConnectionId.Type

/** A request's id as the client chose it: any string, or a safe integer. Echoed unchanged. */
export const RequestId = Schema.Union([Schema.String, Schema.Int])
export type RequestId = typeof RequestId.Type

/** The text is no UUID in any spelling. `input` is cut to 200 characters. */
export class InvalidThreadId extends Schema.TaggedError<InvalidThreadId>()("InvalidThreadId", {
  input: Schema.String
}) {
  override get message(): string {
    return `invalid thread id: ${JSON.stringify(this.input)} is not a UUID`
  }
}

/**
 * Reads a thread id in any spelling of a UUID: upper case, without hyphens, in braces, or as
 * `urn:uuid:…`; the result is canonical.
 */
export const parseThreadId = (input: string): Result.Result<ThreadId, InvalidThreadId> => {
  const bare = input.startsWith("{") && input.endsWith("}") ? input.slice(1, -1) : input.replace(/^urn:uuid:/i, "")
  const lower = bare.toLowerCase()
  const canonical = /^[0-9a-f]{32}$/.test(lower)
    ? lower.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
    : lower
  return uuid.test(canonical)
    ? Result.succeed(ThreadId.make(canonical, { disableChecks: true }))
    : Result.fail(new InvalidThreadId({ input: input.slice(0, 200) }))
}
