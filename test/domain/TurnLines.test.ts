/**
 * What a running turn writes, record by record, in both ways of keeping history.
 */
import { assert, describe, it } from "@effect/vitest"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as PersistedSettings from "../../src/domain/PersistedSettings.ts"
import { defaults } from "../../src/domain/ThreadSettings.ts"
import type { UserInput } from "../../src/domain/ThreadItem.ts"
import { type TokenUsage, zero } from "../../src/domain/TokenUsage.ts"
import * as TurnLines from "../../src/domain/TurnLines.ts"

const threadId = ThreadId.make("00000000-0000-7000-8000-000000000001")
const turnId = TurnId.make("T1")
const legacy: TurnLines.TurnPlace = { mode: "legacy", threadId, turnId }
const paginated: TurnLines.TurnPlace = { ...legacy, mode: "paginated" }
const span = { startedAt: 5_000, completedAt: 7_250 }
const times = { started_at_ms: 5_000, completed_at_ms: 7_250 }

const event = (payload: object) => ({ type: "event_msg", payload })
const item = (payload: object) => ({ type: "response_item", payload })
const whole = (core: object, at: object = times) =>
  event({ type: "item_completed", thread_id: threadId, turn_id: turnId, item: core, ...at })
const same = (records: ReadonlyArray<TurnLines.RecordDraft>, ...expected: ReadonlyArray<object>) =>
  assert.deepStrictEqual<unknown>(records, expected)

const input: ReadonlyArray<UserInput> = [
  { type: "text", text: "hello", text_elements: [{ byteRange: { start: 0, end: 2 } }, { placeholder: "bare" }, 7] },
  { type: "text", text: "again", text_elements: [{ byteRange: { start: 1, end: 2 }, placeholder: "p" }] },
  { type: "image", url: "https://i", detail: "high" },
  { type: "image", fileId: "f1", detail: null },
  { type: "localImage", path: "/i", detail: "low" },
  { type: "localImage", path: "/j", detail: null },
  { type: "audio", url: "https://a" },
  { type: "audio", fileId: "f2" },
  { type: "localAudio", path: "/a" },
  { type: "skill", name: "s", path: "/s" },
  { type: "mention", name: "m", path: "/m" }
]
const spans = [
  { byte_range: { start: 0, end: 2 }, placeholder: null },
  { placeholder: "bare" },
  7,
  { byte_range: { start: 1, end: 2 }, placeholder: "p" }
]
const forModel = item({
  type: "message",
  role: "user",
  content: [
    { type: "input_text", text: "hello" },
    { type: "input_text", text: "again" },
    { type: "input_image", image_url: "https://i" },
    { type: "input_image", file_id: "f1" },
    { type: "input_text", text: "[localImage: /i]" },
    { type: "input_text", text: "[localImage: /j]" },
    { type: "input_text", text: "[audio: https://a]" },
    { type: "input_text", text: "[audio: f2]" },
    { type: "input_text", text: "[localAudio: /a]" },
    { type: "input_text", text: "[skill: /s]" },
    { type: "input_text", text: "[mention: /m]" }
  ]
})

describe("a turn that begins", () => {
  it("says so, and under which settings", () => {
    const started = {
      type: "task_started",
      turn_id: "T1",
      root_turn_id: "T1",
      started_at: 5,
      collaboration_mode_kind: "default"
    }
    const settings = defaults("/w")
    const [first, second, ...none] = TurnLines.turnStarted(legacy, 5_999, settings)
    assert.deepStrictEqual<unknown>(first, event({ ...started, model_context_window: null }))
    assert.strictEqual(second?.type, "turn_context")
    assert.deepInclude(second?.payload, { turn_id: "T1", root_turn_id: "T1", cwd: "/w", model: settings.model })
    assert.deepStrictEqual(none, [])
    const [windowed] = TurnLines.turnStarted(legacy, 5_999, { ...settings, modelContextWindow: 9n })
    assert.deepStrictEqual<unknown>(windowed, event({ ...started, model_context_window: 9 }))
  })
})

describe("what the user says", () => {
  it("is the model's item and an event, or a completed item, with every part", () => {
    same(
      TurnLines.userMessage(legacy, "i", input, "c", 5),
      forModel,
      event({
        type: "user_message",
        message: "hello\nagain",
        client_id: "c",
        images: ["https://i"],
        local_images: ["/i", "/j"],
        text_elements: spans
      })
    )
    same(
      TurnLines.userMessage(paginated, "i", input, "c", 5),
      forModel,
      whole(
        {
          type: "UserMessage",
          id: "i",
          client_id: "c",
          content: [
            { type: "text", text: "hello", text_elements: spans.slice(0, 3) },
            { type: "text", text: "again", text_elements: spans.slice(3) },
            { type: "image", image_url: "https://i", detail: "high" },
            { type: "image", file_id: "f1" },
            { type: "local_image", path: "/i", detail: "low" },
            { type: "local_image", path: "/j" },
            { type: "audio", audio_url: "https://a" },
            { type: "audio", file_id: "f2" },
            { type: "local_audio", path: "/a" },
            { type: "skill", name: "s", path: "/s" },
            { type: "mention", name: "m", path: "/m" }
          ]
        },
        { started_at_ms: 5, completed_at_ms: 5 }
      )
    )
  })

  it("has no name of the client's when it gave none", () => {
    for (const place of [legacy, paginated]) {
      assert.notInclude(JSON.stringify(TurnLines.userMessage(place, "i", [], null, 5)), "client_id")
    }
  })
})

