/**
 * A case: what one or two clients do to a server, and what must be seen. A script reports *observations*, small JSON
 * values by name; the same script runs against every peer.
 *
 * `expected` is what Rethread shows. Where a genuine version shows something else, `deviates` says what, and why Rethread
 * does not do the same: both are checked, so the list of differences cannot go stale.
 */
import { Effect, Equal, Scope } from "effect"
import { isRecord, type JsonRecord, own, printExact } from "../../src/domain/Json.ts"
import type { Client, ServerGone } from "./Client.ts"
import { type Home, type HomeFile, make as makeHome } from "./Home.ts"
import type { ConnectOptions, Origin, Peer, PeerUnavailable, Server } from "./Peer.ts"

/** What a script saw. Values are JSON. */
export interface Observations {
  readonly [name: string]: unknown
}

/** What a genuine version shows instead, for those observations that differ. */
export interface Deviation {
  /** A row of docs/codex.md, "Faults", or a section of docs/compatibility.md. */
  readonly because: string
  readonly shows: Observations
}

/** What a script is given. */
export interface Stage {
  readonly home: Home
  /** A client of the case's server; scripts that use more than one say so in `clients`. */
  readonly connect: (options?: ConnectOptions) => Effect.Effect<Client, ServerGone | PeerUnavailable, Scope.Scope>
  /** A server of the script's own over the same home, beside or after the case's. */
  readonly serve: Effect.Effect<Server, PeerUnavailable, Scope.Scope>
}

export interface Case {
  readonly name: string
  readonly files: ReadonlyArray<HomeFile>
  /** Default 1. */
  readonly clients?: 1 | 2
  readonly script: (stage: Stage) => Effect.Effect<Observations, ServerGone | PeerUnavailable, Scope.Scope>
  readonly expected: Observations
  readonly deviates?: { readonly [version in Exclude<Origin, "rethread">]?: Deviation }
}

/** How a peer did. */
export type Verdict =
  | { readonly _tag: "Same" }
  | { readonly _tag: "Deviates"; readonly because: string }
  | { readonly _tag: "Unavailable"; readonly reason: string }
  /** The case needs two clients, and the peer has one. */
  | { readonly _tag: "NotApplicable" }
  | { readonly _tag: "Failed"; readonly problems: ReadonlyArray<string> }

const plain = (value: unknown): unknown => (value === undefined ? null : (JSON.parse(printExact(value)) as unknown))
const show = (value: unknown): string => printExact(value)

/** Compares what was seen with what was foretold of this peer. */
export const judge = (aCase: Pick<Case, "expected" | "deviates">, origin: Origin, seen: Observations): Verdict => {
  const deviation = origin === "rethread" ? undefined : aCase.deviates?.[origin]
  const problems: Array<string> = []
  for (const name of new Set([...Object.keys(aCase.expected), ...Object.keys(seen)])) {
    const ours = plain(own(aCase.expected, name))
    const foretold = deviation !== undefined && Object.hasOwn(deviation.shows, name)
    const wanted = foretold ? plain(own(deviation.shows, name)) : ours
    const got = plain(own(seen, name))
    if (!Object.hasOwn(aCase.expected, name)) problems.push(`${name}: nothing is expected of it, got ${show(got)}`)
    else if (foretold && Equal.equals(wanted, ours)) problems.push(`${name}: listed as a deviation, but is none`)
    else if (!Equal.equals(got, wanted)) problems.push(`${name}: expected ${show(wanted)}, got ${show(got)}`)
  }
  for (const name of Object.keys(deviation?.shows ?? {})) {
    if (!Object.hasOwn(aCase.expected, name)) problems.push(`${name}: a deviation from nothing`)
  }
  if (problems.length > 0) return { _tag: "Failed", problems }
  return deviation === undefined ? { _tag: "Same" } : { _tag: "Deviates", because: deviation.because }
}

