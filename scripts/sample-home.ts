/**
 * Writes `fixtures/sample-home`, the Codex home of the demo: `node scripts/sample-home.ts`. The same files every time
 * (file names carry local time: the script runs in UTC).
 */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { paginated, rollout, type RolloutBuilder, type UsageOptions } from "../src/testing/RolloutBuilder.ts"

process.env.TZ = "UTC"
const home = fileURLToPath(new URL("../fixtures/sample-home", import.meta.url))
const at = (day: number, hour: number, minute = 0) => Date.UTC(2026, 2, day, hour, minute)

const counts = (input: number, cached: number, output: number, reasoning: number) => ({
  input,
  cached,
  output,
  reasoning,
  total: input + output
})
const usage = (total: ReturnType<typeof counts>, last: ReturnType<typeof counts>): UsageOptions => ({
  total,
  last,
  window: 258_400
})

/** A shell command, as 0.122 keeps it: for the model only. */
const shell = (callId: string, command: string, output: string) => (thread: RolloutBuilder) =>
  thread
    .item({ type: "function_call", name: "shell_command", arguments: JSON.stringify({ command }), call_id: callId })
    .item({ type: "function_call_output", call_id: callId, output })

/** A shell command, as 0.169 keeps it: for the model and as an item. */
const exec =
  (callId: string, command: string, output: string, exitCode = 0) =>
  (thread: RolloutBuilder, turnId: string | null) =>
    thread
      .item({
        type: "function_call",
        name: "exec_command",
        arguments: JSON.stringify({ cmd: command }),
        call_id: callId
      })
      .event({
        type: "item_completed",
        thread_id: thread.threadId,
        turn_id: turnId,
        item: {
          type: "CommandExecution",
          id: callId,
          process_id: "4711",
          command: ["/bin/bash", "-lc", command],
          cwd: "file:///home/dev/project",
          parsed_cmd: [{ type: "unknown", cmd: command }],
          source: "unified_exec_startup",
          status: exitCode === 0 ? "completed" : "failed",
          aggregated_output: output,
          exit_code: exitCode,
          duration: { secs: 0, nanos: 412_000_000 }
        }
      })
      .item({
        type: "function_call_output",
        call_id: callId,
        output: `Process exited with code ${exitCode}\nOutput:\n${output}`
      })

const firstTurn = rollout({
  threadId: "019ca8d7-2d00-7a31-9c52-6b1f0c9d4e01",
  createdAt: at(1, 10),
  source: "cli",
  originator: "codex_cli_rs",
  git: { commit_hash: "4f9d1c27b8a06e35d2c1f0a9b8e7d6c5f4e3d2c1", branch: "main" }
}).turn({
  user: "The date test fails on Sundays. Find out why.",
  reasoning: "**Reading the test**\n\nThe failure depends on the weekday.",
  work: shell("call_a1", "npx vitest run test/week.test.ts", "FAIL  test/week.test.ts > week starts on Monday\n"),
  agent: "`startOfWeek` subtracts `getDay()` days, which is 0 on a Sunday, so Sundays land in the next week.",
  usage: usage(counts(11_840, 9_216, 412, 160), counts(11_840, 9_216, 412, 160))
})

const flakyTest = firstTurn.turn({
  user: "Fix it, please.",
  work: shell("call_a2", "npx vitest run", "Test Files  14 passed (14)\n"),
  agent: "Fixed: `(getDay() + 6) % 7` days are subtracted now. All tests pass.",
  usage: usage(counts(25_310, 20_992, 871, 288), counts(13_470, 11_776, 459, 128))
})

