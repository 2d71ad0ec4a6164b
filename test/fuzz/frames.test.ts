/**
 * Frames by chance against the whole server; `npm run fuzz` throws more of them.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Dice from "./Dice.ts"
import { owedTo } from "./FrameChance.ts"
import * as FrameFuzz from "./FrameFuzz.ts"

const settings = Effect.runSync(Dice.settings({ n: 2000, seed: 1 }))

it.live(
  `every frame that is owed an answer gets exactly one (${settings.n} frames, seed ${settings.seed})`,
  () => FrameFuzz.run(settings),
  600_000
)

it("the rule of who is owed an answer", () => {
  assert.deepStrictEqual(
    [
      '{"id":1,"method":"thread/read"}',
      '{"id":"a","method":"no/such"}',
      '{"id":1.5,"method":"thread/read"}',
      '{"method":"thread/read"}',
      '{"method":"no/such"}',
      '{"id":1,"result":{}}',
      "{}",
      "[]",
      "{",
      `{"id":1,"method":"x","params":${"[".repeat(600)}${"]".repeat(600)}}`
    ].map(owedTo),
    ["1", '"a"', "null", "null", null, null, "null", "null", "null", "null"]
  )
})
