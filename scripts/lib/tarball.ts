/**
 * The package as it would be published: `dist` built from the present sources, packed into a folder.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { isRecord, root } from "./sources.ts"

/** One file of the package. */
export interface PackedFile {
  readonly path: string
  readonly size: number
}

/** What `npm pack` made. */
export interface Tarball {
  readonly path: string
  /** Bytes, packed. */
  readonly size: number
  /** Bytes, unpacked. */
  readonly unpackedSize: number
  readonly files: ReadonlyArray<PackedFile>
}

const newest = (folder: string): number =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0)

const changed = (file: string): number => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Builds `dist` where it is older than what it is made of. The licences are what a build writes last. */
export const ensureBuilt = (): void => {
  const sources = Math.max(
    newest("src"),
    changed("tsconfig.build.json"),
    changed("scripts/build.ts"),
    changed("scripts/lib/bundle.ts")
  )
  if (changed("dist/bin/THIRD-PARTY-LICENSES.txt") > sources) return
  console.log("dist is older than the sources: building")
  const build = spawnSync(process.execPath, [join(root, "scripts/build.ts")], { cwd: root, stdio: "inherit" })
  if (build.status === 0) return
  console.error("the build failed")
  process.exit(1)
}

const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0)

/** Packs what is built into `folder`. */
export const packInto = (folder: string): Tarball => {
  const args = ["pack", "--ignore-scripts", "--json", "--loglevel=error", "--pack-destination", folder]
  const said: unknown = JSON.parse(execFileSync("npm", args, { cwd: root, encoding: "utf8" }))
  // One object a package: in a list, or by its name.
  const all: ReadonlyArray<unknown> = Array.isArray(said) ? said : isRecord(said) ? Object.values(said) : []
  const [packed] = all
  if (!isRecord(packed) || !Array.isArray(packed["files"])) throw new Error("npm pack did not say what it packed")
  return {
    path: join(folder, String(packed["filename"])),
    size: numberOf(packed["size"]),
    unpackedSize: numberOf(packed["unpackedSize"]),
    files: packed["files"]
      .filter(isRecord)
      .map((file) => ({ path: String(file["path"]), size: numberOf(file["size"]) }))
  }
}
