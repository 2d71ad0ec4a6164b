/**
 * The server on standard input and output, as editors start it. The shortest way from the program's start to an answer:
 * it loads nothing that only other commands or transports need.
 */
import { Effect, Fiber, Option, Schema } from "effect"
import * as Draining from "../rpc/codex/Draining.ts"
import * as StdioTransport from "../rpc/codex/StdioTransport.ts"
import * as Failure from "./Failure.ts"
import * as Host from "./Host.ts"
import * as Platform from "./Platform.ts"
import type { StdioArguments } from "./StdioArguments.ts"
import * as Server from "./Server.ts"
import * as Signals from "./Signals.ts"
import * as Telemetry from "./Telemetry.ts"

/** The client read too slowly, on a transport that has no other client to go on with. */
class ClientTooSlow extends Schema.TaggedError<ClientTooSlow>()("ClientTooSlow", {}) {
  override get message(): string {
    return "the client on standard output reads too slowly; giving up"
  }
}

/** Serves until the input ends; told to stop, it ends the turns and answers what is pending first. */
const serveStdio = Effect.gen(function* () {
  const draining = yield* Draining.make
  const serving = yield* Effect.forkChild(draining.track(StdioTransport.serveUntil(draining)))
  return yield* Effect.onInterrupt(Fiber.join(serving), () => Effect.andThen(Server.endTurns, draining.drain))
})

/** Serves standard input until it ends. */
export const serve = Effect.fn("StdioServer.serve")(function* (options: Server.ServerOptions) {
  const ending = yield* Effect.provide(serveStdio, Server.layer(options))
  if (ending === "overflow") return yield* Failure.fail(new ClientTooSlow(), 1)
})

/** {@link serve}, for a command line that was read in full. */
export const serveArguments = Effect.fnUntraced(function* ({ agent, home, overrides }: StdioArguments) {
  return yield* serve({
    home: yield* Host.codexHome(Option.fromUndefinedOr(home)),
    overrides,
    cwd: yield* Host.workingDirectory,
    agent,
    telemetry: yield* Telemetry.fromEnvironment
  })
})

/** {@link serveArguments} as the whole program. */
export const run = (given: StdioArguments): void =>
  Signals.runMain(serveArguments(given).pipe(Effect.provide([Platform.layer, Platform.layerLogger])))
