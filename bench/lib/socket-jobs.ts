/**
 * Many WebSocket clients of one server that resume the same thread at the same moment.
 */
import { Effect, type Scope } from "effect"
import { expectSame, failed, type Measure, type Scenario, timed } from "./jobs.ts"
import { connect, listening } from "./peers.ts"
import { type Answer, type BenchFailed, type Conversation, isError, isOverload, lengthAt, read } from "./wire.ts"

/** A client that was turned away tries again so often, a tenth of a second apart. */
const attempts = 600
const pause = "100 millis"

const resumeAtOnce = (job: string, clients: number): Measure =>
  Effect.fnUntraced(function* ({ copy, expected, peer }) {
    const { threadId, turns } = expected
    const server = yield* listening(peer, copy.directory)
    let refused = 0
    const enter = Effect.fnUntraced(function* (): Effect.fn.Return<Conversation, BenchFailed, Scope.Scope> {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const talk = yield* connect(server.url)
        if (talk !== null) return talk
        refused++
        yield* Effect.sleep(pause)
      }
      return yield* failed("a client was never let in")
    })
    const resume = Effect.fnUntraced(function* (talk: Conversation): Effect.fn.Return<Answer, BenchFailed> {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const answer = yield* talk.send("thread/resume", { threadId })
        if (!isError(answer)) return answer
        if (!isOverload(answer)) return yield* failed(answer.text.toString("utf8", 0, 200))
        refused++
        yield* Effect.sleep(pause)
      }
      return yield* failed("a client was never answered")
    })
    const all = { concurrency: "unbounded" } as const
    const talks = yield* Effect.forEach(Array.from({ length: clients }), enter, all)
    const since = performance.now()
    const answers = yield* Effect.forEach(talks, resume, all)
    const ms = Math.max(...answers.map(({ at }) => at)) - since
    const figure = timed(ms, server, { bytes: answers.reduce((sum, { text }) => sum + text.length, 0) })
    for (const answer of answers) {
      yield* expectSame("turns", lengthAt(read(answer), "result", "thread", "turns"), turns)
    }
    const told = refused === 0 ? [] : [`${refused} refused`]
    return { [job]: { ...figure, note: [figure.note, ...told].join(", "), refused } }
  })

export const socketScenarios = (counts: ReadonlyArray<number>): ReadonlyArray<Scenario> =>
  counts.map((clients) => ({
    jobs: { [`ws-${clients}`]: `${clients} WebSocket clients resume one 1 MB thread at once` },
    input: "file-1",
    states: (peer) => (peer.isRethread ? ["cold", "warm"] : ["warm"]),
    codexRuns: clients > 100 ? 1 : 2,
    measure: resumeAtOnce(`ws-${clients}`, clients)
  }))
