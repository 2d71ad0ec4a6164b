/**
 * What is refused, with which code and in which words: requests that cannot be met, and frames that break the rules.
 */
import { Effect, Exit } from "effect"
import { rollout } from "../../../src/testing/RolloutBuilder.ts"
import { isRecord } from "../../../src/domain/Json.ts"
import { at, type Case, refusal, sequence } from "../Case.ts"
import type { Client } from "../Client.ts"
import { clientInfo, initializeParams } from "../Peer.ts"
import { answered, archived, basic, options, threeTurns } from "./Rollouts.ts"

const unknown = "01984de2-8f74-7c91-a3b2-5c5e937cf318"

const keysOf = (value: unknown): ReadonlyArray<string> => (isRecord(value) ? Object.keys(value) : [])

const refused = (client: Client, method: string, params: { readonly [name: string]: unknown }, names = {}) =>
  Effect.map(client.request(method, params), (answer) => refusal(answer, { unknown, ...names }))

const strange = rollout(options(22)).turn({ id: "T1", usage: true }).build()
const misnamed = { ...strange, path: strange.path.replace(strange.threadId, unknown) }

const resume: Case = {
  name: "resume of what cannot be resumed",
  files: [basic, archived, threeTurns],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect()
    const names = {
      home: home.directory,
      active: basic.path,
      other: threeTurns.path,
      archived: archived.threadId,
      id: basic.threadId
    }
    const resume = (params: { readonly [name: string]: unknown }) => refused(client, "thread/resume", params, names)
    yield* client.request("thread/resume", { threadId: basic.threadId })
    return {
      unknown: yield* resume({ threadId: unknown }),
      notAUuid: (yield* resume({ threadId: "abc" })).slice(0, 14),
      missing: yield* resume({}),
      null: (yield* resume({ threadId: null })).slice(0, 6),
      archived: yield* resume({ threadId: archived.threadId }),
      noFile: yield* resume({ threadId: unknown, path: home.at("sessions/none.jsonl") }),
      folder: yield* resume({ threadId: unknown, path: home.at("sessions") }),
      emptyHistory: yield* resume({ threadId: unknown, history: [] }),
      historyOfLoaded: yield* resume({ threadId: basic.threadId, history: [{ type: "other" }] }),
      otherPath: yield* resume({ threadId: basic.threadId, path: home.at(threeTurns.path) })
    }
  }),
  expected: {
    unknown: "-32600 no rollout found for thread id <unknown>",
    notAUuid: "-32600 invalid",
    missing: "-32602 Invalid params: missing field `threadId`",
    null: "-32602",
    archived:
      "-32600 thread <archived> is archived. Unarchive it first (thread/unarchive, or `codex unarchive <archived>`).",
    noFile: '-32600 failed to resolve rollout path "<home>/sessions/none.jsonl": file does not exist',
    folder: '-32600 failed to resolve rollout path "<home>/sessions": path is a directory',
    emptyHistory: "-32600 history must not be empty",
    historyOfLoaded: "-32600 cannot resume thread <id> with history while it is already running",
    otherPath:
      "-32600 cannot resume running thread <id> with stale path: requested `<home>/<other>`, active `<home>/<active>`"
  },
  deviates: {
    "0.122.0": {
      because: "fault 21; compatibility, Resume: archived; its own words for paths",
      shows: {
        missing: "-32600 Invalid request: missing field `threadId`",
        null: "-32600",
        archived: "-32600 no rollout found for thread id <archived>",
        noFile: "-32600 failed to load rollout `<home>/sessions/none.jsonl`: No such file or directory (os error 2)",
        folder: "-32600 failed to load rollout `<home>/sessions`: Is a directory (os error 21)",
        otherPath:
          "-32600 cannot resume running thread <id> with mismatched path: requested `<home>/<other>`, active `<home>/<active>`"
      }
    },
    "0.169.0": {
      because: "fault 21; its own words for archived threads and paths",
      shows: {
        missing: "-32600 Invalid request: missing field `threadId`",
        null: "-32600",
        archived: "-32600 session <archived> is archived. Run `codex unarchive <archived>` to unarchive it first.",
        noFile: "-32600 failed to resolve rollout path `<home>/sessions/none.jsonl`: file does not exist",
        folder: "-32600 failed to resolve rollout path `<home>/sessions`: path is a directory"
      }
    }
  }
}

const fork: Case = {
  name: "fork of what cannot be forked",
  files: [archived],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect()
    const before = yield* home.hashes
    const fork = (params: { readonly [name: string]: unknown }) => refused(client, "thread/fork", params)
    const told = {
      unknown: yield* fork({ threadId: unknown }),
      notAUuid: (yield* fork({ threadId: "abc" })).slice(0, 14),
      archived: (yield* fork({ threadId: archived.threadId })).slice(0, 6)
    }
    const frames = yield* client.settle
    return { ...told, sequence: sequence(frames), files: (yield* home.hashes).size - before.size }
  }),
  expected: {
    unknown: "-32600 no rollout found for thread id <unknown>",
    notAUuid: "-32600 invalid",
    archived: "-32600",
    sequence: ["error -32600", "error -32600", "error -32600"],
    files: 0
  }
}

const mismatch: Case = {
  name: "a rollout that belongs to another thread than its name says",
  files: [misnamed],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const answer = yield* client.request("thread/resume", { threadId: unknown })
    return { refused: Object.hasOwn(answer, "error"), served: at(answer, "result", "thread", "id") }
  }),
  expected: { refused: true, served: null },
  deviates: {
    "0.122.0": { because: "fault 20", shows: { refused: false, served: strange.threadId } },
    "0.169.0": { because: "fault 20", shows: { refused: false, served: strange.threadId } }
  }
}

