/**
 * Lists and pages threads. A catalog is derived from the rollouts: it may be deleted at any time.
 *
 * {@link ThreadCatalog.layer} keeps one entry per rollout, made from the rollout's head and good for
 * as long as the file's version is. What cannot be restored under its name is not listed.
 */
import { Clock, Context, Effect, Layer, Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import { makeThread } from "../domain/ThreadView.ts"
import { coalesced } from "./Coalesced.ts"
import { type RolloutRef, RolloutStore } from "./RolloutStore.ts"
import { ServerConfig } from "./ServerConfig.ts"
import type { InvalidRequest, RolloutStoreError } from "./ThreadError.ts"
import { readThreadHead, type ThreadHead } from "./ThreadHead.ts"
import { type CatalogEntry, pageOf, parentOf } from "./ThreadPages.ts"
import type { ThreadPage, ThreadQuery } from "./ThreadQuery.ts"

export type { SourceKind, ThreadPage, ThreadQuery } from "./ThreadQuery.ts"

export class ThreadCatalog extends Context.Service<
  ThreadCatalog,
  {
    /** One page. A thread is listed once its rollout has something that a user said. */
    readonly list: (query: ThreadQuery) => Effect.Effect<ThreadPage, InvalidRequest | RolloutStoreError>
  }
>()("rethread/services/ThreadCatalog") {
  /** In memory, from the heads of all rollouts. Threads come as `notLoaded`: what is loaded, others know. */
  static readonly layer: Layer.Layer<ThreadCatalog, never, RolloutStore | ServerConfig> = Layer.effect(
    ThreadCatalog,
    Effect.suspend(() => make)
  )
}

interface Cached {
  readonly version: string
  /** Null for a rollout that is not listed. */
  readonly head: ThreadHead | null
}

interface Scan {
  readonly entries: ReadonlyArray<CatalogEntry>
  /** When it was made, in milliseconds. */
  readonly at: number
}

const concurrency = 16

/**
 * Milliseconds for which further pages are cut from the same scan. A first page always looks at the disk; without this,
 * so would each page of ten thousand threads.
 */
const pagingMillis = 2000

const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const { cwd } = yield* ServerConfig

  const scanner = (archived: boolean) => {
    let cache = new Map<string, Cached>()
    let latest: Scan | undefined

    const entryOf = (ref: RolloutRef, names: ReadonlyMap<ThreadId, string>, kept: Map<string, Cached>) =>
      Effect.gen(function* () {
        const { modifiedAt, version } = yield* store.stat(ref)
        const known = cache.get(ref.path)
        const head = known?.version === version ? known.head : yield* readThreadHead(store, ref)
        if (head === null || head.final) kept.set(ref.path, { version, head })
        // A rollout of another thread than its name says cannot be resumed under either id.
        if (head === null || head.preview === null || head.meta.id !== ref.threadId) return []
        const thread = makeThread({
          meta: head.meta,
          path: ref.path,
          ephemeral: false,
          modifiedAt,
          preview: head.preview,
          settings: head.settings,
          cwd,
          name: names.get(ref.threadId) ?? null,
          status: { type: "notLoaded" },
          turns: []
        })
        const started = Date.parse(head.meta.timestamp)
        const createdAt = Number.isNaN(started) ? thread.createdAt * 1000 : started
        return [{ thread, createdAt, updatedAt: modifiedAt }]
      }).pipe(
        // Gone or unreadable since it was found: one rollout less, not a list less.
        Effect.catch((error) => Effect.as(Effect.logDebug("rollout not listed", error), new Array<CatalogEntry>()))
      )

    const scan = coalesced(
      Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        const names = yield* Effect.catch(store.names, (error) =>
          Effect.as(Effect.logWarning("threads are listed without their names", error), new Map<ThreadId, string>())
        )
        const kept = new Map<string, Cached>()
        const refs = yield* Stream.runCollect(store.list({ archived }))
        const entries = yield* Effect.forEach(refs, (ref) => entryOf(ref, names, kept), { concurrency })
        cache = kept
        latest = { entries: entries.flat(), at }
        return latest
      })
    )
    const recent = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      return latest !== undefined && now - latest.at <= pagingMillis ? latest : yield* scan
    })
    return { scan, recent }
  }

  const active = scanner(false)
  const archive = scanner(true)

  const list = Effect.fn("ThreadCatalog.list")(function* (query: ThreadQuery) {
    const [here, there] = query.archived ? [archive, active] : [active, archive]
    const { entries } = yield* query.cursor === null ? here.scan : here.recent
    // The way from a thread to its ancestor may lead through the archive.
    const others = query.ancestorThreadId === null ? [] : (yield* there.recent).entries
    const parents = new Map(
      [...entries, ...others].flatMap(({ thread }) => {
        const parent = parentOf(thread)
        return parent === null ? [] : [[thread.id, parent] as const]
      })
    )
    return yield* Effect.fromResult(pageOf(entries, query, parents))
  })

  return ThreadCatalog.of({ list })
})
