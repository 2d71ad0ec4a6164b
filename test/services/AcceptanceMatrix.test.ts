/**
 * The acceptance matrix: what a rollout's lines mean for its turns and its usage, on every way to the
 * thread. Where Codex errs, the better answer is the one that is pinned.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ThreadId } from "../../src/domain/Ids.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { Threads } from "../../src/services/Threads.ts"
import type { RecordingConnection } from "../../src/testing/RecordingConnection.ts"
import {
  abort,
  aitem,
  am,
  C,
  compacted,
  contextCompacted,
  event,
  lastOf,
  raw,
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
import { client, fileOf, fork, hashes, resume, server, textOf } from "../support/TestServer.ts"

interface Expected {
  /** `id:status`, as the source's own resume shows them. */
  readonly turns: ReadonlyArray<string>
  /** Null: no usage is known. */
  readonly usage: {
    readonly owner: string | null
    readonly total: number
    /** The total of the record that `last` comes from, where it is another one. */
    readonly lastFrom?: number
    readonly window?: number | null
  } | null
}

interface Row extends Expected {
  readonly rows: ReadonlyArray<number>
  readonly name: string
  readonly lines: ReadonlyArray<Step>
}

const row = (
  rows: number | ReadonlyArray<number>,
  name: string,
  lines: ReadonlyArray<Step>,
  turns: ReadonlyArray<string>,
  usage: Expected["usage"]
): Row => ({ rows: typeof rows === "number" ? [rows] : rows, name, lines, turns, usage })

const T1 = [S("T1"), um("one"), am("a"), U(120), C("T1")]
const counters = { input_tokens: 90, cached_input_tokens: 10, output_tokens: 30, reasoning_output_tokens: 5 }
const tokenCount = (total: object, rest: object = {}) =>
  event("token_count", { info: { total_token_usage: total, last_token_usage: total, ...rest }, rate_limits: null })

