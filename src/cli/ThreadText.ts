/**
 * A thread for people: who it is, what it spent, and what was said. Pure text.
 */
import type { RestoredUsage } from "../rpc/client/index.ts"
import type { Thread } from "../domain/Thread.ts"
import type { ThreadItem, UserInput } from "../domain/ThreadItem.ts"
import type { SandboxPolicy } from "../domain/ThreadSettings.ts"
import type { ThreadTokenUsage, TokenUsage } from "../domain/TokenUsage.ts"
import type { Turn } from "../domain/Turn.ts"
import * as Output from "./Output.ts"

/** The settings that are told of a thread. */
export interface Settings {
  readonly model: string
  readonly modelProvider: string
  readonly reasoningEffort: string | null
  readonly approvalPolicy: unknown
  readonly sandbox: SandboxPolicy
}

const labelled = (label: string, text: string, style: Output.Style) => `${style.dim(label.padEnd(9))}${text}`

/** The counters of a usage in words. */
const counters = (usage: TokenUsage): string =>
  `${usage.totalTokens} tokens (input ${usage.inputTokens}, cached ${usage.cachedInputTokens}, output ${usage.outputTokens}, reasoning ${usage.reasoningOutputTokens})`

const percent = (part: bigint, whole: bigint): string => `${(Number((part * 1000n) / whole) / 10).toFixed(1)} %`

/** Total, last, and how much of the context window the last response used. */
export const usageLines = ({ last, modelContextWindow, total }: ThreadTokenUsage): ReadonlyArray<string> => [
  `total ${counters(total)}`,
  `last  ${counters(last)}`,
  ...(modelContextWindow !== null && modelContextWindow > 0n
    ? [`context window ${modelContextWindow}, ${percent(last.totalTokens, modelContextWindow)} used`]
    : [])
]

const restoredLines = (usage: RestoredUsage | null): ReadonlyArray<string> => {
  if (usage === null) return ["nothing recorded"]
  return [
    ...usageLines(usage.tokenUsage),
    usage.turnId === null ? "of no turn that is left" : `of turn ${usage.turnId}`,
    ...(usage.inherited === null ? [] : [`inherited ${counters(usage.inherited)}`])
  ]
}

const sourceText = (source: Thread["source"]): string => (typeof source === "string" ? source : JSON.stringify(source))

/** Who a thread is, and what it has spent. */
export const summary = (
  thread: Thread,
  settings: Settings | null,
  usage: RestoredUsage | null,
  style: Output.Style
): ReadonlyArray<string> => {
  const row = (label: string, text: string) => labelled(label, text, style)
  const branch = thread.gitInfo?.branch ?? null
  const approvals = settings === null ? "" : JSON.stringify(settings.approvalPolicy).replaceAll('"', "")
  return [
    row("thread", style.bold(thread.id) + (thread.name === null ? "" : ` ${Output.flat(thread.name)}`)),
    ...(thread.path === null ? [] : [row("file", thread.path)]),
    row("dates", `created ${Output.time(thread.createdAt)}, updated ${Output.time(thread.updatedAt)}`),
    row("cwd", thread.cwd),
    row("source", `${sourceText(thread.source)}, version ${thread.cliVersion}, ${thread.historyMode} history`),
    ...(thread.forkedFromId === null ? [] : [row("fork of", thread.forkedFromId)]),
    ...(branch === null ? [] : [row("branch", Output.flat(branch))]),
    ...(settings === null
      ? []
      : [
          row(
            "model",
            `${settings.model} of ${settings.modelProvider}${settings.reasoningEffort === null ? "" : `, effort ${settings.reasoningEffort}`}`
          ),
          row("policy", `approvals ${approvals}, sandbox ${settings.sandbox.type}`)
        ]),
    ...restoredLines(usage).map((text, index) => row(index === 0 ? "usage" : "", text))
  ]
}

const inputText = (part: UserInput): string => {
  switch (part.type) {
    case "text":
      return part.text
    case "image":
    case "audio":
      return `[${part.type} ${(part.url ?? part.fileId ?? "").slice(0, 60)}]`
    case "localImage":
    case "localAudio":
      return `[${part.type} ${part.path}]`
    case "skill":
    case "mention":
      return `[${part.type} ${part.name}]`
  }
}

