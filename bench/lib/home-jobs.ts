/**
 * Jobs with many threads: starting over a home, listing it, reading at a rate, idling.
 */
import { Effect } from "effect"
import { expectSame, failed, type Figure, type Measure, type Scenario, type State, timed } from "./jobs.ts"
import { greeted, memoryOf, type Peer } from "./peers.ts"
import { at, type Frame, isError, isOverload, read } from "./wire.ts"

const firstPage = 25
const pageSize = 100
const inFlight = 128
const retryMs = 100

const onlyWarm = (): ReadonlyArray<State> => ["warm"]

const idsOf = (page: Frame): ReadonlyArray<unknown> => {
  const data = at(read(page), "result", "data")
  return Array.isArray(data) ? data.map((thread) => at(thread, "id")) : []
}

/** Starts over a home, asks for the first page as soon as it may, and then pages through all threads. */
const startAndList = (start: string, first: string, all: string): Measure =>
  Effect.fnUntraced(function* ({ copy, peer }) {
    const { rollouts } = copy.input
    const server = yield* greeted(peer, copy.directory)
    const started = timed(server.greetedAt - server.startedAt, server, null)
    const page = yield* server.talk.ask("thread/list", { limit: firstPage })
    const listed = timed(page.at - page.sentAt, server, { bytes: page.text.length })
    const newest = rollouts.slice(0, firstPage).map(({ threadId }) => threadId)
    yield* expectSame("the newest threads", idsOf(page).join(" "), newest.join(" "))

    const seen = new Set<unknown>()
    let ms = 0
    let bytes = 0
    let cursor: unknown = null
    do {
      const answer = yield* server.talk.ask("thread/list", { limit: pageSize, ...(cursor === null ? {} : { cursor }) })
      ms += answer.at - answer.sentAt
      bytes += answer.text.length
      const before = seen.size
      for (const id of idsOf(answer)) seen.add(id)
      cursor = at(read(answer), "result", "nextCursor") ?? null
      if (cursor !== null && seen.size === before) return yield* failed(`a page brought nothing new after ${before}`)
    } while (cursor !== null)
    yield* expectSame("threads in all pages", seen.size, rollouts.length)
    const pages = Math.ceil(rollouts.length / pageSize)
    return { [start]: started, [first]: listed, [all]: timed(ms, server, { bytes }, `${pages} pages`) }
  })

const start: Measure = Effect.fnUntraced(function* ({ copy, peer }) {
  const server = yield* greeted(peer, copy.directory)
  return { "start-small": timed(server.greetedAt - server.startedAt, server, null) }
})

/** The size two seconds after the last thing that was asked. */
const idle: Measure = Effect.fnUntraced(function* ({ copy, peer }) {
  const server = yield* greeted(peer, copy.directory)
  yield* server.talk.ask("thread/list", { limit: firstPage })
  yield* Effect.sleep("2 seconds")
  const figure: Figure = {
    value: memoryOf(server, "VmRSS"),
    unit: "MB",
    peakMb: memoryOf(server, "VmHWM"),
    note: "",
    refused: 0
  }
  return { "idle-memory": figure }
})

/**
 * Keeps requests in flight: a second to get going, then as many as are answered in the time. A request that is turned
 * away is no answer; it is sent again a tenth of a second later.
 */
const rate = (job: string, spread: boolean, seconds: number): Measure =>
  Effect.fnUntraced(function* ({ copy, peer }) {
    const server = yield* greeted(peer, copy.directory)
    const { rollouts } = copy.input
    const threads = spread ? rollouts : rollouts.slice(0, 1)
    let answered = 0
    let next = 0
    let wrong = ""
    let going = true
    let refused = 0
    const post = () => {
      const threadId = threads[next++ % threads.length]?.threadId ?? ""
      server.talk.post("thread/read", { threadId }, (answer) => {
        if (typeof answer === "string") wrong = answer
        else if (isOverload(answer)) {
          refused++
          if (going) setTimeout(post, retryMs)
          return
        } else if (isError(answer)) wrong = answer.text.toString("utf8", 0, 200)
        else if (at(read(answer), "result", "thread", "id") !== threadId) wrong = "an answer with another thread"
        answered++
        if (going && wrong === "") post()
      })
    }
    for (let n = 0; n < inFlight; n++) post()
    yield* Effect.sleep("1 second")
    const [before, since] = [answered, performance.now()]
    yield* Effect.sleep(`${seconds} seconds`)
    const perSecond = (answered - before) / ((performance.now() - since) / 1000)
    going = false
    if (wrong !== "") return yield* failed(wrong)
    const note = refused === 0 ? "" : `${refused} refused`
    const peakMb = memoryOf(server, "VmHWM")
    return { [job]: { value: perSecond, unit: "per s", peakMb, note, refused } satisfies Figure }
  })

/** The same of genuine servers, so that a warm start is compared with a warm one. */
const coldAndWarm = (_: Peer): ReadonlyArray<State> => ["cold", "warm"]

export const homeScenarios = (many: number, few: number, seconds: number): ReadonlyArray<Scenario> => [
  {
    jobs: {
      [`start-${many}`]: `start to initialize, ${many} sessions`,
      "list-first": "the first thread/list page right after that start",
      "list-all": "all pages of thread/list after it"
    },
    input: `home-${many}`,
    states: coldAndWarm,
    codexRuns: 2,
    measure: startAndList(`start-${many}`, "list-first", "list-all")
  },
  {
    jobs: { "start-small": `start to initialize, ${few} sessions` },
    input: `home-${few}`,
    states: onlyWarm,
    codexRuns: 5,
    measure: start
  },
  {
    jobs: { "idle-memory": `memory two seconds after a page of thread/list, ${few} sessions` },
    input: `home-${few}`,
    states: onlyWarm,
    codexRuns: 3,
    measure: idle
  },
  {
    jobs: { "read-rate": `thread/read a second, ${inFlight} in flight, over ${few} threads` },
    input: `home-${few}`,
    states: onlyWarm,
    codexRuns: 2,
    measure: rate("read-rate", true, seconds)
  },
  {
    jobs: { "read-rate-one": `thread/read a second, ${inFlight} in flight, one thread` },
    input: `home-${few}`,
    states: onlyWarm,
    codexRuns: 2,
    measure: rate("read-rate-one", false, seconds)
  }
]
