/**
 * The genuine Codex app-server as a peer, to prove that what is said of it is true.
 *
 * Each version is installed once from npm into a cache folder outside the repository (`CODEX_ORACLE_CACHE`, else
 * `~/.cache/codex-oracle`): 160 to 400 MB, no dependency of this project. Where it cannot be had, the peer fails with
 * `PeerUnavailable`, which every run shows.
 */
import { Config, Effect, Option } from "effect"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { listening, type Program, stdio, webSocket } from "./Child.ts"
import { connect, type Peer, PeerUnavailable } from "./Peer.ts"

/** The releases that the project's evidence is about. */
export const versions = ["0.122.0", "0.169.0"] as const
export type Version = (typeof versions)[number]

// It promises no order between what two requests lead to; this is long against what was measured.
const patience = "100 millis"

const cacheFolder = Effect.gen(function* () {
  const configured = yield* Config.option(Config.NonEmptyString("CODEX_ORACLE_CACHE"))
  return Option.getOrElse(configured, () => join(homedir(), ".cache", "codex-oracle"))
})

const install = (folder: string, version: Version): Effect.Effect<void, PeerUnavailable> =>
  Effect.callback((resume) => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, "package.json"), "{}")
    const args = ["install", "--no-audit", "--no-fund", "--loglevel=error", `@openai/codex@${version}`]
    execFile("npm", args, { cwd: folder }, (error) =>
      resume(
        error === null
          ? Effect.void
          : Effect.fail(
              new PeerUnavailable({
                peer: `codex ${version}`,
                reason: `npm cannot install it (${error.message.split("\n")[1] ?? "no reason told"})`
              })
            )
      )
    )
  })

/** The absolute path of a version's program, installed if it has to be. */
const binary = Effect.fn("GenuineCodex.binary")(function* (version: Version) {
  const folder = join(yield* Effect.orDie(cacheFolder), version)
  const packages = join(folder, "node_modules", "@openai")
  if (!existsSync(packages)) yield* install(folder, version)
  if (!existsSync(packages)) {
    return yield* new PeerUnavailable({ peer: `codex ${version}`, reason: "npm installed nothing" })
  }
  const found = readdirSync(packages, { recursive: true, withFileTypes: true }).find(
    (entry) => entry.isFile() && entry.name === "codex" && entry.parentPath.includes("vendor")
  )
  return found === undefined
    ? yield* new PeerUnavailable({ peer: `codex ${version}`, reason: `no program under ${packages}` })
    : join(found.parentPath, found.name)
})

/** Genuine Codex: over stdio, or over WebSocket where a case needs two clients. It is looked for, or installed, once. */
export const peer = Effect.fnUntraced(function* (version: Version) {
  const found = yield* Effect.cached(binary(version))
  const serve: Peer["serve"] = Effect.fnUntraced(function* (home, clients) {
    const command = yield* found
    const program = (...args: ReadonlyArray<string>): Program => ({
      command,
      args: ["app-server", ...args],
      env: { HOME: homedir(), PATH: "/usr/bin:/bin", CODEX_HOME: home.directory, RUST_LOG: "off" }
    })
    if (clients === 1) {
      return {
        connect: (options) => Effect.flatMap(stdio(program()), (wire) => connect(wire, options, { patience }))
      }
    }
    const url = yield* listening(program("--listen", "ws://127.0.0.1:0"))
    return { connect: (options) => Effect.flatMap(webSocket(url), (wire) => connect(wire, options, { patience })) }
  })
  return { name: `codex ${version}`, origin: version, manyClients: true, serve } satisfies Peer
})
