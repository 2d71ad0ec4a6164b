/**
 * Runs jobs: every server in turn, run after run (A B C, A B C …), each in a fresh process over its own copy of the same
 * files.
 */
import { Console, Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { copyOf, expected, type Expected, forget, grow, type HomeCopy, restore } from "./homes.ts"
import { type Input, makeFileHome, makeSessionsHome } from "./inputs.ts"
import { type InputName, type MakeInput, type Run, type Scenario, type State } from "./jobs.ts"
import { greeted, type Peer } from "./peers.ts"
import type { Sample } from "./results.ts"

/** Makes each input once, and the copies of the servers; all below one folder. */
export class Homes {
  private readonly inputs = new Map<InputName, Input>()
  private readonly copies = new Map<string, HomeCopy>()
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  readonly input: MakeInput = (name) => {
    const found = this.inputs.get(name)
    if (found !== undefined) return found
    console.error(`making ${name}`)
    const [kind, size] = name.split("-")
    const directory = join(this.folder, "inputs", name)
    mkdirSync(directory, { recursive: true })
    const made =
      kind === "home"
        ? makeSessionsHome(name, directory, Number(size))
        : makeFileHome(name, directory, Number(size), kind === "images" ? "images" : "events")
    this.inputs.set(name, made)
    return made
  }

  /** A server's own copy, as it was left by its last run. */
  copy(peer: Peer, name: InputName): HomeCopy {
    const input = this.input(name)
    const key = `${peer.name} ${name}`
    const found = this.copies.get(key)
    if (found !== undefined) return found
    const made = copyOf(input, join(this.folder, "copies", peer.name.replaceAll(" ", "-"), name))
    this.copies.set(key, made)
    return made
  }

  get made(): ReadonlyArray<Input> {
    return [...this.inputs.values()]
  }
}

/** A process that is not measured: it sees the home, and Rethread's puts the home's one rollout into its catalog. */
const prepare = Effect.fnUntraced(function* (peer: Peer, copy: HomeCopy) {
  const { talk } = yield* greeted(peer, copy.directory)
  const [rollout, another] = copy.input.rollouts
  if (!peer.isRethread || another !== undefined) yield* talk.ask("thread/list", { limit: 100 })
  else yield* talk.ask("thread/resume", { threadId: rollout?.threadId })
}, Effect.scoped)

/** Brings a home into a state. */
const bring = Effect.fnUntraced(function* (peer: Peer, copy: HomeCopy, state: State) {
  restore(copy)
  if (state === "cold") {
    forget(copy)
    return expected(copy.input)
  }
  yield* prepare(peer, copy)
  restore(copy)
  return state === "stale" ? grow(copy) : expected(copy.input)
})

/** Has the disk have what was written: by an earlier run, whose forks may be half a gigabyte, and for this one. */
const settle = (): void => {
  // Where there is no such command, runs are as they come.
  spawnSync("sync", { stdio: "ignore" })
}

/** The samples of a scenario; a run that failed says why, and the others go on. */
export const runScenario = Effect.fnUntraced(function* (
  scenario: Scenario,
  peers: ReadonlyArray<Peer>,
  homes: Homes,
  runs: number
) {
  const samples: Array<Sample> = []
  const names = Object.keys(scenario.jobs)
  const one = Effect.fnUntraced(function* (peer: Peer, state: State, copy: HomeCopy) {
    const found: Expected = yield* bring(peer, copy, state)
    settle()
    const run: Run = { peer, state, copy, expected: found }
    return yield* Effect.scoped(scenario.measure(run))
  })
  // Rethread keeps what was compiled of it; genuine servers were compiled before they came here.
  for (const peer of peers.filter(({ isRethread }) => isRethread)) {
    const [state] = scenario.states(peer)
    if (state !== undefined) yield* Effect.ignore(one(peer, state, homes.copy(peer, scenario.input)))
  }
  for (let run = 0; run < runs; run++) {
    for (const peer of peers) {
      if (!peer.isRethread && run >= scenario.codexRuns) continue
      for (const state of scenario.states(peer)) {
        yield* Console.error(`${names.join(", ")}: run ${run + 1}, ${peer.name}, ${state}`)
        const measured = yield* Effect.result(one(peer, state, homes.copy(peer, scenario.input)))
        for (const [job, what] of Object.entries(scenario.jobs)) {
          const outcome =
            measured._tag === "Failure" ? measured.failure.reason : (measured.success[job] ?? "it was not measured")
          samples.push({ job, what, peer: peer.name, isRethread: peer.isRethread, state, outcome })
        }
      }
    }
  }
  return samples
})
