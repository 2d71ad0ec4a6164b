/**
 * The commands: `rethread serve`, for people, and `rethread app-server`, which stands in for
 * `codex app-server`. Both print on standard error only; standard output belongs to the protocol.
 */
import { Console, Effect, type Option, Result, Runtime, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as AuthenticationFlags from "./AuthenticationFlags.ts"
import * as Host from "./Host.ts"
import * as ListenAddress from "./ListenAddress.ts"
import * as Server from "./Server.ts"

/** Ends the program with `exitCode`, after its message was printed. */
class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
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

const fail = (error: { readonly message: string }, exitCode: number) =>
  Effect.andThen(
    Console.error(`error: ${error.message}`),
    Effect.fail(new CommandFailed({ reason: error.message, exitCode }))
  )

const codexHome = Flag.Directory("codex-home").pipe(
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

const listen = (byDefault: string) =>
  Flag.String("listen").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("stdio://, unix://, unix://PATH or ws://IP:PORT"),
    Flag.withDefault(byDefault)
  )

/** The program; `-c` may stand before or behind the command's name, as with `codex`. */
const root = Command.make("rethread").pipe(
  Command.withSharedFlags({ config, agent }),
  Command.withDescription("A thread server: restores Codex sessions with their token usage and serves them")
)

const start = Effect.fnUntraced(function* (
  flags: { readonly listen: string; readonly codexHome: Option.Option<string> } & AuthenticationFlags.Given,
  announce: (url: string, home: string) => Effect.Effect<void>
) {
  const { agent, config } = yield* root
  const given = AuthenticationFlags.parse(flags)
  if (Result.isFailure(given)) return yield* fail(given.failure, 1)
  const authentication = given.success
  const authenticated = authentication._tag !== "Open"
  const address = ListenAddress.parse(flags.listen, { authenticated })
  if (Result.isFailure(address)) return yield* fail(address.failure, address.failure.exitCode)
  if (authenticated && address.success._tag === "Stdio") {
    return yield* fail(new AuthenticationFlags.InvalidAuthentication({ reason: "notForStdio" }), 1)
  }
  const home = yield* Host.codexHome(flags.codexHome)
  const options = { home, overrides: config, cwd: yield* Host.workingDirectory, agent, authentication }
  return yield* Server.run(address.success, options, (url) => announce(url, home)).pipe(
    Effect.catchTag(["ListenFailed", "ClientTooSlow", "SecretUnavailable"], (error) => fail(error, 1))
  )
})

const stdioUrl = "stdio://"

const appServer = Command.make(
  "app-server",
  {
    listen: listen(stdioUrl),
    codexHome,
    ...AuthenticationFlags.flags,
    stdio: Flag.Boolean("stdio").pipe(Flag.withDescription("The same as --listen stdio://"), Flag.withDefault(false)),
    // Passed by editors; there are no analytics here.
    analytics: Flag.Boolean("analytics-default-enabled").pipe(Flag.withDefault(false), Flag.withHidden)
  },
  (flags) =>
    flags.stdio && flags.listen !== stdioUrl
      ? fail({ message: "--stdio and --listen cannot be used together" }, 2)
      : start(flags, Server.announceUrl)
).pipe(Command.withDescription("Serve the Codex app-server protocol, in place of `codex app-server`"))

const serve = Command.make(
  "serve",
  { listen: listen("ws://127.0.0.1:4500"), codexHome, ...AuthenticationFlags.flags },
  (flags) =>
    start(flags, (url, home) =>
      Effect.andThen(
        Server.announceUrl(url),
        Console.error(
          `threads of ${home}\nattach with: any client of the Codex app-server protocol, at ${url}\nstop with Ctrl-C`
        )
      )
    )
).pipe(
  Command.withDescription("Serve the threads of a Codex home to any number of clients"),
  Command.withExamples([{ command: "rethread serve", description: "Serve ~/.codex on ws://127.0.0.1:4500" }])
)

/** The program's command line. */
export const rethread = root.pipe(Command.withSubcommands([serve, appServer]))
