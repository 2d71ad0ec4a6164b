/**
 * Codex's faults in restoring, replaying, forking, listing and reading, by number, each shown to be
 * absent here. Where a client would notice, over the wire.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { isRecord, type JsonRecord } from "../../src/domain/Json.ts"
import { sandboxPolicy } from "../../src/domain/ThreadSettings.ts"
import { type MemoryFile, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import type { InProcessClient } from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import { SessionReconstruction } from "../../src/services/SessionReconstruction.ts"
import { ThreadCatalog } from "../../src/services/ThreadCatalog.ts"
import { ThreadCommands } from "../../src/services/ThreadCommands.ts"
import { paginated, type RolloutOptions, uuidAt } from "../../src/testing/RolloutBuilder.ts"
import { connected } from "../rpc/support/Client.ts"
import {
  abort,
  aitem,
  am,
  C,
  compacted,
  contextCompacted,
  event,
  lastOf,
  rb,
  S,
  script,
  statuses,
  type Step,
  U,
  uitem,
  um,
  Unull
} from "../support/Script.ts"
import { client, fileOf, fork, hashes, resume, server, type ServerOptions, textOf } from "../support/TestServer.ts"

const usage = "thread/tokenUsage/updated"
const built = (steps: ReadonlyArray<Step>, options: RolloutOptions = {}) => script(steps, options).build()
const turn = (id: string, total: number): ReadonlyArray<Step> => [
  S(id),
  uitem(id),
  um(id),
  aitem(),
  am(),
  U(total),
  C(id)
]
const id = script([]).threadId
const path = `/codex-home/${built([]).path}`

/** The whole server over these files, wire and all. */
const wire = (files: ReadonlyArray<MemoryFile>, options: ServerOptions = {}) =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provideMerge(Layer.mergeAll(ThreadCatalog.layer, ThreadCommands.layer)),
    Layer.provideMerge(
      ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
    ),
    Layer.provideMerge(server(files, options))
  )

/** Reads on from a message: `at(message, "result", "thread", "id")`. */
const at = (value: unknown, ...keys: ReadonlyArray<string | number>): unknown =>
  keys.reduce<unknown>((inner, key) => {
    if (typeof key === "number") return Array.isArray(inner) ? inner[key] : undefined
    return isRecord(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined
  }, value)

/** Asks, and gives the answer with everything that came before and right after it. */
const ask = Effect.fnUntraced(function* (who: InProcessClient, method: string, params: JsonRecord) {
  const frames: Array<JsonRecord> = []
  const receiveUntil = Effect.fnUntraced(function* (id: string) {
    for (;;) {
      const frame = yield* who.receive
      if (frame.id === "mark") return frame
      frames.push(frame)
      if (frame.id === id) return frame
    }
  })
  yield* who.send({ id: method, method, params })
  const answer = yield* receiveUntil(method)
  // The answer to a second question ends what the first one brought about.
  yield* who.send({ id: "mark", method: "thread/loaded/list", params: {} })
  yield* receiveUntil("mark")
  return { frames, answer, names: frames.map((frame) => (frame.id === method ? "response" : frame.method)) }
})

const replayOf = (frames: ReadonlyArray<JsonRecord>) => frames.filter((frame) => frame.method === usage)

describe("fault 1: numbers and owner come from different records", () => {
  it.effect("the owner is the turn whose record has the numbers", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, id)
      const [params] = yield* who.params(usage)
      assert.deepStrictEqual<unknown>([params?.turnId, params?.tokenUsage.total.totalTokens], ["T1", 120n])
    }).pipe(Effect.provide(server([built([...turn("T1", 120), S("T2"), um(), Unull, C("T2")])])))
  )
})

describe("fault 2: rolled-back usage is shown under a turn that survives", () => {
  for (const [what, steps, owner] of [
    ["the same turn", [...turn("T1", 120), ...turn("T2", 360), rb(1)], "T1"],
    ["an unrelated newer one", [um("a"), U(120), um("b"), U(360), rb(1), um("c"), am()], "rollout-1"]
  ] as const) {
    it.effect(`${what}: last and owner are the surviving record's, the total stays`, () =>
      Effect.gen(function* () {
        const who = yield* client()
        yield* resume(who, id)
        const [params] = yield* who.params(usage)
        assert.deepStrictEqual<unknown>(
          [params?.turnId, params?.tokenUsage.total.totalTokens, params?.tokenUsage.last.totalTokens],
          [owner, 360n, lastOf(120)]
        )
      }).pipe(Effect.provide(server([built(steps)])))
    )
  }
})

