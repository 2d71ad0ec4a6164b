/**
 * `rethread resume`: comes to a thread as a client does, prints what the client gets, and with a prompt runs a turn.
 */
import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import { CodexClient } from "../../rpc/client/index.ts"
import * as Failure from "../Failure.ts"
import * as LocalServices from "../LocalServices.ts"
import * as Output from "../Output.ts"
import * as PromptTurn from "../PromptTurn.ts"
import * as Root from "../Root.ts"
import * as ThreadTarget from "../ThreadTarget.ts"
import * as ThreadText from "../ThreadText.ts"

const flags = {
  thread: ThreadTarget.argument,
  last: ThreadTarget.last,
  prompt: PromptTurn.flag,
  remote: ThreadTarget.remote,
  json: Root.json,
  codexHome: Root.codexHome
}

/** Turns that are shown of a thread when nothing is asked of it. */
const shownTurns = 3

export const resume = Command.make("resume", flags, (given) =>
  Failure.orFail(
    Effect.gen(function* () {
      const options = yield* Root.options(given.codexHome)
      const prompt = yield* PromptTurn.textOf(given.prompt)
      const target = yield* ThreadTarget.forClient(given, options.cwd, Option.isSome(given.remote)).pipe(
        Effect.provide(LocalServices.layer(options))
      )
      const attach = Effect.gen(function* () {
        const client = yield* CodexClient
        const attached = yield* client.resume(target.threadId, target.path === null ? {} : { path: target.path })
        if (prompt !== null) {
          const outcome = yield* PromptTurn.run(attached, prompt, { quiet: given.json })
          if (given.json) yield* Output.json({ turn: outcome.turn, tokenUsage: outcome.usage })
          else yield* PromptTurn.report(outcome)
          return yield* PromptTurn.check(outcome)
        }
        if (given.json) return yield* Output.json(attached.response)
        const style = yield* Output.style
        yield* Output.lines([
          ...ThreadText.summary(attached.thread, attached.response, Option.getOrNull(attached.usage), style),
          ...ThreadText.turnsLines(attached.thread.turns, shownTurns, false, style)
        ])
      })
      const { layer } = yield* Effect.promise(() => import("../ThreadClient.ts"))
      yield* attach.pipe(Effect.scoped, Effect.provide(layer(given.remote, options)))
    })
  ).pipe(Failure.codeWhenInterrupted(130))
).pipe(
  Command.withDescription("Come to a thread as a client does; with a prompt, go on with it"),
  Command.withExamples([
    { command: "rethread resume --last", description: "What a client gets of the thread that was changed last" },
    {
      command: 'rethread resume 01a2 --prompt "and the tests?"',
      description: "Run a turn; the answer goes to standard output"
    },
    { command: "git diff | rethread resume --last --prompt -", description: "The prompt from standard input" },
    {
      command: "rethread resume 01a202aa-a4b1-72c2-82d4-6bd031bcc898 --remote ws://127.0.0.1:4500",
      description: "Through a server that runs"
    }
  ])
)
