/** The code in the client's guide compiles against the sources, as it is printed. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

const blocks = (file: string): ReadonlyArray<string> =>
  Array.from(readFileSync(join(root, file), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm), (match) => match[1] ?? "")

/** A folder inside the repository, so that packages are found from it. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(root, "node_modules/.guide-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const compile = (directory: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    execFile(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), "--project", directory],
      (error, stdout, stderr) => resume(Effect.succeed(error === null ? "" : stdout + stderr))
    )
  })

const check = Effect.fnUntraced(function* (texts: ReadonlyArray<string>) {
  const directory = yield* folder
  texts.forEach((text, n) => writeFileSync(join(directory, `block${n + 1}.ts`), text))
  writeFileSync(
    join(directory, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: { paths: { "rethread/client": [join(root, "src/rpc/client/index.ts")] }, plugins: [] },
      include: ["*.ts"]
    })
  )
  return yield* compile(directory)
}, Effect.scoped)

it.live(
  "the guide's code compiles",
  () =>
    Effect.gen(function* () {
      const texts = blocks("docs/client.md")
      assert.isAbove(texts.length, 3)
      const broken = `${texts[0]}\nexport const wrong: string = report`
      const said = yield* check([...texts, broken])
      // The last one shows that what is wrong is found.
      const errors = said.split("\n").filter((line) => line.includes("error TS"))
      assert.deepStrictEqual(
        errors.map((line) => /block\d+\.ts/.exec(line)?.[0]),
        [`block${texts.length + 1}.ts`]
      )
    }),
  60_000
)
