/**
 * Walks over JSON in bytes without making values of it: where a string, a number or any value ends, and whether it is
 * what `JSON.parse` would take. What is found so may be copied as it is into other JSON.
 *
 * Every function answers -1 for what is no JSON, or not worth a walk (nested deeper than `maxDepth`): then the text has
 * to be parsed. Plain loops on bytes: this is a part of the hot path of reading (docs/performance.md, "Reading").
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const maxDepth = 16

const encoder = new TextEncoder()

/** Do these bytes stand at `at`? */
export const standsAt = (bytes: Uint8Array, at: number, word: Uint8Array): boolean => {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false
  return true
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isHex = (byte: number): boolean =>
  isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)

/** End of a UTF-8 sequence that begins with the byte at `at`, which is not ASCII; -1 when it is none. */
const sequenceEnd = (bytes: Uint8Array, at: number, to: number): number => {
  const lead = bytes[at] ?? 0
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
  if (lead < 0xc2 || lead > 0xf4 || at + size > to) return -1
  for (let i = 1; i < size; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return -1
  const second = bytes[at + 1] ?? 0
  // Overlong forms, surrogates, and what lies beyond the last code point.
  if (lead === 0xe0 && second < 0xa0) return -1
  if (lead === 0xed && second > 0x9f) return -1
  if (lead === 0xf0 && second < 0x90) return -1
  if (lead === 0xf4 && second > 0x8f) return -1
  return at + size
}

const escapeEnd = (bytes: Uint8Array, at: number): number => {
  switch (bytes[at + 1]) {
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
      for (let i = 2; i < 6; i++) if (!isHex(bytes[at + i] ?? 0)) return -1
      return at + 6
    default:
      return -1
  }
}

/** 1 for a byte that stands for itself in a string. */
const plainBytes = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0
)

/** End of the string that begins at `at`, behind its closing quote. */
export const stringEnd = (bytes: Uint8Array, at: number, to: number): number => {
  if (bytes[at] !== QUOTE) return -1
  let next = at + 1
  while (next < to) {
    const byte = bytes[next] ?? 0
    if (plainBytes[byte] === 1) {
      next++
      continue
    }
    if (byte === QUOTE) return next + 1
    if (byte === BACKSLASH) next = escapeEnd(bytes, next)
    else if (byte >= 0x80) next = sequenceEnd(bytes, next, to)
    else return -1
    if (next < 0) return -1
  }
  return -1
}

const digitsEnd = (bytes: Uint8Array, at: number): number => {
  let next = at
  while (isDigit(bytes[next] ?? 0)) next++
  return next
}

const numberEnd = (bytes: Uint8Array, at: number): number => {
  const start = bytes[at] === 0x2d ? at + 1 : at
  let next = digitsEnd(bytes, start)
  if (next === start || (bytes[start] === 0x30 && next > start + 1)) return -1
  if (bytes[next] === 0x2e) {
    const fraction = digitsEnd(bytes, next + 1)
    if (fraction === next + 1) return -1
    next = fraction
  }
  if (bytes[next] === 0x65 || bytes[next] === 0x45) {
    const sign = bytes[next + 1] === 0x2b || bytes[next + 1] === 0x2d ? next + 2 : next + 1
    const exponent = digitsEnd(bytes, sign)
    if (exponent === sign) return -1
    next = exponent
  }
  return next
}

const TRUE = encoder.encode("true")
const FALSE = encoder.encode("false")
const NULL = encoder.encode("null")

const wordEnd = (bytes: Uint8Array, at: number, word: Uint8Array): number =>
  standsAt(bytes, at, word) ? at + word.length : -1

/** Does `null` stand there? */
export const isNull = (bytes: Uint8Array, at: number): boolean => standsAt(bytes, at, NULL)

/** End of a list of values or of members, whose first byte is at `at`. No white space: Codex and Rethread write none. */
const listEnd = (bytes: Uint8Array, at: number, to: number, depth: number): number => {
  const isObject = bytes[at] === 0x7b
  const close = isObject ? 0x7d : 0x5d
  if (bytes[at + 1] === close) return at + 2
  for (let next = at + 1; next < to; next++) {
    if (isObject) {
      next = stringEnd(bytes, next, to)
      if (next < 0 || bytes[next] !== 0x3a) return -1
      next++
    }
    next = valueEnd(bytes, next, to, depth + 1)
    if (next < 0) return -1
    if (bytes[next] === close) return next + 1
    if (bytes[next] !== 0x2c) return -1
  }
  return -1
}

/** End of the value that begins at `at`. */
export const valueEnd = (bytes: Uint8Array, at: number, to: number, depth = 0): number => {
  switch (bytes[at]) {
    case QUOTE:
      return stringEnd(bytes, at, to)
    case 0x7b: // "{"
    case 0x5b: // "["
      return depth >= maxDepth ? -1 : listEnd(bytes, at, to, depth)
    case 0x74:
      return wordEnd(bytes, at, TRUE)
    case 0x66:
      return wordEnd(bytes, at, FALSE)
    case 0x6e:
      return wordEnd(bytes, at, NULL)
    default:
      return numberEnd(bytes, at)
  }
}

/** The unsigned integer at `at` that ends at `end`, of at most 15 digits (a double holds it); -1 for anything else. */
export const naturalAt = (bytes: Uint8Array, at: number, end: number): number => {
  if (end - at > 15 || end <= at || (bytes[at] === 0x30 && end > at + 1)) return -1
  let value = 0
  for (let i = at; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The text of a string of at most `longest` bytes without escapes, which begins and ends at its quotes; null for any other. */
export const plainText = (bytes: Uint8Array, at: number, end: number, longest = 512): string | null => {
  if (bytes[at] !== QUOTE || end - at > longest) return null
  for (let i = at + 1; i < end - 1; i++) if (bytes[i] === BACKSLASH) return null
  return decoder.decode(bytes.subarray(at + 1, end - 1))
}
