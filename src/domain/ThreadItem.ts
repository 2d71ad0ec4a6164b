/**
 * What a turn is made of, in the protocol's own shape (`ThreadItem` of app-server v2, 0.169), so
 * that an item goes to every face as it is. Field order is the protocol's.
 *
 * Absent values are `null`, as on the wire. A kind that this version does not know is kept whole
 * ({@link UnknownItem}).
 */
import { Schema } from "effect"
import { ItemId } from "./Ids.ts"

const Nullable = Schema.NullOr
const Text = Schema.String
const Millis = Nullable(Schema.Finite)

const times = {
  /** Unix milliseconds; null where history did not record it. */
  startedAtMs: Millis,
  completedAtMs: Millis
}

const userInput = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Text, text_elements: Schema.Array(Schema.Unknown) }),
  Schema.Struct({
    type: Schema.Literal("image"),
    url: Schema.optionalKey(Text),
    fileId: Schema.optionalKey(Text),
    detail: Nullable(Text)
  }),
  Schema.Struct({ type: Schema.Literal("localImage"), detail: Nullable(Text), path: Text }),
  Schema.Struct({
    type: Schema.Literal("audio"),
    url: Schema.optionalKey(Text),
    fileId: Schema.optionalKey(Text)
  }),
  Schema.Struct({ type: Schema.Literal("localAudio"), path: Text }),
  Schema.Struct({ type: Schema.Literal("skill"), name: Text, path: Text }),
  Schema.Struct({ type: Schema.Literal("mention"), name: Text, path: Text })
])
type UserInputStruct = typeof userInput
/** The schema by its name, which is all that declarations print of it. */
export interface UserInputSchema extends UserInputStruct {}
/** What a user sent: text with its marked spans, images, audio, a skill or a mention. */
export const UserInput: UserInputSchema = userInput
export type UserInput = typeof UserInput.Type

export const UserMessageItem = Schema.Struct({
  type: Schema.Literal("userMessage"),
  id: ItemId,
  clientId: Nullable(Text),
  content: Schema.Array(UserInput),
  ...times
})
export type UserMessageItem = typeof UserMessageItem.Type

export const HookPromptItem = Schema.Struct({
  type: Schema.Literal("hookPrompt"),
  id: ItemId,
  fragments: Schema.Array(Schema.Struct({ text: Text, hookRunId: Text })),
  ...times
})
export type HookPromptItem = typeof HookPromptItem.Type

export const AgentMessageItem = Schema.Struct({
  type: Schema.Literal("agentMessage"),
  moderation: Schema.Unknown,
  id: ItemId,
  text: Text,
  /** `commentary`, `partial_answer` or `final_answer` where the model said. */
  phase: Nullable(Text),
  memoryCitation: Schema.Unknown,
  delivery: Nullable(Text),
  questions: Schema.Unknown,
  ...times
})
export type AgentMessageItem = typeof AgentMessageItem.Type

export const FunctionCallOutputItem = Schema.Struct({
  type: Schema.Literal("functionCallOutput"),
  id: ItemId,
  name: Text,
  namespace: Nullable(Text),
  output: Schema.Unknown,
  ...times
})
export type FunctionCallOutputItem = typeof FunctionCallOutputItem.Type

export const PlanItem = Schema.Struct({ type: Schema.Literal("plan"), id: ItemId, text: Text, ...times })
export type PlanItem = typeof PlanItem.Type

export const ReasoningItem = Schema.Struct({
  type: Schema.Literal("reasoning"),
  id: ItemId,
  summary: Schema.Array(Text),
  content: Schema.Array(Text),
  ...times
})
export type ReasoningItem = typeof ReasoningItem.Type

/** One step of a shell command as best understood. */
export const CommandAction = Schema.Union([
  Schema.Struct({ type: Schema.Literal("read"), command: Text, name: Text, path: Text }),
  Schema.Struct({ type: Schema.Literal("listFiles"), command: Text, path: Nullable(Text) }),
  Schema.Struct({ type: Schema.Literal("search"), command: Text, query: Nullable(Text), path: Nullable(Text) }),
  Schema.Struct({ type: Schema.Literal("unknown"), command: Text })
])
export type CommandAction = typeof CommandAction.Type

/** How far an item's work came. Not every kind uses every word. */
export const ItemStatus = Schema.Literals(["inProgress", "completed", "failed", "declined", "interrupted"])
export type ItemStatus = typeof ItemStatus.Type

export const CommandExecutionItem = Schema.Struct({
  type: Schema.Literal("commandExecution"),
  id: ItemId,
  pluginId: Nullable(Text),
  scriptPath: Nullable(Text),
  /** The argument vector, quoted for a POSIX shell. */
  command: Text,
  cwd: Text,
  processId: Nullable(Text),
  source: Schema.Literals(["agent", "userShell", "unifiedExecStartup", "unifiedExecInteraction"]),
  status: ItemStatus,
  commandActions: Schema.Array(CommandAction),
  aggregatedOutput: Nullable(Text),
  exitCode: Nullable(Schema.Finite),
  durationMs: Nullable(Schema.Finite),
  ...times
})
export type CommandExecutionItem = typeof CommandExecutionItem.Type

/** One file's change; `diff` is a unified diff, or the whole text of a file added or deleted. */
export const FileUpdateChange = Schema.Struct({
  path: Text,
  kind: Schema.Union([
    Schema.Struct({ type: Schema.Literal("add") }),
    Schema.Struct({ type: Schema.Literal("delete") }),
    Schema.Struct({ type: Schema.Literal("update"), move_path: Nullable(Text) })
  ]),
  diff: Text
})
export type FileUpdateChange = typeof FileUpdateChange.Type

