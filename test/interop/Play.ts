/**
 * One scenario between Rethread and a genuine server: `maker` plays it, `taker` resumes the thread, takes a turn in it, and
 * `maker` comes back to it. What they see of it differently is a difference, and so is what they would send the model.
 */
import { Effect, Equal } from "effect"
import type { Peer } from "../conformance/Peer.ts"
import * as Acts from "./Acts.ts"
import type { Scenario } from "./Scenarios.ts"
import * as World from "./World.ts"

/** The same thing, seen by both. */
export interface Difference {
  readonly what: "usage" | "turns" | "context" | "ordinals"
  /** Who left the thread as it was when both looked. */
  readonly after: "maker" | "taker" | "maker again"
  readonly rethread: unknown
  readonly genuine: unknown
}

/** Who does what to a thread. */
export interface Round {
  readonly scenario: Scenario
  readonly mode: Scenario["modes"][number]
  readonly maker: Peer
  readonly taker: Peer
}

export const nameOf = ({ maker, mode, scenario, taker }: Round): string =>
  `${mode}: ${maker.name} → ${taker.name}: ${scenario.name}`

export const play = Effect.fn("Play.play")(function* ({ maker, mode, scenario, taker }: Round) {
  const found: Array<Difference> = []
  const compare = (what: Difference["what"], after: Difference["after"], ofMaker: unknown, ofTaker: unknown) => {
    if (Equal.equals(ofMaker, ofTaker)) return
    const sides =
      maker.origin === "rethread" ? { rethread: ofMaker, genuine: ofTaker } : { rethread: ofTaker, genuine: ofMaker }
    found.push({ what, after, ...sides })
  }
  const home = yield* World.home
  const historyMode = maker.origin === "rethread" ? (mode === "event" ? "legacy" : "paginated") : null
  const threadId = yield* Acts.visit(maker, home, (client) =>
    Effect.map(scenario.play(Acts.start(client, historyMode)), (actor) => actor.threadId)
  )
  const both = Effect.fnUntraced(function* (after: Difference["after"]) {
    const views: ReadonlyArray<Acts.View> = [
      yield* Acts.view(maker, home, threadId),
      yield* Acts.view(taker, home, threadId)
    ]
    const [ofMaker, ofTaker] = views
    compare("usage", after, ofMaker?.usage, ofTaker?.usage)
    compare("turns", after, ofMaker?.turns, ofTaker?.turns)
  })
  yield* both("maker")
  // What the maker itself would send the model next, had nobody else come.
  const alone = yield* Acts.goOn(maker, yield* World.copy(home), threadId, "and then?")
  compare("context", "maker", alone, yield* Acts.goOn(taker, home, threadId, "and then?"))
  yield* both("taker")
  const back = yield* Acts.goOn(taker, yield* World.copy(home), threadId, "and at last?")
  compare("context", "taker", yield* Acts.goOn(maker, home, threadId, "and at last?"), back)
  yield* both("maker again")
  for (const path of yield* World.rolloutsOf(home)) {
    const problems = yield* Acts.ordinalProblems(path)
    if (problems.length > 0) found.push({ what: "ordinals", after: "maker again", rethread: problems, genuine: path })
  }
  return found
}, Effect.scoped)
