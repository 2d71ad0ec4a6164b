import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { parseThreadId, ThreadId, TurnId } from "../../src/domain/Ids.ts"

const canonical = "01a202ff-0000-7abc-8000-00000000000a"
const Uuid = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(Array.from("0123456789abcdef"))), { minLength: 32, maxLength: 32 }),
  (digits) => digits.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
)

describe("thread ids", () => {
  it.prop("every spelling of a UUID is the same thread", { id: Uuid }, ({ id }) => {
    const bare = id.replaceAll("-", "")
    const spellings = [id, id.toUpperCase(), bare, bare.toUpperCase(), `{${id}}`, `urn:uuid:${id}`, `URN:UUID:${id}`]
    for (const spelling of spellings) {
      assert.strictEqual(Result.getOrThrow(parseThreadId(spelling)), id)
    }
  })

  for (const input of [
    "",
    "nonsense",
    canonical.slice(1),
    `${canonical}0`,
    ` ${canonical}`,
    `${canonical}\n`,
    `{${canonical}`,
    `${canonical}}`,
    `{${canonical}x`,
    `x${canonical}}`,
    canonical.replace("a", "g"),
    canonical.replace(/-/, ""),
    `urn:uuid:{${canonical}}`,
    "__proto__"
  ]) {
    it(`refuses ${JSON.stringify(input)}`, () => {
      const refused = parseThreadId(input)
      assert.isTrue(Result.isFailure(refused))
    })
  }

  it("a refusal quotes no more than 200 characters", () => {
    const refused = parseThreadId("x".repeat(5000))
    assert.strictEqual(Result.isFailure(refused) ? refused.failure.input.length : 0, 200)
    assert.match(Result.isFailure(refused) ? refused.failure.message : "", /^invalid thread id: "x+" is not a UUID$/)
  })

  it("the type holds canonical spellings only", () => {
    assert.isTrue(Schema.is(ThreadId)(canonical))
    assert.isFalse(Schema.is(ThreadId)(canonical.toUpperCase()))
    assert.isFalse(Schema.is(ThreadId)(`${canonical}\n`))
  })

  it("a turn has a name", () => {
    assert.isFalse(Schema.is(TurnId)(""))
    assert.isTrue(Schema.is(TurnId)("rollout-2"))
  })
})
