/**
 * Documents tell the truth about the repository: relative links and their anchors resolve, a path in backticks exists,
 * a command in the text is a script of package.json, and package.json itself names only what is there. The map of the house
 * is what the imports give, and its tables name every module of `src` once; `--write` puts both right.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import { mapMarks, roomCycles, withMap } from "./lib/map.ts"
import { moduleMarks, withModules, withoutHeader } from "./lib/modules.ts"
import { isRecord, lineCounter, listFiles, readManifest, report, root, type Violation } from "./lib/sources.ts"

const read = (file: string) => readFileSync(join(root, file), "utf8")

/** Folders whose paths a document may name; a first segment outside of them is not taken for a path of ours. */
const folders = ["src", "test", "docs", "scripts", "examples", "bench", "fixtures", "bin", ".ci"]
const pathInBackticks = new RegExp(
  `^(?:\\./)?((?:${folders.join("|").replaceAll(".", "\\.")})/[\\w./-]+|[\\w.-]+\\.(?:md|json|toml))(?::\\d+)?$`
)
/** Files that a document may name although they are not in a clone: users have them, not we. */
const namedElsewhere = new Set(["config.toml", "auth.json", "package.json", "rollout.jsonl", "AGENTS.md"])
const npmBuiltIns = new Set(["ci", "install", "i", "pack", "publish", "link", "exec", "update", "audit"])

const codeBlock = /^(?:```|~~~)[\s\S]*?^(?:```|~~~)[^\S\n]*$/gm
const blank = (text: string) => text.replace(/[^\n]/g, " ")
const anchorOf = (heading: string) =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-")

const anchorsOf = (file: string): ReadonlySet<string> => {
  const text = read(file).replace(codeBlock, blank)
  const headings = [...text.matchAll(/^#{1,6}[ \t]+(.+?)[ \t]*#*$/gm)].map((match) => anchorOf(match[1] ?? ""))
  const explicit = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map((match) => match[1] ?? "")
  return new Set([...headings, ...explicit])
}

const checkLink = (file: string, target: string): string | undefined => {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target) || target.startsWith("//")) return undefined
  const [path = "", anchor] = target.split("#")
  const absolute = path === "" ? join(root, file) : resolve(root, dirname(file), decodeURIComponent(path))
  const inRoot = relative(root, absolute).split(sep).join("/")
  if (inRoot.startsWith("..")) return `link ${target} leaves the repository`
  if (!existsSync(absolute)) return `link ${target}: there is no ${inRoot}`
  if (anchor !== undefined && inRoot.endsWith(".md") && !anchorsOf(inRoot).has(anchor)) {
    return `link ${target}: ${inRoot} has no heading #${anchor}`
  }
  return undefined
}

const checkBackticks = (file: string, text: string): string | undefined => {
  const path = pathInBackticks.exec(text)?.[1]
  if (path === undefined || namedElsewhere.has(path) || path.startsWith("dist/")) return undefined
  const candidates = [join(root, path), join(root, dirname(file), path)]
  return candidates.some((candidate) => existsSync(candidate)) ? undefined : `\`${text}\`: there is no ${path}`
}

