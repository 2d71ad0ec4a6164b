/**
 * The commands that serve: `rethread serve`, for people, and `rethread app-server`, which stands in for
 * `codex app-server`. Both print on standard error only; standard output belongs to the protocol. The other commands are
 * in `CommandGroups.ts`.
 */
import { Console, Effect, type Option, Result } from "effect"
import { Command, Flag } from "effect/cli"
import * as AuthenticationFlags from "./AuthenticationFlags.ts"
import { peoplesCommands } from "./CommandGroups.ts"
import { fail } from "./Failure.ts"
import * as Host from "./Host.ts"
import * as ListenAddress from "./ListenAddress.ts"
import { codexHome, color, root } from "./Root.ts"
import * as Telemetry from "./Telemetry.ts"

const listen = (byDefault: string) =>
  Flag.String("listen").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("stdio://, unix://, unix://PATH or ws://IP:PORT"),
    Flag.withDefault(byDefault)
  )

const telemetry = {
  otlp: Flag.String("otlp").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription(
      "Sends traces, metrics and logs to the collector there (OTLP over HTTP); RETHREAD_OTLP_URL when not given"
    ),
    Flag.optional
  ),
  otlpHeader: Flag.String("otlp-header").pipe(
    Flag.withMetavar("NAME=VALUE"),
    Flag.withDescription(
      "A header for the collector; may be repeated. A secret is safer in OTEL_EXPORTER_OTLP_HEADERS, where others do not see it"
    ),
    Flag.atLeast(0)
  ),
  logFormat: Flag.Literals("log-format", Telemetry.logFormats).pipe(
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("How logs are written on standard error; RETHREAD_LOG_FORMAT, or else logfmt, when not given"),
    Flag.optional
  )
}

const start = Effect.fnUntraced(function* (
  flags: { readonly listen: string; readonly codexHome: Option.Option<string> } & AuthenticationFlags.Given &
    Telemetry.Given,
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
  const options = {
    home,
    overrides: config,
    cwd: yield* Host.workingDirectory,
    agent,
    telemetry: yield* Telemetry.read(flags)
  }
  if (address.success._tag === "Stdio") {
    const { serve } = yield* Effect.promise(() => import("./StdioServer.ts"))
    return yield* serve(options)
  }
  const { serve } = yield* Effect.promise(() => import("./SocketServer.ts"))
  return yield* serve(address.success, options, authentication, (url) => announce(url, home))
})

/** Where a WebSocket server listens, alone on its line: programs read it. */
const announceUrl = (url: string): Effect.Effect<void> => Console.error(`listening on ${url}`)

const stdioUrl = "stdio://"

const appServer = Command.make(
  "app-server",
  {
    listen: listen(stdioUrl),
    codexHome,
    ...AuthenticationFlags.flags,
    ...telemetry,
    stdio: Flag.Boolean("stdio").pipe(Flag.withDescription("The same as --listen stdio://"), Flag.withDefault(false)),
    // Passed by editors; there are no analytics here.
    analytics: Flag.Boolean("analytics-default-enabled").pipe(Flag.withDefault(false), Flag.withHidden)
  },
  (flags) =>
    flags.stdio && flags.listen !== stdioUrl
      ? fail({ message: "--stdio and --listen cannot be used together" }, 2)
      : start(flags, announceUrl)
).pipe(Command.withDescription("Serve the Codex app-server protocol, in place of `codex app-server`"))

const serve = Command.make(
  "serve",
  { listen: listen("ws://127.0.0.1:4500"), codexHome, ...AuthenticationFlags.flags, ...telemetry },
  (flags) =>
    start(flags, (url, home) =>
      Effect.andThen(
        announceUrl(url),
        Console.error(`threads of ${home}\nattach with: codex --remote ${url}\nstop with Ctrl-C`)
      )
    )
).pipe(
  Command.withDescription("Serve the threads of a Codex home to any number of clients"),
  Command.withExamples([{ command: "rethread serve", description: "Serve ~/.codex on ws://127.0.0.1:4500" }])
)

/** The program's command line. */
export const rethread = root.pipe(
  Command.withSubcommands([...peoplesCommands, serve, appServer]),
  Command.withGlobalFlags([color])
)
