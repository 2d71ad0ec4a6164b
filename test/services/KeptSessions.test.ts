/**
 * A thread that was restored once is told again without its rollout being read, for as long as the rollout is the same;
 * wherever sessions are kept.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { TestClock } from "effect/testing"
import { edgeBytes } from "../../src/domain/GrownSession.ts"
import type { SavedText } from "../../src/domain/SavedSession.ts"
import { newestShown, turnPage } from "../../src/domain/TurnPage.ts"
import { layerWith, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { CatalogDatabase } from "../../src/layers/sqlite/CatalogDatabase.ts"
import * as SqliteCheckpoints from "../../src/layers/sqlite/SqliteCheckpoints.ts"
import type { Value } from "../../src/layers/sqlite/Sqlite.ts"
import { Checkpoints } from "../../src/services/Checkpoints.ts"
import * as KeptSessions from "../../src/services/KeptSessions.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { Threads } from "../../src/services/Threads.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { loadWhole } from "../support/Saved.ts"
import { am, C, item, rb, S, script, type Step, U, um } from "../support/Script.ts"
import { server } from "../support/TestServer.ts"

const padding = item("function_call_output", { call_id: "c", output: "x".repeat(400_000) })
const said = [S("t1"), um("hello"), padding, padding, padding, padding, am("hi"), U(7), C("t1")]
const big = script(said).build()

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

interface Kept {
  readonly version: string
  readonly saved: SavedText
}

describe("a session that is kept", () => {
  const other = script(said, { threadId: uuidAt(2, 2) }).build()
  const inMemory = SessionReconstruction.layer.pipe(
    Layer.provideMerge(RolloutParser.layer),
    Layer.provideMerge(layerWith([big, other]))
  )
  const locate = ({ threadId }: typeof big) => RolloutStore.use((store) => store.locate(threadId))

  /** Over the store with some of its ways changed, and one thing that was kept before. */
  const keptOver = Effect.fnUntraced(function* (
    change: (store: RolloutStore["Service"]) => Partial<RolloutStore["Service"]>,
    before: Kept | null = null
  ) {
    const store = yield* RolloutStore
    const puts: Array<Kept> = []
    const asked: Array<number> = []
    const kept = yield* KeptSessions.make.pipe(
      Effect.provideService(RolloutStore, { ...store, ...change(store) }),
      Effect.provideService(Checkpoints, {
        find: () => Effect.succeed(before && { version: before.version, text: before.saved.text }),
        blocks: (_ref, version, from) =>
          Effect.sync(() => {
            asked.push(from)
            return before?.version === version ? before.saved.blocks.slice(from) : null
          }),
        keep: (_, version, saved) => Effect.sync(() => void puts.push({ version, saved }))
      })
    )
    return { kept, puts, asked }
  })

  /** What is kept of the rollout. */
  const remembered = Effect.fnUntraced(function* (
    change: (store: RolloutStore["Service"]) => Partial<RolloutStore["Service"]>
  ) {
    const session = yield* Effect.flatMap(locate(big), (ref) => SessionReconstruction.use((all) => all.restore(ref)))
    const { kept, puts } = yield* keptOver(change)
    yield* kept.remember(session)
    yield* TestClock.adjust("1 second")
    return puts[0] ?? assert.fail("nothing was kept")
  })

  it.effect("cannot go on where its end could not be had, or was another rollout's by then", () =>
    Effect.gen(function* () {
      const ended = yield* remembered(() => ({}))
      assert.strictEqual(loadWhole(ended.saved)?.growth?.bytes, big.bytes.length)
      const changes: ReadonlyArray<Parameters<typeof remembered>[0]> = [
        () => ({ ends: () => Effect.succeed(null) }),
        (store) => ({
          ends: (ref, length) =>
            Effect.map(
              store.ends(ref, length),
              (found) => found && { ...found, stat: { ...found.stat, identity: "another" } }
            )
        })
      ]
      for (const change of changes) {
        const { saved } = yield* remembered(change)
        assert.deepStrictEqual(loadWhole(saved), {
          ...(loadWhole(ended.saved) ?? assert.fail("not loaded")),
          growth: null
        })
      }
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )

  it.effect("is no other thread's, whatever is kept under its name", () =>
    Effect.gen(function* () {
      const { saved, version } = yield* remembered(() => ({}))
      const [here, there] = [yield* locate(big), yield* locate(other)]
      const { kept } = yield* keptOver(
        (store) => ({ stat: (ref) => Effect.map(store.stat(ref), (stat) => ({ ...stat, version })) }),
        { version, saved }
      )
      assert.isNull(yield* kept.recall(there))
      assert.strictEqual((yield* kept.recall(here))?.meta.id, big.threadId)
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )

  it.effect("is read anew when its rollout has grown and it cannot go on", () =>
    Effect.gen(function* () {
      const before = yield* remembered(() => ({ ends: () => Effect.succeed(null) }))
      const { kept } = yield* keptOver(() => ({}), { ...before, version: "of before" })
      assert.isNull(yield* kept.recall(yield* locate(big)))
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )

  it.effect("is kept anew when it has gone on", () =>
    Effect.gen(function* () {
      const before = yield* remembered(() => ({}))
      const steps = script([S("t2"), um("more"), am("done"), U(70), C("t2")])
      yield* MemoryFiles.use((files) => files.append(big.path, steps.build().content.split("\n").slice(1).join("\n")))
      const ref = yield* locate(big)
      const { kept, puts } = yield* keptOver(() => ({}), before)
      const grown = yield* kept.recall(ref)
      assert.deepStrictEqual<unknown>(
        grown?.turns.map(({ id }) => id),
        ["t1", "t2"]
      )
      yield* TestClock.adjust("1 second")
      const { size, version } = yield* RolloutStore.use((store) => store.stat(ref))
      assert.deepStrictEqual(
        puts.map((put) => [put.version, loadWhole(put.saved)?.growth?.bytes]),
        [[version, size]]
      )
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )

  it.effect("is held in memory when it was asked for, up to 16 MiB of turns", () =>
    Effect.gen(function* () {
      const { saved, version } = yield* remembered(() => ({}))
      const ref = yield* locate(big)
      const most = 16 * 1024 * 1024
      for (const [bytes, isHeld] of [
        [most, true],
        [most + 1, false]
      ] as const) {
        // Nobody looks at the items here.
        const text = saved.text.replace(/"end":\d+\}\]\}$/, `"end":${bytes}}]}`)
        const { kept } = yield* keptOver(() => ({}), { version, saved: { text, blocks: [new Uint8Array(bytes)] } })
        const first = yield* kept.recall(ref)
        assert.strictEqual(first?.meta.id, big.threadId)
        assert.strictEqual((yield* kept.recall(ref)) === first, isHeld)
      }
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )

  const many = script(
    Array.from({ length: 8 }, (_, at) => [
      S(`t${at}`),
      um(`${at}`),
      am("y".repeat(150_000)),
      padding,
      C(`t${at}`)
    ]).flat(),
    { threadId: uuidAt(3, 3) }
  ).build()

  it.effect("is told of as far as it is asked for, held as far, and not kept", () =>
    Effect.gen(function* () {
      yield* MemoryFiles.use((files) => files.write({ path: many.path, content: many.content }))
      const session = yield* Effect.flatMap(locate(many), (ref) => SessionReconstruction.use((all) => all.restore(ref)))
      const { kept: first, puts } = yield* keptOver(() => ({}))
      yield* first.remember(session)
      yield* TestClock.adjust("1 second")
      const before = puts[0] ?? assert.fail("nothing was kept")
      const ref = yield* locate(many)
      const { asked, kept, puts: later } = yield* keptOver(() => ({}), before)
      const turns = session.projected.turns.map(({ turn }) => turn)
      for (const limit of [1, 2, 3, 8, 9]) {
        const query = { cursor: null, limit, sortDirection: "desc", itemsView: "full" } as const
        const part = yield* kept.recall(ref, newestShown(query))
        assert.deepStrictEqual(turnPage(part?.turns ?? [], query), turnPage(turns, query), `${limit}`)
        assert.strictEqual(yield* kept.recall(ref, newestShown(query)), part)
      }
      assert.deepStrictEqual(asked, [3, 3, 2, 0])
      assert.strictEqual(yield* kept.recall(ref, 1), yield* kept.recall(ref))

      const { content } = script([S("t8"), um("more"), am("done"), C("t8")]).build()
      yield* MemoryFiles.use((files) => files.append(many.path, content.split("\n").slice(1).join("\n")))
      const { kept: grown, puts: none } = yield* keptOver(() => ({}), before)
      const some = yield* grown.recall(yield* locate(many), 1)
      assert.deepStrictEqual(
        some?.turns.map(({ itemsView }) => itemsView),
        ["notLoaded", "notLoaded", "notLoaded", "notLoaded", "notLoaded", "notLoaded", "full", "full", "full"]
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([later, none], [[], []])

      // What has grown by much is told whole, so that it is kept.
      const large = script([S("t9"), um("more"), am("z".repeat(1024 * 1024)), C("t9")]).build().content
      yield* MemoryFiles.use((files) => files.append(many.path, large.split("\n").slice(1).join("\n")))
      const { kept: whole, puts: all } = yield* keptOver(() => ({}), before)
      const told = yield* whole.recall(yield* locate(many), 1)
      assert.isTrue(told?.turns.every(({ itemsView }) => itemsView === "full"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(all.length, 1)
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )

  it.effect("is read anew when its blocks are gone", () =>
    Effect.gen(function* () {
      const { saved, version } = yield* remembered(() => ({}))
      const { kept } = yield* keptOver(() => ({}), { version, saved: { ...saved, blocks: [] } })
      assert.isNull(yield* kept.recall(yield* locate(big)))
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )

  it.effect("asks for no end of a rollout that is shorter by now, or longer by a lot", () =>
    Effect.gen(function* () {
      const before = yield* remembered(() => ({}))
      const ref = yield* locate(big)
      const asked: Array<number> = []
      const at = (size: number) =>
        Effect.flatMap(
          keptOver(
            (store) => ({
              stat: (ref) => Effect.map(store.stat(ref), (stat) => ({ ...stat, size, version: "another" })),
              ends: (_, { tail }) =>
                Effect.as(
                  Effect.sync(() => asked.push(tail)),
                  null
                )
            }),
            before
          ),
          ({ kept }) => kept.recall(ref)
        )
      const { length } = big.bytes
      const most = 16 * 1024 * 1024
      for (const size of [length - 2000, length - 1, length + most + 1]) assert.isNull(yield* at(size))
      assert.deepStrictEqual(asked, [])
      for (const size of [length, length + most]) assert.isNull(yield* at(size))
      assert.deepStrictEqual(asked, [edgeBytes, most + edgeBytes])
    }).pipe(Effect.scoped, Effect.provide(inMemory))
  )
})

describe("what is kept in the database", () => {
  const ref = { threadId: big.threadId, path: "/r.jsonl", archived: false, segmentId: null }
  const text = "{}"
  const blocks = [new Uint8Array([1, 2, 3]), new Uint8Array([4]), new Uint8Array([5, 6])]
  const damaged = (sql: string, ...values: ReadonlyArray<Value>) =>
    Effect.gen(function* () {
      const checkpoints = yield* Checkpoints
      yield* checkpoints.keep(ref, "v1", { text, blocks })
      yield* CatalogDatabase.use((database) => database.use((on) => on.run(sql, ...values)))
      return { found: yield* checkpoints.find(ref), blocks: yield* checkpoints.blocks(ref, "v1", 1) }
    }).pipe(Effect.provide(SqliteCheckpoints.layerDatabase.pipe(Layer.provideMerge(CatalogDatabase.layerMemory))))

  it.effect("is what was kept last, from any block on", () =>
    Effect.gen(function* () {
      const checkpoints = yield* Checkpoints
      yield* checkpoints.keep(ref, "v0", { text: "[]", blocks: [...blocks, ...blocks] })
      yield* checkpoints.keep(ref, "v1", { text, blocks })
      assert.deepStrictEqual(yield* checkpoints.find(ref), { version: "v1", text })
      for (const from of [0, 1, 2, 3]) {
        assert.deepStrictEqual(yield* checkpoints.blocks(ref, "v1", from), blocks.slice(from))
      }
      assert.isNull(yield* checkpoints.blocks(ref, "v0", 0))
    }).pipe(Effect.provide(SqliteCheckpoints.layerDatabase.pipe(Layer.provideMerge(CatalogDatabase.layerMemory))))
  )

  it.effect("is nothing when its text is damaged", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* damaged("UPDATE checkpoint SET body = ?", "[]")).found, null)
    })
  )

  it.effect("is no block when one of those that are asked for is damaged, missing or of another version", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array([5, 7])
      assert.isNull((yield* damaged("UPDATE checkpoint_block SET bytes = ? WHERE number = 2", bytes)).blocks)
      assert.isNull((yield* damaged("DELETE FROM checkpoint_block WHERE number = 1")).blocks)
      assert.isNull((yield* damaged("UPDATE checkpoint_block SET version = ? WHERE number = 2", "v2")).blocks)
      const other = yield* damaged("UPDATE checkpoint_block SET bytes = ? WHERE number = 0", bytes)
      assert.deepStrictEqual(other.blocks, blocks.slice(1))
    })
  )
})
