/**
 * Looking at threads without coming to them: read, the lists, and who is loaded and subscribed.
 */
import { Effect } from "effect"
import { at, type Case, listAt, refusal, sequence, turns, usages } from "../Case.ts"
import type { Client } from "../Client.ts"
import { archived, basic, metaOnly, openTurn, options, paged, threeTurns } from "./Rollouts.ts"
import { rollout } from "../../../src/testing/RolloutBuilder.ts"

const read: Case = {
  name: "read: the thread, archived ones too, without loading it and without a notification",
  files: [threeTurns, archived],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const plain = yield* client.request("thread/read", { threadId: threeTurns.threadId })
    const whole = yield* client.request("thread/read", { threadId: threeTurns.threadId, includeTurns: true })
    const stored = yield* client.request("thread/read", { threadId: archived.threadId, includeTurns: true })
    const loaded = yield* client.request("thread/loaded/list")
    const frames = yield* client.settle
    return {
      sequence: sequence(frames),
      plain: [at(plain, "result", "thread", "status", "type"), turns(at(plain, "result", "thread"))],
      whole: turns(at(whole, "result", "thread")),
      archived: turns(at(stored, "result", "thread")),
      loaded: at(loaded, "result", "data"),
      inResult: at(plain, "result", "tokenUsage", "tokenUsage", "total", "totalTokens")
    }
  }),
  expected: {
    sequence: ["response", "response", "response", "response"],
    plain: ["notLoaded", []],
    whole: ["T1:completed", "T2:completed", "T3:completed"],
    archived: ["T1:completed"],
    loaded: [],
    inResult: 620
  },
  deviates: {
    "0.122.0": { because: "fault 12", shows: { inResult: null } },
    "0.169.0": { because: "fault 12", shows: { inResult: null } }
  }
}

const ids = (page: unknown): ReadonlyArray<unknown> => listAt(page, "result", "data").map((entry) => at(entry, "id"))

const list: Case = {
  name: "list: newest first, what was said in, active or archived",
  files: [basic, threeTurns, openTurn, archived, metaOnly],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const all = yield* client.request("thread/list", {})
    const oldest = yield* client.request("thread/list", { sortDirection: "asc", limit: 2 })
    const rest = yield* client.request("thread/list", {
      sortDirection: "asc",
      cursor: at(oldest, "result", "nextCursor")
    })
    const stored = yield* client.request("thread/list", { archived: true })
    const cli = yield* client.request("thread/list", { sourceKinds: ["exec"] })
    yield* client.settle
    return {
      all: ids(all),
      preview: at(listAt(all, "result", "data")[2], "preview"),
      turns: listAt(all, "result", "data").flatMap((thread) => turns(thread)),
      oldest: ids(oldest),
      rest: ids(rest),
      archived: ids(stored),
      exec: ids(cli)
    }
  }),
  expected: {
    all: [openTurn.threadId, threeTurns.threadId, basic.threadId],
    preview: "Saved user message",
    turns: [],
    oldest: [basic.threadId, threeTurns.threadId],
    rest: [openTurn.threadId],
    archived: [archived.threadId],
    exec: []
  }
}

const twins = Array.from({ length: 5 }, (_, n) =>
  rollout(options(30 + n, { createdAt: Date.UTC(2025, 0, 6) }))
    .turn({ id: "T1", usage: true })
    .build()
)

/** Follows the cursors to the end; the ids, and whether each came once. */
const pages = Effect.fnUntraced(function* (client: Client, limit: number) {
  const found: Array<unknown> = []
  let cursor: unknown = null
  for (let page = 0; page < 10; page++) {
    const answer = yield* client.request("thread/list", { limit, cursor })
    found.push(...ids(answer))
    cursor = at(answer, "result", "nextCursor") ?? null
    if (cursor === null) break
  }
  return { count: found.length, different: new Set(found).size }
})

const paging: Case = {
  name: "list: threads of the same second, two at a time: each of them once",
  files: twins,
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    return { ...(yield* pages(client, 2)) }
  }),
  expected: { count: 5, different: 5 },
  deviates: { "0.122.0": { because: "fault 23", shows: { count: 2, different: 2 } } }
}

