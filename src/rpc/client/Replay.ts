/**
 * Which `thread/tokenUsage/updated` is the replay of restored usage, and which tells of new usage.
 *
 * The rule: after the answer to a resume or fork, the first such notification about the thread is the replay, unless
 * something that belongs to a turn came between. Rethread says in the answer whose usage is restored: then the replay is
 * the one with that owner, and where nothing is restored none is expected. Genuine Codex does not say; there the rule
 * rests on its order (docs/client.md, "Replayed and live usage"): the replay directly follows the answer, and live usage
 * of a turn always follows another event of that turn. That the turn of a replay is in progress decides nothing: 0.122
 * replays usage under the running turn's id when a client rejoins.
 */
import { isRecord, type JsonRecord, own } from "../../domain/Json.ts"

export const usageMethod = "thread/tokenUsage/updated"

/** A replay that is due. `owner`: the turn that it will name; null when the server did not say. */
export interface Due {
  readonly owner: string | null
}

/** What an answer to resume or fork lets expect; null when no replay follows it. */
export const dueAfter = (result: JsonRecord): Due | null => {
  if (!Object.hasOwn(result, "tokenUsage")) return { owner: null }
  const usage = own(result, "tokenUsage")
  const owner = isRecord(usage) ? own(usage, "turnId") : null
  return typeof owner === "string" ? { owner } : null
}

/** Is this notification the replay that is due? */
export const isReplay = (due: Due, params: JsonRecord): boolean =>
  due.owner === null || own(params, "turnId") === due.owner

const ends: ReadonlySet<string> = new Set(["error", "thread/reverted", "thread/closed", "thread/deleted"])

/** Does this event of the thread show that the replay is not going to come? */
export const closes = (method: string): boolean =>
  method.startsWith("turn/") || method.startsWith("item/") || method === usageMethod || ends.has(method)

// What genuine servers send after the replay, if there is one: to a fork's requester, and after each resume of 0.169.
const follows: ReadonlySet<string> = new Set(["thread/started", "thread/goal/cleared", "thread/goal/updated"])

/** Does this event of the thread show that waiting for the replay any longer is of no use? */
export const settles = (method: string): boolean => closes(method) || follows.has(method)
