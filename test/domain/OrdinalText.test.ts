/**
 * A line's ordinal changed in its text: only that changes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { isRecord } from "../../src/domain/Json.ts"
import { setOrdinal } from "../../src/domain/OrdinalText.ts"

// Names and texts that a careless search would trip over.
const Word = Schema.Literals(["ordinal", '"ordinal":7', "a\\", "{", "}", ",", ":", "[", "\u2028", "ö", ""])
const Small = Schema.Union([Word, Schema.Int, Schema.Boolean, Schema.Null])
const Nested = Schema.Struct({ ordinal: Small, [',"ordinal":']: Schema.Array(Small) })
const Line = Schema.Struct({
  timestamp: Word,
  type: Schema.optionalKey(Word),
  payload: Schema.Union([Nested, Schema.Array(Nested), Small]),
  ordinal: Schema.optionalKey(Schema.Union([Small, Nested])),
  after: Schema.optionalKey(Small)
})
const Ordinal = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e9 }))

describe("setOrdinal", () => {
  it.effect.prop(
    "gives the line the ordinal, and leaves the rest as it was",
    { line: Line, ordinal: Ordinal },
    ({ line, ordinal }) =>
      Effect.sync(() => {
        for (const space of [0, 1]) {
          const text = JSON.stringify(line, null, space)
          const changed = setOrdinal(text, ordinal)
          // Text has no negative zero.
          const whole: unknown = JSON.parse(text)
          assert.deepStrictEqual(JSON.parse(changed), { ...(isRecord(whole) ? whole : {}), ordinal })
          assert.strictEqual(setOrdinal(changed, ordinal), changed)
        }
      })
  )

  it("touches no other character", () => {
    assert.strictEqual(
      setOrdinal('{ "timestamp" : "t", "ordinal" :  7 , "n":1.0e3,"payload":{"ordinal":7}}', 12),
      '{ "timestamp" : "t", "ordinal" :12, "n":1.0e3,"payload":{"ordinal":7}}'
    )
    assert.strictEqual(setOrdinal('{"a":1}', 3), '{"ordinal":3,"a":1}')
    assert.strictEqual(setOrdinal('{"ordinal":1,"ordinal":2}', 3), '{"ordinal":3,"ordinal":3}')
    assert.strictEqual(setOrdinal('{"a":"\\"","ordinal":1}', 3), '{"a":"\\"","ordinal":3}')
    assert.strictEqual(setOrdinal('{"a":"\\\\","ordinal":1}', 3), '{"a":"\\\\","ordinal":3}')
    assert.strictEqual(setOrdinal('{"\\u006frdinal":1}', 3), '{"\\u006frdinal":3}')
  })
})
