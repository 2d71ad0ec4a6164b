/**
 * The package as others get it: packed, then looked at by `publint` and `attw`, and its public interface compared with the
 * committed report. Says how large it is, in all and by entry: what importing an entry loads of Rethread's own code.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { parseSync } from "rolldown/utils"
import { apiReports } from "./lib/api.ts"
import { isNode, isRecord, listFiles, readManifest, report, root, type Violation, walk } from "./lib/sources.ts"
import { ensureBuilt, packInto, type Tarball } from "./lib/tarball.ts"

const violations: Array<Violation> = []
const wrong = (file: string, message: string, line = 1) => violations.push({ file, line, message })

const tool = (name: string, ...args: ReadonlyArray<string>): void => {
  const { status, stderr, stdout } = spawnSync(join(root, "node_modules/.bin", name), args, {
    cwd: root,
    encoding: "utf8",
    // The program of Node that runs this, and not an older one of the machine.
    shell: process.platform === "win32"
  })
  if (status !== 0) wrong("package.json", `${name}:\n${stdout}${stderr}`.trimEnd())
}

/** The first line in which two texts differ. */
const firstDifference = (a: string, b: string): number => {
  const other = b.split("\n")
  return a.split("\n").findIndex((line, at) => line !== other[at]) + 1
}

const checkApi = (): void => {
  const reports = apiReports()
  for (const [file, text] of reports) {
    const path = join(root, "api", file)
    const committed = existsSync(path) ? readFileSync(path, "utf8") : ""
    if (committed === text) continue
    const line = Math.max(1, firstDifference(text, committed))
    wrong(
      `api/${file}`,
      "the public interface is not what is written here: `npm run api`, and look at what changed",
      line
    )
  }
  for (const file of listFiles("api", () => true)) {
    if (!reports.has(file.slice("api/".length))) wrong(file, "there is no such entry any more: `npm run api`")
  }
}

/** Every module of ours that a module loads at once, with itself. */
const loadedBy = (path: string, seen = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(path)) return seen
  seen.add(path)
  walk(parseSync(path, readFileSync(path, "utf8")).program, (node) => {
    if (!/^(ImportDeclaration|Export(All|Named)Declaration)$/.test(node.type)) return
    const specifier = isNode(node.source) && typeof node.source.value === "string" ? node.source.value : ""
    if (specifier.startsWith(".")) loadedBy(resolve(dirname(path), specifier), seen)
  })
  return seen
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB`

const tellSizes = ({ files, size, unpackedSize }: Tarball): void => {
  console.log(`packed ${kilobytes(size)}, unpacked ${kilobytes(unpackedSize)}, ${files.length} files`)
  for (const [name, target] of Object.entries(readManifest("exports"))) {
    if (!isRecord(target) || typeof target["default"] !== "string") continue
    const loaded = [...loadedBy(join(root, target["default"]))]
    const bytes = loaded.reduce((sum, path) => sum + statSync(path).size, 0)
    console.log(`  ${name.padEnd(22)} ${kilobytes(bytes).padStart(7)} of JavaScript in ${loaded.length} modules`)
  }
}

/** Each module comes with its declarations, both with maps, and what the maps point to is there. */
const checkMaps = ({ files }: Tarball): void => {
  const packed = new Set(files.map(({ path }) => path))
  for (const path of packed) {
    if (!/^dist\/.*(?<!\.d)\.(js|d\.ts)$/.test(path)) continue
    for (const other of path.endsWith(".js") ? [path.replace(/\.js$/, ".d.ts"), `${path}.map`] : [`${path}.map`]) {
      if (!packed.has(other)) wrong(path, `${other} is not in the package`)
    }
  }
  for (const path of packed) {
    if (!path.endsWith(".d.ts.map")) continue
    const map: unknown = JSON.parse(readFileSync(join(root, path), "utf8"))
    for (const source of isRecord(map) && Array.isArray(map["sources"]) ? map["sources"] : []) {
      const named = relative(root, resolve(root, dirname(path), String(source)))
      if (!packed.has(named)) wrong(path, `${named} is not in the package`)
    }
  }
}

ensureBuilt()
const folder = mkdtempSync(join(tmpdir(), "rethread-package-"))
try {
  const tarball = packInto(folder)
  tool("publint", "run", "--strict", tarball.path)
  tool("attw", tarball.path, "--profile", "esm-only", "--no-emoji", "--format", "ascii")
  checkApi()
  checkMaps(tarball)
  tellSizes(tarball)
  report("package", violations, `${tarball.files.length} files, ${listFiles("api", () => true).length} entries`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
