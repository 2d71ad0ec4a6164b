/**
 * What the doctor finds, and what a mended copy is worth.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { type Finding, isMendable } from "../../src/domain/Finding.ts"
import { layerWith, type MemoryFile } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { type Diagnosis, reportOf, RolloutDoctor, RolloutReport } from "../../src/services/RolloutDoctor.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { type RolloutRef, RolloutStore } from "../../src/services/RolloutStore.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import type { ProjectedSession } from "../../src/domain/SessionProjection.ts"
import { type BuiltRollout, paginated, rollout, type RolloutBuilder } from "../../src/testing/RolloutBuilder.ts"
import * as DeterministicIds from "../../src/testing/DeterministicIds.ts"
import * as Dice from "../fuzz/Dice.ts"
import { bases, damagedSet } from "../fuzz/RolloutChance.ts"

const world = (files: ReadonlyArray<MemoryFile>, maxLineBytes = 64 * 1024 * 1024) =>
  Layer.mergeAll(RolloutDoctor.layer, SessionReconstruction.layer).pipe(
    Layer.provideMerge(layerWith(files)),
    Layer.provide(RolloutParser.layerWith({ maxLineBytes })),
    Layer.provide(DeterministicIds.layer()),
    Layer.fresh
  )

const locate = (threadId: ThreadId) => RolloutStore.use((store) => store.locate(threadId, { archived: true }))
const examine = (threadId: ThreadId) =>
  Effect.flatMap(locate(threadId), (ref) => RolloutDoctor.use((doctor) => doctor.check(ref)))

/** The mended copy's bytes, and the lines that have no place in it. */
const mend = Effect.fnUntraced(function* (diagnosis: Diagnosis) {
  const doctor = yield* RolloutDoctor
  const mended = yield* Stream.runCollect(doctor.mend(diagnosis))
  return {
    bytes: Buffer.concat(mended.flatMap((line) => (line._tag === "Kept" ? [line.bytes] : []))),
    rejected: mended.flatMap((line) => (line._tag === "Rejected" ? [line.line] : []))
  }
})

const kinds = (findings: ReadonlyArray<Finding>) =>
  findings.map(({ kind, line }) => (line === null ? kind : `${kind}@${line}`))

const findingsOf = (built: BuiltRollout, content: string | Uint8Array = built.content, maxLineBytes?: number) =>
  examine(built.threadId).pipe(
    Effect.map(({ checked }) => kinds(checked.findings)),
    Effect.provide(world([{ ...built, content }], maxLineBytes))
  )

/** What the doctor, the mender and the reader make of a rollout. */
const diagnose = Effect.fnUntraced(function* (ref: RolloutRef) {
  const diagnosis = yield* RolloutDoctor.use((doctor) => doctor.check(ref))
  const restored = yield* SessionReconstruction.use((reading) => reading.restore(ref)).pipe(
    Effect.map(({ projected }) => projected),
    Effect.orElseSucceed(() => null)
  )
  const { bytes } = diagnosis.checked.mendable ? yield* mend(diagnosis) : { bytes: Buffer.alloc(0) }
  return { diagnosis, restored, bytes }
})

const real = { total: { input: 100, total: 130 }, last: { input: 70, total: 90 } }
const sound = rollout().turn({ id: "T1", usage: real }).turn({ id: "T2", usage: real })
const paged = paginated({ createdAt: Date.UTC(2026, 2, 2) })
  .turn({ id: "P1", usage: real })
  .turn({ id: "P2", usage: real })
const lines = (builder: RolloutBuilder) => builder.build().content.trimEnd().split("\n")
const text = (all: ReadonlyArray<string>) => all.join("\n") + "\n"

