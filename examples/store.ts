/**
 * A store of your own: what keeps threads is one service, `RolloutStore`, which finds, reads and writes files of bytes and
 * knows nothing of what is in them. A whole new one (a database, an object store) provides all of its functions. Often it
 * is enough to stand before another: this one lets a thread grow to a limit, and no further.
 *
 *     node examples/store.ts
 *
 * What every store must do is written down as tests; this one passes them all (`examples/store.test.ts`).
 */
import { Console, Effect, Layer, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { pathToFileURL } from "node:url"
import * as Rethread from "rethread"
import { RolloutStore, RolloutStoreError, RolloutWriteFailed } from "rethread"
import { MemoryRolloutStore } from "rethread/layers/memory"
import { RolloutBuilder } from "rethread/testing"

const bytesOf = (lines: ReadonlyArray<string>): number =>
  lines.reduce((sum, line) => sum + new TextEncoder().encode(line).length + 1, 0)

/** Stands before a store, and refuses what would make a rollout larger than `maxBytes`. */
export const layerLimited = (maxBytes: number): Layer.Layer<RolloutStore, never, RolloutStore> =>
  Layer.effect(
    RolloutStore,
    Effect.map(RolloutStore, (store) => {
      const detail = `a thread may have ${maxBytes} bytes; fork it without its first turns, or raise the limit`

      /** A new rollout is refused before the store has all of it: it appears whole or not at all. */
      const create: RolloutStore["Service"]["create"] = (rollout, content) => {
        const tooLarge = new RolloutStoreError({ operation: "create", path: rollout.threadId, detail })
        let size = 0
        const checked = Stream.mapEffect(content, (chunk) => {
          size += chunk.length
          return size > maxBytes ? Effect.fail(tooLarge) : Effect.succeed(chunk)
        })
        return store.create(rollout, checked)
      }

      /** A writer is the store's own, with a look at the size before each append. */
      const writer: RolloutStore["Service"]["writer"] = Effect.fnUntraced(function* (ref, options) {
        const inner = yield* store.writer(ref, options)
        // Where it is now: opening a packed rollout unpacks it.
        let { size } = yield* store.stat(yield* Effect.orElseSucceed(store.locate(ref.threadId), () => ref))
        return {
          append: Effect.fnUntraced(function* (lines) {
            size += bytesOf(lines)
            if (size > maxBytes) return yield* new RolloutWriteFailed({ path: ref.path, reason: "diskFull", detail })
            yield* inner.append(lines)
          })
        }
      })

      return RolloutStore.of({ ...store, create, writer })
    })
  )

const saved = RolloutBuilder.rollout().turn({ user: "Hello", usage: true }).build()

/** Room for about one more turn. */
const Store = layerLimited(saved.bytes.length + 4000).pipe(Layer.provide(MemoryRolloutStore.layerWith([saved])))

const program = Effect.gen(function* () {
  const store = yield* RolloutStore
  const ref = yield* store.locate(saved.threadId)
  const writer = yield* store.writer(ref)
  yield* writer.append([JSON.stringify({ type: "note", payload: "x".repeat(1000) })])
  yield* Console.log("a line fits")
  const refused = yield* Effect.flip(writer.append([JSON.stringify({ type: "note", payload: "x".repeat(4000) })]))
  yield* Console.log(refused.message.replace(ref.path, "…"))
  const { thread } = yield* Rethread.Threads.use((threads) => threads.read(saved.threadId))
  yield* Console.log(`the thread still has ${thread.turns.length} turn: ${thread.preview}`)
})

const Server = Rethread.layer.pipe(
  Layer.provideMerge(Store),
  Layer.provide([Rethread.ServerConfig.layerMemory(), SecureRandom.layerWebCrypto])
)

// Imported by its test, this module only gives the layer.
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Server)))
}
