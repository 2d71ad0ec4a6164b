/**
 * What carries a client's frames: the little that the client needs of a program's standard streams, a WebSocket or a
 * server in the same process. A connector opens wires, again after a connection was lost.
 */
import { Context, type Effect, type Scope } from "effect"
import type { ConnectionLost } from "./ClientError.ts"

/** One open connection: JSON texts out, JSON texts in. */
export interface Wire {
  /** Hands one frame over, waiting while the server takes no more. Fails when the connection is gone. */
  readonly send: (frame: string) => Effect.Effect<void, ConnectionLost>
  /** The next frames, at least one; the failure tells why no more will come. One reader at a time. */
  readonly receive: Effect.Effect<ReadonlyArray<string>, ConnectionLost>
}

/** Where the server is, and how to get there. */
export class Connector extends Context.Service<
  Connector,
  {
    /** A new connection, which lasts as long as the scope. */
    readonly open: Effect.Effect<Wire, ConnectionLost, Scope.Scope>
  }
>()("rethread/rpc/client/Wire/Connector") {}
