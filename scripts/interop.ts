/**
 * Passes threads to and fro between Rethread and two genuine releases of Codex, and prints what each sees differently.
 *
 *     npm run interop [-- --only TEXT]
 *
 * Ends with 1 if anything differs that is not documented, or a documented difference is none any more. Where genuine Codex
 * cannot be had, it says `unavailable`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { parseArgs } from "node:util"
import { type Deviation, deviations } from "../test/interop/Deviations.ts"
import { nameOf } from "../test/interop/Play.ts"
import * as Rounds from "../test/interop/Rounds.ts"
import { Model } from "../test/interop/World.ts"

const { values } = parseArgs({ options: { only: { type: "string", default: "" } } })

const words: Readonly<Record<Rounds.Outcome["_tag"], string>> = {
  Same: "same",
  Deviates: "deviates",
  Unavailable: "unavailable",
  Failed: "FAILED"
}

const linesOf = (outcome: Rounds.Outcome): ReadonlyArray<string> => {
  switch (outcome._tag) {
    case "Same":
      return []
    case "Deviates":
      return outcome.met.map((deviation) => deviation.because)
    case "Unavailable":
      return [outcome.reason]
    case "Failed":
      return outcome.problems
  }
}

const program = Effect.gen(function* () {
  const rounds = (yield* Rounds.all).filter((round) => nameOf(round).includes(values.only))
  const met = new Set<Deviation>()
  const counts = new Map<string, number>()
  for (const round of rounds) {
    const outcome = yield* Rounds.judge(round)
    const word = words[outcome._tag]
    counts.set(word, (counts.get(word) ?? 0) + 1)
    if (outcome._tag === "Deviates") outcome.met.forEach((deviation) => met.add(deviation))
    const notes = linesOf(outcome)
      .flatMap((line) => line.split("\n"))
      .map((line) => `             ${line}`)
    yield* Console.log([`${word.padEnd(13)}${nameOf(round)}`, ...notes].join("\n"))
  }
  const whole = values.only === "" && !counts.has(words.Unavailable) && !counts.has(words.Failed)
  const stale = whole ? deviations.filter((deviation) => !met.has(deviation)) : []
  for (const { because } of stale) yield* Console.log(`documented, but not met: ${because}`)
  yield* Console.log(Array.from(counts, ([word, count]) => `${count} ${word}`).join(", "))
  if (counts.has(words.Failed) || stale.length > 0) process.exitCode = 1
})

NodeRuntime.runMain(Effect.provide(program, Model.layer))
