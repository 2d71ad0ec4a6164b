/**
 * What every `Agent` must do, whatever thinks in it: events that can be told apart and put together, an end, and nothing
 * after it. What the agent is told to do is a prompt that the user of the suite may choose (`Prompt`), so that an agent
 * with a model behind it says something worth looking at.
 *
 * Time is the test's, and passes by itself while a turn runs; for an agent that talks to a real model it is real (`Time`).
 */
import { Cause, Context, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AgentEvent } from "../../domain/AgentEvent.ts"
import type { UserInput } from "../../domain/ThreadItem.ts"
import { Agent, AgentError, type TurnInput } from "../../services/Agent.ts"
import * as Expect from "../Expect.ts"
import { passing } from "../PassingTime.ts"
import { runTurn, said, textInput, turnInput, type TurnOptions } from "../TurnInputs.ts"
import { group, type Suite } from "./Suite.ts"

/**
 * What an agent may lack. `text`: it says something. `usage`: it tells what a response has cost. `reasoning`, `calls`,
 * `plan`: it tells of them. `steering`: it asks what the user said meanwhile.
 */
export const agentCapabilities = ["text", "usage", "reasoning", "calls", "plan", "steering"] as const
export type AgentCapability = (typeof agentCapabilities)[number]

/** What the user says to the agent under test. */
export const Prompt = Context.Reference<string>("rethread/testing/conformance/AgentSuite/Prompt", {
  defaultValue: () => "Say hello."
})

/**
 * Whose time a turn runs in. `test`: a minute is over in a moment, and a turn that takes ten of them hangs. `live`: for an
 * agent that waits for the world; how long a turn may take is the test runner's business.
 */
export const Time = Context.Reference<"test" | "live">("rethread/testing/conformance/AgentSuite/Time", {
  defaultValue: () => "test"
})

const turns = group<AgentCapability, Agent>("a turn")

const input = (options?: TurnOptions): Effect.Effect<TurnInput> =>
  Effect.map(Prompt, (prompt) => turnInput(prompt, options))

const run = Effect.fnUntraced(function* (options?: TurnOptions) {
  const turn = runTurn(yield* input(options))
  if ((yield* Time) === "live") return yield* TestClock.withLive(turn)
  const report = yield* passing(Effect.timeoutOption(turn, "10 minutes"))
  return Option.isSome(report) ? report.value : yield* Expect.fail("the turn hangs: it has not ended in ten minutes")
})

/** A turn that succeeds; its events. */
const events = (options?: TurnOptions) =>
  Effect.gen(function* () {
    const report = yield* run(options)
    if (Exit.isFailure(report.exit)) return yield* Effect.failCause(report.exit.cause)
    return report.events
  })

const isAgentError = Schema.is(AgentError)
const validEvent = Schema.decodeUnknownEffect(Schema.toType(AgentEvent))

/** What is wrong with the events as a whole; null when nothing is. */
const disorder = (all: ReadonlyArray<AgentEvent>): string | null => {
  const kinds = new Map<string, "text" | "reasoning" | "call">()
  const ended = new Set<string>()
  const parts = new Map<string, number>()
  for (const [at, event] of all.entries()) {
    if (event._tag === "PlanUpdate" || event._tag === "UsageReport") continue
    const { id } = event
    const kind = event._tag.startsWith("Text") ? "text" : event._tag.startsWith("Reasoning") ? "reasoning" : "call"
    const where = `event ${at + 1} (${event._tag} of "${id}")`
    const known = kinds.get(id)
    if (ended.has(id)) return `${where} comes after the end of its item`
    if (known !== undefined && known !== kind) return `${where} has the id of another item (${known})`
    if (event._tag === "ToolCall" && known !== undefined) return `${where} is called twice`
    if (event._tag === "ToolResult" && known === undefined) return `${where} answers a call that nobody made`
    kinds.set(id, kind)
    if (event._tag === "ReasoningDelta") {
      if (event.part < (parts.get(id) ?? 0)) return `${where} goes back to part ${event.part}`
      parts.set(id, event.part)
    }
    if (event._tag === "TextEnd" || event._tag === "ReasoningEnd" || event._tag === "ToolResult") ended.add(id)
  }
  const open = [...kinds.keys()].find((id) => !ended.has(id))
  return open === undefined ? null : `the turn is over and its item "${open}" never ended`
}

