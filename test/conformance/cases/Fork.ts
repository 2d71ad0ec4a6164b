/**
 * Forking: what the fork holds, what its usage is, what is announced, and that the source stays as it is.
 */
import { Effect, Equal } from "effect"
import type { Client } from "../Client.ts"
import { at, type Case, items, refusal, sequence, turns, usages } from "../Case.ts"
import { inHome } from "../Home.ts"
import { answered, basic, openTurn, options, paged, spent, threeTurns } from "./Rollouts.ts"
import { rollout } from "../../../src/testing/RolloutBuilder.ts"

/** Forks, and tells the fork's turns (statuses) and usage (owner and total). */
const shape = Effect.fnUntraced(function* (client: Client, params: { readonly [name: string]: unknown }) {
  yield* client.settle
  yield* client.forget
  const answer = yield* client.request("thread/fork", params)
  if (!Object.hasOwn(answer, "result")) return refusal(answer)
  const frames = yield* client.settle
  return [turns(at(answer, "result", "thread")), usages(frames).map(({ turnId, total }) => [turnId, total])]
})

const order: Case = {
  name: "fork: response, usage, thread/started; the source untouched",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const before = yield* home.hashes
    const client = yield* connect()
    const { result } = yield* client.request("thread/fork", { threadId: basic.threadId })
    const frames = yield* client.settle
    const thread = at(result, "thread")
    const started = yield* client.notification("thread/started")
    const path = inHome(home, String(at(thread, "path")))
    const lines = (yield* home.text(path)).trimEnd().split("\n")
    const after = yield* home.hashes
    const own = usages(frames)[0]
    return {
      sequence: sequence(frames),
      forkedFromId: at(thread, "forkedFromId"),
      newId: at(thread, "id") !== basic.threadId,
      announced: at(started, "params", "thread", "id") === at(thread, "id"),
      turns: turns(thread),
      usage: [own?.["turnId"], own?.["total"], own?.["last"], own?.["window"]],
      preview: at(thread, "preview"),
      inherited: at(result, "tokenUsage", "inherited", "totalTokens"),
      sourceUnchanged: after.get(basic.path) === before.get(basic.path),
      files: after.size,
      marked: lines.filter((line) => line.includes("<turn_aborted>")).length,
      sourceTimes: lines.filter((line) => line.startsWith('{"timestamp":"2025-01-05T12:01:0')).length
    }
  }),
  expected: {
    sequence: ["response", "thread/tokenUsage/updated", "thread/started"],
    forkedFromId: basic.threadId,
    newId: true,
    announced: true,
    turns: ["rollout-3:interrupted"],
    usage: ["rollout-3", "150 120 20 30 10", "90 70 10 20 5", 200000],
    preview: "Saved user message",
    inherited: 150,
    sourceUnchanged: true,
    files: 2,
    marked: 1,
    sourceTimes: 4
  },
  deviates: {
    "0.122.0": { because: "fault 7", shows: { inherited: null, sourceTimes: 0 } },
    "0.169.0": { because: "fault 7", shows: { inherited: null, sourceTimes: 0 } }
  }
}

const finished: Case = {
  name: "fork of a finished implied exchange, and a fork of that: not interrupted",
  files: [answered],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const first = yield* client.request("thread/fork", { threadId: answered.threadId })
    const again = yield* client.request("thread/fork", { threadId: at(first, "result", "thread", "id") })
    const frames = yield* client.settle
    return {
      turns: [first, again].map(({ result }) => turns(at(result, "thread"))),
      usage: usages(frames).map(({ turnId }) => turnId)
    }
  }),
  expected: {
    turns: [["rollout-3:completed"], ["rollout-4:completed"]],
    usage: ["rollout-3", "rollout-4"]
  },
  deviates: {
    "0.122.0": {
      because: "fault 16",
      shows: { turns: [["rollout-3:interrupted"], ["rollout-4:interrupted"]] }
    },
    "0.169.0": {
      because: "fault 16",
      shows: { turns: [["rollout-3:interrupted"], ["rollout-4:interrupted"]] }
    }
  }
}

const [first, second, third] = ["T1:completed", "T2:completed", "T3:completed"]
const whole = [[first, second, third], [["T3", "620 590 20 30 10"]]]

