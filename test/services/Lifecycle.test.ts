/**
 * Coming to a thread: cold resume, rejoin, by path, by history, with several connections. Forks have
 * their own file.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import { ThreadId } from "../../src/domain/Ids.ts"
import { sandboxPolicy } from "../../src/domain/ThreadSettings.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { ThreadLifecycle } from "../../src/services/ThreadLifecycle.ts"
import { Threads } from "../../src/services/Threads.ts"
import type { RolloutOptions } from "../../src/testing/RolloutBuilder.ts"
import { uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { aitem, am, C, event, item, raw, S, script, statuses, type Step, U, uitem, um } from "../support/Script.ts"
import {
  attach,
  client,
  fileOf,
  fork,
  hashes,
  now,
  resume,
  resumeOf,
  resumeRequest,
  server,
  textOf
} from "../support/TestServer.ts"

const usage = "thread/tokenUsage/updated"
const finished: ReadonlyArray<Step> = [S("T1"), uitem("one"), um("one"), aitem("a"), am("a"), U(150), C("T1")]
const built = (steps = finished, options: RolloutOptions = {}) => script(steps, options).build()
const source = built()
const path = `/codex-home/${source.path}`
const id = source.threadId
const other = built([um("other"), U(900)], { threadId: uuidAt(1, 2) })
const unknown = ThreadId.make(uuidAt(9, 9))

/** A server whose store counts how often a rollout is read from its start; `before` runs ahead of each reading. */
const countingServer = (counts: { reads: number }, before: Effect.Effect<void> = Effect.void) =>
  server([source], {
    store: (store) => ({
      ...store,
      read: (ref) =>
        Stream.unwrap(
          Effect.map(before, () => {
            counts.reads++
            return store.read(ref)
          })
        )
    })
  })

