/**
 * Which process is meant by a record that it left: numbers are used again, so its time of start
 * counts too, where the system tells it (Linux).
 */
import { Effect, Option, Schema } from "effect"
import { readFile } from "node:fs/promises"
import { hostname } from "node:os"
import { fileFailure } from "./FileVersion.ts"
import { attempt } from "./KernelLock.ts"

/** A process, as it writes itself down. */
export const ProcessIdentity = Schema.Struct({
  pid: Schema.Int.check(Schema.isGreaterThan(0)),
  /** Ticks from the machine's start to the process's; empty where that is not known. */
  start: Schema.String,
  host: Schema.String
})
export type ProcessIdentity = typeof ProcessIdentity.Type

/** Reads what a process wrote; none for anything else. */
export const parseIdentity: (text: string) => Option.Option<ProcessIdentity> = Schema.decodeOption(
  Schema.fromJsonString(ProcessIdentity)
)

const signalReaches = (pid: number): Effect.Effect<boolean> =>
  Effect.try({ try: () => process.kill(pid, 0), catch: fileFailure }).pipe(
    Effect.catch(({ code }) => Effect.succeed(code === "EPERM"))
  )

/** When a running process started; none when there is no such process, or only what is left of it. */
const startOf = Effect.fnUntraced(function* (pid: number) {
  const stat = yield* Effect.option(attempt(() => readFile(`/proc/${pid}/stat`, "utf8")))
  if (Option.isNone(stat)) return (yield* signalReaches(pid)) ? Option.some("") : Option.none<string>()
  // The name, in parentheses, may hold anything: fields are counted from its end; the first is the state.
  const fields = stat.value.slice(stat.value.lastIndexOf(")") + 2).split(" ")
  return fields[0] === "Z" || fields[0] === "X" ? Option.none<string>() : Option.fromUndefinedOr(fields[19])
})

/** This process. */
export const self: Effect.Effect<ProcessIdentity> = Effect.suspend(() => startOf(process.pid)).pipe(
  Effect.map((start) => ({ pid: process.pid, start: Option.getOrElse(start, () => ""), host: hostname() }))
)

export const isSame = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.pid === b.pid && a.start === b.start && a.host === b.host

/** Does the process run? What runs on another machine cannot be known from here. */
export const isRunning = (identity: ProcessIdentity): Effect.Effect<"yes" | "no" | "unknown"> =>
  Effect.gen(function* () {
    if (identity.host !== hostname()) return "unknown"
    const start = yield* startOf(identity.pid)
    return Option.isSome(start) && start.value === identity.start ? "yes" : "no"
  })
