import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Redacted, Schema, Stream } from "effect"
import { AiError, LanguageModel, type Response } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import type { JsonRecord } from "../../src/domain/Json.ts"
import * as ModelFailure from "../../src/layers/model/ModelFailure.ts"
import * as ModelUsage from "../../src/layers/model/ModelUsage.ts"
import { type Endpoint, make } from "../../src/layers/model/OpenAiResponses.ts"
import {
  type Answer,
  baseUrl,
  call,
  completed,
  created,
  event,
  failure,
  layerClient,
  layerServer,
  message,
  MockResponses,
  reasoning,
  type Respond
} from "../support/MockResponses.ts"

const endpoint: Endpoint = {
  label: "Mock",
  envKey: "MOCK_KEY",
  baseUrl: "http://mock.test/v1",
  apiKey: Option.some(Redacted.make("secret")),
  headers: { "x-team": "blue" },
  queryParams: { "api-version": "7" },
  requestMaxRetries: 2,
  streamMaxRetries: 1,
  idleTimeout: Duration.minutes(5)
}

interface Options {
  readonly endpoint?: Partial<Endpoint>
  readonly model?: string
  readonly reasoningEffort?: string
  readonly serviceTier?: string
  readonly promptCacheKey?: string
}

const modelOf = (options: Options = {}) =>
  make({ model: "gpt-test", ...options, endpoint: { ...endpoint, ...options.endpoint } })

const parts = (prompt: string, options?: Options) =>
  Effect.flatMap(modelOf(options), (model) => Stream.runCollect(model.streamText({ prompt })))

const failureOf = (prompt: string, options?: Options) =>
  Effect.map(Effect.flip(parts(prompt, options)), (error) => {
    assert.isTrue(AiError.isAiError(error))
    return ModelFailure.toAgentError(error)
  })

const answers =
  (...all: ReadonlyArray<Answer>): Respond =>
  (_, k) =>
    all[Math.min(k, all.length) - 1] ?? { pieces: [] }

const types = (parts: ReadonlyArray<Response.AnyPart>) => parts.map((part) => part.type)
const texts = (parts: ReadonlyArray<Response.AnyPart>) =>
  parts.flatMap((part) => (part.type === "text-delta" ? [part.delta] : [])).join("")
const finishOf = (parts: ReadonlyArray<Response.AnyPart>) => {
  const finish = parts.at(-1)
  assert(finish?.type === "finish")
  return finish
}

const ok: Answer = { pieces: [created(1), ...message(1, ["fine"]), completed(1)] }

/** Turns the clock on, a little at a time, until the fiber is done. */
const untilDone = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("20 millis")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    return yield* Fiber.await(fiber)
  })

const gaps = Effect.map(
  Effect.flatMap(MockResponses, (mock) => mock.asked),
  (asked) => asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0))
)

describe("a request", () => {
  it.effect("goes to the endpoint with its key, headers and parameters", () =>
    Effect.gen(function* () {
      yield* parts("hello", { reasoningEffort: "high", serviceTier: "fast", promptCacheKey: "thread-1" })
      const [asked] = yield* (yield* MockResponses).asked
      assert.strictEqual(asked?.url, "http://mock.test/v1/responses?api-version=7")
      assert.strictEqual(asked?.headers["authorization"], "Bearer secret")
      assert.strictEqual(asked?.headers["x-team"], "blue")
      assert.deepStrictEqual(asked?.body, {
        model: "gpt-test",
        input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] }],
        reasoning: { effort: "high", summary: "auto" },
        include: ["reasoning.encrypted_content"],
        service_tier: "priority",
        prompt_cache_key: "thread-1",
        store: false,
        stream: true
      })
    }).pipe(Effect.provide(layerClient()))
  )

  it.effect("asks no model for reasoning that may not reason, and goes without a key where there is none", () =>
    Effect.gen(function* () {
      yield* parts("hello", { endpoint: { apiKey: Option.none() } })
      yield* parts("hello", { model: "o4-mini" })
      const [plain, reasons] = yield* (yield* MockResponses).asked
      assert.notProperty(plain?.body, "reasoning")
      assert.notProperty(plain?.body, "include")
      assert.notProperty(plain?.headers, "authorization")
      assert.deepStrictEqual(reasons?.body["reasoning"], { summary: "auto" })
    }).pipe(Effect.provide(layerClient()))
  )
})

