/**
 * Prints what was said as items of turns, one behind the other, from the pieces that `src/domain/ItemPieces.ts` gives; and
 * looks at the members of lines for it.
 */
import { BACKSLASH, BRACKET, BRACKET_END, QUOTE, standsAt } from "./json"
import { AGENT_MESSAGE, AGENT_REASONING, BYTES, PIECES, PRINTED, ROW_DETAIL } from "./layout"
import { ATTACHED_FIRST, ATTACHED_LAST, CLIENT_ID, MEMORY_CITATION, MESSAGE, PHASE, TEXT, TEXT_ELEMENTS } from "./keys"

// Which piece is which; the order is that of `ItemPieces.ts`.
const REASONING: i32 = 0
const AGENT: i32 = 3
const USER: i32 = 7

const LETTER_U: u8 = 0x75

let out: i32 = 0
let items: i32 = 0
let number: i32 = 0
let isReasoning: bool = false
/** What a place in the bytes that were laid has to be increased by to be an address. */
let base: i32 = 0

/** Begins behind `before` items of a turn; `first` is the number of the next, `reasons`: does the last one go on with reasoning? */
export function openPrint(laid: i32, first: i32, before: i32, reasons: bool): void {
  base = BYTES - laid
  out = PRINTED
  number = first
  items = before
  isReasoning = reasons
}

/** The items from here on are another turn's. */
export function openItems(): void {
  items = 0
  isReasoning = false
}

export function printEnd(): i32 {
  return out
}

export function nextNumber(): i32 {
  return number
}

export function itemCount(): i32 {
  return items
}

export function goesOn(): bool {
  return isReasoning
}

/** Takes back what was printed from `end` on, where the next item had this number. */
export function rewind(end: i32, next: i32): void {
  out = end
  number = next
}

function copy(from: i32, to: i32): void {
  memory.copy(out, from, to - from)
  out += to - from
}

export function piece(index: i32): void {
  copy(load<i32>(PIECES + (index << 3)), load<i32>(PIECES + (index << 3), 4))
}

export function byte(value: u8): void {
  store<u8>(out++, value)
}

function digits(value: i32): void {
  if (value > 9) digits(value / 10)
  byte((0x30 + (value % 10)) as u8)
}

export function endReasoning(): void {
  if (isReasoning) piece(REASONING + 2)
  isReasoning = false
}

/** Begins the next item with the pieces from `index` on, its number between them. */
function begin(index: i32): void {
  endReasoning()
  if (items > 0) byte(0x2c)
  items++
  piece(index)
  byte(QUOTE)
  store<u32>(out, 0x6d657469) // "item"
  out += 4
  byte(0x2d)
  digits(number++)
  byte(QUOTE)
  piece(index + 1)
}

export function memberFrom(row: i32, key: i32): i32 {
  return load<i32>(load<i32>(row, ROW_DETAIL) + (key << 3)) + base
}

export function memberTo(row: i32, key: i32): i32 {
  return load<i32>(load<i32>(row, ROW_DETAIL) + (key << 3), 4) + base
}

export function isMissing(row: i32, key: i32): bool {
  return load<i32>(load<i32>(row, ROW_DETAIL) + (key << 3)) == 0
}

export function isAbsent(row: i32, key: i32): bool {
  return isMissing(row, key) || standsAt(memberFrom(row, key), "null")
}

function isText(row: i32, key: i32): bool {
  return !isMissing(row, key) && load<u8>(memberFrom(row, key)) == QUOTE
}

export function isTextOrAbsent(row: i32, key: i32): bool {
  return isAbsent(row, key) || isText(row, key)
}

function isEmptyList(at: i32): bool {
  return load<u8>(at) == BRACKET && load<u8>(at + 1) == BRACKET_END
}

function text(row: i32, key: i32): void {
  copy(memberFrom(row, key), memberTo(row, key))
}

/** The value of a member as it stands in the line; `null` for one that is absent. */
export function valueOrNull(row: i32, key: i32): void {
  if (!isAbsent(row, key)) return text(row, key)
  store<u32>(out, 0x6c6c756e) // "null"
  out += 4
}

/** An empty text, which is two quotes, says nothing. */
function saysNothing(row: i32, key: i32): bool {
  return memberTo(row, key) - memberFrom(row, key) <= 2
}

/** Is there a visible character in the text? False also for one that only parsing can tell. */
function isVisible(row: i32, key: i32): bool {
  const end = memberTo(row, key) - 1
  for (let at = memberFrom(row, key) + 1; at < end; at++) {
    const value = load<u8>(at)
    // Four digits name a character behind the letter.
    if (value == BACKSLASH) at += load<u8>(at + 1) == LETTER_U ? 5 : 1
    else if (value > 0x20 && value < 0x7f) return true
  }
  return false
}

function reasoning(row: i32): bool {
  if (!isText(row, TEXT)) return false
  if (saysNothing(row, TEXT)) return true
  if (isReasoning) byte(0x2c)
  else begin(REASONING)
  text(row, TEXT)
  isReasoning = true
  return true
}

function agentMessage(row: i32): bool {
  if (!isText(row, MESSAGE) || !isTextOrAbsent(row, PHASE) || !isAbsent(row, MEMORY_CITATION)) return false
  if (saysNothing(row, MESSAGE)) return true
  begin(AGENT)
  text(row, MESSAGE)
  piece(AGENT + 2)
  valueOrNull(row, PHASE)
  piece(AGENT + 3)
  return true
}

/** One without attachments. */
function userMessage(row: i32): bool {
  if (!isText(row, MESSAGE) || !isVisible(row, MESSAGE) || !isTextOrAbsent(row, CLIENT_ID)) return false
  if (!isAbsent(row, TEXT_ELEMENTS) && !isEmptyList(memberFrom(row, TEXT_ELEMENTS))) return false
  for (let key = ATTACHED_FIRST; key <= ATTACHED_LAST; key++) {
    if (!isAbsent(row, key) && !isEmptyList(memberFrom(row, key))) return false
  }
  begin(USER)
  valueOrNull(row, CLIENT_ID)
  piece(USER + 2)
  text(row, MESSAGE)
  // Nothing is attached, which would stand between.
  piece(USER + 3)
  piece(USER + 4)
  return true
}

/** Prints what an event of this kind says; false when that has to be read. */
export function said(kind: i32, row: i32): bool {
  switch (kind) {
    case AGENT_REASONING:
      return reasoning(row)
    case AGENT_MESSAGE:
      return agentMessage(row)
    default:
      return userMessage(row)
  }
}
