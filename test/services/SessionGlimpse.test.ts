/**
 * What the ends of a long rollout tell is what the whole of it tells, or nothing; and a client that comes by them meets
 * the same thread as one that waits.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FileSystem, Layer, Logger, Path, Schema, Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { TestClock } from "effect/testing"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { layer as codexHome } from "../../src/layers/codex-home/CodexHomeStore.ts"
import { layerWith, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { type RolloutRef, RolloutStore } from "../../src/services/RolloutStore.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import {
  type BuiltRollout,
  paginated,
  type RolloutBuilder,
  type RolloutOptions,
  uuidAt
} from "../../src/testing/RolloutBuilder.ts"
import { isAbout, connect, type LiveClient, type LiveServerOptions, say, server } from "../live/Server.ts"
import { carried, context, guess, KB, long, pad, settings, Story, turn, write } from "../support/LongRollout.ts"
import { am, C, event, rb, S, script, type Step, U, uitem, um } from "../support/Script.ts"

const built = (steps: ReadonlyArray<Step> = long, options: RolloutOptions = {}) => script(steps, options).build()

const reconstruction = SessionReconstruction.layer.pipe(Layer.provideMerge(RolloutParser.layer))
const inMemory = (rollouts: ReadonlyArray<BuiltRollout>) => reconstruction.pipe(Layer.provideMerge(layerWith(rollouts)))
const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, SecureRandom.layerWebCrypto)
const onDisk = (rollouts: ReadonlyArray<BuiltRollout>) =>
  reconstruction.pipe(
    Layer.provideMerge(
      Layer.unwrap(
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          const home = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "rethread-glimpse-" }))
          for (const rollout of rollouts) {
            const file = path.join(home, rollout.path)
            yield* fs.makeDirectory(path.dirname(file), { recursive: true })
            yield* fs.writeFile(file, rollout.bytes)
          }
          return codexHome({ home })
        })
      )
    ),
    Layer.provide(platform)
  )

const refOf = (rollout: BuiltRollout) => RolloutStore.use((store) => store.locate(rollout.threadId))
const glimpseOf = (rollout: BuiltRollout, change: (ref: RolloutRef) => RolloutRef = (ref) => ref) =>
  Effect.flatMap(refOf(rollout), (ref) => SessionReconstruction.use((sessions) => sessions.glimpse(change(ref))))
const glimpseIn = (rollouts: readonly [BuiltRollout, ...ReadonlyArray<BuiltRollout>]) =>
  glimpseOf(rollouts[0]).pipe(Effect.provide(inMemory(rollouts)))

/** The glimpse of a rollout, if there is one, agrees with the whole of it. */
const agree = Effect.fnUntraced(function* (rollout: BuiltRollout, settled: boolean) {
  const found = yield* glimpseOf(rollout)
  if (found === null) return
  const { projected, meta, mode, stat } = yield* Effect.flatMap(refOf(rollout), (ref) =>
    SessionReconstruction.use((sessions) => sessions.restore(ref))
  )
  const figures = ({ info, owner }: NonNullable<typeof projected.usage>) => {
    const { last, modelContextWindow, total } = info
    return { last, modelContextWindow, total, owner }
  }
  assert.deepStrictEqual(figures(found.usage), projected.usage === null ? null : figures(projected.usage))
  assert.strictEqual(found.preview, projected.preview)
  assert.deepStrictEqual([found.meta, found.mode, found.stat], [meta, mode, stat])
  if (settled) assert.deepStrictEqual(found.settings, projected.settings)
})

const story = { head: Story, middle: Story, tail: Story, settled: Schema.Boolean }
const told = ({
  head,
  middle,
  settled,
  tail
}: { [K in "head" | "middle" | "tail"]: typeof Story.Type } & { settled: boolean }) => {
  const parts = [head, middle, tail].map((chapters, part) =>
    chapters.flatMap((chapter, n) => write(chapter, part * 10 + n))
  )
  const [first = [], second = [], third = []] = parts
  const applied = settled ? [settings("/home/dev/elsewhere")] : []
  return built([
    ...turn(0, null),
    ...first,
    pad(1000 * KB),
    ...second,
    pad(900 * KB),
    ...turn("same", 777),
    ...third,
    ...applied
  ])
}

