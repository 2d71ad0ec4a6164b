/**
 * Coming to threads from the command line: what was spent before is on the screen before anything is said.
 */
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { expect, type Scenario } from "../Scenario.ts"
import { legacy, newest, paged, rolloutsOf, say, type Stage } from "../Stage.ts"
import type { Terminal } from "../Terminal.ts"

/** The footer of a thread whose usage was restored. */
const restoredFooter = /mock-model · Context 53% left/
const restoredStatus = [
  /Token usage:\s+94\.3K total\s+\(90K input \+ 4\.32K output\)/,
  /Context window:\s+53% left \(100K used \/ 200K\)/
]

/** Everything that was spent is shown, though nobody said anything yet. */
export const seeRestored = Effect.fnUntraced(function* (terminal: Terminal) {
  yield* terminal.see(restoredFooter)
  yield* say(terminal, "/status")
  for (const line of restoredStatus) yield* terminal.see(line)
})

const quits = Effect.fnUntraced(function* (terminal: Terminal) {
  yield* say(terminal, "/quit")
  const code = yield* terminal.ended
  yield* expect(code === 0, `the TUI ended with ${code}`)
})

/** Spent: 130000 input, of which 40000 were cached, and 4321 output. */
const restoredAtExit = /Token usage(?: so far)?: total=94,321 input=90,000 \(\+ 40,000 cached\) output=4,321/

const resumes = (thread: typeof legacy, words: RegExp) =>
  Effect.fnUntraced(function* (stage: Stage) {
    const terminal = yield* stage.tui(yield* stage.serve(), ["resume", thread.threadId])
    yield* terminal.see(words)
    yield* seeRestored(terminal)
    yield* terminal.see(new RegExp(`Session: +${thread.threadId}`))
    yield* quits(terminal)
    yield* terminal.see(restoredAtExit)
  })

export const starting: ReadonlyArray<Scenario> = [
  {
    name: "a fresh start, with an empty home and no login",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* stage.tui(yield* stage.serve())
      yield* terminal.see(/mock-model · Context 100% left/)
      yield* say(terminal, "/status")
      yield* terminal.see(/Account: +API key configured/)
      yield* quits(terminal)
    })
  },
  { name: "resume ID, event-style history", script: resumes(legacy, /Second question of ALPHA/) },
  { name: "resume ID, paginated history", script: resumes(paged, /Second question of BRAVO/) },
  {
    name: "resume: the picker",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* stage.tui(yield* stage.serve(), ["resume"])
      yield* terminal.see(/CHARLIE[^]*BRAVO[^]*ALPHA/)
      yield* terminal.press("Down")
      yield* terminal.see(/[>❯›] .*BRAVO/)
      yield* terminal.press("Enter")
      yield* terminal.see(/answer to Second question of BRAVO/)
      yield* seeRestored(terminal)
    })
  },
  {
    name: "a server that wants a bearer token",
    script: Effect.fnUntraced(function* (stage) {
      const file = stage.home.at("token")
      yield* Effect.sync(() => writeFileSync(file, "the-secret\n"))
      const url = yield* stage.serve(undefined, "--ws-auth", "capability-token", "--ws-token-file", file)
      const args = ["resume", legacy.threadId, "--remote-auth-token-env", "RETHREAD_TOKEN"]
      const terminal = yield* stage.tui(url, args, { env: { RETHREAD_TOKEN: "the-secret" } })
      yield* seeRestored(terminal)
      const stranger = yield* stage.tui(url, args, { name: "stranger", env: { RETHREAD_TOKEN: "another" } })
      yield* expect((yield* stranger.ended) !== 0, "the TUI got in with a wrong token")
    })
  },
  {
    name: "a server on a Unix socket",
    versions: ["0.169.0"],
    script: Effect.fnUntraced(function* (stage) {
      const url = yield* stage.serve(`unix://${stage.home.at("server.sock")}`)
      const terminal = yield* stage.tui(url, ["resume", legacy.threadId])
      yield* seeRestored(terminal)
      yield* quits(terminal)
    })
  },
  {
    name: "resume --last",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* stage.tui(yield* stage.serve(), ["resume", "--last"])
      yield* terminal.see(/answer to Only question of CHARLIE/)
      yield* say(terminal, "/status")
      yield* terminal.see(new RegExp(`Session: +${newest.threadId}`))
    })
  },
  {
    name: "fork ID",
    script: Effect.fnUntraced(function* (stage) {
      const before = yield* rolloutsOf(stage)
      const terminal = yield* stage.tui(yield* stage.serve(), ["fork", legacy.threadId])
      yield* terminal.see(/answer to Second question of ALPHA/)
      yield* terminal.see(new RegExp(`forked from ${legacy.threadId}`))
      yield* seeRestored(terminal)
      const after = yield* rolloutsOf(stage)
      yield* expect(after.length === before.length + 1, `${before.length} rollouts became ${after.length}`)
    })
  },
  {
    name: "codex archive, unarchive, delete",
    versions: ["0.169.0"],
    script: Effect.fnUntraced(function* (stage) {
      const url = yield* stage.serve()
      const runs = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
        const code = yield* (yield* stage.tui(url, args)).ended
        yield* expect(code === 0, `codex ${args.join(" ")} ended with ${code}`)
        return yield* rolloutsOf(stage)
      })
      const archived = legacy.path.replace(/^.*[/]/, "archived_sessions/")
      yield* expect((yield* runs("archive", legacy.threadId)).includes(archived), "it is not in the archive")
      yield* expect((yield* runs("unarchive", legacy.threadId)).includes(legacy.path), "it is not where it was")
      const left = yield* runs("delete", "--force", legacy.threadId)
      yield* expect(left.length === 2 && !left.includes(legacy.path), `left: ${left.join(", ")}`)
    })
  }
]
