/**
 * Looks over the lines of a rollout: where each ends, what it is by its first bytes, and where in it is what the
 * projections need. Most lines are of a few kinds, written by programs, always the same way; those are known here, and
 * whatever looks different in any respect is `UNKNOWN` and left to the full reading.
 *
 * Of items that no projection reads, and behind the figures of usage, soundness is taken from the head and the end, and
 * from there being no NUL and no second line's beginning inside; everything else is walked over as `JSON.parse` would.
 *
 * Compiled by AssemblyScript (`npm run kernel`), because a first reading in JavaScript takes most of its time before it is
 * compiled: docs/performance.md, "Reading".
 */
import {
  BACKSLASH,
  CLOSE,
  COLON,
  COMMA,
  digitsEnd,
  hasEscape,
  naturalAt,
  OPEN,
  plainEnd,
  QUOTE,
  standsAt,
  stringEnd,
  valueEnd
} from "./json"
import { keyIndex } from "./keys"
import {
  AGENT_ITEM,
  AGENT_MESSAGE,
  AGENT_REASONING,
  BYTES,
  COUNTERS,
  DETAILS,
  FIGURES,
  ITEM,
  MEMBERS,
  MOST_LINES,
  ROW,
  ROW_DETAIL,
  ROW_FROM,
  ROW_KIND,
  ROW_ORDINAL,
  ROW_TIME_FROM,
  ROW_TIME_TO,
  ROW_TO,
  ROWS,
  TASK_COMPLETE,
  TASK_STARTED,
  TOKEN_COUNT,
  TOOL_ITEM,
  TURN_CONTEXT,
  UNKNOWN,
  USER_ITEM,
  USER_MESSAGE
} from "./layout"

export { BYTES, LENGTHS, LINES, OFFSETS, PASSAGE, PIECES, PRINTED, REFERENCE, ROWS, TURN_ROWS, USERS } from "./layout"
export { takePassage } from "./passage"
export { takeTurns } from "./turns"

const OPENING = '{"timestamp":"'
const GLUED = '{"timestamp":'
const ORDINAL = '"ordinal":'
const TYPE = '"type":"'
const PAYLOAD = '","payload":{'
const ID = ',"id":"'
const ROLE = ',"role":"'
const USER_TEXT = ',"content":[{"type":"input_text","text":"'

/** `"t`, as one number. */
const QUOTE_T: u16 = 0x7422
const NEWLINE: u8 = 0x0a
const SPACE: u8 = 0x20
const LETTER_N: u8 = 0x6e

/** Is there, in the line that was found last, a NUL, or another line's beginning? */
let isTorn: bool = false
/** Where the details of the next line go. */
let detail: i32 = 0
/** How far the figures of a line are read. */
let place: i32 = 0
/** What an address has to be lessened by to be a place in the bytes that were laid. */
let shift: i32 = 0

/** End of the line that begins at `from`; -1 when it does not end before `to`. */
function lineEnd(from: i32, to: i32): i32 {
  isTorn = false
  const newline = i8x16.splat(NEWLINE as i8)
  const bracket = i8x16.splat(OPEN as i8)
  const nul = i8x16.splat(0)
  for (let at = from; at < to; at += 16) {
    const bytes = v128.load(at)
    const ends = i8x16.eq(bytes, newline)
    const nuls = i8x16.eq(bytes, nul)
    const begins = i8x16.eq(bytes, bracket)
    if (!v128.any_true(v128.or(ends, v128.or(nuls, begins)))) continue
    const end = i8x16.bitmask(ends)
    // Only what is before the line's end is the line's.
    const before = end == 0 ? -1 : (1 << ctz(end)) - 1
    if ((i8x16.bitmask(nuls) & before) != 0) isTorn = true
    for (let mask = i8x16.bitmask(begins) & before; mask != 0; mask &= mask - 1) {
      const begin = at + ctz(mask)
      // Unescaped it stands inside no string: where it does stand, a line begins.
      if (load<u16>(begin + 1) == QUOTE_T && begin > from && standsAt(begin, GLUED)) isTorn = true
    }
    if (end != 0) return at + ctz(end) < to ? at + ctz(end) : -1
  }
  return -1
}

/** The kind of an event that is known; UNKNOWN for one that has to be read. */
function eventKind(at: i32, length: i32): i32 {
  switch (length) {
    case 11:
      return standsAt(at, "token_count") ? TOKEN_COUNT : UNKNOWN
    case 12:
      return standsAt(at, "user_message") ? USER_MESSAGE : standsAt(at, "task_started") ? TASK_STARTED : UNKNOWN
    case 13:
      return standsAt(at, "agent_message") ? AGENT_MESSAGE : standsAt(at, "task_complete") ? TASK_COMPLETE : UNKNOWN
    case 15:
      return standsAt(at, "agent_reasoning") ? AGENT_REASONING : UNKNOWN
    default:
      return UNKNOWN
  }
}

