/**
 * The settings that a rollout remembers: what a thread runs under when a resume does not say otherwise.
 *
 * Source: docs/codex.md, "Settings": `thread_settings_applied` says everything. The last `turn_context` counts for the
 * model and its effort, and where no settings line was ever written for who approves what; its other fields hold for that
 * turn alone.
 */
import { Option, Schema } from "effect"
import type { TurnId } from "./Ids.ts"
import { isRecord, type JsonRecord, own } from "./Json.ts"
import type { RolloutLine, TurnContext } from "./RolloutLine.ts"
import type { SessionMeta } from "./SessionMeta.ts"
import {
  ApprovalPolicy,
  type SandboxPolicy,
  type SettingsSource,
  sandboxPolicy,
  type ThreadSettings
} from "./ThreadSettings.ts"

const decodeApproval = Schema.decodeUnknownOption(ApprovalPolicy)

const text = (record: JsonRecord, key: string): string | undefined => {
  const value = own(record, key)
  return typeof value === "string" ? value : undefined
}

/** Where an entry of a permission profile points: at a path, or at a place that has a name of its own. */
const placeOf = (entry: JsonRecord): { readonly path: string } | { readonly kind: string } | null => {
  const path = own(entry, "path")
  if (!isRecord(path)) return null
  const value = own(path, "value")
  const place = text(path, "path")
  if (place !== undefined) return { path: place }
  const kind = isRecord(value) ? text(value, "kind") : undefined
  return kind === undefined ? null : { kind }
}

/** A permission profile as the sandbox policy that it amounts to. `cwd` is writable without being named. */
const profile = (value: unknown, cwd: string | undefined): SandboxPolicy | undefined => {
  if (!isRecord(value)) return undefined
  const type = own(value, "type")
  if (type === "disabled") return sandboxPolicy("danger-full-access")
  const networkAccess = own(value, "network") === "enabled"
  if (type === "external") {
    return { type: "externalSandbox", networkAccess: networkAccess ? "enabled" : "restricted" }
  }
  if (type !== "managed") return undefined
  const files = own(value, "file_system")
  const entries = isRecord(files) ? own(files, "entries") : undefined
  const places = (Array.isArray(entries) ? entries : [])
    .filter(isRecord)
    .filter((entry) => own(entry, "access") === "write")
    .map(placeOf)
    .filter((place) => place !== null)
  if (places.length === 0) return { type: "readOnly", access: { type: "fullAccess" }, networkAccess }
  const kinds = new Set(places.map((place) => ("kind" in place ? place.kind : null)))
  return {
    type: "workspaceWrite",
    writableRoots: places.flatMap((place) => ("path" in place && place.path !== cwd ? [place.path] : [])),
    readOnlyAccess: { type: "fullAccess" },
    networkAccess,
    excludeTmpdirEnvVar: !kinds.has("tmpdir"),
    excludeSlashTmp: !kinds.has("slash_tmp")
  }
}

const applied = (settings: unknown): SettingsSource => {
  if (!isRecord(settings)) return {}
  const mode = own(settings, "collaboration_mode")
  const modeSettings = isRecord(mode) ? own(mode, "settings") : undefined
  const model = text(settings, "model")
  // One that names a model is whole: what may be left out of it is not there.
  const leftOut = model === undefined ? undefined : null
  return {
    model,
    modelProvider: text(settings, "model_provider_id"),
    serviceTier: text(settings, "service_tier") ?? leftOut,
    cwd: text(settings, "cwd"),
    approvalPolicy: Option.getOrUndefined(decodeApproval(own(settings, "approval_policy"))),
    approvalsReviewer: text(settings, "approvals_reviewer"),
    sandbox: profile(own(settings, "permission_profile"), text(settings, "cwd")),
    reasoningEffort:
      text(settings, "reasoning_effort") ??
      (isRecord(modeSettings) ? text(modeSettings, "reasoning_effort") : undefined) ??
      leftOut
  }
}

const over = (base: SettingsSource, next: SettingsSource): SettingsSource => ({
  ...base,
  ...Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined))
})

/** What the thread's own first line says. */
export const initial = (meta: SessionMeta): SettingsSource => ({
  cwd: meta.cwd ?? undefined,
  modelProvider: meta.modelProvider ?? undefined
})

/** A settings line names the service tier, if only to say that there is none; nothing else does. */
const hasSettingsLine = (settings: SettingsSource): boolean => settings.serviceTier !== undefined