const cuts: Case = {
  name: "fork up to a turn: lastTurnId is kept, beforeTurnId is not; the usage is that of what is kept",
  files: [threeTurns, answered],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { threadId } = threeTurns
    return {
      lastOfThree: yield* shape(client, { threadId, lastTurnId: "T3" }),
      last: yield* shape(client, { threadId, lastTurnId: "T2" }),
      before: yield* shape(client, { threadId, beforeTurnId: "T2" }),
      beforeAll: yield* shape(client, { threadId, beforeTurnId: "T1" }),
      implied: yield* shape(client, { threadId: answered.threadId, lastTurnId: "rollout-2" })
    }
  }),
  expected: {
    lastOfThree: whole,
    last: [[first, second], [["T2", "360 330 20 30 10"]]],
    before: [[first], [["T1", "120 90 20 30 10"]]],
    beforeAll: [[], []],
    implied: [["rollout-3:completed"], [["rollout-3", "150 120 20 30 10"]]]
  },
  deviates: {
    "0.122.0": {
      because: "it does not know the members; fault 16",
      shows: {
        last: whole,
        before: whole,
        beforeAll: whole,
        implied: [["rollout-3:interrupted"], [["rollout-3", "150 120 20 30 10"]]]
      }
    },
    "0.169.0": {
      because: "compatibility, Forks: implied turns as anchors",
      shows: { implied: "-32600 lastTurnId 'rollout-2' is not a persisted canonical turn in the source thread" }
    }
  }
}

const refusals: Case = {
  name: "fork up to a turn that cannot be one",
  files: [threeTurns, openTurn],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const fork = (params: { readonly [name: string]: unknown }) =>
      Effect.map(client.request("thread/fork", params), (answer) => refusal(answer))
    const { threadId } = threeTurns
    return {
      unknown: yield* fork({ threadId, lastTurnId: "T9" }),
      unknownBefore: yield* fork({ threadId, beforeTurnId: "T9" }),
      both: yield* fork({ threadId, lastTurnId: "T1", beforeTurnId: "T2" })
    }
  }),
  expected: {
    unknown: "-32600 lastTurnId 'T9' was not found in the source thread",
    unknownBefore: "-32600 beforeTurnId 'T9' was not found in the source thread",
    both: "-32600 `beforeTurnId` cannot be combined with `lastTurnId`"
  },
  deviates: {
    "0.122.0": {
      because: "it does not know the members",
      shows: { unknown: "answered", unknownBefore: "answered", both: "answered" }
    }
  }
}

const withoutTurns: Case = {
  name: "fork with excludeTurns: the usage all the same",
  files: [threeTurns],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    return { fork: yield* shape(client, { threadId: threeTurns.threadId, excludeTurns: true }) }
  }),
  expected: { fork: [[], [["T3", "620 590 20 30 10"]]] },
  deviates: {
    "0.122.0": { because: "it does not know the member", shows: { fork: whole } },
    "0.169.0": { because: "fault 5", shows: { fork: [[], []] } }
  }
}

const midTurn: Case = {
  name: "fork in the middle of a turn: interrupted in the fork",
  files: [openTurn],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    return { fork: yield* shape(client, { threadId: openTurn.threadId }) }
  }),
  expected: { fork: [["T1:completed", "T2:interrupted"], [["T1", "120 90 20 30 10"]]] }
}

const unended = rollout(options(23))
  .turn({ id: "T1", usage: spent(120) })
  .turn({ id: "T2", agent: null, ends: "open" })
  .build()

const withoutLineEnd: Case = {
  name: "fork of a loaded thread whose last line has no end: nothing is lost",
  files: [{ ...unended, content: unended.content.trimEnd() }],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const before = yield* home.hashes
    const client = yield* connect()
    const { result } = yield* client.request("thread/read", { threadId: unended.threadId, includeTurns: true })
    yield* client.request("thread/resume", { threadId: unended.threadId })
    const forked = yield* client.request("thread/fork", { threadId: unended.threadId })
    yield* client.settle
    const after = yield* home.hashes
    return {
      thread: [turns(at(result, "thread")), items(at(result, "thread"))],
      fork: [turns(at(forked, "result", "thread")), items(at(forked, "result", "thread"))],
      unchanged: after.get(unended.path) === before.get(unended.path)
    }
  }),
  expected: {
    thread: [
      ["T1:completed", "T2:interrupted"],
      [["userMessage/item-1", "agentMessage/item-2"], ["userMessage/item-3"]]
    ],
    fork: [
      ["T1:completed", "T2:interrupted"],
      [["userMessage/item-1", "agentMessage/item-2"], ["userMessage/item-3"]]
    ],
    unchanged: true
  },
  deviates: { "0.169.0": { because: "compatibility, Resume: the file on resume", shows: { unchanged: false } } }
}

