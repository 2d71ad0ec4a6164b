/**
 * What the home's configuration says of threads: the third source of settings, after the request
 * and the thread itself.
 *
 * Layers: `layers/codex-home/CodexHomeConfig.ts` (`config.toml`), and {@link ServerConfig.layerMemory}.
 */
import { Context, Effect, Layer } from "effect"
import type { SettingsSource } from "../domain/ThreadSettings.ts"

export class ServerConfig extends Context.Service<
  ServerConfig,
  {
    /** The directory that the configuration belongs to; what `initialize` reports as `codexHome`. */
    readonly home: string
    /** Where the server itself runs: the last resort for a thread's `cwd`, and the base of relative ones. */
    readonly cwd: string
    /** Read anew at each call, so that an edited file holds for the next thread. Never fails: what is wrong with the file is in `warnings`. */
    readonly settings: Effect.Effect<SettingsSource>
    /** What is wrong with the configuration, for people; empty when all is well. */
    readonly warnings: Effect.Effect<ReadonlyArray<{ readonly summary: string; readonly details: string | null }>>
  }
>()("rethread/services/ServerConfig") {
  /** A fixed configuration, for tests and for embedding. */
  static layerMemory(options?: {
    readonly home?: string
    readonly cwd?: string
    readonly settings?: SettingsSource
  }): Layer.Layer<ServerConfig> {
    return Layer.succeed(
      ServerConfig,
      ServerConfig.of({
        home: options?.home ?? "/codex-home",
        cwd: options?.cwd ?? "/",
        settings: Effect.succeed(options?.settings ?? {}),
        warnings: Effect.succeed([])
      })
    )
  }
}
