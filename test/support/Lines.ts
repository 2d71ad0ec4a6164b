/** Lines of a rollout as text, as Codex writes them. */

type Fields = Readonly<Record<string, unknown>>

export const lineOf = (type: string, payload: Fields, ordinal: number | null = null): string =>
  JSON.stringify({ timestamp: "2026-03-01T10:00:00.000Z", ...(ordinal === null ? {} : { ordinal }), type, payload })

export const event = (type: string, fields: Fields, ordinal?: number): string =>
  lineOf("event_msg", { type, ...fields }, ordinal)

export const thought = (text: string, ordinal?: number): string => event("agent_reasoning", { text }, ordinal)

const usage = (input: number) => ({
  input_tokens: input,
  cached_input_tokens: 2,
  output_tokens: 3,
  reasoning_output_tokens: 4,
  total_tokens: input + 3
})

/** Figures of so many tokens of input in all, one of them by the last response. */
export const counted = (input: number): string =>
  event("token_count", {
    info: { total_token_usage: usage(input), last_token_usage: usage(1), model_context_window: 1000 }
  })
