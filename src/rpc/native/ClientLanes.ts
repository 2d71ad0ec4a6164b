/**
 * Keeps one stream that nobody pulls from holding up everything else on its connection.
 *
 * A client reads its socket in one place, and waits there while the buffer of a stream is full. Here each request has a
 * lane of its own: messages of one request are taken in order, those of others go by. What a lane may hold is bounded,
 * for the server sends the next chunk of a stream when the one before was taken.
 */
import { Effect } from "effect"
import type { RpcClient } from "effect/rpc"
import * as Lanes from "../codex/Lanes.ts"

/** The protocol, with a lane for each request. */
export const withLanes = (protocol: RpcClient.Protocol["Service"]): RpcClient.Protocol["Service"] => ({
  ...protocol,
  run: (clientId, receive) =>
    Effect.scoped(
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        const lanes = Lanes.make()
        return yield* protocol.run(clientId, (message) =>
          message._tag === "Chunk" || message._tag === "Exit"
            ? Effect.asVoid(
                Effect.forkIn(lanes.run(String(message.requestId))(receive(message)), scope, {
                  startImmediately: true
                })
              )
            : receive(message)
        )
      })
    )
})
