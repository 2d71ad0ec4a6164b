/**
 * The flags that say who may connect; their names, meaning and refusals are those of `codex app-server`.
 *
 * Secrets come from files, never from the command line, where other users of the machine could read them
 * (`AuthenticationSecrets.ts`).
 */
import { Option, Result, Schema } from "effect"
import { Flag } from "effect/cli"
import { Hex } from "effect/encoding"

/** The flags do not fit together. */
export class InvalidAuthentication extends Schema.TaggedError<InvalidAuthentication>()("InvalidAuthentication", {
  reason: Schema.Literals([
    "modeMissing",
    "tokenFlagsOnly",
    "signedFlagsOnly",
    "tokenMissing",
    "tokenTwice",
    "secretMissing",
    "invalidDigest",
    "invalidClockSkew",
    "notForStdio"
  ])
}) {
  override get message(): string {
    switch (this.reason) {
      case "modeMissing":
        return "websocket auth flags require `--ws-auth capability-token` or `--ws-auth signed-bearer-token`"
      case "tokenFlagsOnly":
        return "`--ws-shared-secret-file`, `--ws-issuer`, `--ws-audience`, and `--ws-max-clock-skew-seconds` require `--ws-auth signed-bearer-token`"
      case "signedFlagsOnly":
        return "`--ws-token-file` and `--ws-token-sha256` require `--ws-auth capability-token`, not `signed-bearer-token`"
      case "tokenMissing":
        return "`--ws-token-file` or `--ws-token-sha256` is required when `--ws-auth capability-token` is set"
      case "tokenTwice":
        return "`--ws-token-file` and `--ws-token-sha256` are mutually exclusive"
      case "secretMissing":
        return "`--ws-shared-secret-file` is required when `--ws-auth signed-bearer-token` is set"
      case "invalidDigest":
        return "`--ws-token-sha256` must be a 64-character hex SHA-256 digest"
      case "invalidClockSkew":
        return "`--ws-max-clock-skew-seconds` must not be negative"
      case "notForStdio":
        return "`--ws-auth` is for `--listen ws://IP:PORT` and `--listen unix://PATH`; whoever starts the program owns its standard input"
    }
  }
}

/** Who may connect. */
export type Authentication =
  | { readonly _tag: "Open" }
  | { readonly _tag: "TokenFile"; readonly file: string }
  | { readonly _tag: "TokenDigest"; readonly sha256: Uint8Array }
  | {
      readonly _tag: "SignedBearer"
      readonly secretFile: string
      readonly issuer: string | undefined
      readonly audience: string | undefined
      readonly maxClockSkewSeconds: number | undefined
    }

/** The flags, for a command's configuration. */
export const flags = {
  wsAuth: Flag.Literals("ws-auth", ["capability-token", "signed-bearer-token"]).pipe(
    Flag.withMetavar("MODE"),
    Flag.withDescription("How WebSocket clients show who they are: a secret token, or a signed JWT"),
    Flag.optional
  ),
  wsTokenFile: Flag.String("ws-token-file").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription("The file with the capability token"),
    Flag.optional
  ),
  wsTokenSha256: Flag.String("ws-token-sha256").pipe(
    Flag.withMetavar("HEX"),
    Flag.withDescription("The SHA-256 of the capability token, in place of the token"),
    Flag.optional
  ),
  wsSharedSecretFile: Flag.String("ws-shared-secret-file").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription("The file with the secret that JWTs are signed with (HS256), 32 bytes or more"),
    Flag.optional
  ),
  wsIssuer: Flag.String("ws-issuer").pipe(
    Flag.withMetavar("ISSUER"),
    Flag.withDescription("The issuer that JWTs must have"),
    Flag.optional
  ),
  wsAudience: Flag.String("ws-audience").pipe(
    Flag.withMetavar("AUDIENCE"),
    Flag.withDescription("The audience that JWTs must have"),
    Flag.optional
  ),
  wsMaxClockSkewSeconds: Flag.Int("ws-max-clock-skew-seconds").pipe(
    Flag.withMetavar("SECONDS"),
    Flag.withDescription("How far the clock of the JWTs' signer may be off; default 30"),
    Flag.optional
  )
}

/** What the {@link flags} were given. */
export interface Given {
  readonly wsAuth: Option.Option<"capability-token" | "signed-bearer-token">
  readonly wsTokenFile: Option.Option<string>
  readonly wsTokenSha256: Option.Option<string>
  readonly wsSharedSecretFile: Option.Option<string>
  readonly wsIssuer: Option.Option<string>
  readonly wsAudience: Option.Option<string>
  readonly wsMaxClockSkewSeconds: Option.Option<number>
}

/** An empty issuer or audience is none, as in Codex. */
const trimmed = (value: Option.Option<string>): string | undefined => Option.getOrUndefined(value)?.trim() || undefined

const digestOf = (hex: string): Uint8Array | null => {
  const text = hex.trim()
  return /^[0-9a-f]{64}$/i.test(text) ? Result.getOrElse(Hex.decode(text), () => null) : null
}

/** Reads the flags. */
export const parse = (given: Given): Result.Result<Authentication, InvalidAuthentication> => {
  const invalid = (reason: InvalidAuthentication["reason"]) => Result.fail(new InvalidAuthentication({ reason }))
  const { wsTokenFile: file, wsTokenSha256: sha256, wsMaxClockSkewSeconds: skew } = given
  const forToken = Option.isSome(file) || Option.isSome(sha256)
  const forSigned =
    Option.isSome(skew) || [given.wsSharedSecretFile, given.wsIssuer, given.wsAudience].some(Option.isSome)
  if (Option.isNone(given.wsAuth)) {
    return forToken || forSigned ? invalid("modeMissing") : Result.succeed({ _tag: "Open" })
  }
  if (given.wsAuth.value === "capability-token") {
    if (forSigned) return invalid("tokenFlagsOnly")
    if (Option.isSome(file) && Option.isSome(sha256)) return invalid("tokenTwice")
    if (Option.isSome(file)) return Result.succeed({ _tag: "TokenFile", file: file.value })
    if (Option.isNone(sha256)) return invalid("tokenMissing")
    const digest = digestOf(sha256.value)
    return digest === null ? invalid("invalidDigest") : Result.succeed({ _tag: "TokenDigest", sha256: digest })
  }
  if (forToken) return invalid("signedFlagsOnly")
  if (Option.isNone(given.wsSharedSecretFile)) return invalid("secretMissing")
  if (Option.isSome(skew) && skew.value < 0) return invalid("invalidClockSkew")
  return Result.succeed({
    _tag: "SignedBearer",
    secretFile: given.wsSharedSecretFile.value,
    issuer: trimmed(given.wsIssuer),
    audience: trimmed(given.wsAudience),
    maxClockSkewSeconds: Option.getOrUndefined(skew)
  })
}