describe("fault 3: an owner that is empty, or not among the turns", () => {
  for (const [what, steps] of [
    ["usage alone", [U(120)]],
    ["usage before any turn", [U(120), um(), am()]],
    ["everything rolled back", [...turn("T1", 120), rb(1)]],
    ["items without events", [uitem(), aitem(), U(120)]]
  ] as const) {
    it.effect(`${what}: the result tells the usage without an owner, and nothing is replayed`, () =>
      Effect.gen(function* () {
        const who = yield* connected()
        for (const method of ["thread/resume", "thread/fork"]) {
          const { answer, frames } = yield* ask(who, method, { threadId: id })
          assert.isNull(at(answer, "result", "tokenUsage", "turnId"))
          assert.strictEqual(at(answer, "result", "tokenUsage", "tokenUsage", "total", "totalTokens"), 120)
          assert.deepStrictEqual(replayOf(frames), [])
        }
      }).pipe(Effect.provide(wire([built(steps)])))
    )
  }
})

describe("fault 4: after a compaction the first turn of the thread owns the usage", () => {
  const source = paginated()
    .turn({ id: "T1", usage: { total: { total: 120 } } })
    .turn({ id: "T2", usage: { total: { total: 320 } }, ends: "open" })
    .compaction("SUM", [{ type: "message", role: "user", content: [] }])
    .usage({ total: { total: 360 } }, "T2")
    .event({ type: "task_complete", turn_id: "T2", last_agent_message: null })
    .build()

  it.effect("the turn that spent it does: cold, on rejoin and in a fork", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, source.threadId)
      yield* resume(who, source.threadId)
      yield* fork(who, source.threadId)
      const sent = yield* who.params(usage)
      assert.deepStrictEqual<unknown>(
        sent.map((params) => [params.turnId, params.tokenUsage.total.totalTokens]),
        [
          ["T2", 360n],
          ["T2", 360n],
          ["T2", 360n]
        ]
      )
    }).pipe(Effect.provide(server([source])))
  )
})

describe("fault 5: whether usage is replayed depends on whether turns are asked for", () => {
  for (const [style, source] of [
    ["event-style", built(turn("T1", 150))],
    ["paginated", paginated({ threadId: id }).turn({ id: "T1", usage: true }).build()]
  ] as const) {
    it.effect(`${style}: a client that wants no turns gets it cold, on rejoin and on fork`, () =>
      Effect.gen(function* () {
        const who = yield* connected()
        for (const method of ["thread/resume", "thread/resume", "thread/fork"]) {
          const { answer, frames, names } = yield* ask(who, method, { threadId: source.threadId, excludeTurns: true })
          assert.deepStrictEqual(at(answer, "result", "thread", "turns"), [])
          assert.deepStrictEqual(names.slice(0, 2), ["response", usage])
          assert.strictEqual(at(replayOf(frames)[0], "params", "turnId"), "T1")
          assert.strictEqual(at(replayOf(frames)[0], "params", "tokenUsage", "total", "totalTokens"), 150)
        }
      }).pipe(Effect.provide(wire([source])))
    )
  }
})

describe("fault 7: a fork's copies look like new spending", () => {
  it.effect("copied records keep their times, and the inherited total is told", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id)
      const own = (text: string) => text.split("\n").filter((line) => line.includes('"token_count"'))
      const copied = own(yield* textOf(snapshot.thread))
      assert.deepStrictEqual(copied, own(new TextDecoder().decode(yield* fileOf({ path }))))
      assert.strictEqual(copied.length, 2)
      assert.strictEqual(snapshot.usage?.inherited?.totalTokens, 360n)
      // Spent by the fork itself: nothing yet.
      assert.strictEqual(
        (snapshot.usage?.info.total.totalTokens ?? 0n) - (snapshot.usage?.inherited?.totalTokens ?? 0n),
        0n
      )
    }).pipe(Effect.provide(server([built([...turn("T1", 120), ...turn("T2", 360)])])))
  )

  it.effect("a ledger over a thread and its forks counts each record once", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const parent = yield* resume(who, id)
      const first = yield* fork(who, id)
      const second = yield* fork(who, first.snapshot.thread.id)
      const spent = [parent, first, second].reduce((sum, { snapshot }) => {
        const { info, inherited } = snapshot.usage ?? { info: null, inherited: null }
        return sum + (info?.total.totalTokens ?? 0n) - (inherited?.totalTokens ?? 0n)
      }, 0n)
      assert.strictEqual(spent, 360n)
    }).pipe(Effect.provide(server([built([...turn("T1", 120), ...turn("T2", 360)])])))
  )
})

