/**
 * Who may open a WebSocket: whoever shows the bearer token in the `Authorization` header, before the upgrade.
 *
 * As in Codex the token is a secret that both sides know (only its SHA-256 is kept here), or a JWT that somebody signed
 * with a shared secret. It is read from the header only, never from a URL, and never gets into a log, an error or a
 * frame (docs/codex.md, "Authentication").
 */
import { Context, DateTime, Effect, Layer, Redacted, Schema } from "effect"
import { Digest, Mac } from "effect/crypto"
import { errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from "jose"

const texts = {
  missingToken: "missing websocket bearer token",
  invalidHeader: "invalid authorization header",
  invalidToken: "invalid websocket bearer token",
  invalidJwt: "invalid websocket jwt",
  expiredJwt: "expired websocket jwt",
  jwtNotYetValid: "websocket jwt is not valid yet",
  wrongIssuer: "websocket jwt issuer mismatch",
  wrongAudience: "websocket jwt audience mismatch"
} as const

/** The connection is refused. The message is what the client is told: it never repeats what the client sent. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  reason: Schema.Literals([
    "missingToken",
    "invalidHeader",
    "invalidToken",
    "invalidJwt",
    "expiredJwt",
    "jwtNotYetValid",
    "wrongIssuer",
    "wrongAudience"
  ])
}) {
  override get message(): string {
    return texts[this.reason]
  }
}

/** Bytes that a secret for signed tokens has at least: as many as the signature. */
export const minSecretBytes = 32

/** Seconds that the clocks of this machine and of the signer may differ, when nothing else is said. */
const defaultMaxClockSkewSeconds = 30

export interface SignedBearerOptions {
  /** At least {@link minSecretBytes}. */
  readonly secret: Redacted.Redacted<Uint8Array>
  /** What `iss` must be; any when not given. */
  readonly issuer?: string | undefined
  /** What `aud` must be, or contain; any when not given. */
  readonly audience?: string | undefined
  /** Default 30. */
  readonly maxClockSkewSeconds?: number | undefined
}

/** Decides about one request for a WebSocket. */
export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** `authorization`: the values of all headers of that name. More than one is refused: who reads which is unclear. */
    readonly authorize: (authorization: ReadonlyArray<string>) => Effect.Effect<void, Unauthorized>
  }
>()("rethread/rpc/codex/Authentication/Authenticator") {
  /** Everybody may connect: for listeners that only this machine reaches. */
  static readonly layerOpen: Layer.Layer<Authenticator> = Layer.succeed(this, { authorize: () => Effect.void })

  /** One secret token. `sha256`: its digest, 32 bytes. */
  static layerCapabilityToken(sha256: Uint8Array): Layer.Layer<Authenticator, never, Digest.Digest> {
    return Layer.effect(
      Authenticator,
      Effect.map(Digest.Digest, (digest) => ({ authorize: (values) => authorizeToken(digest, sha256, values) }))
    )
  }

  /** JWTs signed with HS256. */
  static layerSignedBearer(options: SignedBearerOptions): Layer.Layer<Authenticator> {
    return Layer.succeed(Authenticator, { authorize: (values) => authorizeJwt(options, values) })
  }
}

const refuse = (reason: Unauthorized["reason"]) => Effect.fail(new Unauthorized({ reason }))

const printable = /^[\t -~]*$/

const bearerToken = (authorization: ReadonlyArray<string>): Effect.Effect<string, Unauthorized> => {
  const [header, ...others] = authorization
  if (header === undefined) return refuse("missingToken")
  const end = header.indexOf(" ")
  const token = header.slice(end + 1).trim()
  const sound = others.length === 0 && printable.test(header) && end > 0 && token !== ""
  return sound && header.slice(0, end).toLowerCase() === "bearer" ? Effect.succeed(token) : refuse("invalidHeader")
}

const authorizeToken = Effect.fnUntraced(function* (
  digest: Digest.Digest["Service"],
  expected: Uint8Array,
  authorization: ReadonlyArray<string>
) {
  const token = yield* bearerToken(authorization)
  const actual = yield* Effect.orDie(digest.digest(Digest.sha256, new TextEncoder().encode(token)))
  // Digests are compared, in constant time: neither length nor content of the token shows in the answer's time.
  if (!Mac.timingSafeEqual(expected, actual)) return yield* refuse("invalidToken")
})

const wrongClaim: Readonly<Record<string, Unauthorized["reason"]>> = {
  exp: "expiredJwt",
  nbf: "jwtNotYetValid",
  iss: "wrongIssuer",
  aud: "wrongAudience"
}

const reasonOf = (error: unknown): Unauthorized["reason"] => {
  if (!(error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)) return "invalidJwt"
  // A claim of the wrong type, and a token that never expires, are no sound tokens at all.
  const sound = error.reason === "check_failed" || (error.reason === "missing" && error.claim !== "exp")
  return sound ? (wrongClaim[error.claim] ?? "invalidJwt") : "invalidJwt"
}

const verify = (token: string, secret: Uint8Array, options: JWTVerifyOptions) =>
  Effect.tryPromise({
    try: (): Promise<{ readonly payload: JWTPayload }> => jwtVerify(token, secret, options),
    catch: (error) => new Unauthorized({ reason: reasonOf(error) })
  })

const authorizeJwt = Effect.fnUntraced(function* (
  { audience, issuer, maxClockSkewSeconds = defaultMaxClockSkewSeconds, secret }: SignedBearerOptions,
  authorization: ReadonlyArray<string>
) {
  const token = yield* bearerToken(authorization)
  const now = yield* DateTime.now
  const { payload } = yield* verify(token, Redacted.value(secret), {
    algorithms: ["HS256"],
    requiredClaims: ["exp"],
    clockTolerance: maxClockSkewSeconds,
    currentDate: DateTime.toDateUtc(now),
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience })
  })
  // A token from the future: its signer's clock is wrong, or it was made to outlive its time.
  if (payload.iat !== undefined && payload.iat * 1000 > DateTime.toEpochMillis(now) + maxClockSkewSeconds * 1000) {
    return yield* refuse("jwtNotYetValid")
  }
})
