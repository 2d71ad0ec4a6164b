import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { absolutePath } from "../../src/domain/AbsolutePath.ts"
import type { JsonRecord } from "../../src/domain/Json.ts"
import * as PersistedSettings from "../../src/domain/PersistedSettings.ts"
import {
  ApprovalPolicy,
  defaults,
  resolve,
  SandboxPolicy,
  sandboxPolicy,
  type SettingsSource,
  type ThreadSettings
} from "../../src/domain/ThreadSettings.ts"
import { event, metaOf, readLines, script, type Step } from "../support/Script.ts"

/** The settings that these lines leave behind. */
const remembered = (steps: ReadonlyArray<Step>): SettingsSource => {
  const lines = readLines(script(steps, { cwd: "/meta", modelProvider: "meta-provider" }).build().bytes)
  return lines.reduce(
    (settings, { line }) => (line === null ? settings : PersistedSettings.step(settings, line)),
    PersistedSettings.initial(metaOf(lines))
  )
}

const applied = (settings: JsonRecord): Step => event("thread_settings_applied", { thread_settings: settings })
const turnContext =
  (fields: JsonRecord): Step =>
  (builder) =>
    builder.line("turn_context", {
      cwd: "/turn",
      approval_policy: "never",
      sandbox_policy: { type: "danger-full-access" },
      model: "turn-model",
      summary: "auto",
      ...fields
    })

describe("resolve", () => {
  const base = defaults("/server")

  it("without sources there are the defaults", () => {
    assert.deepStrictEqual(resolve([], base), base)
    assert.strictEqual(base.cwd, "/server")
  })

  it("the first source that names a setting decides it, each setting by itself", () => {
    const settings = resolve([{ model: "a" }, { model: "b", cwd: "/b" }, { cwd: "/c", reasoningEffort: "low" }], base)
    assert.deepStrictEqual(settings, { ...base, model: "a", cwd: "/b", reasoningEffort: "low" })
  })

  it("undefined leaves it to the next, null decides", () => {
    const settings = resolve(
      [
        { model: undefined, reasoningEffort: null },
        { model: "b", reasoningEffort: "high" }
      ],
      base
    )
    assert.strictEqual(settings.model, "b")
    assert.isNull(settings.reasoningEffort)
  })
})

