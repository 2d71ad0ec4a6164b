/**
 * A thread that was restored once is told again without its rollout being read, for as long as the rollout is the same;
 * wherever sessions are kept.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { TestClock } from "effect/testing"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { CatalogDatabase } from "../../src/layers/sqlite/CatalogDatabase.ts"
import * as SqliteCheckpoints from "../../src/layers/sqlite/SqliteCheckpoints.ts"
import { Checkpoints } from "../../src/services/Checkpoints.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { Threads } from "../../src/services/Threads.ts"
import { am, C, item, rb, S, script, type Step, U, um } from "../support/Script.ts"
import { server } from "../support/TestServer.ts"

const padding = item("function_call_output", { call_id: "c", output: "x".repeat(400_000) })
const big = script([S("t1"), um("hello"), padding, padding, padding, padding, am("hi"), U(7), C("t1")]).build()

const inHome = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return SqliteCheckpoints.layer({ home: yield* fs.makeTempDirectoryScoped({ prefix: "rethread-kept-" }) })
  }).pipe(Effect.orDie)
).pipe(Layer.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)))

const kinds: ReadonlyArray<readonly [string, Layer.Layer<Checkpoints>]> = [
  ["in memory", Checkpoints.layerMemory],
  ["in SQLite", SqliteCheckpoints.layerDatabase.pipe(Layer.provide(CatalogDatabase.layerMemory))],
  ["in the file of a home", inHome]
]

/** How often rollouts were read through. */
const counting = () => {
  let reads = 0
  const store = (real: RolloutStore["Service"]): RolloutStore["Service"] => ({
    ...real,
    read: (ref) => {
      reads++
      return real.read(ref)
    }
  })
  return { store, reads: () => reads }
}

const readTurns = Threads.use((threads) => threads.read(big.threadId))

describe.each(kinds)("sessions kept %s", (_, checkpoints) => {
  it.effect("are told again without reading", () => {
    const { reads, store } = counting()
    const twoServers = Effect.gen(function* () {
      const kept = yield* Layer.build(checkpoints)
      const one = server([big], { store }).pipe(Layer.provide(Layer.succeedContext(kept)))
      // It ends before there was time for anything else.
      const first = yield* readTurns.pipe(Effect.provide(one))
      const before = reads()
      const second = yield* readTurns.pipe(Effect.provide(Layer.fresh(one)))
      assert.strictEqual(reads(), before)
      assert.deepStrictEqual(second, first)
    })
    return Effect.scoped(twoServers)
  })

  const appended = (steps: ReadonlyArray<Step>) => script(steps).build().content.split("\n").slice(1).join("\n")
  /** What is told before, and what after something happened to the rollout; with how often it was read for the latter. */
  const changed = (change: (files: MemoryFiles["Service"]) => Effect.Effect<void>) => {
    const { reads, store } = counting()
    return Effect.gen(function* () {
      const first = yield* readTurns
      yield* TestClock.adjust("1 second")
      yield* change(yield* MemoryFiles)
      const before = reads()
      const second = yield* readTurns
      const anew = reads() - before
      // As whoever never saw it reads it.
      const { projected } = yield* SessionReconstruction.use((all) =>
        Effect.flatMap(
          RolloutStore.use((store) => store.locate(big.threadId)),
          all.restore
        )
      )
      assert.deepStrictEqual(
        second.thread.turns.map(({ id, items }) => ({ id, items })),
        projected.turns.map(({ turn }) => ({ id: turn.id, items: turn.items }))
      )
      assert.deepStrictEqual(second.usage?.info.total, projected.usage?.info.total)
      yield* TestClock.adjust("1 second")
      return { added: second.thread.turns.length - first.thread.turns.length, anew }
    }).pipe(Effect.provide(server([big], { store }).pipe(Layer.provide(checkpoints))))
  }

  it.effect("go on with what was appended, without reading the rest", () =>
    Effect.gen(function* () {
      const steps = [S("t2"), um("more"), am("done"), U(70), C("t2")]
      assert.deepStrictEqual(yield* changed((files) => files.append(big.path, appended(steps))), { added: 1, anew: 0 })
    })
  )

  it.effect("are forgotten when what was appended concerns what came before", () =>
    Effect.gen(function* () {
      const { added, anew } = yield* changed((files) => files.append(big.path, appended([rb(1)])))
      assert.strictEqual(added, -1)
      assert.isAbove(anew, 0)
    })
  )

  it.effect("are forgotten when the rollout is another", () =>
    Effect.gen(function* () {
      const other = script([S("t1"), um("hello"), padding, padding, padding, padding, um("what?"), S("t2")]).build()
      const { added, anew } = yield* changed((files) =>
        files.write({ path: big.path, content: `${other.content}${appended([um("more")])}` })
      )
      assert.strictEqual(added, 1)
      assert.isAbove(anew, 0)
    })
  )
})

describe("a row that is damaged", () => {
  it.effect("was not kept", () =>
    Effect.gen(function* () {
      const database = yield* CatalogDatabase
      const checkpoints = yield* Checkpoints
      const ref = { threadId: big.threadId, path: "/r.jsonl", archived: false, segmentId: null }
      const saved = { text: "{}", items: new Uint8Array([1, 2, 3]) }
      yield* checkpoints.keep(ref, "v1", saved)
      assert.deepStrictEqual(yield* checkpoints.find(ref), { version: "v1", saved })
      yield* database.use((sql) => sql.run("UPDATE checkpoint SET items = ?", new Uint8Array([1, 2, 4])))
      assert.isNull(yield* checkpoints.find(ref))
    }).pipe(Effect.provide(SqliteCheckpoints.layerDatabase.pipe(Layer.provideMerge(CatalogDatabase.layerMemory))))
  )
})
