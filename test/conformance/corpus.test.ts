/**
 * Every rollout of the corpus over the wire: what Rethread answers is what one of the genuine servers answered, or a listed
 * difference. And a fork of every thread holds what its source holds, here and in a server that comes to it cold.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Console, Effect } from "effect"
import { isRecord, type JsonRecord } from "../../src/domain/Json.ts"
import { at, usages } from "./Case.ts"
import * as Corpus from "./Corpus.ts"
import { differences } from "./differences.ts"
import type { Peer } from "./Peer.ts"
import * as RethreadPeers from "./RethreadPeers.ts"

const rows = Effect.runSync(Effect.orDie(Corpus.rows))
const { whole } = Effect.runSync(Corpus.corpus)
const minutes = 60_000

/** The genuine answer that ours is nearest to, and the differences from it. */
const nearest = (row: Corpus.CorpusRow, ours: JsonRecord) =>
  Object.entries(row.expected)
    .map(([server, answer]) => ({ answer, found: Corpus.differences(server.replace("+warm", ""), answer, ours) }))
    .reduce((best, other) => (other.found.length < best.found.length ? other : best))

const resume = Effect.fnUntraced(function* (row: Corpus.CorpusRow, peer: Peer) {
  const home = yield* Corpus.homeOf(row)
  const before = yield* home.hashes
  const client = yield* (yield* peer.serve(home, 1)).connect()
  const answer = yield* client.request("thread/resume", { threadId: row.threadId })
  const ours = Corpus.answerOf(answer, yield* client.settle, home)
  return { ...nearest(row, ours), unchanged: [before, yield* home.hashes] }
}, Effect.scoped)

/** What is wrong with the answer to one row: differences that are not listed, or a listed one that is not there. */
const problemsOf = (row: Corpus.CorpusRow, found: ReadonlyArray<string>): ReadonlyArray<string> => {
  const listed = differences.get(row.name)
  if (listed === undefined) return found
  switch (listed.kind) {
    case "served":
      return found.length === 1 && found[0] === Corpus.served ? [] : [`listed as served: ${found.join("; ")}`]
    case "refused":
      return found.length === 1 && found[0]?.startsWith("refused") ? [] : [`listed as refused: ${found.join("; ")}`]
    case "values": {
      const places = listed.at ?? []
      const elsewhere = found.filter((difference) => !places.some((place) => difference.startsWith(place)))
      return found.length === 0 ? ["listed as different, but is not"] : elsewhere
    }
  }
}

/** Values in a tree that are neither objects nor arrays. */
const leaves = (value: unknown): number => {
  if (Array.isArray(value)) return value.reduce<number>((sum, entry) => sum + leaves(entry), 0)
  return isRecord(value) ? leaves(Object.values(value)) : 1
}

const percent = (part: number, all: number): string => `${((100 * part) / all).toFixed(2)} %`

const check = Effect.fnUntraced(function* (some: ReadonlyArray<Corpus.CorpusRow>, peer: Peer) {
  const answers = yield* Effect.forEach(
    some,
    (row) => Effect.map(resume(row, peer), (answer) => ({ row, ...answer })),
    {
      concurrency: 4
    }
  )
  const problems = answers.flatMap(({ found, row }) =>
    problemsOf(row, found).map((problem) => `${row.name}: ${problem}`)
  )
  assert.deepStrictEqual(problems, [])
  for (const { unchanged } of answers) assert.deepStrictEqual(unchanged[0], unchanged[1])
  return answers
})