/** The kind of an item that is no message. */
function itemKind(at: i32, length: i32): i32 {
  switch (length) {
    case 9:
      return standsAt(at, "reasoning") ? ITEM : UNKNOWN
    case 13:
      return standsAt(at, "function_call") ? TOOL_ITEM : UNKNOWN
    case 14:
      return standsAt(at, "ghost_snapshot") ? ITEM : UNKNOWN
    case 15:
      return standsAt(at, "web_search_call") ? TOOL_ITEM : UNKNOWN
    case 16:
      return standsAt(at, "custom_tool_call") || standsAt(at, "local_shell_call") ? TOOL_ITEM : UNKNOWN
    case 20:
      return standsAt(at, "function_call_output") ? TOOL_ITEM : UNKNOWN
    case 21:
      return standsAt(at, "image_generation_call") ? TOOL_ITEM : UNKNOWN
    case 23:
      return standsAt(at, "custom_tool_call_output") ? TOOL_ITEM : UNKNOWN
    default:
      return UNKNOWN
  }
}

/** The kind of a message, by who speaks; `at` is behind its type. */
function messageKind(at: i32): i32 {
  let next = at
  if (standsAt(next, ID)) {
    const end = plainEnd(next + ID.length, 200)
    if (end < 0) return UNKNOWN
    next = end + 1
  }
  if (!standsAt(next, ROLE)) return UNKNOWN
  const from = next + ROLE.length
  const end = plainEnd(from, 16)
  switch (end - from) {
    case 4:
      return standsAt(from, "user") && isUsersOwn(end + 1) ? USER_ITEM : UNKNOWN
    case 6:
      return standsAt(from, "system") ? ITEM : UNKNOWN
    case 9:
      return standsAt(from, "assistant") ? AGENT_ITEM : standsAt(from, "developer") ? ITEM : UNKNOWN
    default:
      return UNKNOWN
  }
}

/** What Codex puts in under the user's name begins with a bracket or a heading, behind white space or none. */
function isUsersOwn(at: i32): bool {
  if (!standsAt(at, USER_TEXT)) return false
  let next = at + USER_TEXT.length
  for (;;) {
    if (load<u8>(next) == SPACE) next++
    else if (load<u8>(next) == BACKSLASH && load<u8>(next + 1) == LETTER_N) next += 2
    else break
  }
  const first = load<u8>(next)
  return (first >= 0x30 && first <= 0x39) || (first >= 0x41 && first <= 0x5a) || (first >= 0x61 && first <= 0x7a)
}

/** Takes the members from `at` on, which is at the object's bracket or at a comma in it; the end of it, or -1. */
function takeMembers(at: i32, to: i32): i32 {
  memory.fill(detail, 0, MEMBERS)
  if (load<u8>(at) == OPEN && load<u8>(at + 1) == CLOSE) return at + 2
  let next = at
  while (load<u8>(next) == COMMA || (next == at && load<u8>(next) == OPEN)) {
    const key = next + 1
    const keyEnd = stringEnd(key, to)
    if (keyEnd < 0 || load<u8>(keyEnd) != COLON) return -1
    const end = valueEnd(keyEnd + 1, to, 0)
    if (end < 0) return -1
    const index = keyIndex(key + 1, keyEnd - key - 2)
    if (index >= 0) {
      store<i32>(detail + (index << 3), keyEnd + 1 - shift)
      store<i32>(detail + (index << 3), end - shift, 4)
    } else if (hasEscape(key, keyEnd)) return -1
    next = end
  }
  return load<u8>(next) == CLOSE ? next + 1 : -1
}

function pass(text: string): bool {
  if (!standsAt(place, text)) return false
  place += text.length
  return true
}

/** Reads a count behind its key into `to`; false when none stands there. */
function count(key: string, to: i32): bool {
  if (!pass(key)) return false
  const end = digitsEnd(place)
  const value = naturalAt(place, end)
  place = end
  store<f64>(to, value)
  return value >= 0
}

