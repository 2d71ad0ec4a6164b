/**
 * A process that appends numbered lines to a thread's rollout as fast as it can, and prints each number
 * once its line is acknowledged: to be killed. Arguments: the home, the thread, the first number, and how
 * many bytes the system takes at a time.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, FileSystem, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { writeSync } from "node:fs"
import { ThreadId } from "../../src/domain/Ids.ts"
import { layer } from "../../src/layers/codex-home/CodexHomeStore.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { withShortWrites } from "./FaultyFileSystem.ts"

const [home = "", thread = "", first = "0", pieces = "Infinity"] = process.argv.slice(2)

const files = Layer.effect(
  FileSystem.FileSystem,
  FileSystem.FileSystem.use((fs) => Effect.succeed(withShortWrites(fs, Number(pieces))))
).pipe(Layer.provide(NodeFileSystem.layer))

const program = Effect.gen(function* () {
  const store = yield* RolloutStore
  const writer = yield* store.writer(yield* store.locate(ThreadId.make(thread)))
  for (let number = Number(first); ; number++) {
    yield* writer.append([JSON.stringify({ number, padding: "x".repeat((number * 7919) % 20_000) })])
    writeSync(1, `${number}\n`)
  }
}).pipe(
  Effect.scoped,
  Effect.provide(
    layer({ home }).pipe(Layer.provide(Layer.mergeAll(files, NodePath.layer, SecureRandom.layerWebCrypto)))
  )
)

Effect.runFork(program)
