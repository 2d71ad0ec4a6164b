/**
 * Items of a turn as JSON text, made of a rollout's bytes without parsing them: what a client is sent is mostly what
 * stands in the rollout already, under other names.
 *
 * Only what is said is printed so, by far the most of event-style history. A turn that holds anything else has its items
 * as values (`TurnDraft.ts`). What is printed reads back as exactly the items that parsing gives.
 */
import { Schema } from "effect"
import { ItemId } from "./Ids.ts"
import { noTimes } from "./ItemParts.ts"
import { type Attachment, attachments, type LineSkim } from "./LineSkim.ts"
import { agentMessage } from "./MessageItems.ts"
import { ThreadItem, type ReasoningItem, type UserInput, type UserMessageItem } from "./ThreadItem.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const HOLE = "\u0001"

/** The JSON of a value with holes, cut at them. */
const pieces = (value: object): ReadonlyArray<Uint8Array> =>
  JSON.stringify(value)
    .split(JSON.stringify(HOLE))
    .map((piece) => encoder.encode(piece))

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

const AGENT = pieces(agentMessage(HOLE, HOLE, HOLE, null, noTimes))
const USER = pieces(emptyUserMessage)
const REASONING = pieces(emptyReasoning)
const ATTACHED = {
  images: pieces(attachedAs.images),
  local_images: pieces(attachedAs.local_images),
  audio: pieces(attachedAs.audio),
  local_audio: pieces(attachedAs.local_audio)
}
const NULL = encoder.encode("null")
const ID_START = encoder.encode('"item-')
const QUOTE = 0x22
const COMMA = 0x2c
const NONE = new Uint8Array(0)

/** Bytes that are copied one by one; more are worth a call. */
const SHORT = 64

/** Prints the items of one turn after the other. */
export class ItemPrinter {
  private bytes: Uint8Array
  private length = 0
  private items = 0
  private isReasoning = false

  /** `size`: bytes to begin with. */
  constructor(size = 64 * 1024) {
    this.bytes = new Uint8Array(size)
  }

  /** Items printed since {@link begin}. */
  get count(): number {
    return this.items
  }

  /** Forgets what was printed. */
  begin(): void {
    this.length = 0
    this.items = 0
    this.isReasoning = false
  }

  /** The items so far, separated by commas. */
  printed(): Uint8Array {
    if (!this.isReasoning) return this.bytes.slice(0, this.length)
    const end = this.length
    this.endReasoning()
    const printed = this.bytes.slice(0, this.length)
    this.length = end
    this.isReasoning = true
    return printed
  }

  /** One more part of the reasoning that stands last. False when none does. */
  reasonOn(line: Uint8Array, { textFrom, textTo }: LineSkim): boolean {
    if (!this.isReasoning) return false
    this.byte(COMMA)
    this.copy(line, textFrom, textTo)
    return true
  }

  reasoning(line: Uint8Array, { textFrom, textTo }: LineSkim, number: number): void {
    this.item()
    this.all(REASONING[0])
    this.id(number)
    this.all(REASONING[1])
    this.copy(line, textFrom, textTo)
    this.isReasoning = true
  }

  agentMessage(line: Uint8Array, { phaseFrom, phaseTo, textFrom, textTo }: LineSkim, number: number): void {
    this.item()
    this.all(AGENT[0])
    this.id(number)
    this.all(AGENT[1])
    this.copy(line, textFrom, textTo)
    this.all(AGENT[2])
    this.orNull(line, phaseFrom, phaseTo)
    this.all(AGENT[3])
  }

  userMessage(line: Uint8Array, found: LineSkim, number: number): void {
    this.item()
    this.all(USER[0])
    this.id(number)
    this.all(USER[1])
    this.orNull(line, found.clientIdFrom, found.clientIdTo)
    this.all(USER[2])
    this.copy(line, found.textFrom, found.textTo)
    const [text, rest] = USER_TEXT_END
    this.all(text)
    for (const kind of attachments) {
      const strings = found.attached[kind]
      const [before, after] = ATTACHED[kind]
      for (let at = 0; at < strings.length; at += 2) {
        this.byte(COMMA)
        this.all(before)
        this.copy(line, strings[at] ?? 0, strings[at + 1] ?? 0)
        this.all(after)
      }
    }
    this.all(rest)
  }

  private item(): void {
    if (this.isReasoning) this.endReasoning()
    if (this.items++ > 0) this.byte(COMMA)
  }

  private endReasoning(): void {
    this.all(REASONING[2])
    this.isReasoning = false
  }

  private id(number: number): void {
    this.all(ID_START)
    this.digits(number)
    this.byte(QUOTE)
  }

  private digits(number: number): void {
    if (number > 9) this.digits(Math.floor(number / 10))
    this.byte(0x30 + (number % 10))
  }

  private orNull(line: Uint8Array, from: number, to: number): void {
    if (to === 0) this.all(NULL)
    else this.copy(line, from, to)
  }

  private byte(byte: number): void {
    this.room(1)
    this.bytes[this.length++] = byte
  }

  private all(bytes: Uint8Array = NONE): void {
    this.copy(bytes, 0, bytes.length)
  }

  private copy(bytes: Uint8Array, from: number, to: number): void {
    this.room(to - from)
    if (to - from <= SHORT) for (let at = from; at < to; at++) this.bytes[this.length++] = bytes[at] ?? 0
    else {
      this.bytes.set(bytes.subarray(from, to), this.length)
      this.length += to - from
    }
  }

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }
}

/** What follows a user's text: the end of that part, and of the item. */
const USER_TEXT_END = (() => {
  const end = decoder.decode(USER[3])
  const at = end.indexOf("}") + 1
  return [encoder.encode(end.slice(0, at)), encoder.encode(end.slice(at))] as const
})()

const decodeItems = Schema.decodeUnknownSync(Schema.Array(ThreadItem))

/** The items that were printed. */
export const itemsOf = (printed: Uint8Array): ReadonlyArray<ThreadItem> =>
  decodeItems(JSON.parse(`[${decoder.decode(printed)}]`))

/** The one item that a line tells of, under the item number `next`. */
export const printedAlone = (line: Uint8Array, found: LineSkim, next: number): ReadonlyArray<ThreadItem> => {
  const printer = new ItemPrinter(found.textTo - found.textFrom + 1024)
  if (found.kind === "agent_reasoning") printer.reasoning(line, found, next)
  else if (found.kind === "agent_message") printer.agentMessage(line, found, next)
  else if (found.kind === "user_message") printer.userMessage(line, found, next)
  return itemsOf(printer.printed())
}