function usage(to: i32): bool {
  if (!count('"input_tokens":', to)) return false
  if (!count(',"cached_input_tokens":', to + 8)) return false
  // Older records have no such counter.
  if (!standsAt(place, ',"cache_write_input_tokens":')) store<f64>(to + 16, 0)
  else if (!count(',"cache_write_input_tokens":', to + 16)) return false
  if (!count(',"output_tokens":', to + 24)) return false
  if (!count(',"reasoning_output_tokens":', to + 32)) return false
  if (!count(',"total_tokens":', to + 40)) return false
  // A total without parts is a guess, and has rules of its own.
  let parts: f64 = 0
  for (let at = 0; at < 40; at += 8) parts += load<f64>(to + at)
  return parts > 0 || load<f64>(to + 40) == 0
}

/** Figures as they are usually written; what follows them is not looked at. */
function areFigures(at: i32, to: i32): bool {
  place = at
  if (!pass(',"info":{"total_token_usage":{') || !usage(detail)) return false
  if (!pass('},"last_token_usage":{') || !usage(detail + COUNTERS)) return false
  if (!count('},"model_context_window":', detail + COUNTERS * 2)) return false
  const isLast = load<u8>(place) == CLOSE && place + 3 == to
  return (isLast || standsAt(place, '},"rate_limits":')) && !isTorn
}

/** What the line between `from` and `to` is; its row is filled as far as that is known. */
function kindOf(from: i32, to: i32, row: i32): i32 {
  if (to - from < 64 || load<u8>(to - 1) != CLOSE || load<u8>(to - 2) != CLOSE) return UNKNOWN
  if (!standsAt(from, OPENING)) return UNKNOWN
  const time = from + OPENING.length
  const timeEnd = plainEnd(time, 40)
  if (timeEnd <= time || load<u8>(timeEnd + 1) != COMMA) return UNKNOWN
  store<i32>(row, time - shift, ROW_TIME_FROM)
  store<i32>(row, timeEnd - shift, ROW_TIME_TO)
  let at = timeEnd + 2
  if (standsAt(at, ORDINAL)) {
    const digits = at + ORDINAL.length
    const end = digitsEnd(digits)
    const ordinal = naturalAt(digits, end)
    if (ordinal < 0 || load<u8>(end) != COMMA) return UNKNOWN
    store<f64>(row, ordinal, ROW_ORDINAL)
    at = end + 1
  }
  if (!standsAt(at, TYPE)) return UNKNOWN
  at += TYPE.length
  const end = plainEnd(at, 16)
  if (end < 0 || !standsAt(end, PAYLOAD)) return UNKNOWN
  const payload = end + PAYLOAD.length
  const length = end - at
  if (length == 12 && standsAt(at, "turn_context")) {
    return takeMembers(payload - 1, to) == to - 1 ? TURN_CONTEXT : UNKNOWN
  }
  const isItem = length == 13 && standsAt(at, "response_item")
  if (!isItem && !(length == 9 && standsAt(at, "event_msg"))) return UNKNOWN
  if (!standsAt(payload, TYPE)) return UNKNOWN
  const type = payload + TYPE.length
  const typeEnd = plainEnd(type, 32)
  if (typeEnd < 0) return UNKNOWN
  if (isItem) {
    if (isTorn) return UNKNOWN
    const isMessage = typeEnd - type == 7 && standsAt(type, "message")
    return isMessage ? messageKind(typeEnd + 1) : itemKind(type, typeEnd - type)
  }
  const kind = eventKind(type, typeEnd - type)
  if (kind == UNKNOWN || load<u8>(typeEnd + 1) != COMMA) return UNKNOWN
  if (kind == TOKEN_COUNT) return areFigures(typeEnd + 1, to) ? TOKEN_COUNT : UNKNOWN
  // A second `type` would count more than the one in the head.
  return takeMembers(typeEnd + 1, to) == to - 1 && load<i32>(detail) == 0 ? kind : UNKNOWN
}

/**
 * Looks over the lines that end between `from` and `to`, {@link MOST_LINES} at most, and fills a row for each; how many
 * those are. `laid`: what place in the bytes the address `BYTES` has.
 */
export function look(from: i32, to: i32, laid: i32): i32 {
  shift = BYTES - laid
  detail = DETAILS
  let lines = 0
  for (let at = from; at < to && lines < MOST_LINES; lines++) {
    const end = lineEnd(at, to)
    if (end < 0) break
    const row = ROWS + lines * ROW
    store<i32>(row, at - shift, ROW_FROM)
    store<i32>(row, end - shift, ROW_TO)
    store<i32>(row, detail, ROW_DETAIL)
    store<f64>(row, -1, ROW_ORDINAL)
    const kind = kindOf(at, end, row)
    store<i32>(row, kind, ROW_KIND)
    if (kind == TOKEN_COUNT) detail += FIGURES
    else if (kind > TOKEN_COUNT) detail += MEMBERS
    at = end + 1
  }
  return lines
}
