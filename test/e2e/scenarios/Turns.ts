/**
 * Turns: what is said, what is added, what is stopped, and what is taken back.
 */
import { Effect } from "effect"
import * as AskingServer from "../AskingServer.ts"
import { failureMessage, firstHalf, secondHalf } from "../MockModel.ts"
import type { Scenario } from "../Scenario.ts"
import { answered, say, type Stage } from "../Stage.ts"

/** A TUI in which one exchange has happened. */
const talking = Effect.fnUntraced(function* (stage: Stage) {
  const terminal = yield* stage.tui(yield* stage.serve())
  yield* terminal.see(/mock-model · Context/)
  yield* say(terminal, "first thing")
  yield* answered(stage, terminal, /You said: first thing/)
  return terminal
})

const inTheMiddle = new RegExp(firstHalf)
const whole = new RegExp(`${firstHalf}[^]*${secondHalf}`)

export const turns: ReadonlyArray<Scenario> = [
  {
    name: "turns, and what they spent",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* talking(stage)
      yield* terminal.see(/mock-model · Context 100% left · (?:952|1\.05K) used/)
      yield* say(terminal, "second thing")
      yield* answered(stage, terminal, /You said: second thing/)
      yield* say(terminal, "/status")
      yield* terminal.see(/Token usage: +1\.91K total +\(1\.8K input \+ 103 output\)/)
      yield* terminal.see(/Context window: +100% left \(1\.05K used \/ 200K\)/)
    })
  },
  {
    name: "a turn that fails",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* talking(stage)
      yield* say(terminal, "please FAIL")
      yield* answered(stage, terminal, new RegExp(`■ .*${failureMessage}`))
      yield* say(terminal, "next thing")
      yield* answered(stage, terminal, /You said: next thing/)
    })
  },
  {
    name: "typing during a turn steers it",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* talking(stage)
      yield* say(terminal, "please WAIT")
      yield* terminal.see(inTheMiddle)
      yield* say(terminal, "and also this")
      yield* terminal.see(new RegExp(`${firstHalf}[^]*› and also this`))
      yield* stage.model.goOn
      yield* answered(stage, terminal, /You said: and also this/)
      yield* terminal.see(whole)
    })
  },
  {
    name: "Esc interrupts a turn",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* talking(stage)
      yield* say(terminal, "please HOLD")
      yield* terminal.see(/esc to interrupt/)
      yield* terminal.press("Escape")
      yield* answered(stage, terminal, /Conversation interrupted/)
      yield* say(terminal, "next thing")
      yield* answered(stage, terminal, /You said: next thing/)
    })
  },
  {
    name: "an agent asks, and is answered",
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* stage.tui(yield* AskingServer.serve(stage.home.directory))
      yield* terminal.see(/mock-model · Context/)
      for (const [key, answer] of [
        ["Enter", "accept"],
        ["Escape", "cancel"]
      ] as const) {
        yield* say(terminal, `please build, I will ${answer}`)
        yield* terminal.see(new RegExp(`to build it[^]*${AskingServer.command}[^]*1\\. Yes`))
        yield* terminal.press(key)
        yield* answered(stage, terminal, new RegExp(`The answer was: ${answer}`))
      }
    })
  },
  {
    name: "Esc Esc takes a turn back (rollback)",
    versions: ["0.122.0"],
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* talking(stage)
      yield* say(terminal, "second thing")
      yield* answered(stage, terminal, /You said: second thing/)
      yield* terminal.press("Escape")
      yield* terminal.see(/esc again to edit previous message/i)
      yield* terminal.press("Escape")
      yield* terminal.see(/edit (?:prev|message)/i)
      yield* terminal.press("Enter")
      // What was on the screen scrolls away; the thread is printed once more, as it is now.
      yield* terminal.see(/You said: second thing[^]*You said: first thing\s+› second thing\s+mock-model/)
      yield* terminal.press("Enter")
      yield* answered(stage, terminal, /You said: first thing[^]*You said: second thing/)
    })
  },
  {
    name: "Esc Esc takes a turn back (revert)",
    versions: ["0.169.0"],
    script: Effect.fnUntraced(function* (stage) {
      const terminal = yield* talking(stage)
      yield* say(terminal, "second thing")
      yield* answered(stage, terminal, /You said: second thing/)
      yield* terminal.press("Escape")
      yield* terminal.see(/esc again to edit previous message/)
      yield* terminal.press("Escape")
      yield* terminal.see(/Browsing transcript/)
      yield* terminal.press("Enter")
      yield* terminal.see(/Conversation reverted to this point/, /You said: second thing/)
      yield* terminal.press("Enter")
      yield* answered(stage, terminal, /You said: first thing[^]*You said: second thing/)
    })
  }
]