describe("cold resume", () => {
  it.effect("answers with the whole thread, replays its usage, and writes nothing", () =>
    Effect.gen(function* () {
      const before = yield* hashes
      const who = yield* client()
      const { kind, snapshot, warnings } = yield* resume(who, id)
      assert.strictEqual(kind, "cold")
      assert.deepStrictEqual(warnings, [])
      assert.strictEqual(snapshot.thread.id, id)
      assert.strictEqual(snapshot.thread.path, path)
      assert.deepStrictEqual(snapshot.thread.status, { type: "idle" })
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:completed"])
      assert.strictEqual(snapshot.thread.preview, "one")
      assert.deepStrictEqual(yield* who.sequence, ["response", usage])
      assert.deepStrictEqual(yield* hashes, before)
      assert.deepStrictEqual(yield* Threads.use((threads) => threads.loaded), [id])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("is silent where there is nothing to replay", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* resume(who, id)
      assert.strictEqual(snapshot.usage, null)
      assert.deepStrictEqual(yield* who.sequence, ["response"])
    }).pipe(Effect.provide(server([built([um(), am()])])))
  )

  it.effect("serves a thread that only has its first line", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* resume(who, id)
      assert.deepStrictEqual(snapshot.thread.turns, [])
      assert.strictEqual(snapshot.thread.preview, "")
      assert.deepStrictEqual(yield* who.sequence, ["response"])
    }).pipe(Effect.provide(server([built([])])))
  )

  it.effect("tells nobody else", () =>
    Effect.gen(function* () {
      const bystander = yield* client()
      yield* resume(yield* client(), id)
      assert.deepStrictEqual(yield* bystander.settled, [])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("of two at once loads once; both get their response and one replay", () => {
    const counts = { reads: 0 }
    const gate = Deferred.makeUnsafe<void>()
    return Effect.gen(function* () {
      const [first, second] = [yield* client(), yield* client()]
      const [a, b] = yield* Effect.all([resume(first, id), resume(second, id), Deferred.done(gate, Exit.void)], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([a.kind, b.kind].sort(), ["cold", "rejoin"])
      assert.deepStrictEqual(a.snapshot, b.snapshot)
      assert.deepStrictEqual(yield* first.sequence, ["response", usage])
      assert.deepStrictEqual(yield* second.sequence, ["response", usage])
      const afterTwo = counts.reads
      yield* resume(yield* client(), id)
      assert.strictEqual(counts.reads, afterTwo, "a rejoin of an unchanged thread reads nothing")
      yield* Threads.use((threads) => threads.read(id))
      assert.strictEqual(counts.reads, afterTwo, "nor does a look at it")
    }).pipe(Effect.provide(countingServer(counts, Deferred.await(gate))))
  })

  it.effect("costs as many readings for two at once as for one", () => {
    const [one, two] = [{ reads: 0 }, { reads: 0 }]
    return Effect.gen(function* () {
      yield* Effect.flatMap(client(), (who) => resume(who, id)).pipe(Effect.provide(countingServer(one)))
      yield* Effect.gen(function* () {
        const clients = [yield* client(), yield* client(), yield* client()]
        yield* Effect.forEach(clients, (who) => resume(who, id), { concurrency: "unbounded" })
      }).pipe(Effect.provide(countingServer(two)))
      assert.isAbove(one.reads, 0)
      assert.strictEqual(two.reads, one.reads)
    })
  })

  it.effect("an interrupted load leaves the thread loadable", () => {
    const gate = Deferred.makeUnsafe<void>()
    let calls = 0
    return Effect.gen(function* () {
      const who = yield* client()
      const lifecycle = yield* ThreadLifecycle
      const request = resumeRequest({ by: "id", threadId: id })
      const started = Deferred.makeUnsafe<void>()
      const stuck = lifecycle.resume(who.connection, request).pipe(Effect.ensuring(Deferred.done(started, Exit.void)))
      yield* Effect.raceFirst(stuck, Effect.yieldNow)
      yield* Deferred.await(started)
      yield* Deferred.done(gate, Exit.void)
      assert.strictEqual((yield* resume(who, id)).kind, "cold")
    }).pipe(
      Effect.provide(
        countingServer(
          { reads: 0 },
          Effect.suspend(() => (calls++ === 0 ? Deferred.await(gate) : Effect.void))
        )
      )
    )
  })
})

describe("rejoin", () => {
  it.effect("repeats response and replay for the connection that asks again", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const cold = yield* resume(who, id)
      const again = yield* resume(who, id)
      assert.strictEqual(again.kind, "rejoin")
      assert.deepStrictEqual(again.snapshot, cold.snapshot)
      assert.deepStrictEqual(yield* who.sequence, ["response", usage, "response", usage])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("of many connections each gets its own replay and nobody another's", () =>
    Effect.gen(function* () {
      const clients = yield* Effect.replicateEffect(client(), 5)
      yield* Effect.forEach(clients, (who) => resume(who, id))
      for (const who of clients) {
        yield* who.settled
        assert.deepStrictEqual(yield* who.sequence, ["response", usage])
      }
      const heard = yield* NotificationDelivery.use((delivery) => delivery.subscribers(id))
      assert.deepStrictEqual(
        heard,
        clients.map((who) => who.connection.id)
      )
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("subscribes after the replay: later events come once, to every subscriber", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const [first, second] = [yield* client(), yield* client()]
      yield* resume(first, id)
      yield* resume(second, id)
      yield* resume(second, id)
      yield* delivery.publish(id, {
        method: "thread/status/changed",
        params: { threadId: id, status: { type: "idle" } }
      })
      yield* first.settled
      yield* second.settled
      assert.deepStrictEqual(yield* first.sequence, ["response", usage, "thread/status/changed"])
      assert.deepStrictEqual(yield* second.sequence, ["response", usage, "response", usage, "thread/status/changed"])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("shows what another process wrote meanwhile", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, id)
      const more = built([S("T2"), um("two"), U(360), C("T2")])
      yield* MemoryFiles.use((files) => files.append(path, more.content.slice(more.content.indexOf("\n") + 1)))
      const { kind, snapshot } = yield* resume(who, id)
      assert.strictEqual(kind, "rejoin")
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:completed", "T2:completed"])
      assert.deepStrictEqual(
        (yield* who.params(usage)).map((params) => params.turnId),
        ["T1", "T2"]
      )
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("answers from memory when the rollout has vanished", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const cold = yield* resume(who, id)
      yield* MemoryFiles.use((files) => files.remove(path))
      const { kind, snapshot } = yield* resume(who, id)
      assert.strictEqual(kind, "rejoin")
      assert.deepStrictEqual(snapshot, cold.snapshot)
      assert.deepStrictEqual((yield* Threads.use((threads) => threads.read(id))).thread, cold.snapshot.thread)
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("warns of overrides that a loaded thread does not take, and of no others", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, id, { model: "gpt-5.4" })
      const same = yield* resume(who, id, { model: "gpt-5.4", sandbox: sandboxPolicy("read-only") })
      assert.deepStrictEqual(same.warnings, [])
      const differs = yield* resume(who, id, { model: "other", cwd: "/elsewhere" })
      assert.strictEqual(differs.snapshot.settings.model, "gpt-5.4")
      assert.deepStrictEqual(yield* who.sequence, ["response", usage, "response", usage, "response", usage, "warning"])
      const warning = (yield* who.params("warning"))[0]
      assert.strictEqual(warning?.threadId, id)
      assert.match(warning?.message ?? "", /already loaded: model, cwd of this request had no effect/)
    }).pipe(Effect.provide(server([source])))
  )
})

describe("by path", () => {
  it.effect("resumes, and rejoins under the same path, also a relative one", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const cold = yield* resumeOf(who, { by: "path", path, threadId: null })
      assert.strictEqual(cold.kind, "cold")
      assert.strictEqual(cold.snapshot.thread.id, id)
      for (const spelling of [path, source.path]) {
        const again = yield* resumeOf(who, { by: "path", path: spelling, threadId: id })
        assert.strictEqual(again.kind, "rejoin")
        assert.deepStrictEqual(again.snapshot, cold.snapshot)
      }
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("wins over the id of a thread that is not loaded", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* resumeOf(who, { by: "path", path: `/codex-home/${other.path}`, threadId: id })
      assert.strictEqual(snapshot.thread.id, other.threadId)
    }).pipe(Effect.provide(server([source, other])))
  )

  it.effect("is stale when it is not the loaded thread's", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, id)
      const error = yield* Effect.flip(resumeOf(who, { by: "path", path: `/codex-home/${other.path}`, threadId: id }))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.strictEqual(
        error.message,
        `cannot resume running thread ${id} with stale path: requested \`/codex-home/${other.path}\`, active \`${path}\``
      )
    }).pipe(Effect.provide(server([source, other])))
  )

  it.effect("is refused where there is no rollout", () =>
    Effect.gen(function* () {
      const who = yield* client()
      for (const [asked, reason] of [
        ["/codex-home/sessions/none.jsonl", "notFound"],
        ["/codex-home/sessions", "isDirectory"],
        ["/etc/passwd", "outsideHome"],
        ["", "invalid"]
      ] as const) {
        const error = yield* Effect.flip(resumeOf(who, { by: "path", path: asked, threadId: null }))
        assert.deepStrictEqual([error._tag, "reason" in error ? error.reason : null], ["PathRefused", reason])
      }
      assert.deepStrictEqual(yield* who.received, [])
    }).pipe(Effect.provide(server([source])))
  )
})

describe("by history", () => {
  const items = [
    { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "hi" }] }
  ]

  it.effect("makes a new thread of the items, without turns, usage or an announcement", () =>
    Effect.gen(function* () {
      const [who, bystander] = [yield* client(), yield* client()]
      const { kind, snapshot } = yield* resumeOf(who, { by: "history", items, threadId: unknown })
      assert.strictEqual(kind, "history")
      assert.match(snapshot.thread.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      assert.notStrictEqual(snapshot.thread.id, unknown)
      assert.isNull(snapshot.thread.forkedFromId)
      assert.deepStrictEqual(snapshot.thread.turns, [])
      assert.isNull(snapshot.usage)
      assert.strictEqual(snapshot.thread.preview, "hello")
      assert.deepStrictEqual(yield* who.sequence, ["response"])
      assert.deepStrictEqual(yield* bystander.settled, [])
      const lines = (yield* textOf(snapshot.thread)).trimEnd().split("\n")
      assert.deepStrictEqual(
        lines.map((line) => /"type":"(\w+)"/.exec(line)?.[1]),
        ["session_meta", "response_item", "response_item"]
      )
    }).pipe(Effect.provide(server([])))
  )

  it.effect("keeps integers that a double cannot hold", () =>
    Effect.gen(function* () {
      const call = { type: "function_call", name: "f", arguments: "{}", call_id: "c1", big: 9223372036854775807n }
      const { snapshot } = yield* resumeOf(yield* client(), { by: "history", items: [call], threadId: null })
      assert.include(yield* textOf(snapshot.thread), '"big":9223372036854775807')
    }).pipe(Effect.provide(server([])))
  )

  it.effect("is refused when empty, when no items, and for a loaded thread", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, id)
      const fails = (list: ReadonlyArray<unknown>, threadId: ThreadId | null) =>
        Effect.map(Effect.flip(resumeOf(who, { by: "history", items: list, threadId })), (error) => error.message)
      assert.strictEqual(yield* fails([], null), "history must not be empty")
      assert.match(yield* fails([items[0], { role: "user" }], null), /^history\[1\] is no response item/)
      assert.match(yield* fails(items, id), /with history while it is already running/)
    }).pipe(Effect.provide(server([source])))
  )
})

