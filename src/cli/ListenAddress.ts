/**
 * Where the server listens, as `--listen` says it: `stdio://`, `ws://IP:PORT`, or `unix://PATH` for WebSockets over a
 * Unix socket.
 *
 * Without authentication the server only talks to its own machine: an address that others can reach is refused.
 */
import { Result, Schema } from "effect"
import { NetAddress } from "effect/net"

export type ListenAddress =
  | { readonly _tag: "Stdio" }
  /** `host` is a literal IP address; port 0 lets the system choose. */
  | { readonly _tag: "WebSocket"; readonly host: string; readonly port: number }
  /** An empty path is the place in the Codex home where its clients look. */
  | { readonly _tag: "Unix"; readonly path: string }

/** The text names no place to listen. */
export class InvalidListenAddress extends Schema.TaggedError<InvalidListenAddress>()("InvalidListenAddress", {
  input: Schema.String,
  reason: Schema.Literals(["unknownScheme", "notAnIpAddress", "invalidPort", "notLoopback", "off"])
}) {
  override get message(): string {
    const url = JSON.stringify(this.input)
    switch (this.reason) {
      case "unknownScheme":
        return `unsupported --listen URL ${url}: expected stdio://, unix://, unix://PATH or ws://IP:PORT`
      case "notAnIpAddress":
        return `invalid --listen URL ${url}: the host must be an IP address, such as ws://127.0.0.1:4500`
      case "invalidPort":
        return `invalid --listen URL ${url}: the port must be a number from 0 to 65535`
      case "notLoopback":
        return `refusing to listen on ${url} without authentication: others than this machine could connect. Set --ws-auth capability-token or --ws-auth signed-bearer-token, or use ws://127.0.0.1:PORT`
      case "off":
        return `no transport configured: with --listen ${url} nobody could connect, for there is no remote control here. Use stdio://, unix:// or ws://IP:PORT`
    }
  }

  /** As Codex exits: 2 for what is no address, 1 for one that cannot be served. */
  get exitCode(): number {
    return this.reason === "notLoopback" || this.reason === "off" ? 1 : 2
  }
}

const webSocket = /^ws:\/\/(\[[^\]/]*\]|[^:/]*)(?::([^/]*))?\/?$/i
const unixSocket = /^unix:\/\/(.*)$/is

export interface ParseOptions {
  /** Clients show who they are: then other machines may connect too. */
  readonly authenticated: boolean
}

/** Reads a `--listen` URL. */
export const parse = (
  input: string,
  { authenticated }: ParseOptions = { authenticated: false }
): Result.Result<ListenAddress, InvalidListenAddress> => {
  const invalid = (reason: InvalidListenAddress["reason"]) => Result.fail(new InvalidListenAddress({ input, reason }))
  if (/^stdio:\/*$/i.test(input)) return Result.succeed({ _tag: "Stdio" })
  if (input === "off") return invalid("off")
  const path = unixSocket.exec(input)?.[1]
  if (path !== undefined) return Result.succeed({ _tag: "Unix", path })
  const parts = webSocket.exec(input)
  if (parts === null) return invalid("unknownScheme")
  const host = (parts[1] ?? "").replace(/^\[|\]$/g, "")
  const port = parts[2] ?? ""
  const ip = NetAddress.ipFromString(host)
  if (Result.isFailure(ip)) return invalid("notAnIpAddress")
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) return invalid("invalidPort")
  if (!authenticated && !NetAddress.isLoopback(ip.success)) return invalid("notLoopback")
  return Result.succeed({ _tag: "WebSocket", host, port: Number(port) })
}
