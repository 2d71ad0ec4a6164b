/**
 * What a handler knows of the connection that it serves, and how much one connection may have open at once.
 */
import { Context, Effect, Layer } from "effect"
import { RpcMiddleware } from "effect/rpc"
import { Overloaded } from "./NativeError.ts"

export class NativeSession extends Context.Service<
  NativeSession,
  {
    /** Completes when no more is to be read from the client: what waits for it is sent, and the streams end. */
    readonly ending: Effect.Effect<void>
  }
>()("rethread/rpc/native/NativeSession") {}

/** Lets a request in, with its {@link NativeSession}, or refuses it. */
export class Admission extends RpcMiddleware.Service<Admission, { provides: NativeSession }>()(
  "rethread/rpc/native/Admission",
  { error: Overloaded }
) {
  /** At most `limit` requests, streams included, of one connection at a time. */
  static layer(limit: number, endingOf: (clientId: number) => Effect.Effect<void>): Layer.Layer<Admission> {
    return Layer.sync(Admission, () => {
      const open = new Map<number, number>()
      const enter = (clientId: number) =>
        Effect.suspend(() => {
          const count = open.get(clientId) ?? 0
          if (count >= limit) return Effect.fail(new Overloaded({ limit }))
          open.set(clientId, count + 1)
          return Effect.void
        })
      const leave = (clientId: number) =>
        Effect.sync(() => {
          const count = open.get(clientId) ?? 0
          if (count > 1) open.set(clientId, count - 1)
          else open.delete(clientId)
        })
      return Admission.of((effect, { client }) =>
        Effect.acquireUseRelease(
          enter(client.id),
          () => Effect.provideService(effect, NativeSession, { ending: endingOf(client.id) }),
          () => leave(client.id)
        )
      )
    })
  }
}
