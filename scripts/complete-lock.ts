/**
 * Completes package-lock.json: `node scripts/complete-lock.ts`, after a dependency was added.
 *
 * A tool with native code comes as one optional package for each platform. Where a registry mirror lacks some of them,
 * npm leaves them out of the lock file, and `npm ci` then refuses that very file. Their names and exact versions are in
 * the tool's own entry, so they are written down from there; npm fetches only the one for the machine at hand.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isRecord, root } from "./lib/sources.ts"

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"]
const processors = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"]

const libcOf = (words: ReadonlyArray<string>): ReadonlyArray<string> =>
  words.some((word) => word.startsWith("musl"))
    ? ["musl"]
    : words.some((word) => word.startsWith("gnu"))
      ? ["glibc"]
      : []

const path = join(root, "package-lock.json")
const lock: unknown = JSON.parse(readFileSync(path, "utf8"))
if (!isRecord(lock) || !isRecord(lock["packages"])) throw new Error("package-lock.json has no packages")
const packages = new Map(Object.entries(lock["packages"]))

let added = 0
for (const [parent, entry] of packages) {
  if (!isRecord(entry) || !isRecord(entry["optionalDependencies"])) continue
  for (const [name, version] of Object.entries(entry["optionalDependencies"])) {
    if (packages.has(`node_modules/${name}`) || packages.has(`${parent}/node_modules/${name}`)) continue
    const words = name.split(/[/-]/)
    const os = systems.find((system) => words.includes(system))
    const cpu = processors.find((processor) => words.includes(processor))
    // Not a platform's package: optional for another reason, and npm knows how to do without it.
    if (os === undefined || cpu === undefined) continue
    const libc = os === "linux" ? libcOf(words) : []
    packages.set(`node_modules/${name}`, {
      version,
      cpu: [cpu],
      ...(entry["dev"] === true ? { dev: true } : {}),
      ...(libc.length > 0 ? { libc } : {}),
      optional: true,
      os: [os]
    })
    added += 1
  }
}
const sorted = [...packages].toSorted(([a], [b]) => a.localeCompare(b, "en"))
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
console.log(added === 0 ? "package-lock.json is complete" : `package-lock.json: ${added} platform packages added`)
