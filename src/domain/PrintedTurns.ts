/**
 * JSON of a value that has turns in it, in pieces of UTF-8: items that are at hand as JSON (`TurnDraft.ts`) are copied as
 * they are, everything else is printed. A response of tens of megabytes is never one string, and is made without parsing
 * or printing most of it.
 */
import { isRecord } from "./Json.ts"
import type { Turn } from "./Turn.ts"
import { printedTurn } from "./PrintedText.ts"
import { afterItems, beforeItems } from "./TurnText.ts"

/** Bytes of a piece, unless a single turn has more. */
const pieceBytes = 256 * 1024
/** How deep turns are looked for: a result holds them in its thread, or in a page. */
const deepest = 3

const encoder = new TextEncoder()

/** A turn whose items are at hand as JSON. */
const isPrinted = (value: unknown): value is Turn => isRecord(value) && printedTurn(value) !== undefined

const holdsPrinted = (value: unknown, depth: number): boolean => {
  if (depth > deepest || typeof value !== "object" || value === null) return false
  if (Array.isArray(value)) return value.some(isPrinted)
  return isPrinted(value) || Object.values(value).some((member) => holdsPrinted(member, depth + 1))
}

// The same turns are sent to one client after the other: they are printed once, and all send the same bytes. Held weakly,
// for they may be there a second time, in the turns: what nobody is being sent may be printed again.
const printedLists = new WeakMap<ReadonlyArray<unknown>, WeakRef<ReadonlyArray<Uint8Array>>>()
const nothing = { items: new Uint8Array(0), whole: null }

const together = (parts: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

class Pieces {
  readonly done: Array<Uint8Array> = []
  private text = ""
  private bytes: Array<Uint8Array> = []
  private size = 0

  add(text: string): void {
    this.text += text
  }

  addBytes(bytes: Uint8Array): void {
    this.settle()
    this.bytes.push(bytes)
    this.size += bytes.length
    if (this.size >= pieceBytes) this.end()
  }

  /** Takes pieces as they are. */
  addPieces(pieces: ReadonlyArray<Uint8Array>): void {
    this.end()
    this.done.push(...pieces)
  }

  end(): void {
    this.settle()
    if (this.size === 0) return
    this.done.push(together(this.bytes, this.size))
    this.bytes = []
    this.size = 0
  }

  private settle(): void {
    if (this.text === "") return
    const bytes = encoder.encode(this.text)
    this.text = ""
    this.bytes.push(bytes)
    this.size += bytes.length
  }
}

const addTurn = (pieces: Pieces, turn: Turn, items: Uint8Array): void => {
  pieces.add(beforeItems(turn))
  pieces.addBytes(items)
  pieces.add(afterItems(turn))
}

/** Turns as blocks of JSON, each turn with a comma in front and in one block, and where each is. */
export interface TurnBlocks {
  readonly blocks: ReadonlyArray<Uint8Array>
  readonly places: ReadonlyArray<TurnPlace>
}

/** Where the items of a turn begin and end in its block, and the turn itself. It begins where the one before ends. */
export interface TurnPlace {
  readonly block: number
  readonly itemsFrom: number
  readonly itemsEnd: number
  readonly end: number
}

/** Blocks of turns, with the JSON of the items of each. A block is of 256 KiB, and what its last turn has beyond that. */
export const blocksOf = (turns: ReadonlyArray<readonly [turn: Turn, items: Uint8Array]>): TurnBlocks => {
  const blocks: Array<Uint8Array> = []
  const places: Array<TurnPlace> = []
  let parts: Array<Uint8Array> = []
  let size = 0
  const add = (part: Uint8Array) => {
    parts.push(part)
    size += part.length
    return size
  }
  const endBlock = () => {
    if (size > 0) blocks.push(together(parts, size))
    parts = []
    size = 0
  }
  for (const [turn, items] of turns) {
    const itemsFrom = add(encoder.encode(`,${beforeItems(turn)}`))
    const itemsEnd = add(items)
    const end = add(encoder.encode(afterItems(turn)))
    places.push({ block: blocks.length, itemsFrom, itemsEnd, end })
    if (end >= pieceBytes) endBlock()
  }
  endBlock()
  return { blocks, places }
}

/** Do the second bytes lie right behind the first? */
const isBehind = (one: Uint8Array, other: Uint8Array): boolean =>
  one.buffer === other.buffer && one.byteOffset + one.length === other.byteOffset

/** Bytes in pieces, where they are. */
const cut = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes))
  return pieces
}

/** A list of nothing but turns whose items are at hand, as JSON without its brackets. */
const printList = (turns: ReadonlyArray<Turn>): ReadonlyArray<Uint8Array> => {
  const known = printedLists.get(turns)?.deref()
  if (known !== undefined) return known
  const pieces = new Pieces()
  // Turns that lie one behind the other, and are sent as they lie there.
  let run: Uint8Array | null = null
  const endRun = () => {
    if (run !== null) pieces.addPieces(cut(run))
    run = null
  }
  for (const [at, turn] of turns.entries()) {
    const { items, whole } = printedTurn(turn) ?? nothing
    if (whole === null) {
      endRun()
      if (at > 0) pieces.add(",")
      addTurn(pieces, turn, items)
    } else if (run !== null && isBehind(run, whole)) {
      run = new Uint8Array(run.buffer, run.byteOffset, run.length + whole.length)
    } else {
      endRun()
      run = at > 0 ? whole : whole.subarray(1)
    }
  }
  endRun()
  pieces.end()
  printedLists.set(turns, new WeakRef(pieces.done))
  return pieces.done
}

const addValue = (pieces: Pieces, value: unknown, depth: number, print: (value: unknown) => string): void => {
  if (isPrinted(value)) return addTurn(pieces, value, (printedTurn(value) ?? nothing).items)
  if (Array.isArray(value) && value.length > 0 && value.every(isPrinted)) {
    pieces.add("[")
    pieces.addPieces(printList(value))
    return pieces.add("]")
  }
  if (!holdsPrinted(value, depth)) return pieces.add(print(value))
  const isList = Array.isArray(value)
  pieces.add(isList ? "[" : "{")
  let isFirst = true
  for (const [key, member] of Object.entries(value ?? {})) {
    if (member === undefined && !isList) continue
    if (!isFirst) pieces.add(",")
    isFirst = false
    if (!isList) pieces.add(`${JSON.stringify(key)}:`)
    addValue(pieces, member, depth + 1, print)
  }
  pieces.add(isList ? "]" : "}")
}

/**
 * The value between `before` and `after`, in pieces; null when nothing in it is at hand as JSON. `print` makes JSON of
 * everything else; what it throws is thrown.
 */
export const printTurns = (
  value: unknown,
  print: (value: unknown) => string,
  before = "",
  after = ""
): ReadonlyArray<Uint8Array> | null => {
  if (!holdsPrinted(value, 0)) return null
  const pieces = new Pieces()
  pieces.add(before)
  addValue(pieces, value, 0, print)
  pieces.add(after)
  pieces.end()
  return pieces.done
}
