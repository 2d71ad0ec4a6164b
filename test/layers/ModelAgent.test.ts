import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Ref, Schema, Stream } from "effect"
import { AiError, LanguageModel, Tool, Toolkit } from "effect/ai"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { list } from "../../src/domain/OpenRecord.ts"
import * as ModelAgent from "../../src/layers/model/ModelAgent.ts"
import { layer as openAiResponses } from "../../src/layers/model/OpenAiResponses.ts"
import * as PlanTool from "../../src/layers/model/PlanTool.ts"
import { Agent, type AgentError, CurrentTurn, type TurnInput } from "../../src/services/Agent.ts"
import { nobodyToAsk } from "../../src/services/TurnQuestions.ts"
import {
  call,
  completed,
  created,
  event,
  layerClient,
  message,
  MockResponses,
  type Respond
} from "../support/MockResponses.ts"
import { runTurn, said, tags, textInput, turnInput, type TurnReport } from "../support/TurnInputs.ts"

const model = openAiResponses({
  model: "gpt-5-mock",
  endpoint: {
    label: "Mock",
    envKey: null,
    baseUrl: "http://mock.test/v1",
    apiKey: Option.none(),
    headers: {},
    queryParams: {},
    requestMaxRetries: 0,
    streamMaxRetries: 0,
    idleTimeout: Duration.minutes(5)
  }
})

