/**
 * What a client is told unasked, decoded. What is not understood is handed on as it came, never left out.
 */
import { Effect, Option, Schema } from "effect"
import { type JsonRecord, own } from "../../domain/Json.ts"
import { type Notification, type NotificationMethod, NotificationParams } from "../../domain/Notification.ts"
import { TurnId } from "../../domain/Ids.ts"
import type { Thread } from "../../domain/Thread.ts"
import { ThreadTokenUsage } from "../../domain/TokenUsage.ts"
import type { ProtocolViolation } from "./ClientError.ts"
import { type ResultOf, type RestoredUsage, violation } from "./ClientProtocol.ts"
import * as Lenient from "./Lenient.ts"
import { usageMethod } from "./Replay.ts"

/** A notification of the protocol, typed by its method. */
export interface Notified {
  readonly _tag: "Notified"
  readonly notification: Exclude<Notification, { readonly method: "thread/tokenUsage/updated" }>
}

/** A notification that this client does not know, or (`problem`) one that is not what it should be. */
export interface Unrecognized {
  readonly _tag: "Unrecognized"
  readonly method: string
  readonly params: JsonRecord
  readonly problem: Option.Option<ProtocolViolation>
}

/** Figures of usage, and the turn that they belong to; null when the server names none. */
export interface Usage {
  readonly turnId: TurnId | null
  readonly tokenUsage: ThreadTokenUsage
}

/** New usage: a model has answered. `total` is of the thread's whole life, `last` of that answer. */
export interface UsageUpdated extends Usage {
  readonly _tag: "UsageUpdated"
}

/** What the thread had spent before this client came to it, told once after the answer. Nothing new was spent. */
export interface UsageReplayed extends Usage {
  readonly _tag: "UsageReplayed"
}

/**
 * The connection was lost and the thread resumed over a new one. Events in between were missed: the thread as it is
 * here is the truth, and what follows continues it. Where the server does not say `usage` in its answer (genuine
 * Codex), a `UsageReplayed` follows.
 */
export interface Reattached {
  readonly _tag: "Reattached"
  readonly thread: Thread
  readonly response: ResultOf<"thread/resume">
  readonly usage: Option.Option<RestoredUsage>
}

/** What one notification of the server tells. */
export type Told = Notified | UsageReplayed | UsageUpdated | Unrecognized

/** One event of a thread. */
export type ThreadEvent = Told | Reattached

const UsageParams = Schema.Struct({ threadId: Schema.String, turnId: Schema.String, tokenUsage: ThreadTokenUsage })
const completeUsage = Lenient.complete(UsageParams)
const decodeUsageParams = Schema.decodeUnknownEffect(UsageParams)

const isKnown = (method: string): method is NotificationMethod => Object.hasOwn(NotificationParams, method)

const decoders = new Map(
  Object.entries(NotificationParams).map(([method, schema]) => [
    method,
    { complete: Lenient.complete(schema), decode: Schema.decodeUnknownEffect<Schema.Codec<unknown, unknown>>(schema) }
  ])
)

function decodeKnown(
  method: Exclude<NotificationMethod, "thread/tokenUsage/updated">,
  params: JsonRecord
): Effect.Effect<Notified["notification"], Schema.SchemaError>
function decodeKnown(
  method: string,
  params: JsonRecord
): Effect.Effect<{ readonly method: string; readonly params: unknown }, Schema.SchemaError> {
  const found = decoders.get(method)
  return found === undefined
    ? Effect.die(new Error(`no such notification: ${method}`))
    : Effect.map(found.decode(found.complete(params)), (decoded) => ({ method, params: decoded }))
}

/** The figures in a `thread/tokenUsage/updated`. An empty turn id, as 0.122 may send, is none. */
export const decodeUsage = (params: JsonRecord): Effect.Effect<Usage, Schema.SchemaError> =>
  Effect.map(decodeUsageParams(completeUsage(params)), ({ tokenUsage, turnId }) => ({
    turnId: turnId === "" ? null : TurnId.make(turnId),
    tokenUsage
  }))

/** Reads a notification. `replayed`: it is a thread's restored usage, told again. */
export const decode = (method: string, params: JsonRecord, replayed: boolean): Effect.Effect<Told> => {
  const asItCame = (problem: Option.Option<ProtocolViolation>): Unrecognized => ({
    _tag: "Unrecognized",
    method,
    params,
    problem
  })
  if (!isKnown(method)) return Effect.succeed(asItCame(Option.none()))
  const decoded: Effect.Effect<Notified | UsageReplayed | UsageUpdated, Schema.SchemaError> =
    method === usageMethod
      ? Effect.map(decodeUsage(params), (usage) => ({ _tag: replayed ? "UsageReplayed" : "UsageUpdated", ...usage }))
      : Effect.map(decodeKnown(method, params), (notification) => ({ _tag: "Notified", notification }))
  return Effect.catch(decoded, (error) => Effect.succeed(asItCame(Option.some(violation(method, error, params)))))
}

/** The thread that a notification is about; null when it is about none. */
export const threadIdOf = (params: JsonRecord): string | null => {
  const threadId = own(params, "threadId")
  if (typeof threadId === "string") return threadId
  const thread = own(params, "thread")
  const id = typeof thread === "object" && thread !== null && "id" in thread ? thread.id : null
  return typeof id === "string" ? id : null
}