describe("what the agent says and thinks", () => {
  it("is a message for the user and one for the model, with its phase if it has one", () => {
    const said = { type: "message", role: "assistant", content: [{ type: "output_text", text: "a" }] }
    same(
      TurnLines.agentMessage(legacy, "i", "a", null, span),
      event({ type: "agent_message", message: "a", phase: null, memory_citation: null }),
      item(said)
    )
    same(
      TurnLines.agentMessage(paginated, "i", "a", "commentary", span),
      whole({ type: "AgentMessage", id: "i", content: [{ type: "Text", text: "a" }], phase: "commentary" }),
      item({ ...said, phase: "commentary" })
    )
  })

  it("is one paragraph an event, or all in an item; for the model only what it wants back", () => {
    const parts = [
      { type: "summary_text", text: "a" },
      { type: "summary_text", text: "b" }
    ]
    const blobs = [
      item({ type: "reasoning", summary: parts, content: null, encrypted_content: "x" }),
      item({ type: "reasoning", summary: [], content: null, encrypted_content: "y" })
    ]
    same(
      TurnLines.reasoning(legacy, "i", ["a", "b"], ["x", "y"], span),
      event({ type: "agent_reasoning", text: "a" }),
      event({ type: "agent_reasoning", text: "b" }),
      ...blobs
    )
    const shown = whole({ type: "Reasoning", id: "i", summary_text: ["a", "b"], raw_content: [] })
    same(TurnLines.reasoning(paginated, "i", ["a", "b"], ["x", "y"], span), shown, ...blobs)
    same(TurnLines.reasoning(paginated, "i", ["a", "b"], [], span), shown)
    same(
      TurnLines.opaqueReasoning("z"),
      item({ type: "reasoning", summary: [], content: null, encrypted_content: "z" })
    )
  })
})

describe("a tool", () => {
  const call = { id: "c", name: "t", arguments: { a: 1 } }
  const shown = { tool: "t", arguments: { a: 1 }, duration: { secs: 2, nanos: 250_000_000 } }

  it("is called with its arguments as text", () => {
    same(
      TurnLines.toolCall("c", "t", { a: 1 }),
      item({ type: "function_call", name: "t", arguments: '{"a":1}', call_id: "c" })
    )
    same(TurnLines.toolCall("c", "t", null), item({ type: "function_call", name: "t", arguments: "{}", call_id: "c" }))
  })

  it("answers the user and the model", () => {
    const output = item({ type: "function_call_output", call_id: "c", output: "o" })
    const content_items = [{ type: "inputText", text: "o" }]
    same(
      TurnLines.toolResult(legacy, { ...call, output: "o", success: true }, span),
      event({
        type: "dynamic_tool_call_response",
        call_id: "c",
        turn_id: "T1",
        ...shown,
        success: true,
        content_items,
        error: null
      }),
      output
    )
    const core = { type: "DynamicToolCall", id: "c", ...shown, content_items }
    same(
      TurnLines.toolResult(paginated, { ...call, output: "o", success: true }, span),
      whole({ ...core, success: true, status: "completed" }),
      output
    )
    same(
      TurnLines.toolResult(paginated, { ...call, output: "o", success: false }, span),
      whole({ ...core, success: false, status: "failed" }),
      output
    )
  })

  it("that will not answer any more tells the model nothing; one without arguments has none", () => {
    const [record, ...none] = TurnLines.toolResult(
      legacy,
      { ...call, arguments: undefined, output: null, success: false },
      { startedAt: 7, completedAt: 5 }
    )
    assert.deepStrictEqual(none, [])
    assert.deepInclude(record?.payload, { arguments: null, content_items: [], duration: { secs: 0, nanos: 0 } })
  })
})

