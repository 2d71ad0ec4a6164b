/**
 * The program's entry. Logs go to standard error.
 */
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Logger } from "effect"
import { Command } from "effect/cli"
import { VERSION } from "../domain/Version.ts"
import { rethread } from "./Commands.ts"
import * as Signals from "./Signals.ts"

const stderrLogger = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

Signals.runMain(
  Command.run(rethread, { version: VERSION }).pipe(Effect.provide(Layer.merge(NodeServices.layer, stderrLogger)))
)