describe("an answer", () => {
  it.effect("is text, in the pieces that it came in", () =>
    Effect.gen(function* () {
      const told = yield* parts("hello")
      assert.deepStrictEqual(types(told), [
        "response-metadata",
        "text-start",
        ...Array.from({ length: 5 }, () => "text-delta"),
        "text-end",
        "finish"
      ])
      assert.strictEqual(texts(told), "Mock reply number 1.")
      assert.strictEqual(finishOf(told).reason, "stop")
    }).pipe(Effect.provide(layerClient()))
  )

  it.effect("counts exactly: cached, written, reasoning and the provider's own total", () =>
    Effect.gen(function* () {
      const usage = ModelUsage.ofFinish(finishOf(yield* parts("hello")))
      assert.deepStrictEqual(Option.getOrThrow(usage), {
        totalTokens: 9007199254740993n,
        inputTokens: 1000n,
        cachedInputTokens: 100n,
        cacheWriteInputTokens: 7n,
        outputTokens: 50n,
        reasoningOutputTokens: 5n
      })
    }).pipe(
      Effect.provide(
        layerClient(
          answers({
            pieces: [
              created(1),
              `data: {"type":"response.completed","response":{"usage":{"input_tokens":1000,"input_tokens_details":{"cached_tokens":100,"cache_write_tokens":7},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":9007199254740993}}}\n\n`
            ]
          })
        )
      )
    )
  )

  it.effect("may say no usage", () =>
    Effect.gen(function* () {
      const finish = finishOf(yield* parts("NOUSAGE"))
      assert.isTrue(Option.isNone(ModelUsage.ofFinish(finish)))
    }).pipe(Effect.provide(layerClient()))
  )

  it.effect("brings reasoning by paragraphs, with what goes back to the model", () =>
    Effect.gen(function* () {
      const told = yield* parts("REASON")
      assert.deepStrictEqual(
        told.flatMap((part) => (part.type === "reasoning-delta" ? [[part.delta, part.metadata]] : [])),
        [
          ["**Thinking**", { openai: { part: 0 } }],
          [" hard", { openai: { part: 0 } }],
          ["**Done**", { openai: { part: 1 } }]
        ]
      )
      const end = told.find((part) => part.type === "reasoning-end")
      assert.deepStrictEqual(end?.metadata, {
        openai: { encryptedContent: "bW9jaw==", summary: ["**Thinking** hard", "**Done**"] }
      })
    }).pipe(Effect.provide(layerClient()))
  )

  const odd: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    [
      "comments, unknown events and text that is no JSON",
      [": ping\n\n", "data: [DONE]\n\n", event("response.new_thing", { a: 1 }), "data: {\n\n"]
    ],
    [
      "items of unknown kinds",
      [
        event("response.output_item.added", { item: { type: "hologram" } }),
        event("response.output_item.done", { item: null })
      ]
    ],
    [
      "known events without their fields",
      [event("response.output_text.delta", { delta: 7 }), event("response.output_item.done", {})]
    ],
    ["a wish to reconnect", ["retry: 10\n\n"]],
    [
      "deltas of two kinds with one id",
      [event("response.reasoning_summary_text.delta", { item_id: "msg_1", delta: "no" })]
    ]
  ]
  for (const [name, pieces] of odd) {
    it.effect(`survives ${name}`, () =>
      Effect.gen(function* () {
        const told = yield* parts("hello")
        assert.strictEqual(texts(told), "fine")
        assert.strictEqual(finishOf(told).reason, "stop")
      }).pipe(
        Effect.provide(
          layerClient(
            answers({
              pieces: [
                created(1),
                ...message(1, ["fine"]).slice(0, 2),
                ...pieces,
                ...message(1, ["fine"]).slice(2),
                completed(1)
              ]
            })
          )
        )
      )
    )
  }

  it.effect("may leave out beginnings and pieces: every part begins and ends once", () =>
    Effect.gen(function* () {
      const told = yield* parts("hello")
      assert.deepStrictEqual(types(told), [
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-end",
        "text-start",
        "text-delta",
        "text-end",
        "finish"
      ])
      assert.strictEqual(texts(told), "wholelate")
    }).pipe(
      Effect.provide(
        layerClient(
          answers({
            pieces: [
              event("response.output_item.done", {
                item: { type: "reasoning", summary: [{ type: "summary_text", text: "why" }] }
              }),
              event("response.output_item.done", {
                output_index: 1,
                item: { type: "message", content: [{ text: "whole" }] }
              }),
              event("response.output_text.delta", { output_index: 2, delta: "late" }),
              completed(1)
            ]
          })
        )
      )
    )
  )

  const generated: Answer = {
    pieces: [created(1), ...reasoning(1), ...message(1, ["a", "b"]), call(1, "c1", "shell", "{}"), completed(1)]
  }
  it.effect("comes whole too", () =>
    Effect.gen(function* () {
      const model = yield* modelOf()
      const response = yield* model.generateText({
        prompt: "hello",
        disableToolCallResolution: true,
        toolCallValidation: "deferred"
      })
      assert.strictEqual(response.text, "ab")
      assert.strictEqual(response.reasoningText, "**Thinking** hard**Done**")
      assert.deepStrictEqual(
        response.toolCalls.map(({ id, name, params }) => ({ id, name, params })),
        [{ id: "c1", name: "shell", params: {} }]
      )
      assert.strictEqual(response.usage.inputTokens.total, 1001)
    }).pipe(Effect.provide(layerClient(answers(generated))))
  )

  it.effect("comes as an object of a schema", () =>
    Effect.gen(function* () {
      const response = yield* LanguageModel.generateObject({
        prompt: "hello",
        schema: Schema.Struct({ n: Schema.Int })
      }).pipe(Effect.provideServiceEffect(LanguageModel.LanguageModel, modelOf()))
      assert.deepStrictEqual(response.value, { n: 7 })
      const [asked] = yield* (yield* MockResponses).asked
      assert.nestedPropertyVal(asked?.body, "text.format.type", "json_schema")
      assert.nestedPropertyVal(asked?.body, "text.format.strict", true)
    }).pipe(Effect.provide(layerClient(answers({ pieces: [created(1), ...message(1, ['{"n":7}']), completed(1)] }))))
  )
})

