/**
 * The program's entry. Logs go to standard error; SIGINT and SIGTERM end it cleanly, with exit code 0.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer, Logger, Runtime } from "effect"
import { Command } from "effect/cli"
import { VERSION } from "../domain/Version.ts"
import { rethread } from "./Commands.ts"

const stderrLogger = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

const teardown: Runtime.Teardown = (exit, onExit) =>
  onExit(
    Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : Runtime.getErrorExitCode(Cause.squash(exit.cause))
  )

NodeRuntime.runMain(
  Command.run(rethread, { version: VERSION }).pipe(Effect.provide(Layer.merge(NodeServices.layer, stderrLogger))),
  { teardown }
)