describe("the ends of a rollout", () => {
  it.effect.prop(
    "tell what all of it tells, in memory",
    story,
    (chapters) => {
      const rollout = told(chapters)
      return agree(rollout, chapters.settled).pipe(Effect.provide(inMemory([rollout])))
    },
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "tell what all of it tells, on disk",
    story,
    (chapters) => {
      const rollout = told(chapters)
      return agree(rollout, chapters.settled).pipe(Effect.provide(onDisk([rollout])))
    },
    { arbitrary: { runs: 15 } }
  )

  for (const [where, store] of [
    ["in memory", inMemory],
    ["on disk", onDisk]
  ] as const) {
    it.effect(`are enough for a long rollout (${where})`, () => {
      const rollout = built()
      return Effect.gen(function* () {
        const found = yield* glimpseOf(rollout)
        assert.strictEqual(found?.usage.owner, "T5")
        assert.strictEqual(found?.usage.info.total.totalTokens, 150n)
        assert.strictEqual(found?.preview, "question 1")
        assert.strictEqual(found?.meta.id, rollout.threadId)
        assert.isTrue(found?.endsLine)
        assert.isFalse(found?.hasByteOrderMark)
        yield* agree(rollout, false)
      }).pipe(Effect.provide(store([rollout])))
    })
  }

  it.effect("are enough for a long paginated rollout", () => {
    const work = (builder: RolloutBuilder) => pad(900 * KB)(builder)
    const rollout = paginated().turn({ usage: true, work }).turn({ usage: true, work }).turn({ usage: true }).build()
    return Effect.gen(function* () {
      const found = yield* glimpseOf(rollout)
      assert.strictEqual<unknown>(found?.usage.owner, rollout.turnIds[2])
      assert.strictEqual(found?.mode, "paginated")
      yield* agree(rollout, false)
    }).pipe(Effect.provide(inMemory([rollout])))
  })

  const other = script(long, { threadId: uuidAt(2, 2), createdAt: Date.UTC(2026, 1, 1) })
  const history = long.reduce((builder, step) => step(builder), paginated({ threadId: uuidAt(3, 3) }))
  for (const [what, ...rollouts] of [
    ["is short", built([...turn(1), ...turn(2)])],
    ["is a fork", other.fork().build(), other.build()],
    ["goes on from a base", long.reduce((builder, step) => step(builder), history.revert()).build(), history.build()],
    ["ends in a rollback", built([...long, rb(1)])],
    ["has a rollback in its last turn", built([...long, S("T6"), rb(1), context("m"), U(500), C("T6")])],
    ["ends in what was carried over", built([...long, carried])],
    ["ends in a guess", built([...long, S("T6"), context("m"), guess, C("T6")])],
    ["has its last figures in a turn that is only implied", built([...long, um("and"), am("so"), U(500)])],
    [
      "has its last figures in an implied turn behind another",
      built([...long, S("T6"), context("m"), C("T6"), um("and"), am("so"), U(500)])
    ],
    ["has no figures", built([...turn(1, null), pad(900 * KB), ...turn(2, null), pad(900 * KB), ...turn(3, null)])],
    [
      "has figures only in a line that does not count",
      built([...long, S("T6"), context("m"), um("x"), event("token_count", { info: {} }), C("T6")])
    ],
    ["may begin with other words", built([uitem("said"), pad(900 * KB), um("shown"), pad(900 * KB), ...long])],
    ["has nobody's words", built([S("T1"), pad(1900 * KB), S("T2"), context("m"), U(5), C("T2")])],
    ["has no settings at its end", built([...long, S("T6"), um("x"), U(500), C("T6")])]
  ] as const) {
    it.effect(`tell nothing where it ${what}`, () =>
      Effect.gen(function* () {
        assert.isNull(yield* glimpseIn(rollouts))
      })
    )
  }

  it.effect("tell nothing of another thread, or of one that is gone", () =>
    Effect.gen(function* () {
      const rollout = built()
      const other = uuidAt(9, 9)
      const elsewhere = script([], { threadId: other }).build().threadId
      const found = yield* glimpseOf(rollout, (ref) => ({ ...ref, threadId: elsewhere })).pipe(
        Effect.provide(inMemory([rollout]))
      )
      assert.isNull(found)
      for (const store of [inMemory, onDisk]) {
        const gone = glimpseOf(rollout, (ref) => ({ ...ref, path: `${ref.path}.gone` }))
        const packed = glimpseOf(rollout, (ref) => ({ ...ref, path: `${ref.path}.zst` }))
        assert.deepStrictEqual(yield* Effect.all([gone, packed]).pipe(Effect.provide(store([rollout]))), [null, null])
      }
    })
  )

  it.effect("tell whether the last line has an end, and whether a mark comes first", () =>
    Effect.gen(function* () {
      const whole = built()
      const found = yield* glimpseIn([{ ...whole, bytes: whole.bytes, content: `\ufeff${whole.content.trimEnd()}` }])
      assert.isFalse(found?.endsLine)
      assert.isTrue(found?.hasByteOrderMark)
    })
  )
})

