/**
 * `rethread fork`: a new thread with the history of another. The first line of standard output is its id, and nothing else.
 */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { TurnId } from "../../domain/Ids.ts"
import { CodexClient } from "../../rpc/client/index.ts"
import * as Failure from "../Failure.ts"
import * as LocalServices from "../LocalServices.ts"
import * as Output from "../Output.ts"
import * as PromptTurn from "../PromptTurn.ts"
import * as Root from "../Root.ts"
import * as ThreadTarget from "../ThreadTarget.ts"
import * as ThreadText from "../ThreadText.ts"

const turn = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TURN"),
    Flag.withDescription(description),
    Flag.withSchema(TurnId),
    Flag.optional
  )

const flags = {
  thread: ThreadTarget.argument,
  last: ThreadTarget.last,
  until: turn("until", "The last turn that the fork has"),
  before: turn("before", "The first turn that it does not have"),
  ephemeral: Flag.Boolean("ephemeral").pipe(
    Flag.withDescription("Write nothing: the fork is gone when the command ends"),
    Flag.withDefault(false)
  ),
  prompt: PromptTurn.flag,
  remote: ThreadTarget.remote,
  codexHome: Root.codexHome
}

export const fork = Command.make("fork", flags, (given) =>
  Failure.orFail(
    Effect.gen(function* () {
      const options = yield* Root.options(given.codexHome)
      if (Option.isSome(given.until) && Option.isSome(given.before)) {
        return yield* Failure.fail({ message: "--until and --before exclude each other" }, 2)
      }
      const prompt = yield* PromptTurn.textOf(given.prompt)
      const target = yield* ThreadTarget.forClient(given, options.cwd, Option.isSome(given.remote)).pipe(
        Effect.provide(LocalServices.layer(options))
      )
      const make = Effect.gen(function* () {
        const client = yield* CodexClient
        const attached = yield* client.fork(target.threadId, {
          ...(target.path === null ? {} : { path: target.path }),
          lastTurnId: Option.getOrNull(given.until),
          beforeTurnId: Option.getOrNull(given.before),
          ephemeral: given.ephemeral
        })
        yield* Output.line(attached.thread.id)
        const summary = ThreadText.summary(
          attached.thread,
          attached.response,
          Option.getOrNull(attached.usage),
          Output.plainStyle
        )
        yield* Console.error([...summary, `turns    ${attached.thread.turns.length}`].join("\n"))
        if (prompt === null) return
        const outcome = yield* PromptTurn.run(attached, prompt, { quiet: false })
        yield* PromptTurn.report(outcome)
        yield* PromptTurn.check(outcome)
      })
      const { layer } = yield* Effect.promise(() => import("../ThreadClient.ts"))
      yield* make.pipe(Effect.scoped, Effect.provide(layer(given.remote, options)))
    })
  ).pipe(Failure.codeWhenInterrupted(130))
).pipe(
  Command.withDescription("Fork a thread: print the new thread's id; with a prompt, go on in it"),
  Command.withExamples([
    { command: "rethread fork --last", description: "A copy of the thread that was changed last" },
    { command: "rethread fork 01a2 --before rollout-12", description: "Without a turn and what came after it" },
    {
      command: 'id=$(rethread fork --last) && rethread resume "$id" --prompt "try it another way"',
      description: "In scripts"
    }
  ])
)