/** Runs a case against a peer, over a home of its own. */
export const run = (aCase: Case, peer: Peer): Effect.Effect<Verdict> =>
  Effect.catchTags(watch(aCase, peer), {
    PeerUnavailable: ({ message }) =>
      Effect.succeed<Verdict>(
        peer.origin === "rethread" ? { _tag: "Failed", problems: [message] } : { _tag: "Unavailable", reason: message }
      ),
    ServerGone: ({ message }) => Effect.succeed<Verdict>({ _tag: "Failed", problems: [message] })
  })

const watch = Effect.fn("Case.run")(function* (
  aCase: Case,
  peer: Peer
): Effect.fn.Return<Verdict, ServerGone | PeerUnavailable, Scope.Scope> {
  const clients = aCase.clients ?? 1
  if (clients > 1 && !peer.manyClients) return { _tag: "NotApplicable" }
  const home = yield* makeHome(aCase.files)
  const serve = peer.serve(home, clients)
  const server = yield* Effect.cached(Effect.provideService(serve, Scope.Scope, yield* Effect.scope))
  const connect: Stage["connect"] = (options) => Effect.flatMap(server, (started) => started.connect(options))
  return judge(aCase, peer.origin, yield* aCase.script({ home, serve, connect }))
}, Effect.scoped)

// What scripts say of frames.

/** The value at a path of object keys and array indices; undefined when there is none. */
export const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((found, key) => {
    if (typeof key === "number") return Array.isArray(found) ? (found.at(key) as unknown) : undefined
    return isRecord(found) ? own(found, key) : undefined
  }, value)

/** The elements of the array at a path; none when there is no array. */
export const listAt = (value: unknown, ...path: ReadonlyArray<string | number>): ReadonlyArray<unknown> => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** `id:status` of each turn of a thread. */
export const turns = (thread: unknown): ReadonlyArray<string> =>
  listAt(thread, "turns").map((turn) => `${String(at(turn, "id"))}:${String(at(turn, "status"))}`)

/** `type/id` of each item of each turn. */
export const items = (thread: unknown): ReadonlyArray<unknown> =>
  listAt(thread, "turns").map((turn) =>
    listAt(turn, "items").map((item) => `${String(at(item, "type"))}/${String(at(item, "id"))}`)
  )

const counts = (usage: unknown): string =>
  ["totalTokens", "inputTokens", "cachedInputTokens", "outputTokens", "reasoningOutputTokens"]
    .map((name) => printExact(at(usage, name)))
    .join(" ")

/** A usage notification in short: whose it is, the counters (total, input, cached, output, reasoning), the window. */
const usageOf = (notification: unknown): JsonRecord => ({
  turnId: at(notification, "params", "turnId"),
  total: counts(at(notification, "params", "tokenUsage", "total")),
  last: counts(at(notification, "params", "tokenUsage", "last")),
  window: at(notification, "params", "tokenUsage", "modelContextWindow")
})

/** The usage notifications among frames. */
export const usages = (frames: ReadonlyArray<JsonRecord>): ReadonlyArray<JsonRecord> =>
  frames.filter((frame) => own(frame, "method") === usageMethod).map(usageOf)

export const usageMethod = "thread/tokenUsage/updated"

/**
 * Frames in short, in order: `response`, `error CODE`, or a notification's method. Notifications that are about no thread
 * (the genuine server's remarks on its own state) are left out.
 */
export const sequence = (frames: ReadonlyArray<JsonRecord>): ReadonlyArray<string> =>
  frames.flatMap((frame) => {
    const method = own(frame, "method")
    if (typeof method === "string") return method.startsWith("thread/") || method === "warning" ? [method] : []
    return [Object.hasOwn(frame, "error") ? `error ${String(at(frame, "error", "code"))}` : "response"]
  })

/** An error answer in short: its code and text, with each of `names` replaced by its key; `answered` if it is none. */
export const refusal = (answer: JsonRecord, names: Readonly<Record<string, string>> = {}): string => {
  if (!Object.hasOwn(answer, "error")) return "answered"
  const text = `${String(at(answer, "error", "code"))} ${String(at(answer, "error", "message"))}`
  return Object.entries(names).reduce((short, [name, value]) => short.replaceAll(value, `<${name}>`), text)
}
