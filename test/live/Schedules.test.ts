/**
 * Whatever happens, a client that folds what it is told has what a read shows (docs/decisions.md, "The cut").
 *
 * `LIVE_RUNS` asks for more runs, `LIVE_SEED` for other ones. A failure prints the shrunk schedule and its replay token.
 */
import { it } from "@effect/vitest"
import { Config, Effect } from "effect"
import { play } from "./Model.ts"
import { Schedule } from "./Schedule.ts"

const { runs, seed } = Effect.runSync(
  Effect.orDie(
    Config.all({
      runs: Config.Int("LIVE_RUNS").pipe(Config.withDefault(300)),
      seed: Config.Int("LIVE_SEED").pipe(Config.withDefault(1))
    })
  )
)

it.effect.prop(
  `clients, a read and a cold read agree (${runs} schedules, seed ${seed})`,
  { schedule: Schedule },
  ({ schedule }) => play(schedule),
  { arbitrary: { runs, seed, size: 200, maxShrinks: 400 }, timeout: 60_000 + runs * 1000 }
)
