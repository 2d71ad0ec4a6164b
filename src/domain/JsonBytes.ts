/**
 * Reads single values where they stand in a line's bytes, without parsing the line: figures, and short text. What is not
 * exactly that is not taken, and the line has to be parsed.
 */

import type { Searchable } from "./ByteSearch.ts"

const QUOTE = 0x22
const BACKSLASH = 0x5c

const NULL = new TextEncoder().encode("null")

/** Do these bytes stand at `at`? */
export const standsAt = (bytes: Uint8Array, at: number, word: Uint8Array): boolean => {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false
  return true
}

/** Does `null` stand there? */
export const isNull = (bytes: Uint8Array, at: number): boolean => standsAt(bytes, at, NULL)

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

/** The text of a string of at most `longest` bytes without escapes, which begins and ends at its quotes; null for any other. */
export const plainText = (
  bytes: Uint8Array,
  search: Searchable,
  at: number,
  end: number,
  longest = 512
): string | null => {
  if (bytes[at] !== QUOTE || end - at > longest) return null
  for (let i = at + 1; i < end - 1; i++) if (bytes[i] === BACKSLASH) return null
  return search.text(at + 1, end - 1)
}
