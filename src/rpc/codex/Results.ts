/**
 * What requests are answered with: the field set and key order of 0.169, which a 0.122 client reads too.
 *
 * These schemas describe the wire itself: their values are JSON already and are printed once, never
 * encoded item by item, for a thread's history can have tens of megabytes. `tokenUsage` is ours:
 * restored usage in the answer itself, so that no client has to wait for the notification.
 */
import { Schema } from "effect"
import type { TokenUsage, ThreadTokenUsage, TokenUsageInfo, RestoredUsage } from "../../domain/TokenUsage.ts"
import { integerToJson } from "../../domain/Json.ts"
import { ThreadId, TurnId } from "../../domain/Ids.ts"
import { Thread } from "../../domain/Thread.ts"
import { ThreadItem } from "../../domain/ThreadItem.ts"
import { ApprovalPolicy, SandboxPolicy } from "../../domain/ThreadSettings.ts"
import { newestItemCursor, newestTurnCursor, type Page } from "../../domain/TurnPage.ts"
import { Turn, withKnownItems } from "../../domain/Turn.ts"
import type { Snapshot } from "../../services/Threads.ts"

const Nullable = Schema.NullOr
const Text = Schema.String
const Cursor = Nullable(Text)

export const InitializeResult = Schema.Struct({
  userAgent: Text,
  codexHome: Text,
  platformFamily: Text,
  platformOs: Text
})

/** A count as printed: a number, or the raw text of one beyond 2^53. */
const Count = Schema.Unknown
const UsageOnWire = Schema.Struct({
  totalTokens: Count,
  inputTokens: Count,
  cachedInputTokens: Count,
  cacheWriteInputTokens: Count,
  outputTokens: Count,
  reasoningOutputTokens: Count
})
const ThreadUsageOnWire = Schema.Struct({ total: UsageOnWire, last: UsageOnWire, modelContextWindow: Count })

/** Restored usage in a result. `turnId` is null when no surviving turn owns it; `inherited` was spent before a fork. */
export const RestoredUsageOnWire = Schema.Struct({
  turnId: Nullable(TurnId),
  tokenUsage: ThreadUsageOnWire,
  inherited: Nullable(UsageOnWire)
})
type RestoredUsageOnWire = typeof RestoredUsageOnWire.Type

export const TurnsPage = Schema.Struct({ data: Schema.Array(Turn), nextCursor: Cursor, backwardsCursor: Cursor })

const settled = {
  thread: Thread,
  model: Text,
  modelProvider: Text,
  serviceTier: Nullable(Text),
  disabledPluginIds: Schema.Array(Text),
  cwd: Text,
  runtimeWorkspaceRoots: Schema.Array(Text),
  instructionSources: Schema.Array(Text),
  approvalPolicy: ApprovalPolicy,
  approvalsReviewer: Text,
  sandbox: SandboxPolicy,
  activePermissionProfile: Nullable(Schema.Struct({ id: Text, extends: Nullable(Text) })),
  reasoningEffort: Nullable(Text)
}

export const ThreadResumeResult = Schema.Struct({
  ...settled,
  collaborationMode: Nullable(
    Schema.Struct({
      mode: Text,
      settings: Schema.Struct({
        model: Text,
        reasoning_effort: Nullable(Text),
        developer_instructions: Nullable(Text)
      })
    })
  ),
  multiAgentMode: Text,
  initialTurnsPage: Nullable(TurnsPage),
  turnsBackwardsCursor: Cursor,
  itemsBackwardsCursor: Cursor,
  tokenUsage: Nullable(RestoredUsageOnWire)
})
export type ThreadResumeResult = typeof ThreadResumeResult.Type

export const ThreadForkResult = Schema.Struct({
  ...settled,
  multiAgentMode: Text,
  tokenUsage: Nullable(RestoredUsageOnWire)
})
export type ThreadForkResult = typeof ThreadForkResult.Type

export const TurnResult = Schema.Struct({ turn: Turn })
export const TurnIdResult = Schema.Struct({ turnId: TurnId })
export const ThreadResult = Schema.Struct({ thread: Thread })
export const ThreadRevertResult = Schema.Struct({
  thread: Thread,
  turnsBackwardsCursor: Cursor,
  itemsBackwardsCursor: Cursor
})
/** Done; there is nothing to say. */
export const Done = Schema.Struct({})

export const ThreadReadResult = Schema.Struct({
  thread: Thread,
  /** Rethread keeps no read marks. */
  readState: Schema.Null,
  tokenUsage: Nullable(RestoredUsageOnWire)
})
export type ThreadReadResult = typeof ThreadReadResult.Type

export const ThreadListResult = Schema.Struct({
  data: Schema.Array(Thread),
  readStates: Schema.Null,
  nextCursor: Cursor,
  backwardsCursor: Cursor
})
export type ThreadListResult = typeof ThreadListResult.Type

export const ThreadSearchResult = Schema.Struct({
  data: Schema.Array(Schema.Struct({ thread: Thread, snippet: Text })),
  nextCursor: Cursor,
  backwardsCursor: Cursor
})

export const ThreadLoadedListResult = Schema.Struct({ data: Schema.Array(ThreadId), nextCursor: Cursor })

