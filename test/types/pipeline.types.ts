/**
 * What must not compile: an attachment in another order, or a stage of it that somebody made up. Checked by the type
 * checker; nothing here runs. `Reasons.test.ts` pins why each line is refused.
 */
import { Effect } from "effect"
import type { ConnectionId, ThreadId } from "../../src/domain/Ids.ts"
import type { Connection, ResponseReceipt } from "../../src/services/NotificationDelivery.ts"
import type { ForkRequest, StartRequest } from "../../src/services/ThreadForks.ts"
import {
  type Attached,
  type Replayed,
  type ResumeRequest,
  ThreadLifecycle
} from "../../src/services/ThreadLifecycle.ts"

declare const connection: Connection
declare const connectionId: ConnectionId
declare const threadId: ThreadId
declare const resumeRequest: ResumeRequest
declare const forkRequest: ForkRequest
declare const startRequest: StartRequest
declare const attached: Attached
declare const receipt: ResponseReceipt
declare const otherSnapshot: Attached["snapshot"]
declare const replayed: Replayed

// --- the one order that compiles

export const inOrder = Effect.gen(function* () {
  const lifecycle = yield* ThreadLifecycle
  const attached = yield* lifecycle.resume(connection, resumeRequest)
  const receipt = yield* connection.respond(1, "{}")
  const replayed = yield* lifecycle.replay(receipt, attached)
  yield* lifecycle.follow(replayed)
}).pipe(Effect.scoped)

export const forksToo = Effect.gen(function* () {
  const lifecycle = yield* ThreadLifecycle
  const attached = yield* lifecycle.fork(connection, forkRequest)
  const receipt = yield* connection.respond(1, "{}")
  yield* lifecycle.follow(yield* lifecycle.replay(receipt, attached))
}).pipe(Effect.scoped)

export const startsToo = Effect.gen(function* () {
  const lifecycle = yield* ThreadLifecycle
  const attached = yield* lifecycle.start(connection, startRequest)
  const receipt = yield* connection.respond(1, "{}")
  yield* lifecycle.follow(yield* lifecycle.replay(receipt, attached))
}).pipe(Effect.scoped)

// --- no other does

export const outOfOrder = Effect.gen(function* () {
  const lifecycle = yield* ThreadLifecycle

  // @ts-expect-error a replay needs the receipt of a response
  yield* lifecycle.replay(attached)
  // @ts-expect-error nothing else will do
  yield* lifecycle.replay(undefined, attached)
  // @ts-expect-error what looks like a receipt is none
  yield* lifecycle.replay({ connectionId, requestId: 1 }, attached)
  // @ts-expect-error nor with the private member spelled out
  yield* lifecycle.replay({ connectionId, requestId: 1, sent: true }, attached)
  // @ts-expect-error a rejection gives no receipt
  yield* lifecycle.replay(yield* connection.reject("{}"), attached)
  // @ts-expect-error a response that is not yet sent is none
  yield* lifecycle.replay(connection.respond(1, "{}"), attached)
  // @ts-expect-error nor is a notification
  yield* lifecycle.replay(yield* connection.notify({ method: "thread/closed", params: { threadId } }), attached)

  // @ts-expect-error the events follow the replay, not the attachment
  yield* lifecycle.follow(attached)
  // @ts-expect-error nor the response
  yield* lifecycle.follow(receipt)
  // @ts-expect-error nor a replay that did not run
  yield* lifecycle.follow(lifecycle.replay(receipt, attached))
  // @ts-expect-error what looks like the last stage is none
  yield* lifecycle.follow({ attached })

  // @ts-expect-error a snapshot alone is no attachment
  yield* lifecycle.replay(receipt, { connection, kind: "cold", snapshot: attached.snapshot, warnings: [] })
  // @ts-expect-error the stages do not replace each other
  yield* lifecycle.replay(receipt, replayed)
})

// --- a stage cannot be made, only had

// @ts-expect-error the type has no value
void Attached
// @ts-expect-error nor has this one
void Replayed
// @ts-expect-error nor the receipt
void ResponseReceipt
// @ts-expect-error what has all that shows of it is not the thing
export const copied: Attached = { connection, kind: "cold", snapshot: attached.snapshot, warnings: [] }
// @ts-expect-error what a stage holds does not change
attached.snapshot = otherSnapshot
