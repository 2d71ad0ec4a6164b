/**
 * What may happen to a server's threads, as data that a property can generate and shrink: scripts that the agent
 * plays, and the steps of several clients.
 */
import { Schema } from "effect"
import type { AgentEvent } from "../../src/domain/AgentEvent.ts"
import {
  askSteered,
  fail,
  pause,
  type ScriptStep,
  type TurnScript,
  usage
} from "../../src/layers/scripted/ScriptedAgent.ts"

const below = (count: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: count - 1 }))

/** One thing that the agent does, and how long it takes. Small numbers name texts, reasonings and calls of the turn. */
const wait = below(3)
const Text = Schema.Struct({ beat: Schema.Literal("text"), id: below(2), words: below(3), wait })
const Reasoning = Schema.Struct({ beat: Schema.Literal("reasoning"), id: below(2), part: below(3), wait })
const Call = Schema.Struct({ beat: Schema.Literal("call"), wait })
const Beat = Schema.Union([
  // What is there twice comes twice as often.
  Text,
  Text,
  Schema.Struct({ beat: Schema.Literal("textEnd"), id: below(2), wait }),
  Reasoning,
  Reasoning,
  Schema.Struct({ beat: Schema.Literal("reasoningEnd"), id: below(2), opaque: Schema.Boolean, wait }),
  Call,
  Call,
  Schema.Struct({ beat: Schema.Literal("result"), of: below(3), success: Schema.Boolean, wait }),
  Schema.Struct({ beat: Schema.Literal("usage"), tokens: below(50), wait }),
  Schema.Struct({ beat: Schema.Literals(["plan", "fail", "hang", "listen"]), wait })
])

/** What the agent does in one turn. */
export const Beats = Schema.Array(Beat).check(Schema.isMaxLength(12))
export type Beats = typeof Beats.Type

const client = below(3)
/** Mostly one of the two that are there from the start. */
const thread = Schema.Literals([0, 0, 0, 1, 1, 1, 2, 3])
const at = { client, thread }

const Start = Schema.Struct({
  step: Schema.Literal("start"),
  client,
  paginated: Schema.Boolean,
  ephemeral: Schema.Boolean
})
const Simple = Schema.Struct({ step: Schema.Literals(["compact", "inject", "unsubscribe", "read"]), ...at })
const Turn = Schema.Struct({ step: Schema.Literal("turn"), ...at })
const Running = Schema.Struct({ step: Schema.Literals(["steer", "interrupt"]), ...at, right: Schema.Boolean })
const Resume = Schema.Struct({
  step: Schema.Literal("resume"),
  ...at,
  turns: Schema.Literals([true, true, true, false])
})

const Step = Schema.Union([
  Start,
  Simple,
  Turn,
  Turn,
  Turn,
  Turn,
  Running,
  Running,
  Resume,
  Resume,
  Resume,
  Schema.Struct({ step: Schema.Literal("fork"), ...at, ephemeral: Schema.Boolean }),
  Schema.Struct({ step: Schema.Literal("rollback"), ...at, turns: below(3) }),
  Schema.Struct({ step: Schema.Literal("revert"), ...at, back: below(3) }),
  Schema.Struct({ step: Schema.Literals(["disconnect", "stall"]), client }),
  Schema.Struct({ step: Schema.Literal("wait"), millis: below(6) }),
  Schema.Struct({ step: Schema.Literal("fault"), thread, afterLines: below(4), torn: Schema.Boolean })
])
export type Step = typeof Step.Type

/** How far things may go before the next step. `go`: not at all. */
const Pace = Schema.Literals(["go", "yield", "answer", "tick"])

export const Schedule = Schema.Struct({
  /** The turns' scripts, in the order in which turns begin; then from the first again. */
  scripts: Schema.Array(Beats).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
  steps: Schema.Array(Schema.Struct({ do: Step, pace: Pace })).check(Schema.isMaxLength(24))
})
export type Schedule = typeof Schedule.Type

const pieces = ["one ", "two ", "three "]

/** The beats as a script. `turn` keeps the call ids of different turns apart. */
export const scriptOf = (beats: Beats, turn: number): TurnScript => {
  const calls: Array<string> = []
  let count = 0
  const step = (beat: Beats[number]): ScriptStep | null => {
    switch (beat.beat) {
      case "text":
        return { _tag: "TextDelta", id: `m${beat.id}`, delta: pieces[beat.words] ?? "" }
      case "textEnd":
        return { _tag: "TextEnd", id: `m${beat.id}`, phase: beat.id === 0 ? null : "final_answer" }
      case "reasoning":
        return { _tag: "ReasoningDelta", id: `r${beat.id}`, part: beat.part, delta: `thought ${beat.part} ` }
      case "reasoningEnd":
        return { _tag: "ReasoningEnd", id: `r${beat.id}`, encrypted: beat.opaque ? "sealed" : null }
      case "call": {
        const id = `call_${turn}_${count++}`
        calls.push(id)
        return { _tag: "ToolCall", id, name: "look", arguments: { n: count } }
      }
      case "result": {
        const [id] = calls.splice(beat.of % Math.max(1, calls.length), 1)
        return id === undefined ? null : { _tag: "ToolResult", id, output: `output of ${id}`, success: beat.success }
      }
      case "usage":
        return usage({ inputTokens: BigInt(beat.tokens), outputTokens: 1n })
      case "plan":
        return {
          _tag: "PlanUpdate",
          explanation: null,
          steps: [{ step: "go on", status: "pending" }]
        } satisfies AgentEvent
      case "fail":
        return fail("serverOverloaded")
      case "hang":
        return pause("400 millis")
      case "listen":
        return askSteered((said) => said.map((_, n) => ({ _tag: "TextDelta", id: `s${n}`, delta: "I heard. " })))
    }
  }
  return beats.flatMap((beat) => {
    const made = step(beat)
    const waited = beat.wait === 0 ? [] : [pause(`${beat.wait} millis`)]
    return made === null ? waited : [...waited, made]
  })
}
