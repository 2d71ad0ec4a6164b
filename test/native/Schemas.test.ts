/** Whatever the domain can say gets through as it is: the schemas of the native face hold all of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Notification, NotificationParams } from "../../src/domain/Notification.ts"
import { Question, QuestionAnswer, ServerRequests } from "../../src/domain/ServerRequest.ts"
import { Element } from "../../src/rpc/native/NativeElement.ts"
import { RethreadRpc } from "../../src/rpc/native/NativeProtocol.ts"
import { serialization } from "../../src/rpc/native/NativeServer.ts"
import { plain } from "../../src/rpc/native/PlainJson.ts"

const codec = serialization.codecFor(Element)
const encode = Schema.encodeEffect(codec)
const decode = Schema.decodeUnknownEffect(codec)

/** What is in it, whatever it is made of: arbitrary JSON has objects without a prototype, and a negative zero. */
const facts = (element: Element): unknown =>
  JSON.parse(JSON.stringify(element, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)))

const methodsOf = (union: {
  readonly members: ReadonlyArray<{ readonly fields: { readonly method: { readonly literal: string } } }>
}) => union.members.map(({ fields }) => fields.method.literal).sort()

describe("the schemas of the native face", () => {
  it.effect.prop("give back every element as it was, after a trip through JSON", { element: Element }, ({ element }) =>
    Effect.gen(function* () {
      const text: string = JSON.stringify(yield* encode(element))
      assert.deepStrictEqual(facts(yield* decode(JSON.parse(text))), facts(element))
    })
  )

  it("know every notification, question and answer", () => {
    assert.deepStrictEqual(methodsOf(Notification), Object.keys(NotificationParams).sort())
    assert.deepStrictEqual(methodsOf(Question), Object.keys(ServerRequests).sort())
    assert.deepStrictEqual(methodsOf(QuestionAnswer), Object.keys(ServerRequests).sort())
  })

  it("name every request once", () => {
    assert.strictEqual(new Set(RethreadRpc.requests.keys()).size, RethreadRpc.requests.size)
    assert.isAtLeast(RethreadRpc.requests.size, 22)
  })
})

describe("untyped JSON", () => {
  it("is the same value where nothing has to change, and shares what it can where something has", () => {
    const same = { a: [1, { b: "c" }], d: null }
    assert.strictEqual(plain(same), same)
    const kept = { deep: true }
    const changed = plain({ kept, list: [1, [2n ** 60n]], count: 3n })
    assert.deepStrictEqual<unknown>(changed, { kept, list: [1, [2 ** 60]], count: 3 })
    assert.strictEqual(changed.kept, kept)
  })
})
