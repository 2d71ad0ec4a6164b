/**
 * Rollouts of realistic shape and any size, line by line: turns of a user message, reasoning blobs of 1 to 4 KB, tool
 * calls with outputs of 1 to 20 KB, an answer, and a `token_count` after each response of the model.
 */
import { type Chance } from "./chance.ts"

/**
 * - `events`: what Codex 0.122 writes, and later versions for old threads
 * - `paginated`: what Codex 0.169 writes for new threads: ordinals, whole items, usage records
 * - `rewritten`: `events` with compactions (0.7 MB each) and rollbacks
 * - `images`: `events` with a picture of 0.2 to 1.5 MB in every second user message
 * - `giant-line`: `events` with one tool output of `lineBytes` in the middle
 */
export const kinds = ["events", "paginated", "rewritten", "images", "giant-line"] as const
export type Kind = (typeof kinds)[number]

export interface RolloutOptions {
  readonly kind: Kind
  readonly threadId: string
  /** Unix milliseconds of the first line. */
  readonly startedAt: number
  /** The rollout ends with the first whole turn at or after this many bytes. */
  readonly bytes: number
  /** Only of `giant-line`. */
  readonly lineBytes: number
  /** Few and short steps, for homes with many sessions. */
  readonly small: boolean
}

/** The five counters of a usage record. */
export interface Usage {
  readonly input_tokens: number
  readonly cached_input_tokens: number
  readonly output_tokens: number
  readonly reasoning_output_tokens: number
  readonly total_tokens: number
}

/** What a reader must find at the end of the file. */
export interface RolloutSummary {
  readonly turns: number
  readonly lines: number
  readonly bytes: number
  readonly lastTurnId: string
  readonly totalUsage: Usage
  readonly lastUsage: Usage
}

type Json = Readonly<Record<string, unknown>>

const noUsage: Usage = {
  input_tokens: 0,
  cached_input_tokens: 0,
  output_tokens: 0,
  reasoning_output_tokens: 0,
  total_tokens: 0
}
const plus = (a: Usage, b: Usage): Usage => ({
  input_tokens: a.input_tokens + b.input_tokens,
  cached_input_tokens: a.cached_input_tokens + b.cached_input_tokens,
  output_tokens: a.output_tokens + b.output_tokens,
  reasoning_output_tokens: a.reasoning_output_tokens + b.reasoning_output_tokens,
  total_tokens: a.total_tokens + b.total_tokens
})
const contextWindow = 272_000
const cwd = "/srv/project"

