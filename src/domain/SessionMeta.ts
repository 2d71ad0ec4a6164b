/**
 * The first line of a rollout: whose it is and where it began (`session_meta`).
 *
 * Source: docs/codex.md, "Rollout lines". The oldest files begin with the bare object instead of an
 * envelope and know neither `cwd` nor version.
 */
import { Option, Result, Schema } from "effect"
import { parseThreadId, type ThreadId } from "./Ids.ts"
import { isRecord, type JsonRecord, own } from "./Json.ts"
import type { GitInfo, SessionSource, SubAgentSource } from "./Thread.ts"

/** Where a paginated history goes on from: everything of that thread before an ordinal. */
export interface HistoryBase {
  readonly threadId: ThreadId
  /** The first ordinal that is not part of the base. */
  readonly endOrdinalExclusive: number
  /** Where that ordinal's line begins in the base's file, in bytes; null when the line does not say. */
  readonly endByteOffset: number | null
}

/** What the session says of itself. */
export interface SessionMeta {
  readonly id: ThreadId
  readonly sessionId: string
  readonly forkedFromId: ThreadId | null
  readonly parentThreadId: string | null
  /** RFC 3339 as written; any text is possible. */
  readonly timestamp: string
  /** Null in the oldest files. */
  readonly cwd: string | null
  readonly originator: string | null
  readonly cliVersion: string
  readonly source: SessionSource
  readonly threadSource: string | null
  readonly agentNickname: string | null
  readonly agentRole: string | null
  readonly modelProvider: string | null
  readonly git: GitInfo | null
  /** `legacy`, `paginated`, or a word that this version does not know. */
  readonly historyMode: string
  readonly historyBase: HistoryBase | null
  /** The payload as written, with every field: what a fork's own first line starts from. */
  readonly payload: JsonRecord
}

const opt = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Payload = Schema.Struct({
  id: Schema.String,
  timestamp: Schema.String,
  cwd: Schema.String,
  originator: Schema.String,
  cli_version: Schema.String,
  session_id: opt(Schema.String),
  forked_from_id: opt(Schema.String),
  parent_thread_id: opt(Schema.String),
  thread_source: opt(Schema.Unknown),
  agent_nickname: opt(Schema.String),
  agent_role: opt(Schema.String),
  agent_type: opt(Schema.String),
  model_provider: opt(Schema.String),
  source: Schema.optionalKey(Schema.Unknown),
  git: opt(
    Schema.Struct({ commit_hash: opt(Schema.String), branch: opt(Schema.String), repository_url: opt(Schema.String) })
  ),
  history_mode: opt(Schema.String),
  history_base: opt(
    Schema.Struct({
      thread_id: Schema.String,
      end_ordinal_exclusive: Schema.Natural,
      end_byte_offset: opt(Schema.Natural)
    })
  ),
  forked_from_ordinal_exclusive: opt(Schema.Natural)
})

const Bare = Schema.Struct({
  id: Schema.String,
  timestamp: Schema.String,
  git: opt(
    Schema.Struct({ commit_hash: opt(Schema.String), branch: opt(Schema.String), repository_url: opt(Schema.String) })
  )
})

const decodePayload = Schema.decodeUnknownOption(Payload)
const decodeBare = Schema.decodeUnknownOption(Bare)

const id = (text: string | null | undefined): Option.Option<ThreadId> =>
  text === null || text === undefined ? Option.none() : Result.getSuccess(parseThreadId(text))

const gitInfo = (git: (typeof Bare.Type)["git"]): GitInfo | null => {
  const sha = git?.commit_hash ?? null
  const branch = git?.branch ?? null
  const originUrl = git?.repository_url ?? null
  return sha === null && branch === null && originUrl === null ? null : { sha, branch, originUrl }
}

// Early paginated forks name only the ordinal; their base is the thread they were forked from.
const historyBase = (meta: typeof Payload.Type, forkedFromId: ThreadId | null): HistoryBase | null => {
  const base = meta.history_base
  if (base !== null && base !== undefined) {
    return Option.getOrNull(
      Option.map(id(base.thread_id), (threadId) => ({
        threadId,
        endOrdinalExclusive: base.end_ordinal_exclusive,
        endByteOffset: base.end_byte_offset ?? null
      }))
    )
  }
  const ordinal = meta.forked_from_ordinal_exclusive
  return ordinal === null || ordinal === undefined || forkedFromId === null || meta.history_mode !== "paginated"
    ? null
    : { threadId: forkedFromId, endOrdinalExclusive: ordinal, endByteOffset: null }
}

