/**
 * A Codex home on disk with small threads in it, and the catalogs over it.
 */
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import * as CodexHomeStore from "../../../src/layers/codex-home/CodexHomeStore.ts"
import * as SqliteThreadCatalog from "../../../src/layers/sqlite/SqliteThreadCatalog.ts"
import { ServerConfig } from "../../../src/services/ServerConfig.ts"
import { ThreadCatalog } from "../../../src/services/ThreadCatalog.ts"
import { id, t0 } from "../../../src/testing/conformance/CatalogUnderTest.ts"
import { rollout } from "../../../src/testing/RolloutBuilder.ts"

/** A home that is gone with the scope. */
export const folder = FileSystem.FileSystem.use((fs) =>
  fs.makeTempDirectoryScoped({ prefix: "rethread-catalog-" })
).pipe(Effect.provide(NodeServices.layer))

export const store = (home: string) =>
  CodexHomeStore.layer({ home }).pipe(
    Layer.provide([NodeServices.layer, SecureRandom.layerWebCrypto]),
    Layer.merge(ServerConfig.layerMemory({ cwd: "/srv" }))
  )
/** The catalog of the home's file, as a process of its own would have it. */
export const sqlite = (home: string) => Layer.fresh(Layer.provide(SqliteThreadCatalog.layer({ home }), store(home)))
/** The catalog that knows the rollouts alone. */
export const memory = (home: string) => Layer.fresh(Layer.provide(ThreadCatalog.layer, store(home)))

/** The thread with this number, which says so. */
export const thread = (n: number) =>
  rollout({ threadId: id(n), createdAt: t0 + n * 1000 }).turn({ user: `words of ${n}` })

/** Puts that thread into the home; where it would lie unpacked. */
export const put = (home: string, n: number, packed = false): string => {
  const { bytes, path } = thread(n).build()
  const file = join(home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(packed ? `${file}.zst` : file, packed ? zstdCompressSync(bytes) : bytes)
  return file
}
