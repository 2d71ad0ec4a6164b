/**
 * What every command shares: the program's own flags, where its home is, and how it fails.
 *
 * An error is one line on standard error that says what to do. Exit codes: 0 done, 1 not done (or damage found), 2 not
 * understood, 130 stopped by Ctrl-C.
 */
import { Console, Effect, type Option, Runtime, Schema } from "effect"
import { Command, Flag, GlobalFlag } from "effect/cli"
import * as Host from "./Host.ts"

/** Ends the program with `exitCode`, after its message was printed. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  reason: Schema.String,
  exitCode: Schema.Int
}) {
  override readonly [Runtime.errorReported] = false
  override get [Runtime.errorExitCode](): number {
    return this.exitCode
  }
  override get message(): string {
    return this.reason
  }
}

/** Prints the error and ends the program. */
export const fail = (error: { readonly message: string }, exitCode: number) =>
  Effect.andThen(
    Console.error(`error: ${error.message}`),
    Effect.fail(new CommandFailed({ reason: error.message, exitCode }))
  )

/** Ends the program without a word: all is said. */
export const endWith = (exitCode: number) => Effect.fail(new CommandFailed({ reason: "", exitCode }))

const isReported = Schema.is(CommandFailed)
const isUntold = <E>(error: E): error is Exclude<E, CommandFailed> => !isReported(error)

/** Whatever fails ends the program with exit code 1 and its message. */
export const orFail = <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchIf(effect, isUntold, (error) => fail(error, 1))

export const codexHome = Flag.Directory("codex-home").pipe(
  Flag.withDescription("Where the threads and config.toml are; CODEX_HOME, or else ~/.codex, when not given"),
  Flag.optional
)

const config = Flag.String("config").pipe(
  Flag.withAlias("c"),
  Flag.withMetavar("key=value"),
  Flag.withDescription("Overrides a value of config.toml; may be repeated"),
  Flag.atLeast(0)
)

const agent = Flag.Literals("agent", ["model", "echo"]).pipe(
  Flag.withDescription("What runs turns: the models of config.toml, or an echo that needs no key"),
  Flag.withDefault("model")
)

/** `--no-color`; NO_COLOR and an output that is no terminal say the same. */
export const color = GlobalFlag.Setting("color")({
  flag: Flag.Boolean("color").pipe(
    Flag.withDescription("Colours on a terminal where NO_COLOR is not set; --no-color: none"),
    Flag.withDefault(true)
  )
})

export const json = Flag.Boolean("json").pipe(Flag.withDescription("Print JSON"), Flag.withDefault(false))

/** The program; `-c` may stand before or behind the command's name, as with `codex`. */
export const root = Command.make("rethread").pipe(
  Command.withSharedFlags({ config, agent }),
  Command.withDescription("A thread server: restores Codex sessions with their token usage and serves them")
)

/** What a command works on: the home, and what is laid over its configuration. */
export const options = Effect.fnUntraced(function* (home: Option.Option<string>) {
  const { agent, config } = yield* root
  return { home: yield* Host.codexHome(home), overrides: config, cwd: yield* Host.workingDirectory, agent }
})

/** Told to stop (Ctrl-C), the program ends with this code once all is in order. */
export const codeWhenInterrupted =
  (exitCode: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.onInterrupt(effect, () => Host.setExitCode(exitCode))
