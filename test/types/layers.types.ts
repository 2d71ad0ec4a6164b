/**
 * What must not compile: a program that lacks a layer. Checked by the type checker; nothing here runs. `Reasons.test.ts`
 * pins which layer each line is said to lack.
 */
import { Effect, Layer, Schema } from "effect"
import type { LanguageModel } from "effect/ai"
import { Tool, Toolkit } from "effect/ai"
import { SecureRandom } from "effect/crypto"
import type { HttpServer } from "effect/http"
import type { ThreadId } from "../../src/domain/Ids.ts"
import { layer as memoryStore } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as ModelAgent from "../../src/layers/model/ModelAgent.ts"
import { CodexClient } from "../../src/rpc/client/CodexClient.ts"
import { Authenticator } from "../../src/rpc/codex/Authentication.ts"
import * as CodexHandlers from "../../src/rpc/codex/Handlers.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import * as WebSocketTransport from "../../src/rpc/codex/WebSocketTransport.ts"
import { NativeClient } from "../../src/rpc/native/NativeClient.ts"
import * as NativeHandlers from "../../src/rpc/native/NativeHandlers.ts"
import { Approvals } from "../../src/services/Approvals.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import * as Rethread from "../../src/services/Rethread.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { ThreadLifecycle } from "../../src/services/ThreadLifecycle.ts"
import { Threads } from "../../src/services/Threads.ts"
import { inOrder } from "./pipeline.types.ts"

declare const nothing: (left: never) => void
/** What a program still needs. */
declare const left: <A, E, R>(program: Effect.Effect<A, E, R>) => R
/** What a layer still needs. */
declare const lacking: <A, E, R>(layer: Layer.Layer<A, E, R>) => R

// --- a program on the services, put together by hand

const lifecycle = ThreadLifecycle.layer.pipe(
  Layer.provide(Threads.layer),
  Layer.provide(Approvals.layer),
  Layer.provide(SessionReconstruction.layer),
  Layer.provide(Layer.mergeAll(RolloutParser.layer, ServerConfig.layerMemory(), SecureRandom.layerWebCrypto))
)
const complete = lifecycle.pipe(Layer.provide(NotificationDelivery.layer), Layer.provide(memoryStore()))

nothing(left(Effect.scoped(Effect.provide(inOrder, complete))))
// @ts-expect-error nothing is provided
nothing(left(Effect.scoped(inOrder)))
// @ts-expect-error there is no store
nothing(left(Effect.scoped(Effect.provide(inOrder, lifecycle.pipe(Layer.provide(NotificationDelivery.layer))))))
// @ts-expect-error there is nobody to deliver
nothing(left(Effect.scoped(Effect.provide(inOrder, lifecycle.pipe(Layer.provide(memoryStore()))))))
const loaded = Threads.use((threads) => threads.loaded)
// @ts-expect-error the lifecycle is there, the threads are not
nothing(left(Effect.provide(loaded, complete)))
const connecting = NotificationDelivery.use((delivery) => delivery.connect())
// @ts-expect-error a connection lives in a scope
nothing(left(Effect.provide(connecting, NotificationDelivery.layer)))

// --- a server that is embedded

const store = memoryStore()
const config = ServerConfig.layerMemory()
const random = SecureRandom.layerWebCrypto
const info = ServerInfo.layer({ os: "Linux", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
const services = Rethread.layer.pipe(Layer.provideMerge(Layer.mergeAll(store, config, random)))

nothing(lacking(services))
// @ts-expect-error there is no store
nothing(lacking(Rethread.layer.pipe(Layer.provide([config, random]))))
// @ts-expect-error there is no configuration
nothing(lacking(Rethread.layer.pipe(Layer.provide([store, random]))))
// @ts-expect-error there is nothing to make ids of
nothing(lacking(Rethread.layer.pipe(Layer.provide([store, config]))))

const wire = JsonRpcServer.layer().pipe(Layer.provide(CodexHandlers.layer))
nothing(lacking(wire.pipe(Layer.provide([services, info]))))
// @ts-expect-error nobody says what machine this is
nothing(lacking(wire.pipe(Layer.provide(services))))
// @ts-expect-error there are no services below the wire
nothing(lacking(wire.pipe(Layer.provide(info))))
// @ts-expect-error requests have no handlers
nothing(lacking(JsonRpcServer.layer().pipe(Layer.provide([services, info]))))

declare const http: Layer.Layer<HttpServer.HttpServer>
declare const platform: WebSocketTransport.WebSocketOptions
const sockets = WebSocketTransport.layer(platform).pipe(
  Layer.provide([http, wire.pipe(Layer.provide([services, info]))])
)
nothing(lacking(sockets.pipe(Layer.provide(Authenticator.layerOpen))))
// @ts-expect-error nobody says who may connect
nothing(lacking(sockets))

// --- a client

nothing(lacking(NativeClient.layerInProcess.pipe(Layer.provide(NativeHandlers.layer), Layer.provide(services))))
// @ts-expect-error the handlers have no services
nothing(lacking(NativeClient.layerInProcess.pipe(Layer.provide(NativeHandlers.layer))))
// @ts-expect-error nobody makes WebSockets
nothing(lacking(CodexClient.layerWebSocket("ws://127.0.0.1:4500")))
// @ts-expect-error there is no server in this process
nothing(lacking(CodexClient.layerInProcess()))
declare const client: CodexClient["Service"]
declare const threadId: ThreadId
// @ts-expect-error an attachment lives in a scope
nothing(left(Effect.ignore(client.resume(threadId))))

// --- an agent

const Weather = Tool.make("weather", { success: Schema.String })
const tools = Toolkit.make(Weather)
declare const model: Layer.Layer<LanguageModel.LanguageModel>
const handlers = tools.toLayer({ weather: () => Effect.succeed("rain") })

nothing(lacking(ModelAgent.layer({ toolkit: tools }).pipe(Layer.provide([model, handlers]))))
// @ts-expect-error there is no model
nothing(lacking(ModelAgent.layer({ toolkit: tools }).pipe(Layer.provide(handlers))))
// @ts-expect-error nobody answers the tool's calls
nothing(lacking(ModelAgent.layer({ toolkit: tools }).pipe(Layer.provide(model))))
