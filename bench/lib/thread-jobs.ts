/**
 * Jobs with one large thread: resume, rejoin, read, pages of turns, fork.
 */
import { Effect } from "effect"
import { statSync } from "node:fs"
import { expectSame, failed, type Measure, type Run, type Scenario, type State, timed, usageAfter } from "./jobs.ts"
import { greeted, type Peer } from "./peers.ts"
import { at, lengthAt, read } from "./wire.ts"

const pageSize = 20

/** Genuine servers keep nothing of a rollout's turns: they have one state here. */
const states = (peer: Peer): ReadonlyArray<State> => (peer.isRethread ? ["cold", "warm", "stale"] : ["warm"])
const onlyCold = (peer: Peer): ReadonlyArray<State> => (peer.isRethread ? ["cold"] : ["warm"])

const serve = ({ copy, peer }: Run) => greeted(peer, copy.directory)

const resume = (job: string): Measure =>
  Effect.fnUntraced(function* (run) {
    const server = yield* serve(run)
    const { threadId, turns } = run.expected
    const answer = yield* server.talk.ask("thread/resume", { threadId })
    const { ms } = yield* usageAfter(server.talk, answer, threadId, run, true)
    const figure = timed(ms, server, { bytes: answer.text.length })
    yield* expectSame("turns", lengthAt(read(answer), "result", "thread", "turns"), turns)
    return { [job]: figure }
  })

const resumeWithoutTurns = (job: string): Measure =>
  Effect.fnUntraced(function* (run) {
    const server = yield* serve(run)
    const { threadId } = run.expected
    const answer = yield* server.talk.ask("thread/resume", { threadId, excludeTurns: true })
    const { ms, note } = yield* usageAfter(server.talk, answer, threadId, run, run.peer.isRethread)
    const figure = timed(ms, server, { bytes: answer.text.length }, note)
    yield* expectSame("turns", lengthAt(read(answer), "result", "thread", "turns"), 0)
    return { [job]: figure }
  })

const rejoin = (job: string): Measure =>
  Effect.fnUntraced(function* (run) {
    const server = yield* serve(run)
    const { threadId, turns } = run.expected
    const first = yield* server.talk.ask("thread/resume", { threadId })
    yield* usageAfter(server.talk, first, threadId, run, true)
    const answer = yield* server.talk.ask("thread/resume", { threadId })
    const { ms, note } = yield* usageAfter(server.talk, answer, threadId, run, run.peer.isRethread)
    const figure = timed(ms, server, { bytes: answer.text.length }, note)
    yield* expectSame("turns", lengthAt(read(answer), "result", "thread", "turns"), turns)
    return { [job]: figure }
  })

const fork = (job: string): Measure =>
  Effect.fnUntraced(function* (run) {
    const server = yield* serve(run)
    const { bytes, threadId, turns } = run.expected
    const answer = yield* server.talk.ask("thread/fork", { threadId })
    const thread = at(read(answer), "result", "thread")
    const { ms } = yield* usageAfter(server.talk, answer, String(at(thread, "id")), run, true)
    const figure = timed(ms, server, { bytes: answer.text.length })
    yield* expectSame("turns", lengthAt(thread, "turns"), turns)
    // Genuine servers print lines anew, and leave some fields out.
    const size = statSync(String(at(thread, "path")), { throwIfNoEntry: false })?.size ?? 0
    if (size < bytes * 0.8) return yield* failed(`the fork has ${size} bytes on disk, its source ${bytes}`)
    return { [job]: figure }
  })

const turnsList = (job: string): Measure =>
  Effect.fnUntraced(function* (run) {
    const server = yield* serve(run)
    const { lastTurnId, threadId, turns } = run.expected
    const answer = yield* server.talk.ask("thread/turns/list", { threadId, limit: pageSize })
    const figure = timed(answer.at - answer.sentAt, server, { bytes: answer.text.length })
    const result = read(answer)["result"]
    yield* expectSame("turns", lengthAt(result, "data"), Math.min(pageSize, turns))
    yield* expectSame("the newest turn", at(result, "data", 0, "id"), lastTurnId)
    return { [job]: figure }
  })

const readThread = (job: string): Measure =>
  Effect.fnUntraced(function* (run) {
    const server = yield* serve(run)
    const { threadId, turns } = run.expected
    const answer = yield* server.talk.ask("thread/read", { threadId, includeTurns: true })
    const figure = timed(answer.at - answer.sentAt, server, { bytes: answer.text.length })
    yield* expectSame("turns", lengthAt(read(answer), "result", "thread", "turns"), turns)
    return { [job]: figure }
  })

/** Sizes in megabytes: the small, the large and the huge rollout, and the one with pictures. */
export interface Sizes {
  readonly resume: ReadonlyArray<number>
  readonly large: number
  /** Without what is measured of the large one; null to leave it out. */
  readonly huge: number | null
  readonly images: number
}

export const threadScenarios = (sizes: Sizes): ReadonlyArray<Scenario> => {
  const { huge, images, large } = sizes
  const both = huge === null ? [large] : [large, huge]
  const of = (
    name: string,
    what: string,
    size: number,
    measure: (job: string) => Measure,
    more: Partial<Scenario> = {}
  ): Scenario => ({
    jobs: { [name]: what },
    input: `file-${size}`,
    states,
    codexRuns: size === huge ? 2 : 3,
    measure: measure(name),
    ...more
  })
  return [
    ...sizes.resume.map((size) => of(`resume-${size}`, `thread/resume, all turns, ${size} MB`, size, resume)),
    of("resume-images", `thread/resume, all turns, ${images} MB with images`, images, resume, {
      input: `images-${images}`
    }),
    ...both.map((size) =>
      of(`resume-no-turns-${size}`, `thread/resume, excludeTurns, ${size} MB`, size, resumeWithoutTurns, {
        // 0.122 has no excludeTurns.
        states: (peer) => (peer.name === "codex 0.122.0" ? [] : states(peer))
      })
    ),
    of(`rejoin-${large}`, `thread/resume of a loaded thread, all turns, ${large} MB`, large, rejoin, {
      states: onlyCold
    }),
    ...both.map((size) =>
      of(`fork-${size}`, `thread/fork, all turns, ${size} MB`, size, fork, { codexRuns: size === huge ? 1 : 3 })
    ),
    of(`turns-list-${large}`, `thread/turns/list, the newest ${pageSize}, ${large} MB`, large, turnsList),
    of(`read-${large}`, `thread/read, all turns, ${large} MB`, large, readThread)
  ]
}
