/**
 * Takes a passage: lines in a row inside a turn that its agent opened, which only say something, count tokens or belong to
 * the model's conversation. What was said is printed as items, everything else added up, so that nobody has to look at
 * these lines one by one. By far the most lines of a long rollout are in passages.
 */
import {
  AGENT_ITEM,
  AGENT_MESSAGE,
  AGENT_REASONING,
  ITEM,
  LENGTHS,
  LINES,
  OFFSETS,
  PASSAGE,
  PRINTED,
  PRINTED_END,
  ROW,
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
import { goesOn, itemCount, openPrint, printEnd, said } from "./print"

/** Room for everything about an item but its texts. */
const ITEM_ROOM: i32 = 1024

/** What the passage comes to. */
const ASKS: i32 = 1
const ANSWERS: i32 = 2

/** How a line is filed in which a user speaks; the number is that of `FiledLines.ts`. */
const FROM_USER: i32 = 4

/** The number of the line in the first row, and where its bytes would begin were they laid from the rollout's first on. */
let firstLine: i32 = 0
let start: f64 = 0
let filed: i32 = 0
let lastWord: i32 = 0
let counted: i32 = -1
let ordinal: f64 = -1

/** Begins to add up lines from the row `at` on, whose line has this number and begins there in the rollout. */
export function openSum(at: i32, line: i32, offset: f64): void {
  firstLine = line - at
  start = offset - (load<i32>(ROWS + at * ROW, ROW_FROM) as f64)
  filed = 0
  lastWord = 0
  counted = -1
  ordinal = -1
}

/** From here on only the figures that are to come count. */
export function openFigures(): void {
  counted = -1
}

/** The row of the last figures; -1 without any. */
export function lastFigures(): i32 {
  return counted
}

export function filedCount(): i32 {
  return filed
}

/** Takes back all that was filed behind so many. */
export function unfile(count: i32): void {
  filed = count
}

export function highestOrdinal(): f64 {
  return ordinal
}

/** The highest ordinal is what it was before, or that of this row. */
export function noteOrdinal(row: i32): void {
  ordinal = max(ordinal, load<f64>(row, ROW_ORDINAL))
}

export function setOrdinal(value: f64): void {
  ordinal = value
}

/** Where the line in a row begins in the rollout. */
export function offsetOf(row: i32): f64 {
  return start + (load<i32>(row, ROW_FROM) as f64)
}

export function lineOf(index: i32): i32 {
  return firstLine + index
}

/** Takes the line in the row with this number; false when it belongs to no passage, or has to be read. */
export function takeLine(index: i32): bool {
  const row = ROWS + index * ROW
  const kind = load<i32>(row, ROW_KIND)
  const length = load<i32>(row, ROW_TO) - load<i32>(row, ROW_FROM)
  if (kind >= ITEM && kind <= USER_ITEM) {
    store<f64>(OFFSETS + (filed << 3), offsetOf(row))
    store<i32>(LINES + (filed << 2), lineOf(index))
    store<i32>(LENGTHS + (filed << 2), length)
    store<i32>(USERS + (filed << 2), kind == USER_ITEM ? FROM_USER : 0)
    filed++
    if (kind == TOOL_ITEM || kind == USER_ITEM) lastWord = ASKS
    else if (kind == AGENT_ITEM) lastWord = ANSWERS
  } else if (kind == TOKEN_COUNT) counted = index
  else if (kind == AGENT_REASONING || kind == AGENT_MESSAGE || kind == USER_MESSAGE) {
    if (printEnd() + length + ITEM_ROOM > PRINTED_END || !said(kind, row)) return false
    if (kind == AGENT_MESSAGE) lastWord = ANSWERS
  } else return false
  noteOrdinal(row)
  return true
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
  openPrint(laid, first, before, reasons != 0)
  openSum(at, line, offset)
  let taken = 0
  while (taken < count && takeLine(at + taken)) taken++
  store<i32>(PASSAGE, printEnd() - PRINTED)
  store<i32>(PASSAGE, itemCount() - before, 4)
  store<i32>(PASSAGE, goesOn() ? 1 : 0, 8)
  store<i32>(PASSAGE, filed, 12)
  store<i32>(PASSAGE, lastWord, 16)
  store<i32>(PASSAGE, counted, 20)
  store<f64>(PASSAGE, ordinal, 24)
  return taken
}
