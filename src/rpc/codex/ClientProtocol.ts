/**
 * What terminal clients ask beside the threads: the account, models, configuration, and lists of things that this server
 * has none of (docs/codex.md, "Terminal clients").
 *
 * Params and results are Codex's; both releases' clients read them. Only what a client may count on is listed.
 */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { ThreadId } from "../../domain/Ids.ts"
import { ApprovalPolicy, SandboxMode } from "../../domain/ThreadSettings.ts"
import { Turn } from "../../domain/Turn.ts"
import { WireError } from "./WireError.ts"

const Nullable = Schema.NullOr
const Text = Schema.String
const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Limit = optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 })))
const Nothing = Schema.Struct({})
/** There never is an entry. */
const None = Schema.Array(Schema.Never)

const AccountRead = Rpc.make("account/read", {
  payload: Nothing,
  success: Schema.Struct({
    account: Schema.Struct({ type: Schema.Literal("apiKey") }),
    userId: Schema.Null,
    requiresOpenaiAuth: Schema.Boolean,
    workspaceRouting: Schema.Null
  }),
  error: WireError
})

const CheckGovCloudRequirements = Rpc.make("account/bedrock/checkGovCloudRequirements", {
  payload: Nothing,
  success: Schema.Struct({ isGovCloud: Schema.Boolean, shouldWarn: Schema.Boolean }),
  error: WireError
})

/** A model as clients offer it; members that say "nothing special" are what clients of either release expect. */
const Model = Schema.Struct({
  id: Text,
  model: Text,
  upgrade: Schema.Null,
  upgradeInfo: Schema.Null,
  availabilityNux: Schema.Null,
  displayName: Text,
  description: Text,
  hidden: Schema.Boolean,
  supportedReasoningEfforts: Schema.Array(Schema.Struct({ reasoningEffort: Text, description: Text })),
  defaultReasoningEffort: Text,
  inputModalities: Schema.Array(Schema.Literals(["text", "image"])),
  supportsPersonality: Schema.Boolean,
  additionalSpeedTiers: None,
  serviceTiers: None,
  defaultServiceTier: Schema.Null,
  isDefault: Schema.Boolean
})
export type Model = typeof Model.Type

const ModelListParams = Schema.Struct({ cursor: optional(Text), limit: Limit })
const ModelList = Rpc.make("model/list", {
  payload: ModelListParams,
  success: Schema.Struct({ data: Schema.Array(Model), nextCursor: Nullable(Text) }),
  error: WireError
})

/** A provider without anything that may be a secret: headers and query parameters are never told. */
const ProviderView = Schema.Struct({
  name: Nullable(Text),
  base_url: Nullable(Text),
  env_key: Nullable(Text),
  env_key_instructions: Nullable(Text),
  wire_api: Text,
  request_max_retries: Nullable(Schema.Int),
  stream_max_retries: Nullable(Schema.Int),
  stream_idle_timeout_ms: Nullable(Schema.Int),
  requires_openai_auth: Schema.Boolean
})
export type ProviderView = typeof ProviderView.Type

/** The configuration in force, in the words of `config.toml`; null where it says nothing. */
const ConfigView = Schema.Struct({
  model: Nullable(Text),
  model_provider: Nullable(Text),
  model_context_window: Schema.Unknown,
  model_reasoning_effort: Nullable(Text),
  service_tier: Nullable(Text),
  approval_policy: Nullable(ApprovalPolicy),
  approvals_reviewer: Nullable(Text),
  sandbox_mode: Nullable(SandboxMode),
  sandbox_workspace_write: Nullable(
    Schema.Struct({
      writable_roots: Schema.Array(Text),
      network_access: Schema.Boolean,
      exclude_tmpdir_env_var: Schema.Boolean,
      exclude_slash_tmp: Schema.Boolean
    })
  ),
  model_providers: Schema.Record(Text, ProviderView)
})
export type ConfigView = typeof ConfigView.Type

