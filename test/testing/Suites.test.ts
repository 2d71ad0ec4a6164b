/**
 * The conformance suites themselves: they pass what is right, and name what is broken, lost or gained.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { type AgentEvent, TextDelta, TextEnd } from "../../src/domain/AgentEvent.ts"
import * as MemoryRolloutStore from "../../src/layers/memory/MemoryRolloutStore.ts"
import { layer as echoAgent } from "../../src/layers/scripted/EchoAgent.ts"
import * as ScriptedAgent from "../../src/layers/scripted/ScriptedAgent.ts"
import { Agent } from "../../src/services/Agent.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import { type AgentCapability, agentSuite, Time } from "../../src/testing/conformance/AgentSuite.ts"
import {
  layerNoFiles,
  rolloutStoreSuite,
  type StoreCapability
} from "../../src/testing/conformance/RolloutStoreSuite.ts"
import { cases, type ConformanceFailed, type ReadyCase, register } from "../../src/testing/conformance/Suite.ts"
import { layerOf, threadCatalogSuite } from "../../src/testing/conformance/ThreadCatalogSuite.ts"

/** What is wrong with a layer, by the names of the cases. */
const failures = Effect.fnUntraced(function* (ready: ReadonlyArray<ReadyCase>) {
  const found = new Map<string, ConformanceFailed>()
  for (const one of ready) {
    yield* Effect.catch(one.run, (failure) => Effect.sync(() => void found.set(one.name, failure)))
  }
  return found
})

const withoutFiles: ReadonlyArray<StoreCapability> = ["files", "symlinks", "compressed", "appendFaults"]

/** A store whose files nobody reaches, with some of its ways changed. */
const store = (change: (below: RolloutStore["Service"]) => Partial<RolloutStore["Service"]>) =>
  Layer.effect(
    RolloutStore,
    RolloutStore.use((below) => Effect.sync(() => ({ ...below, ...change(below) })))
  ).pipe(Layer.provide(MemoryRolloutStore.layer()), Layer.merge(layerNoFiles))

const storeFailures = (
  change: (below: RolloutStore["Service"]) => Partial<RolloutStore["Service"]>,
  missing: ReadonlyArray<StoreCapability> = withoutFiles
) => failures(cases(rolloutStoreSuite, { layer: store(change), missing }))

describe("the store's suite", () => {
  it.effect("passes a store without files that says so", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(Array.from((yield* storeFailures(() => ({}))).values()), [])
    })
  )

  it.effect("catches a store that loses the second append", () =>
    Effect.gen(function* () {
      const found = yield* storeFailures((below) => ({
        writer: (ref, options) =>
          Effect.map(below.writer(ref, options), (writer) => {
            let appends = 0
            return { append: (lines) => (++appends === 2 ? Effect.void : writer.append(lines)) }
          })
      }))
      assert.includeMembers(Array.from(found.keys()), [
        "a rollout keeps every append, in order, by one writer or by many after each other"
      ])
      const [failure] = Array.from(found.values())
      assert.deepInclude(failure, { _tag: "ConformanceFailed", reason: "failed", missing: [] })
    })
  )

  it.effect("shows a capability that is missing and was not declared", () =>
    Effect.gen(function* () {
      const found = yield* storeFailures(() => ({}), ["symlinks", "compressed", "appendFaults"])
      assert.isAbove(found.size, 20)
      const [failure] = Array.from(found.values())
      assert.include(failure?.message, 'missing: ["files"]')
    })
  )

  it.effect("shows a capability that is declared missing and is there", () =>
    Effect.gen(function* () {
      const found = yield* storeFailures(() => ({}), [...withoutFiles, "writerLock"])
      assert.deepStrictEqual(Array.from(found.keys()), ["a rollout has one writer at a time"])
      assert.deepInclude(found.get("a rollout has one writer at a time"), { reason: "hasIt", missing: ["writerLock"] })
    })
  )

  it.effect("passes a store that declares what it lacks, unless it dies of it", () =>
    Effect.gen(function* () {
      const lockless = (below: RolloutStore["Service"]): Partial<RolloutStore["Service"]> => ({
        setName: () => Effect.void,
        writer: below.writer
      })
      assert.deepStrictEqual(Array.from((yield* storeFailures(lockless, [...withoutFiles, "names"])).keys()), [])
      const dying = yield* storeFailures(() => ({ setName: () => Effect.die("boom") }), [...withoutFiles, "names"])
      assert.deepStrictEqual(new Set(Array.from(dying.values(), ({ reason }) => reason)), new Set(["died"]))
    })
  )
})

