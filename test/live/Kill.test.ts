/** Ten of the rounds of `npm run kill`: a server that dies in the middle of its turns loses nothing that it told. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Bundle } from "../conformance/RethreadPeers.ts"
import { temporaryDirectory } from "../conformance/Home.ts"
import * as Dice from "../fuzz/Dice.ts"
import * as Killing from "./Killing.ts"

layer(Bundle.layer.pipe(Layer.orDie), { excludeTestServices: true })("kill -9", (it) => {
  it.effect("keeps every line that was told of, and the next model context says that the turn was interrupted", () =>
    Effect.gen(function* () {
      const { program } = yield* Bundle
      const tally = yield* Killing.run(
        10,
        Dice.make(9),
        program(yield* temporaryDirectory("killed"), "--agent", "echo")
      )
      assert.strictEqual(tally.rounds, 10)
      assert.isAbove(tally.interrupted, 0)
    })
  )
})
