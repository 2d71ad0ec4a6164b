/**
 * The report of the public interface says what a user can import, wherever it is declared, and changes with it.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeApiReport } from "../../scripts/lib/api.ts"

/** The report of `index.d.ts` among these declaration files. */
const reportOf = (files: Readonly<Record<string, string>>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "rethread-api-"))),
    (folder) =>
      Effect.sync(() => {
        for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
        return makeApiReport(folder)("entry", join(folder, "index.d.ts"))
      }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

const declared = (name: string, code: string) => `### ${name}\n\n\`\`\`ts\n${code}\n\`\`\`\n`

it.effect("re-exports are followed: all, by name, under another name, as a namespace", () =>
  Effect.gen(function* () {
    const report = yield* reportOf({
      "index.d.ts": [
        `export * from "./A.ts"`,
        `export { b as c } from "./B.ts"`,
        `export * as Names from "./B.ts"`,
        `export * from "effect"`
      ].join("\n"),
      "A.d.ts": `/** Words. */\nexport declare const a: (\n  /** what for */ n: number\n) => string\nconst hidden: 1`,
      "B.d.ts": `declare const b: 2\nexport interface B { readonly b: typeof b }\nexport { b }`
    })
    assert.include(report, declared("a", "declare const a: (\n   n: number\n) => string"))
    assert.include(report, "### Names\n\nThe module `B`.\n")
    assert.include(report, declared("Names.B", "interface B { readonly b: typeof b }"))
    assert.include(report, declared("Names.b", "declare const b: 2"))
    assert.include(report, "### c\n\nAs in `entry`, as `Names.b`.\n")
    assert.include(report, `export * from "effect"`)
    assert.notInclude(report, "hidden")
    assert.notInclude(report, "Words")
  })
)

it.effect("a class is reported with what it extends, a type and a value of one name both", () =>
  Effect.gen(function* () {
    const base = "declare const E_base: Base<{ readonly field: string }>;"
    const report = yield* reportOf({
      "index.d.ts": `${base}\nexport declare class E extends E_base {}\nexport declare const T: 1\nexport type T = typeof T`
    })
    assert.include(report, declared("E", `${base}\ndeclare class E extends E_base {}`))
    assert.include(report, declared("T", "declare const T: 1\ntype T = typeof T"))
  })
)

it.effect("a long declaration is cut, and a change behind the cut shows all the same", () =>
  Effect.gen(function* () {
    const long = (last: string) => ({
      "index.d.ts": `export interface Long {\n${"  readonly member: string\n".repeat(500)}  readonly last: ${last}\n}`
    })
    const [before, after] = yield* Effect.all([reportOf(long("string")), reportOf(long("number"))])
    assert.isBelow(before.length, 2000)
    assert.notStrictEqual(before, after)
  })
)
