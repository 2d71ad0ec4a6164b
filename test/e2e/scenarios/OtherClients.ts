/**
 * Clients that are no TUI: what the commands of `codex` are refused by a remote server, and a library that others wrote.
 */
import { Effect, Option } from "effect"
import { execFile } from "node:child_process"
import { copyFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { aiSdk } from "../../support/AiSdk.ts"
import { parseExact } from "../../../src/domain/Json.ts"
import { at } from "../../conformance/Case.ts"
import { binary } from "../../support/CodexBinary.ts"
import { expect, type Scenario, Unexpected } from "../Scenario.ts"
import { legacy, type Stage } from "../Stage.ts"

interface Ended {
  readonly code: number
  readonly said: string
}

const run = (command: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.callback<Ended>((resume) => {
    execFile(command, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1
      resume(Effect.succeed({ code, said: stdout + stderr }))
    })
  })

const refusals = Effect.fnUntraced(function* (stage: Stage) {
  const codex = yield* binary(stage.version)
  const url = yield* stage.serve()
  const home = yield* stage.clientHome
  const isRefused = Effect.fnUntraced(function* (word: RegExp, ...args: ReadonlyArray<string>) {
    const env = { CODEX_HOME: home, HOME: home, PATH: "/usr/bin:/bin" }
    const { code, said } = yield* run(codex, [...args, "--remote", url], env)
    yield* expect(code !== 0 && word.test(said), `codex ${args.join(" ")} was not refused (${code}): ${said}`)
  })
  const unknown = "01984de2-8f74-7c91-a3b2-5c5e937cf318"
  yield* isRefused(/does not support thread\/queue\/add/, "queue", "--thread", legacy.threadId, "--message", "hello")
  yield* isRefused(/failed to archive session/, "archive", unknown)
  yield* isRefused(/failed to unarchive session/, "unarchive", legacy.threadId)
  yield* isRefused(/failed to delete session/, "delete", "--force", unknown)
})

const library = Effect.fnUntraced(function* (stage: Stage) {
  const folder = yield* Effect.mapError(aiSdk, ({ message }) => new Unexpected({ detail: message }))
  const script = join(folder, "turn.mjs")
  yield* Effect.sync(() => copyFileSync(join(import.meta.dirname, "../../../fixtures/clients/ai-sdk-turn.mjs"), script))
  const { code, said } = yield* run(process.execPath, [script, stage.program, stage.home.directory], {
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`
  })
  const [first, second] = said
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => Option.getOrNull(parseExact(line)))
  yield* expect(
    code === 0 && String(at(first, "text")).endsWith("hello") && at(second, "text") === "You said: and again",
    `the library ended with ${code}: ${said}`
  )
  yield* expect(at(first, "threadId") === at(second, "threadId"), `it went on in another thread: ${said}`)
  // The usage of the turn itself, not of the one before it.
  yield* expect(at(first, "total") === 1052 && at(second, "total") === 1054, `its figures are not the turns': ${said}`)
})

export const otherClients: ReadonlyArray<Scenario> = [
  { name: "codex queue, archive, unarchive, delete: what is refused", versions: ["0.169.0"], script: refusals },
  { name: "ai-sdk-provider-codex-cli: a turn, and a resume, over stdio", versions: ["0.169.0"], script: library }
]
