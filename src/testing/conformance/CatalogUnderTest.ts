/**
 * A catalog under test, and what its cases ask it. A case makes the rollouts, in memory, and lays the catalog over them.
 */
import { Context, Effect, Layer } from "effect"
import {
  layerWith,
  type MemoryFile,
  type MemoryFiles,
  type MemoryOptions
} from "../../layers/memory/MemoryRolloutStore.ts"
import type { RolloutStore } from "../../services/RolloutStore.ts"
import { ServerConfig } from "../../services/ServerConfig.ts"
import { ThreadCatalog, type ThreadQuery, type ThreadSearch } from "../../services/ThreadCatalog.ts"
import { type RolloutBuilder, uuidAt } from "../RolloutBuilder.ts"
import { group } from "./Suite.ts"

/** The catalog, as a layer over whatever store it is given. */
export class CatalogUnderTest extends Context.Service<
  CatalogUnderTest,
  { readonly under: Layer.Layer<ThreadCatalog, object, RolloutStore | ServerConfig> }
>()("rethread/testing/conformance/CatalogUnderTest") {}

/** What `threadCatalogSuite` is given: a catalog, built anew over the rollouts of each case. */
export const layerOf = (
  under: Layer.Layer<ThreadCatalog, object, RolloutStore | ServerConfig>
): Layer.Layer<CatalogUnderTest> => Layer.succeed(CatalogUnderTest, CatalogUnderTest.of({ under }))

/** What a catalog may lack. `search`: in what was said. `laterLines`: shows what a rollout says after its head. */
export const catalogCapabilities = ["search", "laterLines"] as const
export type CatalogCapability = (typeof catalogCapabilities)[number]

export const onCatalog = (name: string, needs: ReadonlyArray<CatalogCapability> = []) =>
  group<CatalogCapability, CatalogUnderTest>(name, needs)

/** The catalog under test over these rollouts. */
export const catalog = (
  rollouts: ReadonlyArray<RolloutBuilder | MemoryFile>,
  options: MemoryOptions = {}
): Layer.Layer<ThreadCatalog | RolloutStore | MemoryFiles, object, CatalogUnderTest> =>
  Layer.unwrap(
    CatalogUnderTest.use(({ under }) =>
      Effect.succeed(
        Layer.fresh(under).pipe(
          Layer.provideMerge(
            layerWith(
              rollouts.map((r) => ("build" in r ? r.build() : r)),
              options
            )
          ),
          Layer.provide(ServerConfig.layerMemory({ cwd: "/srv" }))
        )
      )
    )
  )

/** Asks for all active threads on one page, newest first. */
export const everything: ThreadQuery = {
  cursor: null,
  limit: 100,
  sortKey: "created_at",
  sortDirection: "desc",
  archived: false,
  modelProviders: null,
  sourceKinds: null,
  cwd: null,
  searchTerm: null,
  parentThreadId: null,
  ancestorThreadId: null,
  excludedThreadIds: []
}

export const t0 = Date.UTC(2026, 2, 1, 10)
export const id = (n: number): string => uuidAt(t0, n)

const asked: ThreadSearch = {
  searchTerm: "",
  cursor: null,
  limit: 25,
  sortKey: "created_at",
  sortDirection: "desc",
  archived: false,
  sourceKinds: null
}

export const list = (query: Partial<ThreadQuery> = {}) =>
  ThreadCatalog.use((catalog) => catalog.list({ ...everything, ...query }))

export const ids = (query: Partial<ThreadQuery> = {}) =>
  Effect.map(list(query), (page) => page.data.map((thread) => thread.id as string))

export const search = (searchTerm: string, options: Partial<ThreadSearch> = {}) =>
  ThreadCatalog.use((catalog) => catalog.search({ ...asked, ...options, searchTerm }))

export const found = (searchTerm: string, options: Partial<ThreadSearch> = {}) =>
  Effect.map(search(searchTerm, options), (page) => page.data.map(({ snippet, thread }) => [thread.id, snippet]))
