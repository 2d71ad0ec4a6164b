/**
 * The store of `store.ts` does what every store must, and what it adds. The suite is part of the test kit: it is given a
 * layer, what the layer cannot do, and a way to the files behind it.
 *
 *     npx vitest run examples
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { MemoryRolloutStore } from "rethread/layers/memory"
import { RolloutStore } from "rethread/services"
import { Conformance, RolloutBuilder, RolloutStoreSuite } from "rethread/testing"
import { layerLimited } from "./store.ts"

const lacks = (capability: string) => Effect.die(new Conformance.CapabilityMissing({ capability }))

/** The files of the store behind it. */
const files = Layer.effect(
  RolloutStoreSuite.StoreFiles,
  Effect.map(MemoryRolloutStore.MemoryFiles, ({ append, failAppends, remove, snapshot, write }) => {
    const texts = Effect.map(snapshot, (all) =>
      Array.from(all, ([path, bytes]) => [path, new TextDecoder().decode(bytes)] as const)
    )
    return RolloutStoreSuite.StoreFiles.of({
      home: "/codex-home",
      write: (path, content, modifiedAt) => write({ path, content, modifiedAt }),
      append,
      failAppends,
      remove,
      read: (path) => Effect.map(texts, (all) => new Map(all).get(`/codex-home/${path}`)),
      fingerprint: Effect.map(texts, (all) => JSON.stringify(all.toSorted())),
      symlink: () => lacks("symlinks"),
      compress: () => lacks("compressed")
    })
  })
)

Conformance.register(
  it,
  { ...RolloutStoreSuite.rolloutStoreSuite, name: "examples/store.ts" },
  {
    layer: Layer.merge(layerLimited(64 * 1024 * 1024), files).pipe(Layer.provide(MemoryRolloutStore.layer())),
    missing: ["symlinks", "compressed"]
  }
)

const built = RolloutBuilder.rollout().turn({ user: "Hello" }).build()

it.effect("a rollout that is too large is not begun", () =>
  Effect.gen(function* () {
    const store = yield* RolloutStore
    const { threadId } = built
    const refused = yield* Effect.flip(store.create({ threadId, createdAt: 0 }, Stream.make(built.bytes)))
    assert.include(refused.message, "100 bytes")
    assert.deepStrictEqual(yield* Stream.runCollect(store.list({ archived: false })), [])
  }).pipe(Effect.provide(layerLimited(100).pipe(Layer.provide(MemoryRolloutStore.layer()))))
)