describe("what was spent", () => {
  const counts = (n: bigint): TokenUsage => ({
    totalTokens: n + 5n,
    inputTokens: n,
    cachedInputTokens: n + 1n,
    cacheWriteInputTokens: n + 2n,
    outputTokens: n + 3n,
    reasoningOutputTokens: n + 4n
  })
  const written = (n: number) => ({
    input_tokens: n,
    cached_input_tokens: n + 1,
    cache_write_input_tokens: n + 2,
    output_tokens: n + 3,
    reasoning_output_tokens: n + 4,
    total_tokens: n + 5
  })
  const record = { last: counts(1n), turn: counts(10n), total: counts(100n), modelContextWindow: 9n }
  const counted = (window: number | null) => ({
    type: "token_count",
    info: { total_token_usage: written(100), last_token_usage: written(1), model_context_window: window },
    rate_limits: null
  })

  it("is one record, and another for the turn in a paginated history", () => {
    same(TurnLines.usage(legacy, record), event(counted(9)))
    same(TurnLines.usage(legacy, { ...record, modelContextWindow: null }), event(counted(null)))
    same(
      TurnLines.usage(paginated, record),
      {
        type: "token_usage_record",
        payload: {
          thread_id: threadId,
          turn_id: "T1",
          session_id: threadId,
          root_turn_id: "T1",
          response_id: null,
          usage: written(1),
          turn_token_usage: written(10),
          thread_token_usage: written(100)
        }
      },
      event(counted(9))
    )
  })

  it("is carried over by name", () => {
    same([TurnLines.carriedUsage(threadId, record)], event({ ...counted(9), carried_over: threadId }))
    const none = TurnLines.carriedUsage(threadId, { last: zero, total: zero, modelContextWindow: null })
    assert.deepInclude(JSON.parse(JSON.stringify(none.payload)), { carried_over: threadId })
    assert.include(JSON.stringify(none.payload), '"model_context_window":null')
  })
})

describe("a turn that ends", () => {
  const done = {
    type: "task_complete",
    turn_id: "T1",
    root_turn_id: "T1",
    started_at: 5,
    completed_at: 7,
    duration_ms: 2_250
  }

  it("says what was said last, and how it failed", () => {
    same(TurnLines.turnCompleted(legacy, span, "a", null), event({ ...done, last_agent_message: "a" }))
    const error = { message: "m", codex_error_info: "bad_request" }
    const failed = event({ ...done, last_agent_message: null, error })
    same(TurnLines.turnCompleted(paginated, span, null, error), failed)
    same(TurnLines.turnCompleted(legacy, span, null, error), event({ type: "error", ...error }), failed)
  })

  it("names to older readers only failures that they know", () => {
    const told = (codex_error_info: unknown) =>
      TurnLines.turnCompleted(legacy, span, null, { message: "m", codex_error_info })[0]?.payload["codex_error_info"]
    for (const known of [
      "context_window_exceeded",
      "usage_limit_exceeded",
      "internal_server_error",
      "unauthorized",
      "bad_request"
    ]) {
      assert.strictEqual(told(known), known)
    }
    assert.strictEqual(told("model_not_found"), "other")
    const tagged = { response_stream_failed: { http_status_code: 502 } }
    assert.strictEqual(told(tagged), tagged)
  })

  it("never lasted less than nothing", () => {
    const backwards = { startedAt: 7_000, completedAt: 5_000 }
    assert.deepInclude(TurnLines.turnCompleted(legacy, backwards, null, null)[0]?.payload, { duration_ms: 0 })
    assert.deepInclude(TurnLines.turnInterrupted(turnId, backwards)[1]?.payload, { duration_ms: 0 })
  })

  it("cut short tells the model, and when, if somebody knows", () => {
    const aborted = { type: "turn_aborted", turn_id: "T1", reason: "interrupted" }
    const [notice, ended] = TurnLines.turnInterrupted(turnId, span)
    assert.deepInclude(notice?.payload, { type: "message", role: "user" })
    assert.include(JSON.stringify(notice?.payload), '"input_text"')
    assert.deepStrictEqual<unknown>(ended, event({ ...aborted, started_at: 5, completed_at: 7, duration_ms: 2_250 }))
    const [again, unknown] = TurnLines.turnInterrupted(null, null)
    assert.deepStrictEqual(again, notice)
    assert.deepStrictEqual<unknown>(unknown, event({ ...aborted, turn_id: null }))
  })
})

describe("other records", () => {
  it("remember settings", () => {
    const settings = defaults("/w")
    const thread_settings = PersistedSettings.toRollout(settings)
    same(
      [TurnLines.settingsApplied(threadId, settings)],
      event({ type: "thread_settings_applied", thread_id: threadId, thread_settings })
    )
  })

  it("replace, take back and put in", () => {
    const replacement = [{ type: "message" }]
    const replaced = { type: "compacted", payload: { message: "s", replacement_history: replacement } }
    same(TurnLines.compacted(legacy, "i", "s", replacement, span), replaced, event({ type: "context_compacted" }))
    same(
      TurnLines.compacted(paginated, "i", "s", replacement, span),
      replaced,
      whole({ type: "ContextCompaction", id: "i" })
    )
    same(TurnLines.rolledBack(2), event({ type: "thread_rolled_back", num_turns: 2 }))
    same(TurnLines.injected([{ type: "a" }, { type: "b" }]), item({ type: "a" }), item({ type: "b" }))
  })
})
