/**
 * The settings that a thread runs under, and the order in which their sources are asked.
 */
import { Schema } from "effect"
import { absolutePath } from "./AbsolutePath.ts"

const approvalPolicy = Schema.Union([
  Schema.Literals(["untrusted", "on-failure", "on-request", "never"]),
  Schema.Struct({ granular: Schema.Record(Schema.String, Schema.Boolean) })
])
type ApprovalPolicyStruct = typeof approvalPolicy
/** The schema by its name, which is all that declarations print of it. */
export interface ApprovalPolicySchema extends ApprovalPolicyStruct {}
/** When the agent asks before it acts; the protocol's word, or its `granular` object. */
export const ApprovalPolicy: ApprovalPolicySchema = approvalPolicy
export type ApprovalPolicy = typeof ApprovalPolicy.Type

/** The sandbox by name, as requests and `config.toml` give it. */
export const SandboxMode = Schema.Literals(["read-only", "workspace-write", "danger-full-access"])
export type SandboxMode = typeof SandboxMode.Type

/** Older clients require this beside a sandbox policy; it always grants reading. */
const fullAccess = Schema.Struct({ type: Schema.Literal("fullAccess") })

const spelledOut = Schema.Union([
  Schema.Struct({ type: Schema.Literal("dangerFullAccess") }),
  Schema.Struct({ type: Schema.Literal("readOnly"), access: fullAccess, networkAccess: Schema.Boolean }),
  Schema.Struct({
    type: Schema.Literal("externalSandbox"),
    networkAccess: Schema.Literals(["restricted", "enabled"])
  }),
  Schema.Struct({
    type: Schema.Literal("workspaceWrite"),
    writableRoots: Schema.Array(Schema.String),
    readOnlyAccess: fullAccess,
    networkAccess: Schema.Boolean,
    excludeTmpdirEnvVar: Schema.Boolean,
    excludeSlashTmp: Schema.Boolean
  })
])
type SandboxPolicyStruct = typeof spelledOut
/** The schema by its name, which is all that declarations print of it. */
export interface SandboxPolicySchema extends SandboxPolicyStruct {}
/** What commands may touch, as the protocol spells it out (0.169, with the fields that 0.122 clients need). */
export const SandboxPolicy: SandboxPolicySchema = spelledOut
export type SandboxPolicy = typeof SandboxPolicy.Type

const threadSettings = Schema.Struct({
  model: Schema.String,
  modelProvider: Schema.String,
  serviceTier: Schema.NullOr(Schema.String),
  cwd: Schema.String,
  approvalPolicy: ApprovalPolicy,
  approvalsReviewer: Schema.String,
  sandbox: SandboxPolicy,
  reasoningEffort: Schema.NullOr(Schema.String),
  /** Context window of the model in tokens where configuration names one; null otherwise. */
  modelContextWindow: Schema.NullOr(Schema.BigInt)
})
type ThreadSettingsStruct = typeof threadSettings
/** The schema by its name, which is all that declarations print of it. */
export interface ThreadSettingsSchema extends ThreadSettingsStruct {}
/** Everything that a thread needs to run, decided. */
export const ThreadSettings: ThreadSettingsSchema = threadSettings
export type ThreadSettings = typeof ThreadSettings.Type

/** One source's say: what it does not name is left to the next source. */
export type SettingsSource = { readonly [K in keyof ThreadSettings]?: ThreadSettings[K] | undefined }

/** The policy that a sandbox mode stands for, with Codex's defaults. */
export const sandboxPolicy = (mode: SandboxMode): SandboxPolicy => {
  switch (mode) {
    case "danger-full-access":
      return { type: "dangerFullAccess" }
    case "read-only":
      return { type: "readOnly", access: { type: "fullAccess" }, networkAccess: false }
    case "workspace-write":
      return {
        type: "workspaceWrite",
        writableRoots: [],
        readOnlyAccess: { type: "fullAccess" },
        networkAccess: false,
        excludeTmpdirEnvVar: false,
        excludeSlashTmp: false
      }
  }
}

/** The policy of a permission profile that Codex has built in; undefined for a profile of any other name. */
export const sandboxOfProfile = (id: string): SandboxPolicy | undefined =>
  permissionProfiles.filter((one) => one.id === id).map(({ mode }) => sandboxPolicy(mode))[0]

/** The permission profiles that Codex has built in, in the order in which they are listed. */
export const permissionProfiles: ReadonlyArray<{ readonly id: string; readonly mode: SandboxMode }> = [
  { id: ":read-only", mode: "read-only" },
  { id: ":workspace", mode: "workspace-write" },
  { id: ":danger-full-access", mode: "danger-full-access" }
]

/** What holds when nobody says otherwise (docs/codex.md, "Settings"). `cwd` is the server's own. */
export const defaults = (cwd: string): ThreadSettings => ({
  model: "gpt-5.4",
  modelProvider: "openai",
  serviceTier: null,
  cwd,
  approvalPolicy: "on-request",
  approvalsReviewer: "user",
  sandbox: sandboxPolicy("read-only"),
  reasoningEffort: null,
  modelContextWindow: null
})

/**
 * Asks the sources in turn (the first that names a setting decides it): request, thread, configuration; then `base`, from
 * whose `cwd` a relative one is seen.
 */
export const resolve = (sources: ReadonlyArray<SettingsSource>, base: ThreadSettings): ThreadSettings => {
  const pick = <K extends keyof ThreadSettings>(key: K): ThreadSettings[K] => {
    for (const source of sources) {
      const value = source[key]
      if (value !== undefined) return value
    }
    return base[key]
  }
  return {
    model: pick("model"),
    modelProvider: pick("modelProvider"),
    serviceTier: pick("serviceTier"),
    cwd: absolutePath(base.cwd, pick("cwd")),
    approvalPolicy: pick("approvalPolicy"),
    approvalsReviewer: pick("approvalsReviewer"),
    sandbox: pick("sandbox"),
    reasoningEffort: pick("reasoningEffort"),
    modelContextWindow: pick("modelContextWindow")
  }
}
