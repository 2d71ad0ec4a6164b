/**
 * The lines that new rollouts begin with, field by field, and the ordinals that a history counts on with.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ForkLines from "../../src/domain/ForkLines.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as PersistedSettings from "../../src/domain/PersistedSettings.ts"
import { sessionSource } from "../../src/domain/SessionMeta.ts"
import { defaults } from "../../src/domain/ThreadSettings.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import { metaOf, project, readLines } from "../support/Script.ts"

const id = ThreadId.make("00000000-0000-7000-8000-000000000001")
const session: ForkLines.NewSession = {
  id,
  createdAt: Date.UTC(2026, 2, 1, 10, 0, 0, 7),
  cwd: "/new",
  modelProvider: "provider",
  originator: "probe",
  version: "9.9.9",
  threadSource: null
}
const timestamp = "2026-03-01T10:00:00.007Z"
const payload = {
  session_id: id,
  id,
  timestamp,
  cwd: "/new",
  originator: "probe",
  cli_version: "9.9.9",
  source: "vscode",
  model_provider: "provider",
  history_mode: "legacy"
}
const parsed = (line: string): unknown => JSON.parse(line)

describe("a new thread", () => {
  it("says who it is and nothing that it does not know; a paginated one counts from 0", () => {
    const first = parsed(ForkLines.firstLineOfThread(session, "legacy"))
    assert.deepStrictEqual(first, { timestamp, type: "session_meta", payload })
    assert.deepStrictEqual(parsed(ForkLines.firstLineOfThread({ ...session, threadSource: "user" }, "paginated")), {
      timestamp,
      ordinal: 0,
      type: "session_meta",
      payload: { ...payload, thread_source: "user", history_mode: "paginated" }
    })
  })

  it("of a client's items is event style, and has the items that are some", () => {
    const lines = ForkLines.linesOfHistory(session, [{ type: "a" }, 7, { type: "b" }]).map(parsed)
    assert.deepStrictEqual(lines, [
      { timestamp, type: "session_meta", payload },
      { timestamp, type: "response_item", payload: { type: "a" } },
      { timestamp, type: "response_item", payload: { type: "b" } }
    ])
    assert.strictEqual(ForkLines.firstUnusableItem([{ type: "a" }, { type: 7 }]), 1)
    assert.strictEqual(ForkLines.firstUnusableItem([null]), 0)
    assert.strictEqual(ForkLines.firstUnusableItem([{ type: "a" }]), null)
  })
})

describe("a copy", () => {
  const source = rollout({ meta: { base_instructions: { text: "b" }, forked_from_ordinal_exclusive: 7 } }).build()
  const meta = metaOf(readLines(source.content))

  it("says whose it is, and keeps of its source what is not about its place in the world", () => {
    assert.deepStrictEqual(parsed(ForkLines.firstLineOfFork(session, meta, "legacy")), {
      timestamp,
      type: "session_meta",
      payload: { ...payload, forked_from_id: meta.id, base_instructions: { text: "b" } }
    })
  })

  it("that goes on after a revert is the thread's own, without a base", () => {
    const rest = Object.fromEntries(
      Object.entries(meta.payload).filter(([key]) => key !== "forked_from_ordinal_exclusive")
    )
    assert.deepStrictEqual(parsed(ForkLines.firstLineOfSegment(meta, session.createdAt)), {
      timestamp,
      ordinal: 0,
      type: "session_meta",
      payload: rest
    })
  })

  it("of a turn that was cut says so to the model and the user, with ordinals where there are any", () => {
    const lines = (ordinal: number | null) => ForkLines.interruptionLines(null, session.createdAt, ordinal).map(parsed)
    const notice = {
      type: "message",
      role: "user",
      content: [{ type: "input_text", text: ForkLines.INTERRUPTION_NOTICE }]
    }
    const aborted = { type: "turn_aborted", turn_id: null, reason: "interrupted" }
    assert.deepStrictEqual(lines(null), [
      { timestamp, type: "response_item", payload: notice },
      { timestamp, type: "event_msg", payload: aborted }
    ])
    assert.deepStrictEqual(lines(0), [
      { timestamp, ordinal: 0, type: "response_item", payload: notice },
      { timestamp, ordinal: 1, type: "event_msg", payload: aborted }
    ])
  })

  it("remembers settings of its own", () => {
    const settings = defaults("/w")
    const thread_settings = PersistedSettings.toRollout(settings)
    assert.deepStrictEqual(parsed(ForkLines.settingsLine(session, settings, 4)), {
      timestamp,
      ordinal: 4,
      type: "event_msg",
      payload: { type: "thread_settings_applied", thread_id: id, thread_settings }
    })
  })
})

describe("ordinals", () => {
  const lastOrdinal = (content: string) => project(content).lastOrdinal
  const { content } = paginated().turn({ id: "T1" }).build()

  it("go on after the largest, and there is none where no line has one", () => {
    const count = content.trimEnd().split("\n").length
    assert.strictEqual(lastOrdinal(content), count - 1)
    assert.strictEqual(lastOrdinal(content.replace(`"ordinal":${count - 1}`, '"ordinal":2')), count - 2)
    assert.strictEqual(lastOrdinal(content.replaceAll(/"ordinal":\d+,/g, "")), null)
    assert.strictEqual(lastOrdinal(rollout().turn({ id: "T1" }).build().content), null)
  })
})

describe("where a session comes from", () => {
  it("is told in the protocol's words", () => {
    for (const [source, told] of [
      [undefined, "vscode"],
      [null, "vscode"],
      ["cli", "cli"],
      ["vscode", "vscode"],
      ["exec", "exec"],
      ["mcp", "appServer"],
      ["new", "unknown"],
      [7, "unknown"],
      [{}, "unknown"],
      [{ custom: "c" }, { custom: "c" }],
      [{ subagent: "review" }, { subAgent: "review" }],
      [{ subagent: "compact" }, { subAgent: "compact" }],
      [{ subagent: "memory_consolidation" }, { subAgent: "memory_consolidation" }],
      [{ subagent: "new" }, "unknown"],
      [{ subagent: { other: "o" } }, { subAgent: { other: "o" } }],
      [{ subagent: {} }, "unknown"],
      [
        { subagent: { thread_spawn: {} } },
        {
          subAgent: {
            thread_spawn: {
              parent_thread_id: "",
              depth: 0,
              agent_path: null,
              agent_nickname: null,
              agent_role: null
            }
          }
        }
      ],
      [
        {
          subagent: {
            thread_spawn: { parent_thread_id: "p", depth: 2, agent_path: "a", agent_nickname: "n", agent_role: "r" }
          }
        },
        {
          subAgent: {
            thread_spawn: { parent_thread_id: "p", depth: 2, agent_path: "a", agent_nickname: "n", agent_role: "r" }
          }
        }
      ]
    ] as const) {
      assert.deepStrictEqual<unknown>(sessionSource(source), told)
    }
  })
})
