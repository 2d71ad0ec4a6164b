/**
 * Forks: a new thread that is a copy of its source, byte for byte, and says so.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import { Threads } from "../../src/services/Threads.ts"
import { paginated, type RolloutOptions, uuidAt } from "../../src/testing/RolloutBuilder.ts"
import {
  abort,
  aitem,
  am,
  C,
  event,
  item,
  lastOf,
  raw,
  rb,
  S,
  script,
  statuses,
  type Step,
  U,
  uitem,
  um
} from "../support/Script.ts"
import { client, fileOf, fork, hashes, now, resume, server, textOf, until } from "../support/TestServer.ts"

const usage = "thread/tokenUsage/updated"
const turn = (id: string, total: number): ReadonlyArray<Step> => [
  S(id),
  uitem(`question ${id}`),
  um(`question ${id}`),
  aitem(`answer ${id}`),
  am(`answer ${id}`),
  U(total),
  C(id)
]
const implied = (text: string, total: number): ReadonlyArray<Step> => [
  uitem(text),
  um(text),
  aitem(`re ${text}`),
  am(`re ${text}`),
  U(total)
]
const built = (steps: ReadonlyArray<Step>, options: RolloutOptions = {}) => script(steps, options).build()
const source = built(turn("T1", 150))
const path = `/codex-home/${source.path}`
const id = source.threadId

const Line = Schema.fromJsonString(
  Schema.Struct({
    timestamp: Schema.String,
    ordinal: Schema.optionalKey(Schema.Int),
    type: Schema.String,
    payload: Schema.Record(Schema.String, Schema.Unknown)
  })
)
const lineOf = Schema.decodeUnknownSync(Line)
const linesOf = (text: string) => text.trimEnd().split("\n")
const eventTypes = (text: string) => linesOf(text).map((line) => /"payload":\{"type":"(\w+)"/.exec(line)?.[1])
const marked = (text: string) => eventTypes(text).filter((type) => type === "turn_aborted").length

describe("the new thread", () => {
  it.effect("has an id of its own, its parent's name in the right place, and the time of the fork", () =>
    Effect.gen(function* () {
      const { kind, snapshot } = yield* fork(yield* client(), id)
      const { thread } = snapshot
      assert.strictEqual(kind, "fork")
      assert.match(thread.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.notStrictEqual(thread.id, id)
      // A UUIDv7 begins with its time.
      assert.strictEqual(Number.parseInt(thread.id.replace("-", "").slice(0, 12), 16), now)
      assert.strictEqual(thread.forkedFromId, id)
      assert.strictEqual(thread.createdAt, now / 1000)
      assert.strictEqual(thread.source, "vscode")
      assert.strictEqual(thread.originator, "probe")
      assert.strictEqual(thread.preview, "question T1")
      assert.deepStrictEqual(thread.status, { type: "idle" })
      assert.isFalse(thread.ephemeral)
      const first = lineOf(linesOf(yield* textOf(thread))[0])
      assert.strictEqual(first.type, "session_meta")
      assert.strictEqual(first.payload.id, thread.id)
      assert.strictEqual(first.payload.forked_from_id, id)
      assert.strictEqual(first.timestamp, new Date(now).toISOString())
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("every fork is another thread", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const ids = yield* Effect.forEach([1, 2, 3, 4, 5], () =>
        Effect.map(fork(who, id), ({ snapshot }) => snapshot.thread.id)
      )
      assert.strictEqual(new Set([...ids, id]).size, 6)
      assert.deepStrictEqual(yield* Threads.use((threads) => threads.loaded), [...ids].sort())
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("keeps what the source's first line says beyond its place in the world", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id, { threadSource: "user" })
      const { payload } = lineOf(linesOf(yield* textOf(snapshot.thread))[0])
      assert.deepStrictEqual(payload.base_instructions, { text: "be kind" })
      assert.deepStrictEqual(payload.git, { branch: "main" })
      assert.deepStrictEqual(payload.from_the_future, { a: [1] })
      assert.isFalse(Object.hasOwn(payload, "agent_nickname"))
      assert.strictEqual(payload.source, "vscode")
      assert.strictEqual(payload.thread_source, "user")
    }).pipe(
      Effect.provide(
        server([
          built(turn("T1", 150), {
            source: { subagent: "review" },
            git: { branch: "main" },
            meta: { base_instructions: { text: "be kind" }, agent_nickname: "Bob", from_the_future: { a: [1] } }
          })
        ])
      )
    )
  )

  it.effect("keeps integers of the first line that a double cannot hold, and keys that are no ordinary ones", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id)
      const first = linesOf(yield* textOf(snapshot.thread))[0] ?? ""
      assert.include(first, '"budget_tokens":9007199254740993')
      assert.include(first, '"__proto__":{"polluted":true}')
      assert.isUndefined(Reflect.get({}, "polluted"))
    }).pipe(
      Effect.provide(
        server([
          {
            path,
            content: source.content.replace(
              '"cli_version"',
              '"budget_tokens":9007199254740993,"__proto__":{"polluted":true},"cli_version"'
            )
          }
        ])
      )
    )
  )
})

describe("the copy", () => {
  it.effect("is every line of the source, byte for byte, with its own timestamp and what is not known of it", () => {
    const odd = [
      '{"timestamp":"2026-03-01T10:00:20.000Z","type":"event_msg","payload":{"type":"hologram_projected","x":1},"metadata":{"y":[2]}}',
      '{"type":"from_the_future","timestamp":"yesterday","payload":{}}',
      "not json at all",
      "",
      ' {"timestamp" : "2026", "type" : "world_state", "payload" : {"kind":"plain"} } '
    ]
    const content = source.content + odd.map((line) => `${line}\n`).join("") + "\u0000\u0000\r\n"
    return Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id)
      const text = yield* textOf(snapshot.thread)
      assert.strictEqual(text.slice(text.indexOf("\n") + 1), content)
    }).pipe(Effect.provide(server([{ path, content }])))
  })

  it.effect("keeps bytes that are no UTF-8", () => {
    const content = Uint8Array.from([...new TextEncoder().encode(source.content), 0xff, 0xfe, 0x0a, 0xc3, 0x28, 0x0a])
    return Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id)
      const bytes = yield* fileOf(snapshot.thread)
      assert.deepStrictEqual(bytes.slice(bytes.indexOf(0x0a) + 1), content)
    }).pipe(Effect.provide(server([{ path, content }])))
  })

  it.effect("drops a byte order mark, which has no place inside a file", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id)
      const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(yield* fileOf(snapshot.thread))
      assert.strictEqual(text.slice(text.indexOf("\n") + 1), source.content)
      assert.strictEqual(snapshot.usage?.owner, "T1")
    }).pipe(Effect.provide(server([{ path, content: `\ufeff${source.content}` }])))
  )

  it.effect("ends a torn tail before it goes on", () => {
    const torn = '{"timestamp":"2026-03-01T10:00:09.000Z","type":"event_msg","pay'
    return Effect.gen(function* () {
      const before = yield* hashes
      const who = yield* client()
      const { snapshot } = yield* fork(who, id)
      const text = yield* textOf(snapshot.thread)
      assert.isTrue(text.includes(`${torn}\n`))
      assert.strictEqual(
        marked(
          linesOf(text)
            .filter((line) => line !== torn)
            .join("\n")
        ),
        1
      )
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:completed", "T2:interrupted"])
      assert.strictEqual((yield* hashes).get(path), before.get(path))
    }).pipe(Effect.provide(server([built([...turn("T1", 150), S("T2"), um("two"), raw(torn)])])))
  })

  it.effect("never changes the source, whatever is forked how often", () =>
    Effect.gen(function* () {
      const before = (yield* hashes).get(path)
      const who = yield* client()
      yield* resume(who, id)
      const first = yield* fork(who, id)
      yield* fork(who, id, { ephemeral: true })
      yield* fork(who, first.snapshot.thread.id)
      yield* fork(who, id, until("beforeTurnId", TurnId.make("T1")))
      assert.strictEqual((yield* hashes).get(path), before)
    }).pipe(Effect.provide(server([source])))
  )
})

describe("the mark of an interruption", () => {
  for (const [name, steps, marks, shown] of [
    ["a finished turn", turn("T1", 150), 0, ["T1:completed"]],
    ["a turn that never ended", [S("T1"), um()], 1, ["T1:interrupted"]],
    ["a turn that never ended, but failed", [S("T1"), um(), event("error", { message: "no" })], 0, ["T1:failed"]],
    ["an aborted turn", [S("T1"), um(), abort("T1")], 1, ["T1:interrupted"]],
    ["an older turn that never ended", [S("T0"), um(), ...turn("T1", 150)], 0, ["T0:interrupted", "T1:completed"]],
    ["a question without an answer", [uitem(), um()], 1, ["rollout-3:interrupted"]],
    ["a question with an answer", implied("one", 150), 0, ["rollout-3:completed"]],
    [
      "a tool call without an end",
      [uitem(), um(), item("function_call", { name: "f", arguments: "{}", call_id: "c" })],
      1,
      ["rollout-3:interrupted"]
    ],
    [
      "a tool's output without an answer",
      [
        uitem(),
        um(),
        aitem(),
        am(),
        item("function_call", { name: "f", arguments: "{}", call_id: "c" }),
        item("function_call_output", { call_id: "c", output: "" })
      ],
      1,
      ["rollout-3:interrupted"]
    ],
    ["messages without items", [um()], 0, ["rollout-2:completed"]],
    ["nothing but a first line", [], 0, []]
  ] as const) {
    it.effect(`${name}: ${marks}`, () =>
      Effect.gen(function* () {
        const { snapshot } = yield* fork(yield* client(), id)
        assert.strictEqual(marked(yield* textOf(snapshot.thread)), marks)
        assert.deepStrictEqual(statuses(snapshot.thread.turns), shown)
      }).pipe(Effect.provide(server([built(steps)])))
    )
  }

  it.effect("is Codex's own: a notice for the model and an event that names the turn", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id)
      const [notice, aborted] = linesOf(yield* textOf(snapshot.thread))
        .slice(-2)
        .map((line) => lineOf(line))
      assert.strictEqual(notice?.type, "response_item")
      assert.strictEqual(notice?.payload.role, "user")
      assert.match(
        JSON.stringify(notice?.payload.content),
        /^\[{"type":"input_text","text":"<turn_aborted>.*<\/turn_aborted>"}\]$/
      )
      assert.deepStrictEqual(aborted?.payload, { type: "turn_aborted", turn_id: "T1", reason: "interrupted" })
    }).pipe(Effect.provide(server([built([S("T1"), um()])])))
  )
})

describe("ephemeral forks", () => {
  it.effect("have no file, and can be read, resumed and forked again", () =>
    Effect.gen(function* () {
      const before = yield* hashes
      const who = yield* client()
      const { snapshot } = yield* fork(who, id, { ephemeral: true })
      const { thread } = snapshot
      assert.isTrue(thread.ephemeral)
      assert.isNull(thread.path)
      assert.strictEqual(thread.forkedFromId, id)
      assert.deepStrictEqual(statuses(thread.turns), ["T1:completed"])
      assert.deepStrictEqual(yield* hashes, before)

      const read = yield* Threads.use((threads) => threads.read(thread.id))
      assert.deepStrictEqual(read.thread, thread)
      const other = yield* client()
      const again = yield* resume(other, thread.id)
      assert.strictEqual(again.kind, "rejoin")
      assert.deepStrictEqual(again.snapshot, snapshot)
      assert.deepStrictEqual(yield* other.sequence, ["response", usage])
      assert.deepStrictEqual((yield* other.params(usage))[0]?.threadId, thread.id)

      const kept = yield* fork(who, thread.id)
      assert.isFalse(kept.snapshot.thread.ephemeral)
      assert.strictEqual(kept.snapshot.thread.forkedFromId, thread.id)
      const text = yield* textOf(kept.snapshot.thread)
      assert.isTrue(text.endsWith(source.content))
      assert.strictEqual(text.split('"session_meta"').length - 1, 3)

      const twice = yield* fork(who, thread.id, { ephemeral: true })
      assert.isTrue(twice.snapshot.thread.ephemeral)
      assert.deepStrictEqual(statuses(twice.snapshot.thread.turns), ["T1:completed"])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("outlive their source's file", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* fork(who, id, { ephemeral: true })
      yield* MemoryFiles.use((files) => files.remove(path))
      assert.deepStrictEqual((yield* resume(who, snapshot.thread.id)).snapshot, snapshot)
      const { snapshot: second } = yield* fork(who, snapshot.thread.id)
      assert.deepStrictEqual(statuses(second.thread.turns), ["T1:completed"])
      assert.isTrue((yield* textOf(second.thread)).endsWith(source.content))
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("do not see what the source says later", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* fork(who, id, { ephemeral: true })
      const more = built(turn("T2", 360)).content
      yield* MemoryFiles.use((files) => files.append(path, more.slice(more.indexOf("\n") + 1)))
      const { snapshot: second } = yield* fork(who, snapshot.thread.id)
      assert.deepStrictEqual(statuses(second.thread.turns), ["T1:completed"])
      assert.strictEqual(second.usage?.info.total.totalTokens, 150n)
    }).pipe(Effect.provide(server([source])))
  )
})

describe("where a fork ends", () => {
  const three = built([...turn("T1", 120), ...turn("T2", 320), ...turn("T3", 560)])
  const cut = (field: "lastTurnId" | "beforeTurnId", turnId: string) =>
    Effect.flatMap(client(), (who) =>
      Effect.map(fork(who, id, until(field, TurnId.make(turnId))), ({ snapshot }) => ({ who, snapshot }))
    )

  for (const [field, at, shown, total] of [
    ["lastTurnId", "T1", ["T1:completed"], 120n],
    ["lastTurnId", "T2", ["T1:completed", "T2:completed"], 320n],
    ["lastTurnId", "T3", ["T1:completed", "T2:completed", "T3:completed"], 560n],
    ["beforeTurnId", "T3", ["T1:completed", "T2:completed"], 320n],
    ["beforeTurnId", "T2", ["T1:completed"], 120n],
    ["beforeTurnId", "T1", [], undefined]
  ] as const) {
    it.effect(`${field} ${at}`, () =>
      Effect.gen(function* () {
        const { snapshot, who } = yield* cut(field, at)
        assert.deepStrictEqual(statuses(snapshot.thread.turns), shown)
        assert.strictEqual(snapshot.usage?.info.total.totalTokens, total)
        assert.strictEqual(snapshot.usage?.owner ?? undefined, shown.at(-1)?.replace(":completed", ""))
        assert.deepStrictEqual((yield* who.sequence).includes(usage), total !== undefined)
        // The copy is a beginning of the source.
        const text = yield* textOf(snapshot.thread)
        assert.isTrue(three.content.startsWith(text.slice(text.indexOf("\n") + 1)))
      }).pipe(Effect.provide(server([three])))
    )
  }

  it.effect("before or after an implied turn, its item included or left out", () =>
    Effect.gen(function* () {
      const before = yield* cut("beforeTurnId", "rollout-7")
      const text = yield* textOf(before.snapshot.thread)
      assert.deepStrictEqual(statuses(before.snapshot.thread.turns), ["rollout-3:completed"])
      assert.notInclude(text, "two")
      assert.strictEqual(marked(text), 0)
      const upTo = yield* cut("lastTurnId", "rollout-2")
      assert.strictEqual(
        (yield* textOf(upTo.snapshot.thread)).split("\n").slice(1).join("\n"),
        text.split("\n").slice(1).join("\n")
      )
    }).pipe(Effect.provide(server([built([...implied("one", 120), ...implied("two", 320)])])))
  )

  it.effect("never brings back what was rolled back", () =>
    Effect.gen(function* () {
      // T1 T2 (rolled back) T3
      const upTo = yield* cut("lastTurnId", "T1")
      assert.deepStrictEqual(statuses(upTo.snapshot.thread.turns), ["T1:completed"])
      assert.notInclude(yield* textOf(upTo.snapshot.thread), "question T2")
      const before = yield* cut("beforeTurnId", "T3")
      assert.deepStrictEqual(statuses(before.snapshot.thread.turns), ["T1:completed"])
      assert.strictEqual(before.snapshot.usage?.owner, "T1")
      assert.strictEqual(before.snapshot.usage?.info.total.totalTokens, 320n)
      assert.strictEqual(before.snapshot.usage?.info.last.totalTokens, lastOf(120))
    }).pipe(Effect.provide(server([built([...turn("T1", 120), ...turn("T2", 320), rb(1), ...turn("T3", 560)])])))
  )

  it.effect("at a turn that was rolled back, or that never was, is refused", () =>
    Effect.gen(function* () {
      for (const [field, turnId] of [
        ["lastTurnId", "T2"],
        ["beforeTurnId", "T2"],
        ["lastTurnId", "T9"]
      ] as const) {
        const error = yield* Effect.flip(cut(field, turnId))
        assert.strictEqual(error.message, `${field} '${turnId}' was not found in the source thread`)
      }
    }).pipe(Effect.provide(server([built([...turn("T1", 120), ...turn("T2", 320), rb(1)])])))
  )

  it.effect("cannot be the turn in progress; before it is fine", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(cut("lastTurnId", "T2"))
      assert.strictEqual(error.message, "lastTurnId 'T2' identifies an in-progress turn")
      const { snapshot } = yield* cut("beforeTurnId", "T2")
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:completed"])
      assert.strictEqual(marked(yield* textOf(snapshot.thread)), 0)
    }).pipe(Effect.provide(server([built([...turn("T1", 120), S("T2"), um("two")])])))
  )

  it.effect("at an older turn that never ended, marks it", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* cut("lastTurnId", "T1")
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:interrupted"])
      assert.strictEqual(marked(yield* textOf(snapshot.thread)), 1)
    }).pipe(Effect.provide(server([built([S("T1"), um("one"), ...turn("T2", 120)])])))
  )
})

describe("sources", () => {
  it.effect("by path, of a thread that is not loaded", () =>
    Effect.gen(function* () {
      const { snapshot } = yield* fork(yield* client(), id, { source: { by: "path", path } })
      assert.strictEqual(snapshot.thread.forkedFromId, id)
      assert.deepStrictEqual(yield* Threads.use((threads) => threads.loaded), [snapshot.thread.id])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("a loaded thread with settings of its own hands them on", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* resume(who, id, { model: "chosen" })
      const { snapshot } = yield* fork(who, id)
      assert.strictEqual(snapshot.settings.model, "chosen")
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("a fork of a fork of a fork holds every first line, and each names its parent", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const parents: Array<string> = [id]
      for (let level = 0; level < 3; level++) {
        const { snapshot } = yield* fork(who, ThreadId.make(parents[0] ?? ""))
        assert.strictEqual(snapshot.thread.forkedFromId, parents[0])
        assert.strictEqual(snapshot.usage?.owner, "T1")
        assert.strictEqual(snapshot.usage?.inherited?.totalTokens, 150n)
        parents.unshift(snapshot.thread.id)
      }
      const text = yield* textOf({
        path: (yield* Threads.use((threads) => threads.read(ThreadId.make(parents[0] ?? "")))).thread.path
      })
      assert.deepStrictEqual(
        linesOf(text)
          .map((line) => lineOf(line))
          .filter((line) => line.type === "session_meta")
          .map((line) => line.payload.id),
        parents
      )
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("what cannot be resumed cannot be forked", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const unknown = yield* Effect.flip(fork(who, ThreadId.make(uuidAt(9, 9))))
      assert.strictEqual(unknown._tag, "ThreadNotFound")
      const archived = yield* Effect.flip(fork(who, id))
      assert.strictEqual(archived._tag, "ThreadArchived")
      assert.deepStrictEqual(yield* who.settled, [])
    }).pipe(Effect.provide(server([built(turn("T1", 120), { archived: true })])))
  )

  it.effect("a paginated thread over several files becomes one file that needs no other", () => {
    const first = paginated().turn({ id: "T1", user: "one", usage: { total: { total: 120 } } })
    const base = first.turn({ id: "T2", user: "dropped", usage: { total: { total: 320 } } }).build()
    const next = first
      .revert()
      .turn({ id: "T3", user: "three", usage: { total: { total: 560 } } })
      .build()
    return Effect.gen(function* () {
      const who = yield* client()
      const { snapshot } = yield* fork(who, base.threadId)
      assert.deepStrictEqual(statuses(snapshot.thread.turns), ["T1:completed", "T3:completed"])
      const text = yield* textOf(snapshot.thread)
      assert.notInclude(text, "dropped")
      assert.isNull(lineOf(linesOf(text)[0]).payload.history_base ?? null)
      yield* Effect.gen(function* () {
        const alone = yield* resume(yield* client(), snapshot.thread.id)
        assert.deepStrictEqual(alone.snapshot.thread.turns, snapshot.thread.turns)
        assert.deepStrictEqual(alone.snapshot.usage, snapshot.usage)
      }).pipe(Effect.provide(server([{ path: snapshot.thread.path ?? "", content: text }])))
    }).pipe(Effect.provide(server([base, next])))
  })
})

describe("the announcement", () => {
  it.effect("comes after the replay, without turns, to every open connection", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const [other, closed, deaf] = [
        yield* client(),
        yield* client({ open: false }),
        yield* client({ optOut: ["thread/started"] })
      ]
      const { snapshot } = yield* fork(who, id)
      assert.deepStrictEqual(yield* who.sequence, ["response", usage, "thread/started"])
      const started = { thread: { ...snapshot.thread, turns: [] } }
      assert.deepStrictEqual(yield* who.params("thread/started"), [started])
      yield* other.settled
      assert.deepStrictEqual(yield* other.sequence, ["thread/started"])
      assert.deepStrictEqual(yield* other.params("thread/started"), [started])
      assert.deepStrictEqual(yield* closed.settled, [])
      assert.deepStrictEqual(yield* deaf.settled, [])
      // Only who asked hears the new thread's events.
      assert.deepStrictEqual(yield* NotificationDelivery.use((delivery) => delivery.subscribers(snapshot.thread.id)), [
        who.connection.id
      ])
    }).pipe(Effect.provide(server([source])))
  )

  it.effect("comes without a replay where nobody owns the usage", () =>
    Effect.gen(function* () {
      const who = yield* client()
      yield* fork(who, id)
      assert.deepStrictEqual(yield* who.sequence, ["response", "thread/started"])
    }).pipe(Effect.provide(server([built([U(120)])])))
  )
})

describe("other settings", () => {
  const says = (approval_policy: string): Step =>
    event("thread_settings_applied", { thread_settings: { model: "m", approval_policy } })
  const runs =
    (approval_policy: string): Step =>
    (builder) =>
      builder.line("turn_context", {
        cwd: "/",
        approval_policy,
        sandbox_policy: { type: "read-only" },
        model: "m",
        summary: "auto"
      })
  for (const [what, before, approves] of [
    ["a settings line", [says("never"), S("T0"), runs("untrusted"), C("T0")], "never"],
    ["a turn, where there was no settings line", [S("T0"), runs("untrusted"), C("T0")], "untrusted"]
  ] as const) {
    it.effect(`what ${what} of the source says of approvals holds for its copy`, () => {
      const from = built([...before, ...turn("T1", 150)])
      return Effect.gen(function* () {
        const { snapshot } = yield* fork(yield* client(), from.threadId)
        yield* Threads.use((threads) => threads.unload(snapshot.thread.id))
        const again = yield* resume(yield* client(), snapshot.thread.id)
        assert.strictEqual(again.snapshot.settings.approvalPolicy, approves)
      }).pipe(Effect.provide(server([from])))
    })
  }

  it.effect("are written behind the copy only when the request named some", () =>
    Effect.gen(function* () {
      const who = yield* client()
      const applied = (text: string) => eventTypes(text).filter((type) => type === "thread_settings_applied").length
      const plain = yield* fork(who, id, { overrides: { cwd: "/elsewhere" } })
      assert.strictEqual(applied(yield* textOf(plain.snapshot.thread)), 0)
      assert.strictEqual(plain.snapshot.thread.cwd, "/elsewhere")
      const changed = yield* fork(who, id, { overrides: { model: "other" } })
      assert.strictEqual(applied(yield* textOf(changed.snapshot.thread)), 1)
      assert.strictEqual(changed.snapshot.thread.model, "other")
    }).pipe(Effect.provide(server([source])))
  )
})