describe("a failure", () => {
  const refusals: ReadonlyArray<readonly [number, JsonRecord & { readonly message: string }, string, string]> = [
    [401, { message: "Incorrect API key provided", code: "invalid_api_key" }, "unauthorized", "MOCK_KEY"],
    [403, { message: "no", type: "invalid_request_error" }, "unauthorized", "MOCK_KEY"],
    [400, { message: "too long", code: "context_length_exceeded" }, "contextWindowExceeded", "compact"],
    [404, { message: "The model `x` does not exist", code: "model_not_found" }, "badRequest", "`model`"],
    [429, { message: "quota", code: "insufficient_quota" }, "usageLimitExceeded", "billing"],
    [429, { message: "limit", type: "usage_limit_reached" }, "usageLimitExceeded", "quota"],
    [418, { message: "teapot" }, "badRequest", "teapot"]
  ]
  for (const [status, error, kind, hint] of refusals) {
    it.effect(`HTTP ${status} ${JSON.stringify(error)} is ${kind}, and is not tried again`, () =>
      Effect.gen(function* () {
        const failed = yield* failureOf("hello")
        assert.strictEqual(failed.kind, kind)
        assert.strictEqual(failed.httpStatus, status)
        assert.include(failed.message, hint)
        assert.include(failed.message, error.message)
        assert.notInclude(failed.message, "secret")
        assert.strictEqual((yield* (yield* MockResponses).asked).length, 1)
      }).pipe(Effect.provide(layerClient(answers(failure(status, error)))))
    )
  }

  it.effect("within an answer is told as what it is", () =>
    Effect.gen(function* () {
      const failed = yield* failureOf("hello")
      assert.strictEqual(failed.kind, "contextWindowExceeded")
      assert.isNull(failed.httpStatus)
    }).pipe(
      Effect.provide(
        layerClient(
          answers({
            pieces: [
              created(1),
              event("response.failed", {
                response: { error: { code: "context_length_exceeded", message: "too long" } }
              })
            ]
          })
        )
      )
    )
  )

  it.effect("comes after what was told before it, even in one chunk", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const model = yield* modelOf()
      const error = yield* model.streamText({ prompt: "hello" }).pipe(
        Stream.runForEach((part) => Effect.sync(() => told.push(part.type))),
        Effect.flip
      )
      assert.deepStrictEqual(told, ["text-start", "text-delta"])
      assert.strictEqual(ModelFailure.toAgentError(error).kind, "serverOverloaded")
    }).pipe(
      Effect.provide(
        layerClient(
          answers({
            pieces: [
              message(1, ["half"]).slice(0, 2).join("") +
                event("error", { code: "server_is_overloaded", message: "busy" })
            ]
          })
        )
      )
    )
  )
})

