/**
 * Turns and their items. The acceptance matrix pins which turns there are; here is what they hold.
 */
import { assert, describe, it } from "@effect/vitest"
import { paginated } from "../../src/testing/RolloutBuilder.ts"
import {
  abort,
  am,
  C,
  compacted,
  contextCompacted,
  event,
  item,
  project,
  rb,
  S,
  script,
  statuses,
  type Step,
  U,
  uitem,
  um
} from "../support/Script.ts"

const turnsOf = (steps: ReadonlyArray<Step>) => project(script(steps)).turns.map(({ turn }) => turn)
/** Turns as recorded: an open one is `inProgress`. */
const shown = (steps: ReadonlyArray<Step>) => statuses(turnsOf(steps))
/** `turn: item type, …` */
const items = (steps: ReadonlyArray<Step>) =>
  turnsOf(steps).map((turn) => `${turn.id}: ${turn.items.map(({ id, type }) => `${id} ${type}`).join(", ")}`)

const exec = (turnId: string | null, callId = "call-1", extra: object = {}) =>
  event("exec_command_end", { call_id: callId, turn_id: turnId, command: ["ls"], cwd: "/", exit_code: 0, ...extra })

describe("where turns begin and end", () => {
  for (const [what, steps, expected] of [
    ["an explicit turn is kept though nothing happened in it", [S("T1"), C("T1")], ["T1:completed"]],
    ["a new turn closes one that never ended", [S("T1"), um(), S("T2"), um()], ["T1:inProgress", "T2:inProgress"]],
    ["an abort does not close the turn", [S("T1"), um(), abort("T1"), am()], ["T1:interrupted"]],
    [
      "an abort of a closed turn finds it",
      [S("T1"), C("T1"), S("T2"), abort("T1"), C("T2")],
      ["T1:interrupted", "T2:completed"]
    ],
    ["an abort without a turn is the open one's", [um(), abort(null)], ["rollout-1:interrupted"]],
    ["an abort of a turn that is not here changes none", [S("T1"), um(), abort("T9"), C("T1")], ["T1:completed"]],
    ["a completion does not undo an interruption", [S("T1"), um(), abort("T1"), C("T1")], ["T1:interrupted"]],
    ["nor a failure", [S("T1"), um(), event("error", { message: "no" }), C("T1")], ["T1:failed"]],
    [
      "a completion may tell of the failure itself",
      [S("T1"), um(), C("T1", { error: { message: "no" } })],
      ["T1:failed"]
    ],
    [
      "a completion of a closed turn leaves the open one open",
      [S("T1"), C("T1"), S("T2"), C("T1"), um()],
      ["T1:completed", "T2:inProgress"]
    ],
    ["an error without a turn is nobody's", [event("error", { message: "no" }), um()], ["rollout-2:completed"]],
    [
      "an error about a request is not the turn's",
      [S("T1"), um(), event("error", { message: "no", codex_error_info: "thread_rollback_failed" })],
      ["T1:inProgress"]
    ],
    [
      "an error that names itself by an object counts",
      [
        S("T1"),
        um(),
        event("error", { message: "no", codex_error_info: { http_connection_failed: { http_status_code: 500 } } })
      ],
      ["T1:failed"]
    ],
    ["an empty agent message opens nothing", [am(""), um()], ["rollout-2:completed"]],
    ["empty reasoning opens nothing", [event("agent_reasoning", { text: "" })], []],
    [
      "usage, settings and contexts open nothing",
      [U(10), event("thread_settings_applied", { thread_settings: {} })],
      []
    ],
    ["a compaction alone is a turn without items", [compacted()], ["rollout-1:completed"]],
    ["a message after a bare compaction joins it", [compacted(), um()], ["rollout-1:completed"]],
    [
      "a message after a compaction that shows opens a turn",
      [compacted(), contextCompacted, um()],
      ["rollout-1:completed", "rollout-3:completed"]
    ],
    ["a rollback of nothing", [um(), rb(0)], ["rollout-1:completed"]],
    ["a rollback of more than there is", [um(), um(), rb(9)], []],
    ["a rollback takes the open turn with it", [S("T1"), C("T1"), S("T2"), um(), rb(1)], ["T1:completed"]],
    ["a rolled-back id may come again", [S("T1"), C("T1"), rb(1), S("T1"), um()], ["T1:inProgress"]]
  ] as const) {
    it(what, () => assert.deepStrictEqual<unknown>(shown(steps), expected))
  }

  it("lines that are not understood are not counted in implied ids", () => {
    const junk: Step = (builder) => builder.raw("not json\n\n").line("hologram", {})
    assert.deepStrictEqual<unknown>(shown([junk, um(), junk, um()]), ["rollout-1:completed", "rollout-2:completed"])
  })

  it("lines that are understood and of no use are", () => {
    const state: Step = (builder) => builder.line("world_state", { full: true })
    assert.deepStrictEqual<unknown>(shown([state, um(), event("plan_update"), um()]), [
      "rollout-2:completed",
      "rollout-4:completed"
    ])
  })

  it("keep their times and their root", () => {
    const [turn] = turnsOf([
      S("T1", { started_at: 100, root_turn_id: "T0" }),
      C("T1", { completed_at: 107, duration_ms: 7001 })
    ])
    assert.deepStrictEqual<unknown>(
      [turn?.startedAt, turn?.completedAt, turn?.durationMs, turn?.rootTurnId],
      [100, 107, 7001, "T0"]
    )
  })
})

