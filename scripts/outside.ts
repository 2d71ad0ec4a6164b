/**
 * The package in a project that has nothing else: packed, installed with exact versions into a folder outside of the
 * repository, type-checked without mercy, tested, and run, on this Node and on the oldest one that is supported.
 *
 *     npm run outside [-- --keep]
 *
 * The project's sources are `examples/outside`. `--keep` leaves the folder there, to look at. Ends with the sum,
 * "N passed, N failed".
 */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, delimiter, join } from "node:path"
import { isRecord, readManifest, root } from "./lib/sources.ts"
import { ensureBuilt, packInto } from "./lib/tarball.ts"

/** The lowest of `engines`. */
const oldestNode = "22.19.0"

const sum = { passed: 0, failed: 0 }
const outcome = (name: string, problem: string | null): void => {
  if (problem === null) sum.passed += 1
  else sum.failed += 1
  console.log(problem === null ? `ok      ${name}` : `FAILED  ${name}\n${problem.trimEnd().replace(/^/gm, "        ")}`)
}

/** The version that the repository has installed. */
const installed = (name: string): string => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"))
  return isRecord(manifest) ? String(manifest["version"]) : ""
}
const exactly = (...names: ReadonlyArray<string>) => Object.fromEntries(names.map((name) => [name, installed(name)]))

const project = mkdtempSync(join(tmpdir(), "rethread-outside-"))
const at = (...path: ReadonlyArray<string>): string => join(project, ...path)
const json = (file: string, value: unknown): void => writeFileSync(at(file), `${JSON.stringify(value, null, 2)}\n`)

interface Ran {
  readonly ok: boolean
  readonly output: string
  readonly stdout: string
}

const run = (node: string, ...args: ReadonlyArray<string>): Ran => {
  const { status, stderr, stdout } = spawnSync(node, args, {
    cwd: project,
    encoding: "utf8",
    timeout: 240_000,
    env: { ...process.env, PATH: `${join(node, "..")}${delimiter}${process.env["PATH"] ?? ""}` }
  })
  return { ok: status === 0, output: `${stdout}${stderr}`, stdout }
}
const npm = (folder: string, ...args: ReadonlyArray<string>): void => {
  execFileSync("npm", [...args, "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32"
  })
}

const install = (): void => {
  ensureBuilt()
  const tarball = packInto(project)
  json("package.json", {
    name: "outside",
    private: true,
    type: "module",
    dependencies: { rethread: `file:${basename(tarball.path)}`, ...exactly("effect", "@effect/platform-node") },
    devDependencies: exactly("@effect/vitest", "@types/node", "typescript", "vitest")
  })
  json("tsconfig.json", {
    compilerOptions: {
      target: "es2024",
      module: "nodenext",
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      // Rethread's declarations are checked too.
      skipLibCheck: false,
      rewriteRelativeImportExtensions: true,
      outDir: "dist",
      rootDir: "."
    },
    include: ["src", "test"]
  })
  for (const folder of ["src", "test"]) cpSync(join(root, "examples/outside", folder), at(folder), { recursive: true })
  npm(project, "install")
}

/** The oldest supported Node, from npm; null where it cannot be had. */
const olderNode = (): string | null => {
  mkdirSync(at("older"))
  json("older/package.json", { private: true, dependencies: { node: oldestNode }, allowScripts: { node: true } })
  try {
    npm(at("older"), "install")
  } catch {
    return null
  }
  const program = at("older/node_modules/node/bin", process.platform === "win32" ? "node.exe" : "node")
  return existsSync(program) ? program : null
}

const expected = ["said 3 words", "spent 4 tokens", "forked with 1 turn and 4 tokens", ""].join("\n")

/** Everything that does not depend on types, on one Node. */
const play = (node: string): void => {
  const version = run(node, "--version").stdout.trim()
  const tests = run(
    node,
    "node_modules/vitest/vitest.mjs",
    "run",
    "--dir=test",
    "--reporter=json",
    "--outputFile=tests.json"
  )
  const report: unknown = tests.ok ? JSON.parse(readFileSync(at("tests.json"), "utf8")) : undefined
  const passed = isRecord(report) && report["success"] === true ? Number(report["numPassedTests"]) : 0
  outcome(`its own tests, on Node ${version} (${passed} passed)`, passed > 0 ? null : tests.output)
  const server = run(node, "dist/src/main.js")
  outcome(
    `an embedded server with an agent of its own and a client, on Node ${version}`,
    server.stdout === expected ? null : server.output
  )
  const entries = Object.keys(readManifest("exports")).filter((entry) => entry !== "./package.json")
  const names = entries.map((entry) => entry.replace(/^\./, "rethread"))
  const imported = run(node, "--input-type=module", "--eval", names.map((name) => `await import("${name}")`).join("\n"))
  outcome(`every entry is imported, on Node ${version}`, imported.ok && imported.output === "" ? null : imported.output)
  const program = run(node, "node_modules/rethread/bin/rethread.mjs", "--version")
  outcome(`the program, on Node ${version}`, program.ok ? null : program.output)
}

try {
  install()
  const types = run(process.execPath, "node_modules/typescript/bin/tsc", "-p", ".")
  outcome("types, strict, with all declarations", types.ok ? null : types.output)
  play(process.execPath)
  const older = olderNode()
  if (older === null) console.log(`Node ${oldestNode} cannot be installed here`)
  else play(older)
} catch (error) {
  outcome("the project", String(error))
} finally {
  if (process.argv.includes("--keep")) console.log(`kept: ${project}`)
  else rmSync(project, { recursive: true, force: true })
}
console.log(`${sum.passed} passed, ${sum.failed} failed`)
if (sum.failed > 0) process.exitCode = 1
