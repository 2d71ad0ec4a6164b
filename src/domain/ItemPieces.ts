/**
 * The JSON of items that only say something, cut where their number and their texts belong, and of turns that ended as they
 * should: what `PrintedItems.ts` and the kernel print them with.
 */
import { ItemId } from "./Ids.ts"
import { noTimes } from "./ItemParts.ts"
import { agentMessage } from "./MessageItems.ts"
import { afterItems, beforeItems } from "./TurnText.ts"
import type { ReasoningItem, UserInput, UserMessageItem } from "./ThreadItem.ts"

/** What may be sent beside a text, in the order in which items show it. */
export const attachments = ["images", "local_images", "audio", "local_audio"] as const
export type Attachment = (typeof attachments)[number]

const encoder = new TextEncoder()

const HOLE = "\u0001"

/** The JSON of a value with holes, cut at them. */
const cut = (value: object): ReadonlyArray<string> => JSON.stringify(value).split(JSON.stringify(HOLE))
const encoded = (pieces: ReadonlyArray<string>): ReadonlyArray<Uint8Array> =>
  pieces.map((piece) => encoder.encode(piece))

const emptyReasoning: ReasoningItem = {
  type: "reasoning",
  id: ItemId.make(HOLE),
  summary: [HOLE],
  content: [],
  ...noTimes
}
const emptyUserMessage = {
  type: "userMessage",
  id: ItemId.make(HOLE),
  clientId: HOLE,
  content: [{ type: "text", text: HOLE, text_elements: [] }],
  ...noTimes
} satisfies UserMessageItem

const attachedAs: Record<Attachment, UserInput> = {
  images: { type: "image", url: HOLE, detail: null },
  local_images: { type: "localImage", detail: null, path: HOLE },
  audio: { type: "audio", url: HOLE },
  local_audio: { type: "localAudio", path: HOLE }
}

/** Before the number, before the text, behind it. */
export const REASONING = encoded(cut(emptyReasoning))
/** Before the number, before the text, before the phase, behind it. */
export const AGENT = encoded(cut(agentMessage(HOLE, HOLE, HOLE, null, noTimes)))

const user = cut(emptyUserMessage)
const userEnd = user[3] ?? ""
const partEnd = userEnd.indexOf("}") + 1
/** Before the number, before the client's id, before the text, behind it, and behind what is attached. */
export const USER = encoded([...user.slice(0, 3), userEnd.slice(0, partEnd), userEnd.slice(partEnd)])

/** Before the text, behind it. */
export const ATTACHED = {
  images: encoded(cut(attachedAs.images)),
  local_images: encoded(cut(attachedAs.local_images)),
  audio: encoded(cut(attachedAs.audio)),
  local_audio: encoded(cut(attachedAs.local_audio))
}

/** Before a turn's id, before its root's, before the items. */
const beforeTurn = encoded(beforeItems({ id: HOLE, rootTurnId: HOLE }).split(JSON.stringify(HOLE)))
/** Behind the items, before each of the three times, behind the last. */
const afterTurn = encoded(
  afterItems({
    itemsView: "full",
    status: "completed",
    error: null,
    startedAt: 111,
    completedAt: 111,
    durationMs: 111
  }).split("111")
)

/** All that the kernel prints with, in its order (`kernel/print.ts`, `kernel/turns.ts`). */
export const kernelPieces: ReadonlyArray<Uint8Array> = [...REASONING, ...AGENT, ...USER, ...beforeTurn, ...afterTurn]
