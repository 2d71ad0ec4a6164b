/**
 * The code in documents and docstrings compiles against the sources, as it is printed: an import of `rethread/…` is an
 * import of the room that the package exports under that name.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isRecord } from "../../src/domain/Json.ts"
import { at } from "../conformance/Case.ts"

const root = join(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

const inDocuments = /^```ts\n([\s\S]*?)^```$/gm
const inDocstrings = /^ *\* ```ts\n([\s\S]*?)^ *\* ```$/gm
const margin = /^ *\* ?/gm

interface Block {
  readonly name: string
  readonly code: string
}

const blocksOf = (file: string): ReadonlyArray<Block> => {
  const isSource = file.endsWith(".ts")
  return Array.from(read(file).matchAll(isSource ? inDocstrings : inDocuments), ([, code = ""], n) => ({
    name: `${file.replaceAll(/[^A-Za-z0-9]+/g, "_")}_${n + 1}.ts`,
    code: isSource ? code.replaceAll(margin, "") : code
  }))
}

const documents = ["README.md", ...globSync("docs/*.md", { cwd: root })]
const sources = globSync("src/**/*.ts", { cwd: root })

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

/** A folder inside the repository, so that packages are found from it. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(root, "node_modules/.documents-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const compile = Effect.fnUntraced(function* (blocks: ReadonlyArray<Block>) {
  const directory = yield* folder
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: { paths: paths(), plugins: [], noUnusedLocals: false },
    include: ["*.ts"]
  }
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config))
  // A block is a module of its own, also one that neither imports nor exports.
  for (const { code, name } of blocks) writeFileSync(join(directory, name), `${code}\nexport {}\n`)
  const compiler = join(root, "node_modules/typescript/bin/tsc")
  return yield* Effect.callback<string>((resume) => {
    execFile(process.execPath, [compiler, "--project", directory], (error, stdout, stderr) =>
      resume(Effect.succeed(error === null ? "" : stdout + stderr))
    )
  })
}, Effect.scoped)

it.effect("the code in documents and docstrings compiles", () =>
  Effect.gen(function* () {
    const blocks = [...documents, ...sources].flatMap(blocksOf)
    assert.isTrue(blocks.some(({ name }) => name.startsWith("README")))
    assert.isTrue(blocks.some(({ name }) => name.startsWith("src_")))
    // One that does not shows that what is wrong is found.
    const wrong = { name: "wrong.ts", code: 'import { Nothing } from "rethread/services"' }
    const said = yield* compile([...blocks, wrong])
    const errors = said.split("\n").filter((line) => line.includes("error TS"))
    assert.deepStrictEqual(
      errors.filter((line) => !line.includes("wrong.ts(1,10)")),
      []
    )
    assert.strictEqual(errors.length, 1)
  })
)
