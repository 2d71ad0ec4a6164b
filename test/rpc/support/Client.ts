/**
 * A conversation with the real engine and the real handlers over mock services.
 */
import { Effect, Layer } from "effect"
import * as Handlers from "../../../src/rpc/codex/Handlers.ts"
import * as InProcessTransport from "../../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer, type Options } from "../../../src/rpc/codex/JsonRpcServer.ts"
import { type Asked, type MockOptions, nothingAsked, services } from "./Fixtures.ts"

export interface ServerOptions extends MockOptions, Options {
  readonly asked?: Asked
}

/** The server over mock services, as tests and transports need it. */
export const server = (options: ServerOptions = {}) =>
  JsonRpcServer.layer(options).pipe(
    Layer.provide(Handlers.layer),
    Layer.provideMerge(services(options.asked ?? nothingAsked(), options))
  )

export const initializeParams = {
  clientInfo: { name: "probe", title: null, version: "0.0.1" },
  capabilities: { experimentalApi: true }
}

/** A connected client that has not said anything yet. */
export const connect = InProcessTransport.connect

/** A connected client after its handshake. */
export const connected = Effect.fnUntraced(function* (
  options?: InProcessTransport.InProcessOptions & { readonly capabilities?: object | null }
) {
  const client = yield* connect(options)
  yield* client.send({
    id: "init",
    method: "initialize",
    params:
      options?.capabilities === undefined
        ? initializeParams
        : { ...initializeParams, capabilities: options.capabilities }
  })
  yield* client.receive
  yield* client.send({ method: "initialized" })
  return client
})

/** The next frames, in order. */
export const receive = (client: InProcessTransport.InProcessClient, count: number) =>
  Effect.replicateEffect(client.receive, count)
