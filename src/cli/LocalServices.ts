/**
 * A home's threads in this process, for commands that need no server: paths outside of the home are the user's own.
 */
import { Layer } from "effect"
import * as CodexHomeConfig from "../layers/codex-home/CodexHomeConfig.ts"
import * as CodexHomeStore from "../layers/codex-home/CodexHomeStore.ts"
import * as SqliteCheckpoints from "../layers/sqlite/SqliteCheckpoints.ts"
import * as SqliteThreadCatalog from "../layers/sqlite/SqliteThreadCatalog.ts"
import * as Rethread from "../services/Rethread.ts"
import { RolloutParser } from "../services/RolloutParser.ts"
import { RolloutDoctor } from "../services/RolloutDoctor.ts"
import * as Platform from "./Platform.ts"

interface LocalOptions {
  readonly home: string
  readonly overrides: ReadonlyArray<string>
  readonly cwd: string
}

/** The services over a Codex home. */
export const layer = (options: LocalOptions) =>
  Layer.mergeAll(
    Rethread.layerWith({
      catalog: SqliteThreadCatalog.layer(options),
      checkpoints: SqliteCheckpoints.layer(options)
    }),
    Layer.provide(RolloutDoctor.layer, RolloutParser.layer)
  ).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        CodexHomeStore.layer({ home: options.home, allowPathsOutside: true }),
        CodexHomeConfig.layer(options)
      )
    ),
    Layer.provide(Platform.layerHome)
  )
