/**
 * Makes the protocol's `Thread` of what a rollout and the server know. The one place that decides what
 * each of its fields is taken from (docs/codex.md, "Thread fields").
 */
import type { SessionMeta } from "./SessionMeta.ts"
import type { HistoryMode, Thread, ThreadStatus } from "./Thread.ts"
import type { SettingsSource } from "./ThreadSettings.ts"
import type { Turn } from "./Turn.ts"

/** What a thread is made of. */
export interface ThreadParts {
  readonly meta: SessionMeta
  /** Null for a thread that is not stored (yet). */
  readonly path: string | null
  /** Never stored. */
  readonly ephemeral: boolean
  /** Unix milliseconds of the rollout's last change. */
  readonly modifiedAt: number
  readonly preview: string
  /** As decided for a loaded thread, as remembered by the rollout for another. */
  readonly settings: SettingsSource
  /** The server's working directory, for a thread that knows none. */
  readonly cwd: string
  readonly name: string | null
  readonly status: ThreadStatus
  readonly turns: ReadonlyArray<Turn>
}

/** The history mode of a session, or null when it is none that this version can read. */
export const historyMode = (meta: SessionMeta): HistoryMode | null =>
  meta.historyMode === "legacy" || meta.historyMode === "paginated" ? meta.historyMode : null

const seconds = (millis: number): number => Math.floor(millis / 1000)

// Rollout names carry their time to the second; it stands in for a timestamp that cannot be read.
const timeOfName = (path: string | null): number | null => {
  const match = /rollout-(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})/.exec(path ?? "")
  const time = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4]}Z`)
  return Number.isNaN(time) ? null : time
}

/** Builds the thread. Its items and turns go in as they are. */
export const makeThread = (parts: ThreadParts): Thread => {
  const { meta, settings } = parts
  const loaded = parts.status.type !== "notLoaded"
  const started = Date.parse(meta.timestamp)
  const cwd = settings.cwd ?? meta.cwd ?? parts.cwd
  return {
    id: meta.id,
    environments: loaded ? [{ environmentId: "local", cwd, runtimeWorkspaceRoots: [cwd] }] : null,
    extra: null,
    sessionId: meta.sessionId,
    forkedFromId: meta.forkedFromId,
    attachedToThreadId: null,
    parentThreadId: meta.parentThreadId,
    preview: parts.preview,
    ephemeral: parts.ephemeral,
    section: null,
    sectionEnteredAt: null,
    projectId: null,
    historyMode: historyMode(meta) ?? "legacy",
    modelProvider: settings.modelProvider ?? meta.modelProvider ?? "",
    model: settings.model ?? null,
    reasoningEffort: settings.reasoningEffort ?? null,
    createdAt: seconds(Number.isNaN(started) ? (timeOfName(parts.path) ?? parts.modifiedAt) : started),
    updatedAt: seconds(parts.modifiedAt),
    recencyAt: seconds(parts.modifiedAt),
    status: parts.status,
    path: parts.path,
    cwd,
    cliVersion: meta.cliVersion,
    originator: meta.originator,
    source: meta.source,
    canAcceptDirectInput: loaded ? true : null,
    threadSource: meta.threadSource,
    agentNickname: meta.agentNickname,
    agentRole: meta.agentRole,
    gitInfo: meta.git,
    name: parts.name,
    daybreakEnabled: null,
    turns: parts.turns
  }
}

/** Turns of a thread at rest: one that never ended was interrupted. */
export const atRest = (turns: ReadonlyArray<Turn>): ReadonlyArray<Turn> =>
  turns.some((turn) => turn.status === "inProgress")
    ? turns.map((turn) => (turn.status === "inProgress" ? { ...turn, status: "interrupted" } : turn))
    : turns