const Shell = Tool.make("shell", {
  description: "Runs a command",
  parameters: Schema.Struct({ command: Schema.String }),
  success: Schema.Struct({ output: Schema.String }),
  failure: Schema.Struct({ reason: Schema.String })
})
const Careful = Tool.make("careful", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
const Tools = Toolkit.make(Shell, Careful, PlanTool.UpdatePlan)

/** What `shell` was asked to run; `boom` fails, `die` dies, `hang` never ends. */
const toolsWith = (hanging?: Deferred.Deferred<void>, stopped?: Deferred.Deferred<void>) =>
  Tools.toLayer({
    shell: ({ command }) => {
      if (command === "boom") return Effect.fail({ reason: "exploded" })
      if (command === "die") return Effect.die(new Error("defect"))
      if (command !== "hang") return Effect.succeed({ output: `ran ${command}` })
      const done = (deferred: Deferred.Deferred<void> | undefined) =>
        deferred === undefined ? Effect.void : Deferred.succeed(deferred, undefined)
      return Effect.onInterrupt(Effect.andThen(done(hanging), Effect.never), () => done(stopped))
    },
    careful: () => Effect.map(CurrentTurn, (turn) => (turn === null ? "done" : `done for ${turn.turnId}`)),
    ...PlanTool.handlers
  })

const agent = (respond?: Respond, options: Omit<ModelAgent.ModelAgentOptions, "toolkit"> = {}) =>
  ModelAgent.layer({ ...options, toolkit: Tools }).pipe(
    Layer.provide(toolsWith()),
    Layer.provide(model),
    Layer.provideMerge(layerClient(respond))
  )

const bodies = Effect.map(
  Effect.flatMap(MockResponses, (mock) => mock.asked),
  (asked) => asked.map(({ body }) => body)
)
const itemsOf = (body: JsonRecord | undefined) => list(body ?? {}, "input")

const failed = ({ exit }: TurnReport): AgentError => {
  assert(Exit.isFailure(exit))
  return Option.getOrThrow(Cause.findErrorOption(exit.cause))
}
const succeeded = ({ exit }: TurnReport) => assert(Exit.isSuccess(exit), String(exit))

/** One call at each response, of `shell` with the command of that number, for ever. */
const always =
  (name: string, args: string): Respond =>
  (_, k) => ({ pieces: [created(k), call(k, `call_${k}`, name, args), completed(k)] })

/** These calls first, then an answer. */
const first =
  (...calls: ReadonlyArray<string>): Respond =>
  (_, k) => ({ pieces: [created(k), ...(k === 1 ? calls : message(k, ["done"], "final_answer")), completed(k)] })

const results = (report: TurnReport) =>
  report.events.flatMap((event) =>
    event._tag === "ToolResult" ? [{ id: event.id, output: event.output, success: event.success }] : []
  )

describe("a turn", () => {
  it.effect("is a message and what it has cost", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("hello", { settings: { modelContextWindow: 272000n } }))
      succeeded(report)
      assert.deepStrictEqual(report.events, [
        ...["Mock ", "reply ", "number ", "1", "."].map((delta) => ({
          _tag: "TextDelta" as const,
          id: "msg_1",
          delta
        })),
        { _tag: "TextEnd", id: "msg_1", phase: null },
        {
          _tag: "UsageReport",
          usage: {
            totalTokens: 1052n,
            inputTokens: 1001n,
            cachedInputTokens: 100n,
            cacheWriteInputTokens: 0n,
            outputTokens: 51n,
            reasoningOutputTokens: 5n
          },
          modelContextWindow: 272000n
        }
      ])
    }).pipe(Effect.provide(agent()))
  )

  it.effect("brings the history, and what the model is told first", () =>
    Effect.gen(function* () {
      const history = [
        { type: "message", role: "user", content: [{ type: "input_text", text: "before" }] },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "yes" }] }
      ]
      succeeded(yield* runTurn(turnInput("now", { history })))
      const [body] = yield* bodies
      assert.deepStrictEqual(itemsOf(body), [
        { type: "message", role: "developer", content: [{ type: "input_text", text: "Be brief." }] },
        ...history,
        { type: "message", role: "user", content: [{ type: "input_text", text: "now" }] }
      ])
      assert.deepStrictEqual(
        list(body ?? {}, "tools").map((tool) => (isRecord(tool) ? own(tool, "name") : tool)),
        ["shell", "careful", "update_plan"]
      )
    }).pipe(Effect.provide(agent(undefined, { instructions: "Be brief." })))
  )

  it.effect("says no cost when the provider says none", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("NOUSAGE"))
      assert.deepStrictEqual(tags(report.events), ["TextDelta", "TextEnd"])
    }).pipe(Effect.provide(agent()))
  )

  it.effect("runs a tool and goes on with its result and the reasoning before it", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("REASON TOOL"))
      succeeded(report)
      assert.deepStrictEqual(tags(report.events), [
        "ReasoningDelta",
        "ReasoningEnd",
        "ToolCall",
        "UsageReport",
        "ToolResult",
        "ReasoningDelta",
        "ReasoningEnd",
        "TextDelta",
        "TextEnd",
        "UsageReport"
      ])
      assert.deepStrictEqual(
        report.events
          .flatMap((event) => (event._tag === "ReasoningDelta" ? [[event.id, event.part, event.delta]] : []))
          .slice(0, 3),
        [
          ["rs_1", 0, "**Thinking**"],
          ["rs_1", 0, " hard"],
          ["rs_1", 1, "**Done**"]
        ]
      )
      assert.deepInclude(report.events, {
        _tag: "ToolCall",
        id: "call_1",
        name: "shell",
        arguments: { command: "echo hi" }
      })
      assert.deepInclude(report.events, { _tag: "ReasoningEnd", id: "rs_1", encrypted: "bW9jaw==" })
      assert.deepStrictEqual(results(report), [{ id: "call_1", output: '{"output":"ran echo hi"}', success: true }])
      const [, body] = yield* bodies
      assert.deepStrictEqual(itemsOf(body).slice(1), [
        {
          type: "reasoning",
          summary: [
            { type: "summary_text", text: "**Thinking** hard" },
            { type: "summary_text", text: "**Done**" }
          ],
          encrypted_content: "bW9jaw=="
        },
        { type: "function_call", call_id: "call_1", name: "shell", arguments: '{"command": "echo hi"}' },
        { type: "function_call_output", call_id: "call_1", output: '{"output":"ran echo hi"}' }
      ])
    }).pipe(Effect.provide(agent()))
  )

  it.effect("runs the calls of one response in their order", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("go"))
      assert.deepStrictEqual(tags(report.events), [
        "ToolCall",
        "UsageReport",
        "ToolResult",
        "TextDelta",
        "TextEnd",
        "UsageReport"
      ])
      assert.deepStrictEqual(
        results(report).map(({ id, output }) => [id, output]),
        [
          ["a", '{"output":"ran 1"}'],
          ["b", '{"output":"ran 2"}']
        ]
      )
      assert.deepInclude(report.events, { _tag: "TextEnd", id: "msg_2", phase: "final_answer" })
    }).pipe(
      Effect.provide(agent(first(call(1, "a", "shell", '{"command":"1"}'), call(1, "b", "shell", '{"command":"2"}'))))
    )
  )

  it.effect("uses an id for one item, though each response numbers them anew", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("go"))
      const ends = report.events.flatMap((event) => (event._tag === "TextEnd" ? [event.id] : []))
      assert.strictEqual(ends.length, 2)
      assert.strictEqual(new Set(ends).size, 2)
    }).pipe(
      Effect.provide(
        agent((_, k) => ({
          pieces: [
            event("response.output_text.delta", { output_index: 0, delta: `text ${k}` }),
            ...(k === 1 ? [call(k, "c", "shell", '{"command":"x"}')] : []),
            completed(k)
          ]
        }))
      )
    )
  )

  it.effect("tells the plan", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("go"))
      assert.deepStrictEqual(tags(report.events).slice(0, 4), ["ToolCall", "UsageReport", "PlanUpdate", "ToolResult"])
      assert.deepInclude(report.events, {
        _tag: "PlanUpdate",
        explanation: "why",
        steps: [
          { step: "one", status: "completed" },
          { step: "two", status: "inProgress" }
        ]
      })
    }).pipe(
      Effect.provide(
        agent(
          first(
            call(
              1,
              "p",
              "update_plan",
              '{"explanation":"why","plan":[{"step":"one","status":"completed"},{"step":"two","status":"in_progress"}]}'
            )
          )
        )
      )
    )
  )
})

