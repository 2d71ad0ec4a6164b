/**
 * What a person does to threads inside the TUI.
 */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { isRecord } from "../../../src/domain/Json.ts"
import { expect, type Scenario } from "../Scenario.ts"
import { answered, legacy, paged, say, type Stage } from "../Stage.ts"
import { seeRestored } from "./Starting.ts"

const resumed = Effect.fnUntraced(function* (stage: Stage) {
  const terminal = yield* stage.tui(yield* stage.serve(), ["resume", legacy.threadId])
  yield* terminal.see(/answer to Second question of ALPHA/)
  yield* terminal.see(/mock-model · Context 53% left/)
  return terminal
})

export const inApp: ReadonlyArray<Scenario> = [
  {
    name: "/new",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* resumed(stage)
      yield* say(terminal, "/new")
      yield* terminal.see(/mock-model · Context 100% left/)
      yield* say(terminal, "hello")
      yield* answered(stage, terminal, /You said: hello/)
    })
  },
  {
    name: "/fork",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* resumed(stage)
      yield* say(terminal, "/fork")
      yield* terminal.see(/forked from/)
      yield* seeRestored(terminal)
    })
  },
  {
    name: "/resume",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* stage.tui(yield* stage.serve())
      yield* terminal.see(/mock-model · Context 100% left/)
      yield* say(terminal, "/resume")
      yield* terminal.see(/CHARLIE[^]*BRAVO[^]*ALPHA/)
      yield* terminal.press("Down")
      yield* terminal.see(/[>❯›] .*BRAVO/)
      yield* terminal.press("Enter")
      yield* terminal.see(/answer to Second question of BRAVO/)
      yield* seeRestored(terminal)
      yield* terminal.see(new RegExp(`Session: +${paged.threadId}`))
    })
  },
  {
    name: "/rename",
    script: Effect.fnUntraced(function* (stage) {
      const url = yield* stage.serve()
      const terminal = yield* stage.tui(url, ["resume", legacy.threadId])
      yield* terminal.see(/mock-model · Context 53% left/)
      yield* say(terminal, "/rename A better name")
      yield* say(terminal, "/status")
      yield* terminal.see(/name: +A better name/i)
      const picker = yield* stage.tui(url, ["resume"])
      yield* picker.see(/CHARLIE[^]*A better name/)
    })
  },
  {
    name: "/compact",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* resumed(stage)
      yield* say(terminal, "/compact")
      yield* answered(stage, terminal, /Context compacted/)
      yield* say(terminal, "hello")
      yield* answered(stage, terminal, /You said: hello/)
    })
  },
  {
    name: "/model: the effort of the turns to come",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* resumed(stage)
      yield* say(terminal, "/model")
      yield* terminal.see(/1\. mock-model \(current\)/)
      yield* terminal.press("Enter")
      yield* terminal.see(/› 2\. Medium \(default\)/)
      yield* terminal.press("Down")
      yield* terminal.see(/› 3\. High/)
      yield* terminal.press(stage.version === "0.122.0" ? "Enter" : "s")
      yield* terminal.see(/Model changed to mock-model high/)
      yield* say(terminal, "hello")
      yield* answered(stage, terminal, /You said: hello/)
      const reasoning = stage.model.asked.at(-1)?.body["reasoning"]
      yield* expect(isRecord(reasoning) && reasoning["effort"] === "high", "the model was not asked for a high effort")
    })
  },
  {
    name: "/permissions: what the turns to come may do",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* resumed(stage)
      yield* say(terminal, "/permissions")
      yield* terminal.see(/Full Access/)
      yield* terminal.press("Enter")
      yield* say(terminal, "hello")
      yield* answered(stage, terminal, /You said: hello/)
      const lines = readFileSync(stage.home.at(legacy.path), "utf8").trimEnd().split("\n")
      const last = lines.findLast((line) => line.includes('"turn_context"')) ?? ""
      yield* expect(
        last.includes('"workspace-write"') && last.includes('"approval_policy":"on-request"'),
        "the turn did not run under the permissions that were chosen"
      )
    })
  },
  {
    name: "what this server does not do: !command, /review, /stop, /mcp",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* resumed(stage)
      yield* say(terminal, "/stop")
      yield* terminal.see(/Stopping all background terminals/)
      yield* say(terminal, "/mcp")
      yield* terminal.see(/No MCP servers configured/)
      yield* terminal.press("!")
      yield* say(terminal, "echo hi")
      yield* terminal.see(/■ This server runs no shell commands itself/)
      yield* say(terminal, "/review")
      yield* terminal.see(/Review uncommitted changes/)
      yield* terminal.press("Down", "Enter")
      yield* terminal.see(/■ This server has no reviewer/)
      yield* say(terminal, "hello")
      yield* answered(stage, terminal, /You said: hello/)
    })
  }
]
