/**
 * The settings in a Codex home's `config.toml`, as far as they concern threads, and its `model_providers`.
 *
 * Each key stands on its own: a wrong value becomes a warning and leaves the rest in force, as does
 * a file that is no TOML at all. The file is read again when it changed (docs/codex.md, "Settings").
 */
import { Effect, Layer, Option, Path, Result, Schema } from "effect"
import { Toml } from "effect/encoding"
import { readFileSync } from "node:fs"
import { isRecord, type JsonRecord, own } from "../../domain/Json.ts"
import {
  ApprovalPolicy,
  SandboxMode,
  type SandboxPolicy,
  sandboxPolicy,
  type SettingsSource
} from "../../domain/ThreadSettings.ts"
import { type ModelProvider, ServerConfig } from "../../services/ServerConfig.ts"
import { fileFailure, fileStat } from "./FileVersion.ts"

export interface CodexHomeConfigOptions {
  /** The home's directory; `config.toml` lies in it. */
  readonly home: string
  /** Where the server runs; default: the home. */
  readonly cwd?: string
  /**
   * `key=value` pairs that are laid over the file, as with `codex -c`: the key a dotted path, the value TOML, or plain text
   * where it is none. They change the file's own tables: a profile still has the last word on the keys that it names.
   */
  readonly overrides?: ReadonlyArray<string>
}

interface Warning {
  readonly summary: string
  readonly details: string | null
}

interface Interpreted {
  readonly settings: SettingsSource
  readonly providers: ReadonlyMap<string, ModelProvider>
}

interface Parsed extends Interpreted {
  readonly warnings: ReadonlyArray<Warning>
}

const Text = Schema.NonEmptyString
const Tokens = Schema.Int.check(Schema.isGreaterThan(0))
const Retries = Schema.Natural.check(Schema.isLessThanOrEqualTo(100))
const Texts = Schema.Record(Schema.String, Schema.String)
const Workspace = {
  writable_roots: Schema.Array(Schema.String),
  network_access: Schema.Boolean,
  exclude_tmpdir_env_var: Schema.Boolean,
  exclude_slash_tmp: Schema.Boolean
}

