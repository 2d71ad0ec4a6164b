/**
 * What the catalog keeps of a thread: the `Thread` that a list shows, from the head of its rollout, and the facts
 * that only the rest of the rollout tells (`RolloutScan`).
 */
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import type { GitInfo, Thread } from "../domain/Thread.ts"
import { makeThread } from "../domain/ThreadView.ts"
import type { RolloutRef, RolloutStat } from "./RolloutStore.ts"
import type { ThreadHead } from "./ThreadHead.ts"
import type { CatalogEntry } from "./ThreadPages.ts"

/** The settings that a list shows. */
export type ShownSettings = Pick<SettingsSource, "model" | "modelProvider" | "cwd" | "reasoningEffort">

/** What later lines of a rollout change of its thread. */
export interface ThreadFacts {
  readonly git: GitInfo | null
  /** As the last line that says so left them. */
  readonly settings: ShownSettings
  /** The name that the rollout itself records; the store may know a newer one. */
  readonly name: string | null
}

/** The entry of a rollout; null when it is not listed. A thread without a directory of its own has an empty `cwd`. */
export const entryOf = (ref: RolloutRef, stat: RolloutStat, head: ThreadHead | null): CatalogEntry | null => {
  // A rollout of another thread than its name says cannot be resumed under either id.
  if (head === null || head.preview === null || head.meta.id !== ref.threadId) return null
  const thread = makeThread({
    meta: head.meta,
    path: ref.path,
    ephemeral: false,
    modifiedAt: stat.modifiedAt,
    preview: head.preview,
    settings: head.settings,
    cwd: "",
    name: null,
    status: { type: "notLoaded" },
    turns: []
  })
  const started = Date.parse(head.meta.timestamp)
  return {
    thread,
    createdAt: Number.isNaN(started) ? thread.createdAt * 1000 : started,
    updatedAt: stat.modifiedAt
  }
}

/** What is laid over an entry when it is shown. */
export interface Overlay {
  readonly facts: ThreadFacts | null
  /** The name that the store knows. */
  readonly name: string | undefined
  /** The server's directory, for a thread that knows none. */
  readonly cwd: string
}

/** The thread as it is shown. */
export const shown = (thread: Thread, { cwd, facts, name }: Overlay): Thread => {
  const own = facts?.settings.cwd ?? thread.cwd
  return {
    ...thread,
    cwd: own === "" ? cwd : own,
    name: name ?? facts?.name ?? null,
    ...(facts === null
      ? {}
      : {
          gitInfo: facts.git,
          model: facts.settings.model ?? null,
          modelProvider: facts.settings.modelProvider ?? thread.modelProvider,
          reasoningEffort: facts.settings.reasoningEffort ?? null
        })
  }
}
