/**
 * Damaged rollouts by chance; `npm run fuzz` tries more of them.
 */
import { it } from "@effect/vitest"
import { Effect } from "effect"
import * as Dice from "./Dice.ts"
import * as RolloutFuzz from "./RolloutFuzz.ts"

const settings = Effect.runSync(Dice.settings({ n: 2000, seed: 1 }))

it.live(
  `whatever a rollout holds, the answers are typed and agree (${settings.n} rollouts, seed ${settings.seed})`,
  () => RolloutFuzz.run(settings),
  600_000
)