const matrix: ReadonlyArray<Row> = [
  row(1, "a message and its usage", [um(), U(150)], ["rollout-1:completed"], { owner: "rollout-1", total: 150 }),
  row(
    1,
    "the same with the model's item before the event",
    [uitem(), um(), aitem(), am(), U(150)],
    ["rollout-2:completed"],
    { owner: "rollout-2", total: 150 }
  ),
  row(
    2,
    "usage in the first of two turns",
    [um("one"), am(), U(120), um("two"), am()],
    ["rollout-1:completed", "rollout-4:completed"],
    { owner: "rollout-1", total: 120 }
  ),
  row(
    3,
    "a second turn that never ended, without usage",
    [...T1, S("T2"), um("two")],
    ["T1:completed", "T2:interrupted"],
    {
      owner: "T1",
      total: 120
    }
  ),
  row(
    4,
    "usage inside a turn that never ended",
    [...T1, S("T2"), um("two"), am(), U(360)],
    ["T1:completed", "T2:interrupted"],
    { owner: "T2", total: 360 }
  ),
  row(
    5,
    "usage inside an aborted turn",
    [...T1, S("T2"), um("two"), U(360), abort("T2")],
    ["T1:completed", "T2:interrupted"],
    { owner: "T2", total: 360 }
  ),
  row(
    6,
    "a record without figures after one with them",
    [...T1, S("T2"), um("two"), Unull, C("T2")],
    ["T1:completed", "T2:completed"],
    { owner: "T1", total: 120 }
  ),
  row(7, "usage before any turn", [U(120), um(), am()], ["rollout-2:completed"], { owner: null, total: 120 }),
  row(8, "usage alone", [U(120)], [], { owner: null, total: 120 }),
  row(
    9,
    "rollback of the turn that spent last",
    [S("T1"), um("one"), U(120), C("T1"), S("T2"), um("two"), U(360), C("T2"), rb(1)],
    ["T1:completed"],
    { owner: "T1", total: 360, lastFrom: 120 }
  ),
  row(
    10,
    "rollback, then a new turn at the same position",
    [um("one"), U(120), um("two"), U(360), rb(1), um("three"), am()],
    ["rollout-1:completed", "rollout-6:completed"],
    { owner: "rollout-1", total: 360, lastFrom: 120 }
  ),
  row(11, "everything rolled back", [...T1, S("T2"), um(), U(360), C("T2"), rb(2)], [], { owner: null, total: 360 }),
  row(
    12,
    "a compaction between two messages",
    [um("one"), U(120), compacted(), contextCompacted, um("two")],
    ["rollout-1:completed", "rollout-5:completed"],
    { owner: "rollout-1", total: 120 }
  ),
  row(
    13,
    "a compaction as a turn of its own",
    [...T1, S("C1"), compacted(), contextCompacted, C("C1")],
    ["T1:completed", "C1:completed"],
    { owner: "T1", total: 120 }
  ),
  row(
    14,
    "a completion of a turn that is not known ends the open one",
    [S("T1"), um("one"), U(120), C("T9"), um("two"), am()],
    ["T1:completed", "rollout-5:completed"],
    { owner: "T1", total: 120 }
  ),
  row(
    15,
    "task_started without turn_id does not count",
    [event("task_started", { model_context_window: 200000 }), um(), U(120)],
    ["rollout-1:completed"],
    { owner: "rollout-1", total: 120 }
  ),
  row(
    16,
    "the older names of the turn events",
    [
      event("turn_started", { turn_id: "T1", started_at: 1772359200 }),
      um(),
      U(120),
      event("turn_complete", { turn_id: "T1", completed_at: 1772359207, duration_ms: 7123 })
    ],
    ["T1:completed"],
    { owner: "T1", total: 120 }
  ),
  row(
    17,
    "an agent's message before any user's is a turn of its own",
    [am(), um(), U(120)],
    ["rollout-1:completed", "rollout-2:completed"],
    { owner: "rollout-2", total: 120 }
  ),
  row(
    18,
    "a second message steers the turn that runs",
    [S("T1"), um("one"), um("steer"), am(), U(120), C("T1")],
    ["T1:completed"],
    { owner: "T1", total: 120 }
  ),
  row(
    19,
    "two turns of the same id",
    [S("T1"), um("one"), C("T1"), S("T1"), um("two"), U(120), C("T1")],
    ["T1:completed", "T1:completed"],
    { owner: "T1", total: 120 }
  ),
  row(20, "a counter is missing", [um(), tokenCount(counters)], ["rollout-1:completed"], null),
  row(
    20,
    "a counter is a fraction",
    [um(), tokenCount({ ...counters, total_tokens: 120.5 })],
    ["rollout-1:completed"],
    null
  ),
  row(
    20,
    "the old flat form",
    [um(), event("token_count", { ...counters, total_tokens: 120 })],
    ["rollout-1:completed"],
    null
  ),
  row(
    21,
    "no context window",
    [um(), tokenCount({ ...counters, total_tokens: 120 }, {}), U(150, null)],
    ["rollout-1:completed"],
    { owner: "rollout-1", total: 150, window: null }
  ),
  row(21, "a context window of 0", [um(), U(150, 0)], ["rollout-1:completed"], {
    owner: "rollout-1",
    total: 150,
    window: 0
  }),
  row(21, "a context window below 0", [um(), U(150, -1)], ["rollout-1:completed"], {
    owner: "rollout-1",
    total: 150,
    window: -1
  }),
  row(22, "items without events make no turns", [uitem(), aitem(), U(120)], [], { owner: null, total: 120 }),
  row(
    23,
    "the only record is torn",
    [
      um(),
      am(),
      raw('{"timestamp":"2026-03-01T10:00:03.000Z","type":"event_msg","payload":{"type":"token_count","info":{"tot')
    ],
    ["rollout-1:completed"],
    null
  )
]

/** Rows that have tests of their own below. */
const apart = [24, 25, 26, 28]
/** Rows about live turns: not part of restoring. */
const later = [27, 29, 30]

/** What a fork shows of a turn: implied ids move by the one line that the fork puts first. */
const shifted = (text: string): string => text.replace(/^rollout-(\d+)/, (_, n: string) => `rollout-${Number(n) + 1}`)

const replays = (who: RecordingConnection) => who.params("thread/tokenUsage/updated")

const checkReplay = Effect.fnUntraced(function* (
  who: RecordingConnection,
  threadId: ThreadId,
  usage: Expected["usage"],
  ownerOf: (owner: string) => string = (owner) => owner
) {
  const sent = yield* replays(who)
  if (usage === null || usage.owner === null) {
    assert.deepStrictEqual(sent, [])
    return
  }
  assert.strictEqual(sent.length, 1)
  const params = sent[0]
  assert.strictEqual(params?.threadId, threadId)
  assert.strictEqual(params?.turnId, ownerOf(usage.owner))
  assert.strictEqual(params?.tokenUsage.total.totalTokens, BigInt(usage.total))
  assert.strictEqual(params?.tokenUsage.last.totalTokens, lastOf(usage.lastFrom ?? usage.total))
  const window = usage.window === undefined ? 200000 : usage.window
  assert.strictEqual(params?.tokenUsage.modelContextWindow, window === null ? null : BigInt(window))
  // The replay comes right behind the response.
  assert.deepStrictEqual((yield* who.sequence).slice(0, 2), ["response", "thread/tokenUsage/updated"])
})