describe("a tool that does not work", () => {
  const cases: ReadonlyArray<readonly [string, string, string, string]> = [
    ["fails", "shell", '{"command":"boom"}', "exploded"],
    ["dies", "shell", '{"command":"die"}', "defect"],
    ["does not exist", "nosuch", "{}", "nosuch"],
    ["is not given what it needs", "shell", '{"cmd":1}', "command"],
    ["is given no JSON", "shell", "{{{", "failed"],
    ["is called like an object's own", "__proto__", "{}", "__proto__"],
    ["needs an approval that nobody gives", "careful", "{}", "not approved"]
  ]
  for (const [name, tool, args, output] of cases) {
    it.effect(`${name}: the model is told, and the turn goes on`, () =>
      Effect.gen(function* () {
        const report = yield* runTurn(turnInput("go"))
        succeeded(report)
        const [result] = results(report)
        assert.isFalse(result?.success)
        assert.include(result?.output, output)
        assert.strictEqual(said(report.events), "done|")
        const [, body] = yield* bodies
        assert.deepStrictEqual(itemsOf(body).slice(1), [
          { type: "function_call", call_id: "c", name: tool, arguments: args },
          { type: "function_call_output", call_id: "c", output: result?.output }
        ])
      }).pipe(Effect.provide(agent(first(call(1, "c", tool, args)))))
    )
  }

  const decisions = [
    ["accept", "done", true],
    ["decline", "The call was not approved: `careful` did not run.", false]
  ] as const
  for (const [decision, output, success] of decisions) {
    it.effect(`may need an approval, and the client says ${decision}`, () =>
      Effect.gen(function* () {
        const asked: Array<string> = []
        const ask: TurnInput["ask"] = {
          ...nobodyToAsk,
          command: ({ command, itemId }) =>
            Effect.sync(() => {
              asked.push(`${itemId}: ${command}`)
              return decision
            })
        }
        assert.deepStrictEqual(results(yield* runTurn(turnInput("go", { ask }))), [{ id: "c", output, success }])
        assert.deepStrictEqual(asked, ["c: careful {}"])
      }).pipe(Effect.provide(agent(first(call(1, "c", "careful", "{}")))))
    )
  }

  it.effect("may need an approval; an answer that cancels ends the turn", () =>
    Effect.gen(function* () {
      const ask = { ...nobodyToAsk, command: () => Effect.succeed("cancel" as const) }
      const { exit } = yield* runTurn(turnInput("go", { ask }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    }).pipe(Effect.provide(agent(first(call(1, "c", "careful", "{}")))))
  )

  it.effect("knows the turn that it works for", () =>
    Effect.gen(function* () {
      const ask = { ...nobodyToAsk, command: () => Effect.succeed("accept" as const) }
      const input = turnInput("go", { ask })
      const report = yield* Effect.provideService(runTurn(input), CurrentTurn, input)
      assert.deepStrictEqual(results(report), [{ id: "c", output: "done for turn-1", success: true }])
    }).pipe(Effect.provide(agent(first(call(1, "c", "careful", "{}")))))
  )

  it.effect("is asked about with nobody where the policy is never to ask", () =>
    Effect.gen(function* () {
      const ask = { ...nobodyToAsk, command: () => Effect.die(new Error("asked")) }
      const settings = { approvalPolicy: "never" as const }
      const [result] = results(yield* runTurn(turnInput("go", { ask, settings })))
      assert.include(result?.output, "not approved")
    }).pipe(Effect.provide(agent(first(call(1, "c", "careful", "{}")))))
  )

  it.effect("may need an approval, and a function decides", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(results(yield* runTurn(turnInput("go"))), [{ id: "c", output: "done", success: true }])
    }).pipe(
      Effect.provide(
        agent(first(call(1, "c", "careful", "{}")), {
          approve: ({ name }, turn) => Effect.succeed(name === "careful" && turn.turnId === "turn-1")
        })
      )
    )
  )
})

