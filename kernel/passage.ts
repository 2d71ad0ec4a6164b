/**
 * Takes a passage: lines in a row inside a turn that its agent opened, which only say something, count tokens or belong to
 * the model's conversation. What was said is printed as items, everything else added up, so that nobody has to look at
 * these lines one by one. By far the most lines of a long rollout are in passages.
 */
import { BACKSLASH, BRACKET, BRACKET_END, QUOTE, standsAt } from "./json"
import {
  AGENT_ITEM,
  AGENT_MESSAGE,
  AGENT_REASONING,
  BYTES,
  ITEM,
  LENGTHS,
  LINES,
  OFFSETS,
  PASSAGE,
  PIECES,
  PRINTED,
  PRINTED_END,
  ROW,
  ROW_DETAIL,
  ROW_FROM,
  ROW_KIND,
  ROW_ORDINAL,
  ROW_TO,
  ROWS,
  TOKEN_COUNT,
  TOOL_ITEM,
  USER_ITEM,
  USER_MESSAGE,
  USERS
} from "./layout"
import { ATTACHED_FIRST, ATTACHED_LAST, CLIENT_ID, MEMORY_CITATION, MESSAGE, PHASE, TEXT, TEXT_ELEMENTS } from "./keys"

// Which piece is which; the order is that of `ItemPieces.ts`.
const REASONING: i32 = 0
const AGENT: i32 = 3
const USER: i32 = 7

const LETTER_U: u8 = 0x75

/** Room for everything about an item but its texts. */
const ITEM_ROOM: i32 = 1024

/** What the passage comes to. */
const ASKS: i32 = 1
const ANSWERS: i32 = 2

let out: i32 = 0
let items: i32 = 0
let number: i32 = 0
let isReasoning: bool = false
/** What a place in the bytes that were laid has to be increased by to be an address. */
let base: i32 = 0

function copy(from: i32, to: i32): void {
  memory.copy(out, from, to - from)
  out += to - from
}

function piece(index: i32): void {
  copy(load<i32>(PIECES + (index << 3)), load<i32>(PIECES + (index << 3), 4))
}

function byte(value: u8): void {
  store<u8>(out++, value)
}

function digits(value: i32): void {
  if (value > 9) digits(value / 10)
  byte((0x30 + (value % 10)) as u8)
}

function endReasoning(): void {
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

function memberFrom(row: i32, key: i32): i32 {
  return load<i32>(load<i32>(row, ROW_DETAIL) + (key << 3)) + base
}

function memberTo(row: i32, key: i32): i32 {
  return load<i32>(load<i32>(row, ROW_DETAIL) + (key << 3), 4) + base
}

function isMissing(row: i32, key: i32): bool {
  return load<i32>(load<i32>(row, ROW_DETAIL) + (key << 3)) == 0
}

function isAbsent(row: i32, key: i32): bool {
  return isMissing(row, key) || standsAt(memberFrom(row, key), "null")
}

function isText(row: i32, key: i32): bool {
  return !isMissing(row, key) && load<u8>(memberFrom(row, key)) == QUOTE
}

function isTextOrAbsent(row: i32, key: i32): bool {
  return isAbsent(row, key) || isText(row, key)
}

function isEmptyList(at: i32): bool {
  return load<u8>(at) == BRACKET && load<u8>(at + 1) == BRACKET_END
}

function text(row: i32, key: i32): void {
  copy(memberFrom(row, key), memberTo(row, key))
}

function textOrNull(row: i32, key: i32): void {
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
  textOrNull(row, PHASE)
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
  textOrNull(row, CLIENT_ID)
  piece(USER + 2)
  text(row, MESSAGE)
  // Nothing is attached, which would stand between.
  piece(USER + 3)
  piece(USER + 4)
  return true
}

function said(kind: i32, row: i32): bool {
  switch (kind) {
    case AGENT_REASONING:
      return reasoning(row)
    case AGENT_MESSAGE:
      return agentMessage(row)
    default:
      return userMessage(row)
  }
}

/**
 * Takes lines from the row `at` on, `count` at most; how many. `laid` as in `look`; `first` is the number of the next item,
 * `before` how many items the turn has, `reasons`: does its last one go on? The first line has this number and begins
 * there in the rollout. What it comes to is at `PASSAGE`.
 */
export function takePassage(
  at: i32,
  count: i32,
  laid: i32,
  first: i32,
  before: i32,
  reasons: i32,
  line: i32,
  offset: f64
): i32 {
  base = BYTES - laid
  out = PRINTED
  number = first
  items = before
  isReasoning = reasons != 0
  let filed = 0
  let lastWord = 0
  let counted = -1
  let ordinal: f64 = -1
  let taken = 0
  const start = offset - (load<i32>(ROWS + at * ROW, ROW_FROM) as f64)
  for (; taken < count; taken++) {
    const row = ROWS + (at + taken) * ROW
    const kind = load<i32>(row, ROW_KIND)
    const from = load<i32>(row, ROW_FROM)
    const length = load<i32>(row, ROW_TO) - from
    if (kind >= ITEM && kind <= USER_ITEM) {
      store<f64>(OFFSETS + (filed << 3), start + (from as f64))
      store<i32>(LINES + (filed << 2), line + taken)
      store<i32>(LENGTHS + (filed << 2), length)
      store<i32>(USERS + (filed << 2), kind == USER_ITEM ? 1 : 0)
      filed++
      if (kind == TOOL_ITEM || kind == USER_ITEM) lastWord = ASKS
      else if (kind == AGENT_ITEM) lastWord = ANSWERS
    } else if (kind == TOKEN_COUNT) counted = at + taken
    else if (kind == AGENT_REASONING || kind == AGENT_MESSAGE || kind == USER_MESSAGE) {
      if (out + length + ITEM_ROOM > PRINTED_END || !said(kind, row)) break
      if (kind == AGENT_MESSAGE) lastWord = ANSWERS
    } else break
    ordinal = max(ordinal, load<f64>(row, ROW_ORDINAL))
  }
  store<i32>(PASSAGE, out - PRINTED)
  store<i32>(PASSAGE, items - before, 4)
  store<i32>(PASSAGE, isReasoning ? 1 : 0, 8)
  store<i32>(PASSAGE, filed, 12)
  store<i32>(PASSAGE, lastWord, 16)
  store<i32>(PASSAGE, counted, 20)
  store<f64>(PASSAGE, ordinal, 24)
  return taken
}
