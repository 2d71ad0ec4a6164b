/** Answers and notifications as a server sends them, with as much in them as a test needs. */

export const threadA = "01900000-0000-7000-8000-00000000000a"
export const threadB = "01900000-0000-7000-8000-00000000000b"

const counts = (totalTokens: number) => ({
  totalTokens,
  inputTokens: totalTokens,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0
})

const tokenUsage = (total: number) => ({
  total: counts(total),
  last: counts(total),
  modelContextWindow: 200_000
})

/** The members of 0.122 only: what is missing is the client's to fill in. */
export const thread = (id: string, turns: ReadonlyArray<unknown> = []) => ({
  id,
  forkedFromId: null,
  preview: "hello",
  ephemeral: false,
  modelProvider: "mock",
  createdAt: 1,
  updatedAt: 2,
  status: { type: "idle" },
  path: "/rollout.jsonl",
  cwd: "/",
  cliVersion: "0.122.0",
  source: "cli",
  agentNickname: null,
  agentRole: null,
  gitInfo: null,
  name: null,
  turns
})

/** The result of a resume, fork or start. `usage`: the member that only Rethread has. */
export const attached = (id: string, usage?: unknown) => ({
  thread: thread(id),
  model: "m",
  modelProvider: "mock",
  serviceTier: null,
  cwd: "/",
  instructionSources: [],
  approvalPolicy: "never",
  approvalsReviewer: "user",
  sandbox: { type: "readOnly", access: { type: "fullAccess" }, networkAccess: false },
  reasoningEffort: null,
  ...(usage === undefined ? {} : { tokenUsage: usage })
})

export const restored = (turnId: string | null, total: number) => ({
  turnId,
  tokenUsage: tokenUsage(total),
  inherited: null
})

export const usage = (threadId: string, turnId: string, total: number) => ({
  method: "thread/tokenUsage/updated",
  params: { threadId, turnId, tokenUsage: tokenUsage(total) }
})

export const named = (threadId: string, threadName: string) => ({
  method: "thread/name/updated",
  params: { threadId, threadName }
})

export const delta = (threadId: string, text: string) => ({
  method: "item/agentMessage/delta",
  params: { threadId, turnId: "t1", itemId: "i1", delta: text }
})
