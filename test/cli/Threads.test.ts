/**
 * `rethread threads` and `rethread show`, run in this process over a home on disk.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { join } from "node:path"
import { isRecord, type JsonRecord, parseExact } from "../../src/domain/Json.ts"
import { ThreadReadResult } from "../../src/rpc/codex/Results.ts"
import { Thread } from "../../src/domain/Thread.ts"
import { rollout, uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { home, run } from "./support/Run.ts"

const day = (n: number) => Date.UTC(2026, 2, n, 10)
const thread = (n: number, cwd = "/home/dev/project") =>
  rollout({ createdAt: day(n), threadId: uuidAt(day(n), 0xa), cwd }).turn({
    id: `T${n}`,
    user: `question of day ${n}`,
    usage: true
  })

const first = thread(1).build()
const second = thread(2, "/elsewhere").turn({ id: "X", ends: "failed", reasoning: "hm" }).build()
const third = thread(3).build()
const old = rollout({ createdAt: day(4), threadId: uuidAt(day(4), 0xb), archived: true })
  .turn({ id: "A" })
  .build()
const index = JSON.stringify({ id: first.threadId, thread_name: "The parser", updated_at: "2026-03-01T00:00:00Z" })

const sample = home([first, second, third, old], { "session_index.jsonl": `${index}\n` })
const withHome = (args: ReadonlyArray<string>, options?: Parameters<typeof run>[1]) =>
  Effect.flatMap(sample, (folder) => run([...args, "--codex-home", folder], options))

const idsIn = (text: string) => text.split("\n").flatMap((line) => /^[0-9a-f-]{36}/.exec(line)?.slice(0, 1) ?? [])
const parsed = (text: string): JsonRecord => Option.getOrElse(Option.filter(parseExact(text), isRecord), () => ({}))

describe("rethread threads", () => {
  it.effect("lists threads, newest first, with names, and no more than asked for", () =>
    Effect.gen(function* () {
      const all = yield* withHome(["threads"])
      assert.deepStrictEqual(idsIn(all.out), [third.threadId, second.threadId, first.threadId])
      assert.include(all.out, "The parser")
      assert.include(all.out, "question of day 3")
      assert.deepStrictEqual([all.code, all.err], [0, ""])
      const one = yield* withHome(["threads", "--limit", "1"])
      assert.deepStrictEqual(idsIn(one.out), [third.threadId])
      assert.strictEqual(one.err, "there are more: --limit N, or --all\n")
    })
  )

  it.effect("shows where something was said", () =>
    Effect.gen(function* () {
      const said = yield* withHome(["threads", "--said", "answer to QUESTION of day 2"])
      assert.deepStrictEqual([idsIn(said.out), said.code, said.err], [[second.threadId], 0, ""])
      assert.include(said.out, "answer to question of day 2")
      const both = yield* withHome(["threads", "--said", "question", "--cwd", "/elsewhere"])
      assert.deepStrictEqual(idsIn(both.out), [second.threadId])
      assert.deepStrictEqual(idsIn((yield* withHome(["threads", "--said", "question", "--search", "parser"])).out), [
        first.threadId
      ])
    })
  )

  it.effect("narrows the list by text, directory and archive", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(idsIn((yield* withHome(["threads", "--search", "PARSER"])).out), [first.threadId])
      assert.deepStrictEqual(idsIn((yield* withHome(["threads", "--cwd", "/elsewhere"])).out), [second.threadId])
      assert.deepStrictEqual(idsIn((yield* withHome(["threads", "--archived"])).out), [old.threadId])
      const none = yield* withHome(["threads", "--search", "no such words"])
      assert.deepStrictEqual([none.out, none.code], ["", 0])
      assert.include(none.err, "no threads in ")
    })
  )

  it.effect("goes through all pages with --all", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 230 }, (_, n) =>
        rollout({ createdAt: day(1) + n * 1000, threadId: uuidAt(day(1), n) })
          .turn()
          .build()
      )
      const folder = yield* home(many)
      const { out } = yield* run(["threads", "--all", "--codex-home", folder])
      assert.strictEqual(new Set(idsIn(out)).size, 230)
      assert.strictEqual(idsIn((yield* run(["threads", "--limit", "130", "--codex-home", folder])).out).length, 130)
    })
  )

  it.effect("prints threads as the wire has them, one a line, with --json", () =>
    Effect.gen(function* () {
      const { out } = yield* withHome(["threads", "--json"])
      const values = yield* Effect.forEach(out.trim().split("\n"), (line) =>
        Schema.decodeUnknownEffect(Thread)(JSON.parse(line))
      )
      assert.deepStrictEqual(
        values.map(({ id }) => id),
        [third.threadId, second.threadId, first.threadId]
      )
    })
  )

  it.effect("colours only on a terminal, where nobody forbids it", () =>
    Effect.gen(function* () {
      const escape = "\u001b["
      assert.include((yield* withHome(["threads"], { terminal: true })).out, escape)
      assert.notInclude((yield* withHome(["threads"])).out, escape)
      assert.notInclude((yield* withHome(["threads"], { terminal: true, env: { NO_COLOR: "1" } })).out, escape)
      assert.notInclude((yield* withHome(["threads", "--no-color"], { terminal: true })).out, escape)
      assert.notInclude((yield* withHome(["threads", "--help", "--no-color"], { terminal: true })).out, escape)
    })
  )

  it.effect("does not hand a terminal what a thread's text would make it do", () =>
    Effect.gen(function* () {
      const nasty = rollout().turn({ user: "a\u001b]0;title\u0007b\u202ec" }).build()
      const folder = yield* home([nasty])
      const { out } = yield* run(["threads", "--codex-home", folder])
      assert.include(out, "a]0;titlebc")
      assert.include((yield* run(["show", "--last", "--codex-home", folder])).out, "a]0;titlebc")
    })
  )
})

describe("rethread show", () => {
  it.effect("shows who the thread is, what it spent, and what was said", () =>
    Effect.gen(function* () {
      const { code, out } = yield* withHome(["show", second.threadId])
      assert.strictEqual(code, 0)
      for (const words of [
        second.threadId,
        `${second.path}\n`,
        "total 150 tokens (input 120, cached 20, output 30, reasoning 10)",
        "last  90 tokens",
        "context window 200000, 0.0 % used",
        "of turn T2",
        "turn 1 T2 completed",
        "  user   question of day 2\n  agent  answer to question of day 2",
        "turn 2 X failed",
        "  and 1 reasoning",
        "error  the model is not available"
      ]) {
        assert.include(out, words)
      }
      assert.include((yield* withHome(["show", second.threadId, "--items"])).out, "reasoning hm")
      const short = yield* withHome(["show", second.threadId, "--turns", "1"])
      assert.notInclude(short.out, "turn 1 ")
      assert.include(short.out, "1 earlier turn is not shown")
    })
  )

  it.effect("prints what thread/read answers with --json", () =>
    Effect.gen(function* () {
      const { out } = yield* withHome(["show", second.threadId, "--json"])
      const value = yield* Schema.decodeUnknownEffect(ThreadReadResult)(JSON.parse(out))
      assert.strictEqual(value.thread.turns.length, 2)
      assert.deepStrictEqual(value.thread.status, { type: "notLoaded" })
      assert.strictEqual(value.tokenUsage?.turnId, "T2")
      const cut = JSON.stringify(parsed((yield* withHome(["show", second.threadId, "--json", "--turns", "1"])).out))
      assert.notInclude(cut, 'question of day 2","text_elements')
      assert.include(cut, '"id":"X"')
    })
  )

  it.effect("finds a thread by the beginning of its id, by its file, in the archive, and the last one", () =>
    Effect.gen(function* () {
      const folder = yield* sample
      const shown = (...args: ReadonlyArray<string>) =>
        Effect.map(run(["show", ...args, "--codex-home", folder]), ({ out }) => /thread +(\S+)/.exec(out)?.[1])
      assert.strictEqual(yield* shown("--last"), third.threadId)
      assert.strictEqual(yield* shown(second.threadId.toUpperCase()), second.threadId)
      assert.strictEqual(yield* shown(second.threadId.slice(0, 12)), second.threadId)
      assert.strictEqual(yield* shown(old.threadId), old.threadId)
      assert.strictEqual(yield* shown(join(folder, first.path)), first.threadId)
      const elsewhere = yield* home([thread(9).build()])
      assert.strictEqual(yield* shown(join(elsewhere, thread(9).build().path)), thread(9).threadId)
      assert.include((yield* run(["show", first.threadId.slice(0, 4), "--codex-home", folder])).err, third.threadId)
    })
  )

  it.effect.each([
    [["show"], "no thread named", 1],
    [["show", "--last", "0199"], "--last and a thread's name exclude each other", 1],
    [["show", "ffff"], 'no thread "ffff"', 1],
    [["show", "01010101-0101-0101-0101-010101010101"], "no rollout found", 1],
    [["show", "/nowhere/rollout.jsonl"], "file does not exist", 1],
    [["shwo"], "Did you mean this? show", 2],
    [["show", "--turns", "x"], "turns", 2],
    [["threads", "--limit", "0"], "expected a number above 0", 2]
  ] as const)("refuses %j in one line, with what to do", ([args, words, code]) =>
    Effect.gen(function* () {
      const ran = yield* withHome(args)
      assert.include(ran.err, words)
      assert.match(ran.err, /^error: [^\n]+\n$/)
      assert.deepStrictEqual([ran.out, ran.code], ["", code])
    })
  )
})