const ConfigRead = Rpc.make("config/read", {
  payload: Nothing,
  success: Schema.Struct({ config: ConfigView, origins: Schema.Struct({}), layers: Schema.Null }),
  error: WireError
})

const ConfigRequirementsRead = Rpc.make("configRequirements/read", {
  payload: Nothing,
  success: Schema.Struct({ supportsIndependentSpeedModes: Schema.Boolean, requirements: Schema.Null }),
  error: WireError
})

const CollaborationModeList = Rpc.make("collaborationMode/list", {
  payload: Nothing,
  success: Schema.Struct({
    data: Schema.Array(
      Schema.Struct({ name: Text, mode: Schema.Literal("default"), model: Schema.Null, reasoning_effort: Schema.Null })
    )
  }),
  error: WireError
})

/** The directories that a list is about; the server's own when none is named. */
const DirectoriesParams = Schema.Struct({ cwds: optional(Schema.Array(Text)) })
export type DirectoriesParams = typeof DirectoriesParams.Type

const SkillsList = Rpc.make("skills/list", {
  payload: DirectoriesParams,
  success: Schema.Struct({ data: Schema.Array(Schema.Struct({ cwd: Text, skills: None, errors: None })) }),
  error: WireError
})

const HooksList = Rpc.make("hooks/list", {
  payload: DirectoriesParams,
  success: Schema.Struct({
    data: Schema.Array(Schema.Struct({ cwd: Text, hooks: None, warnings: None, errors: None }))
  }),
  error: WireError
})

const PluginInstalled = Rpc.make("plugin/installed", {
  payload: DirectoriesParams,
  success: Schema.Struct({ marketplaces: None, marketplaceLoadErrors: None }),
  error: WireError
})

const EmptyPage = Schema.Struct({ data: None, nextCursor: Schema.Null })

const McpServerStatusList = Rpc.make("mcpServerStatus/list", {
  payload: Nothing,
  success: EmptyPage,
  error: WireError
})

const PermissionProfileList = Rpc.make("permissionProfile/list", {
  payload: Nothing,
  success: Schema.Struct({
    data: Schema.Array(Schema.Struct({ id: Text, description: Schema.Null, allowed: Schema.Boolean })),
    nextCursor: Schema.Null
  }),
  error: WireError
})

const OfThread = Schema.Struct({ threadId: Text })

const ThreadGoalGet = Rpc.make("thread/goal/get", {
  payload: OfThread,
  success: Schema.Struct({ goal: Schema.Null }),
  error: WireError
})

const BackgroundTerminalsList = Rpc.make("thread/backgroundTerminals/list", {
  payload: OfThread,
  success: EmptyPage,
  error: WireError
})

const BackgroundTerminalsClean = Rpc.make("thread/backgroundTerminals/clean", {
  payload: OfThread,
  success: Nothing,
  error: WireError
})

const ShellCommand = Rpc.make("thread/shellCommand", { payload: OfThread, success: Nothing, error: WireError })

const ReviewStart = Rpc.make("review/start", {
  payload: OfThread,
  success: Schema.Struct({ turn: Turn, reviewThreadId: ThreadId }),
  error: WireError
})

const ConfigBatchWrite = Rpc.make("config/batchWrite", {
  payload: Nothing,
  success: Schema.Never,
  error: WireError
})

const ConfigValueWrite = Rpc.make("config/value/write", {
  payload: Nothing,
  success: Schema.Never,
  error: WireError
})

/** These methods. */
export class ClientProtocol extends RpcGroup.make(
  AccountRead,
  CheckGovCloudRequirements,
  ModelList,
  ConfigRead,
  ConfigRequirementsRead,
  CollaborationModeList,
  SkillsList,
  HooksList,
  PluginInstalled,
  McpServerStatusList,
  PermissionProfileList,
  ThreadGoalGet,
  BackgroundTerminalsList,
  BackgroundTerminalsClean,
  ShellCommand,
  ReviewStart,
  ConfigBatchWrite,
  ConfigValueWrite
) {}
