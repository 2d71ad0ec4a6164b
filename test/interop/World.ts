/**
 * Where servers meet: one Codex home, one mock model behind all of them, and the peers that come to it one after the other.
 * Rethread runs turns through its language-model layer, as the program does, with one tool.
 */
import { NodeCrypto, NodeHttpServer, NodeServices } from "@effect/platform-node"
import { Context, Deferred, Effect, Layer, Schema, type Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { list, text } from "../../src/domain/OpenRecord.ts"
import * as CodexHomeConfig from "../../src/layers/codex-home/CodexHomeConfig.ts"
import * as CodexHomeStore from "../../src/layers/codex-home/CodexHomeStore.ts"
import * as ConfiguredAgent from "../../src/layers/model/ConfiguredAgent.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import * as InProcessTransport from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import * as Rethread from "../../src/services/Rethread.ts"
import * as Home from "../conformance/Home.ts"
import { connect, type Peer } from "../conformance/Peer.ts"
import * as Mock from "../support/MockResponses.ts"

const words = (asked: Mock.Asked): ReadonlyArray<JsonRecord> => list(asked.body, "input").filter(isRecord)

/** Has a tool answered since the user last said something? */
const answered = (asked: Mock.Asked): boolean => {
  const input = words(asked)
  const said = input.findLastIndex((item) => text(item, "role") === "user")
  return input.slice(said + 1).some((item) => text(item, "type") === "function_call_output")
}

/** Calls whichever tool the server offers that runs a command. */
const toolOf = (asked: Mock.Asked): readonly [name: string, args: string] => {
  const names = list(asked.body, "tools")
    .filter(isRecord)
    .map((tool) => text(tool, "name") ?? "")
  return names.includes("exec_command")
    ? ["exec_command", '{"cmd":"echo hi"}']
    : [names.find((name) => name.includes("shell")) ?? "shell", '{"command":"echo hi"}']
}

const respond: Mock.Respond = (asked, k) => {
  const said = Mock.lastSaid(asked)
  if (!said.includes("TOOL")) return Mock.respond(asked, k)
  if (answered(asked)) {
    return { pieces: [Mock.created(k), ...Mock.message(k, ["The tool ", "has answered."]), Mock.completed(k)] }
  }
  const [name, args] = toolOf(asked)
  const thought = said.includes("REASON") ? Mock.reasoning(k) : []
  return { pieces: [Mock.created(k), ...thought, Mock.call(k, `call_${k}`, name, args), Mock.completed(k)] }
}

/** The mock model: what it was asked, and where it listens. */
export class Model extends Context.Service<
  Model,
  {
    readonly baseUrl: string
    readonly asked: Effect.Effect<ReadonlyArray<Mock.Asked>>
    /** Lets an answer that is to be cut off be cut off now. */
    readonly cut: Effect.Effect<void>
    /** An answer that would never end was given up by whoever asked for it. */
    readonly hungUp: Effect.Effect<void>
  }
>()("rethread/test/interop/World/Model") {
  static readonly layer: Layer.Layer<Model> = Layer.effect(
    Model,
    Effect.gen(function* () {
      const { asked, closed, heard } = yield* Mock.MockResponses
      return Model.of({
        asked,
        baseUrl: yield* Mock.baseUrl,
        cut: Effect.asVoid(Deferred.succeed(heard, undefined)),
        hungUp: Deferred.await(closed)
      })
    })
  ).pipe(Layer.provide(Mock.layerServer(respond)), Layer.provide(NodeHttpServer.layerTest), Layer.orDie)
}

const configOf = (baseUrl: string) => `model = "mock-model"
model_provider = "mock_provider"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.mock_provider]
name = "Mock"
base_url = "${baseUrl}"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`

/** An empty home whose model is the mock. */
export const home = Effect.gen(function* () {
  const made = yield* Home.make([])
  const { baseUrl } = yield* Model
  yield* Effect.sync(() => writeFileSync(made.at("config.toml"), configOf(baseUrl)))
  return made
})

/** The same rollouts once more, without the databases, which name files by absolute paths. */
export const copy = Effect.fnUntraced(function* (of: Home.Home): Effect.fn.Return<Home.Home, never, Scope.Scope> {
  const made = yield* Home.make([])
  yield* Effect.sync(() => {
    for (const name of ["sessions", "archived_sessions", "config.toml"]) {
      if (!existsSync(of.at(name))) continue
      cpSync(of.at(name), made.at(name), { recursive: true, preserveTimestamps: true })
    }
  })
  return made
})

/** The lines of a rollout as JSON. */
export const linesOf = (path: string): Effect.Effect<ReadonlyArray<JsonRecord>> =>
  Effect.sync(() =>
    readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line): unknown => JSON.parse(line))
      .filter(isRecord)
  )

const Shell = Tool.make("shell", {
  description: "Runs a command.",
  parameters: Schema.Struct({ command: Schema.String }),
  success: Schema.String
})
const toolkit = Toolkit.make(Shell)
const tools = toolkit.toLayer({ shell: ({ command }) => Effect.succeed(`ran: ${command}`) })

/** Rethread over a home, its turns on the models that the home configures. */
const server = (directory: string): Layer.Layer<JsonRpcServer> =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(Rethread.layer),
    Layer.provide(ConfiguredAgent.layer({ toolkit })),
    Layer.provide([
      tools,
      CodexHomeStore.layer({ home: directory }),
      CodexHomeConfig.layer({ home: directory, overrides: [], cwd: "/" }),
      ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
    ]),
    Layer.provide([NodeServices.layer, NodeCrypto.layer, FetchHttpClient.layer])
  )

/** Rethread in this process. */
export const rethread: Peer = {
  name: "rethread",
  origin: "rethread",
  manyClients: true,
  serve: Effect.fnUntraced(function* (home) {
    const context = yield* Layer.build(Layer.fresh(server(home.directory)))
    return {
      connect: Effect.fnUntraced(function* (options) {
        const client = yield* Effect.provideContext(InProcessTransport.connect(), context)
        return yield* connect(client, options)
      })
    }
  })
}

/** What the model was sent, in short: everything but instructions and descriptions of the surroundings. */
export const contextOf = (asked: Mock.Asked): ReadonlyArray<string> =>
  words(asked).flatMap((item) => {
    const role = text(item, "role")
    const type = text(item, "type") ?? "message"
    if (type === "function_call") return [`call ${text(item, "name")} ${text(item, "arguments")}`]
    if (type === "function_call_output") return [`output ${JSON.stringify(own(item, "output"))}`]
    if (type === "reasoning") return [`reasoning ${text(item, "encrypted_content")}`]
    if (type !== "message") return [type]
    const said = list(item, "content")
      .filter(isRecord)
      .map((part) => text(part, "text") ?? "")
      .join("")
    const surroundings = /^<(?!turn_aborted)[a-z_]+[ >]|^# AGENTS\.md/
    if (role === "developer" || role === "system" || surroundings.test(said)) return []
    return [`${role}: ${said.startsWith("<turn_aborted>") ? "<turn_aborted>" : said}`]
  })

/** The absolute paths of a home's rollouts. */
export const rolloutsOf = (home: Home.Home): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(home.hashes, (hashes) => Array.from(hashes.keys(), home.at))
