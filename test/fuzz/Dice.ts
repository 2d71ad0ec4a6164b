/**
 * Chance that repeats: a seeded generator and what fuzz tests make of it. The same seed gives the same run.
 */
import { Config, Effect } from "effect"
import { sfc32 } from "../../bench/lib/sfc32.ts"

export interface Dice {
  /** A whole number in [0, sides). */
  readonly roll: (sides: number) => number
  /** True once in `n`. */
  readonly once: (n: number) => boolean
  readonly pick: <A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
  /** One of a list that may be empty. */
  readonly any: <A>(choices: ReadonlyArray<A>) => A | undefined
}

/** A generator from a seed. */
export const make = (seed: number): Dice => {
  const bits = sfc32(seed)
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
