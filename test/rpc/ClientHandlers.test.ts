/**
 * What terminal clients ask beside the threads: shapes that clients of either release can read, and no secrets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { isRecord, own } from "../../src/domain/Json.ts"
import { sandboxPolicy, type SettingsSource } from "../../src/domain/ThreadSettings.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { layer as layerMemory } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import * as InProcessTransport from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import * as Rethread from "../../src/services/Rethread.ts"
import { type ModelProvider, ServerConfig } from "../../src/services/ServerConfig.ts"
import * as DeterministicIds from "../../src/testing/DeterministicIds.ts"

interface Configuration {
  readonly settings?: SettingsSource
  readonly providers?: ReadonlyMap<string, ModelProvider>
}

const server = (config: Configuration = {}) =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(Rethread.layer),
    Layer.provide(Scripted.layer([[Scripted.hang]])),
    Layer.provide([
      layerMemory(),
      ServerConfig.layerMemory({ home: "/home/codex", cwd: "/work", ...config }),
      ServerInfo.layer({ os: "Linux", arch: "x86_64", platformFamily: "unix", platformOs: "linux" }),
      DeterministicIds.layer()
    ])
  )

const at = (frame: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)]
    return isRecord(value) ? own(value, String(key)) : undefined
  }, frame)

/** A client of this name, after its handshake; `ask` sends a request and returns the next frame. */
const connected = Effect.fnUntraced(function* (name: string) {
  const client = yield* InProcessTransport.connect()
  const ask = Effect.fnUntraced(function* (method: string, params: object = {}) {
    yield* client.send({ id: 1, method, params })
    return yield* client.receive
  })
  yield* ask("initialize", { clientInfo: { name, version: "1.0.0" }, capabilities: { experimentalApi: true } })
  return { ask, send: client.send, receive: client.receive }
})

/** A thread that was started; what comes with it has been received. */
const started = Effect.fnUntraced(function* (client: Effect.Success<ReturnType<typeof connected>>) {
  const threadId = at(yield* client.ask("thread/start"), "result", "thread", "id")
  assert.strictEqual(at(yield* client.receive, "method"), "thread/started")
  return String(threadId)
})

const model = [
  "id",
  "model",
  "displayName",
  "description",
  "hidden",
  "supportedReasoningEfforts",
  "defaultReasoningEffort",
  "isDefault"
]

/**
 * What the JSON schemas of 0.122 and 0.169 require (`codex app-server generate-json-schema --experimental`), and so what a
 * client of theirs cannot do without: the members at each path of the result.
 */
const required: ReadonlyArray<
  readonly [string, ReadonlyArray<readonly [ReadonlyArray<string>, ReadonlyArray<string>]>]
> = [
  [
    "account/read",
    [
      [[], ["requiresOpenaiAuth"]],
      [["account"], ["type"]]
    ]
  ],
  ["account/bedrock/checkGovCloudRequirements", [[[], ["isGovCloud", "shouldWarn"]]]],
  [
    "model/list",
    [
      [[], ["data"]],
      [["data", "0"], model],
      [
        ["data", "0", "supportedReasoningEfforts", "0"],
        ["reasoningEffort", "description"]
      ]
    ]
  ],
  ["config/read", [[[], ["config", "origins"]]]],
  ["configRequirements/read", [[[], ["requirements"]]]],
  [
    "collaborationMode/list",
    [
      [[], ["data"]],
      [["data", "0"], ["name"]]
    ]
  ],
  [
    "skills/list",
    [
      [[], ["data"]],
      [
        ["data", "0"],
        ["cwd", "skills", "errors"]
      ]
    ]
  ],
  [
    "hooks/list",
    [
      [[], ["data"]],
      [
        ["data", "0"],
        ["cwd", "hooks", "warnings", "errors"]
      ]
    ]
  ],
  ["plugin/installed", [[[], ["marketplaces", "marketplaceLoadErrors"]]]],
  ["mcpServerStatus/list", [[[], ["data"]]]],
  [
    "permissionProfile/list",
    [
      [[], ["data"]],
      [
        ["data", "0"],
        ["id", "description", "allowed"]
      ]
    ]
  ]
]

