/**
 * Runs every conformance case against Rethread in three shapes and against two genuine releases of Codex, and prints who
 * does what: `same` as Rethread promises, `deviates` as documented, `FAILED`.
 *
 *     npm run conformance [-- --only TEXT]
 *
 * Genuine Codex is installed from npm into a cache folder when it is not there; where it cannot be had its column says
 * `unavailable`, and the run goes on. Ends with 1 if anything failed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { parseArgs } from "node:util"
import { allCases } from "../test/conformance/cases/index.ts"
import { run, type Verdict } from "../test/conformance/Case.ts"
import * as GenuineCodex from "../test/conformance/GenuineCodex.ts"
import * as RethreadPeers from "../test/conformance/RethreadPeers.ts"

const { values } = parseArgs({ options: { only: { type: "string", default: "" } } })

/** For a peer that hangs; the slowest case takes seconds. */
const limit = "60 seconds"

const withLimit = (running: Effect.Effect<Verdict>): Effect.Effect<Verdict> =>
  Effect.timeoutOrElse(running, {
    duration: limit,
    orElse: () => Effect.succeed<Verdict>({ _tag: "Failed", problems: [`no end after ${limit}`] })
  })

const words: Readonly<Record<Verdict["_tag"], string>> = {
  Same: "same",
  Deviates: "deviates",
  Unavailable: "unavailable",
  NotApplicable: "—",
  Failed: "FAILED"
}

const program = Effect.gen(function* () {
  const peers = [
    RethreadPeers.inProcess,
    yield* RethreadPeers.overStdio,
    yield* RethreadPeers.overWebSocket,
    ...(yield* Effect.forEach(GenuineCodex.versions, GenuineCodex.peer))
  ]
  const cases = allCases.filter((aCase) => aCase.name.includes(values.only))
  const width = Math.max(...cases.map((aCase) => aCase.name.length))
  const notes: Array<string> = []
  const counts = new Map<string, number>()
  yield* Console.log(["".padEnd(width), ...peers.map((peer) => peer.name.padEnd(19))].join("  "))
  for (const aCase of cases) {
    const cells: Array<string> = []
    const verdicts = yield* Effect.forEach(
      peers,
      (peer) => Effect.map(withLimit(run(aCase, peer)), (verdict) => ({ peer, verdict })),
      { concurrency: 3 }
    )
    for (const { peer, verdict } of verdicts) {
      const word = words[verdict._tag]
      cells.push(word.padEnd(19))
      counts.set(word, (counts.get(word) ?? 0) + 1)
      if (verdict._tag === "Failed") {
        notes.push(`FAILED  ${aCase.name} · ${peer.name}`, ...verdict.problems.map((problem) => `        ${problem}`))
      } else if (verdict._tag === "Deviates") {
        notes.push(`deviates  ${aCase.name} · ${peer.name}: ${verdict.because}`)
      } else if (verdict._tag === "Unavailable" && !notes.includes(verdict.reason)) {
        notes.push(verdict.reason)
      }
    }
    yield* Console.log([aCase.name.padEnd(width), ...cells].join("  ").trimEnd())
  }
  yield* Console.log(["", ...notes, "", [...counts].map(([word, n]) => `${n} ${word}`).join(", ")].join("\n"))
  if (counts.has(words.Failed)) process.exitCode = 1
})

NodeRuntime.runMain(Effect.provide(program, RethreadPeers.Bundle.layer))
