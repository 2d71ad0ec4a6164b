/**
 * Coming to a thread: cold, again, by path, by history, with and without its turns.
 */
import { Effect } from "effect"
import { rollout } from "../../../src/testing/RolloutBuilder.ts"
import { at, type Case, items, listAt, sequence, turns, usages } from "../Case.ts"
import { inHome } from "../Home.ts"
import { basic, metaOnly, openTurn, options, paged, threeTurns } from "./Rollouts.ts"

const basicUsage = { turnId: "rollout-2", total: "150 120 20 30 10", last: "90 70 10 20 5", window: 200000 }
const broadcasts169 = "fault 29, and the file is appended to"
const cold122 = ["thread/status/changed", "response", "thread/tokenUsage/updated"]
const cold169 = [...cold122, "thread/goal/cleared"]

const cold: Case = {
  name: "resume, cold: the response, then exactly one usage notification",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect()
    const { result } = yield* client.request("thread/resume", { threadId: basic.threadId })
    const frames = yield* client.settle
    const thread = at(result, "thread")
    return {
      sequence: sequence(frames),
      usage: usages(frames),
      turns: turns(thread),
      items: items(thread),
      preview: at(thread, "preview"),
      status: at(thread, "status", "type"),
      forkedFromId: at(thread, "forkedFromId"),
      source: at(thread, "source"),
      cliVersion: at(thread, "cliVersion"),
      path: inHome(home, String(at(thread, "path"))) === basic.path,
      times: [at(thread, "createdAt"), at(thread, "updatedAt")],
      settings: [at(result, "model"), at(result, "modelProvider"), at(result, "cwd"), at(result, "approvalPolicy")],
      sandbox: at(result, "sandbox", "type"),
      inResult: at(result, "tokenUsage", "tokenUsage", "total", "totalTokens")
    }
  }),
  expected: {
    sequence: ["response", "thread/tokenUsage/updated"],
    usage: [basicUsage],
    turns: ["rollout-2:completed"],
    items: [["userMessage/item-1"]],
    preview: "Saved user message",
    status: "idle",
    forkedFromId: null,
    source: "cli",
    cliVersion: "0.0.0",
    path: true,
    times: [1736078460, 1736078463],
    settings: ["mock-model", "mock_provider", "/", "never"],
    sandbox: "readOnly",
    inResult: 150
  },
  deviates: {
    "0.122.0": { because: "faults 12 and 29", shows: { sequence: cold122, inResult: null } },
    "0.169.0": {
      because: "faults 12 and 29; updatedAt is the creation until its database knows better",
      shows: { sequence: cold169, inResult: null, times: [1736078460, 1736078460] }
    }
  }
}

const rejoin: Case = {
  name: "resume, again: the same answer and one notification more, each time",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const first = yield* client.request("thread/resume", { threadId: basic.threadId })
    yield* client.settle
    yield* client.forget
    const second = yield* client.request("thread/resume", { threadId: basic.threadId.toUpperCase() })
    const third = yield* client.request("thread/resume", { threadId: basic.threadId.replaceAll("-", "") })
    const frames = yield* client.settle
    return {
      frames: sequence(frames).filter((name) => !name.startsWith("thread/goal")),
      usage: usages(frames),
      turns: [second, third].map(({ result }) => turns(at(result, "thread"))),
      sameThread: [second, third].every(
        ({ result }) => at(result, "thread", "id") === at(first, "result", "thread", "id")
      )
    }
  }),
  expected: {
    frames: ["response", "thread/tokenUsage/updated", "response", "thread/tokenUsage/updated"],
    usage: [basicUsage, basicUsage],
    turns: [["rollout-2:completed"], ["rollout-2:completed"]],
    sameThread: true
  }
}

