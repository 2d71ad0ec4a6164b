/**
 * Two clients of one server: who is told what.
 */
import { Effect } from "effect"
import { at, type Case, sequence, usageMethod, usages } from "../Case.ts"
import { basic, threeTurns } from "./Rollouts.ts"

const toAll122 = ["thread/status/changed"]
const toAll169 = ["thread/status/changed", "thread/goal/cleared"]

const scoped: Case = {
  name: "two clients: only the one that asks hears the usage",
  files: [threeTurns],
  clients: 2,
  script: Effect.fnUntraced(function* ({ connect }) {
    const one = yield* connect()
    const two = yield* connect()
    yield* one.request("thread/resume", { threadId: threeTurns.threadId })
    const cold = [yield* one.settle, yield* two.settle]
    yield* one.forget
    yield* two.forget
    yield* two.request("thread/resume", { threadId: threeTurns.threadId })
    const rejoin = [yield* two.settle, yield* one.settle]
    return {
      asks: cold
        .slice(0, 1)
        .map(usages)
        .map((found) => found.map(({ turnId }) => turnId)),
      idle: sequence(cold[1] ?? []),
      rejoins: usages(rejoin[0] ?? []).map(({ turnId }) => turnId),
      stays: usages(rejoin[1] ?? [])
    }
  }),
  expected: { asks: [["T3"]], idle: [], rejoins: ["T3"], stays: [] },
  deviates: {
    "0.122.0": { because: "fault 29", shows: { idle: toAll122 } },
    "0.169.0": { because: "fault 29", shows: { idle: toAll169 } }
  }
}

const together: Case = {
  name: "two clients that resume at once: a response and one notification each",
  files: [threeTurns],
  clients: 2,
  script: Effect.fnUntraced(function* ({ connect }) {
    const clients = [yield* connect(), yield* connect()]
    const resume = { threadId: threeTurns.threadId }
    yield* Effect.forEach(clients, (client) => client.request("thread/resume", resume), { concurrency: 2 })
    const frames = yield* Effect.forEach(clients, (client) => client.settle)
    return {
      responses: frames.map((all) => sequence(all).filter((name) => name === "response").length),
      usage: frames.map((all) => usages(all).map(({ turnId }) => turnId))
    }
  }),
  expected: { responses: [1, 1], usage: [["T3"], ["T3"]] }
}

const started: Case = {
  name: "two clients: a fork is announced to both, its usage told to the one that forked",
  files: [basic],
  clients: 2,
  script: Effect.fnUntraced(function* ({ connect }) {
    const one = yield* connect()
    const two = yield* connect()
    const { result } = yield* one.request("thread/fork", { threadId: basic.threadId })
    const frames = [yield* one.settle, yield* two.settle]
    const announced = yield* two.notification("thread/started")
    return {
      forker: sequence(frames[0] ?? []),
      other: sequence(frames[1] ?? []),
      sameThread: at(announced, "params", "thread", "id") === at(result, "thread", "id")
    }
  }),
  expected: {
    forker: ["response", usageMethod, "thread/started"],
    other: ["thread/started"],
    sameThread: true
  }
}

const optedOut: Case = {
  name: "two clients: who opted out of a notification is not told",
  files: [basic],
  clients: 2,
  script: Effect.fnUntraced(function* ({ connect }) {
    const deaf = yield* connect({ optOut: [usageMethod, "thread/started"] })
    const other = yield* connect()
    const resumed = yield* deaf.request("thread/resume", { threadId: basic.threadId })
    yield* other.request("thread/resume", { threadId: basic.threadId })
    yield* deaf.request("thread/fork", { threadId: basic.threadId })
    const frames = [yield* deaf.settle, yield* other.settle]
    const told = (all: (typeof frames)[number]) =>
      sequence(all).filter((name) => name === usageMethod || name === "thread/started")
    return {
      deaf: told(frames[0] ?? []),
      other: told(frames[1] ?? []),
      inResult: at(resumed, "result", "tokenUsage", "turnId")
    }
  }),
  expected: { deaf: [], other: [usageMethod, "thread/started"], inResult: "rollout-2" },
  deviates: {
    "0.122.0": { because: "fault 12", shows: { inResult: null } },
    "0.169.0": { because: "fault 12", shows: { inResult: null } }
  }
}

const alone: Case = {
  name: "opting out: the response comes, the notification does not",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect({ optOut: [usageMethod] })
    yield* client.request("thread/resume", { threadId: basic.threadId })
    yield* client.request("thread/resume", { threadId: basic.threadId })
    yield* client.request("thread/fork", { threadId: basic.threadId })
    const frames = yield* client.settle
    return { usage: usages(frames), responses: sequence(frames).filter((name) => name === "response").length }
  }),
  expected: { usage: [], responses: 3 }
}

const goesOn: Case = {
  name: "two clients: the thread stays loaded when the one that resumed it leaves",
  files: [basic],
  clients: 2,
  script: Effect.fnUntraced(function* ({ connect }) {
    const two = yield* connect()
    yield* Effect.scoped(Effect.flatMap(connect(), (one) => one.request("thread/resume", { threadId: basic.threadId })))
    const { result } = yield* two.request("thread/loaded/list")
    yield* two.request("thread/resume", { threadId: basic.threadId })
    const frames = yield* two.settle
    return { loaded: at(result, "data"), usage: usages(frames).length }
  }),
  expected: { loaded: [basic.threadId], usage: 1 }
}

/** Scoping. */
export const cases: ReadonlyArray<Case> = [scoped, together, started, optedOut, alone, goesOn]