const turnPages: Case = {
  name: "turns/list: newest first, both ways, by cursors",
  files: [threeTurns],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { threadId } = threeTurns
    yield* client.request("thread/resume", { threadId })
    const first = yield* client.request("thread/turns/list", { threadId, limit: 2 })
    const next = yield* client.request("thread/turns/list", {
      threadId,
      limit: 2,
      cursor: at(first, "result", "nextCursor")
    })
    const up = yield* client.request("thread/turns/list", { threadId, limit: 1, sortDirection: "asc" })
    const bad = yield* client.request("thread/turns/list", { threadId, cursor: "junk" })
    return {
      first: ids(first),
      next: ids(next),
      end: at(next, "result", "nextCursor"),
      up: ids(up),
      bad: refusal(bad).slice(0, 22)
    }
  }),
  expected: { first: ["T3", "T2"], next: ["T1"], end: null, up: ["T1"], bad: "-32600 invalid cursor:" }
}

const itemPages: Case = {
  name: "items/list: oldest first, of one turn or of all",
  files: [paged],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { threadId } = paged
    yield* client.request("thread/resume", { threadId })
    const types = (page: unknown) => listAt(page, "result", "data").map((entry) => at(entry, "item", "type"))
    const all = yield* client.request("thread/items/list", { threadId, limit: 3 })
    const rest = yield* client.request("thread/items/list", {
      threadId,
      limit: 3,
      cursor: at(all, "result", "nextCursor")
    })
    const newest = yield* client.request("thread/items/list", { threadId, limit: 1, sortDirection: "desc" })
    const ofOne = yield* client.request("thread/items/list", { threadId, turnId: paged.turnIds[1] ?? "" })
    return { all: types(all), rest: types(rest), newest: types(newest), ofOne: types(ofOne) }
  }),
  expected: {
    all: ["userMessage", "agentMessage", "userMessage"],
    rest: ["agentMessage"],
    newest: ["agentMessage"],
    ofOne: ["userMessage", "agentMessage"]
  },
  deviates: {
    "0.122.0": { because: "it does not know the method", shows: { all: [], rest: [], newest: [], ofOne: [] } }
  }
}

const loaded: Case = {
  name: "loaded/list and unsubscribe: threads stay loaded",
  files: [basic, threeTurns],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const status = (threadId: string) =>
      Effect.map(client.request("thread/unsubscribe", { threadId }), (answer) => at(answer, "result", "status"))
    const before = yield* client.request("thread/loaded/list")
    yield* client.request("thread/resume", { threadId: threeTurns.threadId })
    yield* client.request("thread/resume", { threadId: basic.threadId })
    const after = yield* client.request("thread/loaded/list")
    const page = yield* client.request("thread/loaded/list", { limit: 1 })
    yield* client.settle
    return {
      before: at(before, "result", "data"),
      after: at(after, "result", "data"),
      page: [at(page, "result", "data"), at(page, "result", "nextCursor")],
      unsubscribe: [
        yield* status(basic.threadId),
        yield* status(basic.threadId),
        yield* status("01984de2-8f74-7c91-a3b2-5c5e937cf318")
      ],
      still: at(yield* client.request("thread/loaded/list"), "result", "data")
    }
  }),
  expected: {
    before: [],
    after: [basic.threadId, threeTurns.threadId],
    page: [[basic.threadId], basic.threadId],
    unsubscribe: ["unsubscribed", "notSubscribed", "notLoaded"],
    still: [basic.threadId, threeTurns.threadId]
  }
}

const nothingReplayed: Case = {
  name: "no usage notification after reading and listing, also of a loaded thread",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const { threadId } = basic
    yield* client.request("thread/resume", { threadId })
    yield* client.settle
    yield* client.forget
    yield* client.request("thread/read", { threadId, includeTurns: true })
    yield* client.request("thread/turns/list", { threadId })
    yield* client.request("thread/list", {})
    yield* client.request("thread/loaded/list", {})
    yield* client.request("thread/unsubscribe", { threadId })
    return { usage: usages(yield* client.settle) }
  }),
  expected: { usage: [] }
}

/** Reading and listing. */
export const cases: ReadonlyArray<Case> = [read, list, paging, turnPages, itemPages, loaded, nothingReplayed]