/** Yields the lines, each with its line break, and returns what was written. */
export function* makeRollout(chance: Chance, options: RolloutOptions): Generator<string, RolloutSummary> {
  const { bytes: target, kind, small, threadId } = options
  const paginated = kind === "paginated"
  let now = options.startedAt
  let lines = 0
  let bytes = 0
  let turns = 0
  let calls = 0
  let turnId = ""
  let total = noUsage
  let last = noUsage
  let turnTotal = noUsage
  let giantLineIsDue = kind === "giant-line"

  const line = (type: string, payload: Json): string => {
    const ordinal = paginated ? { ordinal: lines } : {}
    const text = `${JSON.stringify({ timestamp: new Date(now).toISOString(), ...ordinal, type, payload })}\n`
    now += chance.between(20, 900)
    lines += 1
    bytes += Buffer.byteLength(text)
    return text
  }
  const seconds = () => Math.floor(now / 1000)
  const event = (type: string, payload: Json) => line("event_msg", { type, ...payload })
  const response = (payload: Json) => line("response_item", payload)
  const itemCompleted = (item: Json) =>
    event("item_completed", {
      thread_id: threadId,
      turn_id: turnId,
      item,
      started_at_ms: now - 5,
      completed_at_ms: now
    })
  const message = (role: "user" | "assistant", content: ReadonlyArray<Json>, more: Json = {}) =>
    response({ type: "message", ...(paginated ? { id: `msg_${chance.hex(24)}` } : {}), role, content, ...more })

  function* usage(input: number) {
    const output = chance.between(50, 900)
    last = {
      input_tokens: input,
      cached_input_tokens: Math.floor(input * 0.85),
      output_tokens: output,
      reasoning_output_tokens: output >> 2,
      total_tokens: input + output
    }
    total = plus(total, last)
    turnTotal = plus(turnTotal, last)
    if (paginated) {
      yield line("token_usage_record", {
        thread_id: threadId,
        turn_id: turnId,
        session_id: threadId,
        root_turn_id: turnId,
        response_id: `resp_${chance.hex(16)}`,
        usage: last,
        turn_token_usage: turnTotal,
        thread_token_usage: total
      })
    }
    const window = (minutes: number) => ({
      used_percent: chance.between(0, 99),
      window_minutes: minutes,
      resets_at: seconds() + minutes * 60
    })
    yield event("token_count", {
      info: { total_token_usage: total, last_token_usage: last, model_context_window: contextWindow },
      rate_limits: {
        limit_id: "codex",
        limit_name: null,
        primary: window(300),
        secondary: window(10_080),
        credits: null,
        plan_type: "pro"
      }
    })
  }

  function* userMessage() {
    const text = chance.code(chance.mostlySmall(60, small ? 800 : 3000))
    const picture = kind === "images" && turns % 2 === 0
    const images = picture ? [`data:image/png;base64,${chance.base64(chance.between(200_000, 1_500_000))}`] : []
    yield message("user", [
      { type: "input_text", text },
      ...images.map((image_url) => ({ type: "input_image", image_url }))
    ])
    yield paginated
      ? itemCompleted({
          type: "UserMessage",
          id: chance.uuid(now),
          content: [{ type: "text", text, text_elements: [] }]
        })
      : event("user_message", { message: text, images, local_images: [], text_elements: [] })
  }

  function* reasoning() {
    const text = chance.code(chance.between(60, 300))
    const id = `rs_${chance.hex(24)}`
    yield paginated
      ? itemCompleted({ type: "Reasoning", id, summary_text: [text], raw_content: [] })
      : event("agent_reasoning", { text })
    yield response({
      type: "reasoning",
      ...(paginated ? { id } : {}),
      summary: [{ type: "summary_text", text }],
      content: null,
      encrypted_content: `gAAAAAB${chance.base64(chance.between(1000, 4000))}`
    })
  }

  function* toolCall(context: number) {
    calls += 1
    const callId = `call_${chance.hex(24)}`
    const command = `rg -n "${chance.hex(5)}" src | head -${chance.between(10, 400)}`
    yield response({
      type: "function_call",
      name: "exec_command",
      arguments: JSON.stringify({ cmd: command, workdir: cwd, yield_time_ms: 1000, max_output_tokens: 6000 }),
      call_id: callId
    })
    yield* usage(context)
    const giant = giantLineIsDue && bytes >= (target - options.lineBytes) / 2
    if (giant) giantLineIsDue = false
    const output = chance.code(giant ? options.lineBytes : chance.mostlySmall(1000, small ? 6000 : 20_000))
    if (paginated) {
      yield itemCompleted({
        type: "CommandExecution",
        id: callId,
        process_id: String(10_000 + calls),
        command: ["/bin/bash", "-lc", command],
        cwd: `file://${cwd}`,
        parsed_cmd: [{ type: "unknown", cmd: command }],
        source: "unified_exec_startup",
        status: "completed",
        aggregated_output: output,
        exit_code: 0,
        duration: { secs: 0, nanos: chance.between(1_000_000, 900_000_000) }
      })
    }
    const head = `Chunk ID: ${chance.hex(6)}\nWall time: 0.${chance.between(1000, 9999)} seconds\nProcess exited with code 0`
    yield response({ type: "function_call_output", call_id: callId, output: `${head}\nOutput:\n${output}` })
  }

  function* agentMessage(text: string, phase: "commentary" | "final_answer") {
    yield paginated
      ? itemCompleted({ type: "AgentMessage", id: `msg_${chance.hex(24)}`, content: [{ type: "Text", text }], phase })
      : event("agent_message", { message: text, phase })
    yield message("assistant", [{ type: "output_text", text }], { phase })
  }

  function* compaction() {
    const output = () => ({
      type: "function_call_output",
      call_id: `call_${chance.hex(24)}`,
      output: chance.code(17_000)
    })
    yield line("compacted", {
      message: chance.code(3000),
      replacement_history: Array.from({ length: 40 }, output)
    })
    yield event("context_compacted", {})
  }

  function* turn() {
    turns += 1
    turnId = chance.uuid(now)
    turnTotal = noUsage
    const startedAt = now
    yield event("task_started", {
      turn_id: turnId,
      started_at: seconds(),
      model_context_window: contextWindow,
      collaboration_mode_kind: "default"
    })
    yield line("turn_context", {
      turn_id: turnId,
      cwd,
      current_date: "2026-01-05",
      timezone: "Etc/UTC",
      approval_policy: "never",
      sandbox_policy: { type: "read-only" },
      model: "gpt-5.3-codex",
      personality: "pragmatic",
      effort: "medium",
      summary: "auto",
      truncation_policy: { mode: "tokens", limit: 10_000 }
    })
    yield* userMessage()
    let context = chance.between(8000, 180_000)
    const steps = small ? chance.between(1, 3) : chance.between(3, 12)
    for (let step = 1; step <= steps; step += 1) {
      yield* reasoning()
      context += chance.between(500, 4000)
      yield* toolCall(context)
      if (step % 4 === 0) yield* agentMessage(chance.code(chance.between(60, 400)), "commentary")
    }
    const answer = chance.code(chance.mostlySmall(200, small ? 1500 : 4000))
    yield* agentMessage(answer, "final_answer")
    yield* usage(context + chance.between(500, 4000))
    yield event("task_complete", {
      turn_id: turnId,
      last_agent_message: answer,
      completed_at: seconds(),
      duration_ms: now - startedAt
    })
    now += chance.between(2000, 60_000)
  }

  yield line("session_meta", {
    id: threadId,
    ...(paginated ? { session_id: threadId, history_mode: "paginated" } : {}),
    timestamp: new Date(now).toISOString(),
    cwd,
    originator: "codex_cli_rs",
    cli_version: paginated ? "0.169.0" : "0.122.0",
    source: small ? chance.pick(["cli", "vscode"]) : "cli",
    model_provider: "mock_provider",
    base_instructions: { text: chance.code(small ? 2500 : 7000) },
    git: { commit_hash: chance.hex(40), branch: "main", repository_url: "https://git.example/acme/project.git" }
  })
  do {
    // Before a turn, never after the last one: what was recorded last always survives.
    if (kind === "rewritten" && turns > 0 && turns % 12 === 0) yield* compaction()
    if (kind === "rewritten" && turns > 3 && turns % 9 === 0) {
      yield event("thread_rolled_back", { num_turns: chance.between(1, 3) })
    }
    yield* turn()
  } while (bytes < target || giantLineIsDue)
  return { turns, lines, bytes, lastTurnId: turnId, totalUsage: total, lastUsage: last }
}
