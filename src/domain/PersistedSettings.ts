/**
 * The settings that a rollout remembers: what a thread runs under when a resume does not say otherwise.
 *
 * Source: docs/codex.md, "Settings": `thread_settings_applied` says everything; a `turn_context`
 * counts for the model and its effort only, for its other fields hold for that turn alone.
 */
import { Option, Schema } from "effect"
import { isRecord, type JsonRecord, own } from "./Json.ts"
import type { RolloutLine } from "./RolloutLine.ts"
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

/** A permission profile as the sandbox policy that it amounts to. */
const profile = (value: unknown): SandboxPolicy | undefined => {
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
  const writable = (Array.isArray(entries) ? entries : [])
    .filter(isRecord)
    .filter((entry) => own(entry, "access") === "write")
  if (writable.length === 0) return { type: "readOnly", access: { type: "fullAccess" }, networkAccess }
  const paths = writable.flatMap((entry) => {
    const path = own(entry, "path")
    const place = isRecord(path) ? (own(path, "path") ?? own(path, "value")) : path
    return typeof place === "string" ? [place] : []
  })
  return {
    type: "workspaceWrite",
    writableRoots: paths,
    readOnlyAccess: { type: "fullAccess" },
    networkAccess,
    excludeTmpdirEnvVar: false,
    excludeSlashTmp: false
  }
}

const applied = (settings: unknown): SettingsSource => {
  if (!isRecord(settings)) return {}
  const mode = own(settings, "collaboration_mode")
  const modeSettings = isRecord(mode) ? own(mode, "settings") : undefined
  return {
    model: text(settings, "model"),
    modelProvider: text(settings, "model_provider_id"),
    serviceTier: text(settings, "service_tier"),
    cwd: text(settings, "cwd"),
    approvalPolicy: Option.getOrUndefined(decodeApproval(own(settings, "approval_policy"))),
    approvalsReviewer: text(settings, "approvals_reviewer"),
    sandbox: profile(own(settings, "permission_profile")),
    reasoningEffort:
      text(settings, "reasoning_effort") ??
      (isRecord(modeSettings) ? text(modeSettings, "reasoning_effort") : undefined)
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

/** The fold, one line at a time: the settings after `line`, given those before it. */
export const step = (settings: SettingsSource, line: RolloutLine): SettingsSource => {
  const record = line.record
  switch (record._tag) {
    case "TurnContext":
      return over(settings, { model: record.context.model, reasoningEffort: record.context.effort ?? undefined })
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
    case "workspaceWrite": {
      const written = sandbox.type === "workspaceWrite" ? sandbox.writableRoots : []
      const root = { path: { type: "special", value: { kind: "root" } }, access: "read" }
      const entries = [root, ...written.map((path) => ({ path: { type: "path", path }, access: "write" }))]
      return {
        type: "managed",
        file_system: { type: "restricted", entries },
        network: sandbox.networkAccess ? "enabled" : "restricted"
      }
    }
  }
}

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
