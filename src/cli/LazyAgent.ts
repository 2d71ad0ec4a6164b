/**
 * The agent, loaded when the first turn runs: models, tools and HTTP are a third of the program, and a server that
 * restores threads never needs them.
 */
import { Context, Effect, Layer, Scope, Stream } from "effect"
import { Agent } from "../services/Agent.ts"
import { ServerConfig } from "../services/ServerConfig.ts"

/** What runs turns: the configured models, or an echo that needs none. */
export type AgentName = "model" | "echo"

const load = (name: AgentName): Effect.Effect<Layer.Layer<Agent, never, ServerConfig>> =>
  name === "echo"
    ? Effect.map(
        Effect.promise(() => import("../layers/scripted/EchoAgent.ts")),
        (module) => module.layer()
      )
    : Effect.map(
        Effect.promise(() => import("./ModelAgents.ts")),
        (module) => module.layer
      )

/** The agent of that name. It lives as long as the layer. */
export const layer = (name: AgentName): Layer.Layer<Agent, never, ServerConfig> =>
  Layer.effect(
    Agent,
    Effect.gen(function* () {
      const config = yield* ServerConfig
      const scope = yield* Scope.Scope
      const built = yield* Effect.cached(
        load(name).pipe(
          Effect.flatMap((agent) => Layer.buildWithScope(agent, scope)),
          Effect.map((context) => Context.get(context, Agent)),
          Effect.provideService(ServerConfig, config),
          // A turn that is stopped while it loads must not be remembered as the answer for the next one.
          Effect.uninterruptible
        )
      )
      return Agent.of({ run: (input) => Stream.unwrap(Effect.map(built, (agent) => agent.run(input))) })
    })
  )