const ItemEntryOnWire = Schema.Struct({
  turnId: TurnId,
  item: ThreadItem,
  startedAtMs: Nullable(Schema.Finite),
  completedAtMs: Nullable(Schema.Finite)
})
export const ThreadItemsListResult = Schema.Struct({
  data: Schema.Array(ItemEntryOnWire),
  nextCursor: Cursor,
  backwardsCursor: Cursor
})

export const ThreadUnsubscribeResult = Schema.Struct({
  status: Schema.Literals(["notLoaded", "notSubscribed", "unsubscribed"])
})

const usage = (counts: TokenUsage): typeof UsageOnWire.Type => ({
  totalTokens: integerToJson(counts.totalTokens),
  inputTokens: integerToJson(counts.inputTokens),
  cachedInputTokens: integerToJson(counts.cachedInputTokens),
  cacheWriteInputTokens: integerToJson(counts.cacheWriteInputTokens),
  outputTokens: integerToJson(counts.outputTokens),
  reasoningOutputTokens: integerToJson(counts.reasoningOutputTokens)
})

/** Usage as the protocol prints it (`ThreadTokenUsage`): its key order, every digit, nothing else. */
export const threadUsage = (info: ThreadTokenUsage | TokenUsageInfo): typeof ThreadUsageOnWire.Type => ({
  total: usage(info.total),
  last: usage(info.last),
  modelContextWindow: info.modelContextWindow === null ? null : integerToJson(info.modelContextWindow)
})

const restoredUsage = (restored: RestoredUsage | null): RestoredUsageOnWire | null =>
  restored === null
    ? null
    : {
        turnId: restored.owner,
        tokenUsage: threadUsage(restored.info),
        inherited: restored.inherited === null ? null : usage(restored.inherited)
      }

/** The turns that go over the wire: clients refuse a response with an item of a kind they do not know. */
export const turnsOf = (snapshot: Snapshot): ReadonlyArray<Turn> => withKnownItems(snapshot.thread.turns)

const thread = (snapshot: Snapshot, withTurns: boolean): Thread => ({
  ...snapshot.thread,
  turns: withTurns ? turnsOf(snapshot) : []
})

const settings = (snapshot: Snapshot, withTurns: boolean) => ({
  thread: thread(snapshot, withTurns),
  model: snapshot.settings.model,
  modelProvider: snapshot.settings.modelProvider,
  serviceTier: snapshot.settings.serviceTier,
  disabledPluginIds: [],
  cwd: snapshot.settings.cwd,
  runtimeWorkspaceRoots: [snapshot.settings.cwd],
  instructionSources: [],
  approvalPolicy: snapshot.settings.approvalPolicy,
  approvalsReviewer: snapshot.settings.approvalsReviewer,
  sandbox: snapshot.settings.sandbox,
  activePermissionProfile: null,
  reasoningEffort: snapshot.settings.reasoningEffort
})

// Codex hands these cursors out for paginated histories only; clients take null as "read the turns whole".
const paginated = (snapshot: Snapshot): boolean => snapshot.thread.historyMode === "paginated"

/** The answer to `thread/resume`. */
export const threadResume = (
  snapshot: Snapshot,
  options: { readonly withTurns: boolean; readonly initialTurnsPage: Page<Turn> | null }
): ThreadResumeResult => ({
  ...settings(snapshot, options.withTurns),
  collaborationMode: {
    mode: "default",
    settings: {
      model: snapshot.settings.model,
      reasoning_effort: snapshot.settings.reasoningEffort,
      developer_instructions: null
    }
  },
  multiAgentMode: "explicitRequestOnly",
  initialTurnsPage: options.initialTurnsPage,
  turnsBackwardsCursor: paginated(snapshot) ? newestTurnCursor(turnsOf(snapshot)) : null,
  itemsBackwardsCursor: paginated(snapshot) ? newestItemCursor(turnsOf(snapshot)) : null,
  tokenUsage: restoredUsage(snapshot.usage)
})

/** The answer to `thread/fork`. */
export const threadFork = (snapshot: Snapshot, options: { readonly withTurns: boolean }): ThreadForkResult => ({
  ...settings(snapshot, options.withTurns),
  multiAgentMode: "explicitRequestOnly",
  tokenUsage: restoredUsage(snapshot.usage)
})

/** A thread alone, as rollback and unarchive answer with it. */
export const threadAlone = (snapshot: Snapshot, options: { readonly withTurns: boolean }) => ({
  thread: thread(snapshot, options.withTurns)
})

/** The answer to `thread/revert`. */
export const threadRevert = (snapshot: Snapshot): typeof ThreadRevertResult.Type => ({
  thread: thread(snapshot, false),
  turnsBackwardsCursor: newestTurnCursor(turnsOf(snapshot)),
  itemsBackwardsCursor: newestItemCursor(turnsOf(snapshot))
})

/** The answer to `thread/read`. */
export const threadRead = (snapshot: Snapshot, options: { readonly withTurns: boolean }): ThreadReadResult => ({
  thread: thread(snapshot, options.withTurns),
  readState: null,
  tokenUsage: restoredUsage(snapshot.usage)
})
