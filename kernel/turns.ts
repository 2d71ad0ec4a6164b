/**
 * Takes turns that lie in the looked-over lines from beginning to end: opened and completed by their agent, of nothing but
 * passages and settings that are as before. Each is printed whole, and filled into a row.
 */
import { BACKSLASH, naturalAt, QUOTE, standsAt } from "./json"
import {
  APPROVAL_POLICY,
  APPROVALS_REVIEWER,
  COMPLETED_AT,
  CWD,
  DURATION_MS,
  EFFORT,
  ERROR,
  LAST_AGENT_MESSAGE,
  MODEL,
  MODEL_CONTEXT_WINDOW,
  ROOT_TURN_ID,
  SANDBOX_POLICY,
  STARTED_AT,
  SUMMARY,
  TURN_ID
} from "./keys"
import {
  PASSAGE,
  PRINTED,
  PRINTED_END,
  REFERENCE,
  ROW,
  ROW_FROM,
  ROW_KIND,
  ROW_TO,
  ROWS,
  TASK_COMPLETE,
  TASK_STARTED,
  TURN_CONTEXT,
  TURN_ROW,
  TURN_ROWS
} from "./layout"
import {
  filedCount,
  highestOrdinal,
  lastFigures,
  lineOf,
  noteOrdinal,
  offsetOf,
  openFigures,
  openSum,
  setOrdinal,
  takeLine,
  unfile
} from "./passage"
import {
  byte,
  endReasoning,
  isAbsent,
  isMissing,
  isTextOrAbsent,
  itemCount,
  memberFrom,
  memberTo,
  nextNumber,
  openItems,
  openPrint,
  piece,
  printEnd,
  rewind,
  valueOrNull
} from "./print"

// Which piece is which; the order is that of `ItemPieces.ts`.
const BEFORE: i32 = 12
const AFTER: i32 = 15

/** The longest name of a turn, with its quotes, as in `JsonBytes.plainText`; and room for everything of a turn but its items. */
const LONGEST: i32 = 512
const TURN_ROOM: i32 = 2048

/** A text without escapes, which is not long. */
function isPlain(row: i32, key: i32): bool {
  if (isMissing(row, key)) return false
  const from = memberFrom(row, key)
  const to = memberTo(row, key)
  if (load<u8>(from) != QUOTE || to - from > LONGEST) return false
  for (let at = from + 1; at < to - 1; at++) if (load<u8>(at) == BACKSLASH) return false
  return true
}

function isPlainOrAbsent(row: i32, key: i32): bool {
  return isAbsent(row, key) || isPlain(row, key)
}

function isNaturalOrAbsent(row: i32, key: i32): bool {
  return isAbsent(row, key) || naturalAt(memberFrom(row, key), memberTo(row, key)) >= 0
}

function begins(row: i32): bool {
  if (!isPlain(row, TURN_ID) || memberTo(row, TURN_ID) - memberFrom(row, TURN_ID) <= 2) return false
  if (!isNaturalOrAbsent(row, STARTED_AT) || !isNaturalOrAbsent(row, MODEL_CONTEXT_WINDOW)) return false
  return isPlainOrAbsent(row, ROOT_TURN_ID)
}

/** Does the line in the row end the turn that the other one began, and without an error? */
function ends(row: i32, begun: i32): bool {
  const length = memberTo(begun, TURN_ID) - memberFrom(begun, TURN_ID)
  if (isMissing(row, TURN_ID) || memberTo(row, TURN_ID) - memberFrom(row, TURN_ID) != length) return false
  if (memory.compare(memberFrom(row, TURN_ID), memberFrom(begun, TURN_ID), length) != 0) return false
  if (!isPlainOrAbsent(row, ROOT_TURN_ID) || !isNaturalOrAbsent(row, STARTED_AT)) return false
  if (!isNaturalOrAbsent(row, COMPLETED_AT) || !isNaturalOrAbsent(row, DURATION_MS)) return false
  return isAbsent(row, ERROR) && isTextOrAbsent(row, LAST_AGENT_MESSAGE)
}

/** Where the next value that is compared with stands in the reference. */
let place: i32 = 0

function isAsBefore(row: i32, key: i32): bool {
  const length = load<i32>(place)
  const from = place + 4
  place = from + length
  if (length == 0) return isAbsent(row, key)
  if (isMissing(row, key) || memberTo(row, key) - memberFrom(row, key) != length) return false
  return memory.compare(memberFrom(row, key), from, length) == 0
}

