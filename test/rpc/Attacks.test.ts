/**
 * What somebody might send who means no good, row by row, over real sockets to a server with real files. Each row says
 * what comes back; after each, another client is served as if nothing had happened.
 */
import { NodeCrypto } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Server from "../../src/cli/Server.ts"
import { isRecord, own } from "../../src/domain/Json.ts"
import { Authenticator } from "../../src/rpc/codex/Authentication.ts"
import * as Frame from "../../src/rpc/codex/Frame.ts"
import { initializeParams } from "./support/Client.ts"
import { listen } from "./support/Listening.ts"
import { closingOf, connect, frame, hasClosing, opcodes, upgrade } from "./support/RawClient.ts"
import { jwt, rsaJwt, secret, sha256, type Signing } from "./support/Tokens.ts"
import { open } from "./support/WebSocketClient.ts"

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? own(value, key) : undefined), value)

const idOf = (n: number) => `9c53aaaa-0000-4000-8000-00000000000${n}`
const nameOf = (n: number) => `rollout-2025-01-05T12-00-00-${idOf(n)}.jsonl`
const rollout = (n: number) =>
  JSON.stringify({
    timestamp: "2025-01-05T12:00:00.000Z",
    type: "session_meta",
    payload: { id: idOf(n), timestamp: "2025-01-05T12:00:00Z", cwd: "/", originator: "codex", cli_version: "0.0.0" }
  }) + "\n"

/** A Codex home with thread 1, beside folders that are none of its business but which links in it lead to. */
const folders = Effect.acquireRelease(
  Effect.sync(() => {
    const root = mkdtempSync(join(tmpdir(), "rethread-attacks-"))
    const home = join(root, "home")
    const day = join(home, "sessions/2025/01/05")
    const outside = join(root, "outside")
    mkdirSync(day, { recursive: true })
    mkdirSync(outside)
    writeFileSync(join(day, nameOf(1)), rollout(1))
    writeFileSync(join(outside, nameOf(2)), rollout(2))
    writeFileSync(join(outside, nameOf(3)), rollout(3))
    symlinkSync(join(outside, nameOf(2)), join(day, nameOf(2)))
    symlinkSync(outside, join(home, "sessions/linked"))
    return { root, home, day }
  }),
  ({ root }) => Effect.sync(() => rmSync(root, { recursive: true }))
)

const token = "open sesame"
const named = { issuer: "the desk", audience: "threads" }

/** One server, and how to reach it. */
class Target extends Context.Service<
  Target,
  {
    readonly home: string
    readonly day: string
    /** Everybody may connect. */
    readonly open: string
    /** Whoever has the {@link token}. */
    readonly capability: string
    /** Whoever has a token signed with the {@link secret}, {@link named} so. */
    readonly signed: string
  }
>()("rethread/test/rpc/Attacks.test/Target") {}

const target = Layer.unwrap(
  Effect.map(folders, ({ day, home }) =>
    Layer.effect(
      Target,
      Effect.gen(function* () {
        const capability = Authenticator.layerCapabilityToken(sha256(token)).pipe(Layer.provide(NodeCrypto.layerDigest))
        const signed = Authenticator.layerSignedBearer({ secret: Redacted.make(secret), ...named })
        return {
          home,
          day,
          open: yield* listen(),
          capability: yield* listen({ authenticator: capability }),
          signed: yield* listen({ authenticator: signed })
        }
      })
    ).pipe(Layer.provide(Server.layer({ home, overrides: [], cwd: home, agent: "echo" })))
  )
)

const hello = Effect.fnUntraced(function* (url: string, headers?: Record<string, string>) {
  const client = yield* open(url, headers)
  yield* client.send({ id: "hello", method: "initialize", params: initializeParams })
  assert.strictEqual(at(yield* client.receive, "id"), "hello")
  return client
})

/** Another client finds the thread, and nothing else. */
const stillServes = Effect.gen(function* () {
  const client = yield* hello((yield* Target).open)
  yield* client.send({ id: 1, method: "thread/read", params: { threadId: idOf(1) } })
  assert.strictEqual(at(yield* client.receive, "result", "thread", "id"), idOf(1))
}).pipe(Effect.scoped)

/** The first line and the body of the answer to a request that is refused. */
const refusal = Effect.fnUntraced(function* (url: string, request: string) {
  const client = yield* connect(url)
  yield* client.write(request)
  const [head = "", body = ""] = (yield* client.ended).toString("utf8").split("\r\n\r\n")
  return `${head.split("\r\n")[0]?.split(" ")[1]} ${body}`.trim()
})

const bearer = (value: string) => `Authorization: Bearer ${value}`

