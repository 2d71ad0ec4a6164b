/**
 * Walks over JSON in memory without making values of it: where a string, a number or any value ends, and whether it is
 * what `JSON.parse` would take. Every function answers -1 for what is no JSON, or not worth a walk (deeper than
 * `MOST_DEEP`, or with white space, of which Codex writes none).
 *
 * A walk may look at a few bytes behind `to`, never further than one word: there is always memory.
 */

export const QUOTE: u8 = 0x22
export const BACKSLASH: u8 = 0x5c
export const COMMA: u8 = 0x2c
export const COLON: u8 = 0x3a
export const OPEN: u8 = 0x7b
export const CLOSE: u8 = 0x7d
export const BRACKET: u8 = 0x5b
export const BRACKET_END: u8 = 0x5d
const ZERO: u8 = 0x30
const MOST_DEEP: i32 = 16

/** Does this ASCII text stand at `at`? */
export function standsAt(at: i32, text: string): bool {
  const chars = changetype<usize>(text)
  const length = text.length
  for (let i = 0; i < length; i++) if (load<u8>(at + i) != (load<u16>(chars + (i << 1)) as u8)) return false
  return true
}

/** End of a UTF-8 sequence that begins with the byte at `at`, which is not ASCII. */
function sequenceEnd(at: i32, to: i32): i32 {
  const lead = load<u8>(at)
  const size: i32 = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
  if (lead < 0xc2 || lead > 0xf4 || at + size > to) return -1
  for (let i = 1; i < size; i++) if ((load<u8>(at + i) & 0xc0) != 0x80) return -1
  const second = load<u8>(at + 1)
  // Overlong forms, surrogates, and what lies beyond the last code point.
  if (lead == 0xe0 && second < 0xa0) return -1
  if (lead == 0xed && second > 0x9f) return -1
  if (lead == 0xf0 && second < 0x90) return -1
  if (lead == 0xf4 && second > 0x8f) return -1
  return at + size
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39
}

function isHex(byte: u8): bool {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}

function escapeEnd(at: i32): i32 {
  switch (load<u8>(at + 1)) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // "/"
    case 0x62: // "b"
    case 0x66: // "f"
    case 0x6e: // "n"
    case 0x72: // "r"
    case 0x74: // "t"
      return at + 2
    case 0x75: // "u"
      for (let i = 2; i < 6; i++) if (!isHex(load<u8>(at + i))) return -1
      return at + 6
    default:
      return -1
  }
}

/** End of the string that begins at `at`, behind its closing quote. */
export function stringEnd(at: i32, to: i32): i32 {
  if (load<u8>(at) != QUOTE) return -1
  const space = i8x16.splat(0x20)
  const quote = i8x16.splat(QUOTE as i8)
  const backslash = i8x16.splat(BACKSLASH as i8)
  let next = at + 1
  while (next < to) {
    // As a signed number a byte that is not ASCII is less than a space.
    const bytes = v128.load(next)
    const special = v128.or(i8x16.lt_s(bytes, space), v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, backslash)))
    const mask = i8x16.bitmask(special)
    if (mask == 0) {
      next += 16
      continue
    }
    next += ctz(mask)
    if (next >= to) return -1
    const byte = load<u8>(next)
    if (byte == QUOTE) return next + 1
    if (byte == BACKSLASH) next = escapeEnd(next)
    else if (byte >= 0x80) next = sequenceEnd(next, to)
    else return -1
    if (next < 0) return -1
  }
  return -1
}

/** End of a run of printable ASCII from `at` on that ends with a quote, the quote left out; -1 when none ends soon. */
export function plainEnd(at: i32, longest: i32): i32 {
  for (let next = at; next <= at + longest; next++) {
    const byte = load<u8>(next)
    if (byte == QUOTE) return next
    if (byte == BACKSLASH || byte < 0x20 || byte > 0x7e) return -1
  }
  return -1
}

export function digitsEnd(at: i32): i32 {
  let next = at
  while (isDigit(load<u8>(next))) next++
  return next
}

/** The unsigned integer at `at` that ends at `end`, of at most 15 digits (a double holds it); -1 for anything else. */
export function naturalAt(at: i32, end: i32): f64 {
  if (end - at > 15 || end <= at || (load<u8>(at) == ZERO && end > at + 1)) return -1
  let value: i64 = 0
  for (let i = at; i < end; i++) {
    const byte = load<u8>(i)
    if (!isDigit(byte)) return -1
    value = value * 10 + ((byte - ZERO) as i64)
  }
  return value as f64
}

function numberEnd(at: i32): i32 {
  const start = load<u8>(at) == 0x2d ? at + 1 : at
  let next = digitsEnd(start)
  if (next == start || (load<u8>(start) == ZERO && next > start + 1)) return -1
  if (load<u8>(next) == 0x2e) {
    const fraction = digitsEnd(next + 1)
    if (fraction == next + 1) return -1
    next = fraction
  }
  if (load<u8>(next) == 0x65 || load<u8>(next) == 0x45) {
    const byte = load<u8>(next + 1)
    const sign = byte == 0x2b || byte == 0x2d ? next + 2 : next + 1
    const exponent = digitsEnd(sign)
    if (exponent == sign) return -1
    next = exponent
  }
  return next
}

/** End of a list of values or of members, whose first byte is at `at`. */
function listEnd(at: i32, to: i32, depth: i32): i32 {
  const isObject = load<u8>(at) == OPEN
  const close = isObject ? CLOSE : BRACKET_END
  if (load<u8>(at + 1) == close) return at + 2
  for (let next = at + 1; next < to; next++) {
    if (isObject) {
      next = stringEnd(next, to)
      if (next < 0 || load<u8>(next) != COLON) return -1
      next++
    }
    next = valueEnd(next, to, depth + 1)
    if (next < 0) return -1
    if (load<u8>(next) == close) return next + 1
    if (load<u8>(next) != COMMA) return -1
  }
  return -1
}

/** End of the value that begins at `at`, inside so many lists. */
export function valueEnd(at: i32, to: i32, depth: i32): i32 {
  switch (load<u8>(at)) {
    case QUOTE:
      return stringEnd(at, to)
    case OPEN:
    case BRACKET:
      return depth >= MOST_DEEP ? -1 : listEnd(at, to, depth)
    case 0x74:
      return standsAt(at, "true") ? at + 4 : -1
    case 0x66:
      return standsAt(at, "false") ? at + 5 : -1
    case 0x6e:
      return standsAt(at, "null") ? at + 4 : -1
    default:
      return numberEnd(at)
  }
}

/** Is there a backslash between? A key may be spelled with escapes, and then is one of those that are looked for after all. */
export function hasEscape(from: i32, to: i32): bool {
  for (let at = from; at < to; at++) if (load<u8>(at) == BACKSLASH) return true
  return false
}
