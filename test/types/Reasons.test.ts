/**
 * What must not compile does not compile for the reason that is meant: without its `@ts-expect-error` each line gives one
 * error, and `reasons.txt` has the error of each. `npx vitest run test/types -u` writes it anew; read it before you keep it.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"

const root = join(import.meta.dirname, "../..")
const directive = /^(\s*)\/\/ @ts-expect-error (.*)$/
const files = globSync("*.types.ts", { cwd: import.meta.dirname }).toSorted()

/** A line that must not compile. */
interface Refused {
  readonly file: string
  /** Of the line itself, from 1. */
  readonly line: number
  readonly says: string
}

const linesOf = (file: string): ReadonlyArray<string> =>
  readFileSync(join(import.meta.dirname, file), "utf8").split("\n")

const refused: ReadonlyArray<Refused> = files.flatMap((file) =>
  linesOf(file).flatMap((text, at) => {
    const says = directive.exec(text)?.[2]
    return says === undefined ? [] : [{ file, line: at + 2, says }]
  })
)

/** In place of the folder, and of what a type looks like in full: that may change, and is not the reason. */
const inShort = (message: string): string => {
  const sentence = message.replaceAll(/'([^']{80})[^']*'/g, "'$1…'")
  return sentence.length > 240 ? `${sentence.slice(0, 240)}…` : sentence
}

const compile = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(root, "node_modules/.types-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  for (const file of files) {
    writeFileSync(
      join(folder, file),
      linesOf(file)
        .map((text) => text.replace(directive, "$1//"))
        .join("\n")
    )
  }
  const config = { extends: join(root, "tsconfig.json"), compilerOptions: { plugins: [] }, include: ["*.ts"] }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
  const compiler = join(root, "node_modules/typescript/bin/tsc")
  return yield* Effect.callback<string>((resume) => {
    execFile(
      process.execPath,
      [compiler, "--singleThreaded", "--pretty", "false", "--project", folder],
      (_, stdout, stderr) => resume(Effect.succeed(stdout + stderr))
    )
  })
}).pipe(Effect.scoped)

it.effect(
  "each line that must not compile does not, for its reason",
  () =>
    Effect.gen(function* () {
      const said = yield* compile
      const errors = Array.from(
        said.matchAll(/^(?:[^\n]*\/)?(\w+\.types\.ts)\((\d+),\d+\): error TS\d+: (.*(?:\n +.*)*)$/gm),
        ([, file = "", line = "", text = ""]) => {
          // The innermost line is what it comes down to.
          const message = text.split("\n").at(-1)?.trim() ?? ""
          return { at: `${file}:${line}`, message }
        }
      )
      assert.isAbove(refused.length, 70)
      assert.sameMembers(
        errors.map(({ at }) => at),
        refused.map(({ file, line }) => `${file}:${line}`)
      )
      const reasons = refused.map(({ file, line, says }) => {
        const { message } = errors.find(({ at }) => at === `${file}:${line}`) ?? { message: "" }
        return `${file}: ${says}\n    ${inShort(message)}\n`
      })
      yield* Effect.promise(() => expect(reasons.join("")).toMatchFileSnapshot("reasons.txt"))
    }),
  180_000
)
