/**
 * Usage: numbers and owner from the same record, whatever happened to the turns since.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { TurnId } from "../../src/domain/Ids.ts"
import * as SessionProjection from "../../src/domain/SessionProjection.ts"
import type { RolloutBuilder } from "../../src/testing/RolloutBuilder.ts"
import { defaultCreatedAt } from "../../src/testing/RolloutBuilder.ts"
import {
  abort,
  am,
  C,
  compacted,
  contextCompacted,
  event,
  lastOf,
  metaOf,
  project,
  rb,
  readLines,
  S,
  script,
  type Step,
  U,
  um,
  Unull
} from "../support/Script.ts"
import { skimInto } from "../support/SkimLines.ts"

const usageOf = (steps: ReadonlyArray<Step>) => project(script(steps)).usage
const short = (steps: ReadonlyArray<Step>) => {
  const usage = usageOf(steps)
  return usage === null ? null : [usage.owner, usage.info.total.totalTokens, usage.info.last.totalTokens]
}
const turn = (id: string, total: number): ReadonlyArray<Step> => [S(id), um(), am(), U(total), C(id)]
const none = { input_tokens: 0, cached_input_tokens: 0, output_tokens: 0, reasoning_output_tokens: 0, total_tokens: 0 }
const some = { ...none, input_tokens: 90, output_tokens: 30, total_tokens: 120 }
const record = (total: object, last: object): Step =>
  event("token_count", {
    info: { total_token_usage: total, last_token_usage: last, model_context_window: 1000 },
    rate_limits: null
  })

describe("the owner", () => {
  for (const [what, steps, expected] of [
    ["is the turn that was open", [...turn("T1", 120), ...turn("T2", 360)], ["T2", 360n, lastOf(360)]],
    [
      "is the turn closed last when none is open",
      [S("T1"), um(), C("T1"), U(120), S("T2"), um()],
      ["T1", 120n, lastOf(120)]
    ],
    [
      "is nobody for a record from before any turn",
      [U(120), ...turn("T1", 360).filter((_, at) => at !== 3)],
      [null, 120n, lastOf(120)]
    ],
    [
      "does not move with a record without figures",
      [...turn("T1", 120), S("T2"), um(), Unull, C("T2")],
      ["T1", 120n, lastOf(120)]
    ],
    ["stays when the turn is interrupted later", [S("T1"), um(), U(120), abort("T1")], ["T1", 120n, lastOf(120)]],
    [
      "is the compaction's turn for what the compaction writes",
      [...turn("T1", 120), S("C1"), compacted(), contextCompacted, U(130), C("C1")],
      ["C1", 130n, lastOf(130)]
    ]
  ] as const) {
    it(what, () => assert.deepStrictEqual<unknown>(short(steps), expected))
  }

  it("of a turn whose id comes twice is that id", () => {
    assert.strictEqual(usageOf([S("T1"), um(), U(120), C("T1"), S("T1"), um(), C("T1")])?.owner, "T1")
  })
})

describe("a rollback", () => {
  for (const [what, steps, expected] of [
    [
      "takes last and owner back, and keeps the total",
      [...turn("T1", 120), ...turn("T2", 360), rb(1)],
      ["T1", 360n, lastOf(120)]
    ],
    [
      "takes both back over several turns",
      [...turn("T1", 120), ...turn("T2", 360), ...turn("T3", 500), rb(2)],
      ["T1", 500n, lastOf(120)]
    ],
    [
      "what it wrote before itself goes with the turn",
      [...turn("T1", 120), ...turn("T2", 360), U(999), rb(1)],
      ["T1", 999n, lastOf(120)]
    ],
    [
      "finds the last record of the turn that survives",
      [S("T1"), um(), U(100), U(120), C("T1"), ...turn("T2", 360), rb(1)],
      ["T1", 360n, lastOf(120)]
    ],
    [
      "does not reach over a turn without a record",
      [...turn("T1", 120), S("T2"), um(), C("T2"), ...turn("T3", 360), rb(1)],
      ["T1", 360n, lastOf(120)]
    ],
    ["of everything leaves nobody", [...turn("T1", 120), rb(1)], [null, 120n, lastOf(120)]],
    ["of everything but what came before any turn", [U(50), ...turn("T1", 120), rb(1)], [null, 120n, lastOf(50)]],
    [
      "then a new turn counts again",
      [...turn("T1", 120), ...turn("T2", 360), rb(1), ...turn("T3", 400)],
      ["T3", 400n, lastOf(400)]
    ],
    [
      "then a new turn without a record does not",
      [...turn("T1", 120), ...turn("T2", 360), rb(1), S("T3"), um()],
      ["T1", 360n, lastOf(120)]
    ]
  ] as const) {
    it(what, () => assert.deepStrictEqual<unknown>(short(steps), expected))
  }
})

describe("guesses", () => {
  const guess = { ...none, total_tokens: 5000 }

  it("of the last response are marked, the total is not", () => {
    assert.deepStrictEqual(usageOf([um(), record(some, guess)])?.info.estimated, { total: false, last: true })
  })
  it("that replaced the total mark every later total", () => {
    assert.deepStrictEqual(
      usageOf([um(), record(guess, some), um(), record({ ...some, total_tokens: 5120 }, some)])?.info.estimated,
      {
        total: true,
        last: false
      }
    )
  })
  it("real figures are not marked, nor are zeros", () => {
    assert.deepStrictEqual(usageOf([um(), record(some, some)])?.info.estimated, { total: false, last: false })
    assert.deepStrictEqual(usageOf([um(), record(none, none)])?.info.estimated, { total: false, last: false })
  })
  it("a rollback takes the guess of the last response away with its turn", () => {
    const usage = usageOf([
      S("T1"),
      um(),
      record(some, some),
      C("T1"),
      S("T2"),
      um(),
      record(some, guess),
      C("T2"),
      rb(1)
    ])
    assert.deepStrictEqual(usage?.info.estimated, { total: false, last: false })
    assert.strictEqual(usage?.info.last.totalTokens, 120n)
  })
})

describe("figures", () => {
  it("of every counter are kept, and the window", () => {
    const total = {
      input_tokens: 1,
      cached_input_tokens: 2,
      cache_write_input_tokens: 3,
      output_tokens: 4,
      reasoning_output_tokens: 5,
      total_tokens: 6
    }
    assert.deepStrictEqual(usageOf([um(), record(total, { ...total, total_tokens: 7 })])?.info, {
      total: {
        totalTokens: 6n,
        inputTokens: 1n,
        cachedInputTokens: 2n,
        cacheWriteInputTokens: 3n,
        outputTokens: 4n,
        reasoningOutputTokens: 5n
      },
      last: {
        totalTokens: 7n,
        inputTokens: 1n,
        cachedInputTokens: 2n,
        cacheWriteInputTokens: 3n,
        outputTokens: 4n,
        reasoningOutputTokens: 5n
      },
      modelContextWindow: 1000n,
      estimated: { total: false, last: false }
    })
  })

  it("without a record there is no usage", () => {
    assert.isNull(usageOf([um(), Unull, Unull]))
  })
})

describe("what a fork inherits", () => {
  const source = script(turn("T1", 120))
  const forkedAt = defaultCreatedAt + 3_600_000
  const own = (id: string, total: number, startedAt: number): ReadonlyArray<Step> => [
    S(id, { started_at: startedAt }),
    um(),
    U(total),
    C(id)
  ]
  const inherited = (builder: RolloutBuilder) => project(builder).usage?.inherited?.totalTokens ?? null

  it("is nothing when it is no fork", () => assert.isNull(inherited(source)))
  it("is the total of the lines that it copied", () => assert.strictEqual(inherited(source.fork()), 120n))
  it("does not grow with the fork's own turns", () => {
    const grown = own("T2", 245, forkedAt / 1000 + 1).reduce((builder, step) => step(builder), source.fork())
    assert.strictEqual(inherited(grown), 120n)
    assert.strictEqual(project(grown).usage?.info.total.totalTokens, 245n)
  })
  it("of a fork of a fork is everything before it", () => {
    const grown = own("T2", 245, forkedAt / 1000 + 1).reduce((builder, step) => step(builder), source.fork())
    assert.strictEqual(inherited(grown.fork({ createdAt: forkedAt + 3_600_000 })), 245n)
  })
  it("of a source without usage is nothing", () => {
    const grown = own("T2", 245, forkedAt / 1000 + 1).reduce((builder, step) => step(builder), script([um()]).fork())
    assert.isNull(inherited(grown))
    assert.strictEqual(project(grown).usage?.info.total.totalTokens, 245n)
  })
})

const Steps = Schema.Array(
  Schema.Union([
    Schema.Struct({ step: Schema.Literals(["S", "C", "abort"]), id: Schema.Literals(["T1", "T2", "T3"]) }),
    Schema.Struct({ step: Schema.Literals(["um", "am", "Unull", "compacted", "contextCompacted"]) }),
    Schema.Struct({
      step: Schema.Literal("U"),
      total: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 }))
    }),
    Schema.Struct({ step: Schema.Literal("rb"), turns: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })) })
  ])
).check(Schema.isMaxLength(40))

const toStep = (step: (typeof Steps.Type)[number]): Step => {
  switch (step.step) {
    case "S":
      return S(step.id)
    case "C":
      return C(step.id)
    case "abort":
      return abort(step.id)
    case "U":
      return U(step.total)
    case "rb":
      return rb(step.turns)
    case "um":
      return um()
    case "am":
      return am()
    case "Unull":
      return Unull
    case "compacted":
      return compacted()
    case "contextCompacted":
      return contextCompacted
  }
}

describe("in any order of events", () => {
  it.prop(
    "the owner is nobody or one of the turns, and the total is the last record's",
    { steps: Steps },
    ({ steps }) => {
      const session = project(script(steps.map(toStep)))
      const totals = steps.flatMap((step) => (step.step === "U" ? [step.total] : []))
      if (session.usage === null) return assert.deepStrictEqual(totals, [])
      const ids = session.turns.map(({ turn }) => turn.id)
      assert.isTrue(session.usage.owner === null || ids.includes(session.usage.owner))
      assert.strictEqual(session.usage.info.total.totalTokens, BigInt(totals.at(-1) ?? -1))
      // The last response is one that was recorded.
      assert.include(totals.map(lastOf), session.usage.info.last.totalTokens)
    }
  )
})

describe("a total that is carried over", () => {
  const carried = (total: object, last: object, by = "9c53aaaa-0000-4000-8000-000000000001"): Step =>
    event("token_count", {
      carried_over: by,
      info: { total_token_usage: total, last_token_usage: last, model_context_window: null }
    })
  const more = { ...some, input_tokens: 890, total_tokens: 920 }

  it("changes the total alone: the figures before it keep their owner, though a turn came since", () => {
    const steps = [...turn("T1", 120), S("T2"), um(), am(), C("T2")]
    const before = usageOf(steps)
    const after = usageOf([...steps, carried(more, none)])
    assert.deepStrictEqual(
      after,
      before && { ...before, info: { ...before.info, total: after?.info.total ?? assert.fail() } }
    )
    assert.strictEqual(after?.info.total.totalTokens, 920n)
  })

  it("belongs to nobody when nothing is kept that was spent", () => {
    assert.deepStrictEqual(short([carried(more, none)]), [null, 920n, 0n])
    assert.deepStrictEqual(short([carried(more, none), ...turn("T1", 1040)]), [TurnId.make("T1"), 1040n, lastOf(1040)])
  })

  it("is what a fork inherits, but for what the fork itself has spent", () => {
    const reverted = carried(more, none)(script(turn("T1", 120)))
    const forked = project(reverted.fork()).usage
    assert.deepStrictEqual([forked?.inherited?.totalTokens, forked?.info.total.totalTokens], [920n, 920n])
    const fork = "9c53aaaa-0000-4000-8000-000000000009"
    const later = { ...more, total_tokens: 1000 }
    const itself = project(carried(later, none, fork)(reverted.fork({ threadId: fork }))).usage
    assert.deepStrictEqual([itself?.inherited?.totalTokens, itself?.info.total.totalTokens], [920n, 1000n])
  })

  it("outlives a rollback", () => {
    assert.deepStrictEqual(short([...turn("T1", 120), carried(more, none), ...turn("T2", 1040), rb(1)]), [
      TurnId.make("T1"),
      1040n,
      lastOf(120)
    ])
  })
})

describe("figures that are skimmed", () => {
  const skimmed = (steps: ReadonlyArray<Step>) => {
    const { bytes } = script(steps).build()
    const projection = SessionProjection.make(metaOf(readLines(bytes)), "legacy")
    skimInto(projection, bytes)
    return projection.result().usage
  }

  it("are kept for each turn: a rollback goes back to those of the one before", () => {
    const steps = [...turn("T1", 120), ...turn("T2", 360), rb(1)]
    assert.deepStrictEqual(skimmed(steps), usageOf(steps))
    assert.strictEqual(skimmed(steps)?.info.last.totalTokens, lastOf(120))
    const later = ["T1", "T2", "T3"].flatMap((id, at) => [
      S(id, { started_at: 4_000_000_000 }),
      um(),
      U(100 * (at + 1)),
      am(),
      C(id)
    ])
    assert.strictEqual(skimmed([...later, rb(1)])?.info.last.totalTokens, lastOf(200))
    assert.strictEqual(skimmed([...later, rb(1)])?.owner, "T2")
  })

  it("are of the turn in which they were counted last", () => {
    const steps = [S("T1"), um(), U(120), U(240), am(), C("T1")]
    assert.deepStrictEqual(skimmed(steps), usageOf(steps))
  })
})

describe("what a fork spends behind what it inherited", () => {
  it("is its own, whatever the clock of its turns says", () => {
    const own = script([S("T2", { started_at: 1 }), um(), am(), U(360), C("T2"), S("T3", { started_at: 2 }), U(400)])
    const inherited = readLines(script(turn("T1", 120)).build().bytes)
    const meta = metaOf(inherited)
    const projection = SessionProjection.make({ ...meta, forkedFromId: meta.id }, "legacy")
    for (const line of inherited) projection.step(line, 0)
    projection.endInherited()
    for (const line of readLines(own.build().bytes).slice(1)) projection.step(line, 1)
    const { usage } = projection.result()
    assert.deepStrictEqual([usage?.info.total.totalTokens, usage?.inherited?.totalTokens], [400n, 120n])
  })
})
