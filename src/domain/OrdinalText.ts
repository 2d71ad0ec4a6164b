/**
 * Gives a line of JSON another ordinal without reading the rest of it anew: every other character stays as it is.
 */

interface Span {
  readonly start: number
  readonly end: number
}

/** Where the string ends that begins at `start`: behind its closing quote. */
const stringEnd = (text: string, start: number): number => {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1
  return at + 1
}

/** The values of a member of the outermost object. The text is known to be JSON. */
const valuesOf = (text: string, name: string): ReadonlyArray<Span> => {
  const found: Array<Span> = []
  let depth = 0
  let key: string | null = null
  let start = 0
  const close = (end: number) => {
    if (key === name) found.push({ start, end })
    key = null
  }
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') {
      const end = stringEnd(text, at)
      // A key may be spelled with escapes.
      if (depth === 1 && key === null) key = String(JSON.parse(text.slice(at, end)))
      at = end - 1
    } else if (char === "{" || char === "[") depth++
    else if (char === "}" || char === "]") {
      depth--
      if (depth === 0) close(at)
    } else if (char === ":" && depth === 1) start = at + 1
    else if (char === "," && depth === 1) close(at)
  }
  return found
}

/** The line with this ordinal, in the place of its own or, when it has none, first. */
export const setOrdinal = (text: string, ordinal: number): string => {
  const values = valuesOf(text, "ordinal")
  if (values.length === 0) return text.replace("{", `{"ordinal":${ordinal},`)
  return values.reduceRight((line, { end, start }) => line.slice(0, start) + ordinal + line.slice(end), text)
}