const bytes: Case = {
  name: "resume and rejoin leave the rollout as it is",
  files: [basic, threeTurns],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const before = yield* home.hashes
    const client = yield* connect()
    for (let n = 0; n < 5; n++) {
      for (const { threadId } of [basic, threeTurns]) yield* client.request("thread/resume", { threadId })
    }
    yield* client.request("thread/resume", { threadId: basic.threadId, excludeTurns: true })
    yield* client.request("thread/read", { threadId: threeTurns.threadId, includeTurns: true })
    const frames = yield* client.settle
    const after = yield* home.hashes
    return {
      files: after.size,
      unchanged: [...before].filter(([path, hash]) => after.get(path) === hash).length,
      notifications: usages(frames).length
    }
  }),
  expected: { files: 2, unchanged: 2, notifications: 11 },
  deviates: {
    "0.169.0": { because: broadcasts169, shows: { unchanged: 0, notifications: 10 } }
  }
}

const pipelined: Case = {
  name: "requests sent together: each response has its notification right behind it",
  files: [threeTurns],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const resume = ["thread/resume", { threadId: threeTurns.threadId }] as const
    yield* client.pipeline([resume, resume, resume, resume])
    const frames = yield* client.settle
    return {
      frames: sequence(frames).filter((name) => name === "response" || name === "thread/tokenUsage/updated"),
      usage: new Set(usages(frames).map(({ turnId, total }) => `${String(turnId)} ${String(total)}`)).size
    }
  }),
  expected: {
    frames: Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? "response" : "thread/tokenUsage/updated")),
    usage: 1
  }
}

const withoutTurns: Case = {
  name: "excludeTurns: no turns, the usage all the same",
  files: [threeTurns],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const params = { threadId: threeTurns.threadId, excludeTurns: true }
    const first = yield* client.request("thread/resume", params)
    yield* client.settle
    const second = yield* client.request("thread/resume", params)
    const frames = yield* client.settle
    return {
      turns: [first, second].map(({ result }) => turns(at(result, "thread"))),
      usage: usages(frames).map(({ turnId }) => turnId)
    }
  }),
  expected: { turns: [[], []], usage: ["T3", "T3"] },
  deviates: {
    "0.122.0": {
      because: "it does not know the member",
      shows: {
        turns: [
          ["T1:completed", "T2:completed", "T3:completed"],
          ["T1:completed", "T2:completed", "T3:completed"]
        ]
      }
    },
    "0.169.0": { because: "fault 5", shows: { usage: [] } }
  }
}

const firstPage: Case = {
  name: "initialTurnsPage: the newest turns come with the answer",
  files: [threeTurns],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { result } = yield* client.request("thread/resume", {
      threadId: threeTurns.threadId,
      excludeTurns: true,
      initialTurnsPage: { limit: 2, itemsView: "full" }
    })
    const page = at(result, "initialTurnsPage")
    const next = yield* client.request("thread/turns/list", {
      threadId: threeTurns.threadId,
      cursor: at(page, "nextCursor") ?? null,
      itemsView: "notLoaded"
    })
    const frames = yield* client.settle
    return {
      page: listAt(page, "data").map((turn) => [at(turn, "id"), listAt(turn, "items").length]),
      next: listAt(next, "result", "data").map((turn) => [at(turn, "id"), listAt(turn, "items").length]),
      usage: usages(frames).map(({ turnId }) => turnId)
    }
  }),
  expected: {
    page: [
      ["T3", 2],
      ["T2", 2]
    ],
    next: [["T1", 0]],
    usage: ["T3"]
  },
  deviates: {
    "0.122.0": {
      because: "it does not know the member, nor itemsView",
      shows: {
        page: [],
        next: [
          ["T3", 2],
          ["T2", 2],
          ["T1", 2]
        ]
      }
    },
    "0.169.0": { because: "fault 5", shows: { usage: [] } }
  }
}

const open: Case = {
  name: "a turn that never ended is interrupted; the usage is that of the turn before",
  files: [openTurn],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { result } = yield* client.request("thread/resume", { threadId: openTurn.threadId })
    const frames = yield* client.settle
    return { turns: turns(at(result, "thread")), usage: usages(frames).map(({ turnId, total }) => [turnId, total]) }
  }),
  expected: { turns: ["T1:completed", "T2:interrupted"], usage: [["T1", "120 90 20 30 10"]] }
}

