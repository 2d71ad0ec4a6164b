/**
 * The tables of modules: what is put right in them, and what is left where somebody put it.
 */
import { assert, it } from "@effect/vitest"
import { globSync } from "node:fs"
import { join } from "node:path"
import { moduleMarks, withModules } from "../../scripts/lib/modules.ts"

const modules = globSync("src/**/*.ts", { cwd: join(import.meta.dirname, "../..") })
const row = (file: string, says: string) => `| [\`x\`](../${file}) | ${says} |`
const table = (...rows: ReadonlyArray<string>) => ["| module | |", "|---|---|", ...rows, ""].join("\n")
const named = (text: string) => Array.from(text.matchAll(/\]\(\.\.\/(src\/[^)]+)\)/g), ([, file = ""]) => file)

const document = (...parts: ReadonlyArray<string>) =>
  [moduleMarks.begin, "", ...parts, moduleMarks.end, "behind"].join("\n")

it("name every module once, by the header of each", () => {
  const text = withModules(document()) ?? ""
  assert.sameMembers(named(text), modules)
  assert.include(text, "| [`Ids`](../src/domain/Ids.ts) | The branded identifiers of the thread domain |")
  assert.isTrue(text.endsWith("\nbehind"))
  assert.strictEqual(withModules(text), text)
})

it("leave a row where it is, and take out what is gone or said twice", () => {
  const ids = row("src/domain/Ids.ts", "what somebody wrote")
  const text =
    withModules(document("**First**", "", table(ids), "**Second**", "", table(row("src/domain/Gone.ts", "?"), ids))) ??
    ""
  assert.sameMembers(named(text), modules)
  assert.isBelow(text.indexOf("The branded identifiers"), text.indexOf("**Second**"))
})

it("are nowhere without marks", () => assert.isUndefined(withModules("no marks")))
