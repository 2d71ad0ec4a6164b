import { assert, describe, it } from "@effect/vitest"
import { makeLineScanner, type RawLine } from "../../src/domain/LineScanner.ts"
import { readLine } from "../../src/domain/RolloutLine.ts"
import { paginated, rollout, type RolloutBuilder } from "../../src/testing/RolloutBuilder.ts"

const read = (builder: RolloutBuilder) => {
  const raws: Array<RawLine> = []
  const scanner = makeLineScanner()
  const keep = (raw: RawLine) => void raws.push({ ...raw, bytes: raw.bytes?.slice() ?? null })
  scanner.push(builder.build().bytes, keep)
  scanner.finish(keep)
  return raws.map((raw) => ({ raw, ...readLine(raw) }))
}

const everything = (start: RolloutBuilder): RolloutBuilder =>
  start
    .turn({ user: "one", usage: true, reasoning: "because", textElements: [{ byte_range: { start: 0, end: 3 } }] })
    .turn({ user: "two", images: ["data:image/png;base64,AA=="], localImages: ["/tmp/x.png"], ends: "interrupted" })
    .turn({ user: "three", agent: null, ends: "failed" })
    .rateLimits()
    .usage({ total: { total: 7 }, window: null })
    .compaction("so far", [{ type: "message", role: "user", content: [{ type: "input_text", text: "so far" }] }])

describe("RolloutBuilder", () => {
  it("writes only lines that are understood", () => {
    const implied = rollout().turn({ id: null, user: "implied", usage: true }).turn({ id: null }).rollback(1)
    for (const builder of [everything(rollout()), everything(paginated()), implied, implied.fork().fork()]) {
      for (const line of read(builder)) assert.deepStrictEqual(line.diagnostics, [])
    }
  })

  it("is a value: the same steps give the same bytes, and a step changes nothing before it", () => {
    const base = rollout().turn()
    const before = base.build().content
    base.turn().raw("{torn")
    assert.strictEqual(base.build().content, before)
    assert.strictEqual(everything(paginated()).build().content, everything(paginated()).build().content)
  })

  it("numbers the lines of a paginated history without a gap, over forks and reverts", () => {
    const parent = everything(paginated())
    const fork = parent.fork().turn()
    const revert = fork.revert().turn()
    const all = [parent, fork, revert].flatMap(read).map(({ line }) => line?.ordinal)
    assert.deepStrictEqual(
      all,
      all.map((_, at) => at)
    )
    for (const [child, base] of [
      [fork, parent],
      [revert, fork]
    ] as const) {
      const record = read(child)[0]?.line?.record
      if (record?._tag !== "SessionMeta") return assert.fail("no session_meta")
      assert.deepStrictEqual(record.meta.historyBase, {
        threadId: base.threadId,
        endOrdinalExclusive: (read(base).at(-1)?.line?.ordinal ?? 0) + 1,
        endByteOffset: base.build().bytes.length
      })
    }
    assert.strictEqual(revert.threadId, fork.threadId)
    assert.match(revert.build().path, /_[0-9a-f-]{36}\.jsonl$/)
  })

  it("copies an event-style fork's lines byte for byte under a meta of its own", () => {
    const parent = everything(rollout())
    const fork = parent.fork()
    const [first, ...rest] = fork.build().content.split("\n")
    assert.strictEqual(rest.join("\n"), parent.build().content)
    assert.include(first ?? "", parent.threadId)
    assert.deepStrictEqual(fork.build().turnIds, parent.build().turnIds)
  })
})
