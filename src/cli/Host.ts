/**
 * What the program knows of the machine: the facts that clients are told, and where the Codex home is.
 */
import { Config, Effect, Option } from "effect"
import * as Os from "node:os"
import * as NodePath from "node:path"
import { ServerInfo } from "../rpc/codex/ServerInfo.ts"

const platformOs: Partial<Record<NodeJS.Platform, string>> = { darwin: "macos", win32: "windows" }

/** This machine, in the words of the protocol. */
export const layerServerInfo = ServerInfo.layer({
  os: `${Os.type()} ${Os.release()}`,
  arch: Os.machine(),
  platformFamily: process.platform === "win32" ? "windows" : "unix",
  platformOs: platformOs[process.platform] ?? process.platform
})

/** The Codex home: what was asked for, else `CODEX_HOME`, else `~/.codex`. Absolute. */
export const codexHome = Effect.fnUntraced(function* (requested: Option.Option<string>) {
  const configured = yield* Config.option(Config.NonEmptyString("CODEX_HOME"))
  const home = Option.getOrElse(
    Option.orElse(requested, () => configured),
    () => NodePath.join(Os.homedir(), ".codex")
  )
  return NodePath.resolve(home)
})

/** Where the program runs. */
export const workingDirectory = Effect.sync(() => process.cwd())

/** The Unix socket's absolute path; when none is asked for, where Codex's clients look in their home. */
export const socketPath = (requested: string, home: string): string =>
  requested === "" ? NodePath.join(home, "app-server-control", "app-server-control.sock") : NodePath.resolve(requested)

/** The code that the program ends with when it is told to end. */
export const setExitCode = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })
