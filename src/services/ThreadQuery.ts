/**
 * What can be asked of a list of threads, and of a search among them, and what a page of one is.
 */
import type { ThreadId } from "../domain/Ids.ts"
import type { Thread } from "../domain/Thread.ts"

/** Source kinds that a list can be narrowed to (`ThreadSourceKind`). */
export type SourceKind =
  | "cli"
  | "vscode"
  | "exec"
  | "appServer"
  | "subAgent"
  | "subAgentReview"
  | "subAgentCompact"
  | "subAgentThreadSpawn"
  | "subAgentOther"
  | "unknown"

/** Which threads, in which order. `null` leaves a filter out. */
export interface ThreadQuery {
  readonly cursor: string | null
  /** Page size, 1 to 100. */
  readonly limit: number
  readonly sortKey: "created_at" | "updated_at" | "recency_at"
  readonly sortDirection: "asc" | "desc"
  readonly archived: boolean
  /** Null or empty: every provider. */
  readonly modelProviders: ReadonlyArray<string> | null
  /** Null or empty: the interactive ones, `cli` and `vscode`. */
  readonly sourceKinds: ReadonlyArray<SourceKind> | null
  /** Exact working directories. */
  readonly cwd: ReadonlyArray<string> | null
  /** Part of the name or of the preview, letter case ignored. */
  readonly searchTerm: string | null
  readonly parentThreadId: ThreadId | null
  /** Sub-agent threads at any depth under this one. */
  readonly ancestorThreadId: ThreadId | null
  readonly excludedThreadIds: ReadonlyArray<ThreadId>
}

/** Which threads to search for words that were said in them. */
export interface ThreadSearch extends Pick<
  ThreadQuery,
  "cursor" | "limit" | "sortKey" | "sortDirection" | "archived" | "sourceKinds"
> {
  /** Part of what a user or an agent said; letter case and the kind of white space do not matter. */
  readonly searchTerm: string
}

/** A thread in which the words were said. */
export interface FoundThread {
  readonly thread: Thread
  /** The first text that has the words, cut to what is around them. */
  readonly snippet: string
}

/** A page of the threads found, in the order of the list: there is no ranking. */
export interface FoundPage {
  readonly data: ReadonlyArray<FoundThread>
  readonly nextCursor: string | null
  readonly backwardsCursor: string | null
}

/** A page of threads without turns. Cursors hold a place between threads, `(time, id)`, not a thread. */
export interface ThreadPage {
  readonly data: ReadonlyArray<Thread>
  /** Null on the last page. */
  readonly nextCursor: string | null
  /** For going the other way from the start of this page; null when the page is empty. */
  readonly backwardsCursor: string | null
}