const noParts = { input_tokens: 0, cached_input_tokens: 0, output_tokens: 0, reasoning_output_tokens: 0 }
const parts = { input_tokens: 90, cached_input_tokens: 10, output_tokens: 30, reasoning_output_tokens: 5 }
const record = (total: object, last: object): Step =>
  event("token_count", {
    info: { total_token_usage: total, last_token_usage: last, model_context_window: 258400 },
    rate_limits: null
  })

describe("fault 8: a full context window overwrites the total", () => {
  it.effect("the total that was overwritten is told to be an estimate, and so is all that was added to it", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* resume(who, id)
      assert.strictEqual(snapshot.usage?.info.total.totalTokens, 258900n)
      assert.deepStrictEqual(snapshot.usage?.info.estimated, { total: true, last: false })
    }).pipe(
      Effect.provide(
        server([
          built([
            ...turn("T1", 500),
            S("T2"),
            um(),
            record({ ...noParts, total_tokens: 258400 }, { ...noParts, total_tokens: 257900 }),
            C("T2"),
            S("T3"),
            um(),
            record({ ...parts, total_tokens: 258900 }, { ...parts, total_tokens: 500 }),
            C("T3")
          ])
        ])
      )
    )
  )
})

describe("fault 9: a guess after a compaction or a rollback passes for usage", () => {
  it.effect("it is told to be an estimate", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* resume(yield* client(), id)
      assert.strictEqual(snapshot.usage?.owner, "C1")
      assert.deepStrictEqual(snapshot.usage?.info.estimated, { total: false, last: true })
    }).pipe(
      Effect.provide(
        server([
          built([
            ...turn("T1", 120),
            S("C1"),
            compacted(),
            contextCompacted,
            record({ ...parts, total_tokens: 120 }, { ...noParts, total_tokens: 4200 }),
            C("C1")
          ])
        ])
      )
    )
  )

  it.effect("and the one that a rollback writes goes with the turn that it took", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* resume(yield* client(), id)
      assert.strictEqual(snapshot.usage?.owner, "T1")
      assert.deepStrictEqual(snapshot.usage?.info.estimated, { total: false, last: false })
      assert.strictEqual(snapshot.usage?.info.last.totalTokens, lastOf(120))
    }).pipe(
      Effect.provide(
        server([
          built([
            ...turn("T1", 120),
            ...turn("T2", 360),
            record({ ...parts, total_tokens: 360 }, { ...noParts, total_tokens: 4200 }),
            rb(1)
          ])
        ])
      )
    )
  )
})

describe("fault 10: the context window is the recorded one though another is configured", () => {
  it.effect("the configured one is told, everywhere", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      for (const method of ["thread/resume", "thread/fork"]) {
        const { answer, frames } = yield* ask(who, method, { threadId: id })
        assert.strictEqual(at(answer, "result", "tokenUsage", "tokenUsage", "modelContextWindow"), 1000)
        assert.strictEqual(at(replayOf(frames)[0], "params", "tokenUsage", "modelContextWindow"), 1000)
      }
    }).pipe(Effect.provide(wire([built(turn("T1", 120))], { settings: { modelContextWindow: 1000n } })))
  )

  it.effect("the recorded one where none is", () =>
    Effect.gen(function* () {
      const { frames } = yield* ask(yield* connected(), "thread/resume", { threadId: id })
      assert.strictEqual(at(replayOf(frames)[0], "params", "tokenUsage", "modelContextWindow"), 200000)
    }).pipe(Effect.provide(wire([built(turn("T1", 120))])))
  )
})

