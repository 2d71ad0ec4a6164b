/**
 * The rollouts that the cases are about. All have the provider of the home's configuration and the root directory, so
 * that every server serves them.
 */
import { paginated, rollout, type RolloutOptions } from "../../../src/testing/RolloutBuilder.ts"

const created = Date.UTC(2025, 0, 5, 12)

/** Options under which the genuine servers serve a rollout; `n` tells threads apart. */
export const options = (n: number, more: RolloutOptions = {}): RolloutOptions => ({
  threadId: `9c53aaaa-0000-4000-8000-${String(n).padStart(12, "0")}`,
  createdAt: created + n * 60_000,
  cwd: "/",
  model: "mock-model",
  modelProvider: "mock_provider",
  originator: "codex",
  source: "cli",
  cliVersion: "0.0.0",
  ...more
})

/** Usage whose total is `total`; the last response used 5 more than a tenth of it. */
export const spent = (total: number) => ({
  total: { total, input: total - 30 },
  last: { total: total / 10 + 5, input: total / 10 - 15 }
})

/** One implied turn with a question, no answer, and usage: total 150, last 90, window 200000. */
export const basic = rollout(options(1))
  .turn({ id: null, user: "Saved user message", agent: null, usage: true })
  .build()

/** The same with the answer. */
export const answered = rollout(options(2)).turn({ id: null, user: "question", usage: true }).build()

/** Three turns that Codex opened and closed; usage 120, 360 and 620. */
export const threeTurns = ["T1", "T2", "T3"]
  .reduce((builder, id, index) => builder.turn({ id, usage: spent([120, 360, 620][index] ?? 0) }), rollout(options(3)))
  .build()

/** Two turns, the second still open; usage in the first. */
export const openTurn = rollout(options(4))
  .turn({ id: "T1", usage: spent(120) })
  .turn({ id: "T2", agent: null, ends: "open" })
  .build()

/** A thread in the archive. */
export const archived = rollout(options(5, { archived: true }))
  .turn({ id: "T1", usage: true })
  .build()

/** Three turns in the way of 0.169: items with ids, lines with ordinals. */
export const paged = ["01984de2-8f74-7c91-a3b2-000000000001", "01984de2-8f74-7c91-a3b2-000000000002"]
  .reduce(
    (builder, id, index) => builder.turn({ id, usage: spent([120, 360][index] ?? 0) }),
    paginated(options(6, { cliVersion: "0.169.0" }))
  )
  .build()

/** Nothing but the first line. */
export const metaOnly = rollout(options(7)).build()
