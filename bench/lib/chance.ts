/**
 * Chance that repeats: a seeded generator (sfc32) and the texts made from it. The same seed gives the same bytes on
 * every machine, so two runs of a benchmark read the same files.
 */
import { sfc32 } from "./sfc32.ts"

/** Numbers and texts from one seed. */
export interface Chance {
  /** In [0, 1). */
  readonly next: () => number
  /** A whole number in [low, high]. */
  readonly between: (low: number, high: number) => number
  /** A whole number in [low, high], small ones much more often: the logarithm is uniform. */
  readonly mostlySmall: (low: number, high: number) => number
  readonly pick: <A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
  readonly hex: (length: number) => string
  /** A UUIDv7 of that Unix millisecond. */
  readonly uuid: (milliseconds: number) => string
  /** Text that looks like code and search results: lines, quotes, tabs, some of it not ASCII. */
  readonly code: (length: number) => string
  /** Base64 without line breaks. */
  readonly base64: (length: number) => string
}

const words = (
  "const let function return yield import export from class extends interface type readonly string number boolean " +
  "undefined null this new Map Set Effect Layer Stream Schema Context Scope Fiber Queue Option Result error value " +
  "index path file line offset bytes test assert describe src lib dist docs package json thread turn item token usage " +
  "client server request response rollout session notify resume fork"
).split(" ")
const joints = [
  " ",
  " ",
  " ",
  " ",
  ".",
  ", ",
  "(",
  ") ",
  " = ",
  " => ",
  ': "',
  '" ',
  "\t",
  " → ",
  " // naïve "
] as const
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const poolSize = 1 << 20

export const makeChance = (seed: number): Chance => {
  const bits = sfc32(seed)

  const next = () => bits() / 0x1_0000_0000
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  const at = (choices: ReadonlyArray<string>) => choices[between(0, choices.length - 1)] ?? ""
  const hex = (length: number) => {
    let text = ""
    while (text.length < length) text += bits().toString(16).padStart(8, "0")
    return text.slice(0, length)
  }

  const codePool = (() => {
    let text = ""
    for (let line = 1; text.length < poolSize; line += 1) {
      text += `${line}:${"  ".repeat(between(0, 4))}`
      for (let word = between(2, 12); word > 0; word -= 1) text += at(words) + at(joints)
      text += "\n"
    }
    return text
  })()
  const base64Pool = Array.from({ length: poolSize }, () => alphabet[bits() & 63] ?? "").join("")
  const cut = (pool: string) => (length: number) => {
    if (length > pool.length) return pool.repeat(Math.ceil(length / pool.length)).slice(0, length)
    const start = between(0, pool.length - length)
    return pool.slice(start, start + length)
  }

  return {
    next,
    between,
    mostlySmall: (low, high) => Math.floor(low * (high / low) ** next()),
    pick: (choices) => choices[between(0, choices.length - 1)] ?? choices[0],
    hex,
    uuid: (milliseconds) => {
      const time = milliseconds.toString(16).padStart(12, "0")
      const variant = "89ab"[between(0, 3)] ?? "8"
      return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(12)}`
    },
    code: cut(codePool),
    base64: cut(base64Pool)
  }
}