describe("what terminal clients ask", () => {
  it.effect.each(required)("%s has what clients require", ([method, members]) =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const answer = yield* client.ask(method)
      for (const [path, names] of members) {
        const value = at(answer, "result", ...path)
        assert.includeMembers(isRecord(value) ? Object.keys(value) : [], [...names], `${method} ${path.join(".")}`)
      }
    }).pipe(Effect.provide(server()))
  )

  it.effect("an account is always there, and no login is asked for", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      assert.deepInclude(at(yield* client.ask("account/read"), "result"), {
        account: { type: "apiKey" },
        requiresOpenaiAuth: true
      })
    }).pipe(Effect.provide(server()))
  )

  it.effect("lists are about the directories that were named, else about the server's own", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      for (const method of ["skills/list", "hooks/list"]) {
        const named = at(yield* client.ask(method, { cwds: ["/a", "/b"] }), "result", "data")
        assert.deepStrictEqual([at(named, 0, "cwd"), at(named, 1, "cwd"), at(named, 2)], ["/a", "/b", undefined])
        for (const params of [{}, { cwds: null }, { cwds: [] }]) {
          assert.strictEqual(at(yield* client.ask(method, params), "result", "data", 0, "cwd"), "/work")
        }
      }
    }).pipe(Effect.provide(server()))
  )

  it.effect("a loaded thread has no goal and no terminals; another is an error", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const threadId = yield* started(client)
      const answers = {
        "thread/goal/get": { goal: null },
        "thread/backgroundTerminals/list": { data: [], nextCursor: null },
        "thread/backgroundTerminals/clean": {}
      }
      for (const [method, answer] of Object.entries(answers)) {
        assert.deepStrictEqual(at(yield* client.ask(method, { threadId }), "result"), answer)
        const other = yield* client.ask(method, { threadId: "01a202ff-0000-7000-8000-0000000000ee" })
        assert.strictEqual(at(other, "error", "data", "type"), "threadNotLoaded")
      }
    }).pipe(Effect.provide(server()))
  )

  it.effect("nothing is written to the configuration", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      for (const method of ["config/batchWrite", "config/value/write"]) {
        const { error } = yield* client.ask(method, { edits: [] })
        assert.include(String(at(error, "message")), "/home/codex/config.toml")
      }
    }).pipe(Effect.provide(server()))
  )

  it.effect("what is not there is -32601", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      for (const method of ["command/exec", "thread/goal/set", "plugin/list", "account/logout"]) {
        assert.strictEqual(at(yield* client.ask(method), "error", "code"), -32601)
      }
    }).pipe(Effect.provide(server()))
  )
})

describe("model/list", () => {
  const settings = { model: "some-model", modelProvider: "mock", reasoningEffort: "xhigh" }
  const providers = new Map([["mock", { name: "The Mock" }]])

  it.effect("is the configured model, with its effort", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const { result } = yield* client.ask("model/list", { includeHidden: true })
      assert.strictEqual(at(result, "data", 1), undefined)
      assert.strictEqual(at(result, "nextCursor"), null)
      assert.deepInclude(at(result, "data", 0), {
        id: "some-model",
        defaultReasoningEffort: "xhigh",
        isDefault: true,
        description: "The configured model, of The Mock"
      })
      const efforts = at(result, "data", 0, "supportedReasoningEfforts")
      assert.deepStrictEqual(
        Array.from({ length: 5 }, (_, index) => at(efforts, index, "reasoningEffort")),
        ["low", "medium", "high", "xhigh", undefined]
      )
    }).pipe(Effect.provide(server({ settings, providers })))
  )

  it.effect("an effort that older clients refuse is not offered", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const { result } = yield* client.ask("model/list")
      assert.strictEqual(at(result, "data", 0, "defaultReasoningEffort"), "medium")
    }).pipe(Effect.provide(server({ settings: { reasoningEffort: "ultra" } })))
  )

  it.effect("pages end, and a cursor from elsewhere is an error", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      assert.strictEqual(at(yield* client.ask("model/list", { limit: 0 }), "result", "data", 0, "id"), "gpt-5.4")
      assert.deepStrictEqual(at(yield* client.ask("model/list", { cursor: "1" }), "result"), {
        data: [],
        nextCursor: null
      })
      for (const cursor of ["2", "-1", "zz", ""]) {
        const answer = yield* client.ask("model/list", { cursor })
        assert.strictEqual(at(answer, "error", "message"), `invalid cursor: ${cursor}`)
      }
    }).pipe(Effect.provide(server()))
  )
})

