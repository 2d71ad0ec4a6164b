/**
 * What is remembered of rollouts and for how long, what their ends tell, and what is written to them when writing fails.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { own } from "../../src/domain/Json.ts"
import { layerWith, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { Checkpoints } from "../../src/services/Checkpoints.ts"
import * as KeptSessions from "../../src/services/KeptSessions.ts"
import { RolloutParser } from "../../src/services/RolloutParser.ts"
import { type RolloutRef, RolloutStore } from "../../src/services/RolloutStore.ts"
import { RolloutWriteFailed } from "../../src/services/RolloutWriter.ts"
import { type RestoredSession, SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { withEnd } from "../../src/services/ThreadEnd.ts"
import * as ThreadEntries from "../../src/services/ThreadEntries.ts"
import { Threads } from "../../src/services/Threads.ts"
import * as ToldThreads from "../../src/services/ToldThreads.ts"
import { type BuiltRollout, paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Fold from "../live/Fold.ts"
import { connect, isAbout, type LiveClient, type LiveServerOptions, say, server as liveServer } from "../live/Server.ts"
import { context, KB, long, pad } from "../support/LongRollout.ts"
import { am, C, event, S, script, U, uitem, um } from "../support/Script.ts"
import { server } from "../support/TestServer.ts"

const sessions = (files: ReadonlyArray<BuiltRollout>) =>
  SessionReconstruction.layer.pipe(Layer.provideMerge(RolloutParser.layer), Layer.provideMerge(layerWith(files)))
const locate = ({ threadId }: BuiltRollout) => RolloutStore.use((store) => store.locate(threadId))
const restore = (built: BuiltRollout) =>
  Effect.flatMap(locate(built), (ref) => SessionReconstruction.use((reading) => reading.restore(ref)))

const withServer = <A, E>(options: LiveServerOptions, body: (client: LiveClient) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(liveServer(options))
    const scope = yield* Effect.scope
    const files = yield* Effect.provideContext(MemoryFiles, context)
    const client = yield* connect().pipe(Effect.provideContext(context), Scope.provide(scope))
    return { answer: yield* body(client), files: yield* files.snapshot }
  }).pipe(Effect.scoped)

describe("the end of a long rollout", () => {
  const { threadId } = script([]).build()
  const named = (thread_id: string) => event("thread_name_updated", { thread_id, thread_name: "at the end" })

  it.effect("tells of a name that the beginning does not know, and nothing where it cannot be had", () => {
    const built = script([...long, named(threadId)]).build()
    return Effect.gen(function* () {
      const store = yield* RolloutStore
      const ref = yield* locate(built)
      const { thread } = yield* Threads.use((threads) => threads.read(built.threadId))
      const before = { ...thread, name: "before" }
      assert.deepStrictEqual(yield* withEnd(store, ref, before), { ...before, name: "at the end" })
      const packed: RolloutStore["Service"] = { ...store, ends: () => Effect.succeed(null) }
      assert.deepStrictEqual(yield* withEnd(packed, ref, before), before)
    }).pipe(Effect.provide(server([built])))
  })

  it.effect("leaves a name that it does not know of, or that is another thread's", () => {
    const built = script([...long, named("00000000-0000-7000-8000-0000000000ff")]).build()
    return Effect.gen(function* () {
      const store = yield* RolloutStore
      const { thread } = yield* Threads.use((threads) => threads.read(built.threadId))
      const before = { ...thread, name: "before" }
      assert.deepStrictEqual(yield* withEnd(store, yield* locate(built), before), before)
    }).pipe(Effect.provide(server([built])))
  })
})

describe("a thread in a list", () => {
  it.effect("that knows no directory is shown in the server's", () => {
    const built = script([]).build()
    return Effect.gen(function* () {
      const { thread } = yield* Threads.use((threads) => threads.read(built.threadId))
      const shownIn = (cwd: string) =>
        ThreadEntries.shown({ ...thread, cwd }, { facts: null, name: undefined, cwd: "/served" }).cwd
      assert.deepStrictEqual(["", "/its/own"].map(shownIn), ["/served", "/its/own"])
    }).pipe(Effect.provide(server([built])))
  })
})

describe("a glimpse of a rollout", () => {
  const glimpse = (content: BuiltRollout) =>
    Effect.flatMap(locate(content), (ref) => SessionReconstruction.use((reading) => reading.glimpse(ref))).pipe(
      Effect.provide(sessions([content]))
    )
  const changed = (change: (content: string) => string): BuiltRollout => {
    const built = script(long).build()
    const content = change(built.content)
    return { ...built, content, bytes: new TextEncoder().encode(content) }
  }

  it.effect("sees a byte order mark, and takes nothing else for one", () =>
    Effect.gen(function* () {
      const marked = yield* glimpse(changed((content) => `\ufeff${content}`))
      assert.strictEqual(marked?.hasByteOrderMark, true)
      const blank = yield* glimpse(changed((content) => content.replace("\n", "\n\n")))
      assert.strictEqual(blank?.hasByteOrderMark, false)
      assert.strictEqual((yield* glimpse(script(long).build()))?.hasByteOrderMark, false)
    })
  )

  it.effect("knows figures however their line is spaced", () =>
    Effect.gen(function* () {
      const spaced = yield* glimpse(
        changed((content) => content.replaceAll('"rate_limits":null', ' "rate_limits" : null , "carried_over" : null'))
      )
      assert.deepStrictEqual(spaced?.usage, (yield* glimpse(script(long).build()))?.usage)
    })
  )

  it.effect("does not stand in for the whole where a copy ends at a turn of the middle", () => {
    const source = script(
      [1, 2].flatMap((n) => [
        S(`T${n}`),
        context("gpt-5.4"),
        uitem(`question ${n}`),
        um(`question ${n}`),
        pad(900 * KB),
        am(`answer ${n}`),
        U(100 * n),
        C(`T${n}`)
      ])
    ).build()
    return withServer({ files: [source] }, (client) =>
      Effect.gen(function* () {
        const fork = yield* client.ask("thread/fork", { threadId: source.threadId, lastTurnId: "T1" })
        assert.deepStrictEqual(
          Fold.seenIn(fork).turns.map(({ id }) => id),
          ["T1"]
        )
      })
    )
  })
})

describe("a copy of a whole long rollout", () => {
  it.effect("reads it once: its ends tell all else", () => {
    const source = script(long).build()
    let reads = 0
    const store: NonNullable<LiveServerOptions["store"]> = (made) => ({
      ...made,
      read: (ref) =>
        Stream.suspend(() => {
          if (ref.threadId === source.threadId) reads++
          return made.read(ref)
        })
    })
    return withServer({ files: [source], store }, (client) =>
      Effect.gen(function* () {
        const { turns } = Fold.seenIn(yield* client.ask("thread/fork", { threadId: source.threadId }))
        assert.lengthOf(turns, 5)
        assert.strictEqual(reads, 1)
      })
    )
  })

  it.effect("has all of it also where its ends tell too little of what it ends with", () => {
    // An implied turn behind items has to be read to know its name.
    const source = script([uitem("first"), um("first"), uitem("second"), um("second"), ...long]).build()
    return withServer({ files: [source] }, (client) =>
      Effect.gen(function* () {
        const { turns } = Fold.seenIn(yield* client.ask("thread/fork", { threadId: source.threadId }))
        assert.deepStrictEqual<unknown>(
          turns.map(({ id }) => id),
          ["rollout-3", "rollout-5", "T1", "T2", "T3", "T4", "T5"]
        )
      })
    )
  })
})

describe("a fork of a paginated thread", () => {
  it.effect("spends on its own account from its first line on, whatever its clock says", () => {
    const real = { total: { input: 100, total: 130 }, last: { input: 100, total: 130 } }
    const source = paginated().turn({ id: "T1", usage: real })
    const fork = source
      .fork()
      .turn({ id: "T2", usage: { total: { input: 300, total: 390 }, last: { input: 200, total: 260 } } })
      .build()
    const early = fork.content.replaceAll(/"started_at":\d+/g, '"started_at":1')
    const file = { ...fork, content: early, bytes: new TextEncoder().encode(early) }
    return Effect.gen(function* () {
      const { projected } = yield* restore(file)
      assert.strictEqual(projected.usage?.info.total.totalTokens, 390n)
      assert.strictEqual(projected.usage?.inherited?.totalTokens, 130n)
    }).pipe(Effect.provide(sessions([source.build(), file])))
  })
})

describe("sessions that are kept", () => {
  const big = script(long).build()
  const small = rollout({ createdAt: Date.UTC(2026, 2, 2) })
    .turn({ id: "T1" })
    .build()

  const keeping = <A, E, R>(body: (kept: KeptSessions.KeptSessions, puts: Array<string>) => Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const puts: Array<string> = []
      const checkpoints: Checkpoints["Service"] = {
        find: () => Effect.succeed(null),
        blocks: () => Effect.succeed(null),
        keep: (ref: RolloutRef) => Effect.sync(() => void puts.push(ref.path))
      }
      const kept = yield* KeptSessions.make.pipe(Effect.provideService(Checkpoints, checkpoints))
      return yield* body(kept, puts)
    })

  it.effect("are kept once for each version, a moment later, and not when they are small", () =>
    Effect.gen(function* () {
      const [session, other] = [yield* restore(big), yield* restore(small)]
      const { path } = session.ref
      yield* keeping((kept, puts) =>
        Effect.gen(function* () {
          yield* kept.remember(session)
          yield* kept.remember(other)
          assert.deepStrictEqual(puts, [])
          yield* TestClock.adjust("250 millis")
          assert.deepStrictEqual(puts, [path])
          yield* kept.remember(session)
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(puts, [path])
          yield* kept.remember({ ...session, stat: { ...session.stat, version: "another" } })
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(puts, [path, path])
        })
      )
    }).pipe(Effect.scoped, Effect.provide(sessions([big, small])))
  )

  it.effect("are held in memory for who asks next, as long as the rollout is the same", () =>
    Effect.gen(function* () {
      const session = yield* restore(big)
      yield* keeping((kept) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* kept.recall(session.ref), null)
          yield* kept.remember(session)
          yield* TestClock.adjust("1 second")
          const held = yield* kept.recall(session.ref)
          assert.strictEqual(held?.meta.id, big.threadId)
          assert.strictEqual(yield* kept.recall(session.ref), held)
          const files = yield* MemoryFiles
          yield* files.append(big.path, "{}\n")
          assert.strictEqual(yield* kept.recall(session.ref), null)
        })
      )
    }).pipe(Effect.scoped, Effect.provide(sessions([big])))
  )
})

describe("threads that were told of", () => {
  it.effect("are forgotten in the order in which they were told last", () => {
    const builds = [1, 2, 3].map((day) =>
      rollout({ createdAt: Date.UTC(2026, 3, day) })
        .turn({ id: "T1" })
        .build()
    )
    return Effect.gen(function* () {
      const [a, b, c] = yield* Effect.forEach(builds, restore)
      if (a === undefined || b === undefined || c === undefined) return assert.fail("not restored")
      const known = (told: ToldThreads.ToldThreads) =>
        [a, b, c].map(({ ref, stat }) => told.recall(ref, stat.version) !== undefined)
      const after = (...order: ReadonlyArray<RestoredSession>) => {
        const told = ToldThreads.make(2)
        for (const session of order) told.keep(session)
        return known(told)
      }
      assert.deepStrictEqual(after(a, b), [true, true, false])
      assert.deepStrictEqual(after(a, b, c), [false, true, true])
      assert.deepStrictEqual(after(a, b, a, c), [true, false, true])
      const told = ToldThreads.make(2)
      told.keep(a)
      for (let times = 0; times < 2; times++) assert.isDefined(told.recall(a.ref, a.stat.version))
      assert.strictEqual(told.recall(a.ref, "another"), undefined)
      assert.strictEqual(told.recall(a.ref, a.stat.version), undefined)
    }).pipe(Effect.provide(sessions(builds)))
  })
})

describe("a thread that writes", () => {
  const source = rollout().turn({ id: "T1" }).build()
  const { threadId } = source
  const turn = Effect.fnUntraced(function* (client: LiveClient, text: string) {
    const from = client.log.length
    yield* client.ask("turn/start", { threadId, input: say(text) })
    yield* client.until(isAbout("turn/completed", threadId), from)
  })

  it.effect("can be archived: it lets go of its rollout first", () =>
    withServer({ files: [source], agent: Scripted.layer([Scripted.message("m", ["answer"])]) }, (client) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        yield* turn(client, "two")
        yield* client.ask("thread/archive", { threadId })
        const archived = own(yield* client.ask("thread/list", { archived: true }), "data")
        assert.lengthOf(Array.isArray(archived) ? archived : [], 1)
      })
    )
  )

  /** One append fails, and no other. */
  const failing = (nth: number) => {
    let appends = 0
    const store: NonNullable<LiveServerOptions["store"]> = (made) => ({
      ...made,
      writer: (ref, options) =>
        Effect.map(made.writer(ref, options), (writer) => ({
          ...writer,
          append: (lines) =>
            ++appends === nth
              ? Effect.fail(new RolloutWriteFailed({ path: ref.path, reason: "diskFull", detail: "full" }))
              : writer.append(lines)
        }))
    })
    return { store, appends: () => appends }
  }

  it.effect("refuses what is said meanwhile when that cannot be written, and ends the turn", () => {
    const { store } = failing(2)
    const goOn = Deferred.makeUnsafe<void>()
    const agent = Scripted.layer([[Scripted.waitFor(goOn), ...Scripted.message("m", ["lost"])]])
    return withServer({ files: [source], store, agent }, (client) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        yield* client.ask("turn/start", { threadId, input: say("two") })
        const { turns: running } = Fold.seenIn(yield* client.ask("thread/read", { threadId, includeTurns: true }))
        const steering = { threadId, expectedTurnId: running.at(-1)?.id, input: say("and") }
        const refused = yield* client.refused("turn/steer", steering)
        assert.deepInclude(own(refused, "data"), { type: "threadReadOnly", threadId })
        yield* Deferred.succeed(goOn, undefined)
        yield* client.until(isAbout("turn/completed", threadId))
        const { status, turns } = Fold.seenIn(yield* client.ask("thread/read", { threadId, includeTurns: true }))
        assert.deepStrictEqual([status, turns.at(-1)?.status], [{ type: "systemError" }, "failed"])
      })
    )
  })

  it.effect("refuses what it was to record when that cannot be written, and everything after it", () => {
    const { appends, store } = failing(1)
    return withServer({ files: [source], store }, (client) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        for (let times = 0; times < 2; times++) {
          const refused = yield* client.refused("thread/rollback", { threadId, numTurns: 1 })
          assert.deepInclude(own(refused, "data"), { type: "threadReadOnly", threadId })
        }
        assert.strictEqual(appends(), 1)
        const { turns } = Fold.seenIn(yield* client.ask("thread/read", { threadId, includeTurns: true }))
        assert.lengthOf(turns, 1)
      })
    )
  })

  it.effect("keeps its settings when the new ones cannot be written", () => {
    const { store } = failing(1)
    return withServer({ files: [source], store }, (client) =>
      Effect.gen(function* () {
        const { model } = yield* client.ask("thread/resume", { threadId })
        const refused = yield* client.refused("thread/settings/update", { threadId, model: "another" })
        assert.deepInclude(own(refused, "data"), { type: "threadReadOnly", threadId })
        assert.strictEqual(own(yield* client.ask("thread/resume", { threadId }), "model"), model)
      })
    )
  })

  it.effect("and fails once writes nothing any more: there would be a gap before it", () => {
    const { appends, store } = failing(2)
    const agent = Scripted.layer([Scripted.message("m", ["lost"]), Scripted.message("m", ["never"])])
    return Effect.gen(function* () {
      const { files } = yield* withServer({ files: [source], store, agent }, (client) =>
        Effect.gen(function* () {
          yield* client.ask("thread/resume", { threadId })
          yield* turn(client, "two")
          const refused = yield* client.refused("turn/start", { threadId, input: say("three") })
          assert.deepInclude(own(refused, "data"), { type: "threadReadOnly", threadId })
        })
      )
      assert.strictEqual(appends(), 2)
      const written = new TextDecoder().decode(files.get(source.path) ?? files.values().next().value)
      assert.notInclude(written, "lost")
      assert.include(written, "two")
    })
  })
})

