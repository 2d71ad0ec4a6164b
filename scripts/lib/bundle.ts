/**
 * Bundles the command line program: one file for the server on standard input and output, further files for what other
 * commands need, and no package beside them. `effect` and what else is inside comes with its licence.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { build, type OutputChunk, type Plugin, rolldown } from "rolldown"
import { isRecord, own } from "../../src/domain/Json.ts"
import { root } from "./sources.ts"

/** Parts of Node that take milliseconds to load; and the modules of a start that need them later, or never. */
const lateBuiltins = new Set(["node:child_process", "node:crypto", "node:zlib"])
const lateImporters = /\/src\/(layers\/codex-home\/|cli\/Platform\.ts$)|\/NodeFileSystem\.js$/
const prefix = "\0late:"

/**
 * In {@link lateImporters}, imports of {@link lateBuiltins} become functions that load the module when they are called.
 * Only functions can be had of it so: an import of anything else fails the build.
 */
const loadBuiltinsLate: Plugin = {
  name: "late-builtins",
  resolveId: (specifier, importer = "") =>
    lateBuiltins.has(specifier) && lateImporters.test(importer.replaceAll("\\", "/")) ? prefix + specifier : null,
  load: (id) => {
    if (!id.startsWith(prefix)) return null
    const specifier = id.slice(prefix.length)
    const names = Object.entries(process.getBuiltinModule(specifier) ?? {}).flatMap(([name, value]) =>
      typeof value === "function" && /^[a-z]\w*$/.test(name) ? [name] : []
    )
    const load = `const load = () => process.getBuiltinModule(${JSON.stringify(specifier)})`
    return [load, ...names.map((name) => `export const ${name} = (...args) => load().${name}(...args)`)].join("\n")
  }
}

/** The folder of the package that a module is of. */
const packageOf = (moduleId: string): string | undefined =>
  /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(moduleId.replaceAll("\\", "/"))?.[1]

/** The licences of all packages whose code is in the bundle. */
const licences = (chunks: ReadonlyArray<OutputChunk>): string => {
  const folders = new Set(chunks.flatMap(({ modules }) => Object.keys(modules)).flatMap((id) => packageOf(id) ?? []))
  const entries = [...folders].map((folder) => {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const [name, version, license] = ["name", "version", "license"].map((key) =>
      isRecord(manifest) ? String(own(manifest, key)) : ""
    )
    const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file))
    if (file === undefined) throw new Error(`${name} is in the bundle and has no licence file`)
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`
  })
  return ["This program contains the following packages.\n", ...entries.toSorted()].join(`\n${"-".repeat(78)}\n\n`)
}

/** A chunk as `CompiledCode.open` loads it: a function, in ASCII: a start reads it as it is. Escapes are understood wherever text is. */
const scriptOf = (code: string): string => {
  const ascii = code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return `(function (exports, require, __filename) { "use strict";\n${ascii}})\n`
}

/**
 * Writes the program into a folder: `main.cjs` and what it loads, as scripts for `CompiledCode.open`, which is in
 * `compiled-code.mjs`. Gives the names of the scripts.
 */
export const bundleProgram = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entry = join(root, "src/cli/main.ts")
  if (!existsSync(entry)) throw new Error(`there is no ${entry}`)
  const bundle = await rolldown({
    input: { main: entry },
    platform: "node",
    logLevel: "warn",
    onLog: (level, log, report) => report(log.code === "IMPORT_IS_UNDEFINED" ? "error" : level, log),
    plugins: [loadBuiltinsLate],
    // `effect` looks there for an environment that bundlers for browsers give.
    transform: { define: { "import.meta.env": "{}" } }
  })
  // Neither minified nor mapped: names and lines in a stack trace are worth more than the 5 ms that it would save.
  const { output } = await bundle.generate({
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    hashCharacters: "hex",
    comments: { legal: true, annotation: false, jsdoc: false },
    codeSplitting: {
      groups: [
        // The entry needs it too, and must not load the server for it.
        { name: "version", test: /\/src\/domain\/Version\.ts$/, priority: 2 },
        { name: "server", test: /\/src\/cli\/StdioServer\.ts$/, priority: 1 }
      ]
    }
  })
  await bundle.close()
  await build({
    input: { "compiled-code": join(root, "src/layers/node/CompiledCode.ts") },
    platform: "node",
    logLevel: "warn",
    output: { dir: folder, format: "esm", entryFileNames: "[name].mjs" }
  })
  const chunks = output.filter((file) => file.type === "chunk")
  for (const { code, fileName } of chunks) writeFileSync(join(folder, fileName), scriptOf(code))
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES.txt"), licences(chunks))
  return chunks.map(({ fileName }) => fileName)
}
