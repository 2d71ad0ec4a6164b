/**
 * What a job is: which home it wants, in which states, how it is measured. A measurement checks the answer; a wrong
 * answer is no figure.
 */
import { Effect, Option, type Scope } from "effect"
import type { Expected, HomeCopy } from "./homes.ts"
import type { Input } from "./inputs.ts"
import { memoryOf, type Peer, type Process } from "./peers.ts"
import { type Answer, at, BenchFailed, type Conversation, read } from "./wire.ts"

/**
 * What a server knows of a home before a run. Rethread: *cold*, no catalog; *warm*, a catalog, the rollout as it was;
 * *stale*, a catalog, and a turn was appended since. Genuine Codex: *cold*, no state database; *warm*, with one.
 */
export const states = ["cold", "warm", "stale"] as const
export type State = (typeof states)[number]

/** Larger is better only of rates. */
export const units = ["ms", "MB", "per s", "ms/MB"] as const
export type Unit = (typeof units)[number]

export interface Figure {
  readonly value: number
  readonly unit: Unit
  /** The process's largest size; null where it says nothing. */
  readonly peakMb: number | null
  readonly note: string
  /** Requests and connections that the server turned away. */
  readonly refused: number
}

export interface Run {
  readonly peer: Peer
  readonly state: State
  readonly copy: HomeCopy
  /** Of the home's one rollout, as it is in this run. */
  readonly expected: Expected
}

/** The figures of one run, by the names of the jobs. */
export type Measure = (run: Run) => Effect.Effect<Readonly<Record<string, Figure>>, BenchFailed, Scope.Scope>

export interface Scenario {
  /** The jobs it has figures for, each with what is measured. */
  readonly jobs: Readonly<Record<string, string>>
  readonly input: InputName
  readonly states: (peer: Peer) => ReadonlyArray<State>
  /** Runs of each genuine server; more runs of what takes long tell nothing more. Of Rethread there are as many as asked. */
  readonly codexRuns: number
  readonly measure: Measure
}

/** A home to make: `file-100` is one rollout of 100 MB, `images-50` one with pictures, `home-200` many sessions. */
export type InputName = `file-${number}` | `images-${number}` | `home-${number}`

export type MakeInput = (name: InputName) => Input

export const failed = (reason: string) => new BenchFailed({ reason })

/** Fails unless what was found is what must be. */
export const expectSame = (what: string, found: unknown, wanted: unknown): Effect.Effect<void, BenchFailed> =>
  Object.is(found, wanted) ? Effect.void : Effect.fail(failed(`${what}: ${String(found)}, not ${String(wanted)}`))

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1)} MB`

/** A time in milliseconds, with the process's peak until now. */
export const timed = (ms: number, server: Process, answer: { readonly bytes: number } | null, more = ""): Figure => ({
  value: ms,
  unit: "ms",
  peakMb: memoryOf(server, "VmHWM"),
  note: [answer === null ? "" : `answer ${megabytes(answer.bytes)}`, more].filter((text) => text !== "").join(", "),
  refused: 0
})

/**
 * Waits for the usage notification after a resume or fork, and checks it. The time goes to the last byte of whichever
 * came last; null where a genuine server sends none.
 */
export const usageAfter = Effect.fnUntraced(function* (
  talk: Conversation,
  answer: Answer,
  threadId: string,
  { expected, peer }: Run,
  isOwed: boolean
) {
  const found = yield* talk.notice("thread/tokenUsage/updated", isOwed ? 10 : 0.5)
  if (Option.isNone(found)) {
    return isOwed
      ? yield* failed(`${peer.name} told no usage`)
      : { ms: answer.at - answer.sentAt, note: "no usage told" }
  }
  const params = read(found.value)["params"]
  yield* expectSame("thread of the usage", at(params, "threadId"), threadId)
  yield* expectSame("turn of the usage", at(params, "turnId"), expected.lastTurnId)
  const total = at(params, "tokenUsage", "total", "totalTokens")
  yield* expectSame("tokens", total, expected.usage.total_tokens)
  return { ms: Math.max(answer.at, found.value.at) - answer.sentAt, note: "" }
})
