/**
 * What a thread is shown as, field by field, of what is known; its turns at rest; what a thread waits on,
 * and which thread a notification is about.
 */
import { assert, describe, it } from "@effect/vitest"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { noTimes } from "../../src/domain/ItemParts.ts"
import { threadOf } from "../../src/domain/Notification.ts"
import { type Question, waitsOn } from "../../src/domain/ServerRequest.ts"
import type { SessionMeta } from "../../src/domain/SessionMeta.ts"
import type { ThreadItem } from "../../src/domain/ThreadItem.ts"
import { atRest, historyMode, makeThread, type ThreadParts } from "../../src/domain/ThreadView.ts"
import { type Turn, withItems, withKnownItems } from "../../src/domain/Turn.ts"
import { turn, userMessage } from "../rpc/support/Fixtures.ts"

const threadId = ThreadId.make("00000000-0000-7000-8000-000000000001")
const source = ThreadId.make("00000000-0000-7000-8000-000000000002")
const meta: SessionMeta = {
  id: threadId,
  sessionId: "s",
  forkedFromId: source,
  parentThreadId: "p",
  timestamp: "2026-03-01T10:00:00.900Z",
  cwd: "/meta",
  originator: "o",
  cliVersion: "1",
  source: "cli",
  threadSource: "ts",
  agentNickname: "n",
  agentRole: "r",
  modelProvider: "provider",
  git: { sha: "a", branch: null, originUrl: null },
  historyMode: "paginated",
  historyBase: null,
  payload: {}
}
const parts: ThreadParts = {
  meta,
  path: "/sessions/rollout-2026-03-01T11-12-13-x.jsonl",
  ephemeral: false,
  modifiedAt: 1_999,
  preview: "hello",
  settings: {},
  cwd: "/server",
  name: "name",
  status: { type: "idle" },
  turns: []
}

describe("a thread", () => {
  it("is what its first line, its settings and the server say", () => {
    assert.deepStrictEqual<unknown>(makeThread(parts), {
      id: threadId,
      environments: [{ environmentId: "local", cwd: "/meta", runtimeWorkspaceRoots: ["/meta"] }],
      extra: null,
      sessionId: "s",
      forkedFromId: source,
      attachedToThreadId: null,
      parentThreadId: "p",
      preview: "hello",
      ephemeral: false,
      section: null,
      sectionEnteredAt: null,
      projectId: null,
      historyMode: "paginated",
      modelProvider: "provider",
      model: null,
      reasoningEffort: null,
      createdAt: Date.UTC(2026, 2, 1, 10) / 1000,
      updatedAt: 1,
      recencyAt: 1,
      status: { type: "idle" },
      path: parts.path,
      cwd: "/meta",
      cliVersion: "1",
      originator: "o",
      canAcceptDirectInput: true,
      source: "cli",
      threadSource: "ts",
      agentNickname: "n",
      agentRole: "r",
      gitInfo: meta.git,
      name: "name",
      daybreakEnabled: null,
      turns: []
    })
  })

  it("that is not loaded runs nowhere and takes nothing", () => {
    const thread = makeThread({ ...parts, status: { type: "notLoaded" } })
    assert.deepInclude<object>(thread, { environments: null, canAcceptDirectInput: null, cwd: "/meta" })
  })

  it("has the settings before what its first line says, and the server's last", () => {
    const settings = { cwd: "/set", modelProvider: "mp", model: "m", reasoningEffort: "low" }
    assert.deepInclude<object>(makeThread({ ...parts, settings }), settings)
    const bare = makeThread({ ...parts, meta: { ...meta, cwd: null, modelProvider: null, historyMode: "new" } })
    assert.deepInclude<object>(bare, { cwd: "/server", modelProvider: "", historyMode: "legacy" })
  })

  it("began when it says, else when its file's name says, else when the file was changed", () => {
    const began = (timestamp: string, path: string | null) =>
      makeThread({ ...parts, meta: { ...meta, timestamp }, path }).createdAt
    const byName = Date.UTC(2026, 2, 1, 11, 12, 13) / 1000
    assert.strictEqual(began("2026-03-01T10:00:00.900Z", parts.path), Date.UTC(2026, 2, 1, 10) / 1000)
    assert.strictEqual(began("no time", parts.path), byName)
    assert.strictEqual(began("no time", "/rollout-2026-99-01T11-12-13-x.jsonl"), 1)
    assert.strictEqual(began("no time", "/else.jsonl"), 1)
    assert.strictEqual(began("no time", null), 1)
  })

  it("has a history of a kind that this version can read, or null", () => {
    const modes = ["legacy", "paginated", "new"].map((mode) => historyMode({ ...meta, historyMode: mode }))
    assert.deepStrictEqual(modes, ["legacy", "paginated", null])
  })
})