describe("what cannot be resumed", () => {
  const fails = (threadId: ThreadId) =>
    Effect.gen(function* () {
      const who = yield* client()
      const error = yield* Effect.flip(resume(who, threadId))
      // Nothing was sent: neither a response nor a replay.
      assert.deepStrictEqual(yield* who.settled, [])
      assert.deepStrictEqual(yield* Threads.use((threads) => threads.loaded), [])
      return error
    })

  it.effect("an unknown thread", () =>
    Effect.gen(function* () {
      const error = yield* fails(unknown)
      assert.strictEqual(error.message, `no rollout found for thread id ${unknown}`)
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("an archived thread, which can be read", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* fails(id))._tag, "ThreadArchived")
      const { thread } = yield* Threads.use((threads) => threads.read(id))
      assert.deepStrictEqual(statuses(thread.turns), ["T1:completed"])
      assert.deepStrictEqual(thread.status, { type: "notLoaded" })
    }).pipe(Effect.provide(server([built(finished, { archived: true })])))
  )

  it.effect("a rollout of another thread than its name says", () =>
    Effect.gen(function* () {
      const error = yield* fails(unknown)
      assert.strictEqual(error._tag, "ThreadIdMismatch")
      assert.include(error.message, id)
      assert.include(error.message, unknown)
    }).pipe(
      Effect.provide(
        server([{ path: `sessions/2026/03/01/rollout-2026-03-01T10-00-00-${unknown}.jsonl`, content: source.content }])
      )
    )
  )

  for (const [name, content, reason] of [
    ["an empty file", "", "empty"],
    ["newlines only", "\n\r\n\n", "empty"],
    ["a rollout without a session_meta", source.content.slice(source.content.indexOf("\n") + 1), "noSessionMeta"],
    [
      "a history mode of a later version",
      built(finished, { meta: { history_mode: "woven" } }).content,
      "unsupportedHistoryMode"
    ]
  ] as const) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const error = yield* fails(id)
        assert.deepStrictEqual([error._tag, "reason" in error ? error.reason : null], ["RolloutUnreadable", reason])
        assert.include(error.message, path)
      }).pipe(Effect.provide(server([{ path, content }])))
    )
  }
})

