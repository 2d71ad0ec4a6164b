/**
 * A real server of the transport on a port of its own, over whatever engine a test has.
 */
import { Deferred, Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import * as NodeConnection from "../../../src/layers/node/NodeConnection.ts"
import * as NodeListener from "../../../src/layers/node/NodeListener.ts"
import { Authenticator } from "../../../src/rpc/codex/Authentication.ts"
import * as Frame from "../../../src/rpc/codex/Frame.ts"
import type { JsonRpcServer } from "../../../src/rpc/codex/JsonRpcServer.ts"
import * as WebSocketTransport from "../../../src/rpc/codex/WebSocketTransport.ts"

export interface ListeningOptions {
  /** Everybody may connect when not given. */
  readonly authenticator?: Layer.Layer<Authenticator>
  /** A free port of this machine when not given. */
  readonly on?: NodeListener.ListenOn
  /** What is spoken beside the Codex wire, by path. */
  readonly faces?: WebSocketTransport.WebSocketOptions["faces"]
  readonly limits?: Pick<NodeListener.ListenOptions, "requestTimeout" | "closeTimeout">
}

/** Listens, for as long as the scope lasts, and gives the URL. */
export const listen = Effect.fnUntraced(function* (options: ListeningOptions = {}) {
  const url = yield* Deferred.make<string>()
  const rpc = yield* Effect.context<JsonRpcServer>()
  const announced = Layer.effectDiscard(
    HttpServer.addressFormattedWith((address) => Deferred.succeed(url, address.replace(/^http/, "ws")))
  )
  const faces = options.faces ?? new Map()
  const application = WebSocketTransport.layer({ ...NodeConnection, faces }).pipe(
    Layer.provideMerge(announced),
    Layer.provide([Layer.succeedContext(rpc), options.authenticator ?? Authenticator.layerOpen])
  )
  yield* Layer.build(
    NodeListener.layer(application, {
      on: options.on ?? { host: "127.0.0.1", port: 0 },
      maxPayload: 2 * Frame.maxFrameBytes,
      ...options.limits
    })
  )
  return yield* Deferred.await(url)
})