describe("the catalog's suite", () => {
  it.effect("catches a catalog that lists archived threads", () =>
    Effect.gen(function* () {
      const leaky = Layer.effect(
        ThreadCatalog,
        ThreadCatalog.use((below) =>
          Effect.succeed({
            ...below,
            list: (query) =>
              Effect.gen(function* () {
                const page = yield* below.list(query)
                if (query.archived) return page
                const more = yield* below.list({ ...query, archived: true, cursor: null })
                return { ...page, data: [...page.data, ...more.data] }
              })
          })
        )
      ).pipe(Layer.provide(ThreadCatalog.layer))
      const found = yield* failures(cases(threadCatalogSuite, { layer: layerOf(leaky) }))
      assert.deepStrictEqual(Array.from(found.keys()), ["list filters"], Array.from(found.values(), String).join("\n"))
      assert.include(found.get("list filters")?.message, "two values differ")
    })
  )
})

const agentOf = (...events: ReadonlyArray<AgentEvent>) =>
  Layer.succeed(Agent, Agent.of({ run: () => Stream.fromIterable(events) }))

const delta = TextDelta.make({ id: "m", delta: "word" })
const end = TextEnd.make({ id: "m", phase: null })
const silent: ReadonlyArray<AgentCapability> = ["usage", "reasoning", "calls", "plan", "steering"]

const agentFailures = (layer: Layer.Layer<Agent>, missing: ReadonlyArray<AgentCapability> = silent) =>
  Effect.map(failures(cases(agentSuite, { layer, missing })), (found) => Array.from(found.keys()))

const { message, reasoning, tool, usage } = ScriptedAgent

register(it, { ...agentSuite, name: "EchoAgent" }, { layer: echoAgent(), missing: ["reasoning", "calls", "plan"] })
register(
  it,
  { ...agentSuite, name: "ScriptedAgent" },
  {
    layer: ScriptedAgent.layer(() => [
      ...reasoning("r", ["why"]),
      ...tool("c", "shell", {}, "done"),
      ScriptedAgent.pause("1 minute"),
      ...message("m", ["one ", "two"]),
      usage({ inputTokens: 10n, outputTokens: 2n })
    ]),
    missing: ["plan", "steering"]
  }
)

describe("the agent's suite", () => {
  const whole = "a turn has items that begin, go on and end once, and nothing after their end"
  const twice = "a turn keeps no state: another turn has its own ids, and two at once are two"

  it.effect("passes an agent that does little, and well", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* agentFailures(agentOf(delta, end)), [])
    })
  )

  it.effect("catches an agent that emits after its end, and one that never ends what it began", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* agentFailures(agentOf(delta, end, delta)), [whole, twice])
      assert.deepStrictEqual(yield* agentFailures(agentOf(delta)), [whole, twice])
    })
  )

  it.effect("catches an agent that is silent, and one that cannot tell its numbers apart", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* agentFailures(agentOf()), ["a turn says something"])
      const wrong = ScriptedAgent.layer(() => [
        ...message("m", ["a"]),
        usage({ inputTokens: 1n, cachedInputTokens: 2n })
      ])
      const missing = silent.filter((capability) => capability !== "usage")
      assert.deepStrictEqual(yield* agentFailures(wrong, missing), [
        "a turn tells what it has cost, in numbers that fit each other"
      ])
    })
  )

  it.effect("catches an agent that hangs, also where it is told to take its time", () =>
    Effect.gen(function* () {
      const hanging = ScriptedAgent.layer(() => [...message("m", ["a"]), ScriptedAgent.hang])
      const [first] = yield* agentFailures(hanging)
      assert.include(first, "comes to its end")
      const live = Layer.merge(agentOf(delta, end), Layer.succeed(Time, "live"))
      assert.deepStrictEqual(yield* agentFailures(live), [])
    })
  )

  it.effect("catches an agent that dies", () =>
    Effect.gen(function* () {
      const dead = Layer.succeed(Agent, Agent.of({ run: () => Stream.die("a bug") }))
      assert.isAbove((yield* agentFailures(dead)).length, 3)
    })
  )
})
