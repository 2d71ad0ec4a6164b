import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import type { JsonRecord } from "../../src/domain/Json.ts"
import { fromBare, fromPayload, payloadWithGit, restated, sessionSource } from "../../src/domain/SessionMeta.ts"

const id = "01a202ff-0000-7000-8000-00000000000a"
const parent = "01a202ff-0000-7000-8000-00000000000b"
const payload: JsonRecord = {
  id,
  timestamp: "2026-03-01T10:00:00.000Z",
  cwd: "/w",
  originator: "codex",
  cli_version: "0.122.0"
}
const meta = (more: JsonRecord = {}) => Option.getOrThrow(fromPayload({ ...payload, ...more }))

describe("the first line", () => {
  it("says little, and the rest has defaults", () => {
    const { payload: kept, ...rest } = meta()
    assert.deepStrictEqual(rest, {
      id: rest.id,
      sessionId: id,
      forkedFromId: null,
      parentThreadId: null,
      timestamp: "2026-03-01T10:00:00.000Z",
      cwd: "/w",
      originator: "codex",
      cliVersion: "0.122.0",
      source: "vscode",
      threadSource: null,
      agentNickname: null,
      agentRole: null,
      modelProvider: null,
      git: null,
      historyMode: "legacy",
      historyBase: null
    })
    assert.deepStrictEqual(kept, payload)
  })

  for (const field of ["id", "timestamp", "cwd", "originator", "cli_version"]) {
    it(`without ${field} it is none`, () => {
      const rest = Object.fromEntries(Object.entries(payload).filter(([key]) => key !== field))
      assert.isTrue(Option.isNone(fromPayload(rest)))
      assert.isTrue(Option.isNone(fromPayload({ ...payload, [field]: 5 })))
      assert.isTrue(Option.isNone(fromPayload({ ...payload, [field]: null })))
    })
  }

  it("an id that is no UUID makes it none; any spelling of one will do", () => {
    assert.isTrue(Option.isNone(fromPayload({ ...payload, id: "thread-1" })))
    assert.strictEqual(meta({ id: id.toUpperCase() }).id, id)
  })

  it("reads what later versions write", () => {
    const read = meta({
      session_id: parent,
      forked_from_id: parent,
      parent_thread_id: parent,
      thread_source: "user",
      agent_nickname: "Ada",
      agent_type: "reviewer",
      model_provider: "openai",
      git: { commit_hash: "abc", branch: "main", repository_url: null },
      history_mode: "paginated"
    })
    assert.deepStrictEqual(
      [read.sessionId, read.forkedFromId, read.parentThreadId, read.threadSource, read.agentNickname, read.agentRole],
      [parent, parent, parent, "user", "Ada", "reviewer"]
    )
    assert.deepStrictEqual(read.git, { sha: "abc", branch: "main", originUrl: null })
    assert.strictEqual(read.historyMode, "paginated")
    assert.isNull(read.historyBase)
    assert.strictEqual(meta({ agent_role: "new", agent_type: "old" }).agentRole, "new")
  })

  it("keeps where its history goes on from", () => {
    const base = { thread_id: parent, end_ordinal_exclusive: 7, end_byte_offset: 900 }
    assert.deepStrictEqual(meta({ history_mode: "paginated", history_base: base }).historyBase, {
      threadId: meta({ id: parent }).id,
      endOrdinalExclusive: 7,
      endByteOffset: 900
    })
    const early = { history_mode: "paginated", forked_from_id: parent, forked_from_ordinal_exclusive: 7 }
    assert.deepStrictEqual(meta(early).historyBase, {
      threadId: meta({ id: parent }).id,
      endOrdinalExclusive: 7,
      endByteOffset: null
    })
    assert.isNull(meta({ ...early, history_mode: "legacy" }).historyBase)
    assert.isTrue(
      Option.isNone(fromPayload({ ...payload, history_base: { thread_id: parent, end_ordinal_exclusive: -1 } }))
    )
  })

  it("the bare line of 2025 knows neither cwd nor version", () => {
    const bare = Option.getOrThrow(fromBare({ id, timestamp: "2025-05-01T00:00:00Z", instructions: null }))
    assert.deepStrictEqual(
      [bare.id, bare.cwd, bare.originator, bare.cliVersion, bare.source],
      [id, null, null, "0.0.0", "cli"]
    )
    assert.isTrue(Option.isNone(fromBare({ id })))
  })
})