/** Before Codex wrote turns down: they are implied by what the user said. */
const implied = rollout({
  threadId: "0199a2c4-7d10-7b02-8e44-1d2c3b4a5f02",
  createdAt: Date.UTC(2025, 9, 2, 8, 15),
  source: "cli",
  originator: "codex_cli_rs",
  cliVersion: "0.36.0",
  model: "gpt-5-codex"
})
  .turn({
    id: null,
    user: "Explain what src/queue.ts does.",
    agent: "It is a bounded queue: producers wait when it is full."
  })
  .turn({
    id: null,
    user: "Is it safe to call close twice?",
    agent: "Yes. The second call finds the queue closed and returns at once.",
    usage: usage(counts(6_204, 4_096, 233, 64), counts(3_310, 2_048, 118, 32))
  })

const paginatedThread = paginated({
  threadId: "019cb3a1-5e80-7f93-a1b7-2c4d6e8f0a03",
  createdAt: at(3, 14, 30),
  source: "vscode",
  originator: "codex_vscode"
})
  .turn({
    user: "Add a --json flag to the list command.",
    work: exec("call_b1", "rg -n 'list' src/cli", "src/cli/list.ts:12:export const list = …\n"),
    agent: "Added `--json` to `list`; it prints one JSON object per line.",
    usage: usage(counts(18_022, 14_336, 1_204, 512), counts(18_022, 14_336, 1_204, 512))
  })
  .turn({
    user: "Now document it in the README.",
    work: exec("call_b2", "npm run docs", "error: missing example for --json\n", 1),
    agent: "The README has a section on `--json` now, but `npm run docs` wants an example too. Shall I add one?",
    usage: usage(counts(38_917, 31_744, 2_066, 801), counts(20_895, 17_408, 862, 289))
  })

const threads: ReadonlyArray<RolloutBuilder> = [
  flakyTest,
  implied,
  paginatedThread,
  firstTurn.fork({ threadId: "019cad92-8e00-7c44-b3d6-4e5f60718a04", createdAt: at(2, 9) }).turn({
    user: "Rather than fix it, can we use the library's own function?",
    agent: "Yes: `startOfISOWeek` does the same and is tested. It replaces the helper in one line.",
    usage: usage(counts(24_988, 20_480, 766, 240), counts(13_148, 11_264, 354, 80))
  }),
  paginatedThread.fork({ threadId: "019cb4f0-2a00-7d55-94e7-5f6071829b05", createdAt: at(3, 20, 40) }).turn({
    user: "Yes, and add the example to the help text as well.",
    agent: "Done. The example stands in the README and in `list --help`.",
    ends: "interrupted",
    usage: usage(counts(60_511, 50_176, 2_690, 1_001), counts(21_594, 18_432, 624, 200))
  }),
  rollout({
    threadId: "019c9f5e-6000-7e66-85f8-60718293ac06",
    createdAt: at(1, 6),
    archived: true,
    source: "exec",
    originator: "codex_exec"
  }).turn({
    user: "List the dependencies that nothing imports.",
    agent: "None: every dependency is imported somewhere.",
    usage: usage(counts(9_475, 6_144, 98, 32), counts(9_475, 6_144, 98, 32))
  })
]

const names = [
  { id: flakyTest.threadId, thread_name: "Sundays", updated_at: "2026-03-01T10:05:00.000000000Z" },
  { id: paginatedThread.threadId, thread_name: "JSON flag", updated_at: "2026-03-03T14:40:00.000000000Z" },
  {
    id: flakyTest.threadId,
    thread_name: "The date test that fails on Sundays",
    updated_at: "2026-03-01T10:30:00.000000000Z"
  }
]

const put = (path: string, content: string): string => {
  const file = join(home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}

rmSync(home, { recursive: true, force: true })
for (const thread of threads) {
  const { content, modifiedAt, path } = thread.build()
  utimesSync(put(path, content), modifiedAt / 1000, modifiedAt / 1000)
}
put("session_index.jsonl", names.map((name) => `${JSON.stringify(name)}\n`).join(""))
put("config.toml", `model = "gpt-5.4"\napproval_policy = "on-request"\nsandbox_mode = "workspace-write"\n`)