describe("fault 11: totals beyond what an integer holds", () => {
  const big =
    (total: bigint): Step =>
    (builder) =>
      builder.raw(
        `{"timestamp":"2026-03-01T10:00:09.000Z","type":"event_msg","payload":{"type":"token_count","info":{${[
          "total",
          "last"
        ]
          .map(
            (name) =>
              `"${name}_token_usage":{"input_tokens":1,"cached_input_tokens":0,"output_tokens":1,"reasoning_output_tokens":0,"total_tokens":${total}}`
          )
          .join(",")}}}}\n`
      )

  it.effect("every digit of a 64-bit count comes from the file to the wire", () =>
    Effect.gen(function* () {
      const { answer, frames } = yield* ask(yield* connected(), "thread/resume", { threadId: id })
      assert.strictEqual(at(answer, "result", "tokenUsage", "tokenUsage", "total", "totalTokens"), 9223372036854775807n)
      assert.strictEqual(at(replayOf(frames)[0], "params", "tokenUsage", "total", "totalTokens"), 9223372036854775807n)
    }).pipe(Effect.provide(wire([built([um(), big(9223372036854775807n)])])))
  )

  it.effect("one more is no count: the record before it holds", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* resume(who, id)
      assert.strictEqual(snapshot.usage?.info.total.totalTokens, 120n)
    }).pipe(Effect.provide(server([built([um(), U(120), big(9223372036854775808n)])])))
  )
})

describe("fault 12: usage comes only in a frame that races", () => {
  it.effect("results hold it, and the notification comes right behind the response", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      for (const method of ["thread/resume", "thread/fork", "thread/read"]) {
        const { answer, frames, names } = yield* ask(who, method, { threadId: id, includeTurns: false })
        assert.strictEqual(at(answer, "result", "tokenUsage", "turnId"), "T1")
        assert.strictEqual(at(answer, "result", "tokenUsage", "tokenUsage", "total", "totalTokens"), 150)
        if (method === "thread/read") {
          assert.deepStrictEqual(names, ["response"])
          continue
        }
        assert.deepStrictEqual(names.slice(0, 2), ["response", usage])
        assert.strictEqual(at(replayOf(frames)[0], "params", "threadId"), at(answer, "result", "thread", "id"))
      }
    }).pipe(Effect.provide(wire([built(turn("T1", 150))])))
  )
})

describe("fault 14: a fork loses failures", () => {
  it.effect("a failed turn is failed in the fork, with its error", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const source = yield* resume(who, id)
      const { snapshot } = yield* fork(who, id)
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:failed", "T2:completed"])
      assert.strictEqual(snapshot.thread.turns[0]?.error?.message, "boom")
      assert.deepStrictEqual(snapshot.thread.turns, source.snapshot.thread.turns)
    }).pipe(
      Effect.provide(
        server([
          built([
            S("T1"),
            um(),
            event("error", { message: "boom", codex_error_info: "internal_server_error" }),
            C("T1"),
            ...turn("T2", 150)
          ])
        ])
      )
    )
  )

  it.effect("no turn of an idle thread is in progress, in a fork neither", () =>
    Effect.gen(function* () {
      const who = yield* client()
      for (const { snapshot } of [
        yield* resume(who, id),
        yield* fork(who, id),
        yield* fork(who, id, { ephemeral: true }),
        yield* fork(who, id, { until: { field: "beforeTurnId", turnId: TurnId.make("T3") } })
      ]) {
        assert.deepStrictEqual(snapshot.thread.status, { type: "idle" })
        assert.deepStrictEqual(
          snapshot.thread.turns.filter((turn) => turn.status === "inProgress"),
          []
        )
      }
    }).pipe(Effect.provide(server([built([...turn("T1", 120), S("T2"), um(), S("T3"), um()])])))
  )
})

describe("fault 16: forking marks finished implied histories as interrupted, again and again", () => {
  const marks = (text: string) => text.split('"turn_aborted"').length - 1
  for (const [what, steps, expected] of [
    ["finished", [uitem(), um(), aitem(), am()], [0, 0, 0]],
    ["unfinished", [uitem(), um()], [1, 1, 1]],
    [
      "finished before a rollback of what was not",
      [uitem("a"), um("a"), aitem(), am(), uitem("b"), um("b"), rb(1)],
      [0, 0, 0]
    ]
  ] as const) {
    it.effect(`${what}: ${expected.join(", ")} marks at three levels`, () =>
      Effect.gen(function* () {
        const who = yield* client()
        const seen: Array<number> = []
        for (let level = 0, from = id; level < 3; level++) {
          const { snapshot } = yield* fork(who, from)
          seen.push(marks(yield* textOf(snapshot.thread)))
          from = snapshot.thread.id
        }
        assert.deepStrictEqual<unknown>(seen, expected)
      }).pipe(Effect.provide(server([built(steps)])))
    )
  }
})