describe("an ephemeral thread that takes turns back", () => {
  const agent = Scripted.layer([Scripted.message("m", ["a"]), Scripted.message("m", ["b"])])
  it.effect("was changed when it did so, and is written nowhere", () =>
    withServer({ agent }, (client) =>
      Effect.gen(function* () {
        const started = yield* client.ask("thread/start", { ephemeral: true, historyMode: "paginated" })
        const { id: threadId } = Fold.seenIn(started)
        for (const text of ["one", "two"]) {
          const from = client.log.length
          yield* client.ask("turn/start", { threadId, input: say(text) })
          yield* client.until(isAbout("turn/completed", threadId), from)
        }
        const { turns } = Fold.seenIn(yield* client.ask("thread/read", { threadId, includeTurns: true }))
        yield* TestClock.adjust("1 hour")
        yield* client.ask("thread/revert", { threadId, beforeTurnId: turns[1]?.id })
        const thread = own(yield* client.ask("thread/read", { threadId, includeTurns: true }), "thread")
        assert.strictEqual(Reflect.get(Object(thread), "updatedAt"), 3600)
        assert.lengthOf(Reflect.get(Object(thread), "turns"), 1)
        assert.isTrue(Reflect.get(Object(thread), "ephemeral"))
      })
    ).pipe(Effect.map(({ files }) => assert.strictEqual(files.size, 0)))
  )
})
