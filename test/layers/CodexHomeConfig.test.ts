import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { layer as codexHomeConfig } from "../../src/layers/codex-home/CodexHomeConfig.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"

const withConfig = <A, E>(
  text: string | null,
  body: (write: (text: string) => Effect.Effect<void>, home: string) => Effect.Effect<A, E, ServerConfig>,
  options: { readonly overrides?: ReadonlyArray<string>; readonly cwd?: string } = {}
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const home = yield* fs.makeTempDirectoryScoped({ prefix: "rethread-config-" })
    const write = (text: string) => Effect.orDie(fs.writeFileString(`${home}/config.toml`, text))
    if (text !== null) yield* write(text)
    return yield* Effect.provide(body(write, home), codexHomeConfig({ home, ...options }))
  }).pipe(Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)))

const settings = Effect.flatMap(ServerConfig, (config) => config.settings)
const warnings = Effect.flatMap(ServerConfig, (config) => config.warnings)
/** Without the settings that nobody names. */
const named = Effect.map(settings, (all) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
)

describe("CodexHomeConfig", () => {
  it.effect("reads every setting of a thread", () =>
    withConfig(
      `
model = "gpt-5.4"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "workspace-write"
model_reasoning_effort = "high"
model_context_window = 123456
service_tier = "fast"
approvals_reviewer = "guardian"
unknown_key = { a = 1 }

[sandbox_workspace_write]
writable_roots = ["/data", "cache"]
network_access = true
exclude_slash_tmp = true

[mcp_servers.x]
command = "y"
`,
      (_, home) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* named, {
            model: "gpt-5.4",
            modelProvider: "mock",
            approvalPolicy: "never",
            sandbox: {
              type: "workspaceWrite",
              writableRoots: ["/data", `${home}/cache`],
              readOnlyAccess: { type: "fullAccess" },
              networkAccess: true,
              excludeTmpdirEnvVar: false,
              excludeSlashTmp: true
            },
            reasoningEffort: "high",
            modelContextWindow: 123456n,
            serviceTier: "fast",
            approvalsReviewer: "guardian"
          })
          assert.deepStrictEqual(yield* warnings, [])
          assert.strictEqual((yield* ServerConfig).home, home)
        })
    )
  )

  it.effect("needs no file", () =>
    withConfig(
      null,
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* named, {})
          assert.deepStrictEqual(yield* warnings, [])
          assert.strictEqual((yield* ServerConfig).cwd, "/home/dev")
        }),
      { cwd: "/home/dev" }
    )
  )

  it.effect("keeps what is right beside what is wrong, and says what is wrong", () =>
    withConfig(
      `model = 7\nmodel_provider = "mock"\napproval_policy = "sometimes"\nsandbox_mode = "workspace-write"
model_context_window = -1\nprofile = "missing"\nsandbox_workspace_write = { network_access = "yes", exclude_slash_tmp = true }`,
      (_, home) =>
        Effect.gen(function* () {
          const { sandbox, ...rest } = yield* named
          assert.deepStrictEqual(rest, { modelProvider: "mock" })
          assert.deepInclude(sandbox, { networkAccess: false, excludeSlashTmp: true })
          const summaries = (yield* warnings).map((warning) => warning.summary)
          for (const key of [
            "`model`",
            "`approval_policy`",
            "`model_context_window`",
            "`missing`",
            "`sandbox_workspace_write.network_access`"
          ]) {
            assert.strictEqual(summaries.filter((summary) => summary.includes(key)).length, 1, key)
          }
          assert.strictEqual(summaries.length, 5)
          assert.isTrue(summaries.every((summary) => summary.startsWith(`${home}/config.toml`)))
        })
    )
  )

  it.effect("survives a file that is no TOML", () =>
    withConfig(
      "model = \n[[[",
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* named, { model: "from the command line" })
          const [warning] = yield* warnings
          assert.include(warning?.summary, "config.toml")
          assert.isNotEmpty(warning?.details)
        }),
      { overrides: ["model=from the command line"] }
    )
  )

  it.effect("lets the profile decide, and overrides change the file", () =>
    withConfig(
      `model = "plain"\nmodel_reasoning_effort = "low"\n[profiles.quick]\nmodel = "small"\n[profiles."__proto__"]\nmodel = "odd"`,
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* named, {
            model: "small",
            reasoningEffort: "xhigh",
            sandbox: { type: "readOnly", access: { type: "fullAccess" }, networkAccess: false },
            approvalPolicy: { granular: { sandbox_approval: true } }
          })
          assert.deepStrictEqual(
            (yield* warnings).map((warning) => warning.summary),
            ["configuration override `nonsense` was ignored"]
          )
        }),
      {
        overrides: [
          "profile=quick",
          'model_reasoning_effort="xhigh"',
          "sandbox_mode = read-only",
          "approval_policy={granular={sandbox_approval=true}}",
          "nonsense"
        ]
      }
    )
  )

  it.effect("notices that the file changed", () =>
    withConfig(`model = "a"`, (write) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* settings).model, "a")
        yield* write(`model = "b"`)
        assert.strictEqual((yield* settings).model, "b")
        yield* write(`model = 1`)
        assert.strictEqual((yield* settings).model, undefined)
        assert.strictEqual((yield* warnings).length, 1)
      })
    )
  )

  it.effect("reads the providers of models, each key on its own", () =>
    withConfig(
      `
[model_providers.team]
name = "Team"
base_url = "http://team.test/v1"
env_key = "TEAM_KEY"
env_key_instructions = "Ask Ann."
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 200
stream_idle_timeout_ms = 1000
http_headers = { x-a = "1" }
env_http_headers = { x-b = "B" }
query_params = { api-version = "2" }
unknown = true

[model_providers]
bare = 7
"__proto__" = { base_url = "http://odd.test" }
`,
      () =>
        Effect.gen(function* () {
          const providers = yield* (yield* ServerConfig).providers
          assert.deepStrictEqual(Array.from(providers.keys()), ["team", "__proto__"])
          assert.deepStrictEqual(providers.get("team"), {
            name: "Team",
            baseUrl: "http://flag.test/v1",
            envKey: "TEAM_KEY",
            envKeyInstructions: "Ask Ann.",
            wireApi: "responses",
            requestMaxRetries: 0,
            streamMaxRetries: undefined,
            streamIdleTimeoutMs: 1000,
            httpHeaders: { "x-a": "1" },
            envHttpHeaders: { "x-b": "B" },
            queryParams: { "api-version": "2" }
          })
          assert.strictEqual(providers.get("__proto__")?.baseUrl, "http://odd.test")
          const summaries = (yield* warnings).map((warning) => warning.summary)
          assert.strictEqual(summaries.length, 2)
          assert.include(summaries[0], "`model_providers.team.stream_max_retries`")
          assert.include(summaries[1], "`model_providers.bare`")
        }),
      { overrides: ["model_providers.team.base_url=http://flag.test/v1"] }
    )
  )

  it.effect("has no providers where `model_providers` is no table", () =>
    withConfig("model_providers = 1", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* (yield* ServerConfig).providers).size, 0)
        assert.strictEqual((yield* warnings).length, 1)
      })
    )
  )
})
