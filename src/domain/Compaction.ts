/**
 * What a compaction asks of the agent, and what it leaves the model with: everything that the user said,
 * and a summary of the rest. Source: docs/codex.md, "Model context".
 */
import type { JsonRecord } from "./Json.ts"
import { isFromUser } from "./Said.ts"

/** What the agent is asked. */
export const PROMPT =
  "Summarize this conversation for another agent that will go on with the work and sees nothing but your summary and " +
  "what the user said. Tell what was asked for, what has been done and found out, which decisions were taken and why, " +
  "what is left to do, and every name, path and figure that it will need. Answer with the summary alone."

/** The summary as the model is given it. */
export const summaryMessage = (summary: string): string =>
  `An agent that worked on this before you left this summary. Build on its work, and do not repeat it:\n${summary.trim()}`

/** The conversation that takes the place of `history`. */
export const replacement = (history: ReadonlyArray<JsonRecord>, message: string): ReadonlyArray<JsonRecord> => [
  ...history.filter(isFromUser),
  { type: "message", role: "user", content: [{ type: "input_text", text: message }] }
]
