/**
 * Kills a server that streams turns, so many times, and checks each time that nothing of what it told is lost.
 *
 *     npm run kill [-- --rounds 200] [--seed 1]
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { parseArgs } from "node:util"
import { temporaryDirectory } from "../test/conformance/Home.ts"
import { Bundle } from "../test/conformance/RethreadPeers.ts"
import * as Dice from "../test/fuzz/Dice.ts"
import * as Killing from "../test/live/Killing.ts"

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "200" }, seed: { type: "string", default: "1" } }
})

const program = Effect.gen(function* () {
  const { program } = yield* Bundle
  const home = yield* temporaryDirectory("killed")
  const dice = Dice.make(Number(values.seed))
  const tally = yield* Killing.run(Number(values.rounds), dice, program(home, "--agent", "echo"))
  const { completed, interrupted, rounds, torn } = tally
  yield* Console.log(
    `${rounds} kills: ${interrupted} turns were left open, ${completed} were not, ${torn} lines were torn; nothing told was lost`
  )
})

NodeRuntime.runMain(Effect.provide(Effect.scoped(program), Bundle.layer))
