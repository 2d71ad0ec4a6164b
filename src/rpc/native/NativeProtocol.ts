/**
 * The native face: the services of a thread server as one group of RPCs, for Effect clients.
 *
 * `Resume`, `Fork` and `Start` are streams ({@link Element}); a client leaves a thread by ending its stream. Payloads,
 * results and errors are the domain's own: nothing is spelled for a wire.
 */
import { Schema, Struct } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { EventPosition } from "../../domain/EventPosition.ts"
import { RequestId, ThreadId, TurnId } from "../../domain/Ids.ts"
import { QuestionAnswer } from "../../domain/ServerRequest.ts"
import { HistoryMode, Thread } from "../../domain/Thread.ts"
import { ThreadItem } from "../../domain/ThreadItem.ts"
import { ThreadSettings } from "../../domain/ThreadSettings.ts"
import { RestoredUsage } from "../../domain/TokenUsage.ts"
import { Turn, TurnItemsView } from "../../domain/Turn.ts"
import { InvalidCursor, SortDirection } from "../../domain/TurnPage.ts"
import { InvalidRequest, RolloutStoreError, ThreadError } from "../../services/ThreadError.ts"
import { Input, ThreadListParams } from "../codex/Params.ts"
import { Element, Snapshot } from "./NativeElement.ts"
import { FellBehind, QuestionNotOpen } from "./NativeError.ts"
import { Admission } from "./NativeSession.ts"

const optional = Schema.optionalKey
const Text = Schema.String
const Cursor = Schema.NullOr(Text)

const someSettings = ThreadSettings.mapFields(Struct.map(Schema.optionalKey))
type SomeSettings = typeof someSettings
/** The schema by its name, which is all that declarations print of it. */
export interface SettingsSchema extends SomeSettings {}
/** Settings that a request chooses; what it does not name is decided without it. */
const Settings: SettingsSchema = someSettings

const attaching = {
  settings: optional(Settings),
  /** Name of the client, recorded on a thread that this creates. */
  originator: optional(Text),
  /** False leaves the turns out of the snapshot. Its usage is there anyway. */
  turns: optional(Schema.Boolean)
}

const attached = { success: Element, error: Schema.Union([ThreadError, FellBehind]), stream: true } as const

/**
 * Comes to a thread, by its id or by the path of its rollout, or comes back to it after a position. With both a loaded
 * thread must be the one in that rollout.
 */
export const Resume = Rpc.make("Resume", {
  payload: Schema.Union([
    Schema.Struct({ threadId: ThreadId, path: optional(Text), after: optional(EventPosition), ...attaching }),
    Schema.Struct({ path: Text, ...attaching })
  ]),
  ...attached
})

/** Copies a thread, whole or up to a turn, and comes to the copy. */
export const Fork = Rpc.make("Fork", {
  payload: {
    threadId: ThreadId,
    /** Where the copy ends: with this turn, or before it. */
    until: optional(Schema.Struct({ field: Schema.Literals(["lastTurnId", "beforeTurnId"]), turnId: TurnId })),
    /** Kept in memory only. */
    ephemeral: optional(Schema.Boolean),
    threadSource: optional(Text),
    ...attaching
  },
  ...attached
})

/** Begins a thread. It is stored with its first turn. */
export const Start = Rpc.make("Start", {
  payload: {
    ephemeral: optional(Schema.Boolean),
    /** How it keeps its history; paginated unless told otherwise. */
    historyMode: optional(HistoryMode),
    threadSource: optional(Text),
    ...attaching
  },
  ...attached
})

/** Any thread, loaded or stored, archived too; coming to it is not needed. */
export const Read = Rpc.make("Read", {
  payload: { threadId: ThreadId, turns: optional(Schema.Boolean) },
  success: Schema.Struct({ thread: Thread, settings: ThreadSettings, usage: Schema.NullOr(RestoredUsage) }),
  error: ThreadError
})

const pageOf = <S extends Schema.Top>(entry: S) =>
  Schema.Struct({ data: Schema.Array(entry), nextCursor: Cursor, backwardsCursor: Cursor })

const listing = {
  cursor: optional(Text),
  limit: optional(Schema.Natural),
  sortKey: optional(Schema.Literals(["created_at", "updated_at", "recency_at"])),
  sortDirection: optional(SortDirection),
  archived: optional(Schema.Boolean),
  /** The interactive ones, `cli` and `vscode`, unless told otherwise. */
  sourceKinds: ThreadListParams.fields.sourceKinds
}

/** One page of threads, without their turns. */
export const List = Rpc.make("List", {
  payload: {
    ...listing,
    modelProviders: optional(Schema.Array(Text)),
    cwd: optional(Schema.Array(Text)),
    searchTerm: optional(Text),
    parentThreadId: optional(ThreadId),
    ancestorThreadId: optional(ThreadId),
    excludedThreadIds: optional(Schema.Array(ThreadId))
  },
  success: pageOf(Thread),
  error: Schema.Union([InvalidRequest, RolloutStoreError])
})

