import { it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { layer as memory, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { rolloutStoreSuite, StoreFiles } from "../../src/testing/conformance/RolloutStoreSuite.ts"
import { CapabilityMissing, register } from "../../src/testing/conformance/Suite.ts"

const missing = (capability: string) => Effect.die(new CapabilityMissing({ capability }))

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
        symlink: () => missing("symlinks"),
        compress: () => missing("compressed")
      })
    )
  )
)

register(
  it,
  { ...rolloutStoreSuite, name: "MemoryRolloutStore" },
  {
    layer: files.pipe(Layer.provideMerge(memory())),
    missing: ["symlinks", "compressed"]
  }
)
