/**
 * The handlers of {@link ClientProtocol}: true of this server's configuration where it has one, and empty where this
 * server has nothing (skills, hooks, plugins, goals, terminals …).
 */
import { Effect } from "effect"
import { parseThreadId } from "../../domain/Ids.ts"
import { defaults, permissionProfiles, resolve } from "../../domain/ThreadSettings.ts"
import { ServerConfig } from "../../services/ServerConfig.ts"
import { ThreadNotLoaded } from "../../services/ThreadError.ts"
import { Threads } from "../../services/Threads.ts"
import type { DirectoriesParams } from "./ClientProtocol.ts"
import { configView } from "./ConfigView.ts"
import * as ModelList from "./ModelList.ts"
import * as RefusedActions from "./RefusedActions.ts"
import * as WireError from "./WireError.ts"

const emptyPage = { data: [], nextCursor: null }

/**
 * These methods' handlers.
 *
 * @internal
 */
export const make = Effect.gen(function* () {
  const config = yield* ServerConfig
  const threads = yield* Threads
  const refusedActions = yield* RefusedActions.make

  const settings = Effect.map(config.settings, (source) => resolve([source], defaults(config.cwd)))

  const directories = (params: DirectoriesParams): ReadonlyArray<string> =>
    params.cwds && params.cwds.length > 0 ? params.cwds : [config.cwd]

  /** What a loaded thread has of something that this server knows nothing of. */
  const ofLoaded = Effect.fnUntraced(function* <A>(input: string, answer: A) {
    const threadId = yield* Effect.mapError(Effect.fromResult(parseThreadId(input)), WireError.fromThreadError)
    if ((yield* threads.loaded).includes(threadId)) return answer
    return yield* WireError.fromThreadError(new ThreadNotLoaded({ threadId }))
  })

  const refuseToWrite = () =>
    WireError.refused("", `this server does not change its configuration: edit ${config.home}/config.toml`)

  return {
    // Whatever keys there are belong to the server: no client has to log in, and without an account its screen would ask to.
    "account/read": () =>
      Effect.map(settings, ({ modelProvider }) => ({
        account: { type: "apiKey" as const },
        userId: null,
        requiresOpenaiAuth: modelProvider === "openai",
        workspaceRouting: null
      })),
    "account/bedrock/checkGovCloudRequirements": () => Effect.succeed({ isGovCloud: false, shouldWarn: false }),
    "model/list": Effect.fnUntraced(function* (params: {
      readonly cursor?: string | null
      readonly limit?: number | null
    }) {
      const inForce = yield* settings
      const provider = (yield* config.providers).get(inForce.modelProvider)
      const model = ModelList.configured(inForce, provider?.name ?? inForce.modelProvider)
      return yield* Effect.fromResult(
        ModelList.page([model], { cursor: params.cursor ?? null, limit: params.limit ?? null })
      )
    }),
    "config/read": () =>
      Effect.zipWith(config.settings, config.providers, (source, providers) => ({
        config: configView(source, providers),
        origins: {},
        layers: null
      })),
    "configRequirements/read": () => Effect.succeed({ supportsIndependentSpeedModes: false, requirements: null }),
    "collaborationMode/list": () =>
      Effect.succeed({
        data: [{ name: "Default", mode: "default" as const, model: null, reasoning_effort: null }]
      }),
    "skills/list": (params: DirectoriesParams) =>
      Effect.succeed({ data: directories(params).map((cwd) => ({ cwd, skills: [], errors: [] })) }),
    "hooks/list": (params: DirectoriesParams) =>
      Effect.succeed({ data: directories(params).map((cwd) => ({ cwd, hooks: [], warnings: [], errors: [] })) }),
    "plugin/installed": () => Effect.succeed({ marketplaces: [], marketplaceLoadErrors: [] }),
    "mcpServerStatus/list": () => Effect.succeed(emptyPage),
    "permissionProfile/list": () =>
      Effect.succeed({
        data: permissionProfiles.map(({ id }) => ({ id, description: null, allowed: true })),
        nextCursor: null
      }),
    "thread/goal/get": (params: { readonly threadId: string }) => ofLoaded(params.threadId, { goal: null }),
    "thread/backgroundTerminals/list": (params: { readonly threadId: string }) => ofLoaded(params.threadId, emptyPage),
    "thread/backgroundTerminals/clean": (params: { readonly threadId: string }) => ofLoaded(params.threadId, {}),
    ...refusedActions,
    "config/batchWrite": refuseToWrite,
    "config/value/write": refuseToWrite
  }
})
