/**
 * A *peer*: something that speaks the Codex app-server wire over a Codex home. Rethread in this process, over stdio and
 * over WebSocket; genuine Codex over the same. Cases do not know which one they talk to.
 */
import { Effect, Schema, type Scope } from "effect"
import type { JsonRecord } from "../../src/domain/Json.ts"
import { type Client, type ClientOptions, make as makeClient, type ServerGone, type Wire } from "./Client.ts"
import type { Home } from "./Home.ts"

/** Whose answers these are: expectations are kept by it. */
export type Origin = "rethread" | "0.122.0" | "0.169.0"

/** The peer cannot be had here; the run says so and goes on. */
export class PeerUnavailable extends Schema.TaggedError<PeerUnavailable>()("PeerUnavailable", {
  peer: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.peer} is not available: ${this.reason}`
  }
}

export interface ConnectOptions {
  /** Methods in `optOutNotificationMethods`. */
  readonly optOut?: ReadonlyArray<string>
  /** Default true. */
  readonly experimentalApi?: boolean
  /** False: not a word is said. Default true. */
  readonly handshake?: boolean
}

/** A running server. */
export interface Server {
  /** Another client; a server on stdio has one. */
  readonly connect: (options?: ConnectOptions) => Effect.Effect<Client, ServerGone, Scope.Scope>
}

export interface Peer {
  readonly name: string
  readonly origin: Origin
  /** Can it have more than one client at a time? */
  readonly manyClients: boolean
  /** Starts it over a home, for as long as the scope lasts. */
  readonly serve: (home: Home, clients: 1 | 2) => Effect.Effect<Server, PeerUnavailable, Scope.Scope>
}

export const clientInfo = { name: "probe", title: null, version: "0.0.1" }

/** The params of `initialize`. */
export const initializeParams = (options: ConnectOptions = {}): JsonRecord => ({
  clientInfo,
  capabilities: {
    experimentalApi: options.experimentalApi ?? true,
    ...(options.optOut === undefined ? {} : { optOutNotificationMethods: options.optOut })
  }
})

/** A client over a fresh connection, after its handshake unless that is to be left out. */
export const connect = Effect.fnUntraced(function* (
  wire: Wire,
  options: ConnectOptions = {},
  client: ClientOptions = {}
): Effect.fn.Return<Client, ServerGone, Scope.Scope> {
  const connected = yield* makeClient(wire, client)
  if (options.handshake === false) return connected
  yield* connected.request("initialize", initializeParams(options))
  yield* connected.send({ method: "initialized" })
  yield* connected.settle
  yield* connected.forget
  return connected
})
