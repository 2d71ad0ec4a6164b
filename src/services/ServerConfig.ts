/**
 * What the home's configuration says of threads: the third source of settings, after the request
 * and the thread itself; and of the providers that a thread's model may come from.
 *
 * Layers: `layers/codex-home/CodexHomeConfig.ts` (`config.toml`), and {@link ServerConfig.layerMemory}.
 */
import { Context, Effect, Layer } from "effect"
import type { SettingsSource } from "../domain/ThreadSettings.ts"

/** How a provider of models is reached, as far as configuration says it: what is left out has a default. */
export interface ModelProvider {
  /** What people call it. */
  readonly name?: string | undefined
  /** Where its API begins, without the last slash: `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined
  /** The environment variable that holds the key; a provider without one is asked without a key. */
  readonly envKey?: string | undefined
  /** How a person comes by a key. */
  readonly envKeyInstructions?: string | undefined
  /** The API that it speaks; `responses` when it is not said. */
  readonly wireApi?: string | undefined
  /** How often a request is tried again before the answer begins. */
  readonly requestMaxRetries?: number | undefined
  /** How often an answer that broke off before it said anything is asked for again. */
  readonly streamMaxRetries?: number | undefined
  /** For how many milliseconds an answer may be silent. */
  readonly streamIdleTimeoutMs?: number | undefined
  readonly httpHeaders?: Readonly<Record<string, string>> | undefined
  /** Headers whose values are in environment variables, by the variable's name. */
  readonly envHttpHeaders?: Readonly<Record<string, string>> | undefined
  readonly queryParams?: Readonly<Record<string, string>> | undefined
}

export class ServerConfig extends Context.Service<
  ServerConfig,
  {
    /** The directory that the configuration belongs to; what `initialize` reports as `codexHome`. */
    readonly home: string
    /** Where the server itself runs: the last resort for a thread's `cwd`, and the base of relative ones. */
    readonly cwd: string
    /** Read anew at each call, so that an edited file holds for the next thread. Never fails: what is wrong with the file is in `warnings`. */
    readonly settings: Effect.Effect<SettingsSource>
    /** The providers that the configuration defines, by id; read anew as `settings` are. */
    readonly providers: Effect.Effect<ReadonlyMap<string, ModelProvider>>
    /** What is wrong with the configuration, for people; empty when all is well. */
    readonly warnings: Effect.Effect<ReadonlyArray<{ readonly summary: string; readonly details: string | null }>>
  }
>()("rethread/services/ServerConfig") {
  /** A fixed configuration, for tests and for embedding. */
  static layerMemory(options?: {
    readonly home?: string
    readonly cwd?: string
    readonly settings?: SettingsSource
    readonly providers?: ReadonlyMap<string, ModelProvider>
  }): Layer.Layer<ServerConfig> {
    return Layer.succeed(
      ServerConfig,
      ServerConfig.of({
        home: options?.home ?? "/codex-home",
        cwd: options?.cwd ?? "/",
        settings: Effect.succeed(options?.settings ?? {}),
        providers: Effect.succeed(options?.providers ?? new Map<string, ModelProvider>()),
        warnings: Effect.succeed([])
      })
    )
  }
}