describe("connections", () => {
  it.effect("an opt-out silences the replay and the announcement for that connection alone", () =>
    Effect.gen(function* () {
      const deaf = yield* client({ optOut: [usage, "thread/started"] })
      const who = yield* client()
      yield* resume(deaf, id)
      yield* fork(deaf, id)
      assert.deepStrictEqual(yield* deaf.sequence, ["response", "response"])
      yield* fork(who, id)
      yield* who.settled
      assert.deepStrictEqual(yield* who.sequence, ["thread/started", "response", usage, "thread/started"])
      yield* deaf.settled
      assert.deepStrictEqual(yield* deaf.sequence, ["response", "response"])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("a receipt of another connection replays nothing", () =>
    Effect.gen(function* () {
      const lifecycle = yield* ThreadLifecycle
      const [who, stranger] = [yield* client(), yield* client()]
      const attached = yield* lifecycle.resume(who.connection, resumeRequest({ by: "id", threadId: id }))
      yield* lifecycle.replay(yield* stranger.respond(), attached)
      assert.deepStrictEqual(yield* who.settled, [])
      yield* stranger.settled
      assert.deepStrictEqual(yield* stranger.sequence, ["response"])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("one that closes before its response gets no receipt; the thread is there for others", () =>
    Effect.gen(function* () {
      const lifecycle = yield* ThreadLifecycle
      const scope = yield* Scope.make()
      const who = yield* Scope.provide(client(), scope)
      const attached = yield* lifecycle.resume(who.connection, resumeRequest({ by: "id", threadId: id }))
      yield* Scope.close(scope, Exit.void)
      const gone = yield* Effect.flip(who.connection.respond(1, "{}"))
      assert.strictEqual(gone._tag, "ConnectionClosed")
      assert.strictEqual(attached.snapshot.thread.id, id)
      assert.deepStrictEqual(yield* NotificationDelivery.use((delivery) => delivery.subscribers(id)), [])
      assert.strictEqual((yield* resume(yield* client(), id)).kind, "rejoin")
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("one that closes after its response ends its subscription and hurts nobody", () =>
    Effect.gen(function* () {
      const lifecycle = yield* ThreadLifecycle
      const scope = yield* Scope.make()
      const who = yield* Scope.provide(client(), scope)
      const attached = yield* lifecycle.resume(who.connection, resumeRequest({ by: "id", threadId: id }))
      const receipt = yield* who.respond()
      yield* Scope.close(scope, Exit.void)
      yield* lifecycle.follow(yield* lifecycle.replay(receipt, attached))
      assert.deepStrictEqual(yield* NotificationDelivery.use((delivery) => delivery.subscribers(id)), [])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("unsubscribing stops events, not the thread", () =>
    Effect.gen(function* () {
      const delivery = yield* NotificationDelivery
      const who = yield* client()
      yield* resume(who, id)
      assert.isTrue(yield* delivery.unsubscribe(who.connection, id))
      assert.isFalse(yield* delivery.unsubscribe(who.connection, id))
      yield* delivery.publish(id, { method: "thread/closed", params: { threadId: id } })
      yield* who.settled
      assert.deepStrictEqual(yield* who.sequence, ["response", usage])
      assert.deepStrictEqual(yield* Threads.use((threads) => threads.loaded), [id])
    }).pipe(Effect.provide(server([source])))
  )
})

describe("settings", () => {
  const remembering = built(
    [
      (builder) =>
        builder.line("turn_context", {
          cwd: "/of/the/turn",
          approval_policy: "never",
          sandbox_policy: { type: "danger-full-access" },
          model: "remembered-model",
          effort: "high",
          summary: "auto"
        }),
      ...finished
    ],
    { cwd: "/of/the/thread", modelProvider: "remembered-provider" }
  )
  const configured = {
    model: "configured-model",
    approvalPolicy: "untrusted",
    approvalsReviewer: "auto_review",
    reasoningEffort: "low"
  } as const

  it.effect("request, then thread, then configuration, then defaults", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* resume(yield* client(), id, { cwd: "/of/the/request" })
      const { settings, thread } = snapshot
      assert.strictEqual(settings.cwd, "/of/the/request")
      assert.strictEqual(settings.model, "remembered-model")
      assert.strictEqual(settings.modelProvider, "remembered-provider")
      assert.strictEqual(settings.reasoningEffort, "high")
      assert.strictEqual(settings.approvalPolicy, "never")
      assert.strictEqual(settings.approvalsReviewer, "auto_review")
      assert.deepStrictEqual(settings.sandbox, sandboxPolicy("read-only"))
      assert.deepStrictEqual(
        [thread.cwd, thread.model, thread.modelProvider, thread.reasoningEffort],
        ["/of/the/request", "remembered-model", "remembered-provider", "high"]
      )
    }).pipe(Effect.provide(server([remembering], { settings: configured })))
  )

  it.effect("the context window of the configuration is the one that is replayed", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* resume(who, id)
      assert.strictEqual(snapshot.usage?.info.modelContextWindow, 1000n)
      assert.strictEqual((yield* who.params(usage))[0]?.tokenUsage.modelContextWindow, 1000n)
    }).pipe(Effect.provide(server([source], { settings: { modelContextWindow: 1000n } })))
  )

  it.effect("those of a fork are remembered for its next server", () =>
    Effect.gen(function* () {
      const overrides = { model: "forked-model", sandbox: sandboxPolicy("workspace-write"), cwd: "/forked" }
      const { snapshot } = yield* fork(yield* client(), id, { overrides })
      const text = yield* textOf(snapshot.thread)
      const next = yield* Effect.gen(function* () {
        return (yield* resume(yield* client(), snapshot.thread.id)).snapshot
      }).pipe(Effect.provide(server([{ path: snapshot.thread.path ?? "", content: text }])))
      assert.deepStrictEqual(next.settings, snapshot.settings)
      assert.strictEqual(next.settings.model, "forked-model")
      assert.deepStrictEqual(next.settings.sandbox, sandboxPolicy("workspace-write"))
      assert.strictEqual(next.thread.cwd, "/forked")
    }).pipe(Effect.provide(server([source])))
  )
})

describe("a line that only looks like an item", () => {
  it.effect("does not count in the ids of implied turns", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* resume(yield* client(), id)
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["rollout-1:completed", "rollout-2:completed"])
      assert.strictEqual(snapshot.usage?.owner, "rollout-2")
    }).pipe(
      Effect.provide(server([built([um("one"), item("function_call", { pad: "x".repeat(80) }), um("two"), U(150)])]))
    )
  )
})

describe("a torn tail", () => {
  it.effect("is left out, and stays in the file", () =>
    Effect.gen(function* () {
      const before = yield* fileOf({ path })
      const { snapshot } = yield* resume(yield* client(), id)
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:completed"])
      assert.strictEqual(snapshot.usage?.owner, "T1")
      assert.deepStrictEqual(yield* fileOf({ path }), before)
    }).pipe(Effect.provide(server([built([...finished, raw('{"timestamp":"2026')])])))
  )

  it.effect("a complete last line without its newline counts", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* resume(yield* client(), id)
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:completed"])
    }).pipe(Effect.provide(server([{ path, content: source.content.trimEnd() }])))
  )

  it.effect("a name that the rollout tells is the thread's, a source's name is not its fork's", () =>
    Effect.gen(function* () {
      const who = yield* client()
      assert.strictEqual((yield* resume(who, id)).snapshot.thread.name, "My thread")
      assert.isNull((yield* fork(who, id)).snapshot.thread.name)
    }).pipe(
      Effect.provide(
        server([built([...finished, event("thread_name_updated", { thread_id: id, thread_name: "My thread" })])])
      )
    )
  )
})

describe("time", () => {
  it.effect("of the thread is its own, of a notification the clock's", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const attached = yield* attach(
        who,
        ThreadLifecycle.use((lifecycle) => lifecycle.resume(who.connection, resumeRequest({ by: "id", threadId: id })))
      )
      assert.strictEqual(attached.snapshot.thread.createdAt, Date.UTC(2026, 2, 1, 10) / 1000)
      assert.strictEqual(attached.snapshot.thread.updatedAt, Math.floor(source.modifiedAt / 1000))
      const replay = (yield* who.received).find((entry) => entry._tag === "Notification")
      assert.strictEqual(replay?._tag === "Notification" ? replay.emittedAtMs : null, now)
    }).pipe(Effect.provide(server([source])))
  )
})
