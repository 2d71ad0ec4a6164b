/**
 * Arrows point down only: cli → rpc → services → domain; layers → services, domain; testing → all but cli. Domain and
 * services know no platform, rpc knows no file system, and no module imports itself through others.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { moduleReferences, readSources, report, resolveRelative, root, type Violation } from "./lib/sources.ts"

/** What a room of `src` may import: other rooms, and packages (a refusal says why). */
interface Room {
  readonly rooms: ReadonlyArray<string>
  readonly refuses: (specifier: string) => string | undefined
}

const isPlatform = (specifier: string) =>
  /^(node:|bun:)/.test(specifier) || /^@effect\/(platform-|sql-|ai-)/.test(specifier)
const isFileSystem = (specifier: string) =>
  /^node:(fs|path)(\/|$)/.test(specifier) ||
  /^effect\/(platform\/)?(FileSystem|Path)$/.test(specifier) ||
  /\/NodeFileSystem$|\/NodePath$/.test(specifier)
const isWire = (specifier: string) =>
  /^effect\/(http|http-api|socket|rpc|net|sql|process|cli|cluster)(\/|$)/.test(specifier)
const isEffect = (specifier: string) => specifier === "effect" || specifier.startsWith("effect/")

const rooms: Readonly<Record<string, Room>> = {
  domain: {
    rooms: [],
    refuses: (specifier) =>
      !isEffect(specifier)
        ? "domain imports only `effect` and itself"
        : isFileSystem(specifier) || isWire(specifier)
          ? "domain has no file and no socket"
          : undefined
  },
  services: {
    rooms: ["domain"],
    refuses: (specifier) => (isPlatform(specifier) || isFileSystem(specifier) ? "services know no platform" : undefined)
  },
  layers: { rooms: ["services", "domain"], refuses: () => undefined },
  rpc: {
    rooms: ["services", "domain"],
    refuses: (specifier) => (isFileSystem(specifier) ? "rpc knows no file system" : undefined)
  },
  testing: { rooms: ["rpc", "layers", "services", "domain"], refuses: () => undefined },
  cli: { rooms: ["rpc", "layers", "services", "domain"], refuses: () => undefined }
}

/** Names that reach a file system through a barrel, where the specifier alone does not tell. */
const fileSystemNames = /\bimport\b[^;"']*\b(FileSystem|NodeFileSystem|NodePath)\b[^;"']*\bfrom\b/s

const sources = readSources("src")
const violations: Array<Violation> = []
const edges = new Map<string, ReadonlyArray<{ readonly to: string; readonly line: number }>>()

for (const source of sources) {
  const { file } = source
  const room = file.split("/")[1] ?? ""
  const isBarrel = room === "index.ts"
  const rules = rooms[room]
  if (rules === undefined && !isBarrel) {
    violations.push({ file, line: 1, message: `src has the rooms ${Object.keys(rooms).join(", ")} and index.ts only` })
    continue
  }
  const targets: Array<{ readonly to: string; readonly line: number }> = []
  for (const { line, specifier } of moduleReferences(source)) {
    if (!specifier.startsWith(".")) {
      const refusal = rules?.refuses(specifier)
      if (refusal !== undefined) violations.push({ file, line, message: `imports ${specifier}: ${refusal}` })
      continue
    }
    const to = resolveRelative(file, specifier)
    const target = to.split("/")[1] ?? ""
    if (!to.startsWith("src/")) {
      violations.push({ file, line, message: `imports ${specifier}: src stands on its own` })
    } else if (!existsSync(join(root, to))) {
      violations.push({ file, line, message: `imports ${specifier}: there is no ${to}` })
    } else if (rules !== undefined && target !== room && !rules.rooms.includes(target)) {
      const allowed = rules.rooms.length === 0 ? "nothing else" : rules.rooms.join(", ")
      violations.push({ file, line, message: `imports ${to}: ${room} may import ${allowed}` })
    }
    targets.push({ to, line })
  }
  edges.set(file, targets)
  const byName = ["domain", "services", "rpc"].includes(room) ? fileSystemNames.exec(source.text) : null
  if (byName !== null) {
    violations.push({
      file,
      line: source.lineAt(byName.index),
      message: `imports ${byName[1]}: rpc knows no file system`
    })
  }
}

const done = new Set<string>()
const findCycles = (file: string, path: ReadonlyArray<string>): void => {
  for (const { line, to } of edges.get(file) ?? []) {
    const start = [...path, file].indexOf(to)
    if (start !== -1) {
      const cycle = [...path, file].slice(start)
      violations.push({ file, line, message: `import cycle: ${[...cycle, to].join(" → ")}` })
    } else if (!done.has(to)) {
      findCycles(to, [...path, file])
    }
  }
  done.add(file)
}
for (const { file } of sources) if (!done.has(file)) findCycles(file, [])

report("boundaries", violations, `${sources.length} files`)
