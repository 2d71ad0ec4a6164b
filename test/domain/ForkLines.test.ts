import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as ForkLines from "../../src/domain/ForkLines.ts"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { fromPayload, type SessionMeta } from "../../src/domain/SessionMeta.ts"
import { defaults } from "../../src/domain/ThreadSettings.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { project, readLines } from "../support/Script.ts"

const source = ThreadId.make(uuidAt(1, 1))
const session: ForkLines.NewSession = {
  id: ThreadId.make(uuidAt(2, 2)),
  createdAt: Date.UTC(2026, 2, 1, 10, 0, 0, 7),
  cwd: "/new",
  modelProvider: "new-provider",
  originator: "probe",
  version: "9.9.9",
  threadSource: null
}
const meta = (more: { readonly [key: string]: unknown } = {}): SessionMeta =>
  Option.getOrThrow(
    fromPayload({
      id: source,
      timestamp: "2025-01-01T00:00:00Z",
      cwd: "/old",
      originator: "codex",
      cli_version: "0.1.0",
      source: "cli",
      model_provider: "old-provider",
      ...more
    })
  )
const metaOf = (line: string): SessionMeta | null => {
  const record = readLines(line)[0]?.line?.record
  return record?._tag === "SessionMeta" ? record.meta : null
}

describe("the first line of a fork", () => {
  it("is one line that Codex can read, the fork's own facts over the source's", () => {
    const line = ForkLines.firstLineOfFork(
      session,
      meta({ base_instructions: { text: "b" }, agent_role: "r" }),
      "legacy"
    )
    assert.isTrue(line.endsWith("\n"))
    assert.strictEqual(line.split("\n").length, 2)
    const read = metaOf(line)
    assert.deepStrictEqual(
      [
        read?.id,
        read?.sessionId,
        read?.forkedFromId,
        read?.cwd,
        read?.originator,
        read?.cliVersion,
        read?.source,
        read?.modelProvider
      ],
      [session.id, session.id, source, "/new", "probe", "9.9.9", "vscode", "new-provider"]
    )
    assert.strictEqual(read?.timestamp, "2026-03-01T10:00:00.007Z")
    assert.isNull(read?.agentRole)
    assert.deepStrictEqual(read?.payload.base_instructions, { text: "b" })
    assert.strictEqual(readLines(line)[0]?.line?.ordinal, null)
  })

  it("of a paginated source begins a numbering of its own and refers to no base", () => {
    const line = ForkLines.firstLineOfFork(
      session,
      meta({ history_mode: "paginated", history_base: { thread_id: source, end_ordinal_exclusive: 4 } }),
      "paginated"
    )
    assert.strictEqual(readLines(line)[0]?.line?.ordinal, 0)
    const read = metaOf(line)
    assert.strictEqual(read?.historyMode, "paginated")
    assert.isNull(read?.historyBase)
  })

  it("says who asked for it only when that was told", () => {
    assert.isNull(metaOf(ForkLines.firstLineOfFork(session, meta({ thread_source: "old" }), "legacy"))?.threadSource)
    const asked = ForkLines.firstLineOfFork(
      { ...session, threadSource: "user" },
      meta({ thread_source: "old" }),
      "legacy"
    )
    assert.strictEqual(metaOf(asked)?.threadSource, "user")
  })
})

describe("the mark of an interruption", () => {
  it("interrupts the turn that it names, and is nothing that a person said", () => {
    const first = ForkLines.firstLineOfFork(session, meta(), "legacy")
    const started = '{"timestamp":"x","type":"event_msg","payload":{"type":"task_started","turn_id":"T1"}}\n'
    const said = '{"timestamp":"x","type":"event_msg","payload":{"type":"user_message","message":"hi"}}\n'
    const marks = ForkLines.interruptionLines(TurnId.make("T1"), session.createdAt, null)
    const projected = project([first, started, said, ...marks].join(""))
    assert.deepStrictEqual<unknown>(
      projected.turns.map(({ turn }) => [turn.id, turn.status, turn.items.length]),
      [["T1", "interrupted", 1]]
    )
    assert.isNull(projected.midTurn)
    assert.strictEqual(projected.preview, "hi")
    assert.deepStrictEqual(projected.diagnostics, [])
  })

  it("takes the ordinals that are free", () => {
    const marks = ForkLines.interruptionLines(null, session.createdAt, 12)
    assert.deepStrictEqual(
      marks.map((line) => readLines(line)[0]?.line?.ordinal),
      [12, 13]
    )
  })
})

describe("the settings of a fork", () => {
  it("are read back as they were", () => {
    const settings = { ...defaults("/new"), model: "m", serviceTier: "fast", reasoningEffort: "high" }
    const lines = [
      ForkLines.firstLineOfFork(session, meta(), "legacy"),
      ForkLines.settingsLine(session, settings, null)
    ]
    const kept = Object.fromEntries(Object.entries(settings).filter(([key]) => key !== "modelContextWindow"))
    assert.deepStrictEqual<unknown>(project(lines.join("")).settings, kept)
  })
})

describe("a thread of items", () => {
  const items = [
    { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
    { type: "function_call", name: "f", arguments: "{}", call_id: "c", big: 2n ** 60n }
  ]

  it("holds them all, in order, with every digit", () => {
    const lines = ForkLines.linesOfHistory(session, items)
    assert.strictEqual(lines.length, 3)
    assert.isTrue(lines[2]?.includes(`"big":${2n ** 60n}`))
    const projected = project(lines.join(""))
    assert.deepStrictEqual(projected.turns, [])
    assert.strictEqual(projected.context.entries.length, 2)
    assert.strictEqual(projected.preview, "hi")
    assert.isNull(metaOf(lines[0] ?? "")?.forkedFromId)
  })

  it("names the first that is none", () => {
    assert.isNull(ForkLines.firstUnusableItem(items))
    assert.strictEqual(ForkLines.firstUnusableItem([...items, { role: "user" }]), 2)
    assert.strictEqual(ForkLines.firstUnusableItem([null]), 0)
    assert.strictEqual(ForkLines.firstUnusableItem([{ type: 5 }]), 0)
    assert.strictEqual(ForkLines.firstUnusableItem([["message"]]), 0)
  })
})
