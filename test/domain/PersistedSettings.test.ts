/**
 * Settings as rollouts keep them, and what is read back of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as PersistedSettings from "../../src/domain/PersistedSettings.ts"
import {
  defaults,
  type SandboxPolicy,
  sandboxPolicy,
  type SettingsSource,
  type ThreadSettings
} from "../../src/domain/ThreadSettings.ts"
import { event, readLines, script, type Step } from "../support/Script.ts"

const settings: ThreadSettings = {
  ...defaults("/w"),
  model: "m",
  modelProvider: "p",
  serviceTier: "fast",
  approvalPolicy: "never",
  approvalsReviewer: "user",
  reasoningEffort: "low"
}
const special = (kind: string) => ({ type: "special", value: { kind } })
const managed = (entries: ReadonlyArray<object>, network: string) => ({
  type: "managed",
  file_system: {
    type: "restricted",
    entries: [{ path: special("root"), access: "read" }, ...entries.map((path) => ({ path, access: "write" }))]
  },
  network
})
const workspace = (fields: object): SandboxPolicy => {
  const policy = sandboxPolicy("workspace-write")
  return policy.type === "workspaceWrite" ? { ...policy, ...fields } : assert.fail("another policy")
}

/** Every kind of sandbox: as a profile, and as the policy of a turn. */
const sandboxes: ReadonlyArray<readonly [SandboxPolicy, object, object]> = [
  [{ type: "dangerFullAccess" }, { type: "disabled" }, { type: "danger-full-access" }],
  [sandboxPolicy("read-only"), managed([], "restricted"), { type: "read-only" }],
  [
    { type: "readOnly", access: { type: "fullAccess" }, networkAccess: true },
    managed([], "enabled"),
    { type: "read-only", network_access: true }
  ],
  [
    { type: "externalSandbox", networkAccess: "enabled" },
    { type: "external", network: "enabled" },
    { type: "external-sandbox", network_access: "enabled" }
  ],
  [
    workspace({ writableRoots: ["/a"], networkAccess: true }),
    managed(
      [special("project_roots"), { type: "path", path: "/a" }, special("slash_tmp"), special("tmpdir")],
      "enabled"
    ),
    {
      type: "workspace-write",
      writable_roots: ["/a"],
      network_access: true,
      exclude_tmpdir_env_var: false,
      exclude_slash_tmp: false
    }
  ],
  [
    workspace({ excludeSlashTmp: true, excludeTmpdirEnvVar: true }),
    managed([special("project_roots")], "restricted"),
    {
      type: "workspace-write",
      writable_roots: [],
      network_access: false,
      exclude_tmpdir_env_var: true,
      exclude_slash_tmp: true
    }
  ]
]

/** What a rollout with these lines remembers. */
const remembered = (...steps: ReadonlyArray<Step>) =>
  readLines(script(steps).build().content).reduce<SettingsSource>(
    (before, { line }) => (line === null ? before : PersistedSettings.step(before, line)),
    {}
  )
const applied = (thread_settings: object) => event("thread_settings_applied", { thread_settings })

const mode = (effort: string | null) => ({
  mode: "default",
  settings: { model: "m", reasoning_effort: effort, developer_instructions: null }
})

