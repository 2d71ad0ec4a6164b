/**
 * What a check of a rollout keeps in mind from one line to the next.
 */
import { assert, describe, it } from "@effect/vitest"
import { addCounts, finding, findingKinds, isDamage, noCounts, ofDiagnostic } from "../../src/domain/Finding.ts"
import * as RolloutCheck from "../../src/domain/RolloutCheck.ts"
import { readLine } from "../../src/domain/RolloutLine.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import { abort, C, event, rawLines, rb, readLines, S, script, type Step } from "../support/Script.ts"

const check = (content: string, threadId: ThreadId | null = null): RolloutCheck.Checked => {
  const checking = RolloutCheck.make(threadId)
  for (const raw of rawLines(content)) checking.step(readLine(raw), raw)
  return checking.result()
}
const found = (content: string, threadId?: ThreadId): ReadonlyArray<string> =>
  check(content, threadId).findings.map(({ detail, kind, line }) => `${line ?? "-"} ${kind}: ${detail}`)
const foundIn = (steps: ReadonlyArray<Step>) => found(script(steps).build().content)

describe("turns", () => {
  it("that end, are interrupted or rolled back are not open", () => {
    assert.deepStrictEqual(foundIn([S("T1"), C("T1"), S("T2"), abort("T2"), S("T3"), abort(null)]), [])
    assert.deepStrictEqual(foundIn([S("T1"), rb(1)]), [])
  })

  it("stay open when something else ends, and until the next begins", () => {
    assert.deepStrictEqual(foundIn([S("T1"), abort("T0")]), ["2 turnLeftOpen: turn T1 never ended"])
    assert.deepStrictEqual(foundIn([S("T1"), event("error", { message: "m" })]), [
      "2 turnLeftOpen: turn T1 never ended"
    ])
    assert.deepStrictEqual(foundIn([S("T1"), S("T2"), C("T2")]), ["2 turnLeftOpen: turn T1 never ended"])
    assert.deepStrictEqual(foundIn([abort("T1"), S("T1"), C("T1")]), [])
  })

  it("may start once", () => {
    assert.deepStrictEqual(foundIn([S("T1"), C("T1"), S("T1"), C("T1")]), [
      "4 turnRepeated: turn T1 was started before"
    ])
  })
})

describe("whose rollout it is", () => {
  const { content, threadId } = rollout().turn({ id: "T1" }).build()
  const [first = "", second = "", ...rest] = content.trimEnd().split("\n")
  const text = (lines: ReadonlyArray<string>) => `${lines.join("\n")}\n`
  const other = ThreadId.make("00000000-0000-7000-8000-00000000000f")

  it("is what the first session_meta says, and the file's name must agree", () => {
    assert.deepStrictEqual(found(content, threadId), [])
    assert.deepStrictEqual(found(content), [])
    assert.deepStrictEqual(found(content, other), [
      `1 idMismatch: the file is named after ${other}, the session is ${threadId}`
    ])
    const twice = text([first, second, first.replaceAll(threadId, other), ...rest])
    assert.deepStrictEqual(found(twice, threadId), [])
    assert.strictEqual(check(twice).meta?.id, threadId)
  })

  it("may be said late: junk before it does not count", () => {
    assert.deepStrictEqual(found(text([second, first, ...rest])), [
      "2 metaNotFirst: 1 lines that count stand before it"
    ])
    assert.deepStrictEqual(check(text([second, first, ...rest])).lateMeta, {
      line: 2,
      offset: second.length + 1,
      length: first.length
    })
    const junk = check(text(["{oops", first, second, ...rest]))
    assert.deepStrictEqual(
      junk.findings.map(({ kind }) => kind),
      ["malformed"]
    )
    assert.strictEqual(junk.lateMeta, null)
  })

  it("may not be said at all", () => {
    assert.deepStrictEqual(found(""), ["- emptyFile: nothing is in it"])
    assert.deepStrictEqual(found("\n"), ["1 blank: ", "- emptyFile: nothing is in it"].slice(0, found("\n").length))
    assert.deepStrictEqual(found(text([second])).at(-1), "- metaMissing: no line is a valid session_meta")
    assert.deepStrictEqual(found("{oops\n").at(-1), "- metaMissing: no line is a valid session_meta")
    assert.isFalse(check("{oops\n").mendable)
  })

  it("has a history of a kind that must be known", () => {
    const unknown = text([first.replace('"payload":{', '"payload":{"history_mode":"new",'), second, ...rest])
    assert.notStrictEqual(unknown, content)
    assert.deepStrictEqual(found(unknown), ["1 unknownHistoryMode: history_mode `new`"])
  })
})