describe("what a rollout remembers", () => {
  it("begins with the first line", () => {
    assert.deepStrictEqual(remembered([]), { cwd: "/meta", modelProvider: "meta-provider" })
  })

  it("a turn's context counts for the model, its effort, and who approves what", () => {
    assert.deepStrictEqual(remembered([turnContext({ effort: "high", approvals_reviewer: "auto_review" })]), {
      cwd: "/meta",
      modelProvider: "meta-provider",
      model: "turn-model",
      reasoningEffort: "high",
      approvalPolicy: "never",
      approvalsReviewer: "auto_review"
    })
  })

  it("the last turn decides: one without an effort has none, one that names no reviewer keeps the one before", () => {
    const settings = remembered([
      turnContext({ effort: "high", approvals_reviewer: "auto_review" }),
      turnContext({ model: "second", effort: null, approval_policy: "untrusted" })
    ])
    assert.deepStrictEqual(
      [settings.model, settings.reasoningEffort, settings.approvalPolicy, settings.approvalsReviewer],
      ["second", null, "untrusted", "auto_review"]
    )
  })

  it("once a settings line was written, no turn decides who approves what, before it or after", () => {
    const line = applied({ model: "m", cwd: "/w", approval_policy: "on-request", approvals_reviewer: "user" })
    const turn = turnContext({ approval_policy: "never", approvals_reviewer: "auto_review" })
    for (const steps of [
      [line, turn],
      [turn, line],
      [turn, line, turn]
    ]) {
      const settings = remembered(steps)
      assert.deepStrictEqual([settings.approvalPolicy, settings.approvalsReviewer], ["on-request", "user"])
    }
  })

  it("a policy of a turn that is none is not taken", () => {
    assert.isUndefined(remembered([turnContext({ approval_policy: "sometimes" })]).approvalPolicy)
    const granular = { granular: { rules: true } }
    assert.deepStrictEqual(remembered([turnContext({ approval_policy: granular })]).approvalPolicy, granular)
  })

  it("applied settings say everything: no tier and no effort where they name none; of parts, the rest stays", () => {
    const settings = remembered([
      applied({ model: "m", model_provider_id: "p", cwd: "/w", approval_policy: "never" }),
      applied({ service_tier: "fast", permission_profile: { type: "disabled" } })
    ])
    assert.deepStrictEqual(settings, {
      cwd: "/w",
      model: "m",
      modelProvider: "p",
      approvalPolicy: "never",
      serviceTier: "fast",
      reasoningEffort: null,
      sandbox: { type: "dangerFullAccess" }
    })
  })

  it("the effort may stand in the collaboration mode", () => {
    const mode = { mode: "default", settings: { model: "m", reasoning_effort: "medium" } }
    assert.strictEqual(remembered([applied({ collaboration_mode: mode })]).reasoningEffort, "medium")
  })

  it("what is not understood changes nothing", () => {
    for (const settings of [{}, { model: 5, approval_policy: "maybe", permission_profile: { type: "future" } }]) {
      assert.deepStrictEqual(remembered([applied(settings)]), remembered([]))
    }
    assert.deepStrictEqual(remembered([event("thread_settings_applied", { thread_settings: "none" })]), remembered([]))
  })

  it("Codex's profile of a writable workspace is read as one", () => {
    const place = (kind: string) => ({ path: { type: "special", value: { kind } }, access: "write" })
    const at = (path: string, access: string) => ({ path: { type: "path", path }, access })
    const entries = [
      { path: { type: "special", value: { kind: "root" } }, access: "read" },
      at("/w", "write"),
      at("/also", "write"),
      place("slash_tmp"),
      at("/w/.git", "read")
    ]
    const profile = { type: "managed", file_system: { type: "restricted", entries }, network: "enabled" }
    assert.deepStrictEqual(remembered([applied({ cwd: "/w", permission_profile: profile })]).sandbox, {
      type: "workspaceWrite",
      writableRoots: ["/also"],
      readOnlyAccess: { type: "fullAccess" },
      networkAccess: true,
      excludeTmpdirEnvVar: true,
      excludeSlashTmp: false
    })
  })
})

const Settings = Schema.Struct({
  model: Schema.String,
  modelProvider: Schema.String,
  serviceTier: Schema.NullOr(Schema.String),
  cwd: Schema.String,
  approvalPolicy: ApprovalPolicy,
  approvalsReviewer: Schema.String,
  sandbox: SandboxPolicy,
  reasoningEffort: Schema.NullOr(Schema.String)
})

describe("writing and reading settings", () => {
  it.prop("gives the same settings", { settings: Arbitrary.schema(Settings) }, ({ settings }) => {
    const { cwd, sandbox } = settings
    // The working directory is writable without being named.
    const named =
      sandbox.type === "workspaceWrite"
        ? { ...sandbox, writableRoots: sandbox.writableRoots.filter((root) => root !== cwd) }
        : sandbox
    const written: ThreadSettings = { ...settings, sandbox: named, modelContextWindow: null }
    const read = remembered([applied(PersistedSettings.toRollout(written))])
    // None is a setting too: it is read as one.
    const base = { ...defaults("/"), serviceTier: "other", reasoningEffort: "other" }
    assert.deepStrictEqual(resolve([read], base), { ...written, cwd: absolutePath("/", cwd) })
  })

  for (const mode of ["read-only", "workspace-write", "danger-full-access"] as const) {
    it(`keeps ${mode}`, () => {
      const written = { ...defaults("/w"), sandbox: sandboxPolicy(mode) }
      assert.deepStrictEqual(remembered([applied(PersistedSettings.toRollout(written))]).sandbox, sandboxPolicy(mode))
    })
  }
})
