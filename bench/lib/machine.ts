/**
 * Where and on what a run was made.
 */
import { Schema } from "effect"
import { execFileSync } from "node:child_process"
import { cpus, totalmem } from "node:os"
import { join } from "node:path"

export const Machine = Schema.Struct({
  processor: Schema.String,
  cores: Schema.Finite,
  memoryGb: Schema.Finite,
  system: Schema.String,
  node: Schema.String
})
export type Machine = typeof Machine.Type

export const machine = (): Machine => {
  const all = cpus()
  return {
    processor: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.versions.node
  }
}

export const machineText = ({ cores, memoryGb, node, processor, system }: Machine): string =>
  `${cores} × ${processor}, ${memoryGb} GB, ${system}, Node ${node}`

const git = (...args: ReadonlyArray<string>): string | null => {
  try {
    const cwd = join(import.meta.dirname, "../..")
    return execFileSync("git", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  } catch {
    return null
  }
}

/** The commit that was measured; whether the program's sources differ from it is told. */
export const commit = (): string => {
  const hash = git("rev-parse", "--short=12", "HEAD")
  if (hash === null) return "unknown"
  return git("status", "--porcelain", "--", "src", "bin", "scripts", "package.json") === ""
    ? hash
    : `${hash}, with changes`
}
