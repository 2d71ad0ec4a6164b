/**
 * `initialize`: who the client is, what it opts out of, and what it gets to know of the server.
 *
 * Broadcasts reach the client only after the answer, and the configuration's warnings come right
 * behind it (docs/codex.md, "Handshake").
 */
import { Effect, Ref } from "effect"
import { ServerConfig } from "../../services/ServerConfig.ts"
import { CurrentRequest } from "./CurrentRequest.ts"
import type { InitializeParams } from "./Params.ts"
import { protocolVersion } from "./Protocol.ts"
import { ServerInfo } from "./ServerInfo.ts"
import * as WireError from "./WireError.ts"

const headerValue = /^[\t\x20-\x7e]*$/

/** `codex-tui/0.169.0 (Linux 6.1.0; x86_64) rethread (codex-tui; 0.169.0)`, safe as a header value. */
const userAgent = (client: { readonly name: string; readonly version: string }, info: ServerInfo["Service"]): string =>
  `${client.name}/${protocolVersion} (${info.os}; ${info.arch}) rethread (${client.name}; ${client.version})`.replace(
    /[^\t\x20-\x7e]/g,
    "_"
  )

/** The handler of `initialize`, with the services that it needs. */
export const make = Effect.gen(function* () {
  const config = yield* ServerConfig
  const info = yield* ServerInfo

  return Effect.fn("Handshake.initialize")(function* ({ clientInfo, capabilities }: InitializeParams) {
    const { session, afterResponse } = yield* CurrentRequest
    if ((yield* Ref.get(session.client)) !== null) return yield* WireError.alreadyInitialized
    if (!headerValue.test(clientInfo.name)) return yield* WireError.invalidClientName(clientInfo.name)
    yield* Ref.set(session.client, {
      name: clientInfo.name,
      version: clientInfo.version,
      experimentalApi: capabilities?.experimentalApi ?? false
    })
    const optOut = new Set(capabilities?.optOutNotificationMethods ?? [])
    yield* afterResponse(() =>
      Effect.gen(function* () {
        yield* session.connection.open({ optOut })
        for (const params of yield* config.warnings) {
          yield* session.connection.notify({ method: "configWarning", params })
        }
      })
    )
    return {
      userAgent: userAgent(clientInfo, info),
      codexHome: config.home,
      platformFamily: info.platformFamily,
      platformOs: info.platformOs
    }
  })
})