describe("steering", () => {
  const steps = (answers: ReadonlyArray<ReadonlyArray<string>>) =>
    Effect.map(Ref.make(answers), (queue) => Ref.modify(queue, ([next = [], ...rest]) => [next.map(textInput), rest]))

  it.effect("reaches the model at its next step", () =>
    Effect.gen(function* () {
      const steered = yield* steps([[], ["also this"]])
      succeeded(yield* runTurn(turnInput("TOOL", { steered })))
      const [, body] = yield* bodies
      assert.deepStrictEqual(itemsOf(body).at(-1), {
        type: "message",
        role: "user",
        content: [{ type: "input_text", text: "also this" }]
      })
    }).pipe(Effect.provide(agent(first(call(1, "c", "shell", '{"command":"x"}')))))
  )

  it.effect("after the answer makes another step, and its absence ends the turn", () =>
    Effect.gen(function* () {
      const steered = yield* steps([[], ["one more"], []])
      const report = yield* runTurn(turnInput("hello", { steered }))
      succeeded(report)
      assert.strictEqual(said(report.events), "Mock reply number 1.|Mock reply number 2.|")
      assert.strictEqual((yield* bodies).length, 2)
    }).pipe(Effect.provide(agent()))
  )

  it.effect("is not asked for when there is no step left: it waits for the next turn", () =>
    Effect.gen(function* () {
      const asked = yield* Ref.make(0)
      const steered = Effect.as(
        Ref.update(asked, (count) => count + 1),
        []
      )
      succeeded(yield* runTurn(turnInput("hello", { steered })))
      assert.strictEqual(yield* Ref.get(asked), 1)
    }).pipe(Effect.provide(agent(undefined, { maxSteps: 1 })))
  )
})

