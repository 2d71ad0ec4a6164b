/**
 * Items of a turn as JSON text, made of a rollout's bytes without parsing them: what a client is sent is mostly what
 * stands in the rollout already, under other names.
 *
 * Only what is said is printed so, by far the most of event-style history. A turn that holds anything else has its items
 * as values (`TurnDraft.ts`). What is printed reads back as exactly the items that parsing gives.
 */
import { Schema } from "effect"
import { AGENT, ATTACHED, attachments, REASONING, USER } from "./ItemPieces.ts"
import type { Words } from "./LineSkim.ts"
import type { Passage } from "./LineTable.ts"
import { ThreadItem } from "./ThreadItem.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const NULL = encoder.encode("null")
const ID_START = encoder.encode('"item-')
const QUOTE = 0x22
const COMMA = 0x2c
const NONE = new Uint8Array(0)

/** Bytes of a block, unless a turn has more. */
const BLOCK = 256 * 1024
/** Bytes that are copied one by one; more are worth a call. */
const SHORT = 64

/**
 * Prints the items of one turn after the other. What is printed stays where it is, and the next turn's items come behind it:
 * thousands of turns have a few large blocks, not a block each.
 */
export class ItemPrinter {
  private bytes: Uint8Array
  /** Where the turn begins, and its items. */
  private start = 0
  private itemsAt = 0
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

  /** The items from here on are another turn's, of which `before` comes before its items. */
  begin(before: Uint8Array): void {
    this.start = this.length
    this.byte(COMMA)
    this.all(before)
    this.itemsAt = this.length
    this.items = 0
    this.isReasoning = false
  }

  /** The items so far, separated by commas. */
  printed(): Uint8Array {
    const end = this.length
    const { isReasoning } = this
    this.endReasoning()
    // What ends the reasoning is not kept, for it may go on.
    const printed = this.bytes.slice(this.itemsAt, this.length)
    this.length = end
    this.isReasoning = isReasoning
    return printed
  }

  /** The turn, once there are no more items; `after` is what comes behind them. */
  end(after: Uint8Array): { readonly items: Uint8Array; readonly whole: Uint8Array } {
    this.endReasoning()
    const size = this.length - this.itemsAt
    this.all(after)
    return {
      items: this.bytes.subarray(this.itemsAt, this.itemsAt + size),
      whole: this.bytes.subarray(this.start, this.length)
    }
  }

  /** Forgets the turn: nothing of it is wanted. */
  drop(): void {
    this.length = this.start
  }

  /** The item that says this, under the item number `number`. */
  print(line: Uint8Array, words: Words, number: number): void {
    switch (words.kind) {
      case "agent_reasoning":
        return this.reasoning(line, words, number)
      case "agent_message":
        return this.agentMessage(line, words, number)
      case "user_message":
        return this.userMessage(line, words, number)
    }
  }

  /** Does the reasoning that stands last go on with the next part? */
  get goesOn(): boolean {
    return this.isReasoning
  }

  /** Adds items that were printed to go on from here. */
  take({ isReasoning, items, printed }: Passage): void {
    this.all(printed)
    this.items += items
    this.isReasoning = isReasoning
  }

  /** Adds whole turns, one behind the other, while none is open; where they begin. */
  takeTurns(printed: Uint8Array): Uint8Array {
    this.start = this.length
    this.all(printed)
    const taken = this.bytes.subarray(this.start, this.length)
    this.start = this.length
    return taken
  }

  /** One more part of the reasoning that stands last. False when none does. */
  reasonOn(line: Uint8Array, { textFrom, textTo }: Words): boolean {
    if (!this.isReasoning) return false
    this.byte(COMMA)
    this.copy(line, textFrom, textTo)
    return true
  }

  private reasoning(line: Uint8Array, { textFrom, textTo }: Words, number: number): void {
    this.item()
    this.all(REASONING[0])
    this.id(number)
    this.all(REASONING[1])
    this.copy(line, textFrom, textTo)
    this.isReasoning = true
  }

  private agentMessage(line: Uint8Array, { phaseFrom, phaseTo, textFrom, textTo }: Words, number: number): void {
    this.item()
    this.all(AGENT[0])
    this.id(number)
    this.all(AGENT[1])
    this.copy(line, textFrom, textTo)
    this.all(AGENT[2])
    this.orNull(line, phaseFrom, phaseTo)
    this.all(AGENT[3])
  }

  private userMessage(line: Uint8Array, words: Words, number: number): void {
    this.item()
    this.all(USER[0])
    this.id(number)
    this.all(USER[1])
    this.orNull(line, words.clientIdFrom, words.clientIdTo)
    this.all(USER[2])
    this.copy(line, words.textFrom, words.textTo)
    this.all(USER[3])
    for (const kind of attachments) {
      const strings = words.attached[kind]
      const [before, after] = ATTACHED[kind]
      for (let at = 0; at < strings.length; at += 2) {
        this.byte(COMMA)
        this.all(before)
        this.copy(line, strings[at] ?? 0, strings[at + 1] ?? 0)
        this.all(after)
      }
    }
    this.all(USER[4])
  }

  private item(): void {
    this.endReasoning()
    if (this.items++ > 0) this.byte(COMMA)
  }

  private endReasoning(): void {
    if (this.isReasoning) this.all(REASONING[2])
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
    const begun = this.bytes.subarray(this.start, this.length)
    const larger = new Uint8Array(Math.max(BLOCK, begun.length * 2 + more))
    larger.set(begun)
    this.bytes = larger
    this.itemsAt -= this.start
    this.start = 0
    this.length = begun.length
  }
}

const decodeItems = Schema.decodeUnknownSync(Schema.Array(ThreadItem))

/** The items that were printed. */
export const itemsOf = (printed: Uint8Array): ReadonlyArray<ThreadItem> =>
  decodeItems(JSON.parse(`[${decoder.decode(printed)}]`))

/** The one item that a line tells of, under the item number `next`. */
export const printedAlone = (line: Uint8Array, words: Words, next: number): ReadonlyArray<ThreadItem> => {
  const printer = new ItemPrinter(words.textTo - words.textFrom + 1024)
  printer.print(line, words, next)
  return itemsOf(printer.printed())
}