export const FileChangeItem = Schema.Struct({
  type: Schema.Literal("fileChange"),
  id: ItemId,
  changes: Schema.Array(FileUpdateChange),
  status: ItemStatus,
  ...times
})
export type FileChangeItem = typeof FileChangeItem.Type

export const McpToolCallItem = Schema.Struct({
  type: Schema.Literal("mcpToolCall"),
  id: ItemId,
  server: Text,
  tool: Text,
  status: ItemStatus,
  arguments: Schema.Unknown,
  appContext: Schema.Unknown,
  mcpAppUi: Schema.Unknown,
  pluginId: Nullable(Text),
  readOnlyHint: Nullable(Schema.Boolean),
  result: Nullable(
    Schema.Struct({ content: Schema.Array(Schema.Unknown), structuredContent: Schema.Unknown, _meta: Schema.Unknown })
  ),
  error: Nullable(Schema.Struct({ message: Text })),
  durationMs: Nullable(Schema.Finite),
  ...times
})
export type McpToolCallItem = typeof McpToolCallItem.Type

export const DynamicToolCallItem = Schema.Struct({
  type: Schema.Literal("dynamicToolCall"),
  id: ItemId,
  namespace: Nullable(Text),
  tool: Text,
  arguments: Schema.Unknown,
  status: ItemStatus,
  contentItems: Nullable(Schema.Array(Schema.Unknown)),
  success: Nullable(Schema.Boolean),
  durationMs: Nullable(Schema.Finite),
  ...times
})
export type DynamicToolCallItem = typeof DynamicToolCallItem.Type

export const CollabAgentToolCallItem = Schema.Struct({
  type: Schema.Literal("collabAgentToolCall"),
  id: ItemId,
  tool: Text,
  status: ItemStatus,
  senderThreadId: Text,
  receiverThreadIds: Schema.Array(Text),
  prompt: Nullable(Text),
  model: Nullable(Text),
  reasoningEffort: Nullable(Text),
  agentsStates: Schema.Record(Text, Schema.Struct({ status: Text, message: Nullable(Text) })),
  ...times
})
export type CollabAgentToolCallItem = typeof CollabAgentToolCallItem.Type

export const SubAgentActivityItem = Schema.Struct({
  type: Schema.Literal("subAgentActivity"),
  model: Nullable(Text),
  reasoningEffort: Nullable(Text),
  id: ItemId,
  kind: Text,
  agentThreadId: Text,
  agentPath: Text,
  ...times
})
export type SubAgentActivityItem = typeof SubAgentActivityItem.Type

export const WebSearchItem = Schema.Struct({
  type: Schema.Literal("webSearch"),
  id: ItemId,
  query: Text,
  action: Schema.Unknown,
  results: Schema.Unknown,
  ...times
})
export type WebSearchItem = typeof WebSearchItem.Type

export const ImageViewItem = Schema.Struct({ type: Schema.Literal("imageView"), id: ItemId, path: Text, ...times })
export type ImageViewItem = typeof ImageViewItem.Type

export const SleepItem = Schema.Struct({
  type: Schema.Literal("sleep"),
  id: ItemId,
  durationMs: Schema.Finite,
  ...times
})
export type SleepItem = typeof SleepItem.Type

export const ImageGenerationItem = Schema.Struct({
  type: Schema.Literal("imageGeneration"),
  id: ItemId,
  status: Text,
  revisedPrompt: Nullable(Text),
  result: Text,
  transparentBackground: Nullable(Schema.Boolean),
  failure: Schema.Unknown,
  savedPath: Schema.optionalKey(Text),
  generationId: Nullable(Text),
  ...times
})
export type ImageGenerationItem = typeof ImageGenerationItem.Type

export const EnteredReviewModeItem = Schema.Struct({
  type: Schema.Literal("enteredReviewMode"),
  id: ItemId,
  review: Text,
  ...times
})
export type EnteredReviewModeItem = typeof EnteredReviewModeItem.Type

export const ExitedReviewModeItem = Schema.Struct({
  type: Schema.Literal("exitedReviewMode"),
  id: ItemId,
  review: Text,
  ...times
})
export type ExitedReviewModeItem = typeof ExitedReviewModeItem.Type

export const ContextCompactionItem = Schema.Struct({
  type: Schema.Literal("contextCompaction"),
  id: ItemId,
  ...times
})
export type ContextCompactionItem = typeof ContextCompactionItem.Type

/**
 * An item of a kind that this version does not know, whole. The protocol has no such kind, and clients refuse a response
 * that holds one they do not know: the Codex wire leaves these items out.
 */
export const UnknownItem = Schema.Struct({
  type: Schema.Literal("unknown"),
  id: ItemId,
  /** The kind's name as recorded. */
  kind: Text,
  record: Schema.Record(Text, Schema.Unknown),
  ...times
})
export type UnknownItem = typeof UnknownItem.Type

const threadItem = Schema.Union([
  UserMessageItem,
  HookPromptItem,
  AgentMessageItem,
  FunctionCallOutputItem,
  PlanItem,
  ReasoningItem,
  CommandExecutionItem,
  FileChangeItem,
  McpToolCallItem,
  DynamicToolCallItem,
  CollabAgentToolCallItem,
  SubAgentActivityItem,
  WebSearchItem,
  ImageViewItem,
  SleepItem,
  ImageGenerationItem,
  EnteredReviewModeItem,
  ExitedReviewModeItem,
  ContextCompactionItem,
  UnknownItem
])
type ThreadItemStruct = typeof threadItem
/** The schema by its name, which is all that declarations print of it. */
export interface ThreadItemSchema extends ThreadItemStruct {}
/** Any item of a turn; discriminated by `type`, so that a match over the kinds is checked to be complete. */
export const ThreadItem: ThreadItemSchema = threadItem
export type ThreadItem = typeof ThreadItem.Type
