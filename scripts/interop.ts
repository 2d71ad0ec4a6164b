/**
 * Passes threads to and fro between Rethread and two genuine releases of Codex, and prints what each sees differently.
 *
 *     npm run interop [-- --only TEXT]
 *
 * Ends with 1 if anything differs that is not documented. Where genuine Codex cannot be had, it says `unavailable`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Option } from "effect"
import { parseArgs } from "node:util"
import * as Rounds from "../test/interop/Rounds.ts"
import { Model } from "../test/interop/World.ts"

const { values } = parseArgs({ options: { only: { type: "string", default: "" } } })

const program = Effect.gen(function* () {
  const rounds = Rounds.all.filter((round) => round.name.includes(values.only))
  let failed = 0
  for (const round of rounds) {
    const exit = yield* Effect.exit(Effect.timeout(round.run, "90 seconds"))
    const verdict = Exit.isSuccess(exit)
      ? exit.value
      : {
          problems: [
            Option.match(Cause.findErrorOption(exit.cause), { onSome: String, onNone: () => Cause.pretty(exit.cause) })
          ],
          notes: []
        }
    if (verdict.problems.length > 0) failed++
    yield* Console.log(
      [
        `${verdict.problems.length > 0 ? "FAILED" : "same  "}  ${round.name}`,
        ...verdict.notes.map((note) => `        ${note}`),
        ...verdict.problems.map((problem) => `        ${problem}`)
      ].join("\n")
    )
  }
  yield* Console.log(`${rounds.length} rounds, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
})

NodeRuntime.runMain(Effect.provide(program, Model.layer))
