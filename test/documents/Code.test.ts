/**
 * The code in documents and docstrings compiles against the sources, as it is printed: an import of `rethread/…` is an
 * import of the room that the package exports under that name.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isRecord } from "../../src/domain/Json.ts"
import { at } from "../conformance/Case.ts"
import { type Block, blocksOf, documents, put, read, root, sources } from "./Blocks.ts"

/** The sources behind the package's names. */
const paths = (): Readonly<Record<string, ReadonlyArray<string>>> => {
  const exported = at(JSON.parse(read("package.json")), "exports")
  return Object.fromEntries(
    Object.entries(isRecord(exported) ? exported : {}).flatMap(([name, target]) => {
      const types = at(target, "types")
      if (typeof types !== "string") return []
      const source = types.replace(/^\.\/dist/, "src").replace(/\.d\.ts$/, ".ts")
      return [[name.replace(/^\./, "rethread"), [join(root, source)]]]
    })
  )
}

const compile = Effect.fnUntraced(function* (blocks: ReadonlyArray<Pick<Block, "path" | "code">>) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => put(blocks)),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: { paths: paths(), plugins: [], noUnusedLocals: false },
    include: ["**/*.ts"]
  }
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config))
  const compiler = join(root, "node_modules/typescript/bin/tsc")
  return yield* Effect.callback<string>((resume) => {
    execFile(process.execPath, [compiler, "--project", directory], (error, stdout, stderr) =>
      resume(Effect.succeed(error === null ? "" : stdout + stderr))
    )
  })
}, Effect.scoped)

it("every block has a place of its own", () => {
  const places = [...documents, ...sources].flatMap(blocksOf).map(({ path }) => path)
  assert.deepStrictEqual(places, [...new Set(places)])
})

it.effect(
  "the code in documents and docstrings compiles",
  () =>
    Effect.gen(function* () {
      const blocks = [...documents, ...sources].flatMap(blocksOf)
      assert.isTrue(blocks.some(({ from }) => from === "README.md"))
      assert.isTrue(blocks.some(({ from }) => from.startsWith("src/")))
      // One that does not shows that what is wrong is found.
      const wrong = { path: "wrong.ts", code: 'import { Nothing } from "rethread/services"' }
      const said = yield* compile([...blocks, wrong])
      const errors = said.split("\n").filter((line) => line.includes("error TS"))
      assert.deepStrictEqual(
        errors.filter((line) => !line.includes("wrong.ts(1,10)")),
        []
      )
      assert.strictEqual(errors.length, 1)
    }),
  180_000
)
