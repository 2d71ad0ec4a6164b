/**
 * A small part of `npm run interop`: one thread of each pairing, where genuine Codex is in its cache folder. Where it is
 * not, nothing is installed, and the run shows these as skipped.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Config, Effect, Option } from "effect"
import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { versions } from "../conformance/GenuineCodex.ts"
import { nameOf } from "./Play.ts"
import * as Rounds from "./Rounds.ts"
import { Model } from "./World.ts"

const cache = Effect.runSync(
  Effect.gen(function* () {
    const configured = yield* Config.option(Config.NonEmptyString("CODEX_ORACLE_CACHE"))
    return Option.getOrElse(configured, () => join(homedir(), ".cache", "codex-oracle"))
  })
)
const missing = versions.filter((version) => !existsSync(join(cache, version, "node_modules", "@openai")))

const played = [
  "event: rethread → codex 0.169.0: an interruption",
  "event: rethread → codex 0.122.0: a failure in the middle",
  "event: codex 0.122.0 → rethread: two turns",
  "paginated: rethread → codex 0.169.0: revert, and on",
  "paginated: codex 0.169.0 → rethread: a fork of a reverted thread"
]

describe.skipIf(missing.length > 0)(
  missing.length > 0
    ? `genuine Codex ${missing.join(" and ")} unavailable (npm run interop installs it)`
    : "genuine Codex",
  () => {
    layer(Model.layer, { excludeTestServices: true })((it) => {
      for (const name of played) {
        it.effect(name, () =>
          Effect.gen(function* () {
            const round = (yield* Rounds.all).find((one) => nameOf(one) === name)
            const outcome = yield* round === undefined ? Effect.die(`no round is called ${name}`) : Rounds.judge(round)
            assert.include(["Same", "Deviates"], outcome._tag, JSON.stringify(outcome))
          })
        )
      }
    })
  }
)
