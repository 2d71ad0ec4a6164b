/**
 * A logger that only listens for defects: whatever is logged as an error is one, for a server has no reason to log one
 * about what a client sends or a rollout holds.
 */
import { Cause, Logger } from "effect"

export interface Defects {
  /** What was logged as an error so far. */
  readonly found: ReadonlyArray<string>
  readonly logger: Logger.Logger<unknown, void>
}

const text = (message: unknown): string =>
  Cause.isCause(message)
    ? Cause.pretty(message)
    : message instanceof Error
      ? (message.stack ?? message.message)
      : typeof message === "string"
        ? message
        : (JSON.stringify(message) ?? "undefined")

/** Starts listening. */
export const make = (): Defects => {
  const found: Array<string> = []
  return {
    found,
    logger: Logger.make(({ cause, logLevel, message }) => {
      if (logLevel !== "Error" && logLevel !== "Fatal") return
      const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
      found.push([...parts.map(text), cause.reasons.length === 0 ? "" : Cause.pretty(cause)].join(" "))
    })
  }
}
