/**
 * More than one TUI on a thread, and a server that goes away and comes back.
 */
import { Effect, Exit, Scope } from "effect"
import * as AskingServer from "../AskingServer.ts"
import { firstHalf, secondHalf } from "../MockModel.ts"
import type { Scenario } from "../Scenario.ts"
import { answered, legacy, say } from "../Stage.ts"
import { seeRestored } from "./Starting.ts"

export const together: ReadonlyArray<Scenario> = [
  {
    name: "a second TUI joins a running turn",
    script: Effect.fnUntraced(function* (stage) {
      const url = yield* stage.serve()
      const first = yield* stage.tui(url, ["resume", legacy.threadId], { name: "first" })
      yield* first.see(/mock-model · Context 53% left/)
      yield* say(first, "please WAIT")
      yield* first.see(new RegExp(firstHalf))
      const second = yield* stage.tui(url, ["resume", legacy.threadId], { name: "second" })
      yield* second.see(new RegExp(`answer to Second question of ALPHA[^]*› please WAIT[^]*${firstHalf}`))
      yield* second.see(/mock-model · Context 53% left/)
      yield* stage.model.goOn
      for (const terminal of [first, second]) {
        yield* answered(stage, terminal, new RegExp(`${firstHalf}[^]*${secondHalf}`))
        // 130000 + 4321 and, of the turn, 1001 + 51; the last response alone fills the window now.
        yield* terminal.see(/mock-model · Context 100% left/)
      }
      yield* say(second, "from the second")
      for (const terminal of [first, second]) yield* answered(stage, terminal, /You said: from the second/)
    })
  },
  {
    name: "a question that another TUI answers",
    script: Effect.fnUntraced(function* (stage) {
      const url = yield* AskingServer.serve(stage.home.directory)
      const first = yield* stage.tui(url, ["resume", legacy.threadId], { name: "first" })
      yield* first.see(/mock-model · Context 53% left/)
      yield* say(first, "please build it")
      const question = new RegExp(`to build it[^]*${AskingServer.command}[^]*1\\. Yes`)
      yield* first.see(question)
      const second = yield* stage.tui(url, ["resume", legacy.threadId], { name: "second" })
      yield* second.see(question)
      yield* second.press("Enter")
      for (const terminal of [first, second]) yield* terminal.see(/The answer was: accept/, /1\. Yes|esc to interrupt/)
    })
  },
  {
    name: "a server that restarts on its port",
    versions: ["0.169.0"],
    script: Effect.fnUntraced(function* (stage) {
      const firstLife = yield* Scope.fork(yield* Scope.Scope)
      const url = yield* Scope.provide(stage.serve(), firstLife)
      const terminal = yield* stage.tui(url, ["resume", legacy.threadId])
      yield* terminal.see(/mock-model · Context 53% left/)
      yield* Scope.close(firstLife, Exit.void)
      yield* terminal.see(/Reconnecting/i)
      yield* stage.serve(url)
      yield* terminal.see(/mock-model · Context 53% left/, /Reconnecting/i)
      yield* seeRestored(terminal)
      yield* say(terminal, "hello again")
      yield* answered(stage, terminal, /You said: hello again/)
    })
  }
]
