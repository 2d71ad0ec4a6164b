/**
 * The code in documents runs as it is printed: a block with tests in it is a file of tests, any other is a program, which
 * prints what the document says. A program that never ends (`NodeRuntime.runMain`) is only compiled.
 */
import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { blocksOf, documents, put } from "./Blocks.ts"

const blocks = documents.flatMap(blocksOf).filter(({ code }) => !code.includes("NodeRuntime.runMain("))
const folder = put(blocks)
const printed: Array<string> = []

/** Loads a block; what it prints is kept. */
const load = async (path: string): Promise<void> => {
  printed.length = 0
  const log = vi.spyOn(console, "log").mockImplementation((...said) => void printed.push(said.map(String).join(" ")))
  await import(/* @vite-ignore */ join(folder, path)).finally(() => log.mockRestore())
}

afterAll(() => rmSync(folder, { recursive: true, force: true }))

for (const { code, path, prints } of blocks) {
  if (code.includes('from "@effect/vitest"')) {
    describe(path, () => load(path))
    continue
  }
  it(`${path} ${prints === null ? "loads" : "prints what the document says"}`, async () => {
    await load(path)
    if (prints !== null) assert.strictEqual(printed.join("\n"), prints.trimEnd())
  })
}

it("documents have programs and tests", () => {
  assert.isTrue(blocks.some(({ prints }) => prints !== null))
  assert.isTrue(blocks.some(({ path }) => path.endsWith(".test.ts")))
})
