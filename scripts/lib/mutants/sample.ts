/**
 * Which mutants are tried: a sample that a seed decides, with some of every module. A mutant is known by what it changes
 * and not by its line, so an edit elsewhere in the module leaves the sample as it was.
 */
import { Schema } from "effect"
import { createHash } from "node:crypto"

/** A change to one place of a file. Texts are cut and on one line; `nth` tells equal changes of a file apart. */
export const Change = Schema.Struct({
  file: Schema.String,
  mutator: Schema.String,
  original: Schema.String,
  replacement: Schema.String,
  nth: Schema.Int
})
export type Change = typeof Change.Type

/** The two halves of what Stryker mutates. */
export const areas = ["domain", "lifecycle"] as const

/** The half that a file belongs to, or the kernel (`scripts/kernel-mutants.ts`). */
export const areaOf = (file: string): (typeof areas)[number] | "kernel" => {
  if (file.startsWith("kernel/")) return "kernel"
  return file.startsWith("src/domain/") ? "domain" : "lifecycle"
}

/** Fewest mutants of a module, if it has as many. */
const fewest = 4

const oneLine = (text: string): string => {
  const flat = text.replaceAll(/\s+/g, " ").trim()
  if (flat.length <= 160) return flat
  return `${flat.slice(0, 140)}… ${createHash("sha256").update(flat).digest("hex").slice(0, 8)}`
}

/** Numbers changes that read alike, in the order given. */
export const numbered = <A>(
  found: ReadonlyArray<{ readonly of: A; readonly change: Omit<Change, "nth"> }>
): ReadonlyArray<{ readonly of: A; readonly change: Change }> => {
  const seen = new Map<string, number>()
  return found.map(({ of, change }) => {
    const cut = { ...change, original: oneLine(change.original), replacement: oneLine(change.replacement) }
    const alike = JSON.stringify(cut)
    const nth = seen.get(alike) ?? 0
    seen.set(alike, nth + 1)
    return { of, change: { ...cut, nth } }
  })
}

/** One text for one change. */
export const keyOf = ({ file, mutator, original, replacement, nth }: Change): string =>
  JSON.stringify([file, mutator, original, replacement, nth])

const rank = (change: Change, seed: number): string =>
  createHash("sha256")
    .update(`${seed}\n${keyOf(change)}`)
    .digest("hex")

interface Wanted {
  readonly size: number
  readonly seed: number
  /** Most mutants of a module. */
  readonly most?: number
}

/** About `size` mutants; every module has its share, within bounds. */
export const sampleOfArea = <A extends { readonly change: Change }>(
  all: ReadonlyArray<A>,
  { most = 12, seed, size }: Wanted
): ReadonlyArray<A> =>
  [...Map.groupBy(all, ({ change }) => change.file).values()].flatMap((ofModule) => {
    const share = Math.min(most, Math.max(fewest, Math.round((size * ofModule.length) / all.length)))
    return ofModule
      .map((one) => ({ one, at: rank(one.change, seed) }))
      .toSorted((a, b) => (a.at < b.at ? -1 : 1))
      .slice(0, share)
      .map(({ one }) => one)
  })

/** The sample of each area. */
export const sample = <A extends { readonly change: Change }>(
  all: ReadonlyArray<A>,
  wanted: Wanted
): ReadonlyArray<A> =>
  areas.flatMap((area) =>
    sampleOfArea(
      all.filter(({ change }) => areaOf(change.file) === area),
      wanted
    )
  )
