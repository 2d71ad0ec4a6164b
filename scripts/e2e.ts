/**
 * Drives the unmodified Codex TUI of two releases, in tmux, against `rethread serve`, and looks at its screens.
 *
 *     npm run e2e [-- --only TEXT] [--release 0.169.0] [--screens DIR]
 *
 * Installs what it needs, and says so: tmux with `apt-get` (as root), and Codex from npm into a cache folder. The last screen
 * of every terminal is kept as a text file. A scenario that fails is played once more before it counts as failed. Ends with
 * 1 if one failed, or if there is nothing to drive.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Schema } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Bundle } from "../test/conformance/RethreadPeers.ts"
import { play } from "../test/e2e/Scenario.ts"
import { allScenarios } from "../test/e2e/scenarios/index.ts"
import { binary, type Version, versions } from "../test/support/CodexBinary.ts"

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    release: { type: "string", default: "" },
    screens: { type: "string", default: "" }
  }
})

class NoTmux extends Schema.TaggedError<NoTmux>()("NoTmux", { detail: Schema.String }) {
  override get message(): string {
    return `the TUI is driven through tmux, which is not here: ${this.detail}`
  }
}

const run = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.try({
    try: () => execFileSync(command, args, { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" }),
    catch: (cause) => new NoTmux({ detail: `${[command, ...args].join(" ")}: ${String(cause).split("\n")[0]}` })
  })

const ensureTmux = run("tmux", "-V").pipe(
  Effect.catch(() =>
    process.getuid?.() === 0
      ? Effect.gen(function* () {
          yield* Console.log("installing tmux: apt-get install -y tmux")
          yield* Effect.catch(run("apt-get", "install", "-y", "tmux"), () =>
            Effect.andThen(run("apt-get", "update"), run("apt-get", "install", "-y", "tmux"))
          )
          return yield* run("tmux", "-V")
        })
      : Effect.fail(new NoTmux({ detail: "install the package `tmux`, or run this as root" }))
  )
)

const fileName = (...words: ReadonlyArray<string>): string =>
  `${words.join("-").replaceAll(/[^A-Za-z0-9.]+/g, "-")}.txt`

/** One scenario and one release. */
const attempt = Effect.fnUntraced(function* (index: number, version: Version, screens: string) {
  const scenario = allScenarios[index]
  if (scenario === undefined) return true
  const keep = (terminal: string, screen: string) =>
    Effect.sync(() => writeFileSync(join(screens, fileName(version, scenario.name, terminal)), screen))
  const [took, outcome] = yield* Effect.timed(play(scenario, version, keep))
  const seconds = `${(Duration.toMillis(took) / 1000).toFixed(1)} s`
  const label = `${version}  ${scenario.name}`
  if (outcome._tag === "Failed") {
    const { problem } = outcome
    const screen = "screen" in problem ? problem.screen.split("\n").map((line) => `        | ${line}`) : []
    yield* Console.log([`FAILED  ${label} (${seconds})`, `        ${problem.message}`, ...screen].join("\n"))
    return false
  }
  const again = outcome.secondTry === null ? "" : `, in a second try; first ${outcome.secondTry.message}`
  yield* Console.log(`ok      ${label} (${seconds}${again})`)
  return true
})

const releases = versions.filter((version) => version.includes(values.release))
const plays = allScenarios.flatMap((scenario, index) =>
  scenario.name.includes(values.only)
    ? releases
        .filter((version) => (scenario.versions ?? versions).includes(version))
        .map((version) => ({ index, version }))
    : []
)

const conclude = (passed: number, failed: number) =>
  Effect.gen(function* () {
    yield* Console.log(`${passed} passed, ${failed} failed`)
    if (failed > 0 || passed === 0) process.exitCode = 1
  })

const program = Effect.gen(function* () {
  yield* Console.log((yield* ensureTmux).trim())
  for (const version of releases) yield* Console.log(`codex ${version}: ${yield* binary(version)}`)
  const screens = values.screens === "" ? mkdtempSync(join(tmpdir(), "rethread-e2e-")) : values.screens
  mkdirSync(screens, { recursive: true })
  const results = yield* Effect.forEach(plays, ({ index, version }) => attempt(index, version, screens), {
    concurrency: 2
  })
  yield* Console.log(`last screens: ${screens}`)
  const passed = results.filter((ok) => ok).length
  yield* conclude(passed, results.length - passed)
}).pipe(
  // Without tmux or Codex nothing can be shown to work.
  Effect.catchTags({
    NoTmux: (error) => Effect.andThen(Console.log(error.message), conclude(0, plays.length)),
    CodexUnavailable: (error) => Effect.andThen(Console.log(error.message), conclude(0, plays.length))
  })
)

NodeRuntime.runMain(Effect.provide(program, Bundle.layer))
