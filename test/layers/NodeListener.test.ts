/**
 * A Unix socket's place in the file system: made for its owner only, taken from the dead, never from the living.
 */
import { NodeCrypto, NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Path, Scope } from "effect"
import { spawn } from "node:child_process"
import { lstatSync, readlinkSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { Authenticator } from "../../src/rpc/codex/Authentication.ts"
import { initializeParams, server } from "../rpc/support/Client.ts"
import { listen } from "../rpc/support/Listening.ts"
import { connect, upgrade } from "../rpc/support/RawClient.ts"
import { sha256 } from "../rpc/support/Tokens.ts"
import { open } from "../rpc/support/WebSocketClient.ts"

/** A folder of the test's own. */
const folder = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.makeTempDirectoryScoped()
  return (...parts: ReadonlyArray<string>) => path.join(root, ...parts)
})

/** Leaves a socket behind, as a server does that is killed. */
const abandon = (path: string) =>
  Effect.callback<void>((resume) => {
    const listening = `require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`
    spawn(process.execPath, ["-e", listening, path]).on("exit", () => resume(Effect.void))
  })

const modeOf = (path: string) => statSync(path).mode & 0o777
const isSocket = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false

const serves = Effect.fnUntraced(function* (path: string, headers?: Record<string, string>) {
  const client = yield* open(`ws+unix:${path}:/`, headers)
  yield* client.send({ id: 1, method: "initialize", params: initializeParams })
  assert.strictEqual((yield* client.receive)["id"], 1)
})

/** Why it cannot be listened on. */
const refusal = (path: string) =>
  Effect.flip(Effect.scoped(listen({ on: { path } }))).pipe(
    Effect.map(({ message, reason }) => {
      assert.include(message, JSON.stringify(path).slice(1, -1))
      return reason
    })
  )

layer(Layer.merge(server(), NodeServices.layer), { excludeTestServices: true })("a Unix socket", (it) => {
  it.effect("is for its owner, in a folder that is; both are served, and the socket goes with the server", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const path = at("new", "deeper", "x.sock")
      const scope = yield* Scope.make()
      const url = yield* Scope.provide(listen({ on: { path } }), scope)
      assert.strictEqual(url, `unix://${path}`)
      assert.deepStrictEqual([modeOf(path), modeOf(at("new", "deeper")), modeOf(at("new"))], [0o600, 0o700, 0o700])
      yield* serves(path)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isSocket(path))
    })
  )

  it.effect("asks for tokens, keeps browsers out and answers health checks, as a port does", () =>
    Effect.gen(function* () {
      const path = (yield* folder)("x.sock")
      const authenticator = Authenticator.layerCapabilityToken(sha256("open sesame")).pipe(
        Layer.provide(NodeCrypto.layerDigest)
      )
      const url = yield* listen({ on: { path }, authenticator })
      const answer = Effect.fnUntraced(function* (request: string) {
        const client = yield* connect(url)
        yield* client.write(request)
        return (yield* client.ended).toString().slice(9, 12)
      })
      const health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      assert.deepStrictEqual(
        [
          yield* answer(upgrade()),
          yield* answer(upgrade(["Origin: http://localhost", "Authorization: Bearer open sesame"])),
          yield* answer(`${health}\r\n`),
          yield* answer(`${health}Origin: http://localhost\r\n\r\n`)
        ],
        ["401", "403", "200", "403"]
      )
      yield* serves(path, { authorization: "Bearer open sesame" })
    })
  )

  it.effect("keeps the mode of a folder that there was", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const at = yield* folder
      yield* fs.makeDirectory(at("open"), { mode: 0o755 })
      yield* listen({ on: { path: at("open", "x.sock") } })
      assert.strictEqual(modeOf(at("open")), 0o755)
    })
  )

  it.effect("takes the place of one that nobody listens on", () =>
    Effect.gen(function* () {
      const path = (yield* folder)("x.sock")
      yield* abandon(path)
      assert.isTrue(isSocket(path))
      yield* listen({ on: { path } })
      yield* serves(path)
    })
  )

  it.effect("does not take the place of one that somebody listens on, not even for a moment", () =>
    Effect.gen(function* () {
      const path = (yield* folder)("x.sock")
      yield* listen({ on: { path } })
      const { ino } = statSync(path)
      assert.strictEqual(yield* refusal(path), "addressInUse")
      assert.strictEqual(statSync(path).ino, ino)
      yield* serves(path)
    })
  )

  it.effect("follows a link to ask, and takes the link's place only", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const scope = yield* Scope.make()
      yield* Scope.provide(listen({ on: { path: at("target") } }), scope)
      symlinkSync(at("target"), at("link"))
      assert.strictEqual(yield* refusal(at("link")), "addressInUse")
      yield* Scope.close(scope, Exit.void)
      yield* abandon(at("target"))
      yield* listen({ on: { path: at("link") } })
      assert.deepStrictEqual([isSocket(at("link")), isSocket(at("target"))], [true, true])
      yield* serves(at("link"))
    })
  )

  it.effect("takes the place of the link that Codex leaves when the system has cleared its folder", () =>
    Effect.gen(function* () {
      const at = yield* folder
      symlinkSync(at("codex-daemon-1000", "0123"), at("x.sock"))
      yield* listen({ on: { path: at("x.sock") } })
      yield* serves(at("x.sock"))
    })
  )

  it.effect("touches nothing else", () =>
    Effect.gen(function* () {
      const at = yield* folder
      writeFileSync(at("file"), "mine")
      symlinkSync(at("file"), at("link"))
      symlinkSync(at("nowhere"), at("dangling"))
      for (const name of ["file", "link", "dangling", ""]) assert.strictEqual(yield* refusal(at(name)), "notASocket")
      assert.deepStrictEqual(
        [readFileSync(at("file"), "utf8"), readlinkSync(at("link")), readlinkSync(at("dangling"))],
        ["mine", at("file"), at("nowhere")]
      )
    })
  )

  it.effect("has no path that does not fit", () =>
    Effect.gen(function* () {
      const at = yield* folder
      assert.strictEqual(yield* refusal(at("x".repeat(108))), "pathTooLong")
      assert.strictEqual(yield* refusal(at("\u00e9".repeat(50))), "pathTooLong")
      assert.strictEqual(yield* refusal(`${at("x")}\0y`), "invalidPath")
      writeFileSync(at("file"), "")
      assert.strictEqual(yield* refusal(at("file", "x.sock")), "other")
    })
  )

  it.effect("can be as long as it fits", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const path = at("x".repeat((process.platform === "linux" ? 107 : 103) - at("").length - 1))
      yield* abandon(path)
      yield* listen({ on: { path } })
      assert.isTrue(isSocket(path))
    })
  )
})
