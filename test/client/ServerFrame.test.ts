/** Frames of a server, good and bad: reading one never throws, and what is good comes out as it was said. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result, Schema } from "effect"
import { read } from "../../src/rpc/client/ServerFrame.ts"

const Id = Schema.Union([Schema.String, Schema.Int])
const Params = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Int, Schema.Null, Schema.Boolean]))

const decodeParams = Schema.decodeUnknownSync(Params)

const tagOf = (text: string) => Option.map(Result.getSuccess(read(text)), ({ _tag }) => _tag)

describe("a frame", () => {
  it.effect.prop("of any text is read, or refused with a reason", { text: Schema.String }, ({ text }) =>
    Effect.sync(() => {
      const found = read(text)
      if (Result.isFailure(found)) assert.notStrictEqual(found.failure.detail, "")
    })
  )

  it.effect.prop("of any JSON is read, or refused with a reason", { params: Params, id: Id }, ({ id, params }) =>
    Effect.sync(() => {
      for (const value of [
        params,
        { ...params, id },
        { ...params, method: id },
        { id, result: params },
        [params],
        id
      ]) {
        const found = read(JSON.stringify(value))
        if (Result.isFailure(found)) assert.notStrictEqual(found.failure.detail, "")
      }
    })
  )

  it.effect.prop(
    "that the protocol allows is what it was",
    { chosen: Id, method: Schema.String, params: Params },
    ({ chosen, method, params }) =>
      Effect.sync(() => {
        const said = decodeParams(JSON.parse(JSON.stringify(params)))
        // JSON knows no -0.
        const id = typeof chosen === "number" ? chosen + 0 : chosen
        const good = (value: object) => Result.getOrThrow(read(JSON.stringify(value)))
        assert.deepStrictEqual(good({ id, method, params }), { _tag: "Question", id, method, params: said })
        assert.deepStrictEqual(good({ method, params }), { _tag: "Notification", method, params: said })
        assert.deepStrictEqual(good({ id, result: params }), { _tag: "Result", id, result: said })
        assert.deepStrictEqual(good({ id, error: params }), { _tag: "Error", id, error: said })
      })
  )

  it("is taken for what it is by its own members only", () => {
    assert.deepStrictEqual(tagOf('{"method":"m"}'), Option.some("Notification"))
    assert.deepStrictEqual(tagOf('{"method":"m","params":null}'), Option.some("Notification"))
    assert.deepStrictEqual(tagOf('{"id":1,"result":null}'), Option.some("Result"))
    assert.deepStrictEqual(tagOf('{"id":null,"error":{}}'), Option.some("Error"))
    assert.deepStrictEqual(tagOf('{"__proto__":{"method":"m"}}'), Option.none())
    assert.deepStrictEqual(tagOf('{"id":1}'), Option.none())
    assert.deepStrictEqual(tagOf('{"id":9007199254740993,"result":{}}'), Option.none())
  })
})
