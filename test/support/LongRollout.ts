/**
 * A rollout that is long enough to be known by its ends, and what it is made of.
 */
import { Schema } from "effect"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { abort, aitem, am, C, event, item, rb, S, type Step, U, uitem, um } from "./Script.ts"

export const KB = 1024
/** Bytes that no projection reads. */
export const pad = (bytes: number): Step => item("function_call_output", { call_id: "c1", output: "x".repeat(bytes) })
export const context =
  (model: string): Step =>
  (builder) =>
    builder.line("turn_context", {
      cwd: "/home/dev/project",
      approval_policy: "never",
      sandbox_policy: { type: "read-only" },
      model,
      summary: "auto"
    })
export const settings = (cwd: string): Step =>
  event("thread_settings_applied", {
    thread_settings: { model: "gpt-applied", cwd, approval_policy: "never", reasoning_effort: "high" }
  })
export const guess: Step = (builder) =>
  builder.usage({ total: { total: 900, input: 0, cached: 0, output: 0, reasoning: 0 } })
export const carried: Step = event("token_count", {
  carried_over: uuidAt(5, 5),
  info: {
    total_token_usage: {
      input_tokens: 1,
      cached_input_tokens: 0,
      output_tokens: 1,
      reasoning_output_tokens: 0,
      total_tokens: 2
    },
    last_token_usage: {
      input_tokens: 1,
      cached_input_tokens: 0,
      output_tokens: 1,
      reasoning_output_tokens: 0,
      total_tokens: 2
    }
  }
})
export const turn = (n: string | number, usage: number | null = Number(n) * 10 + 100): ReadonlyArray<Step> => [
  S(`T${n}`),
  context("gpt-5.4"),
  uitem(`question ${n}`),
  um(`question ${n}`),
  pad(2000),
  aitem(`answer ${n}`),
  am(`answer ${n}`),
  ...(usage === null ? [] : [U(usage)]),
  C(`T${n}`)
]
export const long: ReadonlyArray<Step> = [
  ...turn(1),
  ...turn(2),
  pad(900 * KB),
  ...turn(3),
  pad(900 * KB),
  ...turn(4),
  ...turn(5)
]

const Chapter = Schema.Union([
  Schema.Struct({ is: Schema.Literals(["turn", "a turn", "one turn more", "another turn"]), usage: Schema.Boolean }),
  Schema.Struct({ is: Schema.Literals(["open", "interrupted", "implied", "same"]), usage: Schema.Boolean }),
  Schema.Struct({
    is: Schema.Literal("pad"),
    kilobytes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 400 }))
  }),
  Schema.Struct({ is: Schema.Literals(["settings", "name", "guess", "carried", "rollback", "item", "torn"]) })
])
/** What may happen in a thread, a few chapters of it. */
export const Story = Schema.Array(Chapter).check(Schema.isMaxLength(6))

/** The steps of a chapter; `n` is its own. */
export const write = (chapter: typeof Chapter.Type, n: number): ReadonlyArray<Step> => {
  switch (chapter.is) {
    case "pad":
      return [pad(chapter.kilobytes * KB)]
    case "settings":
      return [settings("/home/dev/project")]
    case "name":
      return [event("thread_name_updated", { thread_id: null, thread_name: `name ${n}` })]
    case "guess":
      return [guess]
    case "carried":
      return [carried]
    case "rollback":
      return [rb(1)]
    case "item":
      return [uitem("by the way"), aitem("so it is")]
    case "torn":
      return [(builder) => builder.raw('{"timestamp":"2026-03-01T10:00:00.000Z","type":"event_m\n')]
    case "implied":
      return [um(`question ${n}`), am(`answer ${n}`), ...(chapter.usage ? [U(1000 + n)] : [])]
    case "open":
      return turn(n, chapter.usage ? 1000 + n : null).slice(0, -1)
    case "interrupted":
      return [...turn(n, chapter.usage ? 1000 + n : null).slice(0, -1), abort(`T${n}`)]
    case "same":
      return turn("same", chapter.usage ? 1000 + n : null)
    default:
      return turn(n, chapter.usage ? 1000 + n : null)
  }
}
