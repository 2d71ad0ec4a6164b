/**
 * The agent that a server runs: provider and model are those of the thread's settings, chosen anew for each
 * turn, so that a change of configuration or of a thread's model holds for the next one.
 */
import { Effect, Layer, Stream } from "effect"
import type { Tool } from "effect/ai"
import { HttpClient } from "effect/http"
import { Agent } from "../../services/Agent.ts"
import { ServerConfig } from "../../services/ServerConfig.ts"
import * as ModelAgent from "./ModelAgent.ts"
import * as ModelProviders from "./ModelProviders.ts"
import type * as ModelTools from "./ModelTools.ts"
import * as OpenAiResponses from "./OpenAiResponses.ts"

/** An agent on the models that the configuration gives. Without one, turns fail with `noModel`. */
export const layer = <Tools extends ModelTools.OpenTools = {}>(
  options: ModelAgent.ModelAgentOptions<Tools> = {}
): Layer.Layer<Agent, never, ServerConfig | HttpClient.HttpClient | Tool.HandlersFor<Tools>> =>
  Layer.effect(
    Agent,
    Effect.gen(function* () {
      const config = yield* ServerConfig
      const client = yield* HttpClient.HttpClient
      const run = yield* ModelAgent.make(options)
      return Agent.of({
        run: (input) =>
          Stream.unwrap(
            Effect.gen(function* () {
              const { model, reasoningEffort, serviceTier } = input.settings
              const endpoint = yield* ModelProviders.resolve(input.settings)
              const languageModel = yield* OpenAiResponses.make({
                endpoint,
                model,
                reasoningEffort,
                serviceTier,
                promptCacheKey: input.threadId
              })
              return run(languageModel, input)
            }).pipe(Effect.provideService(ServerConfig, config), Effect.provideService(HttpClient.HttpClient, client))
          )
      })
    })
  )