describe("another attempt", () => {
  it.effect("follows a server's failure, after growing pauses, and may succeed", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(parts("hello"))
      const exit = yield* untilDone(fiber)
      assert(Exit.isSuccess(exit))
      assert.strictEqual(texts(exit.value), "fine")
      const [first = 0, second = 0] = yield* gaps
      assert.isAtLeast(first, 160)
      assert.isAtLeast(second, 320)
    }).pipe(Effect.provide(layerClient(answers(failure(500, {}), failure(429, { message: "slow" }), ok))))
  )

  it.effect("does not come for ever", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(failureOf("FAIL"))
      const exit = yield* untilDone(fiber)
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value.kind, "internalServerError")
      assert.strictEqual(exit.value.httpStatus, 500)
      assert.include(exit.value.message, "mock failure")
      assert.strictEqual((yield* (yield* MockResponses).asked).length, 3)
    }).pipe(Effect.provide(layerClient()))
  )

  for (const [name, headers] of [
    ["in seconds", { "retry-after": "7" }],
    ["as a date", { "retry-after": "Thu, 01 Jan 1970 00:00:07 GMT" }],
    ["in milliseconds", { "retry-after-ms": "7000" }]
  ] as const) {
    it.effect(`waits as long as the provider says, ${name}`, () =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(parts("hello"))
        const exit = yield* untilDone(fiber)
        assert(Exit.isSuccess(exit))
        const [gap = 0] = yield* gaps
        assert.isAtLeast(gap, 7000)
      }).pipe(Effect.provide(layerClient(answers(failure(503, {}, headers), ok))))
    )
  }

  it.effect("is left to the user when the provider wants to be left alone for long", () =>
    Effect.gen(function* () {
      const failed = yield* failureOf("hello")
      assert.strictEqual(failed.kind, "rateLimitExceeded")
      assert.include(failed.message, "2m")
      assert.strictEqual((yield* (yield* MockResponses).asked).length, 1)
    }).pipe(Effect.provide(layerClient(answers(failure(429, {}, { "retry-after": "120" })))))
  )

  it.effect("is made of an answer that broke off before it told anything", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(parts("hello"))
      const exit = yield* untilDone(fiber)
      assert(Exit.isSuccess(exit))
      assert.strictEqual(texts(exit.value), "fine")
      assert.strictEqual((yield* (yield* MockResponses).asked).length, 2)
    }).pipe(Effect.provide(layerClient(answers({ pieces: [created(1)], after: "cut" }, ok))))
  )

  it.effect("is not made of an answer that told something", () =>
    Effect.gen(function* () {
      const failed = yield* failureOf("CUT")
      assert.strictEqual(failed.kind, "streamDisconnected")
      assert.strictEqual((yield* (yield* MockResponses).asked).length, 1)
    }).pipe(Effect.provide(layerClient()))
  )

  it.effect("ends the wait for a provider that is silent", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(failureOf("SLOW", { endpoint: { idleTimeout: Duration.seconds(30) } }))
      const exit = yield* untilDone(fiber)
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value.kind, "streamDisconnected")
      assert.include(exit.value.message, "30s")
    }).pipe(Effect.provide(layerClient()))
  )
})

const overSocket = FetchHttpClient.layer.pipe(
  Layer.provideMerge(layerServer()),
  Layer.provideMerge(NodeHttpServer.layerTest)
)

layer(overSocket)("over a socket", (it) => {
  it.effect("streams an answer", () =>
    Effect.gen(function* () {
      const told = yield* parts("hello", { endpoint: { baseUrl: yield* baseUrl } })
      assert.match(texts(told), /^Mock reply number \d+\.$/)
      assert.strictEqual(finishOf(told).reason, "stop")
    })
  )

  it.effect("a broken connection is a broken answer", () =>
    Effect.gen(function* () {
      const { heard } = yield* MockResponses
      const model = yield* modelOf({ endpoint: { baseUrl: yield* baseUrl } })
      const error = yield* model.streamText({ prompt: "CUT" }).pipe(
        Stream.runForEach((part) => (part.type === "text-delta" ? Deferred.succeed(heard, undefined) : Effect.void)),
        Effect.flip
      )
      assert.strictEqual(ModelFailure.toAgentError(error).kind, "streamDisconnected")
    })
  )

  it.effect("interruption closes the connection", () =>
    Effect.gen(function* () {
      const model = yield* modelOf({ endpoint: { baseUrl: yield* baseUrl } })
      const speaking = yield* Deferred.make<void>()
      const fiber = yield* model.streamText({ prompt: "SLOW" }).pipe(
        Stream.runForEach((part) => (part.type === "text-delta" ? Deferred.succeed(speaking, undefined) : Effect.void)),
        Effect.forkChild
      )
      yield* Deferred.await(speaking)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await((yield* MockResponses).closed)
    })
  )

  it.effect("nobody listens", () =>
    Effect.gen(function* () {
      const failed = yield* failureOf("hello", { endpoint: { baseUrl: "http://127.0.0.1:1/v1", requestMaxRetries: 0 } })
      assert.strictEqual(failed.kind, "connectionFailed")
      assert.include(failed.message, "base_url")
    })
  )
})