const tells = (tag: AgentEvent["_tag"]) =>
  Effect.gen(function* () {
    const all = yield* events()
    yield* Expect.isTrue(
      all.some((event) => event._tag === tag),
      `no ${tag} among ${all.length} events`
    )
  })

/** Items whole and in order, and an end. */
export const agentSuite: Suite<AgentCapability, Agent> = {
  name: "Agent",
  capabilities: agentCapabilities,
  cases: [
    turns.test(
      "comes to its end, and every event of it is one that threads understand",
      Effect.gen(function* () {
        for (const event of yield* events()) yield* validEvent(event)
      })
    ),
    turns.test(
      "has items that begin, go on and end once, and nothing after their end",
      Effect.gen(function* () {
        const wrong = disorder(yield* events())
        yield* Expect.isNull(wrong, wrong ?? "in order")
      })
    ),
    turns.test(
      "says something",
      Effect.gen(function* () {
        yield* Expect.above(said(yield* events()).replaceAll("|", "").length, 0, "the turn has no text")
      }),
      ["text"]
    ),
    turns.test(
      "keeps no state: another turn has its own ids, and two at once are two",
      Effect.gen(function* () {
        yield* events()
        const both = yield* Effect.all([events(), events()], { concurrency: 2 })
        for (const all of both) yield* Expect.isNull(disorder(all))
      })
    ),
    turns.test(
      "ends when it is interrupted, and tells nothing more",
      Effect.gen(function* () {
        const agent = yield* Agent
        const given = yield* input()
        let told = 0
        const fiber = yield* Effect.forkChild(
          passing(Stream.runForEach(agent.run(given), () => Effect.sync(() => void told++))),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(fiber)
        const before = told
        yield* TestClock.adjust("1 minute")
        yield* Effect.yieldNow
        yield* Expect.equal(told, before, "events after the interruption")
      })
    ),
    turns.test(
      "that fails says why",
      Effect.gen(function* () {
        const { exit } = yield* run({ input: [] })
        if (Exit.isSuccess(exit)) return
        const failure = Option.getOrNull(Cause.findErrorOption(exit.cause))
        yield* Expect.isTrue(isAgentError(failure), "it fails with something else than an AgentError")
        if (failure !== null) yield* Expect.above(failure.detail.trim().length, 0, "no detail")
      })
    ),
    turns.test(
      "tells what it has cost, in numbers that fit each other",
      Effect.gen(function* () {
        const reports = (yield* events()).flatMap((event) => (event._tag === "UsageReport" ? [event] : []))
        yield* Expect.above(reports.length, 0, "no UsageReport")
        for (const { modelContextWindow, usage } of reports) {
          for (const [name, count] of Object.entries(usage)) yield* Expect.isTrue(count >= 0n, `${name} is negative`)
          yield* Expect.isTrue(usage.cachedInputTokens <= usage.inputTokens, "more input cached than there is")
          yield* Expect.isTrue(usage.reasoningOutputTokens <= usage.outputTokens, "more reasoning than output")
          yield* Expect.isTrue(usage.totalTokens >= usage.outputTokens, "the total is less than the output")
          yield* Expect.isTrue(modelContextWindow === null || modelContextWindow > 0n, "no room in the model's window")
        }
      }),
      ["usage"]
    ),
    turns.test("tells how it reasons", tells("ReasoningEnd"), ["reasoning"]),
    turns.test("tells of its calls and of their results", tells("ToolResult"), ["calls"]),
    turns.test("tells its plan", tells("PlanUpdate"), ["plan"]),
    turns.test(
      "asks what the user said meanwhile",
      Effect.gen(function* () {
        let asked = 0
        const more: ReadonlyArray<UserInput> = [textInput("And goodbye.")]
        yield* events({ steered: Effect.sync(() => (asked++ === 0 ? more : [])) })
        yield* Expect.above(asked, 0, "it never asked")
      }),
      ["steering"]
    )
  ]
}
