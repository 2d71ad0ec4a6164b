/**
 * A connection to a server in the same process.
 */
import { Effect, Layer } from "effect"
import { printExact } from "../../domain/Json.ts"
import * as InProcessTransport from "../codex/InProcessTransport.ts"
import { JsonRpcServer } from "../codex/JsonRpcServer.ts"
import { ConnectionLost } from "./ClientError.ts"
import { Connector } from "./Wire.ts"

const closing = {
  ended: "the server has let go of the connection",
  overflow: "the server has let go of the connection, because the client read too slowly"
}

/** Connects to the {@link JsonRpcServer}. */
export const layer: Layer.Layer<Connector, never, JsonRpcServer> = Layer.effect(
  Connector,
  Effect.gen(function* () {
    const server = yield* JsonRpcServer
    return Connector.of({
      open: InProcessTransport.connect().pipe(
        Effect.provideService(JsonRpcServer, server),
        Effect.map((client) => ({
          send: client.sendText,
          receive: client.receive.pipe(
            Effect.map((frame) => [printExact(frame)]),
            Effect.catchTag("Done", () =>
              Effect.flatMap(client.ending, (ending) =>
                Effect.fail(new ConnectionLost({ reason: "ended", detail: closing[ending] ?? ending, code: null }))
              )
            )
          )
        }))
      )
    })
  })
)