describe("the corpus", () => {
  it.live(
    `${rows.length} rollouts are answered as a genuine server did, or as listed`,
    () =>
      Effect.gen(function* () {
        const answers = yield* check(rows, RethreadPeers.inProcess)
        const equal = answers.filter(({ found }) => found.length === 0).length
        const served = answers.filter(({ found }) => found[0] === Corpus.served).length
        const compared = answers.filter(({ answer }) => !answer.error)
        const values = compared.reduce(
          (sum, { answer }) => sum + leaves([answer.thread, answer.turns, answer.response]),
          0
        )
        const different = compared.reduce((sum, { found }) => sum + found.length, 0)
        yield* Console.log(
          `${whole ? "whole corpus" : "corpus in the repository"}: ${equal} of ${rows.length} rollouts answered as a genuine ` +
            `server did, ${served} served that are refused there, ${rows.length - equal - served} otherwise as listed; ` +
            `${percent(values - different, values)} of ${values} values equal`
        )
        assert.isAtLeast((values - different) / values, 0.99)
        assert.isAtLeast(equal + served, Math.floor(rows.length * 0.9))
      }),
    5 * minutes
  )

  it.live("every listed difference is about a rollout of the corpus", () =>
    Effect.gen(function* () {
      const names = new Set(rows.map((row) => row.name))
      const unknown = [...differences.keys()].filter((name) => !names.has(name))
      // The part in the repository holds few of them.
      assert.deepStrictEqual(whole ? unknown : [], [])
      assert.strictEqual(names.size, rows.length)
    })
  )
})

layer(RethreadPeers.Bundle.layer, { excludeTestServices: true })("the corpus, over stdio", (it) => {
  const tenth = rows.filter((_, index) => index % 10 === 0)
  it.effect(
    `${tenth.length} rollouts`,
    () => Effect.flatMap(RethreadPeers.overStdio, (peer) => check(tenth, peer)),
    5 * minutes
  )
})

// An implied turn is named after the line that opened it, and a fork has one line more in front.
const impliedIds = /\/(?:id|turnId): "rollout-\d+", ours "rollout-\d+"$/

/** Differences either way. */
const unequal = (left: unknown, right: unknown, what: string): ReadonlyArray<string> => [
  ...Corpus.lacking(left, right, what),
  ...Corpus.lacking(right, left, what)
]

/** What is wrong with a fork of the row's thread. Null: the thread cannot be resumed, nor forked. */
const forkProblems = Effect.fnUntraced(function* (row: Corpus.CorpusRow) {
  const home = yield* Corpus.homeOf(row)
  const before = yield* home.hashes
  const { fork, source, told } = yield* Effect.gen(function* () {
    const client = yield* (yield* RethreadPeers.inProcess.serve(home, 1)).connect()
    const source = yield* client.request("thread/resume", { threadId: row.threadId })
    yield* client.settle
    yield* client.forget
    const fork = yield* client.request("thread/fork", { threadId: row.threadId })
    return { source, fork, told: usages(yield* client.settle) }
  }).pipe(Effect.scoped)
  if (Object.hasOwn(source, "error")) return Object.hasOwn(fork, "error") ? null : ["forked, but not to be resumed"]
  if (Object.hasOwn(fork, "error")) return [`not forked: ${String(at(fork, "error", "message"))}`]

  const after = yield* home.hashes
  const changed = [...before].filter(([path, hash]) => after.get(path) !== hash).map(([path]) => `${path} changed`)
  const client = yield* (yield* RethreadPeers.inProcess.serve(home, 1)).connect()
  const cold = yield* client.request("thread/resume", { threadId: at(fork, "result", "thread", "id") })
  const toldCold = usages(yield* client.settle)
  const turns = (answer: typeof cold) => at(answer, "result", "thread", "turns")
  const usage = (answer: typeof cold) => at(answer, "result", "tokenUsage")
  return [
    ...changed,
    ...unequal(turns(source), turns(fork), "turns").filter((difference) => !impliedIds.test(difference)),
    ...unequal(at(usage(source), "tokenUsage"), at(usage(fork), "tokenUsage"), "usage"),
    ...unequal(at(fork, "result", "thread"), at(cold, "result", "thread"), "cold thread"),
    ...unequal(usage(fork), usage(cold), "cold usage"),
    ...unequal(told, toldCold, "cold notification")
  ]
}, Effect.scoped)

describe("forks of the corpus", () => {
  it.live(
    "hold their source's turns and usage, here and cold; the source stays as it is",
    () =>
      Effect.gen(function* () {
        const found = yield* Effect.forEach(
          rows,
          (row) =>
            Effect.map(forkProblems(row), (problems) => problems?.map((problem) => `${row.name}: ${problem}`) ?? null),
          { concurrency: 4 }
        )
        assert.deepStrictEqual(
          found.flatMap((problems) => problems ?? []),
          []
        )
        assert.isAtLeast(found.filter((problems) => problems !== null).length, Math.floor(rows.length * 0.8))
      }),
    5 * minutes
  )
})
