/**
 * Every scenario in every pairing of servers that can play it, and what came of it.
 */
import { Cause, Effect, Option } from "effect"
import { printExact } from "../../src/domain/Json.ts"
import * as GenuineCodex from "../conformance/GenuineCodex.ts"
import type { Peer } from "../conformance/Peer.ts"
import { type Deviation, deviations } from "./Deviations.ts"
import { nameOf, play, type Round } from "./Play.ts"
import { type Scenario, scenarios } from "./Scenarios.ts"
import { rethread } from "./World.ts"

/** The whole program of threads that change hands. */
export const all = Effect.gen(function* () {
  const older = yield* GenuineCodex.peer("0.122.0")
  const newer = yield* GenuineCodex.peer("0.169.0")
  const pairings: ReadonlyArray<readonly [mode: Scenario["modes"][number], maker: Peer, taker: Peer]> = [
    ["event", rethread, newer],
    ["event", rethread, older],
    ["event", older, rethread],
    ["paginated", rethread, newer],
    ["paginated", newer, rethread]
  ]
  return pairings.flatMap(([mode, maker, taker]) =>
    scenarios
      .filter((scenario) => scenario.modes.includes(mode) && scenario.not?.includes(maker.origin) !== true)
      .map((scenario): Round => ({ scenario, mode, maker, taker }))
  )
})

export type Outcome =
  | { readonly _tag: "Same" }
  | { readonly _tag: "Deviates"; readonly met: ReadonlyArray<Deviation> }
  | { readonly _tag: "Unavailable"; readonly reason: string }
  | { readonly _tag: "Failed"; readonly problems: ReadonlyArray<string> }

/** Plays a round and judges it. */
export const judge = (round: Round) =>
  play(round).pipe(
    Effect.map((differences): Outcome => {
      const met = new Set<Deviation>()
      const problems: Array<string> = []
      for (const difference of differences) {
        const known = deviations.find((deviation) => deviation.holds(difference, round))
        if (known === undefined) {
          const { after, genuine, rethread, what } = difference
          problems.push(
            `${what}, after ${after}:\n  rethread ${printExact(rethread)}\n  genuine  ${printExact(genuine)}`
          )
        } else met.add(known)
      }
      if (problems.length > 0) return { _tag: "Failed", problems }
      return met.size === 0 ? { _tag: "Same" } : { _tag: "Deviates", met: [...met] }
    }),
    Effect.timeout("2 minutes"),
    Effect.catchCause((cause): Effect.Effect<Outcome> => {
      const error = Option.getOrNull(Cause.findErrorOption(cause))
      return Effect.succeed(
        error?._tag === "PeerUnavailable"
          ? { _tag: "Unavailable", reason: error.message }
          : { _tag: "Failed", problems: [Cause.pretty(cause)] }
      )
    }),
    Effect.withSpan("Rounds.judge", { attributes: { round: nameOf(round) } })
  )
