/**
 * Throws chance at the server for a few minutes: frames at a whole server on disk, damaged rollouts at one in memory, each
 * in a process of its own.
 *
 *     npm run fuzz [-- frames | rollouts]
 *
 * `FUZZ_N` sets how many frames and rollouts there are together (default 100,000; a rollout takes as long as several
 * frames), `FUZZ_SEED` where chance begins. A failure names the seed that shows it again. Ends with 1 on a failure.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Console, Effect } from "effect"
import { spawn } from "node:child_process"
import * as Dice from "../test/fuzz/Dice.ts"
import * as FrameFuzz from "../test/fuzz/FrameFuzz.ts"
import * as RolloutFuzz from "../test/fuzz/RolloutFuzz.ts"

const kinds = ["frames", "rollouts"] as const
type Kind = (typeof kinds)[number]

const share: Readonly<Record<Kind, number>> = { frames: 0.85, rollouts: 0.15 }
const runners = { frames: FrameFuzz.run, rollouts: RolloutFuzz.run }

const fuzz = Effect.fnUntraced(function* (kind: Kind) {
  const { n, seed } = yield* Dice.settings({ n: 100_000, seed: 1_000_000 })
  const count = Math.round(n * share[kind])
  yield* Console.log(`${kind}: ${count}, seed ${seed}`)
  const started = yield* Clock.currentTimeMillis
  yield* runners[kind]({ n: count, seed })
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000
  yield* Console.log(`${kind}: ${count} without a failure in ${seconds.toFixed(0)} s`)
})

const inProcess = (kind: Kind): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, [import.meta.filename, kind], { stdio: "inherit" })
    child.on("exit", (code) => resume(Effect.succeed(code ?? 1)))
  })

const both = Effect.gen(function* () {
  const codes = yield* Effect.forEach(kinds, inProcess, { concurrency: 2 })
  process.exitCode = Math.max(...codes)
})

const chosen = kinds.find((kind) => kind === process.argv[2])

NodeRuntime.runMain(chosen === undefined ? both : fuzz(chosen))
