/**
 * What requests may carry: the params of 0.169, with what 0.122 sends besides (docs/codex.md, "Methods").
 *
 * Members that are not listed are ignored, as Codex does. Wherever Codex allows null, null means absent.
 */
import { Schema } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import { ApprovalPolicy, SandboxMode } from "../../domain/ThreadSettings.ts"
import { SortDirection } from "../../domain/TurnPage.ts"
import { TurnItemsView } from "../../domain/Turn.ts"

const nullable = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Text = nullable(Schema.String)
const Flag = nullable(Schema.Boolean)
const Strings = nullable(Schema.Array(Schema.String))

/** An unsigned 32-bit integer. */
const Limit = nullable(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 })))

export const InitializeParams = Schema.Struct({
  clientInfo: Schema.Struct({ name: Schema.String, title: Text, version: Schema.String }),
  capabilities: nullable(Schema.Struct({ experimentalApi: Flag, optOutNotificationMethods: Strings }))
})
export type InitializeParams = typeof InitializeParams.Type

/** The settings that a client may choose when it comes to a thread. */
const overrides = {
  model: Text,
  modelProvider: Text,
  serviceTier: Text,
  cwd: Text,
  runtimeWorkspaceRoots: Strings,
  approvalPolicy: nullable(ApprovalPolicy),
  approvalsReviewer: Text,
  sandbox: nullable(SandboxMode),
  permissions: Text,
  /** Flat or dotted keys of `config.toml`. */
  config: nullable(Schema.Record(Schema.String, Schema.Unknown)),
  baseInstructions: Text,
  developerInstructions: Text,
  persistExtendedHistory: Flag
}
export const Overrides = Schema.Struct(overrides)
export type Overrides = typeof Overrides.Type

export const ThreadResumeParams = Schema.Struct({
  threadId: Schema.String,
  history: nullable(Schema.Array(Schema.Unknown)),
  path: Text,
  ...overrides,
  personality: Text,
  excludeTurns: Flag,
  initialTurnsPage: nullable(
    Schema.Struct({ limit: Limit, sortDirection: nullable(SortDirection), itemsView: nullable(TurnItemsView) })
  )
})
export type ThreadResumeParams = typeof ThreadResumeParams.Type

export const ThreadForkParams = Schema.Struct({
  threadId: Schema.String,
  experimentalPredictionMode: Flag,
  lastTurnId: nullable(TurnId),
  beforeTurnId: nullable(TurnId),
  path: Text,
  ...overrides,
  ephemeral: Flag,
  attachToSource: Flag,
  threadSource: Text,
  excludeTurns: Flag
})
export type ThreadForkParams = typeof ThreadForkParams.Type

export const ThreadReadParams = Schema.Struct({ threadId: Schema.String, includeTurns: Flag })

export const ThreadListParams = Schema.Struct({
  cursor: Text,
  limit: Limit,
  excludedThreadIds: Strings,
  sortKey: nullable(Schema.Literals(["created_at", "updated_at", "recency_at", "section_position"])),
  sortDirection: nullable(SortDirection),
  modelProviders: Strings,
  sourceKinds: nullable(
    Schema.Array(
      Schema.Literals([
        "cli",
        "vscode",
        "exec",
        "appServer",
        "subAgent",
        "subAgentReview",
        "subAgentCompact",
        "subAgentThreadSpawn",
        "subAgentOther",
        "unknown"
      ])
    )
  ),
  originators: Strings,
  archived: Flag,
  sectionId: Text,
  projectId: Text,
  cwd: nullable(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  searchTerm: Text,
  parentThreadId: Text,
  ancestorThreadId: Text,
  attachedToThreadId: Text
})
export type ThreadListParams = typeof ThreadListParams.Type

export const ThreadLoadedListParams = Schema.Struct({ cursor: Text, limit: Limit })

export const ThreadTurnsListParams = Schema.Struct({
  threadId: Schema.String,
  cursor: Text,
  limit: Limit,
  sortDirection: nullable(SortDirection),
  itemsView: nullable(TurnItemsView)
})

export const ThreadItemsListParams = Schema.Struct({
  threadId: Schema.String,
  turnId: nullable(TurnId),
  cursor: nullable(
    Schema.Union([Schema.String, Schema.Struct({ type: Schema.Literal("item"), itemId: Schema.String })])
  ),
  limit: Limit,
  sortDirection: nullable(SortDirection)
})

export const ThreadUnsubscribeParams = Schema.Struct({ threadId: Schema.String })
