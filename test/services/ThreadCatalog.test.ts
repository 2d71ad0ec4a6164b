import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { layerWith, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import { ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import { list } from "../../src/testing/conformance/CatalogUnderTest.ts"
import { register } from "../../src/testing/conformance/Suite.ts"
import { layerOf, threadCatalogSuite } from "../../src/testing/conformance/ThreadCatalogSuite.ts"

register(it, { ...threadCatalogSuite, name: "ThreadCatalog in memory" }, { layer: layerOf(ThreadCatalog.layer) })

describe("ThreadCatalog in memory", () => {
  it.effect("reads a rollout once for its head and once for its page, per version", () => {
    let reads = 0
    const counting = Layer.effect(
      RolloutStore,
      RolloutStore.use((store) =>
        Effect.succeed({
          ...store,
          read: (ref) => {
            reads++
            return store.read(ref)
          }
        })
      )
    )
    const file = rollout().turn()
    return Effect.gen(function* () {
      yield* list()
      yield* list({ sortKey: "updated_at" })
      assert.strictEqual(reads, 2)
      const files = yield* MemoryFiles
      yield* files.append(file.build().path, "\n")
      yield* list()
      assert.strictEqual(reads, 4)
    }).pipe(
      Effect.provide(
        ThreadCatalog.layer.pipe(
          Layer.provide(counting),
          Layer.provideMerge(layerWith([file.build()])),
          Layer.provide(ServerConfig.layerMemory())
        )
      )
    )
  })
})
