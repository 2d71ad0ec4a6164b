/**
 * The typed client against every server: it understands what each release says, and finds the restored usage in the
 * answer or in the replay, wherever the server puts it.
 */
import { Effect, Option } from "effect"
import type { CallError } from "../../../src/rpc/client/ClientError.ts"
import type { RestoredUsage } from "../../../src/rpc/client/ClientProtocol.ts"
import { type CodexClient, make } from "../../../src/rpc/client/CodexClient.ts"
import type { ThreadEvent } from "../../../src/rpc/client/ThreadEvent.ts"
import * as Taking from "../../client/support/Taking.ts"
import type { Case, Stage } from "../Case.ts"
import { archived, metaOnly, paged, threeTurns } from "./Rollouts.ts"

/** A typed client of a fresh connection. Nothing that it does here may fail. */
const typed = Effect.fnUntraced(function* ({ connect }: Stage) {
  const { connector } = yield* connect({ handshake: false })
  return yield* Effect.orDie(Effect.provide(make({ replayPatience: "1 second" }), connector))
})

const usageOf = (usage: Option.Option<RestoredUsage>): string | null =>
  Option.match(usage, {
    onNone: () => null,
    onSome: ({ tokenUsage, turnId }) => `${tokenUsage.total.totalTokens} of ${turnId}`
  })

const firstUsage = (events: ReadonlyArray<ThreadEvent>): string | undefined =>
  events.find(({ _tag }) => _tag === "UsageReplayed" || _tag === "UsageUpdated")?._tag

/** How a request was refused: method, code, tag. */
const refusalOf = <A, R>(request: Effect.Effect<A, CallError, R>): Effect.Effect<string, never, R> =>
  Effect.match(request, {
    onSuccess: () => "answered",
    onFailure: (error) =>
      error._tag === "RequestRefused" ? `${error.method} ${error.code} ${error.type}` : error.message
  })

const client = {
  resume: (codex: CodexClient["Service"], threadId: string) => Effect.orDie(codex.resume(threadId)),
  fork: (codex: CodexClient["Service"], threadId: string) => Effect.orDie(codex.fork(threadId))
}

const resumed: Case = {
  name: "typed client: resume, rejoin and fork, with the restored usage",
  files: [threeTurns],
  script: Effect.fnUntraced(function* (stage) {
    const codex = yield* typed(stage)
    const cold = yield* client.resume(codex, threeTurns.threadId)
    const rejoin = yield* client.resume(codex, threeTurns.threadId)
    const fork = yield* client.fork(codex, threeTurns.threadId)
    const taken = yield* Taking.from(cold.events)
    return {
      cold: usageOf(cold.usage),
      rejoin: usageOf(rejoin.usage),
      fork: usageOf(fork.usage),
      turns: cold.thread.turns.map(({ id, status }) => `${id}:${status}`),
      forkedFrom: fork.thread.forkedFromId === threeTurns.threadId,
      first: firstUsage(yield* Effect.orDie(taken.take(1)))
    }
  }),
  expected: {
    cold: "620 of T3",
    rejoin: "620 of T3",
    fork: "620 of T3",
    turns: ["T1:completed", "T2:completed", "T3:completed"],
    forkedFrom: true,
    first: "UsageReplayed"
  }
}

const nothing: Case = {
  name: "typed client: a thread without usage has none",
  files: [metaOnly],
  script: Effect.fnUntraced(function* (stage) {
    const codex = yield* typed(stage)
    const { thread, usage } = yield* client.resume(codex, metaOnly.threadId)
    return { usage: usageOf(usage), turns: thread.turns.length }
  }),
  expected: { usage: null, turns: 0 }
}

const called: Case = {
  name: "typed client: reads, lists and is refused",
  files: [threeTurns, paged, archived],
  script: Effect.fnUntraced(function* (stage) {
    const codex = yield* typed(stage)
    const { thread } = yield* Effect.orDie(
      codex.request("thread/read", { threadId: threeTurns.threadId, includeTurns: true })
    )
    const { data } = yield* Effect.orDie(codex.request("thread/list", { modelProviders: [] }))
    const refused = yield* refusalOf(codex.resume("019cb3a1-5e80-7f93-a1b7-2c4d6e8f0a03"))
    const { platformFamily } = yield* codex.server
    return {
      turns: thread.turns.map(({ items }) => items.map(({ type }) => type)),
      listed: data.map(({ id }) => id).includes(threeTurns.threadId),
      refused,
      platformFamily
    }
  }),
  expected: {
    turns: Array.from({ length: 3 }, () => ["userMessage", "agentMessage"]),
    listed: true,
    refused: "thread/resume -32600 threadNotFound",
    platformFamily: "unix"
  },
  deviates: {
    "0.122.0": { because: "fault 21", shows: { refused: "thread/resume -32600 null" } },
    "0.169.0": { because: "fault 21", shows: { refused: "thread/resume -32600 null" } }
  }
}

export const cases: ReadonlyArray<Case> = [resumed, nothing, called]
