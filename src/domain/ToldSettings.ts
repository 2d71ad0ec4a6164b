/**
 * A thread's settings as clients are told of them: members and key order of 0.169; of what no setting stands for, its
 * default. The permission profile is the one that the sandbox amounts to.
 */
import { Equal, Schema } from "effect"
import {
  ApprovalPolicy,
  permissionProfiles,
  SandboxPolicy,
  sandboxPolicy,
  type ThreadSettings
} from "./ThreadSettings.ts"

/** Settings in the protocol's shape (`ThreadSettings`). */
export const ToldSettings = Schema.Struct({
  disabledPluginIds: Schema.Array(Schema.String),
  cwd: Schema.String,
  environments: Schema.Array(
    Schema.Struct({
      environmentId: Schema.String,
      cwd: Schema.String,
      runtimeWorkspaceRoots: Schema.Array(Schema.String)
    })
  ),
  approvalPolicy: ApprovalPolicy,
  approvalsReviewer: Schema.String,
  sandboxPolicy: SandboxPolicy,
  activePermissionProfile: Schema.NullOr(Schema.Struct({ id: Schema.String, extends: Schema.Null })),
  model: Schema.String,
  modelProvider: Schema.String,
  serviceTier: Schema.NullOr(Schema.String),
  effort: Schema.NullOr(Schema.String),
  summary: Schema.Null,
  collaborationMode: Schema.Struct({
    mode: Schema.Literal("default"),
    settings: Schema.Struct({
      model: Schema.String,
      reasoning_effort: Schema.NullOr(Schema.String),
      developer_instructions: Schema.Null
    })
  }),
  multiAgentMode: Schema.Literal("explicitRequestOnly"),
  personality: Schema.Null
})
export type ToldSettings = typeof ToldSettings.Type

// A terminal client that chose a profile waits until it is told of it.
const profileOf = (sandbox: SandboxPolicy): ToldSettings["activePermissionProfile"] => {
  const profile = permissionProfiles.find(({ mode }) => Equal.equals(sandboxPolicy(mode), sandbox))
  return profile === undefined ? null : { id: profile.id, extends: null }
}

/** The settings, told. */
export const told = (settings: ThreadSettings): ToldSettings => ({
  disabledPluginIds: [],
  cwd: settings.cwd,
  environments: [{ environmentId: "local", cwd: settings.cwd, runtimeWorkspaceRoots: [settings.cwd] }],
  approvalPolicy: settings.approvalPolicy,
  approvalsReviewer: settings.approvalsReviewer,
  sandboxPolicy: settings.sandbox,
  activePermissionProfile: profileOf(settings.sandbox),
  model: settings.model,
  modelProvider: settings.modelProvider,
  serviceTier: settings.serviceTier,
  effort: settings.reasoningEffort,
  summary: null,
  collaborationMode: {
    mode: "default",
    settings: { model: settings.model, reasoning_effort: settings.reasoningEffort, developer_instructions: null }
  },
  multiAgentMode: "explicitRequestOnly",
  personality: null
})
