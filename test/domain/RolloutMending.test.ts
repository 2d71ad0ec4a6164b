/**
 * What becomes of each line of a damaged rollout, in a mended copy.
 */
import { assert, describe, it } from "@effect/vitest"
import { finding } from "../../src/domain/Finding.ts"
import * as RolloutCheck from "../../src/domain/RolloutCheck.ts"
import * as RolloutMending from "../../src/domain/RolloutMending.ts"
import { readLine } from "../../src/domain/RolloutLine.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import { bytesOf, rawLines } from "../support/Script.ts"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const sound = rollout().turn({ id: "T1" }).build()
const paged = paginated().turn({ id: "T1" }).build()
const linesOf = (content: string) => content.trimEnd().split("\n")
const text = (all: ReadonlyArray<string>) => `${all.join("\n")}\n`

const check = (content: string | Uint8Array, baseMissing = false, maxLineBytes?: number): RolloutCheck.Checked => {
  const checking = RolloutCheck.make(null)
  for (const raw of rawLines(content, [], maxLineBytes)) checking.step(readLine(raw), raw)
  if (baseMissing) checking.note(finding("baseMissing", null, ""))
  return checking.result()
}

const mend = (content: string | Uint8Array, baseMissing = false, maxLineBytes?: number) => {
  const mending = RolloutMending.make(check(content, baseMissing, maxLineBytes))
  return rawLines(content, [], maxLineBytes).map((raw) => mending.step(readLine(raw), raw))
}
type Lines = ReadonlyArray<RolloutMending.Mended>

/** The lines of the copy. */
const keptOf = (lines: Lines) => lines.flatMap((line) => (line._tag === "Kept" ? [decoder.decode(line.bytes)] : []))
const rejectedOf = (lines: Lines) => lines.flatMap((line) => (line._tag === "Rejected" ? [line.line] : []))
const copyOf = (content: string | Uint8Array) => keptOf(mend(content)).join("")

const withBase = (line: string, extra: object): string =>
  line.replace('"payload":{', `"payload":{${JSON.stringify(extra).slice(1, -1)},`)

describe("a line that is kept", () => {
  it("is as it was when nothing is wrong with it", () => {
    for (const { content } of [sound, paged]) {
      assert.strictEqual(copyOf(content), content)
      assert.isFalse(check(content).mendable)
    }
  })

  it("ends, also when it was the last and did not", () => {
    assert.strictEqual(copyOf(sound.content.trimEnd()), sound.content)
    assert.isTrue(check(sound.content.trimEnd()).mendable)
  })

  it("has no byte order mark", () => {
    assert.strictEqual(copyOf(`\ufeff${sound.content}`), sound.content)
    assert.strictEqual(copyOf(`\ufeff${paged.content}`), paged.content)
  })

  it("is text: bytes that are none become replacement characters", () => {
    const bytes = bytesOf(sound.content).slice()
    const at = sound.content.indexOf("question 1")
    bytes[at] = 0xff
    assert.strictEqual(
      copyOf(bytes),
      sound.content.replaceAll(/question 1/g, (whole, offset: number) => (offset === at ? "\ufffduestion 1" : whole))
    )
  })

  it("has the next ordinal in a paginated history, and none in another", () => {
    const renumbered = (content: string) =>
      content.replaceAll(/"ordinal":(\d+)/g, (_, n: string) => `"ordinal":${Number(n) * 2 + 1}`)
    assert.strictEqual(copyOf(renumbered(paged.content)), paged.content)
    const [first = "", ...rest] = linesOf(sound.content)
    const odd = text([first.replace("{", '{"ordinal":7,'), ...rest])
    assert.strictEqual(copyOf(odd), odd)
  })
})

describe("a line that is left out", () => {
  it("is handed back with its place, its text and what was wrong", () => {
    const all = linesOf(sound.content)
    const [rejected, ...others] = rejectedOf(mend(text(all.toSpliced(1, 0, "{oops"))))
    assert.deepStrictEqual(others, [])
    assert.deepStrictEqual(rejected, {
      line: 2,
      offset: bytesOf(all[0] ?? "").length + 1,
      length: 5,
      reason: "malformed",
      detail: "not JSON",
      text: "{oops",
      base64: null
    })
  })

  it("is base64 where it is no text, and neither where it is too long", () => {
    const broken = Buffer.concat([bytesOf(sound.content), Buffer.from([0x7b, 0xff, 0x00, 0x0a])])
    const [rejected] = rejectedOf(mend(broken))
    assert.deepInclude(rejected, { text: null, base64: Buffer.from([0x7b, 0xff, 0x00]).toString("base64") })
    const [long] = rejectedOf(mend(`${sound.content}${"x".repeat(5000)}\n`, false, 4000))
    assert.deepInclude(long, { reason: "lineTooLong", text: null, base64: null, length: 5000 })
  })

  it("is dropped when nothing was in it, and takes no ordinal", () => {
    const all = linesOf(paged.content)
    const mended = mend(text(all.toSpliced(2, 0, " ", "{oops")))
    assert.strictEqual(mended[2]?._tag, "Dropped")
    assert.strictEqual(keptOf(mended).join(""), paged.content)
  })

  it("is told by what was wrong with it, not by how its bytes were read", () => {
    const broken = Buffer.concat([bytesOf(sound.content), Buffer.from([0xff, 0x0a])])
    assert.deepInclude(rejectedOf(mend(broken))[0], { reason: "malformed" })
  })
})

describe("a history whose base is not there", () => {
  const first = linesOf(paged.content)[0] ?? ""
  const rest = linesOf(paged.content).slice(1)
  const base = { thread_id: paged.threadId, end_ordinal_exclusive: 5 }
  const based = withBase(first, { forked_from_ordinal_exclusive: 5, history_base: base })

  it("begins anew, at ordinal 0, without naming it", () => {
    const [meta = "", ...others] = keptOf(mend(text([based, ...rest]), true))
    assert.deepStrictEqual(JSON.parse(meta), JSON.parse(first))
    assert.strictEqual(others.join(""), text(rest))
  })

  it("counts on from it where it is there", () => {
    const numbers = keptOf(mend(text([based, ...rest]))).map((line) => /"ordinal":(\d+)/.exec(line)?.[1])
    assert.deepStrictEqual(
      numbers,
      [based, ...rest].map((_, at) => `${at + 5}`)
    )
  })

  it("forgets it in the first line only", () => {
    const mended = keptOf(mend(text([based, ...rest, based]), true))
    assert.notInclude(mended[0], "history_base")
    assert.include(mended.at(-1), "history_base")
  })
})
