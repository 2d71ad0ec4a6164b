/**
 * How a turn is told to have failed.
 */
import { assert, describe, it } from "@effect/vitest"
import { concernsTurn, turnError } from "../../src/domain/TurnFailure.ts"

const infoOf = (codex_error_info: unknown): unknown => turnError({ message: "m", codex_error_info })?.codexErrorInfo

describe("a failure", () => {
  it("has its message, or an empty one", () => {
    const nothing = { codexErrorInfo: null, additionalDetails: null, misalignment: null }
    assert.deepStrictEqual(turnError({ message: "broke" }), { message: "broke", ...nothing })
    assert.deepStrictEqual(turnError({ message: 7 }), { message: "", ...nothing })
    assert.deepStrictEqual(turnError({}), { message: "", ...nothing })
  })

  it("is none where none is recorded", () => {
    for (const error of [null, undefined, "broke", ["broke"]]) assert.strictEqual(turnError(error), null)
  })

  it("has the protocol's word for its kind, and `other` for one that the protocol does not know", () => {
    assert.strictEqual(infoOf("context_window_exceeded"), "contextWindowExceeded")
    assert.strictEqual(infoOf("unauthorized"), "unauthorized")
    assert.strictEqual(infoOf("new_kind"), "other")
    assert.strictEqual(infoOf("other"), "other")
    assert.strictEqual(infoOf(7), null)
  })

  it("keeps the fields of its kind, renamed one level deep", () => {
    assert.deepStrictEqual(infoOf({ response_stream_failed: { http_status_code: 502, more_of_it: { in_here: 1 } } }), {
      responseStreamFailed: { httpStatusCode: 502, moreOfIt: { in_here: 1 } }
    })
    assert.deepStrictEqual(infoOf({ new_kind: null }), { newKind: null })
  })
})

describe("what an error is about", () => {
  it("is the turn, but for failures of a request", () => {
    assert.isFalse(concernsTurn("thread_rollback_failed"))
    assert.isFalse(concernsTurn({ active_turn_not_steerable: { turn_kind: "review" } }))
    assert.isTrue(concernsTurn("bad_request"))
    assert.isTrue(concernsTurn({ response_stream_failed: {} }))
    for (const info of [null, undefined, {}, 7]) assert.isTrue(concernsTurn(info))
  })
})