describe("config/read", () => {
  it.effect("says what is in force, in the words of config.toml", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const answer = yield* client.ask("config/read", { includeLayers: true, cwd: "." })
      assert.deepStrictEqual(at(answer, "result"), {
        config: {
          model: "some-model",
          model_provider: null,
          model_context_window: 200000,
          model_reasoning_effort: null,
          service_tier: null,
          approval_policy: "on-request",
          approvals_reviewer: null,
          sandbox_mode: "workspace-write",
          sandbox_workspace_write: {
            writable_roots: [],
            network_access: false,
            exclude_tmpdir_env_var: false,
            exclude_slash_tmp: false
          },
          model_providers: {}
        },
        origins: {},
        layers: null
      })
    }).pipe(
      Effect.provide(
        server({
          settings: {
            model: "some-model",
            modelContextWindow: 200000n,
            approvalPolicy: "on-request",
            sandbox: sandboxPolicy("workspace-write")
          }
        })
      )
    )
  )

  const secretive: ModelProvider = {
    name: "Mock",
    baseUrl: "https://user:SECRET1@api.example.com/v1?key=SECRET2#SECRET3",
    envKey: "sk-SECRET4",
    httpHeaders: { authorization: "Bearer SECRET5", "x-SECRET6": "1" },
    envHttpHeaders: { "x-token": "SECRET7" },
    queryParams: { key: "SECRET8" },
    requestMaxRetries: 3
  }

  it.effect("never tells a secret", () =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const { result } = yield* client.ask("config/read", { includeLayers: true })
      assert.notMatch(JSON.stringify(result), /SECRET/)
      assert.deepStrictEqual(at(result, "config", "model_providers", "mock"), {
        name: "Mock",
        base_url: "https://api.example.com/v1",
        env_key: null,
        env_key_instructions: null,
        wire_api: "responses",
        request_max_retries: 3,
        stream_max_retries: null,
        stream_idle_timeout_ms: null,
        requires_openai_auth: false
      })
      assert.strictEqual(at(result, "config", "model_providers", "plain", "env_key"), "MOCK_API_KEY")
      assert.strictEqual(at(result, "config", "model_providers", "plain", "base_url"), null)
    }).pipe(
      Effect.provide(
        server({
          providers: new Map([
            ["mock", secretive],
            ["plain", { envKey: "MOCK_API_KEY", baseUrl: "SECRET" }]
          ])
        })
      )
    )
  )
})

describe("actions that this server does not do", () => {
  const actions = [
    ["thread/shellCommand", { command: "ls" }],
    ["review/start", { target: { type: "uncommittedChanges" } }]
  ] as const

  it.effect.each(actions)("%s: the terminal client gets a turn that fails at once", ([method, params]) =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const threadId = yield* started(client)
      assert.isTrue(isRecord(at(yield* client.ask(method, { threadId, ...params }), "result")))
      const begun = yield* client.receive
      assert.deepStrictEqual(
        [at(begun, "method"), at(begun, "params", "turn", "status")],
        ["turn/started", "inProgress"]
      )
      const over = yield* client.receive
      assert.strictEqual(at(over, "method"), "turn/completed")
      assert.strictEqual(at(over, "params", "turn", "id"), at(begun, "params", "turn", "id"))
      assert.strictEqual(at(over, "params", "turn", "status"), "failed")
      assert.match(String(at(over, "params", "turn", "error", "message")), /^This server /)
      const read = yield* client.ask("thread/read", { threadId, includeTurns: true })
      assert.deepStrictEqual(at(read, "result", "thread", "turns"), [])
      assert.deepStrictEqual(at(read, "result", "thread", "status"), { type: "idle" })
    }).pipe(Effect.provide(server()))
  )

  it.effect.each(actions)("%s: while a turn runs there is a warning only", ([method, params]) =>
    Effect.gen(function* () {
      const client = yield* connected("codex-tui")
      const threadId = yield* started(client)
      const input = [{ type: "text", text: "go" }]
      const turn = yield* client.ask("turn/start", { threadId, input })
      assert.strictEqual(at(turn, "result", "turn", "status"), "inProgress")
      yield* client.send({ id: 2, method, params: { threadId, ...params } })
      const methods: Array<unknown> = []
      while (methods.at(-1) !== "warning") methods.push(at(yield* client.receive, "method"))
      assert.strictEqual(methods.filter((method) => method === "turn/started").length, 1)
      assert.notInclude(methods, "turn/completed")
    }).pipe(Effect.provide(server()))
  )

  it.effect.each(actions)("%s: other clients get the error", ([method, params]) =>
    Effect.gen(function* () {
      const client = yield* connected("somebody")
      const threadId = yield* started(client)
      const refused = yield* client.ask(method, { threadId, ...params })
      assert.strictEqual(at(refused, "error", "code"), -32600)
      const unknown = yield* client.ask(method, { threadId: "01a202ff-0000-7000-8000-0000000000ee", ...params })
      assert.strictEqual(at(unknown, "error", "data", "type"), "threadNotLoaded")
    }).pipe(Effect.provide(server()))
  )
})
