/**
 * The settings that a request asks for: its own members first, then the `config` object's keys.
 *
 * A `config` value of the wrong kind is refused by name; keys that this server has no use for are
 * ignored, as are instructions and personality, which no part of a restored history depends on.
 */
import { Effect, Option, Schema } from "effect"
import { exactInteger, type JsonRecord, own } from "../../domain/Json.ts"
import {
  ApprovalPolicy,
  permissionProfiles,
  SandboxMode,
  sandboxOfProfile,
  type SandboxPolicy,
  sandboxPolicy,
  type SettingsSource
} from "../../domain/ThreadSettings.ts"
import type { Overrides, SandboxPolicyParams, TurnSettings } from "./Params.ts"
import * as WireError from "./WireError.ts"

type Reader<A> = (value: unknown) => Option.Option<A>

const text: Reader<string> = Schema.decodeUnknownOption(Schema.String)
const approval: Reader<ApprovalPolicy> = Schema.decodeUnknownOption(ApprovalPolicy)
const sandbox: Reader<SandboxMode> = Schema.decodeUnknownOption(SandboxMode)
const count: Reader<bigint> = (value) => Option.fromUndefinedOr(exactInteger(value))

const at = <A>(
  config: JsonRecord,
  key: string,
  read: Reader<A>,
  expected: string
): Effect.Effect<A | undefined, WireError.WireError> => {
  const value = own(config, key)
  if (value === undefined || value === null) return Effect.undefined
  return Effect.mapError(Effect.fromOption(read(value)), () =>
    WireError.invalidParams(`config.${key}`, `Expected ${expected}`)
  )
}

/** The settings that an object of `config.toml` keys names. */
const fromConfig = Effect.fnUntraced(function* (config: JsonRecord) {
  const mode = yield* at(config, "sandbox_mode", sandbox, SandboxMode.literals.join(" | "))
  const source: SettingsSource = {
    model: yield* at(config, "model", text, "string"),
    modelProvider: yield* at(config, "model_provider", text, "string"),
    serviceTier: yield* at(config, "service_tier", text, "string"),
    approvalPolicy: yield* at(config, "approval_policy", approval, "untrusted | on-failure | on-request | never"),
    approvalsReviewer: yield* at(config, "approvals_reviewer", text, "string"),
    sandbox: mode === undefined ? undefined : sandboxPolicy(mode),
    reasoningEffort: yield* at(config, "model_reasoning_effort", text, "string"),
    modelContextWindow: yield* at(config, "model_context_window", count, "integer")
  }
  return source
})

/** The sandbox of a permission profile, which takes the place of a sandbox that is spelled out (`instead`). */
const fromProfile = (
  id: string | null | undefined,
  [instead, given]: readonly [string, unknown]
): Effect.Effect<SandboxPolicy | undefined, WireError.WireError> => {
  if (id === null || id === undefined) return Effect.undefined
  if (given !== null && given !== undefined) {
    return Effect.fail(WireError.refused("permissions", `\`permissions\` cannot be combined with \`${instead}\``))
  }
  const expected = permissionProfiles.map((one) => one.id).join(" | ")
  return Effect.mapError(Effect.fromOption(Option.fromUndefinedOr(sandboxOfProfile(id))), () =>
    WireError.invalidParams("permissions", `Expected ${expected}`)
  )
}

/** A sandbox policy with what was left out filled in. */
const fromPolicy = (given: typeof SandboxPolicyParams.Type): SandboxPolicy => {
  switch (given.type) {
    case "dangerFullAccess":
      return given
    case "readOnly":
      return { type: "readOnly", access: { type: "fullAccess" }, networkAccess: given.networkAccess ?? false }
    case "externalSandbox":
      return { type: "externalSandbox", networkAccess: given.networkAccess ?? "restricted" }
    case "workspaceWrite":
      return {
        type: "workspaceWrite",
        writableRoots: given.writableRoots ?? [],
        readOnlyAccess: { type: "fullAccess" },
        networkAccess: given.networkAccess ?? false,
        excludeTmpdirEnvVar: given.excludeTmpdirEnvVar ?? false,
        excludeSlashTmp: given.excludeSlashTmp ?? false
      }
  }
}

/** The settings that a turn, or an update of the settings, names. A collaboration mode decides model and effort. */
export const fromTurn = Effect.fnUntraced(function* (params: TurnSettings) {
  const profile = yield* fromProfile(params.permissions, ["sandboxPolicy", params.sandboxPolicy])
  const mode = params.collaborationMode?.settings
  const source: SettingsSource = {
    cwd: params.cwd ?? undefined,
    approvalPolicy: params.approvalPolicy ?? undefined,
    approvalsReviewer: params.approvalsReviewer ?? undefined,
    sandbox: params.sandboxPolicy ? fromPolicy(params.sandboxPolicy) : profile,
    model: mode?.model ?? params.model ?? undefined,
    serviceTier: params.serviceTier ?? undefined,
    reasoningEffort: mode ? (mode.reasoning_effort ?? null) : (params.effort ?? undefined)
  }
  return source
})

/** The settings that the params of start, resume or fork name. */
export const fromParams = Effect.fnUntraced(function* (params: Overrides) {
  const profile = yield* fromProfile(params.permissions, ["sandbox", params.sandbox])
  const config = yield* fromConfig(params.config ?? {})
  const source: SettingsSource = {
    ...config,
    model: params.model ?? config.model,
    modelProvider: params.modelProvider ?? config.modelProvider,
    serviceTier: params.serviceTier ?? config.serviceTier,
    cwd: params.cwd ?? undefined,
    approvalPolicy: params.approvalPolicy ?? config.approvalPolicy,
    approvalsReviewer: params.approvalsReviewer ?? config.approvalsReviewer,
    sandbox: params.sandbox ? sandboxPolicy(params.sandbox) : (profile ?? config.sandbox)
  }
  return source
})
