/**
 * The whole program: its commands, and what holds for all of them. What was not understood is told in one line that says
 * where to look, and ends it with exit code 2; colours are for terminals.
 */
import { Console, Effect, Layer, Stdio } from "effect"
import { CliOutput, Command, TerminalCapabilities } from "effect/cli"
import { VERSION } from "../domain/Version.ts"
import { rethread } from "./Commands.ts"
import { CommandFailed } from "./Failure.ts"

const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const words = event.errors.map(({ message }) => message.replace(/\s*\n\s*/g, " ")).join("; ")
    return Console.error(`error: ${words} (see \`${event.commandPath.join(" ")} --help\`)`)
  }
}

/** Colours as the terminal and the environment have it; `--no-color` has the last word, also over help. */
const capabilities = Layer.effect(
  TerminalCapabilities.TerminalCapabilities,
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    const detected = yield* TerminalCapabilities.TerminalCapabilities
    const args = yield* stdio.args
    const end = args.indexOf("--")
    const isPlain = (end < 0 ? args : args.slice(0, end)).includes("--no-color")
    const { canAnimate, canColor, canPrompt } = detected
    return { canAnimate, canColor: canColor && !isPlain, canPrompt }
  })
).pipe(Layer.provide(TerminalCapabilities.layer))

/** Runs the command line that `Stdio` has. */
export const program = Command.run(rethread, { version: VERSION }).pipe(
  Effect.catchTag("ShowHelp", (help) => {
    const [first] = help.errors
    return Effect.fail(first === undefined ? help : new CommandFailed({ reason: first.message, exitCode: 2 }))
  }),
  Effect.provide([CliOutput.layerPresenter(presenter), capabilities])
)
