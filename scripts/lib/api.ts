/**
 * The public interface as text: for each entry of `exports`, every name that can be imported from it, with its
 * declaration as `tsc` wrote it to `dist`, without comments. What changes in it changes for users.
 *
 * A name that several entries have is declared under the first of them; the others refer to it.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { parseSync } from "rolldown/utils"
import { isNode, isRecord, readManifest, root, type SyntaxNode } from "./sources.ts"

/** A declaration file, as far as its exports go. */
interface Module {
  readonly path: string
  readonly text: string
  readonly comments: ReadonlyArray<{ readonly start: number; readonly end: number }>
  readonly body: ReadonlyArray<SyntaxNode>
}

/** Where an exported name comes from: declarations of a module, or a whole module as a namespace. */
type Export =
  | { readonly _tag: "Declared"; readonly module: Module; readonly name: string; readonly nodes: Array<SyntaxNode> }
  | { readonly _tag: "Namespace"; readonly module: Module }
  | { readonly _tag: "Foreign"; readonly text: string }

/** The nodes of a list. */
const nodes = (value: unknown): ReadonlyArray<SyntaxNode> => (Array.isArray(value) ? value.filter(isNode) : [])

const modules = new Map<string, Module>()

const load = (path: string): Module => {
  const known = modules.get(path)
  if (known !== undefined) return known
  const text = readFileSync(path, "utf8")
  const { comments, program } = parseSync(path, text)
  const module = { path, text, comments, body: nodes(program.body) }
  modules.set(path, module)
  return module
}

const nameOf = (node: unknown): string => (isNode(node) ? String(node.type === "Literal" ? node.value : node.name) : "")

/** The module that a specifier names; none for another package's. */
const target = (from: Module, source: unknown): Module | undefined => {
  const specifier = isNode(source) && typeof source.value === "string" ? source.value : ""
  if (!specifier.startsWith(".")) return undefined
  const path = resolve(dirname(from.path), specifier.replace(/\.[jt]s$/, ".d.ts"))
  if (!existsSync(path)) throw new Error(`${relative(root, from.path)} exports from ${specifier}, which is not there`)
  return load(path)
}

/** What a statement declares, by name. */
const declares = (node: SyntaxNode): ReadonlyArray<string> =>
  node.type === "VariableDeclaration"
    ? nodes(node.declarations).map(({ id }) => nameOf(id))
    : isNode(node.id)
      ? [nameOf(node.id)]
      : []

const declarationOf = (node: SyntaxNode): SyntaxNode =>
  node.type === "ExportNamedDeclaration" && isNode(node.declaration) ? node.declaration : node

/** What a class extends, where `tsc` gave that a name of its own: the members are there. */
const baseOf = (node: SyntaxNode): string =>
  node.type === "ClassDeclaration" && nameOf(node.superClass).endsWith("_base") ? nameOf(node.superClass) : ""

const local = (module: Module, name: string): Export => {
  const declared = (wanted: string) =>
    module.body.filter((node) => declares(declarationOf(node)).includes(wanted)).map(declarationOf)
  const found = declared(name)
  const bases = found.map(baseOf).filter((base) => base !== "")
  return { _tag: "Declared", module, name, nodes: [...bases.flatMap(declared), ...found] }
}

/** Every export of a module. */
const exportsOf = (module: Module): ReadonlyMap<string, Export> => {
  const found = new Map<string, Export>()
  for (const node of module.body) {
    if (node.type === "ExportAllDeclaration") {
      const from = target(module, node.source)
      const text = module.text.slice(node.start, node.end)
      if (isNode(node.exported)) {
        found.set(nameOf(node.exported), from ? { _tag: "Namespace", module: from } : { _tag: "Foreign", text })
      } else if (from === undefined) found.set(text, { _tag: "Foreign", text })
      else for (const [name, entry] of exportsOf(from)) if (!found.has(name)) found.set(name, entry)
    } else if (node.type === "ExportNamedDeclaration") {
      const declared = isNode(node.declaration) ? declares(node.declaration) : []
      for (const name of declared) found.set(name, local(module, name))
      for (const specifier of nodes(node.specifiers)) {
        const [inner, outer] = [nameOf(specifier.local), nameOf(specifier.exported)]
        const from = target(module, node.source)
        const text = module.text.slice(node.start, node.end)
        if (isNode(node.source) && from === undefined) found.set(outer, { _tag: "Foreign", text })
        else found.set(outer, from ? (exportsOf(from).get(inner) ?? local(from, inner)) : local(module, inner))
      }
    }
  }
  return found
}

