/**
 * Takes the pictures in docs/screens: the unmodified Codex TUI of 0.169.0 after it resumed the same thread on the genuine
 * app-server of 0.169.0 and on `rethread serve`, as text and as SVG.
 *
 *     node scripts/screens.ts [DIRECTORY]
 *
 * Needs tmux; Codex is installed from npm into a cache folder when it is not there.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Bundle } from "../test/conformance/RethreadPeers.ts"
import { rollout } from "../src/testing/RolloutBuilder.ts"
import * as Stage from "../test/e2e/Stage.ts"
import { terminalSvg } from "./lib/terminal-svg.ts"

const directory = process.argv[2] ?? join(import.meta.dirname, "../docs/screens")
const size = { columns: 84, rows: 40 }

/** A thread as 0.122 wrote it. */
const thread = rollout(Stage.options(1))
  .turn({
    user: "Why does the nightly build fail?",
    agent: "Two tests share one temporary directory; whichever runs second finds it gone."
  })
  .turn({
    user: "Give each its own.",
    agent: "Done: each test makes a directory of its own, and removes it.",
    usage: Stage.usage
  })
  .build()

const shots = [
  { name: "codex-0.169-server", title: "codex resume, on codex 0.169.0 app-server", genuine: true },
  { name: "rethread-server", title: "codex resume, on rethread serve", genuine: false }
]

/** The TUI resumes a thread, and the user asks for its status before saying anything. */
const take = Effect.fnUntraced(function* ({ genuine, name, title }: (typeof shots)[number]) {
  const stage = yield* Stage.make("0.169.0", () => Effect.void, [thread])
  const url = yield* genuine ? stage.serveGenuine : stage.serve()
  const terminal = yield* stage.tui(url, ["resume", thread.threadId], size)
  yield* terminal.see(/Done: each test makes/)
  yield* Stage.say(terminal, "/status")
  yield* terminal.see(/Token usage: .*[^]*Limits: .*[^]*Ask Codex to do anything/)
  const [text, coloured] = [yield* terminal.screen, yield* terminal.coloured]
  yield* Effect.sync(() => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `${name}.txt`), text)
    writeFileSync(join(directory, `${name}.svg`), terminalSvg(coloured, { title, columns: size.columns }))
  })
  yield* Console.log(`${join(directory, name)}.{txt,svg}`)
}, Effect.scoped)

NodeRuntime.runMain(Effect.provide(Effect.forEach(shots, take, { discard: true }), Bundle.layer))