describe("items", () => {
  it("are counted over the thread", () => {
    assert.deepStrictEqual<unknown>(items([um(), am(), um(), am()]), [
      "rollout-1: item-1 userMessage, item-2 agentMessage",
      "rollout-3: item-3 userMessage, item-4 agentMessage"
    ])
  })

  it("go on after a rollback from what survives", () => {
    assert.deepStrictEqual<unknown>(items([um(), am(), um(), am(), rb(1), um()]), [
      "rollout-1: item-1 userMessage, item-2 agentMessage",
      "rollout-6: item-3 userMessage"
    ])
  })

  it("reasoning that follows reasoning joins it", () => {
    const [turn] = turnsOf([
      um(),
      event("agent_reasoning", { text: "a" }),
      event("agent_reasoning", { text: "b" }),
      event("agent_reasoning_raw_content", { text: "raw" }),
      am(),
      event("agent_reasoning", { text: "c" })
    ])
    assert.deepStrictEqual<unknown>(
      turn?.items.map((item) => (item.type === "reasoning" ? [item.id, item.summary, item.content] : item.id)),
      ["item-1", ["item-2", ["a", "b"], ["raw"]], "item-3", ["item-4", ["c"], []]]
    )
  })

  it("a call's last event replaces what stood there", () => {
    const [turn] = turnsOf([S("T1"), um(), exec("T1"), am(), exec("T1", "call-1", { exit_code: 3 })])
    assert.deepStrictEqual<unknown>(
      turn?.items.map((item) => (item.type === "commandExecution" ? [item.id, item.exitCode, item.status] : item.id)),
      ["item-1", ["call-1", 3, "failed"], "item-2"]
    )
  })

  it("calls that name their turn go there, closed or not; one without goes to the open turn", () => {
    assert.deepStrictEqual<unknown>(
      items([S("T1"), C("T1"), S("T2"), exec("T1"), exec("", "call-2"), exec(null, "call-3")]),
      ["T1: call-1 commandExecution", "T2: call-2 commandExecution, call-3 commandExecution"]
    )
  })

  it("a call of a turn that never was is left out and told of", () => {
    const session = project(script([S("T1"), um(), exec("T9")]))
    assert.deepStrictEqual<unknown>(
      session.turns.map(({ turn }) => turn.items.length),
      [1]
    )
    assert.deepStrictEqual<unknown>(
      session.diagnostics.map(({ detail, reason }) => [reason, detail]),
      [["unusableItem", "commandExecution call-1 names turn T9"]]
    )
  })

  it("a hook's prompt among the model's items is shown", () => {
    const prompt = '<hook_prompt hook_run_id="r&quot;1">be &lt;kind&gt;</hook_prompt>'
    const [turn] = turnsOf([um(), item("message", { role: "user", content: [{ type: "input_text", text: prompt }] })])
    assert.deepStrictEqual<unknown>(turn?.items[1], {
      type: "hookPrompt",
      id: turn?.items[1]?.id,
      fragments: [{ text: "be <kind>", hookRunId: 'r"1' }],
      startedAtMs: null,
      completedAtMs: null
    })
  })

  it("event-style history tells messages by events, and leaves the same as completed items out", () => {
    const completed = (type: string) =>
      event("item_completed", { turn_id: "T1", item: { type, id: "x", content: [], text: "plan" } })
    assert.deepStrictEqual<unknown>(
      items([
        S("T1"),
        um(),
        completed("UserMessage"),
        completed("AgentMessage"),
        completed("Reasoning"),
        completed("Plan")
      ]),
      ["T1: item-1 userMessage, x plan"]
    )
    assert.deepStrictEqual<unknown>(
      items([S("T1"), event("item_completed", { turn_id: "T1", item: { type: "Plan", id: "x", text: "" } })]),
      ["T1: "]
    )
  })

  it("paginated history tells everything by completed items, under the agent's own ids", () => {
    const session = project(paginated().turn({ id: "T1", user: "hi", agent: "hello", reasoning: "because" }))
    assert.deepStrictEqual<unknown>(
      session.turns.map(({ turn }) => [turn.id, turn.status, turn.items.map(({ type }) => type)]),
      [["T1", "completed", ["userMessage", "reasoning", "agentMessage"]]]
    )
    const ids = session.turns.flatMap(({ turn }) => turn.items.map((item) => item.id))
    assert.isTrue(ids.every((id) => !id.startsWith("item-")))
    assert.strictEqual(new Set(ids).size, 3)
  })

  it("a paginated item may come before its turn is told of", () => {
    const session = project(
      paginated()
        .event({
          type: "item_completed",
          turn_id: "T1",
          item: { type: "Plan", id: "p", text: "first" }
        })
        .turn({ id: "T1" })
    )
    assert.deepStrictEqual<unknown>(
      session.turns.map(({ turn }) => turn.items[0]?.id),
      ["p"]
    )
    assert.deepStrictEqual<unknown>(session.diagnostics, [])
  })

  it("a paginated turn may be told of by its end alone", () => {
    const session = project(paginated().event({ type: "task_complete", turn_id: "T7", started_at: 5, completed_at: 9 }))
    assert.deepStrictEqual<unknown>(
      session.turns.map(({ turn }) => [turn.id, turn.status, turn.startedAt]),
      [["T7", "completed", 5]]
    )
  })
})

