/**
 * The benchmark's arithmetic: medians, the ratio against the better Codex, targets, and the table they are printed in.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Figure, State, Unit } from "../../bench/lib/jobs.ts"
import { median, rowsOf, type Sample, slope } from "../../bench/lib/results.ts"
import { digits, table } from "../../bench/lib/table.ts"
import { isMet } from "../../bench/lib/targets.ts"

const figure = (value: number, unit: Unit = "ms", peakMb = 50): Figure => ({
  value,
  unit,
  peakMb,
  note: "",
  refused: 0
})

const samples = (job: string, peer: string, state: State, ...outcomes: ReadonlyArray<Figure | string>) =>
  outcomes.map((outcome): Sample => ({ job, what: job, peer, isRethread: peer === "rethread", state, outcome }))

const rows = (...all: ReadonlyArray<ReadonlyArray<Sample>>) =>
  rowsOf(all.flat(), (job) => Number(job.split("-")[1]) * 1e6, "rethread", true)

describe("results of the benchmark", () => {
  it("takes the middle, and of an even count the mean of the two in the middle", () => {
    assert.strictEqual(median([9, 1, 5]), 5)
    assert.strictEqual(median([9, 1, 5, 4]), 4.5)
    assert.isNull(median([]))
  })

  it("compares with the better Codex, and with one in the same state where there is one", () => {
    const [rethread] = rows(
      samples("resume-100", "rethread", "cold", figure(100, "ms", 140), figure(300, "ms", 149), figure(110)),
      samples("resume-100", "codex a", "warm", figure(2000)),
      samples("resume-100", "codex b", "warm", figure(1320))
    )
    assert.strictEqual(rethread?.median, 110)
    assert.deepStrictEqual([rethread?.min, rethread?.max, rethread?.peakMb], [100, 300, 149])
    assert.strictEqual(rethread?.ratio, 12)
    assert.isTrue(rethread?.met)
    const states = rows(
      samples("start-10000", "rethread", "cold", figure(100)),
      samples("start-10000", "codex a", "cold", figure(200)),
      samples("start-10000", "codex a", "warm", figure(50))
    )
    assert.strictEqual(states[0]?.ratio, 2)
  })

  it("of a rate, more is better", () => {
    const [rethread] = rows(
      samples("read-rate", "rethread", "warm", figure(9000, "per s")),
      samples("read-rate", "codex a", "warm", figure(20, "per s")),
      samples("read-rate", "codex b", "warm", figure(1800, "per s"))
    )
    assert.strictEqual(rethread?.ratio, 5)
    assert.isTrue(rethread?.met)
  })

  it("a wrong answer is no figure, and its row has missed its target", () => {
    const [rethread] = rows(samples("resume-10", "rethread", "cold", "turns: 3, not 4", "turns: 3, not 4"))
    assert.isNull(rethread?.median)
    assert.isFalse(rethread?.met)
    assert.include(table(rethread === undefined ? [] : [rethread]), "WRONG: turns: 3, not 4")
  })

  it("without Codex, a ratio is not compared, but what can be judged is", () => {
    const reached = { value: 100, unit: "ms", ratio: null, peakMb: 140, refused: 0 } as const
    assert.isNull(isMet({ times: 12, peakMb: 150 }, reached))
    assert.isFalse(isMet({ times: 12, peakMb: 130 }, reached))
    assert.isTrue(isMet({ value: 100, refused: 0 }, reached))
    assert.isFalse(isMet({ value: 100, refused: 0 }, { ...reached, refused: 1 }))
  })

  it("finds the slope of resumes of several sizes", () => {
    assert.strictEqual(
      slope([
        [10, 30],
        [100, 210],
        [500, 1010]
      ]),
      2
    )
    assert.isNull(slope([[10, 30]]))
    const of = (size: number, ms: number) => samples(`resume-${size}`, "rethread", "cold", figure(ms))
    const last = rows(of(10, 25), of(100, 115), of(500, 515)).at(-1)
    assert.strictEqual(last?.job, "slope")
    assert.closeTo(last?.median ?? 0, 1, 1e-9)
    assert.isTrue(last?.met)
  })

  it("prints as many digits as tell something", () => {
    assert.deepStrictEqual([1.234, 12.34, 1234.5].map(digits), ["1.23", "12.3", "1235"])
  })
})