const failing = rollout(options(21))
  .turn({ id: "T1", usage: spent(120), ends: "failed" })
  .build()

const failed: Case = {
  name: "a failed turn is failed, in the thread and in its fork",
  files: [failing],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { result } = yield* client.request("thread/resume", { threadId: failing.threadId })
    return { thread: turns(at(result, "thread")), fork: yield* shape(client, { threadId: failing.threadId }) }
  }),
  expected: { thread: ["T1:failed"], fork: [["T1:failed"], [["T1", "120 90 20 30 10"]]] },
  deviates: {
    "0.122.0": { because: "fault 14", shows: { fork: [["T1:completed"], [["T1", "120 90 20 30 10"]]] } },
    "0.169.0": {
      because: "faults 14 and 15",
      shows: { thread: ["T1:completed"], fork: [["T1:completed"], [["T1", "120 90 20 30 10"]]] }
    }
  }
}

const ephemeral: Case = {
  name: "an ephemeral fork: no file, and a thread like any other while it lasts",
  files: [threeTurns],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect()
    const { result } = yield* client.request("thread/fork", { threadId: threeTurns.threadId, ephemeral: true })
    const threadId = String(at(result, "thread", "id"))
    const frames = yield* client.settle
    const resumed = yield* client.request("thread/resume", { threadId })
    return {
      thread: [at(result, "thread", "path"), at(result, "thread", "ephemeral"), at(result, "thread", "forkedFromId")],
      turns: turns(at(result, "thread")),
      usage: usages(frames).map(({ turnId }) => turnId),
      resumed: refusal(resumed, { fork: threadId }),
      files: (yield* home.hashes).size
    }
  }),
  expected: {
    thread: [null, true, threeTurns.threadId],
    turns: [first, second, third],
    usage: ["T3"],
    resumed: "answered",
    files: 1
  },
  deviates: {
    "0.122.0": { because: "fault 24", shows: { resumed: "-32600 no rollout found for thread id <fork>" } },
    "0.169.0": { because: "fault 24", shows: { resumed: "-32600 no rollout found for thread id <fork>" } }
  }
}

const cold: Case = {
  name: "a fork, read by a server that did not make it: the same turns and usage",
  files: [threeTurns],
  script: Effect.fnUntraced(function* ({ connect, home, serve }) {
    const made = yield* Effect.scoped(
      Effect.gen(function* () {
        const client = yield* (yield* serve).connect()
        const { result } = yield* client.request("thread/fork", { threadId: threeTurns.threadId })
        const frames = yield* client.settle
        return { thread: at(result, "thread"), usage: usages(frames) }
      })
    )
    const path = inHome(home, String(at(made.thread, "path")))
    const lines = (yield* home.text(path)).trimEnd().split("\n")
    const client = yield* connect()
    const { result } = yield* client.request("thread/resume", { threadId: at(made.thread, "id") })
    const frames = yield* client.settle
    return {
      turns: turns(at(result, "thread")),
      sameTurns: Equal.equals(turns(at(result, "thread")), turns(made.thread)),
      sameUsage: Equal.equals(usages(frames), made.usage),
      forkedFromId: at(result, "thread", "forkedFromId"),
      metas: lines.filter((line) => line.includes('"type":"session_meta"')).length,
      records: lines.filter((line) => line.includes('"type":"token_count"')).length
    }
  }),
  expected: {
    turns: [first, second, third],
    sameTurns: true,
    sameUsage: true,
    forkedFromId: threeTurns.threadId,
    metas: 2,
    records: 3
  }
}

const paginatedFork: Case = {
  name: "a fork of a paginated thread: its turns and usage",
  files: [paged],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect()
    const { result } = yield* client.request("thread/fork", { threadId: paged.threadId })
    const frames = yield* client.settle
    const path = inHome(home, String(at(result, "thread", "path")))
    const text = yield* home.text(path)
    return {
      turns: turns(at(result, "thread")).map((turn) => turn.slice(-11)),
      usage: usages(frames).map(({ total }) => total),
      selfContained: text.includes("question 1")
    }
  }),
  expected: { turns: ["1:completed", "2:completed"], usage: ["360 330 20 30 10"], selfContained: true },
  deviates: {
    "0.169.0": { because: "compatibility, Forks: one line that refers to the base", shows: { selfContained: false } }
  }
}

/** Forks. */
export const cases: ReadonlyArray<Case> = [
  order,
  finished,
  cuts,
  refusals,
  withoutTurns,
  midTurn,
  withoutLineEnd,
  failed,
  ephemeral,
  cold,
  paginatedFork
]