/** A server over these rollouts, with as many clients as the case needs. */
const withServer = <A, E>(
  options: LiveServerOptions,
  body: (connected: Effect.Effect<LiveClient>) => Effect.Effect<A, E, MemoryFiles | NotificationDelivery>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server(options))
    const scope = yield* Effect.scope
    const one = connect().pipe(Effect.provideContext(context), Scope.provide(scope))
    return yield* Effect.provideContext(body(one), context)
  }).pipe(Effect.scoped)

const usage = "thread/tokenUsage/updated"
const rollout = built()
const threadId = rollout.threadId
const arriving = { threadId, excludeTurns: true }
const methods = (client: LiveClient, from = 0) =>
  client.log.slice(from).flatMap((one) => (one.kind === "notification" ? [one.method] : [one.kind]))
const threadIn = (result: JsonRecord): JsonRecord => {
  const thread = own(result, "thread")
  return isRecord(thread) ? thread : {}
}
const turnsIn = (result: JsonRecord): ReadonlyArray<unknown> => {
  const turns = own(threadIn(result), "turns")
  return Array.isArray(turns) ? turns : []
}
/** The whole thread: it is there only when all of it was read. */
const whole = (client: LiveClient) => client.ask("thread/read", { threadId, includeTurns: true })

/** A store that lets nobody read a rollout whole, which looks at it first, before the gate is open. */
const gated = () => {
  const gate = Deferred.makeUnsafe<void>()
  const store: LiveServerOptions["store"] = (store) => ({
    ...store,
    stat: (ref) => Effect.andThen(Deferred.await(gate), store.stat(ref))
  })
  return { gate, store }
}

