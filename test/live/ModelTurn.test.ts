/**
 * Live turns through the language-model layer, over the wire, against a model on loopback: which frames a client gets, and
 * in which order. Codex's order without its faults: no usage of an earlier turn, one usage a response, the end last.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { at, usages } from "../conformance/Case.ts"
import * as Acts from "../interop/Acts.ts"
import { contextOf, home, linesOf, Model, rethread } from "../interop/World.ts"

/** A frame in short; deltas of one item in a row count as one. */
const short = (frame: JsonRecord): string => {
  const method = own(frame, "method")
  const params = own(frame, "params")
  if (typeof method !== "string") return "response"
  switch (method) {
    case "item/started":
    case "item/completed":
      return `${method} ${String(at(params, "item", "type"))}`
    case "thread/status/changed":
      return `${method} ${String(at(params, "status", "type"))}`
    case "turn/completed":
      return `${method} ${String(at(params, "turn", "status"))}`
    case "thread/tokenUsage/updated": {
      const [replay] = usages([frame])
      return `usage ${String(at(replay, "total"))} / ${String(at(replay, "last"))}`
    }
    default:
      return method
  }
}

const order = (frames: ReadonlyArray<JsonRecord>): ReadonlyArray<string> =>
  frames.map(short).filter((name, index, all) => name !== all[index - 1])

const begun = [
  "response",
  "thread/status/changed active",
  "turn/started",
  "item/started userMessage",
  "item/completed userMessage"
]
const reasoning = [
  "item/started reasoning",
  "item/reasoning/summaryPartAdded",
  "item/reasoning/summaryTextDelta",
  "item/reasoning/summaryPartAdded",
  "item/reasoning/summaryTextDelta"
]
const message = ["item/started agentMessage", "item/agentMessage/delta", "item/completed agentMessage"]
const done = ["thread/status/changed idle", "turn/completed completed"]
const failed = ["thread/status/changed systemError", "error", "turn/completed failed"]

/** The counters of the `k`-th answer, as the mock model makes them up, and sums of them. */
const spent = (...answers: ReadonlyArray<number>): string => {
  const sum = (of: (k: number) => number) => answers.reduce((all, k) => all + of(k), 0)
  return [(k: number) => 1050 + 2 * k, (k: number) => 1000 + k, () => 100, (k: number) => 50 + k, () => 5]
    .map(sum)
    .join(" ")
}

/** A new thread of a server of its own. */
const thread = Effect.fnUntraced(function* (historyMode: "legacy" | "paginated") {
  const server = yield* rethread.serve(yield* home, 1)
  const client = yield* server.connect()
  const actor = yield* Acts.start(client, historyMode)
  yield* client.notification("thread/started")
  const answered = (yield* (yield* Model).asked).length
  return { actor, client, answered }
})

const turnErrorOf = (frames: ReadonlyArray<JsonRecord>): unknown =>
  at(
    frames.find((frame) => own(frame, "method") === "error"),
    "params",
    "error",
    "codexErrorInfo"
  )

