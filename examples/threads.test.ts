/**
 * Tests of a thread server with swapped layers: the same test over a store in memory and over files, and the same server
 * with an agent that answers, and one that fails. No test waits for real time.
 *
 *     npx vitest run examples
 */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option, Result, Stream } from "effect"
import * as Rethread from "rethread"
import { CodexHomeStore } from "rethread/layers/codex-home"
import { MemoryRolloutStore } from "rethread/layers/memory"
import { ScriptedAgent } from "rethread/layers/scripted"
import { DeterministicIds, RolloutBuilder, Testing } from "rethread/testing"

const saved = RolloutBuilder.rollout().turn({ user: "Hello", usage: true }).build()

/** What the tests need beside the layer that they are about; ids are the same in every run. */
const Common = Layer.mergeAll(Rethread.ServerConfig.layerMemory(), DeterministicIds.layer())

// Swap where threads live.

/** A Codex home in a folder of its own, which goes away with the test. */
const OnDisk = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const home = yield* fs.makeTempDirectoryScoped({ prefix: "rethread-example-" })
    yield* fs.makeDirectory(`${home}/${saved.path.slice(0, saved.path.lastIndexOf("/"))}`, { recursive: true })
    yield* fs.writeFile(`${home}/${saved.path}`, saved.bytes)
    return CodexHomeStore.layer({ home })
  })
).pipe(Layer.provide([NodeServices.layer, DeterministicIds.layer()]), Layer.orDie)

/** Layers of different make, as what they all are. */
const stores: Readonly<Record<string, Layer.Layer<Rethread.RolloutStore>>> = {
  memory: MemoryRolloutStore.layerWith([saved]),
  "a Codex home": OnDisk
}

describe.each(Object.entries(stores))("a saved thread in %s", (_, Store) => {
  it.effect("is read with its usage", () =>
    Effect.gen(function* () {
      const { thread, usage } = yield* Rethread.Threads.use((threads) => threads.read(saved.threadId))
      assert.strictEqual(thread.preview, "Hello")
      assert.strictEqual(usage?.info.total.totalTokens, 150n)
      assert.strictEqual(usage?.owner, saved.turnIds[0])
    }).pipe(Effect.provide(Rethread.layer.pipe(Layer.provide(Store), Layer.provide(Common))))
  )
})

/** The store that it stands before, without its list. */
const Unlistable = Layer.effect(
  Rethread.RolloutStore,
  Effect.map(Rethread.RolloutStore, (store) => {
    const broken = new Rethread.RolloutStoreError({ operation: "list", path: "/", detail: "the disk is gone" })
    return Rethread.RolloutStore.of({ ...store, list: () => Stream.fail(broken), survey: () => Effect.fail(broken) })
  })
)

// Swap who runs turns.

const agents = [
  { name: "that answers", agent: ScriptedAgent.layer([ScriptedAgent.message("a", ["Hi"])]), status: "completed" },
  { name: "that fails", agent: ScriptedAgent.layer([[ScriptedAgent.fail("rateLimitExceeded")]]), status: "failed" }
]

describe.each(agents)("a turn with an agent $name", ({ agent, status }) => {
  it.effect(`is ${status}`, () =>
    Effect.gen(function* () {
      // `Testing.layer` is all that is above, and the Codex protocol in the same process; each part may be given.
      const client = yield* Testing.codexClient()
      const { events, thread } = yield* client.resume(saved.threadId)
      yield* client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "Again" }] })
      const statuses = events.pipe(
        Stream.filterMap((event) =>
          event._tag === "Notified" && event.notification.method === "turn/completed"
            ? Result.succeed(event.notification.params.turn.status)
            : Result.failVoid
        )
      )
      assert.deepStrictEqual(yield* Stream.runHead(statuses), Option.some(status))
    }).pipe(Effect.scoped, Effect.provide(Testing.layer({ files: [saved], agent })))
  )
})

// Swap one function of one service.

it.effect("a store that cannot be listed costs the list, and nothing else", () =>
  Effect.gen(function* () {
    const client = yield* Testing.codexClient()
    const refused = yield* Effect.flip(client.request("thread/list", {}))
    assert.strictEqual(refused._tag, "RequestRefused")
    const { thread } = yield* client.resume(saved.threadId)
    assert.strictEqual(thread.preview, "Hello")
  }).pipe(Effect.scoped, Effect.provide(Testing.layer({ files: [saved], store: Unlistable })))
)
