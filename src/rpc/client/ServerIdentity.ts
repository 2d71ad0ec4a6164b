/**
 * The handshake from the client's side: who is at the other end, and can it be talked to?
 *
 * The release is in the user agent, behind the client's own name. The oldest one that is talked to is 0.122.0, the first
 * that replays restored usage.
 */
import { type Duration, Effect, Option } from "effect"
import { VERSION } from "../../domain/Version.ts"
import { type ConnectionLost, HandshakeFailed } from "./ClientError.ts"
import { decodeIdentity } from "./ClientProtocol.ts"
import type { Conversation } from "./Conversation.ts"

/** The oldest release of the server that this client talks to. */
export const oldestServer = "0.122.0"

/** What a client says of itself. */
export interface ClientInfo {
  /** A valid HTTP header value. */
  readonly name: string
  readonly title?: string | null
  readonly version: string
}

/** What a server says of itself. */
export interface ServerIdentity {
  readonly userAgent: string
  /** The release, such as `0.169.0`; null when the user agent does not tell. */
  readonly version: string | null
  readonly codexHome: string
  readonly platformFamily: string
  readonly platformOs: string
}

export interface HandshakeOptions {
  readonly clientInfo: ClientInfo
  readonly experimentalApi: boolean
  readonly optOut: ReadonlyArray<string>
  /** How long the server may take to answer. */
  readonly timeout: Duration.Input
}

/** What is said by clients that do not say who they are. */
export const anonymous: ClientInfo = { name: "rethread-client", version: VERSION }

/** The release in a user agent: what comes first behind the client's name. */
const versionIn = (userAgent: string, clientName: string): string | null => {
  const rest = userAgent.startsWith(`${clientName}/`) ? userAgent.slice(clientName.length) : userAgent
  return /\/(\d+\.\d+\.\d+)/.exec(rest)?.[1] ?? null
}

/** Is the release older than the other? Both are three numbers. */
const isOlder = (version: string, than: string): boolean => {
  const other = than.split(".").map(Number)
  const differing = version
    .split(".")
    .map((part, index) => Number(part) - (other[index] ?? 0))
    .find((difference) => difference !== 0)
  return differing !== undefined && differing < 0
}

/** Says who the client is and learns who the server is. */
export const shake = Effect.fn("CodexClient.handshake")(function* (
  conversation: Conversation,
  { clientInfo, experimentalApi, optOut, timeout }: HandshakeOptions
): Effect.fn.Return<ServerIdentity, ConnectionLost | HandshakeFailed> {
  const failed = (reason: HandshakeFailed["reason"], detail: string, version: string | null = null) =>
    new HandshakeFailed({ reason, detail, version })
  const answer = yield* conversation
    .call("initialize", {
      clientInfo: { ...clientInfo, title: clientInfo.title ?? null },
      capabilities: { experimentalApi, ...(optOut.length === 0 ? {} : { optOutNotificationMethods: optOut }) }
    })
    .pipe(
      Effect.flatMap(decodeIdentity),
      Effect.catchTags({
        RequestRefused: ({ code, message }) => Effect.fail(failed("refused", `${message} (${code})`)),
        ProtocolViolation: ({ message }) => Effect.fail(failed("notAnAppServer", message))
      }),
      Effect.timeoutOption(timeout)
    )
  if (Option.isNone(answer)) return yield* failed("silent", "it does not answer `initialize`")
  const version = versionIn(answer.value.userAgent, clientInfo.name)
  if (version !== null && isOlder(version, oldestServer)) {
    return yield* failed("tooOld", `it is ${version}, and ${oldestServer} is the oldest that is understood`, version)
  }
  yield* conversation.notify("initialized")
  return { ...answer.value, version }
})
