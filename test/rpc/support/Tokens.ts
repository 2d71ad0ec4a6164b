/**
 * Tokens as a signer makes them, and as an attacker does.
 */
import { createHash, createHmac, createSign, generateKeyPairSync } from "node:crypto"

/** The secret that the server knows. */
export const secret = new TextEncoder().encode("a secret of thirty-two bytes, or more")

const base64Url = (text: string): string => Buffer.from(text).toString("base64url")

const hashes: Record<string, string> = { HS256: "sha256", HS384: "sha384", HS512: "sha512" }

export interface Signing {
  /** What the header names; signed so, when it is one of the HMACs, else with nothing. Default HS256. */
  readonly alg?: string
  readonly secret?: Uint8Array
  /** More members of the header. */
  readonly header?: object
}

/** A JWT with these claims. */
export const jwt = (claims: unknown, { alg = "HS256", header, secret: key = secret }: Signing = {}): string => {
  const body = `${base64Url(JSON.stringify({ alg, ...header }))}.${base64Url(JSON.stringify(claims))}`
  const hash = hashes[alg]
  return `${body}.${hash === undefined ? "" : createHmac(hash, key).update(body).digest("base64url")}`
}

/** The same, signed with a private key of the signer's own. */
export const rsaJwt = (claims: unknown): string => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const body = `${base64Url(JSON.stringify({ alg: "RS256" }))}.${base64Url(JSON.stringify(claims))}`
  return `${body}.${createSign("sha256").update(body).sign(privateKey, "base64url")}`
}

export const sha256 = (text: string): Uint8Array => createHash("sha256").update(text).digest()
