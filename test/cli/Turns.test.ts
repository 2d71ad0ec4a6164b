/**
 * `rethread resume` and `rethread fork`: as a client comes to a thread, and what a prompt brings about. Under the real
 * clock, for the echo takes its time and forks tell theirs.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ThreadResumeResult } from "../../src/rpc/codex/Results.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import { home, run, type RunOptions } from "./support/Run.ts"

const saved = rollout()
  .turn({ id: "T1", user: "first", usage: true })
  .turn({ id: "T2", user: "second", usage: { total: { total: 200 } } })
  .build()
const paged = paginated({ createdAt: Date.UTC(2025, 1, 1) })
  .turn({ id: "P1", usage: true })
  .build()

const echo = (folder: string, args: ReadonlyArray<string>, options?: RunOptions) =>
  run([...args, "--agent", "echo", "--codex-home", folder], options)

const rollouts = (folder: string) =>
  readdirSync(join(folder, "sessions"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".jsonl"))

describe("rethread resume", () => {
  it.live("prints the restored thread and its usage, and writes nothing", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved])
      const { code, err, out } = yield* echo(folder, ["resume", "--last"])
      assert.deepStrictEqual([code, err], [0, ""])
      assert.include(out, "total 200 tokens (input 120")
      assert.include(out, "of turn T2")
      assert.include(out, "agent  answer to second")
      assert.strictEqual(readFileSync(join(folder, saved.path), "utf8"), saved.content)
    })
  )

  it.live("prints the answer to thread/resume with --json", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved])
      const { out } = yield* echo(folder, ["resume", saved.threadId.slice(0, 10), "--json"])
      const value = yield* Schema.decodeUnknownEffect(ThreadResumeResult)(JSON.parse(out))
      assert.deepStrictEqual([value.thread.id, value.tokenUsage?.turnId], [saved.threadId, "T2"])
    })
  )

  it.live("runs a turn: the answer on standard output, what it cost on standard error, all of it in the rollout", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved])
      const ran = yield* echo(folder, ["resume", saved.threadId, "--prompt", "go on"])
      assert.deepStrictEqual([ran.code, ran.out], [0, "go on\n"])
      assert.match(ran.err, /^total \d+ tokens .*\nlast {2}\d+ tokens /)
      const after = yield* run(["show", "--last", "--codex-home", folder])
      assert.include(after.out, "user   go on\n  agent  go on")
      assert.include(after.out, "turn 3 ")
    })
  )

  it.live("takes the prompt from standard input with -, and refuses an empty one", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved])
      const ran = yield* echo(folder, ["resume", "--last", "-p", "-"], { stdin: "two\nlines\n" })
      assert.deepStrictEqual([ran.code, ran.out], [0, "two\nlines\n"])
      const empty = yield* echo(folder, ["resume", "--last", "-p", "-"], { stdin: " \n" })
      assert.strictEqual(empty.code, 1)
      assert.include(empty.err, "error: the prompt is empty")
    })
  )

  it.live("ends with 1 and the reason when the turn fails", () =>
    Effect.gen(function* () {
      const keyless = rollout({ modelProvider: "p" }).turn().build()
      const config = '[model_providers.p]\nbase_url = "http://127.0.0.1:9"\nenv_key = "NO_SUCH_KEY"\n'
      const folder = yield* home([keyless], { "config.toml": config })
      const ran = yield* run(["resume", "--last", "--prompt", "hi", "--codex-home", folder])
      assert.deepStrictEqual([ran.code, ran.out], [1, ""])
      assert.match(ran.err, /error: turn \S+ failed: .*NO_SUCH_KEY/)
    })
  )

  it.live.each([
    [["resume", "--last", "--remote", "http://x"], "unsupported --remote URL"],
    [
      ["resume", saved.threadId, "--remote", "unix:///no/such/socket"],
      "the connection to the app server is gone: unreachable"
    ],
    [["resume", "ffffffff"], 'no thread "ffffffff"']
  ] as const)("refuses %j", ([args, words]) =>
    Effect.gen(function* () {
      const ran = yield* echo(yield* home([saved]), args)
      assert.include(ran.err, words)
      assert.deepStrictEqual([ran.code, ran.out], [1, ""])
    })
  )
})

describe("rethread fork", () => {
  it.live("prints the new thread's id alone, and the rest on standard error", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved, paged])
      for (const { threadId } of [saved, paged]) {
        const ran = yield* echo(folder, ["fork", threadId])
        assert.match(ran.out, /^[0-9a-f-]{36}\n$/)
        assert.include(ran.err, `fork of  ${threadId}`)
        assert.include((yield* echo(folder, ["show", ran.out.trim()])).out, "inherited ")
      }
      assert.strictEqual(rollouts(folder).length, 4)
    })
  )

  it.live("ends the fork where it is told to", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved])
      for (const [flag, turn] of [
        ["--until", "T1"],
        ["--before", "T2"]
      ] as const) {
        assert.include((yield* echo(folder, ["fork", saved.threadId, flag, turn])).err, "turns    1")
      }
      const unknown = yield* echo(folder, ["fork", saved.threadId, "--until", "T9"])
      assert.include(unknown.err, "'T9' was not found in the source thread")
      const both = yield* echo(folder, ["fork", saved.threadId, "--until", "T1", "--before", "T2"])
      assert.deepStrictEqual([unknown.code, both.code], [1, 2])
    })
  )

  it.live("goes on in the fork with a prompt, and writes nothing when it is ephemeral", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved])
      const ran = yield* echo(folder, ["fork", saved.threadId, "--ephemeral", "--prompt", "hello"])
      assert.match(ran.out, /^[0-9a-f-]{36}\nhello\n$/)
      assert.strictEqual(rollouts(folder).length, 1)
      assert.strictEqual(readFileSync(join(folder, saved.path), "utf8"), saved.content)
    })
  )
})