describe("fault 20: a file of another thread is served under the id that was asked for", () => {
  const asked = ThreadId.make(uuidAt(7, 7))
  const misnamed = {
    path: `sessions/2026/03/01/rollout-2026-03-01T10-00-00-${asked}.jsonl`,
    content: built(turn("T1", 1)).content
  }

  it.effect("it is refused, by resume, fork and read; and not listed", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      for (const method of ["thread/resume", "thread/fork", "thread/read"]) {
        const { answer, names } = yield* ask(who, method, { threadId: asked })
        assert.match(
          String(at(answer, "error", "message")),
          new RegExp(`named after thread ${asked} but belongs to ${id}`)
        )
        assert.deepStrictEqual(names, ["response"])
      }
      const { answer } = yield* ask(who, "thread/list", {})
      assert.deepStrictEqual(at(answer, "result", "data"), [])
    }).pipe(Effect.provide(wire([misnamed])))
  )
})

describe("fault 24: loaded threads without a file, or without a turn, cannot be resumed or forked", () => {
  it.effect("an ephemeral one can be, over the wire", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const made = yield* ask(who, "thread/fork", { threadId: id, ephemeral: true })
      const ephemeral = String(at(made.answer, "result", "thread", "id"))
      for (const method of ["thread/resume", "thread/fork", "thread/read"]) {
        const { answer } = yield* ask(yield* connected(), method, { threadId: ephemeral, includeTurns: true })
        assert.strictEqual(at(answer, "result", "thread", "turns", 0, "id"), "T1", method)
      }
    }).pipe(Effect.provide(wire([built(turn("T1", 150))])))
  )

  it.effect("a thread without turns can be resumed, forked and read", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      for (const method of ["thread/resume", "thread/fork", "thread/read"]) {
        const { answer } = yield* ask(who, method, { threadId: id, includeTurns: true })
        assert.deepStrictEqual(at(answer, "result", "thread", "turns"), [])
      }
    }).pipe(Effect.provide(wire([built([])])))
  )
})

describe("fault 25: one bad byte makes a file unreadable", () => {
  const { bytes } = built(turn("T1", 150))
  const bad = Uint8Array.from([0xff, 0xfe, 0x0a])
  const inside = new TextDecoder().decode(bytes).indexOf('"message":"T1"') + '"message":"'.length
  for (const [what, content] of [
    ["a byte order mark", Uint8Array.from([0xef, 0xbb, 0xbf, ...bytes])],
    ["a line of bytes that are no UTF-8", Uint8Array.from([...bytes, ...bad])],
    ["a first line of them", Uint8Array.from([...bad, ...bytes])],
    ["a byte inside a message", bytes.map((byte, index) => (index === inside ? 0xff : byte))],
    ["NULs at the end", Uint8Array.from([...bytes, 0, 0, 0, 0])]
  ] as const) {
    it.effect(`${what}: the rest is served, and the finding told with its line`, () =>
      Effect.gen(function* () {
        const who = yield* client()
        const { snapshot } = yield* resume(who, id)
        assert.deepStrictEqual(
          snapshot.thread.turns.map((turn) => turn.id),
          ["T1"]
        )
        const reconstruction = yield* SessionReconstruction
        const ref = yield* RolloutStore.use((store) => store.locate(id))
        const findings = (yield* reconstruction.restore(ref)).projected.diagnostics
        assert.strictEqual(new Set(findings.map(({ line }) => line)).size, 1)
        assert.isAbove(findings[0]?.line ?? 0, 0)
      }).pipe(Effect.provide(server([{ path, content }])))
    )
  }
})

describe("fault 26: a file removed under a loaded thread is silently lost", () => {
  it.effect("the thread is served from memory as it was, and a fork that would need the file fails loudly", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const before = yield* resume(who, id)
      yield* MemoryFiles.use((files) => files.remove(path))
      assert.deepStrictEqual((yield* resume(who, id)).snapshot, before.snapshot)
      const files = yield* hashes
      const error = yield* Effect.flip(fork(who, id))
      assert.strictEqual(error._tag, "ThreadNotFound")
      // No half-written fork is left behind.
      assert.deepStrictEqual(yield* hashes, files)
    }).pipe(Effect.provide(server([built(turn("T1", 150))])))
  )
})

