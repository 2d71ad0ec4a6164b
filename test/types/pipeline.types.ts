/**
 * What must not compile: an attachment in another order, an id of the wrong kind, a match that forgets a
 * case, a program without its layers. Checked by the type checker; nothing here runs.
 */
import { Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import type { ConnectionId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { ThreadItem } from "../../src/domain/ThreadItem.ts"
import { layer as memoryStore } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { Approvals } from "../../src/services/Approvals.ts"
import { type Connection, NotificationDelivery, type ResponseReceipt } from "../../src/services/NotificationDelivery.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import type { ThreadError } from "../../src/services/ThreadError.ts"
import type { ForkRequest } from "../../src/services/ThreadForks.ts"
import {
  type Attached,
  type Replayed,
  type ResumeRequest,
  ThreadLifecycle
} from "../../src/services/ThreadLifecycle.ts"
import { Threads } from "../../src/services/Threads.ts"

declare const connection: Connection
declare const connectionId: ConnectionId
declare const threadId: ThreadId
declare const turnId: TurnId
declare const resumeRequest: ResumeRequest
declare const forkRequest: ForkRequest
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

// --- ids

declare const wantsTurn: (id: TurnId) => void
declare const wantsThread: (id: ThreadId) => void

wantsTurn(turnId)
wantsThread(threadId)
// @ts-expect-error a thread is no turn
wantsTurn(threadId)
// @ts-expect-error a turn is no thread
wantsThread(turnId)
// @ts-expect-error a string is no thread id before it was checked
wantsThread("01a202ff-0000-7000-8000-00000000000a")
// @ts-expect-error nor a turn id
wantsTurn("rollout-2")
// @ts-expect-error a number is no connection
export const someConnection: ConnectionId = 1
export const request: ResumeRequest = {
  // @ts-expect-error a request names a thread by its id, not by a string
  target: { by: "id", threadId: "01a202ff-0000-7000-8000-00000000000a" },
  overrides: {},
  originator: "probe"
}

// --- a match over the kinds of items, and over the errors, is checked to be complete

declare const never: (nothing: never) => string

export const everyItem = (item: ThreadItem): string => {
  switch (item.type) {
    case "userMessage":
    case "hookPrompt":
    case "agentMessage":
    case "functionCallOutput":
    case "plan":
    case "reasoning":
    case "commandExecution":
    case "fileChange":
    case "mcpToolCall":
    case "dynamicToolCall":
    case "collabAgentToolCall":
    case "subAgentActivity":
    case "webSearch":
    case "imageView":
    case "sleep":
    case "imageGeneration":
    case "enteredReviewMode":
    case "exitedReviewMode":
    case "contextCompaction":
    case "unknown":
      return item.id
    default:
      return never(item)
  }
}

export const someItems = (item: ThreadItem): string => {
  switch (item.type) {
    case "userMessage":
    case "agentMessage":
      return item.id
    default:
      // @ts-expect-error the other kinds were forgotten
      return never(item)
  }
}

export const someErrors = (error: ThreadError): string => {
  switch (error._tag) {
    case "ThreadNotFound":
    case "ThreadArchived":
      return error.threadId
    default:
      // @ts-expect-error the other errors were forgotten
      return never(error)
  }
}

// --- a program that lacks a layer

// Whatever a program still needs has to be named beside it: nothing, when it has all its layers.
declare const run: <A, E, R>(program: Effect.Effect<A, E, R>, ...lacking: [R] extends [never] ? [] : [R]) => void

const lifecycle = ThreadLifecycle.layer.pipe(
  Layer.provide(Threads.layer),
  Layer.provide(Approvals.layer),
  Layer.provide(SessionReconstruction.layer),
  Layer.provide(Layer.mergeAll(RolloutParser.layer, ServerConfig.layerMemory(), SecureRandom.layerWebCrypto))
)
const complete = lifecycle.pipe(Layer.provide(NotificationDelivery.layer), Layer.provide(memoryStore()))

run(Effect.scoped(Effect.provide(inOrder, complete)))
// @ts-expect-error nothing is provided
run(Effect.scoped(inOrder))
// @ts-expect-error there is no store
run(Effect.scoped(Effect.provide(inOrder, lifecycle.pipe(Layer.provide(NotificationDelivery.layer)))))
// @ts-expect-error there is nobody to deliver
run(Effect.scoped(Effect.provide(inOrder, lifecycle.pipe(Layer.provide(memoryStore())))))
const loaded = Threads.use((threads) => threads.loaded)
// @ts-expect-error the lifecycle is there, the threads are not
run(Effect.provide(loaded, complete))
const connecting = NotificationDelivery.use((delivery) => delivery.connect())
// @ts-expect-error a connection lives in a scope
run(Effect.provide(connecting, NotificationDelivery.layer))