const paginatedHistory: Case = {
  name: "a paginated history: its own item ids, usage, cursors",
  files: [paged],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { result } = yield* client.request("thread/resume", { threadId: paged.threadId })
    const frames = yield* client.settle
    const thread = at(result, "thread")
    return {
      mode: at(thread, "historyMode"),
      turns: turns(thread).map((turn) => turn.slice(-11)),
      items: listAt(thread, "turns").map((turn) =>
        listAt(turn, "items").map((item) => [at(item, "type"), String(at(item, "id")).startsWith("item-")])
      ),
      usage: usages(frames).map(({ total }) => total),
      cursors: [at(result, "turnsBackwardsCursor"), at(result, "itemsBackwardsCursor")].map((cursor) => typeof cursor)
    }
  }),
  expected: {
    mode: "paginated",
    turns: ["1:completed", "2:completed"],
    items: [
      [
        ["userMessage", false],
        ["agentMessage", false]
      ],
      [
        ["userMessage", false],
        ["agentMessage", false]
      ]
    ],
    usage: ["360 330 20 30 10"],
    cursors: ["string", "string"]
  },
  deviates: {
    "0.122.0": {
      because: "paginated history came after it",
      shows: { mode: null, items: [[], []], cursors: ["undefined", "undefined"] }
    }
  }
}

const nothingSaid: Case = {
  name: "a thread in which nothing was said: no turns, no usage",
  files: [metaOnly],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const answer = yield* client.request("thread/resume", { threadId: metaOnly.threadId })
    const frames = yield* client.settle
    return {
      served: Object.hasOwn(answer, "result"),
      turns: turns(at(answer, "result", "thread")),
      usage: usages(frames)
    }
  }),
  expected: { served: true, turns: [], usage: [] }
}

const elsewhere = rollout(options(20)).turn({ id: "T1", usage: true }).build()
const oddlyNamed = {
  path: "kept/copy of a session.jsonl",
  content: elsewhere.content,
  modifiedAt: elsewhere.modifiedAt
}

const byPath: Case = {
  name: "resume by path: any file name inside the home",
  files: [basic, oddlyNamed],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect()
    const params = { threadId: "", path: home.at(oddlyNamed.path) }
    const { result } = yield* client.request("thread/resume", params)
    const again = yield* client.request("thread/resume", params)
    const frames = yield* client.settle
    return {
      id: [at(result, "thread", "id"), at(again, "result", "thread", "id")],
      turns: turns(at(result, "thread")),
      usage: usages(frames).map(({ turnId }) => turnId)
    }
  }),
  expected: { id: [elsewhere.threadId, elsewhere.threadId], turns: ["T1:completed"], usage: ["T1", "T1"] }
}

const byHistory: Case = {
  name: "resume from a history: a new thread without turns and usage",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect()
    const message = { type: "message", role: "user", content: [{ type: "input_text", text: "from the client" }] }
    const answer = yield* client.request("thread/resume", { threadId: "any text", history: [message] })
    const frames = yield* client.settle
    const thread = at(answer, "result", "thread")
    return {
      newId: typeof at(thread, "id") === "string" && at(thread, "id") !== basic.threadId,
      forkedFromId: at(thread, "forkedFromId"),
      turns: turns(thread),
      preview: at(thread, "preview"),
      usage: usages(frames),
      files: (yield* home.hashes).size
    }
  }),
  expected: { newId: true, forkedFromId: null, turns: [], preview: "from the client", usage: [], files: 2 }
}

/** Resume and rejoin. */
export const cases: ReadonlyArray<Case> = [
  cold,
  rejoin,
  bytes,
  pipelined,
  withoutTurns,
  firstPage,
  open,
  paginatedHistory,
  nothingSaid,
  byPath,
  byHistory
]