describe("fault 28: huge rollouts are read again and again", () => {
  const counted = (counts: { bytes: number }) =>
    Layer.effect(
      RolloutStore,
      Effect.map(RolloutStore, (store) =>
        RolloutStore.of({
          ...store,
          read: (ref) => Stream.tap(store.read(ref), (chunk) => Effect.sync(() => void (counts.bytes += chunk.length)))
        })
      )
    )

  it.effect("a restore reads the file once, and its head", () => {
    const counts = { bytes: 0 }
    const many = Array.from({ length: 2000 }, (_, n) => turn(`T${n}`, 100 + n)).flat()
    const source = built(many)
    return Effect.gen(function* () {
      const reconstruction = yield* SessionReconstruction
      const ref = yield* RolloutStore.use((store) => store.locate(id))
      const session = yield* reconstruction.restore(ref)
      assert.strictEqual(session.projected.turns.length, 2000)
      assert.strictEqual(session.projected.usage?.owner, "T1999")
      assert.isAbove(source.bytes.length, 1_000_000)
      // The head is one chunk of the store's.
      assert.isAtMost(counts.bytes, source.bytes.length + 512 * 1024)
    }).pipe(
      Effect.provide(
        SessionReconstruction.layer.pipe(Layer.provideMerge(counted(counts)), Layer.provideMerge(server([source])))
      )
    )
  })
})

describe("fault 29: a resume tells everybody of what happened long ago", () => {
  it.effect("the others hear nothing, over the wire", () =>
    Effect.gen(function* () {
      const [bystander, who] = [yield* connected(), yield* connected()]
      const { names } = yield* ask(who, "thread/resume", { threadId: id })
      assert.deepStrictEqual(names, ["response", usage])
      const seen = yield* ask(bystander, "thread/read", { threadId: id })
      assert.deepStrictEqual(seen.names, ["response"])
    }).pipe(Effect.provide(wire([built([...turn("T1", 150), S("T2"), um(), abort("T2")])])))
  )
})

describe("fault 30: overrides are ignored silently on rejoin", () => {
  it.effect("a warning names them, to the client that asked and after its response", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* connected(), yield* connected()]
      yield* ask(first, "thread/resume", { threadId: id })
      const { frames, names } = yield* ask(second, "thread/resume", {
        threadId: id,
        model: "other",
        sandbox: "danger-full-access"
      })
      assert.deepStrictEqual(names, ["response", usage, "warning"])
      const message = String(at(frames[2], "params", "message"))
      assert.include(message, "model")
      assert.include(message, "sandbox")
      const { names: heard } = yield* ask(first, "thread/read", { threadId: id })
      assert.deepStrictEqual(heard, ["response"])
    }).pipe(Effect.provide(wire([built(turn("T1", 150))])))
  )

  it.effect("on a cold resume they hold", () =>
    Effect.gen(function* () {
      const { snapshot, warnings } = yield* resume(yield* client(), id, {
        sandbox: sandboxPolicy("danger-full-access")
      })
      assert.deepStrictEqual(warnings, [])
      assert.deepStrictEqual(snapshot.settings.sandbox, { type: "dangerFullAccess" })
    }).pipe(Effect.provide(server([built(turn("T1", 150))])))
  )
})

describe("fault 31: the preview differs between read, list, resume and fork", () => {
  for (const [what, steps, preview] of [
    ["event and item differ", [uitem("the item"), um("the event"), am()], "the event"],
    ["instructions come first", [uitem("<environment_context>…</environment_context>"), uitem("hi"), um("hi")], "hi"],
    ["an event alone", [um("alone")], "alone"],
    ["an item alone", [uitem("alone"), aitem()], "alone"]
  ] as const) {
    it.effect(`${what}: one preview`, () =>
      Effect.gen(function* () {
        const who = yield* connected()
        const listed = yield* ask(who, "thread/list", {})
        const shown = [at(listed.answer, "result", "data", 0, "preview")]
        for (const method of ["thread/read", "thread/resume", "thread/read", "thread/fork"]) {
          shown.push(at((yield* ask(who, method, { threadId: id })).answer, "result", "thread", "preview"))
        }
        assert.deepStrictEqual(
          shown,
          Array.from({ length: 5 }, () => preview)
        )
      }).pipe(Effect.provide(wire([built(steps)])))
    )
  }
})