describe("bounds", () => {
  const loop = always("shell", '{"command":"again"}')

  it.effect("on steps end the turn", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("go"))
      const error = failed(report)
      assert.strictEqual(error.kind, "stepLimit")
      assert.include(error.message, "3 steps")
      assert.strictEqual(results(report).length, 3)
    }).pipe(Effect.provide(agent(loop, { maxSteps: 3 })))
  )

  it.effect("are 50 steps unless said otherwise", () =>
    Effect.gen(function* () {
      assert.strictEqual(failed(yield* runTurn(turnInput("go"))).kind, "stepLimit")
      assert.strictEqual((yield* bodies).length, 50)
    }).pipe(Effect.provide(agent(loop)))
  )

  it.effect("on tokens end the turn", () =>
    Effect.gen(function* () {
      const error = failed(yield* runTurn(turnInput("go")))
      assert.strictEqual(error.kind, "stepLimit")
      assert.include(error.message, "2000 tokens")
      assert.strictEqual((yield* bodies).length, 2)
    }).pipe(Effect.provide(agent(loop, { maxTokens: 2000n })))
  )

  it.effect("do not fail a turn that is over", () =>
    Effect.gen(function* () {
      succeeded(yield* runTurn(turnInput("hello")))
    }).pipe(Effect.provide(agent(undefined, { maxTokens: 1n, maxSteps: 1 })))
  )
})

describe("failure", () => {
  it.effect("of the provider fails the turn", () =>
    Effect.gen(function* () {
      const error = failed(yield* runTurn(turnInput("FAIL")))
      assert.deepInclude(error, { kind: "internalServerError", httpStatus: 500 })
      assert.include(error.message, "mock failure")
    }).pipe(Effect.provide(agent()))
  )

  it.effect("in the middle comes after what was said", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("CUT"))
      assert.strictEqual(said(report.events), "Mock reply ")
      assert.strictEqual(failed(report).kind, "streamDisconnected")
    }).pipe(Effect.provide(agent((_, k) => cutAfterTwo(k))))
  )

  it.effect("is also an answer that was cut off: its cost is told, its calls do not run", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("go"))
      assert.deepStrictEqual(tags(report.events), ["TextDelta", "TextEnd", "ToolCall", "UsageReport"])
      const error = failed(report)
      assert.strictEqual(error.kind, "other")
      assert.include(error.message, "cut off")
    }).pipe(
      Effect.provide(
        agent((_, k) => ({
          pieces: [
            ...message(k, ["half"]),
            call(k, "c", "shell", '{"command":"x"}'),
            event("response.incomplete", {
              response: {
                incomplete_details: { reason: "max_output_tokens" },
                usage: { input_tokens: 1, output_tokens: 2 }
              }
            })
          ]
        }))
      )
    )
  )

  const reasons: ReadonlyArray<readonly [AiError.AiErrorReason, AgentError["kind"]]> = [
    [new AiError.RateLimitError({}), "rateLimitExceeded"],
    [new AiError.QuotaExhaustedError({}), "usageLimitExceeded"],
    [new AiError.AuthenticationError({ kind: "MissingKey" }), "unauthorized"],
    [new AiError.InvalidRequestError({ description: "no" }), "badRequest"],
    [new AiError.InternalProviderError({ description: "no" }), "internalServerError"],
    [new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "http://x" }), "connectionFailed"],
    [new AiError.InvalidOutputError({ description: "no" }), "other"]
  ]
  for (const [reason, kind] of reasons) {
    it.effect(`of any other provider keeps its meaning: ${reason._tag}`, () =>
      Effect.gen(function* () {
        const error = failed(yield* runTurn(turnInput("hello")))
        assert.strictEqual(error.kind, kind)
        assert.include(error.message, reason.message)
      }).pipe(Effect.provide(ModelAgent.layer().pipe(Layer.provide(failing(reason)))))
    )
  }
})

