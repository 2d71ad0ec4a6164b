/**
 * The flags say who may connect; what does not fit together, and secrets that are none, are refused by name.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, Path, Result } from "effect"
import * as AuthenticationFlags from "../../src/cli/AuthenticationFlags.ts"
import * as AuthenticationSecrets from "../../src/cli/AuthenticationSecrets.ts"
import { Authenticator } from "../../src/rpc/codex/Authentication.ts"
import { open } from "../rpc/support/WebSocketClient.ts"
import { at, hello, home, serve, start } from "./support/Program.ts"

const none: AuthenticationFlags.Given = {
  wsAuth: Option.none(),
  wsTokenFile: Option.none(),
  wsTokenSha256: Option.none(),
  wsSharedSecretFile: Option.none(),
  wsIssuer: Option.none(),
  wsAudience: Option.none(),
  wsMaxClockSkewSeconds: Option.none()
}

const some = Option.some
const token = { wsAuth: some("capability-token" as const) }
const signed = { wsAuth: some("signed-bearer-token" as const) }
const file = { wsTokenFile: some("/t") }
const secretFile = { wsSharedSecretFile: some("/s") }

describe("AuthenticationFlags.parse", () => {
  it.each<readonly [string, Partial<AuthenticationFlags.Given>, AuthenticationFlags.Authentication]>([
    ["nothing", {}, { _tag: "Open" }],
    ["a token's file", { ...token, ...file }, { _tag: "TokenFile", file: "/t" }],
    [
      "a token's digest",
      { ...token, wsTokenSha256: some(` ${"aB".repeat(32)} `) },
      { _tag: "TokenDigest", sha256: new Uint8Array(32).fill(0xab) }
    ],
    [
      "a secret's file",
      { ...signed, ...secretFile, wsIssuer: some(" i "), wsAudience: some(" ") },
      { _tag: "SignedBearer", secretFile: "/s", issuer: "i", audience: undefined, maxClockSkewSeconds: undefined }
    ],
    [
      "no difference of clocks",
      { ...signed, ...secretFile, wsMaxClockSkewSeconds: some(0) },
      { _tag: "SignedBearer", secretFile: "/s", issuer: undefined, audience: undefined, maxClockSkewSeconds: 0 }
    ]
  ])("reads %s", (_, given, expected) => {
    assert.deepStrictEqual(Result.getOrThrow(AuthenticationFlags.parse({ ...none, ...given })), expected)
  })

  it.each<readonly [string, Partial<AuthenticationFlags.Given>, AuthenticationFlags.InvalidAuthentication["reason"]]>([
    ["a file without a mode", file, "modeMissing"],
    ["an issuer without a mode", { wsIssuer: some("i") }, "modeMissing"],
    ["a difference of clocks without a mode", { wsMaxClockSkewSeconds: some(0) }, "modeMissing"],
    ["a mode without a token", token, "tokenMissing"],
    ["two tokens", { ...token, ...file, wsTokenSha256: some("") }, "tokenTwice"],
    ["a token with an issuer", { ...token, ...file, wsIssuer: some("i") }, "tokenFlagsOnly"],
    ["a token with a secret", { ...token, ...file, ...secretFile }, "tokenFlagsOnly"],
    ["no digest", { ...token, wsTokenSha256: some("") }, "invalidDigest"],
    ["a short digest", { ...token, wsTokenSha256: some("ab".repeat(31)) }, "invalidDigest"],
    ["a digest that is not hexadecimal", { ...token, wsTokenSha256: some("xy".repeat(32)) }, "invalidDigest"],
    ["a mode without a secret", signed, "secretMissing"],
    ["a secret with a token", { ...signed, ...secretFile, ...file }, "signedFlagsOnly"],
    [
      "a negative difference of clocks",
      { ...signed, ...secretFile, wsMaxClockSkewSeconds: some(-1) },
      "invalidClockSkew"
    ]
  ])("refuses %s", (_, given, reason) => {
    const error = Result.getOrThrow(Result.flip(AuthenticationFlags.parse({ ...none, ...given })))
    assert.strictEqual(error.reason, reason)
    assert.include(error.message, "--ws-")
  })
})

/** What becomes of a secret's file with these contents. */
const authorizer = Effect.fnUntraced(function* (
  kind: "TokenFile" | "SignedBearer",
  content: Uint8Array | string | null
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const name = path.join(yield* fs.makeTempDirectoryScoped(), "secret")
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  if (bytes !== null) yield* fs.writeFile(name, bytes)
  const layer = AuthenticationSecrets.layer(
    kind === "TokenFile"
      ? { _tag: kind, file: name }
      : { _tag: kind, secretFile: name, issuer: undefined, audience: undefined, maxClockSkewSeconds: undefined }
  )
  return yield* Authenticator.use(({ authorize }) => Effect.succeed(authorize)).pipe(Effect.provide(layer))
})

describe("AuthenticationFlags.layer", () => {
  it.effect("takes the token without the space around it", () =>
    Effect.gen(function* () {
      const authorize = yield* authorizer("TokenFile", "\n secret \r\n")
      yield* authorize(["Bearer secret"])
      assert.strictEqual((yield* Effect.flip(authorize(["Bearer secre"]))).reason, "invalidToken")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect.each([
    ["TokenFile", null, "unreadable"],
    ["TokenFile", "", "empty"],
    ["TokenFile", " \n", "empty"],
    ["TokenFile", Uint8Array.of(0x61, 0xff), "unreadable"],
    ["SignedBearer", null, "unreadable"],
    ["SignedBearer", "", "empty"],
    ["SignedBearer", "x".repeat(31) + "\n", "tooShort"]
  ] as const)("refuses a file for %s with %s: %s", ([kind, content, reason]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(authorizer(kind, content))
      assert.strictEqual(error.reason, reason)
      assert.include(error.message, "secret")
      assert.notInclude(error.message, "xxx")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("rethread app-server --ws-auth", () => {
  it.effect("lets in who has the token", () =>
    Effect.gen(function* () {
      const digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
      const flags = ["--ws-auth", "capability-token", "--ws-token-sha256", digest]
      const { url } = yield* serve("ws://127.0.0.1:0", yield* home, ...flags)
      assert.strictEqual((yield* Effect.flip(open(url))).code, 401)
      const client = yield* open(url, { authorization: "Bearer secret" })
      yield* client.send(hello)
      assert.strictEqual(at(yield* client.receive, "id"), "hello")
    })
  )

  it.effect.each([
    ["a mode that there is not", ["--ws-auth", "none"], 2, "ws-auth"],
    ["flags that do not fit", ["--ws-auth", "capability-token"], 1, "--ws-token-file"],
    ["a file that there is not", ["--ws-auth", "capability-token", "--ws-token-file", "/nowhere"], 1, "/nowhere"]
  ] as const)("refuses %s", ([, flags, code, text]) =>
    Effect.gen(function* () {
      const program = yield* start([
        "app-server",
        "--listen",
        "ws://127.0.0.1:0",
        "--codex-home",
        yield* home,
        ...flags
      ])
      assert.strictEqual(yield* program.exitCode, code)
      assert.include(yield* program.said, text)
    })
  )

  it.effect("refuses authentication over standard input", () =>
    Effect.gen(function* () {
      const program = yield* start([
        "app-server",
        "--ws-auth",
        "capability-token",
        "--ws-token-sha256",
        "ab".repeat(32)
      ])
      assert.strictEqual(yield* program.exitCode, 1)
      assert.include(yield* program.said, "standard input")
    })
  )
})
