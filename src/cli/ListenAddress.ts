/**
 * Where the server listens, as `--listen` says it: `stdio://` or `ws://IP:PORT`.
 *
 * Without authentication the server only talks to its own machine: an address that others can reach
 * is refused.
 */
import { Result, Schema } from "effect"
import { NetAddress } from "effect/net"

export type ListenAddress =
  | { readonly _tag: "Stdio" }
  /** `host` is a literal IP address; port 0 lets the system choose. */
  | { readonly _tag: "WebSocket"; readonly host: string; readonly port: number }

/** The text names no place to listen. */
export class InvalidListenAddress extends Schema.TaggedError<InvalidListenAddress>()("InvalidListenAddress", {
  input: Schema.String,
  reason: Schema.Literals(["unknownScheme", "notAnIpAddress", "invalidPort", "notLoopback"])
}) {
  override get message(): string {
    const url = JSON.stringify(this.input)
    switch (this.reason) {
      case "unknownScheme":
        return `unsupported --listen URL ${url}: expected stdio:// or ws://IP:PORT`
      case "notAnIpAddress":
        return `invalid --listen URL ${url}: the host must be an IP address, such as ws://127.0.0.1:4500`
      case "invalidPort":
        return `invalid --listen URL ${url}: the port must be a number from 0 to 65535`
      case "notLoopback":
        return `refusing to listen on ${url}: without authentication only this machine may connect. Use ws://127.0.0.1:PORT, and a tunnel or a proxy that authenticates for others.`
    }
  }
}

const webSocket = /^ws:\/\/(\[[^\]/]*\]|[^:/]*)(?::([^/]*))?\/?$/i

/** Reads a `--listen` URL. */
export const parse = (input: string): Result.Result<ListenAddress, InvalidListenAddress> => {
  const invalid = (reason: InvalidListenAddress["reason"]) => Result.fail(new InvalidListenAddress({ input, reason }))
  if (/^stdio:\/*$/i.test(input)) return Result.succeed({ _tag: "Stdio" })
  const parts = webSocket.exec(input)
  if (parts === null) return invalid("unknownScheme")
  const host = (parts[1] ?? "").replace(/^\[|\]$/g, "")
  const port = parts[2] ?? ""
  const ip = NetAddress.ipFromString(host)
  if (Result.isFailure(ip)) return invalid("notAnIpAddress")
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) return invalid("invalidPort")
  if (!NetAddress.isLoopback(ip.success)) return invalid("notLoopback")
  return Result.succeed({ _tag: "WebSocket", host, port: Number(port) })
}
