/**
 * Who may connect, as the flags say it (`AuthenticationFlags.ts`). Secrets come from files, which are read once, at the
 * start; what is in them is never told.
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import { Effect, FileSystem, Layer, Redacted, Schema } from "effect"
import { Digest } from "effect/crypto"
import { Authenticator, minSecretBytes } from "../rpc/codex/Authentication.ts"
import type { Authentication } from "./AuthenticationFlags.ts"

/** A file with a secret cannot be used. Its contents are not told. */
export class SecretUnavailable extends Schema.TaggedError<SecretUnavailable>()("SecretUnavailable", {
  file: Schema.String,
  reason: Schema.Literals(["unreadable", "empty", "tooShort"]),
  detail: Schema.String
}) {
  override get message(): string {
    switch (this.reason) {
      case "unreadable":
        return `failed to read websocket auth secret ${this.file}: ${this.detail}`
      case "empty":
        return `websocket auth secret ${this.file} must not be empty`
      case "tooShort":
        return `signed websocket bearer secret ${this.file} must be at least ${minSecretBytes} bytes`
    }
  }
}

const readSecret = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const unreadable = (detail: string) => new SecretUnavailable({ file, reason: "unreadable", detail })
  const bytes = yield* Effect.mapError(fs.readFile(file), (error) => unreadable(error.reason._tag))
  const text = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim(),
    catch: () => unreadable("it is not UTF-8")
  })
  if (text === "") return yield* new SecretUnavailable({ file, reason: "empty", detail: "" })
  return new TextEncoder().encode(text)
})

const make = Effect.fnUntraced(function* (authentication: Authentication) {
  switch (authentication._tag) {
    case "Open":
      return Authenticator.layerOpen
    case "TokenDigest":
      return Authenticator.layerCapabilityToken(authentication.sha256)
    case "TokenFile": {
      const digest = yield* Digest.Digest
      const token = yield* readSecret(authentication.file)
      return Authenticator.layerCapabilityToken(yield* Effect.orDie(digest.digest(Digest.sha256, token)))
    }
    case "SignedBearer": {
      const { secretFile: file, ...claims } = authentication
      const secret = yield* readSecret(file)
      if (secret.length < minSecretBytes) return yield* new SecretUnavailable({ file, reason: "tooShort", detail: "" })
      return Authenticator.layerSignedBearer({ ...claims, secret: Redacted.make(secret) })
    }
  }
})

/** The authenticator that the flags ask for; reads the secret's file. */
export const layer = (
  authentication: Authentication
): Layer.Layer<Authenticator, SecretUnavailable, FileSystem.FileSystem> =>
  Layer.unwrap(make(authentication)).pipe(Layer.provide(NodeCrypto.layerDigest))
