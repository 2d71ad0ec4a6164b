/**
 * What a handler sees of the request that it answers: the session it came from, and the hook that
 * runs once its answer is on the way.
 */
import { Context, Effect, Ref } from "effect"
import { RpcMiddleware } from "effect/rpc"
import type { Connection, ResponseReceipt } from "../../services/NotificationDelivery.ts"
import * as WireError from "./WireError.ts"

/** A client after its handshake. */
export interface Client {
  readonly name: string
  readonly version: string
  readonly experimentalApi: boolean
}

/** One connection's conversation, from the first frame to the last. */
export interface Session {
  readonly connection: Connection
  /** Null until `initialize` succeeded. */
  readonly client: Ref.Ref<Client | null>
}

export class CurrentRequest extends Context.Service<
  CurrentRequest,
  {
    readonly session: Session
    /**
     * Runs `hook` right after this request's successful response entered the outbox; what the hook sends
     * comes behind it. Not run when the request fails or the client is gone. A failing hook is logged.
     */
    readonly afterResponse: (hook: (receipt: ResponseReceipt) => Effect.Effect<void>) => Effect.Effect<void>
  }
>()("rethread/rpc/codex/CurrentRequest") {}

/** Refuses the request unless its client asked for what Codex calls experimental; `what` is the method, or a member. */
export const requireExperimental = Effect.fnUntraced(function* (what: string) {
  const { session } = yield* CurrentRequest
  const client = yield* Ref.get(session.client)
  if (client?.experimentalApi !== true) return yield* WireError.experimentalRequired(what)
})

/** Gives each handler its {@link CurrentRequest}; the engine implements it. */
export class RequestMiddleware extends RpcMiddleware.Service<RequestMiddleware, { provides: CurrentRequest }>()(
  "rethread/rpc/codex/RequestMiddleware"
) {}
