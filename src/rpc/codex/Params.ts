/**
 * What requests may carry: the params of 0.169, with what 0.122 sends besides (docs/codex.md, "Methods").
 *
 * Members that are not listed are ignored, as Codex does. Wherever Codex allows null, null means absent.
 */
import { Schema } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import { HistoryMode } from "../../domain/Thread.ts"
import type { UserInput } from "../../domain/ThreadItem.ts"
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

const SourceKinds = nullable(
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
)

export const ThreadListParams = Schema.Struct({
  cursor: Text,
  limit: Limit,
  excludedThreadIds: Strings,
  sortKey: nullable(Schema.Literals(["created_at", "updated_at", "recency_at", "section_position"])),
  sortDirection: nullable(SortDirection),
  modelProviders: Strings,
  sourceKinds: SourceKinds,
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

export const ThreadSearchParams = Schema.Struct({
  archived: Flag,
  currentAccountOnly: Schema.optionalKey(Schema.Boolean),
  cursor: Text,
  includeAttachedThreads: Schema.optionalKey(Schema.Boolean),
  limit: Limit,
  searchTerm: Schema.String,
  sortDirection: nullable(SortDirection),
  sortKey: nullable(Schema.Literals(["created_at", "updated_at", "recency_at"])),
  sourceKinds: SourceKinds
})
export type ThreadSearchParams = typeof ThreadSearchParams.Type

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

export const ThreadStartParams = Schema.Struct({
  ...overrides,
  personality: Text,
  ephemeral: Flag,
  historyMode: nullable(HistoryMode),
  threadSource: Text
})
export type ThreadStartParams = typeof ThreadStartParams.Type

// A client may leave out what has a default; here it gets it.
const InputText = Schema.Struct({
  type: Schema.Literal("text"),
  text: Schema.String,
  text_elements: nullable(Schema.Array(Schema.Unknown))
})
const InputImage = Schema.Struct({
  type: Schema.Literal("image"),
  url: Schema.optionalKey(Schema.String),
  fileId: Schema.optionalKey(Schema.String),
  detail: Text
})
const InputPath = Schema.Struct({ type: Schema.Literals(["localImage"]), path: Schema.String, detail: Text })
const InputAudio = Schema.Struct({
  type: Schema.Literal("audio"),
  url: Schema.optionalKey(Schema.String),
  fileId: Schema.optionalKey(Schema.String)
})
const InputLocalAudio = Schema.Struct({ type: Schema.Literal("localAudio"), path: Schema.String })
const InputNamed = Schema.Struct({
  type: Schema.Literals(["skill", "mention"]),
  name: Schema.String,
  path: Schema.String
})
/** What a user may send. */
export const Input = Schema.Array(
  Schema.Union([InputText, InputImage, InputPath, InputAudio, InputLocalAudio, InputNamed])
)

/** What a user sends, with what was left out filled in. */
export const userInput = (input: typeof Input.Type): ReadonlyArray<UserInput> =>
  input.map((part): UserInput => {
    switch (part.type) {
      case "text":
        return { type: "text", text: part.text, text_elements: part.text_elements ?? [] }
      case "image":
      case "localImage":
        return { ...part, detail: part.detail ?? null }
      case "audio":
      case "localAudio":
        return part
      case "skill":
      case "mention":
        return { type: part.type, name: part.name, path: part.path }
    }
  })

/** What commands may touch. What is left out has a default; what 0.122 says besides of reading is not looked at. */
export const SandboxPolicyParams = Schema.Union([
  Schema.Struct({ type: Schema.Literal("dangerFullAccess") }),
  Schema.Struct({ type: Schema.Literal("readOnly"), networkAccess: Schema.optionalKey(Schema.Boolean) }),
  Schema.Struct({
    type: Schema.Literal("externalSandbox"),
    networkAccess: Schema.optionalKey(Schema.Literals(["restricted", "enabled"]))
  }),
  Schema.Struct({
    type: Schema.Literal("workspaceWrite"),
    writableRoots: Schema.optionalKey(Schema.Array(Schema.String)),
    networkAccess: Schema.optionalKey(Schema.Boolean),
    excludeTmpdirEnvVar: Schema.optionalKey(Schema.Boolean),
    excludeSlashTmp: Schema.optionalKey(Schema.Boolean)
  })
])

/** The settings that hold from a turn on. */
const turnSettings = {
  cwd: Text,
  approvalPolicy: nullable(ApprovalPolicy),
  approvalsReviewer: Text,
  sandboxPolicy: nullable(SandboxPolicyParams),
  /** A permission profile by its id, in place of `sandboxPolicy`. */
  permissions: Text,
  model: Text,
  serviceTier: Text,
  effort: nullable(Schema.NonEmptyString),
  /** Its model and effort count before `model` and `effort`. */
  collaborationMode: nullable(
    Schema.Struct({
      mode: Schema.String,
      settings: Schema.Struct({ model: Schema.String, reasoning_effort: nullable(Schema.NonEmptyString) })
    })
  )
}

export const TurnStartParams = Schema.Struct({
  threadId: Schema.String,
  clientUserMessageId: Text,
  input: Input,
  ...turnSettings
})
export type TurnStartParams = typeof TurnStartParams.Type
export type TurnSettings = Omit<TurnStartParams, "threadId" | "clientUserMessageId" | "input">

/** Here a null `serviceTier` says something: none from now on. */
export const ThreadSettingsUpdateParams = Schema.Struct({ threadId: Schema.String, ...turnSettings })
export type ThreadSettingsUpdateParams = typeof ThreadSettingsUpdateParams.Type

export const TurnSteerParams = Schema.Struct({
  threadId: Schema.String,
  clientUserMessageId: Text,
  input: Input,
  expectedTurnId: Schema.String
})

export const TurnInterruptParams = Schema.Struct({ threadId: Schema.String, turnId: Schema.String })
export const ThreadRollbackParams = Schema.Struct({
  threadId: Schema.String,
  numTurns: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 }))
})
export const ThreadRevertParams = Schema.Struct({ threadId: Schema.String, beforeTurnId: Schema.String })
export const ThreadInjectItemsParams = Schema.Struct({
  threadId: Schema.String,
  items: Schema.Array(Schema.Unknown)
})
export const ThreadSetNameParams = Schema.Struct({ threadId: Schema.String, name: Schema.String })
export const ThreadMetadataUpdateParams = Schema.Struct({
  threadId: Schema.String,
  // Left out: it stays. Null: it is cleared.
  gitInfo: nullable(Schema.Struct({ sha: Text, branch: Text, originUrl: Text }))
})
export type ThreadMetadataUpdateParams = typeof ThreadMetadataUpdateParams.Type
export const ThreadIdParams = Schema.Struct({ threadId: Schema.String })
