/**
 * `rethread doctor` over homes on disk: what it tells, what it writes, and what it never touches.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import { isRecord, type JsonRecord, own, parseExact } from "../../src/domain/Json.ts"
import { parseRolloutFileName } from "../../src/layers/codex-home/RolloutFileName.ts"
import { paginated, rollout, uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { home, run } from "./support/Run.ts"

const real = { total: { input: 100, total: 130 }, last: { input: 70, total: 90 } }
const sound = rollout().turn({ id: "T1", usage: real }).build()
const paged = paginated({ createdAt: Date.UTC(2026, 2, 2) })
  .turn({ id: "P1", usage: real })
  .turn({ id: "P2", usage: real })
  .build()
const lines = paged.content.trimEnd().split("\n")
const damaged = { ...paged, bytes: Buffer.from(`${lines.with(3, "{oops").join("\n")}\n{"timest`) }

const values = (text: string): ReadonlyArray<JsonRecord> =>
  text
    .trim()
    .split("\n")
    .map((line) => Option.getOrElse(Option.filter(parseExact(line), isRecord), () => ({})))
const ofType = (type: string, text: string) => values(text).filter((value) => own(value, "type") === type)
const kindsOf = (value: JsonRecord | undefined) => {
  const findings = value === undefined ? [] : own(value, "findings")
  return Array.isArray(findings) ? findings.map((found) => (isRecord(found) ? own(found, "kind") : null)) : []
}

/** Every file of a folder with its bytes and its time of change. */
const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile())
    .toSorted()
    .map((name) => [name, readFileSync(join(folder, name), "hex"), statSync(join(folder, name)).mtimeMs])

describe("rethread doctor", () => {
  it.effect("finds a sound home sound, and reads only", () =>
    Effect.gen(function* () {
      const folder = yield* home([sound, paged])
      const before = filesOf(folder)
      const ran = yield* run(["doctor", folder])
      assert.deepStrictEqual([ran.out, ran.code], ["", 0])
      assert.strictEqual(ran.err, "sound: 2 rollouts, 0.0 MB: 0 errors, 0 warnings, 0 notes\n")
      assert.deepStrictEqual(filesOf(folder), before)
    })
  )

  it.effect("tells damage with the file, the line, the byte, the reason, and what reading does", () =>
    Effect.gen(function* () {
      const folder = yield* home([sound, damaged])
      const { code, err, out } = yield* run(["doctor", "--codex-home", folder])
      const offset = lines.slice(0, 3).join("\n").length + 1
      assert.strictEqual(code, 1)
      assert.include(out, join(folder, damaged.path))
      assert.include(out, `error   line 4, byte ${offset}: malformed: not JSON (line skipped)`)
      assert.include(out, `error   line ${lines.length + 1}, byte `)
      assert.include(out, "torn: the last line is cut short")
      assert.notInclude(out, sound.path)
      assert.match(err, /^damaged: 2 rollouts, 0\.0 MB: 2 errors, 0 warnings, 0 notes\n$/)
    })
  )

  it.effect("looks at what lies beside the rollouts", () =>
    Effect.gen(function* () {
      const gone = "01010101-0101-0101-0101-010101010101"
      const folder = yield* home([sound], {
        "config.toml": "model = 5\n",
        "session_index.jsonl": `{"id":"${sound.threadId}","thread_name":"a"}\n{oops\n{"id":"${gone}","thread_name":"b"}\n`,
        [`thread-writer-locks/${gone}.lock`]: "",
        "sessions/2026/notes.txt": "x",
        "sessions/2026/.rethread-1.tmp": "x",
        [`${sound.path}.zst`]: "not read",
        "archived_sessions/rollout-x.jsonl": "x"
      })
      const { code, out } = yield* run(["doctor", folder, "--json"])
      const found = new Map(
        ofType("file", out).map((value) => [String(own(value, "path")).replace(`${folder}/`, ""), kindsOf(value)])
      )
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(Object.fromEntries(found), {
        "config.toml": ["config"],
        "session_index.jsonl": ["indexLine", "indexOrphan"],
        [`thread-writer-locks/${gone}.lock`]: ["leftover"],
        "sessions/2026/notes.txt": ["strayFile"],
        "sessions/2026/.rethread-1.tmp": ["leftover"],
        [`${sound.path}.zst`]: ["hidden"],
        "archived_sessions/rollout-x.jsonl": ["strayFile"]
      })
      const [summary] = ofType("summary", out)
      assert.deepStrictEqual(own(summary ?? {}, "counts"), { error: 0, warning: 3, info: 5 })
    })
  )

  it.effect("reads archived and compressed rollouts too, and says of one that cannot be unpacked", () =>
    Effect.gen(function* () {
      const packed = zstdCompressSync(damaged.bytes)
      const archived = rollout({ archived: true, createdAt: 1e12, threadId: uuidAt(1e12, 1) })
        .turn({ usage: real })
        .raw("{\n")
        .build()
      const folder = yield* home([archived], {
        [`${damaged.path}.zst`]: packed,
        [`${sound.path}.zst`]: packed.subarray(0, packed.length - 20)
      })
      const reports = new Map(
        ofType("rollout", (yield* run(["doctor", folder, "--json"])).out).map((value) => [
          own(value, "path"),
          kindsOf(value)
        ])
      )
      assert.deepStrictEqual(reports.get(join(folder, archived.path)), ["malformed"])
      assert.deepStrictEqual(reports.get(join(folder, `${damaged.path}.zst`)), ["malformed", "torn"])
      assert.include(reports.get(join(folder, `${sound.path}.zst`)) ?? [], "unreadable")
    })
  )

  it.effect("checks single files, and hides what is no damage unless --notes asks for it", () =>
    Effect.gen(function* () {
      const open = rollout({ createdAt: 1e12 }).turn({ id: "O", ends: "open", usage: real }).build()
      const folder = yield* home([open, damaged], { "x/any.jsonl": sound.content, "x/nothing.jsonl": "{}\n" })
      const quiet = yield* run(["doctor", join(folder, open.path)])
      assert.deepStrictEqual([quiet.out, quiet.code], ["", 0])
      const noted = yield* run(["doctor", join(folder, open.path), "--notes"])
      assert.include(noted.out, "turnLeftOpen: turn O never ended (shown as interrupted)")
      assert.strictEqual((yield* run(["doctor", join(folder, "x/any.jsonl")])).code, 0)
      assert.include((yield* run(["doctor", join(folder, "x/nothing.jsonl")])).out, "metaMissing")
      const both = yield* run(["doctor", join(folder, open.path), join(folder, damaged.path)])
      assert.include(both.err, "2 rollouts")
    })
  )

  it.effect.each([
    [["doctor", "/nowhere"], "there is no /nowhere"],
    [["doctor", import.meta.dirname], "is no Codex home"],
    [["doctor", "--fix"], "Unrecognized flag"]
  ] as const)("ends with 2 for %j", ([args, words]) =>
    Effect.gen(function* () {
      const ran = yield* run(args)
      assert.include(ran.err, words)
      assert.strictEqual(ran.code, 2)
    })
  )

  it.effect("tells on a terminal how far it is", () =>
    Effect.gen(function* () {
      const folder = yield* home([sound])
      assert.include((yield* run(["doctor", folder], { terminal: true })).err, "1 read, now rollout-")
      assert.notInclude((yield* run(["doctor", folder])).err, "1 read")
    })
  )
})