/** Lays `key=value` over a table, making the tables on the way; undefined when it is no pair. */
const applyOverride = (table: JsonRecord, override: string): JsonRecord | undefined => {
  const at = override.indexOf("=")
  const keys = override
    .slice(0, Math.max(at, 0))
    .split(".")
    .map((key) => key.trim())
  if (at < 0 || keys.includes("")) return undefined
  const text = override.slice(at + 1).trim()
  const value = Result.match(Toml.parse(`value = ${text}`), {
    onFailure: () => text.replace(/^(["'])(.*)\1$/, "$2"),
    onSuccess: (document) => own(document, "value")
  })
  const set = (into: JsonRecord, [key = "", ...rest]: ReadonlyArray<string>): JsonRecord => {
    const below = own(into, key)
    return Object.fromEntries([
      ...Object.entries(into),
      [key, rest.length === 0 ? value : set(isRecord(below) ? below : {}, rest)]
    ])
  }
  return set(table, keys)
}

const interpret = (
  document: JsonRecord,
  label: string,
  path: Path.Path,
  home: string,
  warnings: Array<Warning>
): Interpreted => {
  const read = <A>(schema: Schema.Codec<A, unknown>, table: JsonRecord, key: string, at: string): A | undefined => {
    const value = own(table, key)
    if (value === undefined) return undefined
    return Result.match(Schema.decodeResult(schema)(value), {
      onSuccess: (decoded) => decoded,
      onFailure: (error) => {
        warnings.push({ summary: `${label}: \`${at}${key}\` is not usable and was ignored`, details: error.message })
        return undefined
      }
    })
  }

  const profile = read(Text, document, "profile", "")
  const profiles = own(document, "profiles")
  const chosen = profile === undefined || !isRecord(profiles) ? undefined : own(profiles, profile)
  if (profile !== undefined && !isRecord(chosen)) {
    warnings.push({
      summary: `${label}: profile \`${profile}\` was not found and was ignored`,
      details: `add a [profiles.${profile}] table, or remove \`profile\``
    })
  }
  const layers: ReadonlyArray<readonly [JsonRecord, string]> = [
    ...(isRecord(chosen) ? [[chosen, `profiles.${profile}.`] as const] : []),
    [document, ""]
  ]
  const first = <A>(schema: Schema.Codec<A, unknown>, key: string): A | undefined => {
    for (const [table, at] of layers) {
      const value = read(schema, table, key, at)
      if (value !== undefined) return value
    }
    return undefined
  }

  const sandbox = (): SandboxPolicy | undefined => {
    const mode = first(SandboxMode, "sandbox_mode")
    const policy = mode === undefined ? undefined : sandboxPolicy(mode)
    const table = own(document, "sandbox_workspace_write")
    if (policy?.type !== "workspaceWrite" || table === undefined) return policy
    if (!isRecord(table)) {
      const summary = `${label}: \`sandbox_workspace_write\` is not usable and was ignored`
      warnings.push({ summary, details: "expected a table" })
      return policy
    }
    const of = <A>(key: string, schema: Schema.Codec<A, unknown>) =>
      read(schema, table, key, "sandbox_workspace_write.")
    const roots = of("writable_roots", Workspace.writable_roots)
    return {
      ...policy,
      writableRoots: roots?.map((root) => path.resolve(home, root)) ?? policy.writableRoots,
      networkAccess: of("network_access", Workspace.network_access) ?? policy.networkAccess,
      excludeTmpdirEnvVar: of("exclude_tmpdir_env_var", Workspace.exclude_tmpdir_env_var) ?? policy.excludeTmpdirEnvVar,
      excludeSlashTmp: of("exclude_slash_tmp", Workspace.exclude_slash_tmp) ?? policy.excludeSlashTmp
    }
  }

  const provider = (table: JsonRecord, id: string): ModelProvider => {
    const of = <A>(key: string, schema: Schema.Codec<A, unknown>) => read(schema, table, key, `model_providers.${id}.`)
    return {
      name: of("name", Text),
      baseUrl: of("base_url", Text),
      envKey: of("env_key", Text),
      envKeyInstructions: of("env_key_instructions", Text),
      wireApi: of("wire_api", Text),
      requestMaxRetries: of("request_max_retries", Retries),
      streamMaxRetries: of("stream_max_retries", Retries),
      streamIdleTimeoutMs: of("stream_idle_timeout_ms", Tokens),
      httpHeaders: of("http_headers", Texts),
      envHttpHeaders: of("env_http_headers", Texts),
      queryParams: of("query_params", Texts)
    }
  }
  const tables = own(document, "model_providers")
  if (tables !== undefined && !isRecord(tables)) {
    warnings.push({
      summary: `${label}: \`model_providers\` is not usable and was ignored`,
      details: "expected a table"
    })
  }
  const providers = new Map<string, ModelProvider>()
  for (const [id, table] of isRecord(tables) ? Object.entries(tables) : []) {
    if (isRecord(table)) providers.set(id, provider(table, id))
    else {
      const summary = `${label}: \`model_providers.${id}\` is not usable and was ignored`
      warnings.push({ summary, details: "expected a table" })
    }
  }

  const window = first(Tokens, "model_context_window")
  const settings = {
    model: first(Text, "model"),
    modelProvider: first(Text, "model_provider"),
    serviceTier: first(Text, "service_tier"),
    approvalPolicy: first(ApprovalPolicy, "approval_policy"),
    approvalsReviewer: first(Text, "approvals_reviewer"),
    sandbox: sandbox(),
    reasoningEffort: first(Text, "model_reasoning_effort"),
    modelContextWindow: window === undefined ? undefined : BigInt(window)
  }
  return { settings, providers }
}

const make = Effect.fnUntraced(function* ({ cwd, home, overrides = [] }: CodexHomeConfigOptions) {
  const path = yield* Path.Path
  const directory = path.resolve(home)
  const file = path.join(directory, "config.toml")

  const parse = (text: Result.Result<string, string>): Parsed => {
    const warnings: Array<Warning> = []
    const document = Result.match(
      Result.flatMap(text, (text) => Result.mapError(Toml.parse(text), (e) => e.message)),
      {
        onSuccess: (document): JsonRecord => document,
        onFailure: (details) => {
          warnings.push({ summary: `${file} could not be read and was ignored`, details })
          return {}
        }
      }
    )
    const merged = overrides.reduce<JsonRecord>((table, override) => {
      const applied = applyOverride(table, override)
      if (applied === undefined) {
        warnings.push({ summary: `configuration override \`${override}\` was ignored`, details: "expected key=value" })
      }
      return applied ?? table
    }, document)
    return { ...interpret(merged, file, path, directory, warnings), warnings }
  }

  let parsed: (Parsed & { readonly version: string }) | undefined
  const version = Effect.map(Effect.option(fileStat(file)), (stat) =>
    Option.match(stat, { onNone: () => "missing", onSome: ({ version }) => version })
  )
  const text = Effect.try({ try: () => readFileSync(file, "utf8"), catch: (cause) => fileFailure(cause).message })
  // Looked at and read at once: hundreds of clients may come together, and the first of them reads for all.
  const current: Effect.Effect<Parsed> = Effect.gen(function* () {
    const now = yield* version
    if (parsed?.version === now) return parsed
    parsed = { ...parse(now === "missing" ? Result.succeed("") : yield* Effect.result(text)), version: now }
    return parsed
  })

  // Before the first client comes, who would wait for it.
  yield* current

  return ServerConfig.of({
    home: directory,
    cwd: cwd === undefined ? directory : path.resolve(cwd),
    settings: Effect.map(current, ({ settings }) => settings),
    providers: Effect.map(current, ({ providers }) => providers),
    warnings: Effect.map(current, ({ warnings }) => warnings)
  })
})

/** Settings from a Codex home. A missing file is an empty one. */
export const layer = (options: CodexHomeConfigOptions): Layer.Layer<ServerConfig, never, Path.Path> =>
  Layer.effect(ServerConfig, make(options))
