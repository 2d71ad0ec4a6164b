/**
 * What is measured, and that two servers in one process measure apart.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Option, Tracer } from "effect"
import { UsageReport } from "../../src/domain/AgentEvent.ts"
import * as ScriptedAgent from "../../src/layers/scripted/ScriptedAgent.ts"
import * as Metrics from "../../src/services/Metrics.ts"
import { ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import { InvalidRequest } from "../../src/services/ThreadError.ts"
import { Threads } from "../../src/services/Threads.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Testing from "../../src/testing/Testing.ts"

const saved = rollout().turn({ user: "hello", usage: true })
const threadId: string = saved.threadId

const usage = {
  totalTokens: 13n,
  inputTokens: 10n,
  cachedInputTokens: 4n,
  cacheWriteInputTokens: 0n,
  outputTokens: 3n,
  reasoningOutputTokens: 1n
}

/** A server whose registry can be looked into. */
const server = (registry: Metric.MetricRegistry) =>
  Testing.layer({
    files: [saved],
    agent: ScriptedAgent.layer([
      [...ScriptedAgent.message("m", ["one ", "two"]), UsageReport.make({ usage, modelContextWindow: null })]
    ])
  }).pipe(Layer.provide(Layer.succeed(Metric.MetricRegistry, registry)), Layer.build)

const values = Effect.map(
  Metric.snapshot,
  (series) => new Map(series.map((one) => [`${one.id} ${one.attributes?.["kind"] ?? ""}`.trim(), one.state]))
)
const valuesOf = (registry: Metric.MetricRegistry) => Effect.provideService(values, Metric.MetricRegistry, registry)

const attach = Effect.gen(function* () {
  const who = yield* Testing.client()
  yield* who.request("thread/resume", { threadId })
  yield* who.told("thread/tokenUsage/updated")
})

const turn = Effect.gen(function* () {
  const who = yield* Testing.client()
  yield* who.request("thread/resume", { threadId })
  yield* who.request("turn/start", { threadId, input: [{ type: "text", text: "go" }] })
  yield* who.told("turn/completed")
})

const counted = (state: unknown) => (typeof state === "object" && state !== null && "count" in state ? state.count : 0)

/** The spans around the answer to a `thread/list`, innermost first. */
const spansAround = Effect.fnUntraced(function* (tracer: Layer.Layer<never>) {
  const names: Array<string> = []
  const list = () =>
    Effect.gen(function* () {
      let span: Tracer.AnySpan | undefined = Option.getOrUndefined(yield* Effect.option(Effect.currentSpan))
      while (span?._tag === "Span") {
        names.push(span.name)
        span = Option.getOrUndefined(span.parent)
      }
      return yield* new InvalidRequest({ field: "limit", detail: "enough is seen" })
    })
  const mocked = Testing.layer({ catalog: Testing.mock(ThreadCatalog, { list }) })
  yield* Effect.flatMap(Testing.client(), (who) => Effect.flip(who.request("thread/list", {}))).pipe(
    Effect.provide(Layer.provideMerge(mocked, tracer))
  )
  return names.filter((name) => name.startsWith("codex."))
})

describe("spans of requests", () => {
  const tracer = Layer.succeed(Tracer.Tracer, Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))

  it.effect("are made for whoever takes them, and for nobody else", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* spansAround(tracer), ["codex.thread/list"])
      assert.deepStrictEqual(yield* spansAround(Layer.empty), [])
    })
  )
})

describe("metrics", () => {
  it.effect("are of one server each, whoever calls it", () =>
    Effect.gen(function* () {
      const [busy, quiet, caller]: ReadonlyArray<Metric.MetricRegistry> = [new Map(), new Map(), new Map()]
      assert.isDefined(busy)
      assert.isDefined(quiet)
      assert.isDefined(caller)
      const one = yield* server(busy)
      const two = yield* server(quiet)
      yield* Effect.gen(function* () {
        yield* Effect.provideContext(Effect.andThen(attach, turn), one)
        yield* Effect.provideContext(attach, two)
      }).pipe(Effect.provideService(Metric.MetricRegistry, caller))

      const first = yield* valuesOf(busy)
      assert.strictEqual(counted(first.get("rethread.attach.latency cold")), 1)
      assert.strictEqual(counted(first.get("rethread.attach.latency rejoin")), 1)
      assert.strictEqual(counted(first.get("rethread.replays")), 2)
      assert.deepStrictEqual(first.get("rethread.threads.loaded"), { value: 1 })
      assert.isAbove(Number(counted(first.get("rethread.outbox.depth"))), 0)
      const spent = ["input", "cached_input", "cache_write_input", "output", "reasoning_output"].map((kind) =>
        counted(first.get(`rethread.tokens ${kind}`))
      )
      assert.deepStrictEqual(spent, [10n, 4n, 0, 3n, 1n])

      const second = yield* valuesOf(quiet)
      assert.strictEqual(counted(second.get("rethread.attach.latency cold")), 1)
      assert.strictEqual(counted(second.get("rethread.attach.latency rejoin")), 0)
      assert.strictEqual(counted(second.get("rethread.replays")), 1)
      assert.isFalse(Array.from(second.keys()).some((name) => name.startsWith("rethread.tokens")))
      assert.strictEqual((yield* valuesOf(caller)).size, 0)
    })
  )

  it.effect("say how many threads are in memory, also of servers that share a registry", () =>
    Effect.gen(function* () {
      const shared: Metric.MetricRegistry = new Map()
      const one = yield* server(shared)
      const two = yield* server(shared)
      const loaded = Effect.map(valuesOf(shared), (all) => all.get("rethread.threads.loaded"))
      yield* Effect.provideContext(attach, one)
      yield* Effect.provideContext(attach, two)
      assert.deepStrictEqual(yield* loaded, { value: 2 })
      yield* Effect.provideContext(
        Threads.use((threads) => threads.unload(saved.threadId)),
        one
      )
      assert.deepStrictEqual(yield* loaded, { value: 1 })
    })
  )

  it.effect("have a registry of their own for each time that one is provided", () =>
    Effect.gen(function* () {
      const of = Effect.service(Metric.MetricRegistry)
      const [one, two] = yield* Effect.all([
        Effect.provide(of, Metrics.layerRegistry),
        Effect.provide(of, Metrics.layerRegistry)
      ])
      assert.notStrictEqual(one, two)
      assert.notStrictEqual(one, yield* of)
    })
  )
})
