/**
 * The program for any command line: help, the commands for people, every transport.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Runtime } from "effect"
import { CliError } from "effect/cli"
import * as Platform from "./Platform.ts"
import { program } from "./Program.ts"
import * as Signals from "./Signals.ts"

/** As Codex: 2 for a command line that is none, 1 for what fails without a code of its own. */
const exitCodeOf = (error: unknown): number => {
  const code = Runtime.getErrorExitCode(error)
  return code === 1 && CliError.isCliError(error) ? 2 : code
}

/** Runs the command line as the whole program. */
export const run = (): void =>
  Signals.runMain(program.pipe(Effect.provide(Layer.merge(NodeServices.layer, Platform.layerLogger))), exitCodeOf)
