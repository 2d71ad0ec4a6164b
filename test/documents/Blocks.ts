/**
 * The code in documents and docstrings, as files that can be compiled and run. A block of a document whose first line is
 * `// Name.ts` has that name, so that others of the document can import it; what stands below it in a block of
 * text is what it prints. Each document has a folder of its own.
 */
import { globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

export const root = join(import.meta.dirname, "../..")

/** A file of the repository. */
export const read = (file: string): string => readFileSync(join(root, file), "utf8")

const inDocuments = /^```ts\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```$)?/gm
const inDocstrings = /^ *\* ```ts\n([\s\S]*?)^ *\* ```$/gm
const margin = /^ *\* ?/gm
const nameLine = /^\/\/ ([\w-]+(?:\.test)?\.ts)\n/

export interface Block {
  /** The document, or the module of the docstring. */
  readonly from: string
  /** Where it is put, below the folder of all blocks. */
  readonly path: string
  readonly code: string
  /** What the document says that it prints; null when it does not say. */
  readonly prints: string | null
}

export const documents: ReadonlyArray<string> = ["README.md", ...globSync("docs/*.md", { cwd: root }).toSorted()]
export const sources: ReadonlyArray<string> = globSync("src/**/*.ts", { cwd: root }).toSorted()

/** Every block of a file, in order. */
export const blocksOf = (file: string): ReadonlyArray<Block> => {
  const isSource = file.endsWith(".ts")
  const folder = file.replaceAll(/[^A-Za-z0-9]+/g, "_")
  return Array.from(read(file).matchAll(isSource ? inDocstrings : inDocuments), ([, text = "", prints], n) => {
    const code = isSource ? text.replaceAll(margin, "") : text
    return {
      from: file,
      path: join(folder, nameLine.exec(code)?.[1] ?? `block_${n + 1}.ts`),
      code,
      prints: prints ?? null
    }
  })
}

/** Puts the blocks into a new folder inside the repository, so that packages are found from it. */
export const put = (blocks: ReadonlyArray<Pick<Block, "path" | "code">>): string => {
  const folder = mkdtempSync(join(root, "node_modules/.documents-"))
  for (const { code, path } of blocks) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    // A block is a module of its own, also one that neither imports nor exports.
    writeFileSync(join(folder, path), `${code}\nexport {}\n`)
  }
  return folder
}
