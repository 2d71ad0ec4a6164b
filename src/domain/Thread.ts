/**
 * A thread as clients see it, in the protocol's shape (`Thread` of 0.169, a superset of 0.122's).
 */
import { Schema } from "effect"
import { ThreadId } from "./Ids.ts"
import { Turn } from "./Turn.ts"

const Nullable = Schema.NullOr

/** What a thread does now. `notLoaded`: known, but not in this server's memory. */
export const ThreadStatus = Schema.Union([
  Schema.Struct({ type: Schema.Literal("notLoaded") }),
  Schema.Struct({ type: Schema.Literal("idle") }),
  Schema.Struct({ type: Schema.Literal("systemError") }),
  Schema.Struct({
    type: Schema.Literal("active"),
    activeFlags: Schema.Array(Schema.Literals(["waitingOnApproval", "waitingOnUserInput"]))
  })
])
export type ThreadStatus = typeof ThreadStatus.Type

/** Who runs a sub-agent thread, and for whom. */
export const SubAgentSource = Schema.Union([
  Schema.Literals(["review", "compact", "memory_consolidation"]),
  Schema.Struct({
    thread_spawn: Schema.Struct({
      parent_thread_id: Schema.String,
      depth: Schema.Finite,
      agent_path: Nullable(Schema.String),
      agent_nickname: Nullable(Schema.String),
      agent_role: Nullable(Schema.String)
    })
  }),
  Schema.Struct({ other: Schema.String })
])
export type SubAgentSource = typeof SubAgentSource.Type

/** What kind of program started the thread. */
export const SessionSource = Schema.Union([
  Schema.Literals(["cli", "vscode", "exec", "appServer", "unknown"]),
  Schema.Struct({ custom: Schema.String }),
  Schema.Struct({ subAgent: SubAgentSource })
])
export type SessionSource = typeof SessionSource.Type

/** The repository that the thread started in. */
export const GitInfo = Schema.Struct({
  sha: Nullable(Schema.String),
  branch: Nullable(Schema.String),
  originUrl: Nullable(Schema.String)
})
export type GitInfo = typeof GitInfo.Type

/** How the rollout keeps its history: event style (`legacy`) or items with ordinals (`paginated`). */
export const HistoryMode = Schema.Literals(["legacy", "paginated"])
export type HistoryMode = typeof HistoryMode.Type

const thread = Schema.Struct({
  id: ThreadId,
  environments: Nullable(Schema.Array(Schema.Unknown)),
  extra: Schema.Unknown,
  sessionId: Schema.String,
  forkedFromId: Nullable(Schema.String),
  attachedToThreadId: Nullable(Schema.String),
  parentThreadId: Nullable(Schema.String),
  /** The first thing that the user said, or empty. */
  preview: Schema.String,
  ephemeral: Schema.Boolean,
  section: Schema.Unknown,
  sectionEnteredAt: Nullable(Schema.Finite),
  projectId: Nullable(Schema.String),
  historyMode: HistoryMode,
  modelProvider: Schema.String,
  model: Nullable(Schema.String),
  reasoningEffort: Nullable(Schema.String),
  /** Unix seconds, all three. */
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  recencyAt: Nullable(Schema.Finite),
  status: ThreadStatus,
  /** The rollout's file; null for an ephemeral thread. */
  path: Nullable(Schema.String),
  cwd: Schema.String,
  cliVersion: Schema.String,
  originator: Nullable(Schema.String),
  source: SessionSource,
  canAcceptDirectInput: Nullable(Schema.Boolean),
  threadSource: Nullable(Schema.String),
  agentNickname: Nullable(Schema.String),
  agentRole: Nullable(Schema.String),
  gitInfo: Nullable(GitInfo),
  name: Nullable(Schema.String),
  daybreakEnabled: Nullable(Schema.Boolean),
  /** Filled for resume, fork and read with turns; empty elsewhere. */
  turns: Schema.Array(Turn)
})
type ThreadStruct = typeof thread
/** The schema by its name, which is all that declarations print of it. */
export interface ThreadSchema extends ThreadStruct {}
export const Thread: ThreadSchema = thread
export type Thread = typeof Thread.Type
