/**
 * `rethread show`: a thread as it would be restored, without loading it. With `--json` what `thread/read` answers.
 */
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Results from "../../rpc/codex/Results.ts"
import type { RestoredUsage as WireUsage } from "../../rpc/client/index.ts"
import type { RestoredUsage } from "../../domain/TokenUsage.ts"
import { Threads } from "../../services/Threads.ts"
import * as Failure from "../Failure.ts"
import * as LocalServices from "../LocalServices.ts"
import * as Output from "../Output.ts"
import * as Root from "../Root.ts"
import * as ThreadTarget from "../ThreadTarget.ts"
import * as ThreadText from "../ThreadText.ts"

const flags = {
  thread: ThreadTarget.argument,
  last: ThreadTarget.last,
  turns: Flag.Int("turns").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Only the last N turns"),
    Flag.filter(
      (turns) => turns >= 0,
      (turns) => `expected a number from 0 on, got ${turns}`
    ),
    Flag.optional
  ),
  items: Flag.Boolean("items").pipe(
    Flag.withDescription("Also what is not said: commands, file changes, reasoning"),
    Flag.withDefault(false)
  ),
  json: Root.json,
  codexHome: Root.codexHome
}

const usageOf = (usage: RestoredUsage | null): WireUsage | null =>
  usage === null ? null : { turnId: usage.owner, tokenUsage: usage.info, inherited: usage.inherited }

export const show = Command.make("show", flags, (given) =>
  Failure.orFail(
    Effect.gen(function* () {
      const options = yield* Root.options(given.codexHome)
      const count = Option.getOrNull(given.turns)
      const read = Effect.gen(function* () {
        const threads = yield* Threads
        const ref = yield* ThreadTarget.find(given, options.cwd)
        if (yield* ThreadTarget.isCurrent(ref)) return yield* threads.read(ref.threadId)
        // An older file of the thread, or one outside of the home.
        const { thread } = yield* threads.load(ref, {})
        return (yield* threads.snapshot(thread, Effect.void))[0]
      })
      const snapshot = yield* Effect.provide(read, LocalServices.layer(options))
      if (given.json) {
        const value = Results.threadRead(snapshot, { withTurns: true })
        const { turns } = value.thread
        const shown = count === null ? turns : turns.slice(Math.max(0, turns.length - count))
        return yield* Output.json({ ...value, thread: { ...value.thread, turns: shown } })
      }
      const style = yield* Output.style
      yield* Output.lines([
        ...ThreadText.summary(snapshot.thread, snapshot.settings, usageOf(snapshot.usage), style),
        ...ThreadText.turnsLines(snapshot.thread.turns, count, given.items, style)
      ])
    })
  )
).pipe(
  Command.withDescription("Show a thread: its turns, settings and token usage, and where its file lies"),
  Command.withExamples([
    { command: "rethread show --last", description: "The thread that was changed last" },
    {
      command: "rethread show 01a2 --turns 3 --items",
      description: "The last three turns of a thread, by the beginning of its id"
    },
    { command: "rethread show --last --json | jq .tokenUsage", description: "What it spent, as clients get it" }
  ])
)
