/**
 * What every command shares: the program's own flags, and where its home is.
 */
import { Effect, type Option } from "effect"
import { Command, Flag, GlobalFlag } from "effect/cli"
import * as Host from "./Host.ts"

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