describe("what is found", () => {
  it.effect("nothing in rollouts as Codex writes them", () =>
    Effect.gen(function* () {
      for (const builder of [sound, paged, sound.fork(), paged.turn({ id: "P3", ends: "interrupted" })]) {
        assert.deepStrictEqual(yield* findingsOf(builder.build()), [])
      }
    })
  )

  it.effect.each([
    ["a torn tail", (all: ReadonlyArray<string>) => text(all).slice(0, -9), ["torn@17", "turnLeftOpen@10"]],
    ["a last line without an end", (all: ReadonlyArray<string>) => all.join("\n"), ["unended@17"]],
    ["bad JSON", (all: ReadonlyArray<string>) => text(all.with(2, "{oops")), ["malformed@3"]],
    ["a line that is no object", (all: ReadonlyArray<string>) => text(all.toSpliced(3, 0, "[1,2]")), ["notAnObject@4"]],
    ["nul bytes", (all: ReadonlyArray<string>) => text(all.toSpliced(3, 0, "\0\0")), ["nulBytes@4"]],
    ["blank lines", (all: ReadonlyArray<string>) => text(all.toSpliced(3, 0, " ")), ["blank@4"]],
    ["a byte order mark", (all: ReadonlyArray<string>) => `\ufeff${text(all)}`, ["byteOrderMark@1"]],
    [
      "unknown records",
      (all: ReadonlyArray<string>) => text(all.toSpliced(3, 0, '{"timestamp":"t","type":"new","payload":{}}')),
      ["unknownLineType@4"]
    ],
    [
      "a late session_meta",
      ([meta = "", next = "", ...rest]: ReadonlyArray<string>) => text([next, meta, ...rest]),
      ["metaNotFirst@2"]
    ],
    ["no session_meta", (all: ReadonlyArray<string>) => text(all.slice(1)), ["metaMissing"]],
    ["an empty file", () => "", ["emptyFile"]],
    ["a turn that never ended", (all: ReadonlyArray<string>) => text(all.toSpliced(8, 1)), ["turnLeftOpen@2"]],
    [
      "a turn started twice",
      (all: ReadonlyArray<string>) => text([...all, ...all.slice(1)]),
      ["turnRepeated@18", "turnRepeated@26"]
    ]
  ] as const)("%s", ([, damage, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* findingsOf(sound.build(), damage(lines(sound))), [...expected])
    })
  )

  it.effect("ordinals that are not one after the other, but not the one of a line that cannot be read", () =>
    Effect.gen(function* () {
      const all = lines(paged)
      const at = (n: number, line: (text: string) => string) => text(all.with(n, line(all[n] ?? "")))
      const renumber = (n: number) => (line: string) => line.replace(/"ordinal":\d+/, `"ordinal":${n}`)
      const found = (content: string) => findingsOf(paged.build(), content)
      assert.deepStrictEqual(yield* found(at(4, renumber(3))), ["ordinalRepeated@5", "ordinalGap@6"])
      assert.deepStrictEqual(yield* found(at(4, renumber(1))), ["ordinalBackwards@5", "ordinalGap@6"])
      assert.deepStrictEqual(yield* found(text(all.toSpliced(4, 2))), ["ordinalGap@5"])
      assert.deepStrictEqual(yield* found(at(4, (line) => line.replace(/"ordinal":\d+,/, ""))), ["ordinalMissing@5"])
      assert.deepStrictEqual(yield* found(at(4, () => "{oops")), ["malformed@5"])
      assert.deepStrictEqual(yield* found(text(all.toSpliced(4, 0, "{oops"))), ["malformed@5"])
    })
  )

  it.effect("figures that are guesses, and figures that cannot be", () =>
    Effect.gen(function* () {
      const guess = { input: 0, cached: 0, output: 0, reasoning: 0, total: 4000 }
      const wrong = (usage: object) => findingsOf(sound.usage({ ...real, ...usage }).build())
      assert.deepStrictEqual(yield* wrong({ last: guess }), ["usageEstimate@18"])
      assert.deepStrictEqual(yield* wrong({ total: { input: 90, total: 120 } }), ["usageImpossible@18"])
      assert.deepStrictEqual(yield* wrong({ window: 80 }), ["usageImpossible@18"])
      assert.deepStrictEqual(yield* wrong({ total: { input: -1, total: 130 } }), ["usageImpossible@18"])
      assert.deepStrictEqual(yield* wrong({ last: { cached: 71, input: 70, total: 90 } }), ["usageImpossible@18"])
    })
  )

  it.effect("text that is no UTF-8, and lines longer than allowed", () =>
    Effect.gen(function* () {
      const { content } = sound.build()
      const bytes = Buffer.from(content)
      bytes[content.indexOf("question 2")] = 0xff
      const found = yield* findingsOf(sound.build(), bytes)
      assert.deepStrictEqual(found, ["invalidUtf8@12", "invalidUtf8@13"].slice(0, found.length))
      assert.isNotEmpty(found)
      const long = sound.turn({ id: "T3", user: "x".repeat(3000), usage: real })
      assert.deepStrictEqual(yield* findingsOf(long.build(), long.build().content, 2000), [
        "lineTooLong@20",
        "lineTooLong@21",
        "lineTooLong@22",
        "lineTooLong@23",
        "lineTooLong@25",
        "turnLeftOpen@18"
      ])
    })
  )

  it.effect("what other files have to do with it: a base that is not here, a thread in two files, another's name", () =>
    Effect.gen(function* () {
      const fork = paged.fork()
      assert.deepStrictEqual(yield* findingsOf(fork.build()), ["baseMissing"])
      const twin = { ...sound.build(), path: sound.build().path.replace("T10-", "T09-") }
      const reports = yield* RolloutDoctor.use((doctor) => Stream.runCollect(doctor.checkAll())).pipe(
        Effect.map((all) => all.map(reportOf)),
        Effect.provide(world([paged.build(), fork.build(), sound.build(), twin]))
      )
      const byPath = new Map(reports.map((report) => [report.path.split("/").at(-1), kinds(report.findings)]))
      const name = ({ path }: { readonly path: string }) => path.split("/").at(-1)
      assert.deepStrictEqual(byPath.get(name(fork.build())), [])
      assert.deepStrictEqual(byPath.get(name(sound.build())), [])
      assert.deepStrictEqual(byPath.get(name(twin)), ["hidden"])
      const other = sound.build().content.replaceAll(sound.threadId, paged.threadId)
      assert.deepStrictEqual(yield* findingsOf(sound.build(), other), ["idMismatch@1"])
    })
  )

  it.effect("is told by a schema, with where it is in bytes", () =>
    Effect.gen(function* () {
      const built = sound.build()
      const content = text(lines(sound).with(2, "{oops"))
      const report = reportOf(yield* Effect.provide(examine(built.threadId), world([{ ...built, content }])))
      const [first] = report.findings
      assert.deepInclude(first, { severity: "error", line: 3, length: 5, action: "line skipped" })
      assert.strictEqual(content.slice(first?.offset ?? 0).slice(0, 5), "{oops")
      const json = yield* Schema.encodeEffect(RolloutReport)(report)
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(RolloutReport)(JSON.parse(JSON.stringify(json))), report)
    })
  )

  it.effect("keeps a thousand findings and counts the rest", () =>
    Effect.gen(function* () {
      const built = sound.build()
      const content = built.content + "{oops\n".repeat(1500)
      const { checked } = yield* Effect.provide(examine(built.threadId), world([{ ...built, content }]))
      assert.strictEqual(checked.counts.error, 1500)
      assert.strictEqual(checked.findings.length, 1000)
    })
  )
})

