/**
 * Why a server cannot listen where it was told to, in words that say what to do about it.
 */
import { Schema } from "effect"

/** The address cannot be listened on. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  /** `HOST:PORT`, or the path of a socket. */
  address: Schema.String,
  reason: Schema.Literals([
    "addressInUse",
    "accessDenied",
    "addressNotAvailable",
    "notASocket",
    "pathTooLong",
    "invalidPath",
    "other"
  ]),
  detail: Schema.String
}) {
  override get message(): string {
    const { address, detail } = this
    switch (this.reason) {
      case "addressInUse":
        return `Address in use: something already listens on ${address}. Choose another ${address.includes("/") ? "path" : "port, or 0 for any free one"}.`
      case "accessDenied":
        return `Not allowed to listen on ${address}: ${detail}. Ports below 1024 need privileges, a socket a directory that may be written.`
      case "addressNotAvailable":
        return `Cannot listen on ${address}: this machine has no such address.`
      case "notASocket":
        return `Cannot listen on ${address}: there is something else, which is left alone. Remove it, or choose another path.`
      case "pathTooLong":
        return `Cannot listen on ${address}: the path is too long for a socket (${detail}). Choose a shorter one.`
      case "invalidPath":
        return `Cannot listen on ${JSON.stringify(address)}: ${detail}`
      case "other":
        return `Cannot listen on ${address}: ${detail}`
    }
  }
}

const reasons: Record<string, ListenFailed["reason"]> = {
  EADDRINUSE: "addressInUse",
  EACCES: "accessDenied",
  EPERM: "accessDenied",
  EROFS: "accessDenied",
  EADDRNOTAVAIL: "addressNotAvailable",
  ENAMETOOLONG: "pathTooLong"
}

/** The code of an error of Node's; empty when it has none. */
export const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "")

/** What an error of Node's says about listening on `address`. */
export const fromError = (address: string, error: unknown): ListenFailed => {
  const code = codeOf(error)
  return new ListenFailed({
    address,
    reason: Object.hasOwn(reasons, code) ? (reasons[code] ?? "other") : "other",
    detail: error instanceof Error ? error.message : String(error)
  })
}