describe("a client that comes without asking for turns", () => {
  it.effect("is answered, then told of the usage once, and nobody else is", () => {
    const { gate, store } = gated()
    return withServer({ files: [rollout], store }, (connected) =>
      Effect.gen(function* () {
        const [client, bystander] = [yield* connected, yield* connected]
        const from = client.log.length
        const result = yield* client.ask("thread/resume", arriving)
        assert.deepStrictEqual(turnsIn(result), [])
        assert.deepStrictEqual(yield* client.ask("thread/loaded/list", {}), { data: [threadId], nextCursor: null })
        yield* Deferred.succeed(gate, undefined)
        assert.lengthOf(turnsIn(yield* whole(client)), 5)
        assert.deepStrictEqual(methods(client, from), ["result", usage, "result", "result"])
        yield* bystander.ask("thread/loaded/list", {})
        assert.notInclude(methods(bystander), usage)
      })
    )
  })

  it.effect("is told what one is told that waits for everything", () =>
    Effect.gen(function* () {
      const seen = (excludeTurns: boolean) =>
        withServer({ files: [rollout] }, (connected) =>
          Effect.gen(function* () {
            const client = yield* connected
            const from = client.log.length
            const result = yield* client.ask("thread/resume", { threadId, excludeTurns })
            yield* whole(client)
            const updates = client.log.slice(from).filter((one) => one.kind === "notification")
            return { result: { ...result, thread: { ...threadIn(result), turns: [] } }, updates }
          })
        )
      assert.deepStrictEqual(yield* seen(true), yield* seen(false))
    })
  )

  it.effect("does not keep another from the whole thread", () =>
    withServer({ files: [rollout] }, (connected) =>
      Effect.gen(function* () {
        const [first, second] = [yield* connected, yield* connected]
        const from = second.log.length
        const [, all] = yield* Effect.all(
          [first.ask("thread/resume", arriving), second.ask("thread/resume", { threadId })],
          { concurrency: "unbounded" }
        )
        assert.lengthOf(turnsIn(all), 5)
        yield* second.ask("thread/loaded/list", {})
        assert.deepStrictEqual(methods(second, from), ["result", usage, "result"])
        assert.strictEqual(methods(first).filter((method) => method === usage).length, 1)
      })
    )
  )

  it.effect("may begin a turn right away: it goes on from all that was", () =>
    withServer({ files: [rollout], agent: Scripted.layer([[...Scripted.message("m0", ["so it is"])]]) }, (connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        yield* client.send("thread/resume", arriving)
        yield* client.ask("turn/start", { threadId, input: say("and now?") })
        yield* client.until(isAbout("turn/completed", threadId))
        const turns = turnsIn(yield* whole(client))
        assert.lengthOf(turns, 6)
        assert.include(JSON.stringify(turns[5]), "so it is")
        const files = yield* Effect.flatMap(MemoryFiles, (files) => files.snapshot)
        const text = new TextDecoder().decode(files.get(`/codex-home/${rollout.path}`))
        assert.isTrue(text.startsWith(rollout.content))
        assert.include(text.slice(rollout.content.length), "and now?")
      })
    )
  )

  const renamed: Step = (builder) =>
    builder.event({ type: "thread_name_updated", thread_id: builder.threadId, thread_name: "another name" })
  const inTheMiddle = (step: Step) => {
    const half = long.length - turn(0).length * 2 - 1
    return built([...long.slice(0, half), step, ...long.slice(half)])
  }
  for (const [what, step, method] of [
    ["a name", renamed, "thread/name/updated"],
    ["settings", settings("/home/dev/elsewhere"), "warning"]
  ] as const) {
    it.effect(`hears later of ${what} in the middle of the rollout`, () =>
      withServer({ files: [inTheMiddle(step)] }, (connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          const from = client.log.length
          yield* client.ask("thread/resume", arriving)
          yield* whole(client)
          assert.deepStrictEqual(methods(client, from), ["result", usage, method, "result"])
        })
      )
    )
  }

  for (const [what, steps, turns, owners] of [
    ["what another process spent", turn(6), 6, ["T5", "T6"]],
    ["nothing that is nobody's any more", [rb(5)], 0, ["T5"]]
  ] as const) {
    it.effect(`hears later of ${what} before the thread was loaded`, () => {
      const { gate, store } = gated()
      return withServer({ files: [rollout], store }, (connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          const from = client.log.length
          yield* client.ask("thread/resume", arriving)
          const more = built(steps).content.split("\n").slice(1).join("\n")
          yield* MemoryFiles.use((files) => files.append(rollout.path, more))
          yield* Deferred.succeed(gate, undefined)
          assert.lengthOf(turnsIn(yield* whole(client)), turns)
          assert.deepStrictEqual(methods(client, from), ["result", ...owners.map(() => usage), "result"])
          const told = client.log.filter(isAbout(usage)).map((one) => "params" in one && own(one.params, "turnId"))
          assert.deepStrictEqual<unknown>(told, owners)
        })
      )
    })
  }

  for (const [what, steps] of [
    [
      "a guess in the middle",
      [...turn(1), pad(900 * KB), S("T2"), guess, C("T2"), pad(900 * KB), ...turn(3), ...turn(4)]
    ],
    ["settings at the beginning", [settings("/home/dev/elsewhere"), ...long]]
  ] as const) {
    it.effect(`is told nothing twice because of ${what}`, () =>
      withServer({ files: [built(steps)] }, (connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          const from = client.log.length
          const result = yield* client.ask("thread/resume", arriving)
          const all = yield* whole(client)
          assert.deepStrictEqual(methods(client, from), ["result", usage, "result"])
          for (const key of ["cwd", "model", "preview", "updatedAt"]) {
            assert.strictEqual(own(threadIn(result), key), own(threadIn(all), key), key)
          }
        })
      )
    )
  }

  it.effect("leaves nothing behind when it leaves at once", () =>
    withServer({ files: [rollout] }, (connected) =>
      Effect.gen(function* () {
        const [client, other] = [yield* connected, yield* connected]
        yield* client.send("thread/resume", arriving)
        yield* client.leave
        assert.lengthOf(turnsIn(yield* whole(other)), 5)
        const delivery = yield* NotificationDelivery
        assert.deepStrictEqual(yield* delivery.subscribers(threadId), [])
        assert.lengthOf(turnsIn(yield* other.ask("thread/resume", { threadId })), 5)
      })
    )
  )

  it.effect("hears that the thread is closed when its rollout vanishes before it was read", () => {
    return withServer(
      {
        files: [rollout],
        // Read whole, a rollout is looked at first.
        store: (store, files) => ({
          ...store,
          stat: (ref) => Effect.andThen(files.remove(ref.path), store.stat(ref))
        })
      },
      (connected) =>
        Effect.gen(function* () {
          const client = yield* connected
          yield* client.ask("thread/resume", arriving)
          // Nobody waits for the thread: it is loaded after a moment.
          yield* Effect.raceFirst(
            client.until(isAbout("thread/closed", threadId)),
            Effect.forever(TestClock.adjust("50 millis"))
          )
          assert.deepStrictEqual(yield* client.ask("thread/loaded/list", {}), { data: [], nextCursor: null })
          yield* client.refused("turn/start", { threadId, input: say("anybody?") })
        })
    ).pipe(Effect.provide(Logger.layer([])))
  })
})