/** One page of the threads in which these words were said, by the user or the agent. */
export const Search = Rpc.make("Search", {
  payload: { searchTerm: Text, ...listing },
  success: pageOf(Schema.Struct({ thread: Thread, snippet: Text })),
  error: Schema.Union([InvalidRequest, RolloutStoreError])
})

/** The threads in the server's memory. */
export const Loaded = Rpc.make("Loaded", { success: Schema.Array(ThreadId) })

const paging = {
  threadId: ThreadId,
  cursor: optional(Text),
  limit: optional(Schema.Natural),
  sortDirection: optional(SortDirection)
}
const pageError = Schema.Union([ThreadError, InvalidCursor])

/** One page of a thread's turns; the newest first, and in summary, unless told otherwise. */
export const TurnsList = Rpc.make("TurnsList", {
  payload: { ...paging, itemsView: optional(TurnItemsView) },
  success: pageOf(Turn),
  error: pageError
})

/** One page of a thread's items, or of one turn's; the oldest first unless told otherwise. */
export const ItemsList = Rpc.make("ItemsList", {
  payload: { ...paging, turnId: optional(TurnId) },
  success: pageOf(
    Schema.Struct({
      turnId: TurnId,
      item: ThreadItem,
      startedAtMs: Schema.NullOr(Schema.Finite),
      completedAtMs: Schema.NullOr(Schema.Finite)
    })
  ),
  error: pageError
})

/** Begins a turn in a loaded thread; while one runs, the input is added to that one, which is returned. */
export const StartTurn = Rpc.make("StartTurn", {
  payload: {
    threadId: ThreadId,
    input: Input,
    clientMessageId: optional(Text),
    /** From this turn on. */
    settings: optional(Settings)
  },
  success: Turn,
  error: ThreadError
})

/** Changes the settings of a loaded thread from its next turn on; what is not named stays. */
export const ChangeSettings = Rpc.make("ChangeSettings", {
  payload: { threadId: ThreadId, settings: Settings },
  error: ThreadError
})

/** Adds input to the turn that runs, which must be the one expected. */
export const Steer = Rpc.make("Steer", {
  payload: { threadId: ThreadId, expectedTurnId: TurnId, input: Input, clientMessageId: optional(Text) },
  success: TurnId,
  error: ThreadError
})

/** Ends the turn that runs, which must be the one named. */
export const Interrupt = Rpc.make("Interrupt", { payload: { threadId: ThreadId, turnId: TurnId }, error: ThreadError })

/** Answers an open question of the thread, or refuses to. The first answer wins. */
export const Answer = Rpc.make("Answer", {
  payload: {
    threadId: ThreadId,
    requestId: RequestId,
    answer: Schema.Union([
      Schema.TaggedStruct("Answered", { value: QuestionAnswer }),
      Schema.TaggedStruct("Refused", { message: Text })
    ])
  },
  error: Schema.Union([InvalidRequest, QuestionNotOpen])
})

/** Begins a turn that compacts the model's context. */
export const Compact = Rpc.make("Compact", { payload: { threadId: ThreadId }, error: ThreadError })

/** Puts response items into the model's conversation. */
export const InjectItems = Rpc.make("InjectItems", {
  payload: { threadId: ThreadId, items: Schema.Array(Schema.Unknown) },
  error: ThreadError
})

/** Takes back the last turns. Events up to the snapshot's position are part of it. */
export const Rollback = Rpc.make("Rollback", {
  payload: { threadId: ThreadId, turns: Schema.Natural },
  success: Snapshot,
  error: ThreadError
})

/** Takes back a turn and all after it (paginated threads). */
export const Revert = Rpc.make("Revert", {
  payload: { threadId: ThreadId, beforeTurnId: TurnId },
  success: Snapshot,
  error: ThreadError
})

export const SetName = Rpc.make("SetName", { payload: { threadId: ThreadId, name: Text }, error: ThreadError })

/** Changes what a thread says of its repository. Left out: it stays. Null: it is cleared. */
export const SetGit = Rpc.make("SetGit", {
  payload: { threadId: ThreadId, sha: optional(Cursor), branch: optional(Cursor), originUrl: optional(Cursor) },
  success: Thread,
  error: ThreadError
})

/** Ends what runs in the thread and moves it to the archive. */
export const Archive = Rpc.make("Archive", { payload: { threadId: ThreadId }, error: ThreadError })
export const Unarchive = Rpc.make("Unarchive", {
  payload: { threadId: ThreadId },
  success: Thread,
  error: ThreadError
})
/** Ends what runs in the thread and removes it for good. */
export const Delete = Rpc.make("Delete", { payload: { threadId: ThreadId }, error: ThreadError })

/** Everything that the native face offers. */
export class RethreadRpc extends RpcGroup.make(
  Resume,
  Fork,
  Start,
  Read,
  List,
  Search,
  Loaded,
  TurnsList,
  ItemsList,
  StartTurn,
  ChangeSettings,
  Steer,
  Interrupt,
  Answer,
  Compact,
  InjectItems,
  Rollback,
  Revert,
  SetName,
  SetGit,
  Archive,
  Unarchive,
  Delete
).middleware(Admission) {}
