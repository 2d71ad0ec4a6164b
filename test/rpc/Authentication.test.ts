/**
 * The decision about one request, without a socket: time is the test's, so every bound is met to the second.
 */
import { assert, describe, it } from "@effect/vitest"
import { NodeCrypto } from "@effect/platform-node"
import { Effect, Layer, Redacted, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Authenticator, type SignedBearerOptions } from "../../src/rpc/codex/Authentication.ts"
import { jwt, rsaJwt, secret, sha256, type Signing } from "./support/Tokens.ts"

/** What is said to a client that shows this; `null`: it may connect. */
const verdict = (...authorization: ReadonlyArray<string>) =>
  Effect.map(
    Effect.result(Authenticator.use(({ authorize }) => authorize(authorization))),
    Result.match({ onSuccess: () => null, onFailure: (error) => error.message })
  )

describe("a capability token", () => {
  const token = "correct horse"
  const layer = Authenticator.layerCapabilityToken(sha256(token)).pipe(Layer.provide(NodeCrypto.layerDigest))

  it.effect.each([
    ["is what the header says", [`Bearer ${token}`], null],
    ["may follow the scheme in any case and after spaces", [`bEARER   ${token}  `], null],
    ["is missing", [], "missing websocket bearer token"],
    ["is another one", ["Bearer correct horsf"], "invalid websocket bearer token"],
    ["is a part of it", ["Bearer correct"], "invalid websocket bearer token"],
    ["is longer", [`Bearer ${token} `.repeat(2)], "invalid websocket bearer token"],
    ["has no scheme", [token.replace(" ", "")], "invalid authorization header"],
    ["has another scheme", [`Basic ${token}`], "invalid authorization header"],
    ["is empty", ["Bearer  "], "invalid authorization header"],
    ["follows a tab", [`Bearer\t${token}`], "invalid authorization header"],
    ["is not ASCII", ["Bearer \u00e9"], "invalid authorization header"],
    ["comes twice", [`Bearer ${token}`, `Bearer ${token}`], "invalid authorization header"]
  ] as const)("%s", ([, authorization, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict(...authorization), expected)
    }).pipe(Effect.provide(layer))
  )

  it.effect.prop("is the only text that is accepted", { guess: Schema.String }, ({ guess }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* verdict(`Bearer ${guess}`)) === null, guess.trim() === token)
    }).pipe(Effect.provide(layer))
  )
})

/** Seconds since 1970, when the tests happen. */
const now = 1_800_000_000

const jwtVerdict = (
  claims: object,
  { signing, ...options }: Partial<SignedBearerOptions> & { readonly signing?: Signing } = {}
) =>
  TestClock.setTime(now * 1000 + 500).pipe(
    Effect.andThen(verdict(`Bearer ${jwt(claims, signing)}`)),
    Effect.provide(Authenticator.layerSignedBearer({ secret: Redacted.make(secret), ...options }))
  )

const good = { exp: now + 600 }
const named = { issuer: "the desk", audience: "threads" }
const goodNamed = { ...good, iss: named.issuer, aud: named.audience }

describe("a signed token", () => {
  it.effect.each([
    ["is sound", goodNamed, named, null],
    ["has several audiences", { ...goodNamed, aud: ["others", "threads"] }, named, null],
    ["has more than is asked for", { ...goodNamed, sub: "me", jti: "1" }, {}, null],
    ["has another issuer", { ...goodNamed, iss: "another" }, named, "websocket jwt issuer mismatch"],
    ["has no issuer", { ...good, aud: named.audience }, named, "websocket jwt issuer mismatch"],
    ["has another audience", { ...goodNamed, aud: "others" }, named, "websocket jwt audience mismatch"],
    ["has other audiences", { ...goodNamed, aud: ["others"] }, named, "websocket jwt audience mismatch"],
    ["has no audience", { ...good, iss: named.issuer }, named, "websocket jwt audience mismatch"],
    ["never expires", {}, {}, "invalid websocket jwt"],
    ["expires at no number", { exp: String(now + 600) }, {}, "invalid websocket jwt"],
    ["begins at no number", { ...good, nbf: "soon" }, {}, "invalid websocket jwt"],
    ["begins at null", { ...good, nbf: null }, {}, "invalid websocket jwt"],
    ["expires at a fraction of a second", { exp: now + 0.5 }, {}, null],
    ["is no object", [good], {}, "invalid websocket jwt"],
    ["expired as long ago as clocks may differ", { exp: now - 29 }, {}, null],
    ["expired longer ago", { exp: now - 30 }, {}, "expired websocket jwt"],
    ["expired, with no difference allowed", { exp: now }, { maxClockSkewSeconds: 0 }, "expired websocket jwt"],
    ["expired within an allowed hour", { exp: now - 3599 }, { maxClockSkewSeconds: 3600 }, null],
    ["begins as soon as clocks may differ", { ...good, nbf: now + 30 }, {}, null],
    ["begins later", { ...good, nbf: now + 31 }, {}, "websocket jwt is not valid yet"],
    ["was made as late as clocks may differ", { ...good, iat: now + 30 }, {}, null],
    ["was made in the future", { ...good, iat: now + 31 }, {}, "websocket jwt is not valid yet"],
    ["was signed with another secret", good, { signing: { secret: secret.slice(1) } }, "invalid websocket jwt"],
    ["is not signed", good, { signing: { alg: "none" } }, "invalid websocket jwt"],
    ["is signed with HS512", good, { signing: { alg: "HS512" } }, "invalid websocket jwt"],
    ["says HS256 in another case", good, { signing: { alg: "hs256" } }, "invalid websocket jwt"],
    ["needs what is not known here", good, { signing: { header: { crit: ["x"], x: 1 } } }, "invalid websocket jwt"]
  ] as const)("%s", ([, claims, options, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* jwtVerdict(claims, options), expected)
    })
  )

  it.effect("is not verified with the key that it brings", () =>
    Effect.gen(function* () {
      const tokens = [
        rsaJwt(good),
        jwt(good, { header: { jwk: { kty: "oct", k: "AAAA" } }, secret: new Uint8Array(3) })
      ]
      for (const token of [...tokens, "a.b.c", "....", jwt(good).slice(0, -1), `${jwt(good)}A`]) {
        assert.strictEqual(yield* verdict(`Bearer ${token}`), "invalid websocket jwt")
      }
    }).pipe(Effect.provide(Authenticator.layerSignedBearer({ secret: Redacted.make(secret) })))
  )

  it.effect("is not repeated by the refusal", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now * 1000)
      const authorizing = Authenticator.use(({ authorize }) => authorize([`Bearer ${jwt({ exp: 1 })}`]))
      const error = yield* Effect.flip(authorizing)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(error)), { _tag: "Unauthorized", reason: "expiredJwt" })
    }).pipe(Effect.provide(Authenticator.layerSignedBearer({ secret: Redacted.make(secret) })))
  )
})
