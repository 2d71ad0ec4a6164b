/**
 * A listed thread as the catalog's rows hold it: as a short list of what differs between threads. What is the same for all
 * threads at rest is not written ten thousand times, nor parsed again for every page; what other columns tell is not
 * written twice.
 */
import { Result } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import type { Thread } from "../../domain/Thread.ts"

/** The members of a thread that are written, in their order. */
const members = (thread: Thread) =>
  [
    thread.sessionId,
    thread.forkedFromId,
    thread.parentThreadId,
    thread.historyMode,
    thread.modelProvider,
    thread.model,
    thread.reasoningEffort,
    thread.cwd,
    thread.cliVersion,
    thread.originator,
    thread.source,
    thread.threadSource,
    thread.agentNickname,
    thread.agentRole,
    thread.gitInfo,
    thread.name
  ] as const

type Members = ReturnType<typeof members>

/** The text of a thread. */
export const threadText = (thread: Thread): string => JSON.stringify(members(thread))

/** Another number for nearly every other text. */
export const sumOf = (text: string): number => {
  let sum = text.length
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193)
  return sum
}

/** What was parsed of a text whose sum is as it was written. */
const isWritten = (value: unknown, text: string, sum: unknown): value is Members =>
  Array.isArray(value) && sumOf(text) === sum

/** What the other columns of a row tell. Times are Unix milliseconds. */
export interface ThreadPlace {
  readonly id: ThreadId
  readonly path: string
  readonly preview: string
  readonly createdAt: number
  readonly updatedAt: number
}

const none: ReadonlyArray<never> = []
const atRest: Thread["status"] = { type: "notLoaded" }

/** The thread that was written; null when the text is not what was written. */
export const threadOf = (text: string, sum: unknown, place: ThreadPlace): Thread | null => {
  const found: unknown = Result.getOrNull(Result.try((): unknown => JSON.parse(text)))
  if (!isWritten(found, text, sum)) return null
  const [
    sessionId,
    forkedFromId,
    parentThreadId,
    historyMode,
    modelProvider,
    model,
    reasoningEffort,
    cwd,
    cliVersion,
    originator,
    source,
    threadSource,
    agentNickname,
    agentRole,
    gitInfo,
    name
  ] = found
  const updatedAt = Math.floor(place.updatedAt / 1000)
  return {
    id: place.id,
    environments: null,
    extra: null,
    sessionId,
    forkedFromId,
    attachedToThreadId: null,
    parentThreadId,
    preview: place.preview,
    ephemeral: false,
    section: null,
    sectionEnteredAt: null,
    projectId: null,
    historyMode,
    modelProvider,
    model,
    reasoningEffort,
    createdAt: Math.floor(place.createdAt / 1000),
    updatedAt,
    recencyAt: updatedAt,
    status: atRest,
    path: place.path,
    cwd,
    cliVersion,
    originator,
    source,
    canAcceptDirectInput: null,
    threadSource,
    agentNickname,
    agentRole,
    gitInfo,
    name,
    daybreakEnabled: null,
    turns: none
  }
}
