/**
 * Pieces of one text, joined: what a client that reads slowly gets instead of each of them.
 */
import type { Notification } from "./Notification.ts"

/** Two pieces of the same text, the second right behind the first, as one; null for anything else. */
export const joined = (first: Notification, second: Notification): Notification | null => {
  if (first.method === "item/agentMessage/delta" && second.method === first.method) {
    const { delta, itemId, threadId, turnId } = second.params
    const same = first.params.itemId === itemId && first.params.turnId === turnId && first.params.threadId === threadId
    return same ? { method: first.method, params: { ...first.params, delta: first.params.delta + delta } } : null
  }
  if (first.method === "item/reasoning/summaryTextDelta" && second.method === first.method) {
    const { delta, itemId, summaryIndex, threadId, turnId } = second.params
    const same =
      first.params.itemId === itemId &&
      first.params.summaryIndex === summaryIndex &&
      first.params.turnId === turnId &&
      first.params.threadId === threadId
    return same ? { method: first.method, params: { ...first.params, delta: first.params.delta + delta } } : null
  }
  return null
}
