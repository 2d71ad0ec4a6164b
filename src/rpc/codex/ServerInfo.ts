/**
 * What the server tells clients of itself and of the machine that it runs on. The wire knows no
 * platform: whoever starts the server says.
 */
import { Context, Layer } from "effect"

export class ServerInfo extends Context.Service<
  ServerInfo,
  {
    /** Operating system and its version, for people: `Linux 6.1.0`. */
    readonly os: string
    /** The machine's architecture, as `uname -m` says: `x86_64`. */
    readonly arch: string
    /** `unix` or `windows`. */
    readonly platformFamily: string
    /** `linux`, `macos`, `windows` … */
    readonly platformOs: string
  }
>()("rethread/rpc/codex/ServerInfo") {
  static layer(info: ServerInfo["Service"]): Layer.Layer<ServerInfo> {
    return Layer.succeed(ServerInfo, ServerInfo.of(info))
  }
}
