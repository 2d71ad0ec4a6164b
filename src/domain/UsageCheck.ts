/**
 * The figures of `token_count` lines: which are guesses, and which cannot be.
 *
 * Nothing here changes a figure: usage is told as it was recorded (`UsageHistory`).
 */
import { type Finding, finding, type Place } from "./Finding.ts"
import type { EventOf, RolloutUsage } from "./RolloutEvent.ts"
import { isEstimate } from "./TokenUsage.ts"
import { counters } from "./UsageHistory.ts"

export interface UsageCheck {
  readonly step: (event: EventOf<"token_count">, at: Place) => void
}

/** What cannot be true of one usage. */
const impossible = (name: string, usage: RolloutUsage): ReadonlyArray<string> => {
  const negative = Object.entries(counters(usage)).filter(([, count]) => count < 0n)
  return [
    ...negative.map(([counter, count]) => `${name}: ${counter} is ${count}`),
    ...(usage.cached_input_tokens > usage.input_tokens && negative.length === 0
      ? [`${name}: ${usage.cached_input_tokens} of ${usage.input_tokens} input tokens were cached`]
      : []),
    ...(usage.reasoning_output_tokens > usage.output_tokens && negative.length === 0
      ? [`${name}: ${usage.reasoning_output_tokens} of ${usage.output_tokens} output tokens were reasoning`]
      : [])
  ]
}

/** A check of figures in the order of the file. */
export const makeUsageCheck = (note: (found: Finding) => void): UsageCheck => {
  let before: bigint | null = null

  return {
    step: (event, at) => {
      const { info } = event
      if (info === null || info === undefined) return
      const total = info.total_token_usage
      const last = info.last_token_usage
      const window = info.model_context_window ?? null
      const guesses = { total: isEstimate(counters(total)), last: isEstimate(counters(last)) }
      const guessed = Object.entries(guesses).flatMap(([name, guess]) => (guess ? [name] : []))
      if (guessed.length > 0) note(finding("usageEstimate", at, `${guessed.join(" and ")}: a guess of Codex`))
      const wrong = [
        ...(guesses.total ? [] : impossible("total", total)),
        ...(guesses.last ? [] : impossible("last", last)),
        ...(!guesses.last && window !== null && window > 0n && last.total_tokens > window
          ? [`last: ${last.total_tokens} tokens in a context window of ${window}`]
          : []),
        ...(!guesses.total && before !== null && total.total_tokens < before
          ? [`total: ${total.total_tokens} after ${before}`]
          : [])
      ]
      if (wrong.length > 0) note(finding("usageImpossible", at, wrong.join("; ")))
      if (!guesses.total) before = total.total_tokens
    }
  }
}
