/**
 * The programs of genuine Codex, to measure against.
 *
 * Each release is installed once from npm into a cache folder outside the repository (`CODEX_ORACLE_CACHE`, else
 * `~/.cache/codex-oracle`): 160 to 400 MB, no dependency of this project.
 */
import { Config, Effect, Option, Schema } from "effect"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

/** The releases that the project's evidence is about. */
export const versions = ["0.122.0", "0.169.0"] as const
export type Version = (typeof versions)[number]

/** The release cannot be had here. */
export class CodexUnavailable extends Schema.TaggedError<CodexUnavailable>()("CodexUnavailable", {
  version: Schema.Literals(versions),
  reason: Schema.String
}) {
  override get message(): string {
    return `codex ${this.version} is not available: ${this.reason}`
  }
}

/** Where programs of others are kept. */
export const cacheFolder = Effect.gen(function* () {
  const configured = yield* Config.option(Config.NonEmptyString("CODEX_ORACLE_CACHE"))
  return Option.getOrElse(configured, () => join(homedir(), ".cache", "codex-oracle"))
})

const install = Effect.fnUntraced(function* (folder: string, version: Version) {
  const unavailable = (reason: string) => new CodexUnavailable({ version, reason })
  yield* Effect.try({
    try: () => {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, "package.json"), "{}")
    },
    catch: (cause) => unavailable(`there is no place for it: ${String(cause)}`)
  })
  const args = ["install", "--no-audit", "--no-fund", "--loglevel=error", `@openai/codex@${version}`]
  yield* Effect.callback<void, CodexUnavailable>((resume) => {
    execFile("npm", args, { cwd: folder }, (error) =>
      resume(
        error === null
          ? Effect.void
          : Effect.fail(unavailable(`npm cannot install it (${error.message.split("\n")[1] ?? "no reason told"})`))
      )
    )
  })
})

/** The absolute path of a release's program, installed if it has to be. */
export const binary = Effect.fn("CodexBinary.binary")(function* (version: Version) {
  const folder = join(yield* Effect.orDie(cacheFolder), version)
  const packages = join(folder, "node_modules", "@openai")
  if (!existsSync(packages)) yield* install(folder, version)
  if (!existsSync(packages)) {
    return yield* new CodexUnavailable({ version, reason: "npm installed nothing" })
  }
  const found = readdirSync(packages, { recursive: true, withFileTypes: true }).find(
    (entry) => entry.isFile() && entry.name === "codex" && entry.parentPath.includes("vendor")
  )
  return found === undefined
    ? yield* new CodexUnavailable({ version, reason: `no program under ${packages}` })
    : join(found.parentPath, found.name)
})
