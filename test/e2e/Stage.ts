/**
 * What a scenario has to itself: a Codex home with a few threads, a model, servers over that home, and terminals with the
 * unmodified Codex TUI of one release. All of it is gone with the scenario; of the terminals the last screens are kept.
 */
import { Effect, type Scope } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type BuiltRollout, paginated, rollout, type RolloutOptions } from "../../src/testing/RolloutBuilder.ts"
import { listening } from "../conformance/Child.ts"
import * as GenuineCodex from "../conformance/GenuineCodex.ts"
import * as Home from "../conformance/Home.ts"
import type { PeerUnavailable } from "../conformance/Peer.ts"
import { Bundle } from "../conformance/RethreadPeers.ts"
import { binary, type CodexUnavailable, type Version } from "../support/CodexBinary.ts"
import * as MockModel from "./MockModel.ts"
import * as Terminal from "./Terminal.ts"

/** Spent 134321 tokens in all; the last response filled 100000 of a window of 200000, which is shown as 53 % left. */
export const usage = {
  total: { total: 134_321, input: 130_000, cached: 40_000, output: 4321, reasoning: 1000 },
  last: { total: 100_000, input: 99_000, cached: 30_000, output: 1000, reasoning: 100 },
  window: 200_000
}

/** Whose thread it is; `n` tells threads apart, and the later ones are newer. */
export const options = (n: number, more: RolloutOptions = {}): RolloutOptions => ({
  threadId: `9c53aaaa-0000-4000-8000-${String(n).padStart(12, "0")}`,
  createdAt: Date.UTC(2025, 0, 5, 12) + n * 60_000,
  cwd: "/",
  model: "mock-model",
  modelProvider: "mock_provider",
  originator: "codex",
  source: "cli",
  cliVersion: "0.0.0",
  ...more
})

/** A thread of two turns as 0.122 wrote it, with usage. */
export const legacy: BuiltRollout = rollout(options(1))
  .turn({ user: "First question of ALPHA" })
  .turn({ user: "Second question of ALPHA", usage })
  .build()

/** The same as 0.169 wrote it. */
export const paged: BuiltRollout = paginated(options(2, { cliVersion: "0.169.0" }))
  .turn({ user: "First question of BRAVO" })
  .turn({ user: "Second question of BRAVO", usage })
  .build()

/** The newest thread; nothing was counted in it. */
export const newest: BuiltRollout = rollout(options(3)).turn({ user: "Only question of CHARLIE" }).build()

const config = (baseUrl: string): string => `model = "mock-model"
model_provider = "mock_provider"
approval_policy = "on-request"
sandbox_mode = "read-only"
model_context_window = 200000
[model_providers.mock_provider]
name = "Mock"
base_url = "${baseUrl}"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`

/** How the TUI is to be started: its words before the options. */
export type Arguments = ReadonlyArray<string>

export interface TuiOptions {
  /** What its last screen is called. */
  readonly name?: string
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface Stage {
  readonly version: Version
  readonly home: Home.Home
  readonly model: MockModel.MockModel
  /** The bundled program. */
  readonly program: string
  /** An empty home for a client that is no TUI. */
  readonly clientHome: Effect.Effect<string>
  /** `rethread serve` over the home, on any free port unless told where, with more flags; its URL. */
  readonly serve: (
    listen?: string,
    ...flags: ReadonlyArray<string>
  ) => Effect.Effect<string, PeerUnavailable, Scope.Scope>
  /** The genuine app-server of the same release over the home; its URL. */
  readonly serveGenuine: Effect.Effect<string, PeerUnavailable, Scope.Scope>
  /** The TUI, in a home of its own that is empty, attached to the server. */
  readonly tui: (
    url: string,
    args?: Arguments,
    more?: TuiOptions
  ) => Effect.Effect<Terminal.Terminal, Terminal.TerminalBroken, Scope.Scope>
}

// Typing by program looks like a paste, and Enter right behind it like a part of it: the TUI must not guess.
const overrides = [
  "check_for_update_on_startup=false",
  "disable_paste_burst=true",
  'tui.status_line=["model-name","context-remaining","used-tokens"]'
]

const anyPort = "ws://127.0.0.1:0"

/** The stage of one run. `keep` takes the last screens of terminals that close. */
export const make = Effect.fnUntraced(function* (
  version: Version,
  keep: (terminal: string, screen: string) => Effect.Effect<void>,
  rollouts: ReadonlyArray<BuiltRollout> = [legacy, paged, newest]
): Effect.fn.Return<Stage, CodexUnavailable, Scope.Scope | Bundle> {
  const { program } = yield* Bundle
  const codex = yield* binary(version)
  const model = yield* MockModel.make
  const home = yield* Home.make(rollouts)
  yield* Effect.sync(() => writeFileSync(home.at("config.toml"), config(model.baseUrl)))
  const clients = yield* Home.temporaryDirectory("clients")
  let terminals = 0

  return {
    version,
    home,
    model,
    program: program(home.directory).args[0] ?? "",
    clientHome: Effect.sync(() => {
      const directory = join(clients, `client-${++terminals}`)
      mkdirSync(directory)
      return directory
    }),
    serve: (listen = anyPort, ...flags) => {
      const { args, command, env } = program(home.directory)
      const [file = ""] = args
      const serve = [file, "serve", "--codex-home", home.directory, "--listen", listen, ...flags]
      return listening({ command, env, args: serve })
    },
    serveGenuine: listening(GenuineCodex.program(codex, home.directory, "--listen", anyPort)),
    tui: Effect.fnUntraced(function* (url, args = [], more = {}) {
      const name = more.name ?? `tui-${++terminals}`
      const directory = join(clients, name)
      const errors = join(clients, `${name}.errors`)
      yield* Effect.sync(() => mkdirSync(directory))
      const terminal = yield* Terminal.open({
        ...more,
        name,
        command: [codex, ...args, "--remote", url, ...overrides.flatMap((override) => ["-c", override])],
        // It warns of a home in the folder for temporary files.
        env: { CODEX_HOME: directory, HOME: directory, TMPDIR: "/nowhere", PATH: "/usr/bin:/bin", ...more.env },
        errors
      })
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          const screen = yield* Effect.orElseSucceed(terminal.screen, () => "(the terminal is gone)\n")
          const said = readFileSync(errors, "utf8")
          yield* keep(name, said === "" ? screen : `${screen}\n--- standard error ---\n${said}`)
        })
      )
      return terminal
    })
  }
})

/** The rollouts in the home. */
export const rolloutsOf = (stage: Stage): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(stage.home.hashes, (hashes) => Array.from(hashes.keys()))

const opening = /"type":"(?:task|turn)_started"/g
const ending = /"type":"(?:(?:task|turn)_complete|turn_aborted)"/g
const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

/**
 * Sees an answer, and the end of its turn: by the rollouts, since not every TUI shows it, and one that is told more before
 * that adds it to the turn.
 */
export const answered = Effect.fnUntraced(function* (stage: Stage, terminal: Terminal.Terminal, wanted: RegExp) {
  yield* terminal.see(wanted, /esc to interrupt/)
  yield* terminal.until(
    "the end of the turn",
    Effect.gen(function* () {
      const texts = yield* Effect.forEach(yield* rolloutsOf(stage), stage.home.text)
      return texts.every((text) => count(text, opening) === count(text, ending))
    })
  )
})

/** Types a line and sends it. */
export const say = Effect.fnUntraced(function* (terminal: Terminal.Terminal, line: string) {
  yield* terminal.write(line)
  yield* terminal.press("Enter")
})
