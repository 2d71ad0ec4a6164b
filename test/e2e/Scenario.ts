/**
 * A scenario: what a person does in front of the TUI, and what must be on the screen. It is run for each release that it
 * is about; one that fails is run once more before it counts as failed, and the run says so.
 */
import { Effect, Schema, type Scope } from "effect"
import type { PeerUnavailable } from "../conformance/Peer.ts"
import type { Bundle } from "../conformance/RethreadPeers.ts"
import type { CodexUnavailable, Version } from "../support/CodexBinary.ts"
import * as Stage from "./Stage.ts"
import type { Failure } from "./Terminal.ts"

/** Something else than a screen is not as it must be. */
export class Unexpected extends Schema.TaggedError<Unexpected>()("Unexpected", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

type Problem = Failure | Unexpected | PeerUnavailable | CodexUnavailable

export interface Scenario {
  readonly name: string
  /** The releases it is about; all when not given. */
  readonly versions?: ReadonlyArray<Version>
  readonly script: (stage: Stage.Stage) => Effect.Effect<void, Problem, Scope.Scope>
}

export type Outcome =
  | { readonly _tag: "Passed"; readonly secondTry: Problem | null }
  | { readonly _tag: "Failed"; readonly problem: Problem }

/** For a scenario that hangs where nothing is awaited on a screen. */
const limit = "90 seconds"

/** Fails unless it holds. */
export const expect = (holds: boolean, detail: string): Effect.Effect<void, Unexpected> =>
  holds ? Effect.void : Effect.fail(new Unexpected({ detail }))

/** Runs a scenario once or twice; `keep` takes the last screen of each terminal. */
export const play = (
  scenario: Scenario,
  version: Version,
  keep: (terminal: string, screen: string) => Effect.Effect<void>
): Effect.Effect<Outcome, never, Bundle> => {
  const once = (suffix: string) =>
    Stage.make(version, (terminal, screen) => keep(`${terminal}${suffix}`, screen)).pipe(
      Effect.flatMap(scenario.script),
      Effect.scoped,
      Effect.timeoutOrElse({
        duration: limit,
        orElse: () => Effect.fail(new Unexpected({ detail: `no end after ${limit}` }))
      })
    )
  const passed = (secondTry: Problem | null) => (): Outcome => ({ _tag: "Passed", secondTry })
  return Effect.matchEffect(once(""), {
    onSuccess: () => Effect.sync(passed(null)),
    onFailure: (first) =>
      Effect.match(once(" second try"), {
        onSuccess: passed(first),
        onFailure: (problem): Outcome => ({ _tag: "Failed", problem })
      })
  })
}
