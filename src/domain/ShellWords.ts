/**
 * Writes an argument vector as one POSIX shell line, quoted as Codex quotes it (Rust's `shlex`): each
 * stretch of a word takes the plainest quoting that is safe in every shell.
 */

const plain = /[A-Za-z0-9+\-./:@\]_]/
const inSingle = /[^'^\\]/
const inDouble = /[^`$!^]/

const quoteWord = (word: string): string => {
  if (word === "") return "''"
  let out = ""
  let rest = Array.from(word)
  while (rest.length > 0) {
    let bare = true
    let single = true
    let double = true
    let taken = 0
    // A caret is safe only right after an opening single quote.
    if (rest[0] === "^") {
      bare = false
      double = false
      taken = 1
    }
    for (; taken < rest.length; taken++) {
      const char = rest[taken] ?? ""
      const stillBare: boolean = bare && plain.test(char)
      const stillSingle: boolean = single && inSingle.test(char)
      const stillDouble: boolean = double && inDouble.test(char)
      if (!stillBare && !stillSingle && !stillDouble) break
      bare = stillBare
      single = stillSingle
      double = stillDouble
    }
    const chunk = rest.slice(0, taken).join("")
    out += bare ? chunk : single ? `'${chunk}'` : `"${chunk.replace(/[$`"\\]/g, "\\$&")}"`
    rest = rest.slice(taken)
  }
  return out
}

/** `["bash", "-lc", "ls -la"]` → `bash -lc 'ls -la'`. */
export const joinWords = (words: ReadonlyArray<string>): string => words.map(quoteWord).join(" ")
