/**
 * The program in this process: its real commands over a real folder, with standard streams that a test holds.
 */
import { NodeServices } from "@effect/platform-node"
import { ConfigProvider, Effect, Exit, Layer, Runtime, Sink, Stdio, Stream } from "effect"
import { Cause } from "effect"
import { TestConsole } from "effect/testing"
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { program } from "../../../src/cli/Program.ts"
import type { BuiltRollout } from "../../../src/testing/RolloutBuilder.ts"

export interface Ran {
  readonly out: string
  readonly err: string
  readonly code: number
}

export interface RunOptions {
  readonly stdin?: string
  /** The output is a terminal. */
  readonly terminal?: boolean
  readonly env?: Readonly<Record<string, string>>
}

const decoder = new TextDecoder()
const collector = (into: Array<string>) =>
  Sink.forEach((chunk: string | Uint8Array) =>
    Effect.sync(() => void into.push(typeof chunk === "string" ? chunk : decoder.decode(chunk)))
  )

/** Runs a command line to its end. */
export const run = Effect.fnUntraced(function* (args: ReadonlyArray<string>, options: RunOptions = {}) {
  const out: Array<string> = []
  const err: Array<string> = []
  const terminal = Effect.succeed(options.terminal === true)
  const stdio = Stdio.layerTest({
    args: Effect.succeed(args),
    stdout: () => collector(out),
    stderr: () => collector(err),
    stdin: Stream.encodeText(Stream.succeed(options.stdin ?? "")),
    stdoutIsTerminal: terminal,
    stderrIsTerminal: terminal
  })
  const ran = Effect.gen(function* () {
    const exit = yield* Effect.exit(program)
    const told = (yield* TestConsole.errorLines).map((line) => `${String(line)}\n`)
    const printed = (yield* TestConsole.logLines).map((line) => `${String(line)}\n`)
    return {
      out: [...printed, ...out].join(""),
      err: [...told, ...err].join(""),
      code: Exit.isSuccess(exit) ? 0 : Runtime.getErrorExitCode(Cause.squash(exit.cause))
    } satisfies Ran
  })
  return yield* ran.pipe(
    Effect.provide([
      Layer.provideMerge(Layer.fresh(TestConsole.layer), Layer.merge(NodeServices.layer, stdio)),
      ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...options.env } }))
    ])
  )
})

/** A Codex home with these rollouts, and further files. */
export const home = (
  rollouts: ReadonlyArray<BuiltRollout>,
  files: Readonly<Record<string, string | Uint8Array>> = {}
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "rethread-cli-"))
      mkdirSync(join(folder, "sessions"))
      const put = (path: string, content: string | Uint8Array) => {
        mkdirSync(dirname(join(folder, path)), { recursive: true })
        writeFileSync(join(folder, path), content)
      }
      for (const { bytes, modifiedAt, path } of rollouts) {
        put(path, bytes)
        utimesSync(join(folder, path), modifiedAt / 1000, modifiedAt / 1000)
      }
      for (const [path, content] of Object.entries(files)) put(path, content)
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
