/**
 * What must not compile: an id of one kind where another is meant, or a plain value where an id is. Checked by the type
 * checker; nothing here runs. `Reasons.test.ts` pins why each line is refused.
 */
import {
  InvalidThreadId,
  type ConnectionId,
  type ItemId,
  type RequestId,
  type ThreadId,
  type TurnId
} from "../../src/domain/Ids.ts"
import type { NativeClient } from "../../src/rpc/native/NativeClient.ts"
import type { LiveThread } from "../../src/services/LiveThread.ts"
import type { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { ThreadNotFound } from "../../src/services/ThreadError.ts"
import type { ResumeRequest } from "../../src/services/ThreadLifecycle.ts"
import type { TurnQuestions } from "../../src/services/TurnQuestions.ts"

declare const threadId: ThreadId
declare const turnId: TurnId
declare const itemId: ItemId
declare const connectionId: ConnectionId
declare const requestId: RequestId
declare const text: string
declare const number: number

declare const wantsThread: (id: ThreadId) => void
declare const wantsTurn: (id: TurnId) => void
declare const wantsItem: (id: ItemId) => void
declare const wantsConnection: (id: ConnectionId) => void

// --- each is what it is, and may be looked at as what it is made of

wantsThread(threadId)
wantsTurn(turnId)
wantsItem(itemId)
wantsConnection(connectionId)
export const texts: ReadonlyArray<string> = [threadId, turnId, itemId]
export const count: number = connectionId

// --- none is another

// @ts-expect-error a turn is no thread
wantsThread(turnId)
// @ts-expect-error an item is no thread
wantsThread(itemId)
// @ts-expect-error a thread is no turn
wantsTurn(threadId)
// @ts-expect-error an item is no turn
wantsTurn(itemId)
// @ts-expect-error a thread is no item
wantsItem(threadId)
// @ts-expect-error a turn is no item
wantsItem(turnId)
// @ts-expect-error a connection is no thread
wantsThread(connectionId)
// @ts-expect-error a request is no connection
wantsConnection(requestId)

// --- a value is none before it was checked

// @ts-expect-error a text is no thread
wantsThread("01a202ff-0000-7000-8000-00000000000a")
// @ts-expect-error a text is no turn
wantsTurn("rollout-2")
// @ts-expect-error a text is no item
wantsItem("item-1")
// @ts-expect-error a number is no connection
wantsConnection(number)

// --- where they are used

declare const native: NativeClient["Service"]
declare const live: LiveThread
declare const delivery: NotificationDelivery["Service"]
declare const ask: TurnQuestions

export const request: ResumeRequest = {
  // @ts-expect-error a request names a thread by its id, not by a text
  target: { by: "id", threadId: text },
  overrides: {},
  originator: "probe"
}
// @ts-expect-error a turn cannot be resumed
export const resumed = native.resume({ threadId: turnId })
// @ts-expect-error an interrupted turn is named by its own id
export const interrupted = native.rpc.Interrupt({ threadId, turnId: threadId })
// @ts-expect-error a fork ends at a turn
export const cut = native.fork({ threadId, until: { field: "lastTurnId", turnId: threadId } })
// @ts-expect-error who subscribes is asked by the thread
export const heard = delivery.subscribers(turnId)
// @ts-expect-error an error names the thread that was not found
export const missing = new ThreadNotFound({ threadId: text })
// What cannot be an id yet is a text.
export const invalid = new InvalidThreadId({ input: text })
// A client names the turn that it means by what it was told: a text, which the thread compares.
export const steered = live.steer(text, [], null)
// An agent's own ids are texts.
export const asked = ask.command({ itemId: text, command: "ls", cwd: "/" })
