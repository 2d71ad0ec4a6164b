/**
 * Which thread a person means: an id in any spelling, the beginning of one, a rollout's path, or the last one.
 */
import { Effect, type Option, Result, Schema, Stream } from "effect"
import { Argument, Flag } from "effect/cli"
import * as NodePath from "node:path"
import { parseThreadId } from "../domain/Ids.ts"
import { type RolloutRef, RolloutStore } from "../services/RolloutStore.ts"

/** The words name no thread, or several. */
class ThreadNotChosen extends Schema.TaggedError<ThreadNotChosen>()("ThreadNotChosen", {
  input: Schema.NullOr(Schema.String),
  reason: Schema.Literals(["nothingNamed", "bothNamed", "empty", "unknown", "ambiguous"]),
  candidates: Schema.Array(Schema.String)
}) {
  override get message(): string {
    switch (this.reason) {
      case "nothingNamed":
        return "no thread named: give an id, the beginning of one, a rollout's path, or --last (see `rethread threads`)"
      case "bothNamed":
        return "--last and a thread's name exclude each other"
      case "empty":
        return "there is no thread here: look elsewhere with --codex-home"
      case "unknown":
        return `no thread ${JSON.stringify(this.input)}: \`rethread threads --all\` lists them`
      case "ambiguous": {
        const shown = this.candidates.slice(0, 8)
        const more = this.candidates.length > shown.length ? `, and ${this.candidates.length - shown.length} more` : ""
        return `${JSON.stringify(this.input)} is the beginning of several ids: ${shown.join(", ")}${more}`
      }
    }
  }
}

export const argument = Argument.String("thread").pipe(
  Argument.withDescription("A thread's id, the beginning of one, or a rollout's path"),
  Argument.optional
)

export const last = Flag.Boolean("last").pipe(
  Flag.withDescription("The thread that was changed last"),
  Flag.withDefault(false)
)

export const remote = Flag.String("remote").pipe(
  Flag.withMetavar("URL"),
  Flag.withDescription("The server to ask instead of the home: ws://…, wss://… or unix:///PATH"),
  Flag.optional
)

/** Is it a path, not an id? */
const isPath = (input: string): boolean => /[/\\]|\.jsonl(\.zst)?$/.test(input)

const every = Effect.fnUntraced(function* (archived: ReadonlyArray<boolean>) {
  const store = yield* RolloutStore
  const found = yield* Effect.forEach(archived, (archived) => Stream.runCollect(store.list({ archived })))
  return found.flat()
})

const newest = Effect.gen(function* () {
  const store = yield* RolloutStore
  const dated = yield* Effect.forEach(
    yield* every([false]),
    (ref) =>
      Effect.map(store.stat(ref), ({ modifiedAt }) => ({ ref, modifiedAt })).pipe(
        // Gone since it was listed.
        Effect.catchTag("ThreadNotFound", () => Effect.succeed({ ref, modifiedAt: -1 }))
      ),
    { concurrency: 16 }
  )
  const latest = dated.toSorted((a, b) => b.modifiedAt - a.modifiedAt || (a.ref.path < b.ref.path ? 1 : -1))[0]
  return latest === undefined
    ? yield* new ThreadNotChosen({ input: null, reason: "empty", candidates: [] })
    : latest.ref
})

const byPrefix = Effect.fnUntraced(function* (input: string) {
  const refs = yield* every([false, true])
  const found = refs.filter(({ threadId }) => threadId.startsWith(input.toLowerCase()))
  const [first] = found
  if (first === undefined || input === "") {
    return yield* new ThreadNotChosen({ input, reason: "unknown", candidates: [] })
  }
  if (found.length > 1) {
    const candidates = found.map(({ threadId }) => threadId).toSorted()
    return yield* new ThreadNotChosen({ input, reason: "ambiguous", candidates })
  }
  return first
})

/** The rollout that is meant; relative paths are seen from `cwd`. */
export const find = Effect.fnUntraced(function* (
  target: { readonly thread: Option.Option<string>; readonly last: boolean },
  cwd: string
) {
  const store = yield* RolloutStore
  const input = target.thread._tag === "Some" ? target.thread.value : null
  if (input === null) {
    return target.last ? yield* newest : yield* new ThreadNotChosen({ input, reason: "nothingNamed", candidates: [] })
  }
  if (target.last) return yield* new ThreadNotChosen({ input, reason: "bothNamed", candidates: [] })
  if (isPath(input)) return yield* store.resolve(NodePath.resolve(cwd, input))
  const threadId = parseThreadId(input)
  return Result.isSuccess(threadId) ? yield* store.locate(threadId.success, { archived: true }) : yield* byPrefix(input)
})

/** Does the thread live in this very file now (and not in a later one)? */
export const isCurrent = (ref: RolloutRef) =>
  RolloutStore.use((store) => store.locate(ref.threadId, { archived: true })).pipe(
    Effect.map(({ path }) => path === ref.path),
    Effect.catchTag(["ThreadNotFound", "ThreadArchived"], () => Effect.succeed(false))
  )

/** The thread as a client names it: of a server elsewhere by the words themselves, else by its id, or a file of it. */
export const forClient = Effect.fnUntraced(function* (
  target: { readonly thread: Option.Option<string>; readonly last: boolean },
  cwd: string,
  remote: boolean
) {
  if (remote && target.thread._tag === "Some") {
    const input = target.thread.value
    return isPath(input) ? { threadId: "", path: input } : { threadId: input, path: null }
  }
  const ref = yield* find(target, cwd)
  return { threadId: ref.threadId, path: (yield* isCurrent(ref)) ? null : ref.path }
})