/** Requests for a WebSocket with a secret token. */
const doors = [
  ["no token", [], "/", "401 missing websocket bearer token"],
  ["a wrong token", [bearer("open barley")], "/", "401 invalid websocket bearer token"],
  ["the token in the query", [], `/?token=${token.replace(" ", "+")}`, "401 missing websocket bearer token"],
  ["the token in a cookie", [`Cookie: token=${token}`], "/", "401 missing websocket bearer token"],
  ["the token as a subprotocol", ["Sec-WebSocket-Protocol: open"], "/", "401 missing websocket bearer token"],
  ["another scheme", [`Authorization: Basic ${token}`], "/", "401 invalid authorization header"],
  ["two headers, the first right", [bearer(token), bearer("x")], "/", "401 invalid authorization header"],
  ["two headers, the second right", [bearer("x"), bearer(token)], "/", "401 invalid authorization header"],
  ["the token, from a browser", ["Origin: http://localhost", bearer(token)], "/", "403"],
  ["no token, at a path that looks like a health check", [], "/healthz/..", "401 missing websocket bearer token"]
] as const

type Claims = (now: number) => object
const good: Claims = (now) => ({ exp: now + 600, iss: named.issuer, aud: named.audience })

/** Signed tokens. */
const forged: ReadonlyArray<readonly [string, Claims, Signing, string]> = [
  ["alg none", good, { alg: "none" }, "401 invalid websocket jwt"],
  ["HS512 in place of HS256", good, { alg: "HS512" }, "401 invalid websocket jwt"],
  ["another secret", good, { secret: secret.slice(1) }, "401 invalid websocket jwt"],
  ["a wrong issuer", (now) => ({ ...good(now), iss: "x" }), {}, "401 websocket jwt issuer mismatch"],
  ["a wrong audience", (now) => ({ ...good(now), aud: "x" }), {}, "401 websocket jwt audience mismatch"],
  ["an expired one", (now) => ({ ...good(now), exp: now - 60 }), {}, "401 expired websocket jwt"],
  ["one without an end", (now) => ({ ...good(now), exp: undefined }), {}, "401 invalid websocket jwt"],
  ["one not valid yet", (now) => ({ ...good(now), nbf: now + 60 }), {}, "401 websocket jwt is not valid yet"],
  ["one made in the future", (now) => ({ ...good(now), iat: now + 60 }), {}, "401 websocket jwt is not valid yet"]
]

/** The answer to a message: its id, and what kind of error it is. */
const answerOf = (message: unknown): string => {
  const type = at(message, "error", "data", "type")
  return `${JSON.stringify(at(message, "id"))} ${typeof type === "string" ? type : "served"}`
}

const resume = (params: object) => ({ id: 1, method: "thread/resume", params })

/** Messages on an open connection, as text or as a value, and the answer. */
const messages: ReadonlyArray<readonly [string, string | object, string]> = [
  ["a second initialize", { id: 1, method: "initialize", params: initializeParams }, "1 alreadyInitialized"],
  ["200,000 levels of arrays", "[".repeat(200_000), "null tooDeep"],
  ["200,000 levels of objects", '{"a":'.repeat(200_000), "null tooDeep"],
  ["a batch", [resume({ threadId: idOf(1) })], "null batchUnsupported"],
  ["no JSON", "{", "null malformedJson"],
  ["nothing", "", "null malformedJson"],
  ["a null id", { ...resume({}), id: null }, "null invalidId"],
  ["a fraction as id", { ...resume({}), id: 1.5 }, "null invalidId"],
  ["an object as id", { ...resume({}), id: {} }, "null invalidId"],
  ["an id over 2^53", '{"id":9007199254740993,"method":"thread/list","params":{}}', "null invalidId"],
  ["a method of Object's", { id: 1, method: "constructor", params: {} }, "1 unknownMethod"],
  ["__proto__ as method", '{"id":1,"method":"__proto__","params":{}}', "1 unknownMethod"],
  ["the method in __proto__", '{"id":1,"__proto__":{"method":"thread/list"}}', "1 missingMethod"],
  [
    "the thread in __proto__",
    `{"id":1,"method":"thread/read","params":{"__proto__":{"threadId":"${idOf(1)}"}}}`,
    "1 invalidParams"
  ],
  ["the thread in constructor", resume({ constructor: { threadId: idOf(1) } }), "1 invalidParams"],
  ["a path as thread", resume({ threadId: `../${idOf(1)}` }), "1 invalidThreadId"],
  ["a folder as thread", resume({ threadId: "/" }), "1 invalidThreadId"],
  ["a path of Windows as thread", resume({ threadId: `..\\${idOf(1)}` }), "1 invalidThreadId"],
  ["an escaped path as thread", resume({ threadId: `%2e%2e%2f${idOf(1)}` }), "1 invalidThreadId"],
  ["a NUL behind the thread", resume({ threadId: `${idOf(1)}\0` }), "1 invalidThreadId"],
  ["a thread that a link leads out to", resume({ threadId: idOf(2) }), "1 threadNotFound"],
  ["a thread in a folder that a link leads out to", resume({ threadId: idOf(3) }), "1 threadNotFound"]
]