describe("the source", () => {
  const spawn = { parent_thread_id: parent, depth: 2 }
  for (const [written, shown] of [
    [undefined, "vscode"],
    [null, "vscode"],
    ["cli", "cli"],
    ["vscode", "vscode"],
    ["exec", "exec"],
    ["mcp", "appServer"],
    ["appServer", "unknown"],
    ["future", "unknown"],
    [7, "unknown"],
    [[], "unknown"],
    [{}, "unknown"],
    [{ custom: "mine" }, { custom: "mine" }],
    [{ subagent: "review" }, { subAgent: "review" }],
    [{ subagent: "compact" }, { subAgent: "compact" }],
    [{ subagent: "memory_consolidation" }, { subAgent: "memory_consolidation" }],
    [{ subagent: "future" }, "unknown"],
    [{ subagent: { other: "x" } }, { subAgent: { other: "x" } }],
    [
      { subagent: { thread_spawn: spawn } },
      { subAgent: { thread_spawn: { ...spawn, agent_path: null, agent_nickname: null, agent_role: null } } }
    ],
    [
      { subagent: { thread_spawn: { ...spawn, agent_path: "/a", agent_nickname: "n", agent_role: "r" } } },
      { subAgent: { thread_spawn: { ...spawn, agent_path: "/a", agent_nickname: "n", agent_role: "r" } } }
    ]
  ] as const) {
    it(`${JSON.stringify(written) ?? "absent"} is ${JSON.stringify(shown)}`, () => {
      assert.deepStrictEqual<unknown>(sessionSource(written), shown)
    })
  }

  it("keys of an object's prototype are none of its own", () => {
    assert.strictEqual(sessionSource(JSON.parse('{"__proto__":{"custom":"x"}}')), "unknown")
  })
})

describe("a session's repository", () => {
  const git = { commit_hash: "a", branch: "b", repository_url: "u" }
  const before = meta({ git, extra: 1 })

  it("changes where a later line says so: what it leaves out stays, and null clears", () => {
    const changed = (update: Parameters<typeof payloadWithGit>[1]) => payloadWithGit(before, update)["git"]
    assert.deepStrictEqual(changed({}), git)
    assert.deepStrictEqual(changed({ branch: "c" }), { ...git, branch: "c" })
    assert.deepStrictEqual(changed({ sha: "x", originUrl: null }), { commit_hash: "x", branch: "b" })
    assert.deepStrictEqual(changed({ sha: null, branch: null, originUrl: null }), {})
    assert.deepStrictEqual(payloadWithGit(meta(), { branch: "c" })["git"], { branch: "c" })
  })

  it("is all that such a line changes, and it has what a line must have", () => {
    assert.deepStrictEqual(payloadWithGit(before, { branch: "c" }), {
      ...payload,
      extra: 1,
      git: { ...git, branch: "c" }
    })
    const bare = Option.getOrThrow(fromBare({ id, timestamp: "2025-05-01T00:00:00Z" }))
    assert.deepStrictEqual(payloadWithGit(bare, {}), {
      cwd: "",
      originator: "",
      cli_version: "0.0.0",
      id,
      timestamp: "2025-05-01T00:00:00Z",
      git: {}
    })
  })

  it("is taken from a line of the session's own that has one, and nothing else is", () => {
    const later = meta({ git: { branch: "c" }, cwd: "/else" })
    assert.deepStrictEqual(restated(before, later), {
      ...before,
      git: { sha: null, branch: "c", originUrl: null },
      payload: { ...before.payload, git: { branch: "c" } }
    })
    assert.strictEqual(restated(before, meta({ cwd: "/else" })), before)
    assert.strictEqual(restated(before, meta({ id: parent, git: { branch: "c" } })), before)
  })
})
