/**
 * The short reading of an editor's command line means what the whole parser means, and leaves to it what it does not know.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import * as StdioArguments from "../../src/cli/StdioArguments.ts"
import { at, hello, home, send, start } from "./support/Program.ts"

const threadStart = { id: 1, method: "thread/start", params: { cwd: "/" } }

/** The model and the home that a server of this command line has. */
const meaningOf = Effect.fnUntraced(function* (args: ReadonlyArray<string>, directory: string) {
  const program = yield* start(args, { CODEX_HOME: directory, HOME: directory })
  yield* send(program, hello)
  yield* send(program, threadStart)
  const codexHome = at(yield* program.frame, "result", "codexHome")
  let frame = yield* program.frame
  while (at(frame, "id") !== 1) frame = yield* program.frame
  return { codexHome, model: at(frame, "result", "model"), approval: at(frame, "result", "approvalPolicy") }
})

describe("StdioArguments.parse", () => {
  it.effect.each<readonly [string, ReadonlyArray<string>]>([
    ["the line of an editor", ["app-server", "--analytics-default-enabled"]],
    ["a pair before the command and one behind it", ["-c", "model=a", "app-server", "--config", "model=b"]],
    ["pairs in the other order", ["--config", "model=a", "-c", "approval_policy=never", "app-server", "-c", "model=b"]],
    ["an agent on either side", ["--agent", "echo", "app-server", "-c", 'model="with words"', "--stdio"]],
    [
      "a home from where it runs",
      [
        "app-server",
        "--codex-home",
        relative(process.cwd(), join(tmpdir(), "rethread-there-is-none")),
        "--listen",
        "stdio://"
      ]
    ]
  ])("reads %s as the whole parser does", ([, args]) =>
    Effect.gen(function* () {
      assert.isNotNull(StdioArguments.parse(args))
      // A flag that only the whole parser knows, and that changes nothing here.
      const whole = ["--log-level", "info", ...args]
      assert.isNull(StdioArguments.parse(whole))
      const directory = yield* home
      assert.deepStrictEqual(yield* meaningOf(args, directory), yield* meaningOf(whole, directory))
    })
  )

  it.each<readonly [string, ReadonlyArray<string>]>([
    ["no command", []],
    ["another command", ["serve"]],
    ["two commands", ["app-server", "app-server"]],
    ["help", ["app-server", "--help"]],
    ["a flag that is none", ["app-server", "--nope"]],
    ["a word too many", ["app-server", "more"]],
    ["a command of the command", ["app-server", "generate-ts", "--out", "x"]],
    ["a value that is missing", ["app-server", "-c"]],
    ["a value that is empty", ["app-server", "--codex-home", ""]],
    ["a value that is a flag", ["app-server", "-c", "--stdio"]],
    ["a value in the same word", ["app-server", "--codex-home=/x"]],
    ["an agent that there is not", ["app-server", "--agent", "nobody"]],
    ["a home twice", ["app-server", "--codex-home", "/a", "--codex-home", "/b"]],
    ["a flag of the command before it", ["--stdio", "app-server"]],
    ["another transport", ["app-server", "--listen", "ws://127.0.0.1:0"]],
    ["the end of flags", ["app-server", "--", "--stdio"]],
    ["authentication", ["app-server", "--ws-auth", "capability-token"]]
  ])("leaves %s to the whole parser", (_, args) => {
    assert.isNull(StdioArguments.parse(args))
  })
})
