/**
 * The facts of a thread that later lines of its rollout change, folded line by line: its repository, its settings, its
 * name.
 */
import * as PersistedSettings from "../domain/PersistedSettings.ts"
import type { RolloutLine } from "../domain/RolloutLine.ts"
import { restated, type SessionMeta } from "../domain/SessionMeta.ts"
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import type { ShownSettings, ThreadFacts } from "./ThreadEntries.ts"

export interface FactsFold {
  readonly step: (line: RolloutLine) => void
  /** Null as long as no line says whose the rollout is. */
  readonly facts: () => ThreadFacts | null
}

const shownSettings = ({ cwd, model, modelProvider, reasoningEffort }: SettingsSource): ShownSettings => ({
  model,
  modelProvider,
  cwd,
  reasoningEffort
})

/** A fold from the beginning of a rollout, or from where an earlier one ended. */
export const makeFactsFold = (
  from: { readonly facts: ThreadFacts | null; readonly threadId: string } | null
): FactsFold => {
  let facts: ThreadFacts | null = from?.facts ?? null
  let settings: SettingsSource = facts?.settings ?? {}
  let threadId: string | null = from?.threadId ?? null

  const describe = (meta: SessionMeta) => {
    if (facts === null) {
      threadId = meta.id
      settings = PersistedSettings.initial(meta)
      facts = { git: meta.git, settings: {}, name: null }
    } else if (meta.id === threadId) {
      facts = { ...facts, git: restated({ ...meta, git: facts.git }, meta).git }
    }
  }

  return {
    step: (line) => {
      const { record } = line
      if (record._tag === "SessionMeta") describe(record.meta)
      settings = PersistedSettings.step(settings, line)
      if (record._tag === "Event" && record.event.type === "thread_name_updated") {
        const { thread_id, thread_name } = record.event
        // A fork's copy of its source's name is not its own.
        if (facts !== null && thread_id === threadId) facts = { ...facts, name: thread_name ?? null }
      }
    },
    facts: () => (facts === null ? null : { ...facts, settings: shownSettings(settings) })
  }
}
