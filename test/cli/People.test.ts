/**
 * The commands for people as real processes: pipes that close, Ctrl-C, servers elsewhere; and what their help teaches.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { createServer } from "node:http"
import { readFileSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { VERSION } from "../../src/domain/Version.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import { baseUrl, layerServer } from "../support/MockResponses.ts"
import { home, run } from "./support/Run.ts"

const main = join(import.meta.dirname, "../../src/cli/main.ts")
const saved = rollout({ modelProvider: "p" }).turn({ id: "T1", user: "first", usage: true }).build()

interface Child {
  /** Completes when the stream has said the words. */
  readonly says: (stream: "stdout" | "stderr", words: string) => Effect.Effect<string>
  readonly interrupt: Effect.Effect<void>
  readonly closeOutput: Effect.Effect<void>
  readonly exit: Effect.Effect<number | null>
  readonly text: (stream: "stdout" | "stderr") => string
}

const start = (args: ReadonlyArray<string>): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.gen(function* () {
    const exited = yield* Deferred.make<number | null>()
    const texts = { stdout: "", stderr: "" }
    const waiting: Array<() => void> = []
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [main, ...args], { env: { PATH: dirname(process.execPath) } })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (chunk: string) => {
        texts[name] += chunk
        for (const look of waiting) look()
      })
    }
    child.on("close", (code) => Deferred.doneUnsafe(exited, Exit.succeed(code)))
    return {
      says: (stream, words) =>
        Effect.callback<string>((resume) => {
          const look = () => {
            if (texts[stream].includes(words)) resume(Effect.succeed(texts[stream]))
          }
          waiting.push(look)
          look()
        }),
      interrupt: Effect.sync(() => void child.kill("SIGINT")),
      closeOutput: Effect.sync(() => void child.stdout.destroy()),
      exit: Deferred.await(exited),
      text: (stream) => texts[stream]
    }
  })

describe("as processes", () => {
  it.live("a reader that has seen enough ends the list quietly", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 300 }, (_, n) =>
        rollout({ createdAt: Date.UTC(2026, 0, 1) + n * 1000 })
          .turn()
          .build()
      )
      const child = yield* start(["threads", "--all", "--json", "--codex-home", yield* home(many)])
      yield* child.closeOutput
      assert.strictEqual(yield* child.exit, 0)
      assert.strictEqual(child.text("stderr"), "")
    })
  )

  it.live("Ctrl-C ends a turn with 130, and the turn is recorded as interrupted", () =>
    Effect.gen(function* () {
      const config = `[model_providers.p]\nbase_url = "${yield* baseUrl}"\n`
      const folder = yield* home([saved], { "config.toml": config })
      const child = yield* start(["resume", "--last", "--codex-home", folder, "--prompt", "SLOW"])
      yield* child.says("stdout", "Mock")
      yield* child.interrupt
      assert.strictEqual(yield* child.exit, 130)
      const text = readFileSync(join(folder, saved.path), "utf8")
      assert.match(text.trimEnd().split("\n").at(-1) ?? "", /"turn_aborted".*"interrupted"/)
      assert.match((yield* run(["show", "--last", "--codex-home", folder])).out, /turn 2 \S+ interrupted/)
    }).pipe(
      Effect.provide(
        Layer.provideMerge(layerServer(), NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
      )
    )
  )

  it.live("resume and fork go through a server that runs, with --remote", () =>
    Effect.gen(function* () {
      const folder = yield* home([saved])
      const server = yield* start(["serve", "--listen", "ws://127.0.0.1:0", "--agent", "echo", "--codex-home", folder])
      const url = /ws:\S+/.exec(yield* server.says("stderr", "stop with Ctrl-C"))?.[0] ?? ""
      const resumed = yield* run(["resume", saved.threadId, "--remote", url, "--prompt", "over there"])
      assert.deepStrictEqual([resumed.code, resumed.out], [0, "over there\n"])
      const forked = yield* run(["fork", saved.threadId, "--remote", url])
      assert.match(forked.out, /^[0-9a-f-]{36}\n$/)
      const unknown = yield* run(["resume", "01010101-0101-0101-0101-010101010101", "--remote", url])
      assert.deepStrictEqual([unknown.code, unknown.out], [1, ""])
      assert.include(unknown.err, "no rollout found")
    })
  )
})

const commands = ["threads", "show", "resume", "fork", "doctor", "generate-json-schema", "serve", "app-server"]

describe("help", () => {
  it.effect("names every command, and ends with 0", () =>
    Effect.gen(function* () {
      for (const args of [["--help"], []]) {
        const { code, out } = yield* run(args)
        assert.strictEqual(code, 0)
        for (const command of [...commands, "--completions", "--color"]) assert.include(out, command)
      }
      assert.include((yield* run(["--version"])).out, VERSION)
    })
  )

  it.effect.each(commands.slice(0, -1))("of `%s` says what it is for and shows examples", (command) =>
    Effect.gen(function* () {
      const { code, out } = yield* run([command, "--help"])
      assert.strictEqual(code, 0)
      for (const part of ["DESCRIPTION", "USAGE", "EXAMPLES", `rethread ${command}`]) assert.include(out, part)
    })
  )

  it.effect.each(["bash", "zsh", "fish"])("prints completions for %s", (shell) =>
    Effect.gen(function* () {
      const { code, out } = yield* run(["--completions", shell])
      assert.strictEqual(code, 0)
      for (const command of commands) assert.include(out, command)
    })
  )

  it.effect("prints completions that bash understands", () =>
    Effect.gen(function* () {
      const { out } = yield* run(["--completions", "bash"])
      assert.strictEqual(spawnSync("bash", ["-n"], { input: out }).status, 0)
    })
  )
})

describe("rethread generate-json-schema", () => {
  it.effect("prints the bundle, or writes a file for each shape", () =>
    Effect.gen(function* () {
      const { out } = yield* run(["generate-json-schema"])
      assert.include(out.slice(0, 100), '"$schema": "http://json-schema.org/draft-07/schema#"')
      const folder = join(yield* home([]), "schemas")
      const written = yield* run(["generate-json-schema", "--out", folder])
      const files = readdirSync(folder)
      assert.strictEqual(written.err, `${files.length} files in ${folder}\n`)
      assert.includeMembers(files, ["ThreadResumeParams.json", "codex_app_server_protocol.schemas.json"])
      assert.strictEqual(readFileSync(join(folder, "codex_app_server_protocol.schemas.json"), "utf8"), out)
    })
  )

  it.effect("prints the OpenRPC document that the documentation has, or writes it", () =>
    Effect.gen(function* () {
      const documented = readFileSync(new URL("../../docs/openrpc.json", import.meta.url), "utf8")
      const { out } = yield* run(["generate-json-schema", "--openrpc"])
      assert.strictEqual(out, documented)
      const folder = join(yield* home([]), "openrpc")
      const written = yield* run(["generate-json-schema", "--openrpc", "--out", folder])
      assert.strictEqual(written.err, `openrpc.json in ${folder}\n`)
      assert.deepStrictEqual(readdirSync(folder), ["openrpc.json"])
      assert.strictEqual(readFileSync(join(folder, "openrpc.json"), "utf8"), documented)
    })
  )
})
