/**
 * `rethread threads`: the threads of a home, newest first. With `--json` one thread a line, as `thread/list` shows it.
 */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as NodePath from "node:path"
import type { Thread } from "../../domain/Thread.ts"
import { type SourceKind, ThreadCatalog } from "../../services/ThreadCatalog.ts"
import * as Failure from "../Failure.ts"
import { hasTerm } from "../../services/ThreadPages.ts"
import * as LocalServices from "../LocalServices.ts"
import * as Output from "../Output.ts"
import * as Root from "../Root.ts"

const pageSize = 100

const kinds: ReadonlyArray<SourceKind> = ["cli", "vscode", "exec", "appServer", "unknown"]

const flags = {
  archived: Flag.Boolean("archived").pipe(
    Flag.withDescription("The archived threads instead of the active ones"),
    Flag.withDefault(false)
  ),
  search: Flag.String("search").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("Only those with the text in their name or first message"),
    Flag.optional
  ),
  said: Flag.String("said").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("Only those in which a user or an agent said it, with what is around it"),
    Flag.optional
  ),
  cwd: Flag.String("cwd").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Only those that ran in this directory"),
    Flag.optional
  ),
  limit: Flag.Int("limit").pipe(
    Flag.withAlias("n"),
    Flag.withMetavar("N"),
    Flag.withDescription("How many at most; 20 when not given"),
    Flag.filter(
      (limit) => limit > 0,
      (limit) => `expected a number above 0, got ${limit}`
    ),
    Flag.withDefault(20)
  ),
  all: Flag.Boolean("all").pipe(Flag.withDescription("All of them, whatever --limit says"), Flag.withDefault(false)),
  subAgents: Flag.Boolean("sub-agents").pipe(
    Flag.withDescription("Also the threads of sub-agents"),
    Flag.withDefault(false)
  ),
  json: Root.json,
  codexHome: Root.codexHome
}

/** A thread, and what is shown of what was said in it. */
interface Shown {
  readonly thread: Thread
  readonly text: string
}

const row = ({ text, thread }: Shown, style: Output.Style): ReadonlyArray<string> => [
  style.cyan(thread.id),
  Output.time(thread.updatedAt),
  Output.cut(Output.flat(thread.name ?? ""), 24),
  Output.cut(Output.flat(text), 48),
  style.dim(thread.cwd)
]

export const threads = Command.make("threads", flags, (given) =>
  Failure.orFail(
    Effect.gen(function* () {
      const options = yield* Root.options(given.codexHome)
      const wanted = given.all ? Number.POSITIVE_INFINITY : given.limit
      const list = Effect.gen(function* () {
        const catalog = yield* ThreadCatalog
        const found: Array<Shown> = []
        const folder = Option.match(given.cwd, {
          onNone: () => null,
          onSome: (folder) => NodePath.resolve(options.cwd, folder)
        })
        const named = hasTerm({ searchTerm: Option.getOrNull(given.search) })
        const order = {
          sortKey: "updated_at",
          sortDirection: "desc",
          archived: given.archived,
          sourceKinds: given.subAgents ? [...kinds, "subAgent" as const] : kinds
        } as const
        let cursor: string | null = null
        do {
          const at = { ...order, cursor, limit: Math.min(pageSize, wanted - found.length) }
          const page: { readonly data: ReadonlyArray<Shown>; readonly nextCursor: string | null } = yield* Option.match(
            given.said,
            {
              onNone: () =>
                Effect.map(
                  catalog.list({
                    ...at,
                    modelProviders: null,
                    cwd: folder === null ? null : [folder],
                    searchTerm: Option.getOrNull(given.search),
                    parentThreadId: null,
                    ancestorThreadId: null,
                    excludedThreadIds: []
                  }),
                  (page) => ({ ...page, data: page.data.map((thread) => ({ thread, text: thread.preview })) })
                ),
              onSome: (searchTerm) =>
                Effect.map(catalog.search({ ...at, searchTerm }), (page) => ({
                  ...page,
                  data: page.data
                    .filter(({ thread }) => folder === null || thread.cwd === folder)
                    .filter(({ thread }) => named(thread.preview, thread.name))
                    .map(({ snippet, thread }) => ({ thread, text: snippet }))
                }))
            }
          )
          if (given.json) yield* Effect.forEach(page.data, ({ thread }) => Output.json(thread), { discard: true })
          found.push(...page.data)
          cursor = page.nextCursor
        } while (cursor !== null && found.length < wanted)
        return { found, more: cursor !== null }
      })
      const { found, more } = yield* Effect.provide(list, LocalServices.layer(options))
      if (!given.json && found.length > 0) {
        const style = yield* Output.style
        const rows = found.map((each) => row(each, style))
        const text = Option.isSome(given.said) ? "SAID" : "FIRST MESSAGE"
        yield* Output.lines(Output.table(["ID", "UPDATED", "NAME", text, "DIRECTORY"], rows, style))
      }
      if (found.length === 0 && !given.json) yield* Console.error(`no threads in ${options.home}`)
      if (more && !given.json) yield* Console.error("there are more: --limit N, or --all")
    })
  )
).pipe(
  Command.withDescription("List the threads of a Codex home, newest first"),
  Command.withExamples([
    { command: "rethread threads", description: "The 20 threads that were changed last" },
    { command: "rethread threads --search parser --cwd .", description: "Those about a parser, of this directory" },
    { command: "rethread threads --said 'race condition'", description: "Those in which somebody spoke of one" },
    { command: "rethread threads --all --json | jq -r .id", description: "Every id, for scripts" }
  ])
)
