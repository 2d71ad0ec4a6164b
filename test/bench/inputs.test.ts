/**
 * The benchmark's inputs: the same bytes each time, and what a reader is told to find in them is in them.
 */
import { assert, describe, it } from "@effect/vitest"
import { makeChance } from "../../bench/lib/chance.ts"
import { oneMoreTurn } from "../../bench/lib/inputs.ts"
import { type Kind, kinds, makeRollout } from "../../bench/lib/rollouts.ts"
import { at } from "../conformance/Case.ts"

const threadId = "019b8c2a-0000-7000-8000-000000000001"

const made = (kind: Kind, seed: number) => {
  const options = { kind, threadId, startedAt: Date.UTC(2026, 0, 5), bytes: 300_000, lineBytes: 50_000, small: false }
  const lines = makeRollout(makeChance(seed), options)
  const texts: Array<string> = []
  for (let step = lines.next(); ; step = lines.next()) {
    if (step.done === true) return { text: texts.join(""), summary: step.value }
    texts.push(step.value)
  }
}

const payloads = (text: string, type: string): ReadonlyArray<unknown> =>
  text
    .trimEnd()
    .split("\n")
    .map((line): unknown => at(JSON.parse(line), "payload"))
    .filter((payload) => at(payload, "type") === type)

describe("inputs of the benchmark", () => {
  it.each(kinds)("%s: the same seed gives the same bytes, and the summary is about them", (kind) => {
    const { summary, text } = made(kind, 1)
    assert.strictEqual(made(kind, 1).text, text)
    assert.strictEqual(summary.bytes, Buffer.byteLength(text))
    assert.strictEqual(payloads(text, "task_complete").length, summary.turns)
    const usage = payloads(text, "token_count").at(-1)
    assert.deepStrictEqual(at(usage, "info", "total_token_usage"), summary.totalUsage)
    assert.strictEqual(at(payloads(text, "task_started").at(-1), "turn_id"), summary.lastTurnId)
  })

  it("another seed gives other bytes", () => {
    assert.notStrictEqual(made("events", 2).text, made("events", 1).text)
  })

  it("a turn for the end of a rollout is one whole turn and no more", () => {
    const { summary, text } = oneMoreTurn(threadId)
    assert.strictEqual(summary.turns, 1)
    assert.strictEqual(payloads(text, "task_started").length, 1)
    assert.strictEqual(payloads(text, "task_complete").length, 1)
    assert.notInclude(text, "session_meta")
    assert.isTrue(text.endsWith("\n"))
  })
})