const scripts = readManifest("scripts")
const bins = readManifest("bin")
const checkCommand = (program: string, first: string, second: string | undefined): string | undefined => {
  if (program === "npx") {
    const known =
      /^[-…<[]/.test(first) || Object.hasOwn(bins, first) || existsSync(join(root, "node_modules/.bin", first))
    return known ? undefined : `npx ${first}: no such program here`
  }
  const script = first === "run" ? second : first
  if (script === undefined || /^[-…<[]/.test(script) || (first !== "run" && npmBuiltIns.has(script))) return undefined
  return Object.hasOwn(scripts, script) ? undefined : `npm ${first === "run" ? "run " : ""}${script}: no such script`
}

const checkDocument = (file: string): ReadonlyArray<Violation> => {
  const text = read(file)
  const prose = text.replace(codeBlock, blank)
  const lineAt = lineCounter(text)
  const found = (pattern: RegExp, source: string, check: (match: RegExpExecArray) => string | undefined) =>
    [...source.matchAll(pattern)].flatMap((match) => {
      const message = check(match)
      return message === undefined ? [] : [{ file, line: lineAt(match.index), message }]
    })
  const withoutCode = prose.replace(/`[^`\n]+`/g, blank)
  return [
    ...found(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g, withoutCode, (match) => checkLink(file, match[1] ?? "")),
    ...found(/^\[[^\]]+\]:\s+(\S+)/gm, withoutCode, (match) => checkLink(file, match[1] ?? "")),
    ...found(/`([^`\n]+)`/g, prose, (match) => checkBackticks(file, match[1] ?? "")),
    ...found(/(?<=^|[`(]|&& |\$ )(npm|npx) +(\S+?)(?: +(?!&&)([^\s`]+))?(?=[\s`)]|$)/gm, text, (match) =>
      checkCommand(match[1] ?? "", match[2] ?? "", match[3])
    )
  ]
}

/** Where `tsc` finds what it writes to `dist`. */
const sourceOf = (target: string) =>
  target
    .replace(/^\.\//, "")
    .replace(/^dist\//, "src/")
    .replace(/(\.d\.ts|\.js)$/, ".ts")

const leaves = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string" ? [value] : isRecord(value) ? Object.values(value).flatMap(leaves) : []

/** `exports` and `bin` name what exists, and each barrel below `src` has its subpath. */
const checkManifest = (): ReadonlyArray<Violation> => {
  const text = read("package.json")
  const lineAt = lineCounter(text)
  const targets = [...leaves(readManifest("exports")), ...leaves(bins)]
  const named = new Set(targets.map(sourceOf))
  const missing = targets
    .filter((target) => !existsSync(join(root, sourceOf(target))))
    .map((target) => ({
      file: "package.json",
      line: lineAt(text.indexOf(target)),
      message: `${target}: there is no ${sourceOf(target)}`
    }))
  const unnamed = listFiles("src", (file) => file.endsWith("/index.ts"))
    .filter((file) => !named.has(file))
    .map((file) => ({ file, line: 1, message: "package.json has no subpath in `exports` for it" }))
  return [...missing, ...unnamed]
}

/** The document that has the map of the house. */
const mapFile = "docs/architecture.md"

/** The map is what the imports give, and no rooms import each other. */
const checkMap = (): ReadonlyArray<Violation> => {
  const text = read(mapFile)
  const drawn = withMap(text)
  const cycles = roomCycles().map((cycle) => ({ file: mapFile, line: 1, message: `rooms import each other: ${cycle}` }))
  if (drawn === undefined) return [...cycles, { file: mapFile, line: 1, message: `has no \`${mapMarks.begin}\`` }]
  if (drawn === text) return cycles
  const line = lineCounter(text)(text.indexOf(mapMarks.begin))
  const message = "the map is not what the imports give; run `node scripts/check-docs.ts --write`"
  return [...cycles, { file: mapFile, line, message }]
}

/** The tables name every module once, and say of each what its header says. */
const checkModules = (): ReadonlyArray<Violation> => {
  const text = read(mapFile)
  const bare = withoutHeader().map((file) => ({
    file,
    line: 1,
    message: "has no comment at its top that says what it is"
  }))
  const kept = withModules(text)
  if (kept === undefined) return [...bare, { file: mapFile, line: 1, message: `has no \`${moduleMarks.begin}\`` }]
  if (kept === text) return bare
  const rows = new Set(text.split("\n"))
  const wrong = kept
    .split("\n")
    .flatMap((row) => (rows.has(row) ? [] : [/\((?:\.\.\/)?(src\/[^)]+)\)/.exec(row)?.[1] ?? row]))
  const detail =
    wrong.length === 0 ? "a module is named twice, or gone" : `not as the sources say: ${wrong.slice(0, 5).join(", ")}`
  const line = lineCounter(text)(text.indexOf(moduleMarks.begin))
  return [...bare, { file: mapFile, line, message: `${detail}; run \`node scripts/check-docs.ts --write\`` }]
}

if (process.argv.includes("--write")) {
  for (const put of [withMap, withModules]) {
    const text = put(read(mapFile))
    if (text !== undefined) writeFileSync(join(root, mapFile), text)
  }
}

const documents = [
  ...listFiles(".", (file) => /^[^/]+\.md$/.test(file)),
  ...["docs", "examples", "bench", "test", "fixtures", ".github"].flatMap((folder) =>
    listFiles(folder, (file) => file.endsWith(".md"))
  )
]
report(
  "docs",
  [...documents.flatMap(checkDocument), ...checkManifest(), ...checkMap(), ...checkModules()],
  `${documents.length} documents`
)