const marked = { ...answered, content: `\uFEFF${answered.content}` }

const byteOrderMark: Case = {
  name: "a rollout behind a byte order mark is read",
  files: [marked],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const answer = yield* client.request("thread/resume", { threadId: answered.threadId })
    return { served: Object.hasOwn(answer, "result") }
  }),
  expected: { served: true },
  deviates: {
    "0.122.0": { because: "fault 25", shows: { served: false } },
    "0.169.0": { because: "fault 25", shows: { served: false } }
  }
}

const experimental: Case = {
  name: "path and history need the experimental API",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect, home }) {
    const client = yield* connect({ experimentalApi: false })
    return {
      path: yield* refused(client, "thread/resume", { threadId: basic.threadId, path: home.at(basic.path) }),
      history: yield* refused(client, "thread/resume", { threadId: basic.threadId, history: [{ type: "other" }] }),
      fork: yield* refused(client, "thread/fork", { threadId: basic.threadId, path: home.at(basic.path) }),
      plain: yield* refused(client, "thread/resume", { threadId: basic.threadId })
    }
  }),
  expected: {
    path: "-32600 thread/resume.path requires experimentalApi capability",
    history: "-32600 thread/resume.history requires experimentalApi capability",
    fork: "-32600 thread/fork.path requires experimentalApi capability",
    plain: "answered"
  }
}

const handshake: Case = {
  name: "handshake: before it nothing, once only, and again after it failed",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect({ handshake: false })
    const initialize = (params: { readonly [name: string]: unknown }) => refused(client, "initialize", params)
    const early = yield* refused(client, "thread/resume", { threadId: basic.threadId })
    const badName = yield* initialize({ clientInfo: { ...clientInfo, name: "a\nb" } })
    const stillEarly = yield* refused(client, "thread/loaded/list", {})
    const done = yield* client.request("initialize", initializeParams())
    const now = yield* refused(client, "thread/resume", { threadId: basic.threadId })
    const agent = String(at(done, "result", "userAgent"))
    return {
      early,
      badName,
      stillEarly,
      agent: [agent.startsWith("probe/"), agent.endsWith("(probe; 0.0.1)")],
      members: keysOf(at(done, "result")),
      platform: at(done, "result", "platformFamily"),
      withoutInitialized: now,
      again: yield* initialize(initializeParams())
    }
  }),
  expected: {
    early: "-32600 Not initialized",
    badName: "-32600 Invalid clientInfo.name: 'a\nb'. Must be a valid HTTP header value.",
    stillEarly: "-32600 Not initialized",
    agent: [true, true],
    members: ["userAgent", "codexHome", "platformFamily", "platformOs"],
    platform: "unix",
    withoutInitialized: "answered",
    again: "-32600 Already initialized"
  }
}

const frames: Case = {
  name: "frames that are no requests: each is answered, and the connection stays",
  files: [basic],
  script: Effect.fnUntraced(function* ({ connect }) {
    const client = yield* connect()
    const codes = Effect.fnUntraced(function* (...texts: ReadonlyArray<string>) {
      yield* client.settle
      yield* client.forget
      for (const text of texts) yield* client.sendText(text)
      return (yield* client.settle)
        .filter((frame) => !Object.hasOwn(frame, "method"))
        .map((frame) => [at(frame, "id") ?? null, at(frame, "error", "code")])
    })
    return {
      malformed: yield* codes("{", "nonsense", '{"id":1'),
      batch: yield* codes('[{"id":1,"method":"thread/loaded/list","params":{}}]', "[]"),
      scalars: yield* codes("5", "null", '"text"', "{}"),
      badIds: yield* codes('{"id":null,"method":"thread/loaded/list","params":{}}', '{"id":1.5,"method":"x"}'),
      unknownMethod: yield* codes('{"id":"u","method":"no/such","params":{}}'),
      badParams: yield* codes('{"id":"p","method":"thread/resume","params":{"threadId":5}}'),
      unknownNotification: yield* codes('{"method":"no/such"}'),
      stray: yield* codes('{"id":99,"result":{}}'),
      stringId: yield* codes('{"id":"text","method":"thread/loaded/list","params":{}}'),
      withVersion: yield* codes('{"jsonrpc":"2.0","id":7,"method":"thread/loaded/list","params":{}}'),
      alive: Exit.isSuccess(yield* Effect.exit(client.request("thread/resume", { threadId: basic.threadId })))
    }
  }),
  expected: {
    malformed: [
      [null, -32700],
      [null, -32700],
      [null, -32700]
    ],
    batch: [
      [null, -32600],
      [null, -32600]
    ],
    scalars: [
      [null, -32600],
      [null, -32600],
      [null, -32600],
      [null, -32600]
    ],
    badIds: [
      [null, -32600],
      [null, -32600]
    ],
    unknownMethod: [["u", -32601]],
    badParams: [["p", -32602]],
    unknownNotification: [],
    stray: [],
    stringId: [["text", null]],
    withVersion: [[7, null]],
    alive: true
  },
  deviates: {
    "0.122.0": {
      because: "fault 21",
      shows: {
        malformed: [],
        batch: [],
        scalars: [],
        badIds: [],
        unknownMethod: [["u", -32600]],
        badParams: [["p", -32600]]
      }
    },
    "0.169.0": {
      because: "fault 21",
      shows: {
        malformed: [],
        batch: [],
        scalars: [],
        badIds: [],
        unknownMethod: [["u", -32600]],
        badParams: [["p", -32600]]
      }
    }
  }
}

/** Refusals and the rules of frames. */
export const cases: ReadonlyArray<Case> = [resume, fork, mismatch, byteOrderMark, experimental, handshake, frames]
