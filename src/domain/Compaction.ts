/**
 * What a compaction asks of the agent, and what it leaves the model with: everything that the user said,
 * and a summary of the rest. Source: docs/codex.md, "Model context".
 */
import type { JsonRecord } from "./Json.ts"
import { isFromUser, messageText } from "./Said.ts"

/** What the agent is asked. */
export const PROMPT =
  "Summarize this conversation for another agent that will go on with the work and sees nothing but your summary and " +
  "what the user said. Tell what was asked for, what has been done and found out, which decisions were taken and why, " +
  "what is left to do, and every name, path and figure that it will need. Answer with the summary alone."

const SUMMARY_HEAD =
  "An agent that worked on this before you left this summary. Build on its work, and do not repeat it:"

/** How summaries begin: ours, and Codex's. */
const summaryHeads = [SUMMARY_HEAD, "Another language model started to solve this problem and produced a summary"]

/** The summary as the model is given it. */
export const summaryMessage = (summary: string): string => `${SUMMARY_HEAD}\n${summary.trim()}`

/** Is it the summary of an earlier compaction? The next one covers it. */
const isSummary = (item: JsonRecord): boolean => {
  const text = messageText(item)
  return summaryHeads.some((head) => text.startsWith(head))
}

/** The conversation that takes the place of `history`. */
export const replacement = (history: ReadonlyArray<JsonRecord>, message: string): ReadonlyArray<JsonRecord> => [
  ...history.filter((item) => isFromUser(item) && !isSummary(item)),
  { type: "message", role: "user", content: [{ type: "input_text", text: message }] }
]
