import { Effect, Layer } from "effect"
import { layer as memory, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { rolloutStoreSuite } from "../conformance/RolloutStoreSuite.ts"
import { StoreFiles } from "../conformance/StoreFiles.ts"

const files = Layer.effect(
  StoreFiles,
  MemoryFiles.use((files) =>
    Effect.succeed(
      StoreFiles.of({
        home: "/codex-home",
        write: (path, content, modifiedAt) => files.write({ path, content, modifiedAt }),
        append: files.append,
        remove: files.remove,
        read: (path) =>
          Effect.map(files.snapshot, (all) => {
            const bytes = all.get(`/codex-home/${path}`)
            return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8")
          }),
        failAppends: files.failAppends,
        fingerprint: Effect.map(files.snapshot, (all) =>
          JSON.stringify(Array.from(all, ([path, bytes]) => [path, Buffer.from(bytes).toString("base64")]).sort())
        ),
        symlink: () => Effect.die("the memory store has no links"),
        compress: () => new Uint8Array()
      })
    )
  )
)

rolloutStoreSuite("MemoryRolloutStore", () => Layer.fresh(files.pipe(Layer.provideMerge(memory()))), {
  symlinks: false,
  compression: false
})