describe("the whole", () => {
  it("is counted in lines and bytes, line ends too", () => {
    const { bytes, content } = rollout().turn({ id: "T1" }).build()
    const counted = (text: string) => {
      const checked = check(text)
      return [checked.lines, checked.bytes]
    }
    const lines = content.trimEnd().split("\n").length
    assert.deepStrictEqual(counted(content), [lines, bytes.length])
    assert.deepStrictEqual(counted(content.trimEnd()), [lines, bytes.length - 1])
    assert.deepStrictEqual(counted(content.replaceAll("\n", "\r\n")), [lines, bytes.length + lines])
  })

  it("may end without a line end, told once and last", () => {
    const { content } = rollout().turn({ id: "T1" }).build()
    const checking = RolloutCheck.make(null)
    const raws = rawLines(content.trimEnd())
    for (const raw of raws) checking.step(readLine(raw), raw)
    const once = checking.result().findings.map(({ kind, line }) => [kind, line])
    assert.deepStrictEqual(once, [["unended", raws.length]])
    assert.lengthOf(checking.result().findings, 1)
  })

  it("that was paginated begins its ordinals at its base", () => {
    const { content, threadId } = paginated().turn({ id: "T1" }).build()
    const shifted = content.replaceAll(/"ordinal":(\d+)/g, (_, n: string) => `"ordinal":${Number(n) + 9}`)
    assert.deepStrictEqual(found(shifted).slice(0, 1), ["1 ordinalGap: expected ordinal 0, found 9"])
    const base = `"history_base":{"thread_id":"${threadId}","end_ordinal_exclusive":9},"history_mode"`
    assert.deepStrictEqual(found(shifted.replace('"history_mode"', base)), [])
  })

  it("with one finding more has it counted", () => {
    const checked = check(rollout().turn({ id: "T1" }).build().content)
    const hidden = finding("hidden", null, "elsewhere")
    assert.deepStrictEqual(RolloutCheck.withFinding(checked, hidden), {
      ...checked,
      findings: [hidden],
      counts: { error: 0, warning: 1, info: 0 }
    })
  })
})

describe("findings", () => {
  it("are of a severity, and only what is worse than worth knowing is damage", () => {
    const severities = findingKinds.map((kind) => finding(kind, null, ""))
    for (const found of severities) assert.strictEqual(isDamage(found), found.severity !== "info", found.kind)
    assert.deepStrictEqual(addCounts({ error: 1, warning: 2, info: 3 }, { ...noCounts, warning: 5, info: 7 }), {
      error: 1,
      warning: 7,
      info: 10
    })
  })

  it("about lines come from what reading says, but for what other files and items have to do with", () => {
    const at = { line: 3, offset: 40, length: 5 }
    assert.deepInclude(ofDiagnostic({ reason: "malformed", detail: "d", ...at }), { kind: "malformed", ...at })
    assert.deepInclude(ofDiagnostic({ reason: "invalidPayload", detail: "turn_context: x", ...at }), {
      kind: "oldRecord",
      severity: "info"
    })
    assert.deepInclude(ofDiagnostic({ reason: "invalidPayload", detail: "compacted: x", ...at }), {
      kind: "invalidPayload"
    })
    for (const reason of ["unusableItem", "missingBase"] as const) {
      assert.strictEqual(ofDiagnostic({ reason, detail: "", ...at }), null)
    }
  })

  it("that leave a line out are those of lines that say nothing", () => {
    const rejected = (line: string) => readLines(`${line}\n`).map(RolloutCheck.isRejected)
    assert.deepStrictEqual(rejected("{oops"), [true])
    assert.deepStrictEqual(rejected(""), [true])
    assert.deepStrictEqual(rejected('{"timestamp":"t","type":"new_kind","payload":{}}'), [false])
    assert.deepStrictEqual(rejected('{"timestamp":"t","type":"event_msg","payload":{"type":"new_event"}}'), [false])
  })
})