describe("interruption", () => {
  it.effect("ends a request at once", () =>
    Effect.gen(function* () {
      const agent = yield* Agent
      const speaking = yield* Deferred.make<void>()
      const fiber = yield* agent.run(turnInput("SLOW")).pipe(
        Stream.runForEach(() => Deferred.succeed(speaking, undefined)),
        Effect.forkChild
      )
      yield* Deferred.await(speaking)
      yield* Fiber.interrupt(fiber)
      assert(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    }).pipe(Effect.provide(agent()))
  )

  it.effect("ends a tool that runs", () =>
    Effect.gen(function* () {
      const hanging = yield* Deferred.make<void>()
      const stopped = yield* Deferred.make<void>()
      const tools = ModelAgent.layer({ toolkit: Tools }).pipe(
        Layer.provide(toolsWith(hanging, stopped)),
        Layer.provide(model),
        Layer.provide(layerClient(always("shell", '{"command":"hang"}')))
      )
      const fiber = yield* Effect.forkChild(runTurn(turnInput("go")).pipe(Effect.provide(tools)))
      yield* Deferred.await(hanging)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(stopped)
    })
  )

  it.effect("or an end of interest asks for no further step", () =>
    Effect.gen(function* () {
      const agent = yield* Agent
      const taken = yield* agent.run(turnInput("go")).pipe(Stream.take(1), Stream.runCollect)
      assert.deepStrictEqual(tags(taken), ["ToolCall"])
      assert.strictEqual((yield* bodies).length, 1)
    }).pipe(Effect.provide(agent(always("shell", '{"command":"again"}'))))
  )
})

const cutAfterTwo = (k: number) => ({ pieces: [created(k), ...message(k, ["Mock ", "reply ", "never"]).slice(0, 3)] })

const failing = (reason: AiError.AiErrorReason) =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: () => Effect.fail(AiError.make({ module: "Other", method: "generateText", reason })),
      streamText: () => Stream.fail(AiError.make({ module: "Other", method: "streamText", reason }))
    })
  )

describe("any provider of effect/ai", () => {
  const plain = Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: () => Effect.succeed([]),
      streamText: () =>
        Stream.make(
          { type: "reasoning-start" as const, id: "r" },
          { type: "reasoning-delta" as const, id: "r", delta: "hm" },
          { type: "reasoning-end" as const, id: "r" },
          { type: "text-start" as const, id: "t" },
          { type: "text-delta" as const, id: "t", delta: "hi" },
          { type: "text-end" as const, id: "t" },
          {
            type: "finish" as const,
            reason: "stop" as const,
            usage: { inputTokens: { total: 10, cacheRead: 4, cacheWrite: 3 }, outputTokens: { total: 5, reasoning: 2 } }
          }
        )
    })
  )

  it.effect("will do", () =>
    Effect.gen(function* () {
      const report = yield* runTurn(turnInput("hello"))
      assert.deepStrictEqual(report.events, [
        { _tag: "ReasoningDelta", id: "r", part: 0, delta: "hm" },
        { _tag: "ReasoningEnd", id: "r", encrypted: null },
        { _tag: "TextDelta", id: "t", delta: "hi" },
        { _tag: "TextEnd", id: "t", phase: null },
        {
          _tag: "UsageReport",
          usage: {
            totalTokens: 15n,
            inputTokens: 10n,
            cachedInputTokens: 4n,
            cacheWriteInputTokens: 3n,
            outputTokens: 5n,
            reasoningOutputTokens: 2n
          },
          modelContextWindow: null
        }
      ])
    }).pipe(Effect.provide(ModelAgent.layer().pipe(Layer.provide(plain))))
  )
})