/** What must be the same. Ids that hang on the number of lines before a turn do not count when a `session_meta` moved. */
const essence = (projected: ProjectedSession | null, moved: boolean) => {
  if (projected === null) return null
  const { preview, turns, usage } = projected
  const idOf = (id: string | null) => (moved && id !== null ? id.replace(/^rollout-\d+$/, "implied") : id)
  return {
    preview,
    turns: turns.map(({ turn, ...rest }) => ({ ...rest, turn: { ...turn, id: idOf(turn.id) } })),
    usage: usage === null ? null : { ...usage, owner: idOf(usage.owner) }
  }
}

describe("a mended copy", () => {
  it.effect("holds what can be read, byte for byte, and hands back the rest", () =>
    Effect.gen(function* () {
      const all = lines(paged)
      const content = text(all.with(4, "{oops").toSpliced(8, 0, "", "\0")) + '{"timestamp":"2026'
      const built = paged.build()
      const { bytes, rejected } = yield* Effect.flatMap(examine(built.threadId), mend).pipe(
        Effect.provide(world([{ ...built, content }]))
      )
      const kept = all.toSpliced(4, 1)
      assert.deepStrictEqual(
        bytes.toString(),
        text(kept.map((line, index) => line.replace(/"ordinal":\d+/, `"ordinal":${index}`)))
      )
      assert.deepStrictEqual(
        rejected.map(({ line, reason, text }) => [line, reason, text]),
        [
          [5, "malformed", "{oops"],
          [10, "nulBytes", "\0"],
          [all.length + 3, "torn", '{"timestamp":"2026']
        ]
      )
    })
  )

  it.effect("restores to the turns and the usage of the damaged rollout, and has nothing left to mend", () =>
    Effect.gen(function* () {
      const sets = bases()
      let mended = 0
      for (let seed = 1; seed <= 200; seed++) {
        const set = damagedSet(Dice.make(seed), sets)
        const [target, ...others] = set.files.map(({ bytes, path }) => ({ path, content: bytes, modifiedAt: 1 }))
        if (target === undefined) continue
        const ref = {
          threadId: ThreadId.make(set.threadId),
          path: `/codex-home/${target.path}`,
          archived: false,
          segmentId: null
        }
        const damaged = yield* Effect.provide(diagnose(ref), world([target, ...others]))
        const { checked } = damaged.diagnosis
        const where = `seed ${seed}, ${set.name}`
        if (damaged.restored === null) {
          assert.isAbove(checked.counts.error, 0, `${where}: not restored, and nothing found`)
        }
        if (!checked.mendable) {
          assert.isFalse(checked.meta !== null && checked.findings.some(isMendable), where)
          continue
        }
        const copy = { ...target, content: damaged.bytes }
        const again = yield* Effect.provide(diagnose(ref), world([copy, ...others]))
        mended++
        assert.deepStrictEqual(kinds(again.diagnosis.checked.findings.filter(isMendable)), [], where)
        const moved = checked.lateMeta !== null
        assert.deepStrictEqual(essence(again.restored, moved), essence(damaged.restored, moved), where)
      }
      assert.isAbove(mended, 60)
    })
  )
})
