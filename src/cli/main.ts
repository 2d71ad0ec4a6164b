/**
 * The program's entry. Logs go to standard error.
 */
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Logger } from "effect"
import { program } from "./Program.ts"
import * as Signals from "./Signals.ts"

const stderrLogger = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

Signals.runMain(program.pipe(Effect.provide(Layer.merge(NodeServices.layer, stderrLogger))))
