/**
 * The plugin that tells Stryker which mutants to try. Stryker asks a checker about the mutants that are left when its
 * own settings have been heard; this one lets the sample pass, or the listed ones, and writes down which those were.
 */
import { Schema } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { relative, sep } from "node:path"
import { Change, keyOf, sample } from "./sample.ts"
import { worthARun } from "./worth.ts"

/** What `MUTANTS` holds. */
export const Settings = Schema.fromJsonString(
  Schema.Struct({
    /** How many mutants of each area; all with `null`. */
    size: Schema.NullOr(Schema.Int),
    seed: Schema.Int,
    /** Only changes with these keys. */
    keys: Schema.NullOr(Schema.Array(Schema.String)),
    /** Where to write down what was chosen. */
    chosen: Schema.String
  })
)
export type Settings = typeof Settings.Type

/** What the checker writes down. */
export const Chosen = Schema.fromJsonString(
  Schema.Struct({
    /** How many mutants there are to choose from, by file. */
    population: Schema.Record(Schema.String, Schema.Int),
    mutants: Schema.Array(Schema.Struct({ id: Schema.String, change: Change }))
  })
)
export type Chosen = typeof Chosen.Type

interface Place {
  readonly line: number
  readonly column: number
}

interface StrykerMutant {
  readonly id: string
  readonly fileName: string
  readonly mutatorName: string
  readonly replacement: string
  readonly location: { readonly start: Place; readonly end: Place }
}

const fileOf = (mutant: StrykerMutant): string => relative(process.cwd(), mutant.fileName).split(sep).join("/")

/** Offsets of Stryker's places, which count from 0. */
const offsets = (text: string): ((place: Place) => number) => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return ({ line, column }) => (starts[line] ?? text.length) + column
}

const choose = (mutants: ReadonlyArray<StrykerMutant>, settings: Settings): Chosen => {
  const all = [...Map.groupBy(mutants, fileOf)].flatMap(([file, ofFile]) => {
    const text = readFileSync(file, "utf8")
    const offset = offsets(text)
    return worthARun(
      file,
      text,
      ofFile.map(({ id, mutatorName, replacement, location }) => ({
        of: id,
        mutation: { mutatorName, replacement, start: offset(location.start), end: offset(location.end) }
      }))
    )
  })
  const { keys, seed, size } = settings
  const wanted = keys === null ? null : new Set(keys)
  const chosen =
    wanted !== null
      ? all.filter(({ change }) => wanted.has(keyOf(change)))
      : size === null
        ? all
        : sample(all, { size, seed })
  const byFile = Map.groupBy(all, ({ change }) => change.file)
  return {
    population: Object.fromEntries([...byFile].map(([file, ofFile]) => [file, ofFile.length])),
    mutants: chosen.map(({ of, change }) => ({ id: of, change }))
  }
}

const makeChecker = () => ({
  init: async () => {},
  group: async (mutants: ReadonlyArray<StrykerMutant>) => [mutants.map(({ id }) => id)],
  check: async (mutants: ReadonlyArray<StrykerMutant>) => {
    const settings = Schema.decodeUnknownSync(Settings)(process.env["MUTANTS"])
    const chosen = choose(mutants, settings)
    writeFileSync(settings.chosen, Schema.encodeSync(Chosen)(chosen))
    const ids = new Set(chosen.mutants.map(({ id }) => id))
    return Object.fromEntries(
      mutants.map(({ id }) => [
        id,
        ids.has(id) ? { status: "passed" } : { status: "compileError", reason: "not in the sample" }
      ])
    )
  }
})

export const strykerPlugins = [{ kind: "Checker", name: "sample", factory: makeChecker }]
