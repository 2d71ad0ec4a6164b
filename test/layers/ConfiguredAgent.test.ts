import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Layer, Option } from "effect"
import { layer as configuredAgent } from "../../src/layers/model/ConfiguredAgent.ts"
import * as ModelProviders from "../../src/layers/model/ModelProviders.ts"
import { type ModelProvider, ServerConfig } from "../../src/services/ServerConfig.ts"
import { layerClient, MockResponses } from "../support/MockResponses.ts"
import { runTurn, said, turnInput } from "../support/TurnInputs.ts"

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>
  readonly providers?: Readonly<Record<string, ModelProvider>>
}

const surroundings = ({ env = {}, providers = {} }: Surroundings) =>
  Layer.mergeAll(
    ServerConfig.layerMemory({ home: "/home/dev/.codex", providers: new Map(Object.entries(providers)) }),
    ConfigProvider.layer(ConfigProvider.fromUnknown(env))
  )

const agent = (around: Surroundings) =>
  configuredAgent().pipe(Layer.provideMerge(layerClient()), Layer.provideMerge(surroundings(around)))

const asked = Effect.flatMap(MockResponses, (mock) => mock.asked)

const refused = (settings: Parameters<typeof turnInput>[1]) =>
  Effect.map(runTurn(turnInput("hello", settings)), ({ events, exit }) => {
    assert.deepStrictEqual(events, [])
    assert(Exit.isFailure(exit))
    const error = Option.getOrThrow(Cause.findErrorOption(exit.cause))
    assert.strictEqual(error.kind, "noModel")
    return error.message
  })

describe("the provider of a turn", () => {
  it.effect("is OpenAI with the key in the environment", () =>
    Effect.gen(function* () {
      const { events } = yield* runTurn(turnInput("hello", { settings: { model: "gpt-5.4", reasoningEffort: "low" } }))
      assert.strictEqual(said(events), "Mock reply number 1.|")
      const [request] = yield* asked
      assert.strictEqual(request?.url, "https://api.openai.com/v1/responses")
      assert.strictEqual(request?.headers["authorization"], "Bearer sk-1")
      assert.deepInclude(request?.body, {
        model: "gpt-5.4",
        reasoning: { effort: "low", summary: "auto" },
        prompt_cache_key: turnInput("").threadId
      })
    }).pipe(Effect.provide(agent({ env: { OPENAI_API_KEY: "sk-1" } })))
  )

  it.effect("is somewhere else when OPENAI_BASE_URL says so", () =>
    Effect.gen(function* () {
      yield* runTurn(turnInput("hello"))
      assert.strictEqual((yield* asked)[0]?.url, "http://proxy.test/api/responses")
    }).pipe(Effect.provide(agent({ env: { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: "http://proxy.test/api/" } })))
  )

  it.effect("is the one that the thread's settings name, each turn anew", () =>
    Effect.gen(function* () {
      yield* runTurn(turnInput("hello", { settings: { modelProvider: "team", model: "m" } }))
      yield* runTurn(turnInput("hello", { settings: { modelProvider: "local", model: "n" } }))
      const [team, local] = yield* asked
      assert.strictEqual(team?.url, "http://team.test/v1/responses?api-version=2")
      assert.strictEqual(team?.headers["authorization"], "Bearer t-1")
      assert.strictEqual(team?.headers["x-a"], "1")
      assert.strictEqual(team?.headers["x-b"], "from the environment")
      assert.notProperty(team?.headers, "x-c")
      assert.strictEqual(local?.url, "http://localhost:11434/v1/responses")
      assert.notProperty(local?.headers, "authorization")
      assert.strictEqual(local?.body["model"], "n")
    }).pipe(
      Effect.provide(
        agent({
          env: { TEAM_KEY: "t-1", B: "from the environment" },
          providers: {
            team: {
              baseUrl: "http://team.test/v1",
              envKey: "TEAM_KEY",
              httpHeaders: { "x-a": "1" },
              envHttpHeaders: { "x-b": "B", "x-c": "C" },
              queryParams: { "api-version": "2" }
            },
            local: { baseUrl: "http://localhost:11434/v1" }
          }
        })
      )
    )
  )

  it.effect("has Codex's patience unless it is given another", () =>
    Effect.gen(function* () {
      const usual = yield* ModelProviders.resolve(turnInput("").settings)
      assert.deepInclude(usual, { requestMaxRetries: 4, streamMaxRetries: 5, label: "OpenAI" })
      const other = yield* ModelProviders.resolve({ ...turnInput("").settings, modelProvider: "x" })
      assert.deepInclude(other, { requestMaxRetries: 0, streamMaxRetries: 1, label: "x" })
    }).pipe(
      Effect.provide(
        surroundings({
          env: { OPENAI_API_KEY: "sk-1" },
          providers: { x: { baseUrl: "http://x.test", requestMaxRetries: 0, streamMaxRetries: 1 } }
        })
      )
    )
  )

  it.effect("is laid over the built-in one of its name", () =>
    Effect.gen(function* () {
      const endpoint = yield* ModelProviders.resolve(turnInput("").settings)
      assert.deepInclude(endpoint, { baseUrl: "http://mine.test/v1", envKey: "OPENAI_API_KEY", label: "OpenAI" })
    }).pipe(
      Effect.provide(
        surroundings({
          env: { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: "http://other.test" },
          providers: { openai: { baseUrl: "http://mine.test/v1", name: undefined } }
        })
      )
    )
  )
})

describe("without a model a turn fails and says what to set", () => {
  const providers = {
    keyed: { baseUrl: "http://x.test", envKey: "X_KEY", envKeyInstructions: "Ask Ann." },
    nowhere: { name: "Nowhere" },
    chatty: { baseUrl: "http://x.test", wireApi: "chat" }
  }
  const cases: ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> = [
    ["no key", "openai", ["OPENAI_API_KEY", "/home/dev/.codex/config.toml", "https://platform.openai.com/api-keys"]],
    ["no key of a provider", "keyed", ["X_KEY", "Ask Ann."]],
    ["no provider", "elsewhere", ["[model_providers.elsewhere]", "/home/dev/.codex/config.toml", "model_provider"]],
    ["no address", "nowhere", ["base_url", "[model_providers.nowhere]"]],
    ["an API that is not spoken", "chatty", ['wire_api = "responses"', "`chat`"]]
  ]
  for (const [name, modelProvider, hints] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const message = yield* refused({ settings: { modelProvider } })
        for (const hint of hints) assert.include(message, hint)
        assert.deepStrictEqual(yield* asked, [])
      }).pipe(Effect.provide(agent({ providers, env: { OPENAI_API_KEY: "  " } })))
    )
  }

  it.effect("no model", () =>
    Effect.gen(function* () {
      assert.include(yield* refused({ settings: { model: " " } }), "`model`")
    }).pipe(Effect.provide(agent({ env: { OPENAI_API_KEY: "sk-1" } })))
  )
})