/** Longer declarations are known by their beginning and a digest: nobody reads a schema of ten thousand characters. */
const longest = 1600

const digest = (text: string): string => {
  let hash = 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return hash.toString(16).padStart(8, "0")
}

const print = (module: Module, node: SyntaxNode): string => {
  const inside = module.comments.filter(({ end, start }) => start >= node.start && end <= node.end)
  let text = ""
  let at = node.start
  for (const { end, start } of inside) {
    text += module.text.slice(at, start)
    at = end
  }
  const whole = (text + module.text.slice(at, node.end)).replace(/[^\S\n]+$/gm, "").replace(/\n{2,}/g, "\n")
  // The compiler prints the requests of a group in no order that it keeps to.
  const group = whole.indexOf("RpcGroup.RpcGroup<")
  if (group >= 0) {
    const requests = new Set(Array.from(whole.matchAll(/Rpc\.Rpc<"([^"]+)"/g), ([, name]) => name))
    return `${whole.slice(0, group)}RpcGroup.RpcGroup\n// of ${[...requests].toSorted().join(", ")}`
  }
  if (whole.length <= longest) return whole
  const lines = whole.slice(0, longest).split("\n").slice(0, -1)
  const shown = lines.length > 0 ? lines.join("\n") : whole.slice(0, longest)
  return `${shown}\n// … ${whole.length} characters, digest ${digest(whole)}`
}

const byName = (exports: ReadonlyMap<string, Export>) => [...exports].toSorted(([a], [b]) => (a < b ? -1 : 1))

const block = (code: string): ReadonlyArray<string> => ["```ts", code, "```", ""]

/** Prints entries one after the other; each declaration once. Modules are told relative to `base`. */
export const makeApiReport = (base: string) => {
  /** Where a declaration, or a module, was shown first. */
  const seen = new Map<string, string>()
  const source = (module: Module): string =>
    relative(base, module.path)
      .replaceAll("\\", "/")
      .replace(/\.d\.ts$/, "")

  const body = (entry: string, name: string, found: Export): ReadonlyArray<string> => {
    if (found._tag === "Foreign") return block(found.text)
    const key = `${source(found.module)}#${found._tag === "Declared" ? found.name : ""}`
    const before = seen.get(key)
    if (before !== undefined) return [`As in ${before}.`, ""]
    seen.set(key, `\`${entry}\`, as \`${name}\``)
    if (found._tag === "Declared") return block(found.nodes.map((node) => print(found.module, node)).join("\n"))
    const inner = byName(exportsOf(found.module)).flatMap(([deeper, one]) => shown(entry, `${name}.${deeper}`, one))
    return [`The module \`${source(found.module)}\`.`, "", ...inner]
  }
  const shown = (entry: string, name: string, found: Export): ReadonlyArray<string> => [
    `### ${name}`,
    "",
    ...body(entry, name, found)
  ]

  /** The report of the entry whose declarations are in this file. */
  return (entry: string, path: string): string =>
    [`# ${entry}`, "", ...byName(exportsOf(load(path))).flatMap(([name, found]) => shown(entry, name, found))].join(
      "\n"
    )
}

/** The reports of the package's entries, by the name of their file. */
export const apiReports = (): ReadonlyMap<string, string> => {
  const apiReport = makeApiReport(join(root, "dist"))
  const entries = Object.entries(readManifest("exports")).flatMap(([name, value]) =>
    isRecord(value) && typeof value["types"] === "string" ? [{ name, types: value["types"] }] : []
  )
  // The root entry repeats the others, so it comes last.
  const ordered = [...entries.filter(({ name }) => name !== "."), ...entries.filter(({ name }) => name === ".")]
  return new Map(
    ordered.map(({ name, types }) => {
      const file = name === "." ? "rethread" : name.slice(2).replaceAll("/", "-")
      return [`${file}.api.md`, apiReport(name.replace(/^\./, "rethread"), join(root, types))]
    })
  )
}