/** An item in a few words. */
export const itemText = (item: ThreadItem): string => {
  switch (item.type) {
    case "userMessage":
      return item.content.map(inputText).join("\n")
    case "agentMessage":
    case "plan":
      return item.text
    case "reasoning":
      return [...item.summary, ...item.content].join(" ")
    case "commandExecution":
      return `${item.command} (${item.exitCode === null ? item.status : `exit ${item.exitCode}`})`
    case "fileChange":
      return `${item.changes.map(({ kind, path }) => `${kind.type} ${path}`).join(", ")} (${item.status})`
    case "mcpToolCall":
      return `${item.server}.${item.tool} (${item.status})`
    case "dynamicToolCall":
    case "collabAgentToolCall":
      return `${item.tool} (${item.status})`
    case "functionCallOutput":
      return item.name
    case "webSearch":
      return item.query
    case "imageView":
      return item.path
    case "imageGeneration":
      return item.savedPath ?? item.status
    case "enteredReviewMode":
    case "exitedReviewMode":
      return item.review
    case "hookPrompt":
      return item.fragments.map(({ text }) => text).join(" ")
    case "subAgentActivity":
      return `${item.kind} ${item.agentThreadId}`
    case "sleep":
      return `${item.durationMs} ms`
    case "contextCompaction":
      return ""
    case "unknown":
      return item.kind
  }
}

const says = (item: ThreadItem): boolean => item.type === "userMessage" || item.type === "agentMessage"

const speaker = (item: ThreadItem): string =>
  item.type === "userMessage" ? "user" : item.type === "agentMessage" ? "agent" : item.type

const indented = (text: string): string =>
  Output.harmless(text)
    .trimEnd()
    .replaceAll("\n", `\n${" ".repeat(9)}`)

const statusStyle = (turn: Turn, style: Output.Style) =>
  turn.status === "failed" ? style.red : turn.status === "completed" ? style.green : style.yellow

/** The other items by their kinds: `2 reasoning, 1 commandExecution`. */
const countKinds = (items: ReadonlyArray<ThreadItem>): string =>
  Array.from(
    Map.groupBy(items, ({ type }) => type),
    ([type, same]) => `${same.length} ${type}`
  ).join(", ")

/** A turn: what was said, and the other items in short or (`all`) one by one. */
const turnLines = (turn: Turn, number: number, all: boolean, style: Output.Style): ReadonlyArray<string> => {
  const others = turn.items.filter((item) => !says(item))
  const took = turn.durationMs === null ? "" : `, ${(turn.durationMs / 1000).toFixed(1)} s`
  const started = turn.startedAt === null ? "" : `, ${Output.time(turn.startedAt)}`
  return [
    `${style.bold(`turn ${number}`)} ${style.cyan(turn.id)} ${statusStyle(turn, style)(turn.status)}${style.dim(started + took)}`,
    ...turn.items
      .filter((item) => all || says(item))
      .map((item) =>
        says(item)
          ? `  ${style.dim(speaker(item).padEnd(7))}${indented(itemText(item))}`
          : `  ${style.dim(item.type)} ${Output.cut(Output.flat(itemText(item)), 100)}`.trimEnd()
      ),
    ...(all || others.length === 0 ? [] : [style.dim(`  and ${countKinds(others)}`)]),
    ...(turn.error === null ? [] : [style.red(`  error  ${Output.flat(turn.error.message)}`)])
  ]
}

/** The last `count` turns of a thread, or all of them. */
export const turnsLines = (
  turns: ReadonlyArray<Turn>,
  count: number | null,
  all: boolean,
  style: Output.Style
): ReadonlyArray<string> => {
  const from = count === null ? 0 : Math.max(0, turns.length - count)
  return [
    ...(from === 0
      ? []
      : ["", style.dim(from === 1 ? "1 earlier turn is not shown" : `${from} earlier turns are not shown`)]),
    ...turns.slice(from).flatMap((turn, index) => ["", ...turnLines(turn, from + index + 1, all, style)])
  ]
}
