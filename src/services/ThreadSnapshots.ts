/**
 * Snapshots of threads: of one in memory as of an instant of its history, of a stored one as what is known of its
 * rollout tells.
 */
import { Effect } from "effect"
import type { ThreadStatus, Thread } from "../domain/Thread.ts"
import { defaults, resolve, type SettingsSource, type ThreadSettings } from "../domain/ThreadSettings.ts"
import * as ThreadView from "../domain/ThreadView.ts"
import { type RestoredUsage, withWindow } from "../domain/TokenUsage.ts"
import type { Turn } from "../domain/Turn.ts"
import type { LiveThread } from "./LiveThread.ts"
import type { RolloutStore } from "./RolloutStore.ts"
import type { ServerConfig } from "./ServerConfig.ts"
import type { RolloutStoreError } from "./ThreadError.ts"
import type { ToldThread } from "./ToldThreads.ts"

/** A thread as of one instant of its history. */
export interface Snapshot {
  /**
   * With all its turns; in one that was asked for without, with the last of them (`Threads.arrive`) or with none; in one of
   * which the newest were asked for (`Threads.read`) those before may be `notLoaded`.
   */
  readonly thread: Thread
  readonly settings: ThreadSettings
  readonly usage: RestoredUsage | null
}

/** How a stored thread is shown. */
export interface StoredView {
  /** What the request says of the settings. */
  readonly overrides: SettingsSource
  readonly turns: ReadonlyArray<Turn>
  /** One that is `notLoaded` shows the settings that it remembers, for it runs under none. */
  readonly status: Extract<ThreadStatus["type"], "idle" | "notLoaded">
}

export interface ThreadSnapshots {
  /** Decides a thread's settings: the request, what the thread remembers, the configuration, defaults. */
  readonly settings: (overrides: SettingsSource, remembered: SettingsSource) => Effect.Effect<ThreadSettings>
  /** A thread in memory, and whatever `at` does at that very instant. */
  readonly ofLive: <A, E, R>(
    thread: LiveThread,
    at: Effect.Effect<A, E, R>,
    withTurns: boolean
  ) => Effect.Effect<readonly [Snapshot, A], RolloutStoreError | E, R>
  readonly ofStored: (known: ToldThread, view: StoredView) => Effect.Effect<Snapshot, RolloutStoreError>
}

export const make = (store: RolloutStore["Service"], config: ServerConfig["Service"]): ThreadSnapshots => {
  const { cwd } = config
  const settings = (overrides: SettingsSource, remembered: SettingsSource) =>
    Effect.map(config.settings, (configured) => resolve([overrides, remembered, configured], defaults(cwd)))

  return {
    settings,
    ofLive: Effect.fnUntraced(function* <A, E, R>(
      thread: LiveThread,
      at: Effect.Effect<A, E, R>,
      withTurns: boolean
    ): Effect.fn.Return<readonly [Snapshot, A], RolloutStoreError | E, R> {
      const names = yield* store.names
      return yield* thread.alone(
        Effect.map(at, (done): readonly [Snapshot, A] => {
          const { ephemeral, journal } = thread
          const { meta } = journal
          const projected = journal.projected()
          const decided = thread.settings()
          const shown = ThreadView.makeThread({
            meta,
            path: journal.ref()?.path ?? null,
            ephemeral,
            modifiedAt: journal.modifiedAt(),
            preview: projected.preview,
            settings: decided,
            cwd,
            name: names.get(meta.id) ?? projected.name,
            status: thread.status(),
            turns: withTurns ? thread.turns() : []
          })
          return [{ thread: shown, settings: decided, usage: thread.usage() }, done]
        })
      )
    }),
    ofStored: Effect.fnUntraced(function* (
      { meta, name, preview, ref, settings: remembered, stat, usage }: ToldThread,
      { overrides, status, turns }: StoredView
    ) {
      const names = yield* store.names
      const decided = yield* settings(overrides, remembered)
      const thread = ThreadView.makeThread({
        meta,
        path: ref.path,
        ephemeral: false,
        modifiedAt: stat.modifiedAt,
        preview,
        settings: status === "notLoaded" ? remembered : decided,
        cwd,
        name: names.get(meta.id) ?? name,
        status: { type: status },
        turns: ThreadView.atRest(turns)
      })
      return { thread, settings: decided, usage: withWindow(usage, decided.modelContextWindow) }
    })
  }
}
