/**
 * One scenario between two servers: `maker` plays it, `taker` resumes the thread, takes a turn in it, and `maker` comes back
 * to it. Whatever they see of it differently is a problem, and so is what they would send the model differently.
 */
import { Effect, Equal } from "effect"
import type { Peer } from "../conformance/Peer.ts"
import * as Acts from "./Acts.ts"
import type { Scenario } from "./Scenarios.ts"
import * as World from "./World.ts"

/** Where two views differ, in words. */
const differences = (what: string, left: unknown, right: unknown): ReadonlyArray<string> =>
  Equal.equals(left, right) ? [] : [`${what}:\n    ${JSON.stringify(left)}\n    ${JSON.stringify(right)}`]

const viewDifferences = (what: string, left: Acts.View, right: Acts.View): ReadonlyArray<string> => [
  ...differences(`${what}, usage`, left.usage, right.usage),
  ...differences(`${what}, number of turns`, left.turns.length, right.turns.length),
  ...left.turns.flatMap((turn, index) => differences(`${what}, turn ${index + 1}`, turn, right.turns[index]))
]

export const play = Effect.fn("Play.play")(
  function* (scenario: Scenario, mode: Scenario["modes"][number], maker: Peer, taker: Peer) {
    const home = yield* World.home
    const historyMode = mode === "event" ? "legacy" : "paginated"
    const threadId = yield* Acts.visit(maker, home, (client) =>
      Effect.map(
        scenario.play(client, Acts.start(client, maker.origin === "rethread" ? historyMode : null)),
        (actor) => actor.threadId
      )
    )
    const made = yield* Acts.view(maker, home, threadId)
    const own = yield* Acts.goOn(maker, yield* World.copy(home), threadId, "and then?")
    const taken = yield* Acts.view(taker, home, threadId)
    const theirs = yield* Acts.goOn(taker, home, threadId, "and then?")
    const further = yield* Acts.view(taker, home, threadId)
    const back = yield* Acts.view(maker, home, threadId)
    yield* Acts.goOn(maker, home, threadId, "and at last?")
    const end = yield* Acts.view(maker, home, threadId)
    const again = yield* Acts.view(taker, home, threadId)
    const files = yield* World.rolloutsOf(home)
    const ordinals = yield* Effect.forEach(files, (path) =>
      Effect.map(Acts.ordinalProblems(path), (problems) => problems.map((problem) => `${path}: ${problem}`))
    )
    return [
      ...viewDifferences(`made by ${maker.name}, resumed by ${taker.name}`, made, taken),
      ...differences("the model's context of the next turn", own, theirs),
      ...viewDifferences(`continued by ${taker.name}, resumed by ${maker.name}`, further, back),
      ...viewDifferences(`continued by ${maker.name} again, resumed by ${taker.name}`, end, again),
      ...ordinals.flat()
    ]
  },
  Effect.scoped
)
