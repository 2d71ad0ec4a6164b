/** A client of a server that the test plays. */
import { Effect, Fiber, type Scope } from "effect"
import type { ConnectionLost, HandshakeFailed } from "../../../src/rpc/client/ClientError.ts"
import { type ClientOptions, type CodexClient, make } from "../../../src/rpc/client/CodexClient.ts"
import * as FakeServer from "./FakeServer.ts"

export interface Connected {
  readonly client: CodexClient["Service"]
  readonly peer: FakeServer.FakePeer
  readonly server: FakeServer.FakeServer
}

/** After the handshake. */
export const connected = Effect.fnUntraced(function* <R = never>(
  options: ClientOptions<R> = {}
): Effect.fn.Return<Connected, ConnectionLost | HandshakeFailed, R | Scope.Scope> {
  const server = yield* FakeServer.make
  const connecting = yield* Effect.forkScoped(Effect.provide(make(options), server.layer), { startImmediately: true })
  const peer = yield* server.accept
  yield* peer.greet
  return { client: yield* Fiber.join(connecting), peer, server }
})