const ofTurn = (context: TurnContext, settings: SettingsSource): SettingsSource => {
  const { approval_policy, approvals_reviewer, effort, model } = context
  const chosen = { model, reasoningEffort: effort ?? null }
  if (hasSettingsLine(settings)) return chosen
  return {
    ...chosen,
    approvalPolicy: Option.getOrUndefined(decodeApproval(approval_policy)),
    approvalsReviewer: typeof approvals_reviewer === "string" ? approvals_reviewer : undefined
  }
}

/** The fold, one line at a time: the settings after `line`, given those before it. */
export const step = (settings: SettingsSource, line: RolloutLine): SettingsSource => {
  const record = line.record
  switch (record._tag) {
    case "TurnContext":
      return over(settings, ofTurn(record.context, settings))
    case "Event":
      return record.event.type === "thread_settings_applied"
        ? over(settings, applied(record.event.thread_settings))
        : settings
    default:
      return settings
  }
}

const profileOf = (sandbox: SandboxPolicy): JsonRecord => {
  switch (sandbox.type) {
    case "dangerFullAccess":
      return { type: "disabled" }
    case "externalSandbox":
      return { type: "external", network: sandbox.networkAccess }
    case "readOnly":
      return managed([], sandbox.networkAccess)
    case "workspaceWrite": {
      const written = [
        special("project_roots"),
        ...sandbox.writableRoots.map((path) => ({ type: "path", path })),
        ...(sandbox.excludeSlashTmp ? [] : [special("slash_tmp")]),
        ...(sandbox.excludeTmpdirEnvVar ? [] : [special("tmpdir")])
      ]
      return managed(written, sandbox.networkAccess)
    }
  }
}

const special = (kind: string) => ({ type: "special", value: { kind } })

const managed = (written: ReadonlyArray<JsonRecord>, networkAccess: boolean): JsonRecord => ({
  type: "managed",
  file_system: {
    type: "restricted",
    entries: [{ path: special("root"), access: "read" }, ...written.map((path) => ({ path, access: "write" }))]
  },
  network: networkAccess ? "enabled" : "restricted"
})

/** Settings as `thread_settings_applied` writes them. */
export const toRollout = (settings: ThreadSettings): JsonRecord => ({
  model: settings.model,
  model_provider_id: settings.modelProvider,
  ...(settings.serviceTier === null ? {} : { service_tier: settings.serviceTier }),
  approval_policy: settings.approvalPolicy,
  approvals_reviewer: settings.approvalsReviewer,
  permission_profile: profileOf(settings.sandbox),
  cwd: settings.cwd,
  runtime_workspace_roots: [settings.cwd],
  ...(settings.reasoningEffort === null ? {} : { reasoning_effort: settings.reasoningEffort }),
  collaboration_mode: {
    mode: "default",
    settings: { model: settings.model, reasoning_effort: settings.reasoningEffort, developer_instructions: null }
  }
})

/** The settings of one turn as `turn_context` writes them. */
export const turnContext = (turnId: TurnId, settings: ThreadSettings): JsonRecord => ({
  turn_id: turnId,
  root_turn_id: turnId,
  cwd: settings.cwd,
  approval_policy: settings.approvalPolicy,
  approvals_reviewer: settings.approvalsReviewer,
  sandbox_policy: sandboxOf(settings.sandbox),
  permission_profile: profileOf(settings.sandbox),
  model: settings.model,
  ...(settings.reasoningEffort === null ? {} : { effort: settings.reasoningEffort }),
  summary: "auto",
  collaboration_mode: {
    mode: "default",
    settings: { model: settings.model, reasoning_effort: settings.reasoningEffort, developer_instructions: null }
  }
})

const sandboxOf = (sandbox: SandboxPolicy): JsonRecord => {
  switch (sandbox.type) {
    case "dangerFullAccess":
      return { type: "danger-full-access" }
    case "readOnly":
      return { type: "read-only", ...(sandbox.networkAccess ? { network_access: true } : {}) }
    case "externalSandbox":
      return { type: "external-sandbox", network_access: sandbox.networkAccess }
    case "workspaceWrite":
      return {
        type: "workspace-write",
        writable_roots: sandbox.writableRoots,
        network_access: sandbox.networkAccess,
        exclude_tmpdir_env_var: sandbox.excludeTmpdirEnvVar,
        exclude_slash_tmp: sandbox.excludeSlashTmp
      }
  }
}