describe("the acceptance matrix", () => {
  it("has every row", () => {
    const covered = new Set([...matrix.flatMap(({ rows }) => rows), ...apart, ...later])
    assert.deepStrictEqual(
      Array.from(covered).sort((a, b) => a - b),
      Array.from({ length: 30 }, (_, index) => index + 1)
    )
  })

  for (const { lines, name, rows, turns, usage } of matrix) {
    const source = script(lines).build()
    describe(`row ${rows.join(", ")}: ${name}`, () => {
      it.effect("read", () =>
        Effect.gen(function* () {
          const before = yield* hashes
          const snapshot = yield* Threads.use((threads) => threads.read(source.threadId))
          assert.deepStrictEqual(statuses(snapshot.thread.turns), turns)
          assert.strictEqual(snapshot.usage?.owner ?? null, usage?.owner ?? null)
          assert.strictEqual(snapshot.usage?.info.total.totalTokens, usage === null ? undefined : BigInt(usage.total))
          assert.strictEqual(snapshot.thread.status.type, "notLoaded")
          assert.deepStrictEqual(yield* hashes, before)
        }).pipe(Effect.provide(server([source])))
      )

      it.effect("cold resume, and rejoin from a second connection", () =>
        Effect.gen(function* () {
          const before = yield* hashes
          const first = yield* client()
          const cold = yield* resume(first, source.threadId)
          assert.strictEqual(cold.kind, "cold")
          assert.deepStrictEqual(statuses(cold.snapshot.thread.turns), turns)
          assert.strictEqual(cold.snapshot.usage === null, usage === null)
          assert.strictEqual(
            cold.snapshot.usage?.info.total.totalTokens,
            usage === null ? undefined : BigInt(usage.total)
          )
          yield* checkReplay(first, source.threadId, usage)

          const second = yield* client()
          const rejoined = yield* resume(second, source.threadId)
          assert.strictEqual(rejoined.kind, "rejoin")
          assert.deepStrictEqual(rejoined.snapshot, cold.snapshot)
          yield* checkReplay(second, source.threadId, usage)
          // The first saw nothing of it.
          yield* checkReplay(first, source.threadId, usage)
          assert.deepStrictEqual(yield* hashes, before)
        }).pipe(Effect.provide(server([source])))
      )

      it.effect("fork", () =>
        Effect.gen(function* () {
          const before = yield* fileOf({ path: `/codex-home/${source.path}` })
          const who = yield* client()
          const forked = yield* fork(who, source.threadId)
          const { thread } = forked.snapshot
          assert.deepStrictEqual(statuses(thread.turns), turns.map(shifted))
          yield* checkReplay(who, thread.id, usage, shifted)
          assert.deepStrictEqual(yield* fileOf({ path: `/codex-home/${source.path}` }), before)

          // Another server that only has the file says the same.
          const other = yield* Threads.use((threads) => threads.read(thread.id))
          assert.deepStrictEqual(other.thread.turns, thread.turns)
        }).pipe(Effect.provide(server([source])))
      )
    })
  }

  describe("details of rows", () => {
    it.effect("row 13: the compaction is an item of its turn", () =>
      Effect.gen(function* () {
        const { thread } = yield* Threads.use((threads) => threads.read(script([]).threadId))
        assert.deepStrictEqual(
          thread.turns.map((turn) => turn.items.map((item) => item.type)),
          [["userMessage", "agentMessage"], ["contextCompaction"]]
        )
      }).pipe(Effect.provide(server([script([...T1, S("C1"), compacted(), contextCompacted, C("C1")]).build()])))
    )

    it.effect("row 16: the times of the turn are kept", () =>
      Effect.gen(function* () {
        const { thread } = yield* Threads.use((threads) => threads.read(script([]).threadId))
        const turn = thread.turns[0]
        assert.deepStrictEqual([turn?.startedAt, turn?.completedAt, turn?.durationMs], [1772359200, 1772359207, 7123])
      }).pipe(
        Effect.provide(
          server([
            script([
              event("turn_started", { turn_id: "T1", started_at: 1772359200 }),
              event("turn_complete", { turn_id: "T1", completed_at: 1772359207, duration_ms: 7123 })
            ]).build()
          ])
        )
      )
    )

    it.effect("row 18: both messages are items of the one turn", () =>
      Effect.gen(function* () {
        const { thread } = yield* Threads.use((threads) => threads.read(script([]).threadId))
        assert.deepStrictEqual(
          thread.turns.map((turn) => turn.items.map((item) => `${item.id} ${item.type}`)),
          [["item-1 userMessage", "item-2 userMessage", "item-3 agentMessage"]]
        )
      }).pipe(Effect.provide(server([script([S("T1"), um("one"), um("steer"), am(), C("T1")]).build()])))
    )
  })

  describe("row 24: forks of forks", () => {
    const marks = (text: string) => text.split("<turn_aborted>").length - 1
    const levels = Effect.fnUntraced(function* (who: RecordingConnection, source: ThreadId) {
      const shown: Array<{
        readonly turns: ReadonlyArray<string>
        readonly marks: number
        readonly owner: string | null
      }> = []
      for (let level = 0, from = source; level < 3; level++) {
        const { snapshot } = yield* fork(who, from)
        shown.push({
          turns: statuses(snapshot.thread.turns),
          marks: marks(yield* textOf(snapshot.thread)),
          owner: snapshot.usage?.owner ?? null
        })
        from = snapshot.thread.id
      }
      return shown
    })

    it.effect("a question without an answer is marked once, at the first fork", () =>
      Effect.gen(function* () {
        const who = yield* client()
        assert.deepStrictEqual(statuses((yield* resume(who, script([]).threadId)).snapshot.thread.turns), [
          "rollout-2:completed"
        ])
        assert.deepStrictEqual(yield* levels(who, script([]).threadId), [
          { turns: ["rollout-3:interrupted"], marks: 1, owner: "rollout-3" },
          { turns: ["rollout-4:interrupted"], marks: 1, owner: "rollout-4" },
          { turns: ["rollout-5:interrupted"], marks: 1, owner: "rollout-5" }
        ])
      }).pipe(Effect.provide(server([script([uitem(), um(), U(150)]).build()])))
    )

    it.effect("a finished exchange is never marked", () =>
      Effect.gen(function* () {
        const who = yield* client()
        assert.deepStrictEqual(yield* levels(who, script([]).threadId), [
          { turns: ["rollout-3:completed"], marks: 0, owner: "rollout-3" },
          { turns: ["rollout-4:completed"], marks: 0, owner: "rollout-4" },
          { turns: ["rollout-5:completed"], marks: 0, owner: "rollout-5" }
        ])
      }).pipe(Effect.provide(server([script([uitem(), um(), aitem(), am(), U(150)]).build()])))
    )
  })

  it.effect("row 25: a second connection rejoins, and the first sees nothing of it", () =>
    Effect.gen(function* () {
      const before = yield* hashes
      const first = yield* client()
      const second = yield* client()
      yield* resume(first, script([]).threadId)
      assert.deepStrictEqual(yield* second.settled, [])
      yield* resume(second, script([]).threadId)
      yield* first.settled
      assert.deepStrictEqual(yield* first.sequence, ["response", "thread/tokenUsage/updated"])
      assert.deepStrictEqual(yield* second.sequence, ["response", "thread/tokenUsage/updated"])
      assert.deepStrictEqual(yield* hashes, before)
    }).pipe(Effect.provide(server([script([um(), U(150)]).build()])))
  )

  it.effect("row 26: a client that opted out gets the response alone", () =>
    Effect.gen(function* () {
      const who = yield* client({ optOut: ["thread/tokenUsage/updated"] })
      const attached = yield* resume(who, script([]).threadId)
      assert.strictEqual(attached.snapshot.usage?.owner, "rollout-1")
      assert.deepStrictEqual(yield* who.sequence, ["response"])
    }).pipe(Effect.provide(server([script([um(), U(150)]).build()])))
  )

  it.effect("row 28: a fork goes on from its parent's total, and the parent stays as it is", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* fork(who, script([]).threadId)
      assert.strictEqual(snapshot.usage?.info.total.totalTokens, 620n)
      assert.strictEqual(snapshot.usage?.inherited?.totalTokens, 620n)
      const before = yield* hashes

      const started = 1788000000
      const turn = script([S("T2", { started_at: started }), um("more"), U(745), C("T2")], {
        createdAt: started * 1000
      }).build()
      const own = turn.content.slice(turn.content.indexOf("\n") + 1)
      yield* MemoryFiles.use((files) => files.append(snapshot.thread.path ?? "", own))

      const after = yield* resume(yield* client(), snapshot.thread.id)
      const usage = after.snapshot.usage
      assert.strictEqual(usage?.owner, "T2")
      assert.strictEqual(usage?.info.total.totalTokens, 745n)
      assert.strictEqual((usage?.info.total.totalTokens ?? 0n) - (usage?.inherited?.totalTokens ?? 0n), 125n)
      const parent = `/codex-home/${script([]).build().path}`
      assert.strictEqual((yield* hashes).get(parent), before.get(parent))
    }).pipe(Effect.provide(server([script([S("T1"), um(), U(620), C("T1")]).build()])))
  )
})
