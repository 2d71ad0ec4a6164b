/**
 * The genuine Codex app-server as a peer, to prove that what is said of it is true. Where it cannot be had, the peer fails
 * with `PeerUnavailable`, which every run shows.
 */
import { Effect } from "effect"
import { homedir } from "node:os"
import { binary, type Version } from "../support/CodexBinary.ts"
import { listening, type Program, stdio, webSocket } from "./Child.ts"
import { connect, type Peer, PeerUnavailable } from "./Peer.ts"

export { type Version, versions } from "../support/CodexBinary.ts"

// It promises no order between what two requests lead to; this is long against what was measured.
const patience = "100 millis"

/** The genuine server over a home. */
export const program = (command: string, home: string, ...args: ReadonlyArray<string>): Program => ({
  command,
  args: ["app-server", ...args],
  env: { HOME: homedir(), PATH: "/usr/bin:/bin", CODEX_HOME: home, RUST_LOG: "off" }
})

/** Genuine Codex: over stdio, or over WebSocket where a case needs two clients. It is looked for, or installed, once. */
export const peer = Effect.fnUntraced(function* (version: Version) {
  const found = yield* Effect.cached(
    Effect.mapError(binary(version), ({ reason }) => new PeerUnavailable({ peer: `codex ${version}`, reason }))
  )
  const serve: Peer["serve"] = Effect.fnUntraced(function* (home, clients) {
    const command = yield* found
    if (clients === 1) {
      const wire = stdio(program(command, home.directory))
      return { connect: (options) => Effect.flatMap(wire, (wire) => connect(wire, options, { patience })) }
    }
    const url = yield* listening(program(command, home.directory, "--listen", "ws://127.0.0.1:0"))
    return { connect: (options) => Effect.flatMap(webSocket(url), (wire) => connect(wire, options, { patience })) }
  })
  return { name: `codex ${version}`, origin: version, manyClients: true, serve } satisfies Peer
})