describe("rethread doctor over recorded homes", () => {
  const corpus = join(import.meta.dirname, "../../fixtures/corpus")
  const homes = (folder: string, depth: number): ReadonlyArray<string> =>
    depth === 0
      ? [folder]
      : readdirSync(folder).flatMap((name) =>
          statSync(join(folder, name)).isDirectory() ? homes(join(folder, name), depth - 1) : []
        )

  it.effect("finds what genuine Codex wrote sound", () =>
    Effect.gen(function* () {
      for (const folder of homes(join(corpus, "gen"), 2)) {
        const { code, out } = yield* run(["doctor", folder])
        assert.deepStrictEqual([code, out], [0, ""], folder)
      }
    })
  )

  it.effect("finds the damage that was done to some of it", () =>
    Effect.gen(function* () {
      const harmless =
        /__(?:blank_lines|crlf|dup_meta|no_events|null_token|only_meta|rollback|unknown_|meta_|no_|control|reorder|spaced)/
      for (const folder of homes(join(corpus, "derived"), 1)) {
        const { code, err } = yield* run(["doctor", folder])
        assert.match(err, code === 0 ? /^sound: / : /^damaged: /)
        if (!harmless.test(folder)) assert.strictEqual(code, 1, folder)
      }
    })
  )
})

describe("rethread doctor --repair", () => {
  it.effect(
    "writes a mended copy beside the sessions, sound and under no rollout's name, and changes nothing else",
    () =>
      Effect.gen(function* () {
        const folder = yield* home([sound, damaged])
        const before = filesOf(folder)
        const ran = yield* run(["doctor", folder, "--repair"])
        assert.strictEqual(ran.code, 1)
        const [copy = "", rejected = ""] = readdirSync(join(folder, "repaired")).toSorted().toReversed()
        assert.match(copy, /\.repaired\.jsonl$/)
        assert.isUndefined(parseRolloutFileName(copy))
        assert.include(ran.out, join(folder, "repaired", copy))
        assert.deepStrictEqual(
          filesOf(folder).filter(([name]) => !String(name).startsWith("repaired")),
          before
        )
        assert.deepStrictEqual(
          values(readFileSync(join(folder, "repaired", rejected), "utf8")).map((line) => own(line, "text")),
          ["{oops", '{"timest']
        )
        assert.strictEqual((yield* run(["doctor", join(folder, "repaired", copy)])).code, 0)
        const turns = (...target: ReadonlyArray<string>) =>
          Effect.map(run(["show", ...target, "--codex-home", folder]), ({ out }) => out.slice(out.indexOf("usage")))
        assert.strictEqual(yield* turns(join(folder, "repaired", copy)), yield* turns(damaged.threadId))
        const listed = yield* run(["threads", "--all", "--codex-home", folder])
        assert.strictEqual(listed.out.split("\n").length, 4)
      })
  )

  it.effect("overwrites no copy", () =>
    Effect.gen(function* () {
      const folder = yield* home([damaged])
      yield* run(["doctor", folder, "--repair"])
      const copy = join(
        folder,
        "repaired",
        readdirSync(join(folder, "repaired")).find((name) => name.endsWith("jsonl")) ?? ""
      )
      writeFileSync(copy, "mine")
      const again = yield* run(["doctor", folder, "--repair"])
      assert.match(again.err, /^error: .* exists already, and nothing is overwritten/m)
      assert.deepStrictEqual([again.code, readFileSync(copy, "utf8")], [1, "mine"])
    })
  )

  it.effect("writes nothing where nothing can be mended", () =>
    Effect.gen(function* () {
      const open = rollout().turn({ id: "O", ends: "open", usage: real }).build()
      const folder = yield* home([open, { ...sound, path: sound.path.replace(/[0-9a-f]{4}\.jsonl/, "ffff.jsonl") }])
      assert.strictEqual((yield* run(["doctor", folder, "--repair"])).code, 1)
      assert.isFalse(existsSync(join(folder, "repaired")))
    })
  )
})
