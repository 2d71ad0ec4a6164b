/**
 * How words are found in what was said: any part of a text, letter case and the kind of white space ignored,
 * and the piece of the text that is shown around what was found (docs/codex.md, "Searching").
 */

/** Characters shown before and after the words found, as Codex 0.169 shows them. */
const before = 49
const after = 96

const ascii = /^[\0-\x7F]*$/

// Letters that only differ in case become one, of the same length: "ß" is not "SS", for it would move what follows.
const foldLetter = (letter: string): string => {
  const upper = letter.toUpperCase()
  const folded = (upper.length === letter.length ? upper : letter).toLowerCase()
  return folded.length === letter.length ? folded : letter
}

/** The text without its letter case; every character keeps its place. */
export const foldCase = (text: string): string =>
  ascii.test(text) ? text.toLowerCase() : text.replace(/[^\0-\x40\x5B-\x60\x7B-\x7F]/gu, foldLetter)

/** One blank for each run of white space, none at the ends. */
export const collapse = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\s\0]+/g, " ")
    .trim()

/** What a search looks for; null when there is nothing but white space. */
export const searchTerm = (input: string): string | null => {
  const term = foldCase(collapse(input))
  return term === "" ? null : term
}

const back = (text: string, from: number, characters: number): number => {
  let at = from
  for (let n = 0; n < characters && at > 0; n++) {
    at -= at > 1 && isLow(text.charCodeAt(at - 1)) && isHigh(text.charCodeAt(at - 2)) ? 2 : 1
  }
  return at
}

const forth = (text: string, from: number, characters: number): number => {
  let at = from
  for (let n = 0; n < characters && at < text.length; n++) {
    at += isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1
  }
  return at
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

/** The text around the term, in a collapsed text; null where it is not in it. */
export const snippet = (text: string, term: string): string | null => {
  const found = foldCase(text).indexOf(term)
  if (found < 0) return null
  const start = back(text, found, before)
  const end = forth(text, found + term.length, after)
  const shown = text.slice(start, end).trim()
  return `${start > 0 ? "... " : ""}${shown}${end < text.length ? " ..." : ""}`
}

/** The term's runs of three characters: a text that lacks one of them lacks the term. None for a shorter term. */
export const trigrams = (term: string): ReadonlyArray<string> => {
  const characters = Array.from(term)
  const runs = new Set<string>()
  for (let at = 0; at + 3 <= characters.length; at++) runs.add(characters.slice(at, at + 3).join(""))
  return Array.from(runs)
}