layer(Model.layer, { excludeTestServices: true })("a turn on a model", (it) => {
  for (const mode of ["paginated", "legacy"] as const) {
    it.effect(`${mode}: text, and again, with no usage of the turn before`, () =>
      Effect.gen(function* () {
        const { actor, answered: n, client } = yield* thread(mode)
        yield* Acts.say(actor, "hello")
        assert.deepStrictEqual(order(yield* client.settle), [
          ...begun,
          ...message,
          `usage ${spent(n + 1)} / ${spent(n + 1)}`,
          ...done
        ])
        yield* Acts.say(actor, "hello again")
        assert.deepStrictEqual(order(yield* client.settle), [
          ...begun,
          ...message,
          `usage ${spent(n + 1, n + 2)} / ${spent(n + 2)}`,
          ...done
        ])
      })
    )

    it.effect(`${mode}: reasoning, a tool, and one usage a response`, () =>
      Effect.gen(function* () {
        const { actor, answered: n, client } = yield* thread(mode)
        const turnId = yield* Acts.say(actor, "REASON and TOOL")
        const frames = yield* client.settle
        // In event-style history reasonings on both sides of a call are one, until the call has its answer.
        const [before, after] =
          mode === "paginated" ? [["item/completed reasoning"], []] : [[], ["item/completed reasoning"]]
        assert.deepStrictEqual(order(frames), [
          ...begun,
          ...reasoning,
          ...before,
          "item/started dynamicToolCall",
          `usage ${spent(n + 1)} / ${spent(n + 1)}`,
          ...after,
          "item/completed dynamicToolCall",
          ...message,
          `usage ${spent(n + 1, n + 2)} / ${spent(n + 2)}`,
          ...done
        ])
        const tool = frames.find((frame) => short(frame) === "item/completed dynamicToolCall")
        assert.deepInclude(at(tool, "params", "item"), {
          tool: "shell",
          arguments: { command: "echo hi" },
          status: "completed",
          contentItems: [{ type: "inputText", text: "ran: echo hi" }]
        })
        assert.isTrue(
          frames.every((frame) => {
            const named = at(frame, "params", "turnId") ?? at(frame, "params", "turn", "id") ?? turnId
            return named === turnId
          })
        )
        // The second request has the reasoning, the call and its output.
        const second = (yield* (yield* Model).asked)[n + 1]
        assert.isDefined(second)
        assert.deepStrictEqual(second === undefined ? [] : contextOf(second), [
          "user: REASON and TOOL",
          "reasoning bW9jaw==",
          'call shell {"command":"echo hi"}',
          'output "ran: echo hi"'
        ])
      })
    )

    it.effect(`${mode}: a failure, and on`, () =>
      Effect.gen(function* () {
        const { actor, answered: n, client } = yield* thread(mode)
        yield* Acts.say(actor, "FAIL")
        const frames = yield* client.settle
        assert.deepStrictEqual(order(frames), [...begun, ...failed])
        assert.strictEqual(turnErrorOf(frames), "internalServerError")
        yield* Acts.say(actor, "go on")
        assert.deepStrictEqual(order(yield* client.settle), [
          ...begun,
          ...message,
          `usage ${spent(n + 2)} / ${spent(n + 2)}`,
          ...done
        ])
      })
    )

    it.effect(`${mode}: an interruption keeps what was said, closes the request, and the model is told`, () =>
      Effect.gen(function* () {
        const { actor, answered: n, client } = yield* thread(mode)
        const model = yield* Model
        yield* Acts.interrupt(actor, yield* Acts.beginSlow(actor))
        yield* model.hungUp
        const frames = yield* client.settle
        const [response, ...rest] = order(frames)
        assert.strictEqual(response, "response")
        assert.deepStrictEqual(
          rest.filter((name) => name !== "response"),
          [...begun.slice(1), ...message, "thread/status/changed idle", "turn/completed interrupted"]
        )
        const said = frames.find((frame) => short(frame) === "item/completed agentMessage")
        assert.match(String(at(said, "params", "item", "text")), /^Mock /)
        yield* Acts.say(actor, "and now?")
        const next = (yield* model.asked)[n + 1]
        assert.deepStrictEqual(next === undefined ? [] : contextOf(next), [
          "user: SLOW please",
          `assistant: ${String(at(said, "params", "item", "text"))}`,
          "user: <turn_aborted>",
          "user: and now?"
        ])
      })
    )
  }

  it.effect("a stream that is cut: what was said stays, the turn fails, the record of it too", () =>
    Effect.gen(function* () {
      const { actor, client } = yield* thread("paginated")
      const model = yield* Model
      const input = [{ type: "text", text: "CUT", text_elements: [] }]
      yield* client.forget
      yield* client.request("turn/start", { threadId: actor.threadId, input })
      yield* client.notification("item/agentMessage/delta")
      yield* model.cut
      yield* client.notification("turn/completed")
      const frames = yield* client.settle
      assert.deepStrictEqual(order(frames), [...begun, ...message, ...failed])
      assert.deepStrictEqual(turnErrorOf(frames), { responseStreamDisconnected: { httpStatusCode: null } })
      const read = yield* client.request("thread/read", { threadId: actor.threadId })
      const lines = yield* linesOf(String(at(read, "result", "thread", "path")))
      const last = lines.at(-1)
      assert.strictEqual(at(last, "payload", "type"), "task_complete")
      assert.isTrue(isRecord(at(last, "payload", "error")))
    })
  )
})