/** Are the settings in the row those of the reference? */
function areSettled(row: i32): bool {
  place = REFERENCE
  if (load<i32>(place) < 0) return false
  if (!isAsBefore(row, CWD) || !isAsBefore(row, MODEL) || !isAsBefore(row, EFFORT)) return false
  if (!isAsBefore(row, APPROVAL_POLICY) || !isAsBefore(row, APPROVALS_REVIEWER)) return false
  return (
    !isMissing(row, SUMMARY) &&
    !isMissing(row, SANDBOX_POLICY) &&
    standsAt(memberFrom(row, SANDBOX_POLICY), '{"type":"')
  )
}

function begin(row: i32): void {
  byte(0x2c)
  piece(BEFORE)
  valueOrNull(row, TURN_ID)
  piece(BEFORE + 1)
  valueOrNull(row, ROOT_TURN_ID)
  piece(BEFORE + 2)
}

function end(row: i32, begun: i32): void {
  piece(AFTER)
  valueOrNull(begun, STARTED_AT)
  piece(AFTER + 1)
  valueOrNull(row, COMPLETED_AT)
  piece(AFTER + 2)
  valueOrNull(row, DURATION_MS)
  piece(AFTER + 3)
}

/** The row behind the turn that begins in the row `at`, of those before `to`; -1 when it is not to be taken. `turn`: its own row. */
function takeTurn(at: i32, to: i32, turn: i32): i32 {
  const begun = ROWS + at * ROW
  // What is behind the last row is of bytes that were here before.
  if (at >= to || load<i32>(begun, ROW_KIND) != TASK_STARTED || !begins(begun)) return -1
  if (printEnd() + TURN_ROOM > PRINTED_END) return -1
  begin(begun)
  openItems()
  openFigures()
  noteOrdinal(begun)
  store<i32>(turn, printEnd() - PRINTED, 36)
  for (let next = at + 1; next < to; next++) {
    const row = ROWS + next * ROW
    const kind = load<i32>(row, ROW_KIND)
    if (kind == TASK_COMPLETE) {
      if (!ends(row, begun) || printEnd() + TURN_ROOM > PRINTED_END) return -1
      noteOrdinal(row)
      endReasoning()
      store<i32>(turn, printEnd() - PRINTED, 40)
      end(row, begun)
      store<i32>(turn, printEnd() - PRINTED, 44)
      store<i32>(turn, at)
      store<i32>(turn, lineOf(at), 4)
      store<i32>(turn, load<i32>(begun, ROW_TO) - load<i32>(begun, ROW_FROM), 8)
      store<i32>(turn, itemCount(), 12)
      store<i32>(turn, filedCount(), 16)
      store<i32>(turn, lastFigures(), 20)
      store<i32>(turn, next, 24)
      store<f64>(turn, offsetOf(begun), 48)
      return next + 1
    }
    if (kind != TURN_CONTEXT) {
      if (!takeLine(next)) return -1
    } else if (areSettled(row)) noteOrdinal(row)
    else return -1
  }
  return -1
}

/**
 * Takes whole turns from the row `at` on, of `count` rows at most; how many rows. `laid`, `first`, `line` and `offset` as in
 * `takePassage`. The turns are at `TURN_ROWS`, and what they come to together at `PASSAGE`.
 */
export function takeTurns(at: i32, count: i32, laid: i32, first: i32, line: i32, offset: f64): i32 {
  openPrint(laid, first, 0, false)
  openSum(at, line, offset)
  let next = at
  let turns = 0
  for (;;) {
    const printed = printEnd()
    const number = nextNumber()
    const filed = filedCount()
    const ordinal = highestOrdinal()
    const behind = takeTurn(next, at + count, TURN_ROWS + turns * TURN_ROW)
    if (behind < 0) {
      rewind(printed, number)
      unfile(filed)
      setOrdinal(ordinal)
      break
    }
    next = behind
    turns++
  }
  store<i32>(PASSAGE, printEnd() - PRINTED)
  store<i32>(PASSAGE, nextNumber() - first, 4)
  store<i32>(PASSAGE, turns, 8)
  store<i32>(PASSAGE, filedCount(), 12)
  store<f64>(PASSAGE, highestOrdinal(), 24)
  return next - at
}
