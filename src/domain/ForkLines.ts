/**
 * The lines that a fork adds to its copy of the source: its own first line, and the mark of an
 * interruption when, and only when, the source was in the middle of a turn.
 *
 * Source: docs/codex.md, "Forks". Everything between is copied byte for byte.
 */
import { DateTime } from "effect"
import type { ThreadId, TurnId } from "./Ids.ts"
import { isRecord, type JsonRecord, own, printExact } from "./Json.ts"
import * as PersistedSettings from "./PersistedSettings.ts"
import type { SessionMeta } from "./SessionMeta.ts"
import type { HistoryMode } from "./Thread.ts"
import type { ThreadSettings } from "./ThreadSettings.ts"

/** What a new thread says of itself in its first line. */
export interface NewSession {
  readonly id: ThreadId
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly cwd: string
  readonly modelProvider: string
  /** The client that asked for it. */
  readonly originator: string
  /** The version of this server. */
  readonly version: string
  readonly threadSource: string | null
}

/** What says that the model's last turn did not end by itself; the text is Codex's. */
export const INTERRUPTION_NOTICE =
  "<turn_aborted>\nThe user interrupted the previous turn on purpose. Any running unified exec processes may still be " +
  "running in the background. If any tools/commands were aborted, they may have partially executed.\n</turn_aborted>"

/** Unix milliseconds as rollouts write a time. */
const isoTime = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const line = (createdAt: number, ordinal: number | null, type: string, payload: JsonRecord): string =>
  `${printExact({ timestamp: isoTime(createdAt), ...(ordinal === null ? {} : { ordinal }), type, payload })}\n`

/** Any record as a line of a copy. `ordinal` as for {@link interruptionLines}. */
export const recordLine = (
  record: { readonly type: string; readonly payload: JsonRecord },
  createdAt: number,
  ordinal: number | null
): string => line(createdAt, ordinal, record.type, record.payload)

// Facts of the source's place in the world that do not hold for the copy.
const notInherited: ReadonlySet<string> = new Set([
  "id",
  "session_id",
  "forked_from_id",
  "timestamp",
  "instructions",
  "cwd",
  "originator",
  "cli_version",
  "source",
  "thread_source",
  "model_provider",
  "history_mode",
  "history_base",
  "forked_from_ordinal_exclusive",
  "parent_thread_id",
  "agent_nickname",
  "agent_role",
  "agent_type",
  "agent_path"
])

const rest = (payload: JsonRecord): JsonRecord =>
  Object.fromEntries(Object.entries(payload).filter(([key]) => !notInherited.has(key)))

const sessionPayload = (session: NewSession, mode: HistoryMode, forkedFromId: ThreadId | null): JsonRecord => ({
  session_id: session.id,
  id: session.id,
  ...(forkedFromId === null ? {} : { forked_from_id: forkedFromId }),
  timestamp: isoTime(session.createdAt),
  cwd: session.cwd,
  originator: session.originator,
  cli_version: session.version,
  source: "vscode",
  ...(session.threadSource === null ? {} : { thread_source: session.threadSource }),
  model_provider: session.modelProvider,
  history_mode: mode
})

/** The first line of a fork. A paginated one begins a numbering of its own, at ordinal 0. */
export const firstLineOfFork = (session: NewSession, source: SessionMeta, mode: HistoryMode): string =>
  line(session.createdAt, mode === "paginated" ? 0 : null, "session_meta", {
    ...sessionPayload(session, mode, source.id),
    ...rest(source.payload)
  })

/** The lines after the copy of a source that was in the middle of a turn. `ordinal`: the first one free, if there are any. */
export const interruptionLines = (
  turnId: TurnId | null,
  createdAt: number,
  ordinal: number | null
): ReadonlyArray<string> => [
  line(createdAt, ordinal, "response_item", {
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: INTERRUPTION_NOTICE }]
  }),
  line(createdAt, ordinal === null ? null : ordinal + 1, "event_msg", {
    type: "turn_aborted",
    turn_id: turnId,
    reason: "interrupted"
  })
]

const placeOfBase: ReadonlySet<string> = new Set(["history_base", "forked_from_ordinal_exclusive"])

/**
 * The first line of the rollout in which a paginated thread goes on after a revert. What is kept is copied after it: other
 * servers find a base (`history_base`) only with a database that knows it.
 */
export const firstLineOfSegment = (meta: SessionMeta, createdAt: number): string =>
  line(
    createdAt,
    0,
    "session_meta",
    Object.fromEntries(Object.entries(meta.payload).filter(([key]) => !placeOfBase.has(key)))
  )

/** The first line of a thread that begins with nothing before it. */
export const firstLineOfThread = (session: NewSession, mode: HistoryMode): string =>
  line(session.createdAt, mode === "paginated" ? 0 : null, "session_meta", sessionPayload(session, mode, null))

/** What remembers settings that a fork was given and its source had not. `ordinal` as above. */
export const settingsLine = (session: NewSession, settings: ThreadSettings, ordinal: number | null): string =>
  line(session.createdAt, ordinal, "event_msg", {
    type: "thread_settings_applied",
    thread_id: session.id,
    thread_settings: PersistedSettings.toRollout(settings)
  })

/** A whole rollout of a thread that a client brought as items of the model's conversation. */
export const linesOfHistory = (session: NewSession, items: ReadonlyArray<unknown>): ReadonlyArray<string> => [
  line(session.createdAt, null, "session_meta", sessionPayload(session, "legacy", null)),
  ...items.filter(isRecord).map((item) => line(session.createdAt, null, "response_item", item))
]

/** The first item that could not be a response item, by its place in the list; null when all could. */
export const firstUnusableItem = (items: ReadonlyArray<unknown>): number | null => {
  const at = items.findIndex((item) => !isRecord(item) || typeof own(item, "type") !== "string")
  return at < 0 ? null : at
}