describe("turns", () => {
  const open: Turn = { ...turn("T2", []), status: "inProgress" }
  const unknown: ThreadItem = { type: "unknown", id: ItemId.make("u"), kind: "New", record: {}, ...noTimes }

  it("at rest were interrupted where they never ended, and are the very same where they did", () => {
    const ended = [turn("T1", [])]
    assert.strictEqual(atRest(ended), ended)
    assert.deepStrictEqual(
      atRest([...ended, open]).map(({ id, status }) => [id, status]),
      [
        ["T1", ended[0]?.status],
        ["T2", "interrupted"]
      ]
    )
  })

  it("go without items of unknown kinds to who refuses them", () => {
    const known = turn("T1", [userMessage("a", "x")])
    const mixed = turn("T2", [unknown, userMessage("b", "y")])
    const all = [known]
    assert.strictEqual(withKnownItems(all), all)
    const [first, second] = withKnownItems([known, mixed])
    assert.strictEqual(first, known)
    assert.deepStrictEqual(second, { ...mixed, items: [userMessage("b", "y")] })
  })

  it("with other items keep everything else", () => {
    const other = withItems({ ...open, startedAt: 1, completedAt: 2, durationMs: 3 }, [unknown], "summary")
    assert.deepStrictEqual(other, {
      ...open,
      startedAt: 1,
      completedAt: 2,
      durationMs: 3,
      items: [unknown],
      itemsView: "summary"
    })
  })
})

describe("a question", () => {
  const at = { threadId, turnId: TurnId.make("T1"), itemId: ItemId.make("i"), startedAtMs: 1, reason: null }
  const questions: ReadonlyArray<readonly [Question, ReturnType<typeof waitsOn>]> = [
    [
      {
        method: "item/commandExecution/requestApproval",
        params: {
          ...at,
          kind: "command",
          environmentId: null,
          command: "ls",
          cwd: "/",
          commandActions: null,
          availableDecisions: []
        }
      },
      "waitingOnApproval"
    ],
    [{ method: "item/fileChange/requestApproval", params: { ...at, grantRoot: null } }, "waitingOnApproval"],
    [
      {
        method: "item/permissions/requestApproval",
        params: { ...at, environmentId: null, cwd: "/", permissions: {} }
      },
      "waitingOnApproval"
    ],
    [
      {
        method: "item/tool/requestUserInput",
        params: { ...at, questions: [], isBlocking: true, autoResolutionMs: null }
      },
      "waitingOnUserInput"
    ],
    [
      {
        method: "item/tool/call",
        params: { threadId, turnId: at.turnId, callId: "c", namespace: null, tool: "t", arguments: null }
      },
      null
    ]
  ]

  it("waits for leave, for words, or for no person at all", () => {
    for (const [question, expected] of questions) assert.strictEqual(waitsOn(question), expected, question.method)
  })
})

describe("a notification", () => {
  it("is about its thread, or about none", () => {
    assert.strictEqual(threadOf({ method: "thread/closed", params: { threadId } }), threadId)
    assert.strictEqual(threadOf({ method: "thread/started", params: { thread: makeThread(parts) } }), threadId)
    assert.strictEqual(threadOf({ method: "warning", params: { threadId: null, message: "m" } }), null)
    assert.strictEqual(threadOf({ method: "configWarning", params: { summary: "s", details: null } }), null)
  })
})
