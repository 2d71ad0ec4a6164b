/**
 * Which provider answers for a thread: the definitions of the configuration, the built-in `openai`, and the
 * keys and addresses in the environment (`Config`), made into an endpoint.
 *
 * Where something is missing, the failure (`noModel`) names what to set, and where.
 */
import { Config, Duration, Effect, Option, type Redacted } from "effect"
import type { ThreadSettings } from "../../domain/ThreadSettings.ts"
import { AgentError } from "../../services/Agent.ts"
import { type ModelProvider, ServerConfig } from "../../services/ServerConfig.ts"
import type { Endpoint } from "./OpenAiResponses.ts"

/** The provider that needs no definition. One of the same name in the configuration is laid over it. */
export const OPENAI: ModelProvider = {
  name: "OpenAI",
  baseUrl: "https://api.openai.com/v1",
  envKey: "OPENAI_API_KEY",
  envKeyInstructions: "Create a key at https://platform.openai.com/api-keys.",
  wireApi: "responses"
}

// Codex's own defaults.
const REQUEST_RETRIES = 4
const STREAM_RETRIES = 5
const IDLE_TIMEOUT = Duration.minutes(5)

const noModel = (detail: string): AgentError => new AgentError({ kind: "noModel", detail, httpStatus: null })

const variable = <A>(config: Config.Config<A>): Effect.Effect<Option.Option<A>, AgentError> =>
  Effect.mapError(Config.option(config), (error) => noModel(`The environment could not be read: ${error.message}`))

const text = (name: string): Effect.Effect<Option.Option<string>, AgentError> =>
  Effect.map(variable(Config.String(name)), (value) =>
    Option.filter(
      Option.map(value, (value) => value.trim()),
      (value) => value !== ""
    )
  )

const secret = (name: string): Effect.Effect<Option.Option<Redacted.Redacted>, AgentError> =>
  Effect.gen(function* () {
    // An empty variable is no key.
    if (Option.isNone(yield* text(name))) return Option.none()
    return yield* variable(Config.Redacted(name))
  })

const overlay = (base: ModelProvider, over: ModelProvider): ModelProvider => ({
  ...base,
  ...Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined))
})

const definition = Effect.fnUntraced(function* (id: string) {
  const config = yield* ServerConfig
  const defined = (yield* config.providers).get(id)
  if (id === "openai") {
    const baseUrl = Option.getOrUndefined(yield* text("OPENAI_BASE_URL"))
    return overlay(overlay(OPENAI, { baseUrl }), defined ?? {})
  }
  if (defined !== undefined) return defined
  return yield* noModel(
    `There is no model provider \`${id}\`. Define it in ${config.home}/config.toml ` +
      `([model_providers.${id}] with base_url and env_key), or choose another one with \`model_provider\`.`
  )
})

const envHeaders = (headers: Readonly<Record<string, string>>) =>
  Effect.map(
    Effect.forEach(Object.entries(headers), ([header, name]) =>
      Effect.map(text(name), (value) => Option.toArray(Option.map(value, (value) => [header, value] as const)))
    ),
    (found) => Object.fromEntries(found.flat())
  )

/** The endpoint of the provider that these settings name. */
export const resolve = Effect.fn("ModelProviders.resolve")(function* (
  settings: ThreadSettings
): Effect.fn.Return<Endpoint, AgentError, ServerConfig> {
  const { home } = yield* ServerConfig
  const id = settings.modelProvider
  if (settings.model.trim() === "") {
    return yield* noModel(`No model is set. Set \`model\` in ${home}/config.toml or in the request.`)
  }
  const provider = yield* definition(id)
  const wireApi = provider.wireApi ?? "responses"
  if (wireApi !== "responses") {
    return yield* noModel(
      `The model provider \`${id}\` speaks \`${wireApi}\`, which is not supported. ` +
        `Set wire_api = "responses" under [model_providers.${id}] in ${home}/config.toml, or choose another provider.`
    )
  }
  if (provider.baseUrl === undefined) {
    return yield* noModel(
      `The model provider \`${id}\` has no address. Set base_url under [model_providers.${id}] in ${home}/config.toml.`
    )
  }
  const envKey = provider.envKey ?? null
  const apiKey = envKey === null ? Option.none() : yield* secret(envKey)
  if (envKey !== null && Option.isNone(apiKey)) {
    const how = provider.envKeyInstructions === undefined ? "" : ` ${provider.envKeyInstructions}`
    return yield* noModel(
      `There is no key for the model provider \`${id}\`. Set the environment variable ${envKey}, ` +
        `or choose another provider with \`model_provider\` in ${home}/config.toml.${how}`
    )
  }
  return {
    label: provider.name ?? id,
    envKey,
    baseUrl: provider.baseUrl.replace(/\/+$/, ""),
    apiKey,
    headers: { ...provider.httpHeaders, ...(yield* envHeaders(provider.envHttpHeaders ?? {})) },
    queryParams: provider.queryParams ?? {},
    requestMaxRetries: provider.requestMaxRetries ?? REQUEST_RETRIES,
    streamMaxRetries: provider.streamMaxRetries ?? STREAM_RETRIES,
    idleTimeout:
      provider.streamIdleTimeoutMs === undefined ? IDLE_TIMEOUT : Duration.millis(provider.streamIdleTimeoutMs)
  }
})