/** Reads a `session_meta` payload. None when a required field is missing or `id` is no UUID. */
export const fromPayload = (payload: JsonRecord): Option.Option<SessionMeta> =>
  Option.flatMap(decodePayload(payload), (meta) =>
    Option.map(id(meta.id), (threadId): SessionMeta => {
      const forkedFromId = Option.getOrNull(id(meta.forked_from_id))
      return {
        id: threadId,
        sessionId: meta.session_id ?? threadId,
        forkedFromId,
        parentThreadId: meta.parent_thread_id ?? null,
        timestamp: meta.timestamp,
        cwd: meta.cwd,
        originator: meta.originator,
        cliVersion: meta.cli_version,
        source: sessionSource(meta.source),
        threadSource: typeof meta.thread_source === "string" ? meta.thread_source : null,
        agentNickname: meta.agent_nickname ?? null,
        agentRole: meta.agent_role ?? meta.agent_type ?? null,
        modelProvider: meta.model_provider ?? null,
        git: gitInfo(meta.git),
        historyMode: meta.history_mode ?? "legacy",
        historyBase: historyBase(meta, forkedFromId),
        payload
      }
    })
  )

/** Reads the bare first line of the 2025 format. */
export const fromBare = (record: JsonRecord): Option.Option<SessionMeta> =>
  Option.flatMap(decodeBare(record), (meta) =>
    Option.map(id(meta.id), (threadId): SessionMeta => ({
      id: threadId,
      sessionId: threadId,
      forkedFromId: null,
      parentThreadId: null,
      timestamp: meta.timestamp,
      cwd: null,
      originator: null,
      cliVersion: "0.0.0",
      source: "cli",
      threadSource: null,
      agentNickname: null,
      agentRole: null,
      modelProvider: null,
      git: gitInfo(meta.git),
      historyMode: "legacy",
      historyBase: null,
      payload: record
    }))
  )

/** What is to change of a thread's repository: what it leaves out stays, null clears. */
export interface GitUpdate {
  readonly sha?: string | null | undefined
  readonly branch?: string | null | undefined
  readonly originUrl?: string | null | undefined
}

/** The payload of a later line that says the same of the session, but for its repository. */
export const payloadWithGit = (meta: SessionMeta, update: GitUpdate): JsonRecord => {
  const now = (change: string | null | undefined, before: string | undefined | null) =>
    change === undefined ? (before ?? null) : change
  const git = {
    commit_hash: now(update.sha, meta.git?.sha),
    branch: now(update.branch, meta.git?.branch),
    repository_url: now(update.originUrl, meta.git?.originUrl)
  }
  return {
    // A bare first line has none of these, and a `session_meta` line must.
    cwd: meta.cwd ?? "",
    originator: meta.originator ?? "",
    cli_version: meta.cliVersion,
    ...meta.payload,
    // An object also when nothing is left in it: Codex takes a line without one for one that does not say.
    git: Object.fromEntries(Object.entries(git).filter(([, value]) => value !== null))
  }
}

/** The session after a later `session_meta` line of its own, which may name another repository and changes nothing else. */
export const restated = (meta: SessionMeta, later: SessionMeta): SessionMeta => {
  const git = own(later.payload, "git")
  return later.id === meta.id && isRecord(git) ? { ...meta, git: later.git, payload: { ...meta.payload, git } } : meta
}

const text = (record: JsonRecord, key: string): string | null => {
  const value = own(record, key)
  return typeof value === "string" ? value : null
}

const subAgentSource = (source: unknown): SubAgentSource | null => {
  if (source === "review" || source === "compact" || source === "memory_consolidation") return source
  if (!isRecord(source)) return null
  const spawn = own(source, "thread_spawn")
  if (isRecord(spawn)) {
    const depth = own(spawn, "depth")
    return {
      thread_spawn: {
        parent_thread_id: text(spawn, "parent_thread_id") ?? "",
        depth: typeof depth === "number" ? depth : 0,
        agent_path: text(spawn, "agent_path"),
        agent_nickname: text(spawn, "agent_nickname"),
        agent_role: text(spawn, "agent_role")
      }
    }
  }
  const other = text(source, "other")
  return other === null ? null : { other }
}

/** Maps the source as rollouts spell it to the protocol's; what is not known is `unknown`, what is absent `vscode`. */
export const sessionSource = (source: unknown): SessionSource => {
  if (source === undefined || source === null) return "vscode"
  if (source === "cli" || source === "vscode" || source === "exec") return source
  if (source === "mcp") return "appServer"
  if (!isRecord(source)) return "unknown"
  const custom = text(source, "custom")
  if (custom !== null) return { custom }
  const subAgent = subAgentSource(own(source, "subagent"))
  return subAgent === null ? "unknown" : { subAgent }
}
