/**
 * What the checks share: the repository's files, the syntax tree of a TypeScript file, and one way to report what is
 * wrong. A check collects `Violation`s and hands them to `report`, which prints `file:line  message` and sets the exit
 * code.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import { parseSync, type ParseResult } from "rolldown/utils"

/** The repository's root, absolute. */
export const root = resolve(import.meta.dirname, "../..")

/** One thing that is wrong. `file` is relative to the root, `line` starts at 1. */
export interface Violation {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** A TypeScript file, parsed. */
export interface Source {
  /** Relative to the root, with `/`. */
  readonly file: string
  readonly text: string
  readonly program: ParseResult["program"]
  readonly comments: ParseResult["comments"]
  readonly lineAt: (offset: number) => number
}

/** An import, a re-export or an `import()` of a literal, as written. */
export interface ModuleReference {
  readonly specifier: string
  readonly line: number
}

/** Every file under `folder` (relative to the root) that `keep` accepts, sorted; none if there is no such folder. */
export const listFiles = (folder: string, keep: (file: string) => boolean): ReadonlyArray<string> => {
  const absolute = join(root, folder)
  if (statSync(absolute, { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(absolute, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter(keep)
    .toSorted()
}

/** 1-based line of an offset. */
export const lineCounter = (text: string): ((offset: number) => number) => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return (offset) => {
    const next = starts.findIndex((start) => start > offset)
    return next === -1 ? starts.length : next
  }
}

/** The TypeScript files under `folder`, parsed. A file that does not parse is the type check's business: it is skipped. */
export const readSources = (folder: string): ReadonlyArray<Source> =>
  listFiles(folder, (file) => file.endsWith(".ts")).flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8")
    const { comments, errors, program } = parseSync(file, text)
    return errors.length > 0 ? [] : [{ file, text, program, comments, lineAt: lineCounter(text) }]
  })

/** A node of the syntax tree, as far as a check needs to know it. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

/** Is it a node of a syntax tree? */
export const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" && "start" in value

/** Calls `visit` on `node` and all nodes below it, parents first. */
export const walk = (node: unknown, visit: (node: SyntaxNode) => void): void => {
  if (Array.isArray(node)) {
    for (const child of node) walk(child, visit)
  } else if (isNode(node)) {
    visit(node)
    for (const child of Object.values(node)) {
      if (typeof child === "object" && child !== null) walk(child, visit)
    }
  }
}

/** Everything that a file imports, types too. */
export const moduleReferences = (source: Source): ReadonlyArray<ModuleReference> => {
  const found: Array<ModuleReference> = []
  walk(source.program, (node) => {
    if (!/^(Import(Declaration|Expression)|Export(All|Named)Declaration|TSImportType)$/.test(node.type)) return
    if (isNode(node.source) && typeof node.source.value === "string") {
      found.push({ specifier: node.source.value, line: source.lineAt(node.start) })
    }
  })
  return found
}

/** The file that a relative specifier names, relative to the root. */
export const resolveRelative = (from: string, specifier: string): string =>
  relative(root, resolve(root, dirname(from), specifier))
    .split(sep)
    .join("/")

/** Is it an object that is no array? */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** One object of package.json, empty if there is none. */
export const readManifest = (field: string): Readonly<Record<string, unknown>> => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const value = isRecord(manifest) ? manifest[field] : undefined
  return isRecord(value) ? value : {}
}

/** Prints the violations, sorted by place, and sets the exit code. */
export const report = (check: string, violations: ReadonlyArray<Violation>, checked: string): void => {
  if (violations.length === 0) {
    console.log(`${check}: ${checked}, nothing wrong`)
    return
  }
  const byPlace = violations.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
  for (const { file, line, message } of byPlace) console.error(`${file}:${line}  ${message}`)
  console.error(`${check}: ${violations.length} wrong`)
  process.exitCode = 1
}
