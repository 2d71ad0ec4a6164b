/**
 * Items of work on the machine: commands and changes of files.
 */
import { Option } from "effect"
import { ItemId } from "./Ids.ts"
import { type ItemTimes, status } from "./ItemParts.ts"
import { isRecord, type JsonRecord, own } from "./Json.ts"
import { text } from "./OpenRecord.ts"
import { joinWords } from "./ShellWords.ts"
import type { CommandAction, CommandExecutionItem, FileUpdateChange } from "./ThreadItem.ts"

const decodePercent = Option.liftThrowable(decodeURIComponent)

/** A `file:` URL as a path; anything else as it is. */
export const localPath = (path: string): string => {
  if (!path.startsWith("file://")) return path
  const encoded = path.slice("file://".length)
  return Option.getOrElse(decodePercent(encoded), () => encoded)
}

const within = (cwd: string, path: string): string =>
  path.startsWith("/") || cwd === ""
    ? path
    : `${cwd.endsWith("/") ? cwd.slice(0, -1) : cwd}/${path.replace(/^\.\//, "")}`

const commandAction = (action: unknown, cwd: string): CommandAction | null => {
  if (!isRecord(action)) return null
  const command = text(action, "cmd") ?? text(action, "command") ?? ""
  switch (own(action, "type")) {
    case "read":
      return {
        type: "read",
        command,
        name: text(action, "name") ?? "",
        path: within(cwd, text(action, "path") ?? text(action, "name") ?? "")
      }
    case "list_files":
      return { type: "listFiles", command, path: text(action, "path") }
    case "search":
      return { type: "search", command, query: text(action, "query"), path: text(action, "path") }
    default:
      return { type: "unknown", command }
  }
}

const commandSource = (source: string | null | undefined): CommandExecutionItem["source"] => {
  switch (source) {
    case "user_shell":
      return "userShell"
    case "unified_exec_startup":
      return "unifiedExecStartup"
    case "unified_exec_interaction":
      return "unifiedExecInteraction"
    default:
      return "agent"
  }
}

/** A command as events and items both tell of it. */
export interface Command {
  readonly id: string
  readonly processId: string | null
  readonly command: ReadonlyArray<string>
  readonly cwd: string
  readonly actions: ReadonlyArray<unknown>
  readonly source: string | null | undefined
  readonly status: string | null | undefined
  readonly output: string | null | undefined
  readonly exitCode: number | null
  readonly durationMs: number | null
}

/** The item of one command. */
export const commandExecution = (command: Command, times: ItemTimes): CommandExecutionItem => ({
  type: "commandExecution",
  id: ItemId.make(command.id),
  pluginId: null,
  scriptPath: null,
  command: joinWords(command.command),
  cwd: localPath(command.cwd),
  processId: command.processId,
  source: commandSource(command.source),
  status: status(command.status, command.exitCode === null || command.exitCode === 0 ? "completed" : "failed"),
  commandActions: command.actions
    .map((action) => commandAction(action, localPath(command.cwd)))
    .filter((action) => action !== null),
  aggregatedOutput: command.output === undefined || command.output === "" ? null : command.output,
  exitCode: command.exitCode,
  durationMs: command.durationMs,
  ...times
})

/** The changes of a patch, by path. */
export const fileChanges = (changes: unknown): ReadonlyArray<FileUpdateChange> =>
  !isRecord(changes)
    ? []
    : Object.entries(changes)
        .map(([path, change]) => fileChange(localPath(path), isRecord(change) ? change : {}))
        .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))

const fileChange = (path: string, change: JsonRecord): FileUpdateChange => {
  const type = own(change, "type")
  if (type === "add" || type === "delete") return { path, kind: { type }, diff: text(change, "content") ?? "" }
  const moved = text(change, "move_path")
  const diff = text(change, "unified_diff") ?? ""
  return {
    path,
    kind: { type: "update", move_path: moved },
    diff: moved === null ? diff : `${diff}\n\nMoved to: ${moved}`
  }
}
