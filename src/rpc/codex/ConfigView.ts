/**
 * The configuration as clients see it: the words of `config.toml`, and never a secret.
 *
 * What may be told is listed here, nothing else gets out: no header, no query parameter, no user name or password in an
 * address, and as a variable's name nothing that could be the key itself.
 */
import { integerToJson } from "../../domain/Json.ts"
import type { SandboxMode, SandboxPolicy, SettingsSource } from "../../domain/ThreadSettings.ts"
import type { ModelProvider } from "../../services/ServerConfig.ts"
import type { ConfigView, ProviderView } from "./ClientProtocol.ts"

const modes: Readonly<Record<SandboxPolicy["type"], SandboxMode | null>> = {
  readOnly: "read-only",
  workspaceWrite: "workspace-write",
  dangerFullAccess: "danger-full-access",
  externalSandbox: null
}

const workspace = (policy: SandboxPolicy | undefined): ConfigView["sandbox_workspace_write"] =>
  policy?.type === "workspaceWrite"
    ? {
        writable_roots: policy.writableRoots,
        network_access: policy.networkAccess,
        exclude_tmpdir_env_var: policy.excludeTmpdirEnvVar,
        exclude_slash_tmp: policy.excludeSlashTmp
      }
    : null

/** Scheme, host and path of an address. */
const address = (url: string): string | null => {
  const parsed = URL.parse(url)
  return parsed === null || parsed.host === "" ? null : `${parsed.protocol}//${parsed.host}${parsed.pathname}`
}

/** Who puts a key where the variable's name belongs must not find it on other screens. */
const variableName = (name: string): string | null => (/^[A-Z_][A-Z0-9_]{0,63}$/.test(name) ? name : null)

const providerView = (provider: ModelProvider): ProviderView => ({
  name: provider.name ?? null,
  base_url: provider.baseUrl === undefined ? null : address(provider.baseUrl),
  env_key: provider.envKey === undefined ? null : variableName(provider.envKey),
  env_key_instructions: provider.envKeyInstructions ?? null,
  wire_api: provider.wireApi ?? "responses",
  request_max_retries: provider.requestMaxRetries ?? null,
  stream_max_retries: provider.streamMaxRetries ?? null,
  stream_idle_timeout_ms: provider.streamIdleTimeoutMs ?? null,
  requires_openai_auth: false
})

/** What `config/read` tells. */
export const configView = (settings: SettingsSource, providers: ReadonlyMap<string, ModelProvider>): ConfigView => ({
  model: settings.model ?? null,
  model_provider: settings.modelProvider ?? null,
  model_context_window:
    typeof settings.modelContextWindow === "bigint" ? integerToJson(settings.modelContextWindow) : null,
  model_reasoning_effort: settings.reasoningEffort ?? null,
  service_tier: settings.serviceTier ?? null,
  approval_policy: settings.approvalPolicy ?? null,
  approvals_reviewer: settings.approvalsReviewer ?? null,
  sandbox_mode: settings.sandbox === undefined ? null : modes[settings.sandbox.type],
  sandbox_workspace_write: workspace(settings.sandbox),
  model_providers: Object.fromEntries(Array.from(providers, ([id, provider]) => [id, providerView(provider)]))
})
