/**
 * Every scenario in every pairing of servers that can play it, by name.
 */
import { Effect } from "effect"
import * as GenuineCodex from "../conformance/GenuineCodex.ts"
import type { Peer } from "../conformance/Peer.ts"
import { play } from "./Play.ts"
import { type Scenario, scenarios } from "./Scenarios.ts"
import { rethread } from "./World.ts"

const [older, newer] = [GenuineCodex.peer("0.122.0"), GenuineCodex.peer("0.169.0")]

const pairings: ReadonlyArray<readonly [mode: Scenario["modes"][number], maker: Peer, taker: Peer]> = [
  ["event", rethread, newer],
  ["event", rethread, older],
  ["event", older, rethread],
  ["paginated", rethread, newer],
  ["paginated", newer, rethread]
]

export const all = pairings.flatMap(([mode, maker, taker]) =>
  scenarios
    .filter((scenario) => scenario.modes.includes(mode) && scenario.not?.includes(maker.origin) !== true)
    .map((scenario) => ({
      name: `${mode}: ${maker.name} → ${taker.name}: ${scenario.name}`,
      run: Effect.map(play(scenario, mode, maker, taker), (problems) => ({ problems, notes: [] as ReadonlyArray<string> }))
    }))
)
