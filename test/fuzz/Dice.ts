/**
 * Chance that repeats: a seeded generator and what fuzz tests make of it. The same seed gives the same run.
 */
import { Config, Effect } from "effect"

export interface Dice {
  /** A whole number in [0, sides). */
  readonly roll: (sides: number) => number
  /** True once in `n`. */
  readonly once: (n: number) => boolean
  readonly pick: <A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
  /** One of a list that may be empty. */
  readonly any: <A>(choices: ReadonlyArray<A>) => A | undefined
}

/** A generator (sfc32) from a seed. */
export const make = (seed: number): Dice => {
  let a = seed | 0
  let b = 0x9e3779b9 | 0
  let c = 0x243f6a88 | 0
  let counter = 1
  const bits = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let warmUp = 0; warmUp < 16; warmUp++) bits()
  const roll = (sides: number) => Math.floor((bits() / 0x1_0000_0000) * sides)
  return {
    roll,
    once: (n) => roll(n) === 0,
    pick: (choices) => choices[roll(choices.length)] ?? choices[0],
    any: (choices) => choices[roll(choices.length)]
  }
}

/** How much is tried, and from where: `FUZZ_N` and `FUZZ_SEED`, else these. */
export const settings = (defaults: { readonly n: number; readonly seed: number }) =>
  Effect.orDie(
    Config.all({
      n: Config.Int("FUZZ_N").pipe(Config.withDefault(defaults.n)),
      seed: Config.Int("FUZZ_SEED").pipe(Config.withDefault(defaults.seed))
    })
  )