/** Files to resume from, and the answer. */
const paths: ReadonlyArray<readonly [string, (target: Target["Service"]) => string, string]> = [
  ["above the home", ({ home }) => `${home}/../outside/${nameOf(2)}`, "1 pathRefused"],
  ["above the home, from the home", () => `../outside/${nameOf(2)}`, "1 pathRefused"],
  ["of the system", () => "/etc/passwd", "1 pathRefused"],
  ["with a NUL", ({ day }) => `${day}/${nameOf(1)}\0.jsonl`, "1 pathRefused"],
  ["that is a link out", ({ day }) => `${day}/${nameOf(2)}`, "1 pathRefused"],
  ["in a folder that is a link out", ({ home }) => `${home}/sessions/linked/${nameOf(3)}`, "1 pathRefused"],
  ["that is a folder", ({ day }) => day, "1 pathRefused"]
]

/** Bytes behind a sound upgrade, and how the server closes. */
const bytes = [
  ["an unmasked frame", frame(opcodes.text, "{}", { masked: false }), "1002 not a WebSocket frame"],
  ["a reserved opcode", frame(3, "{}"), "1002 not a WebSocket frame"],
  ["a fragmented ping", frame(opcodes.ping, "", { final: false }), "1002 not a WebSocket frame"],
  ["bytes that are not UTF-8", frame(opcodes.text, Uint8Array.of(0x22, 0xff, 0x22)), "1007 not UTF-8"],
  ["half a character", frame(opcodes.text, Uint8Array.of(0xe2, 0x82)), "1007 not UTF-8"],
  ["a length of 2^63", Uint8Array.of(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0), "1009 message too big"],
  ["a length over the limit", Uint8Array.of(0x81, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0), "1009 message too big"]
] as const

layer(target, { excludeTestServices: true })("an attack", (it) => {
  it.effect.each(doors)("at the door: %s", ([, headers, path, expected]) =>
    Effect.gen(function* () {
      const { capability } = yield* Target
      assert.strictEqual(yield* refusal(capability, upgrade(headers, path)), expected)
      yield* hello(capability, { authorization: `bearer ${token}` })
      yield* stillServes
    })
  )

  it.effect.each(forged)("with a signed token: %s", ([, claims, signing, expected]) =>
    Effect.gen(function* () {
      const { signed } = yield* Target
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      assert.strictEqual(yield* refusal(signed, upgrade([bearer(jwt(claims(now), signing))])), expected)
      // The clocks may differ by half a minute.
      yield* hello(signed, { authorization: `Bearer ${jwt({ ...good(now), exp: now - 10, nbf: now + 10 })}` })
      yield* stillServes
    })
  )

  it.effect("with a signed token: RS256 in place of HS256", () =>
    Effect.gen(function* () {
      const { signed } = yield* Target
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const refused = yield* refusal(signed, upgrade([bearer(rsaJwt(good(now)))]))
      assert.strictEqual(refused, "401 invalid websocket jwt")
      yield* stillServes
    })
  )

  it.effect.each(messages)("on the wire: %s", ([, message, expected]) =>
    Effect.gen(function* () {
      const client = yield* hello((yield* Target).open)
      yield* client.sendText(typeof message === "string" ? message : JSON.stringify(message))
      assert.strictEqual(answerOf(yield* client.receive), expected)
      // The same connection goes on.
      yield* client.send({ id: 2, method: "thread/loaded/list", params: {} })
      assert.strictEqual(answerOf(yield* client.receive), "2 served")
      yield* stillServes
    })
  )

  it.effect("on the wire: a request before initialize", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* Target).open)
      yield* client.send(resume({ threadId: idOf(1) }))
      assert.strictEqual(answerOf(yield* client.receive), "1 notInitialized")
      yield* stillServes
    })
  )

  it.effect("on the wire: a message over the limit", () =>
    Effect.gen(function* () {
      const client = yield* hello((yield* Target).open)
      yield* client.sendText("x".repeat(Frame.maxFrameBytes + 1))
      assert.strictEqual(answerOf(yield* client.receive), "null frameTooLarge")
      assert.deepStrictEqual(yield* client.closed, { code: 1009, reason: "message too big" })
      yield* stillServes
    })
  )

  it.effect.each(paths)("on the files: a path %s", ([, path, expected]) =>
    Effect.gen(function* () {
      const target = yield* Target
      const client = yield* hello(target.open)
      yield* client.send(resume({ threadId: idOf(1), path: path(target) }))
      assert.strictEqual(answerOf(yield* client.receive), expected)
      yield* stillServes
    })
  )

  it.effect("on the files: links out of the home are not listed", () =>
    Effect.gen(function* () {
      const client = yield* hello((yield* Target).open)
      yield* client.send({ id: 1, method: "thread/list", params: { modelProviders: [], sourceKinds: [] } })
      const answer = JSON.stringify(yield* client.receive)
      assert.notInclude(answer, idOf(2))
      assert.notInclude(answer, idOf(3))
    })
  )

  it.effect.each(bytes)("on the socket: %s", ([, data, expected]) =>
    Effect.gen(function* () {
      const client = yield* connect((yield* Target).open)
      yield* client.write(upgrade())
      yield* client.until((received) => received.includes("\r\n\r\n"))
      yield* client.write(data)
      assert.strictEqual(closingOf(yield* client.until(hasClosing)), expected)
      yield* stillServes
    })
  )
})