describe("the oldest format", () => {
  const bare =
    (type: string, fields: object): Step =>
    (builder) =>
      builder.raw(`${JSON.stringify({ type, ...fields })}\n`)

  it("has items only, and its messages make the turns", () => {
    const session = project(
      script([
        bare("message", { role: "user", content: [{ type: "input_text", text: "<environment_context>x" }] }),
        bare("message", { role: "user", content: [{ type: "input_text", text: "hello" }] }),
        bare("reasoning", { summary: [{ type: "summary_text", text: "hm" }] }),
        bare("message", { role: "assistant", content: [{ type: "output_text", text: "hi" }] }),
        bare("message", { role: "user", content: [{ type: "input_text", text: "bye" }] })
      ])
    )
    assert.deepStrictEqual<unknown>(
      session.turns.map(({ turn }) => [turn.id, turn.items.map(({ type }) => type)]),
      [
        ["rollout-2", ["userMessage", "reasoning", "agentMessage"]],
        ["rollout-5", ["userMessage"]]
      ]
    )
    assert.strictEqual(session.preview, "hello")
  })
})

describe("serials", () => {
  it("tell turns of the same id apart, and openings remember those that were rolled back", () => {
    const session = project(script([S("T1"), C("T1"), S("T1"), C("T1"), rb(1), um()]))
    assert.deepStrictEqual<unknown>(
      session.turns.map(({ serial }) => serial),
      [0, 2]
    )
    assert.deepStrictEqual<unknown>(
      session.openings.map(({ id, serial }) => `${id} ${serial}`),
      ["T1 0", "T1 1", "rollout-6 2"]
    )
  })

  it("an implied turn opens with the item that came before its event", () => {
    const session = project(script([um("one"), uitem("two"), um("two")]))
    assert.deepStrictEqual<unknown>(
      session.openings.map(({ at }) => at.line),
      [2, 3]
    )
  })
})

describe("the error of a turn", () => {
  const errorOf = (error: unknown) => turnsOf([S("T1"), um(), C("T1", { error })])[0]?.error
  const info = (codex_error_info: unknown) => errorOf({ message: "no", codex_error_info })?.codexErrorInfo

  it("spells Codex's words the protocol's way", () => {
    assert.deepStrictEqual<unknown>(info("usage_limit_exceeded"), "usageLimitExceeded")
    assert.deepStrictEqual<unknown>(info({ http_connection_failed: { http_status_code: 500 } }), {
      httpConnectionFailed: { httpStatusCode: 500 }
    })
    assert.deepStrictEqual<unknown>(info("from_the_future"), "other")
    assert.isNull(info(null))
  })
  it("is none without an object, and has a message whatever the object", () => {
    assert.isNull(errorOf(null))
    assert.isNull(errorOf("no"))
    assert.strictEqual(errorOf({})?.message, "")
    assert.strictEqual(errorOf({ message: "boom" })?.message, "boom")
  })
  it("is the same whether an event or the completion tells of it", () => {
    const error = { message: "boom", codex_error_info: "bad_request" }
    assert.deepStrictEqual<unknown>(turnsOf([S("T1"), um(), event("error", error), C("T1")])[0]?.error, errorOf(error))
  })
})