describe("settings of a thread", () => {
  it("are written whole, but for what there is none of", () => {
    const whole = {
      model: "m",
      model_provider_id: "p",
      service_tier: "fast",
      approval_policy: "never",
      approvals_reviewer: "user",
      permission_profile: managed([], "restricted"),
      cwd: "/w",
      runtime_workspace_roots: ["/w"],
      reasoning_effort: "low",
      collaboration_mode: mode("low")
    }
    assert.deepStrictEqual<object>(PersistedSettings.toRollout(settings), whole)
    const less = Object.fromEntries(
      Object.entries(whole).filter(([key]) => key !== "reasoning_effort" && key !== "service_tier")
    )
    assert.deepStrictEqual<object>(
      PersistedSettings.toRollout({ ...settings, serviceTier: null, reasoningEffort: null }),
      { ...less, collaboration_mode: mode(null) }
    )
  })

  it("are read back as they were, with every sandbox", () => {
    for (const [sandbox, profile] of sandboxes) {
      const written = PersistedSettings.toRollout({ ...settings, sandbox })
      assert.deepStrictEqual<unknown>(written["permission_profile"], profile)
      const { modelContextWindow } = settings
      assert.deepStrictEqual<object>({ ...remembered(applied(written)), modelContextWindow }, { ...settings, sandbox })
    }
  })

  it("that a line leaves out are as before, unless the line is whole", () => {
    const before = applied({ model: "m", service_tier: "fast", reasoning_effort: "low", cwd: "/w" })
    assert.deepInclude<object>(remembered(before, applied({ cwd: "/x" })), {
      model: "m",
      serviceTier: "fast",
      reasoningEffort: "low",
      cwd: "/x"
    })
    assert.deepInclude<object>(remembered(before, applied({ model: "n" })), {
      model: "n",
      serviceTier: null,
      reasoningEffort: null,
      cwd: "/w"
    })
    assert.deepStrictEqual(
      remembered(before, event("thread_settings_applied", { thread_settings: 7 })),
      remembered(before)
    )
  })

  it("have the effort of the collaboration mode where they name none", () => {
    const effort = (fields: object) => remembered(applied({ model: "m", ...fields }))
    const collaboration_mode = { settings: { reasoning_effort: "high" } }
    assert.deepInclude<object>(effort({ collaboration_mode }), { reasoningEffort: "high" })
    assert.deepInclude<object>(effort({ collaboration_mode, reasoning_effort: "low" }), { reasoningEffort: "low" })
    assert.deepInclude<object>(effort({ collaboration_mode: { settings: 7 } }), { reasoningEffort: null })
    assert.deepInclude<object>(effort({ collaboration_mode: 7 }), { reasoningEffort: null })
  })

  it("have no sandbox that is not understood", () => {
    const sandbox = (permission_profile: unknown) => {
      const { sandbox } = remembered(applied({ model: "m", cwd: "/w", permission_profile }))
      return sandbox
    }
    for (const none of [undefined, 7, {}, { type: "new" }]) assert.strictEqual(sandbox(none), undefined)
    const readOnly = sandboxPolicy("read-only")
    const entries = (...all: ReadonlyArray<unknown>) => sandbox({ type: "managed", file_system: { entries: all } })
    assert.deepStrictEqual(sandbox({ type: "managed" }), readOnly)
    assert.deepStrictEqual(sandbox({ type: "managed", file_system: { entries: 7 } }), readOnly)
    assert.deepStrictEqual(entries({ path: { path: "/a" }, access: "read" }, 7), readOnly)
    assert.deepStrictEqual(entries({ path: "/a", access: "write" }, { path: {}, access: "write" }), readOnly)
    assert.deepStrictEqual(
      entries({ path: { path: "/a" }, access: "write" }, { path: { path: "/w" }, access: "write" }),
      workspace({ writableRoots: ["/a"], excludeSlashTmp: true, excludeTmpdirEnvVar: true })
    )
    assert.deepStrictEqual(sandbox({ type: "external", network: "restricted" }), {
      type: "externalSandbox",
      networkAccess: "restricted"
    })
  })
})

describe("settings of a turn", () => {
  const turnId = TurnId.make("T1")

  it("are written with the policy of its sandbox", () => {
    for (const [sandbox, permission_profile, sandbox_policy] of sandboxes) {
      assert.deepStrictEqual<object>(PersistedSettings.turnContext(turnId, { ...settings, sandbox }), {
        turn_id: "T1",
        root_turn_id: "T1",
        cwd: "/w",
        approval_policy: "never",
        approvals_reviewer: "user",
        sandbox_policy,
        permission_profile,
        model: "m",
        effort: "low",
        summary: "auto",
        collaboration_mode: mode("low")
      })
    }
    const { effort, ...rest } = PersistedSettings.turnContext(turnId, { ...settings, reasoningEffort: null })
    assert.isUndefined(effort)
    assert.deepInclude<object>(rest, { collaboration_mode: mode(null) })
  })

  it("hold for the model and its effort, and for who approves until a line of the thread's own says so", () => {
    const context: Step = (builder) =>
      builder.line("turn_context", { ...PersistedSettings.turnContext(turnId, { ...settings, cwd: "/turn" }) })
    assert.deepStrictEqual<object>(
      Object.fromEntries(Object.entries(remembered(context)).filter(([, value]) => value !== undefined)),
      { model: "m", reasoningEffort: "low", approvalPolicy: "never", approvalsReviewer: "user" }
    )
    const own = applied({ model: "n", approval_policy: "on-request", approvals_reviewer: "other" })
    assert.deepInclude<object>(remembered(own, context), {
      model: "m",
      reasoningEffort: "low",
      approvalPolicy: "on-request",
      approvalsReviewer: "other"
    })
  })

  it("begin with what the thread's first line says", () => {
    const meta = script([]).build().content
    const [first] = readLines(meta)
    if (first?.line?.record._tag !== "SessionMeta") return assert.fail("no session_meta")
    const id = ThreadId.make(first.line.record.meta.id)
    const { meta: found } = first.line.record
    assert.deepStrictEqual(PersistedSettings.initial({ ...found, id, cwd: "/c", modelProvider: "q" }), {
      cwd: "/c",
      modelProvider: "q"
    })
    assert.deepStrictEqual(PersistedSettings.initial({ ...found, id, cwd: null, modelProvider: null }), {
      cwd: undefined,
      modelProvider: undefined
    })
  })
})
