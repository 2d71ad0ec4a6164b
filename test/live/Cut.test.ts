/**
 * Named cases of what the model tests at random: joining a thread in the middle of something, racing its
 * end, and what is refused.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Logger, Scope, Stream } from "effect"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { Agent } from "../../src/services/Agent.ts"
import * as Defects from "../fuzz/Defects.ts"
import * as Fold from "./Fold.ts"
import { connect, isAbout, type LiveClient, type Message, say, server } from "./Server.ts"

const { hang, message, reasoning, usage, waitFor } = Scripted

const text = (id: string, delta: string): Scripted.ScriptStep => ({ _tag: "TextDelta", id, delta })
const call = (id: string): Scripted.ScriptStep => ({ _tag: "ToolCall", id, name: "look", arguments: {} })

const modes = ["paginated", "legacy"] as const

const start = Effect.fnUntraced(function* (client: LiveClient, params: object = {}) {
  const result = yield* client.ask("thread/start", params)
  return Fold.seenIn(result).id
})
const begin = Effect.fnUntraced(function* (client: LiveClient, threadId: string, words: string = "hello") {
  const { turn } = yield* client.ask("turn/start", { threadId, input: say(words) })
  return String(isRecord(turn) ? own(turn, "id") : "none")
})
const completed = (client: LiveClient, threadId: string, from = 0) =>
  client.until(isAbout("turn/completed", threadId), from)
const read = (client: LiveClient, threadId: string) =>
  Effect.map(client.ask("thread/read", { threadId, includeTurns: true }), Fold.seenIn)
/** Lets everything happen that needs no time. */
const settle = Effect.replicateEffect(Effect.yieldNow, 60, { discard: true })
const messageOf = (error: JsonRecord) => String(own(error, "message"))

/** Comes to the thread and folds what it is told from there on. */
const join = Effect.fnUntraced(function* (client: LiveClient, threadId: string) {
  const result = yield* client.ask("thread/resume", { threadId })
  const at = client.log.findLastIndex((one) => one.kind === "result")
  const seen = Fold.seenIn(result)
  const rest = () => {
    const fold = Fold.make(seen, true)
    for (const one of client.log.slice(at + 1)) {
      if (one.kind !== "notification") continue
      assert.isNull(fold.on(Fold.notificationIn(one)))
    }
    return fold.turns()
  }
  return { seen, rest }
})

/** A server whose agent plays these scripts, and as many clients as the case needs. */
const withServer = <A, E>(
  scripts: Scripted.Script,
  body: (connected: Effect.Effect<LiveClient>) => Effect.Effect<A, E, MemoryFiles>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server({ agent: Scripted.layer(scripts) }))
    const scope = yield* Effect.scope
    const one = connect().pipe(Effect.provideContext(context), Scope.provide(scope))
    return yield* Effect.provideContext(body(one), context)
  }).pipe(Effect.scoped)

describe.each(modes)("the end of the server (%s)", (historyMode) => {
  it.effect("ends a running turn, and its rollout says so", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const agent = Scripted.layer([[...message("m0", ["so far"]), hang]])
      const context = yield* Scope.provide(Layer.build(server({ agent })), scope)
      const { snapshot } = yield* Effect.provideContext(MemoryFiles, context)
      const client = yield* connect().pipe(Effect.provideContext(context), Scope.provide(scope))
      const threadId = yield* start(client, { historyMode })
      yield* begin(client, threadId)
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const [text = ""] = Array.from(yield* snapshot, ([, bytes]) => new TextDecoder().decode(bytes))
      assert.include(text, "so far")
      assert.include(text.trimEnd().split("\n").slice(-2).join(), '"turn_aborted"')
    })
  )
})

describe.each(modes)("a fork of a %s thread in which a turn runs", (historyMode) => {
  it.effect("says that the turn goes on where it came from", () =>
    withServer([[...message("m0", ["so far"]), hang]], (connected) =>
      Effect.gen(function* () {
        const client = yield* connected
        const threadId = yield* start(client, { historyMode })
        const turnId = yield* begin(client, threadId)
        yield* settle
        const { id, turns } = Fold.seenIn(yield* client.ask("thread/fork", { threadId }))
        assert.deepStrictEqual([turns.at(-1)?.id, turns.at(-1)?.status], [turnId, "interrupted"])
        const warning = yield* client.until((one) => one.kind === "notification" && one.method === "warning")
        assert.isTrue(warning.kind === "notification" && own(warning.params, "threadId") === id)
        assert.include(JSON.stringify(warning), `turn ${turnId} goes on in the thread that this one was forked from`)
      })
    )
  )
})

describe.each(modes)("joining a running turn of a %s thread", (historyMode) => {
  const inTheMiddle = (first: Scripted.TurnScript, rest: Scripted.TurnScript) =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      return yield* withServer([[...first, waitFor(go), ...rest]], (connected) =>
        Effect.gen(function* () {
          const [one, two] = [yield* connected, yield* connected]
          const threadId = yield* start(one, { historyMode })
          yield* begin(one, threadId)
          yield* settle
          const joined = yield* join(two, threadId)
          yield* Deferred.succeed(go, undefined)
          yield* completed(two, threadId)
          const shown = yield* read(one, threadId)
          assert.deepStrictEqual(joined.rest(), shown.turns)
          const items = joined.seen.turns.at(-1)?.items ?? []
          return {
            joined: items.at(-1),
            reasoning: items.findLast((item) => item.type === "reasoning"),
            ended: shown.turns.at(-1)?.items ?? []
          }
        })
      )
    })

  it.effect("in a text", () =>
    Effect.gen(function* () {
      const { ended, joined } = yield* inTheMiddle([text("m", "Hello ")], [text("m", "world")])
      assert.strictEqual(joined?.type === "agentMessage" ? joined.text : "", "Hello ")
      assert.strictEqual(ended.at(-1)?.id, joined?.id)
    })
  )

  it.effect("in a reasoning, between two calls", () =>
    Effect.gen(function* () {
      const { ended, reasoning: joined } = yield* inTheMiddle(
        [...reasoning("r1", ["First."]), call("c1"), { _tag: "ReasoningDelta", id: "r2", part: 0, delta: "Then " }],
        [{ _tag: "ReasoningDelta", id: "r2", part: 1, delta: "more" }, call("c2")]
      )
      assert.strictEqual(joined?.summary.at(-1), "Then ")
      const whole = ended.find((item) => item.id === joined?.id)
      assert.strictEqual(whole?.type === "reasoning" ? whole.summary.at(-1) : "", "more")
    })
  )

  it.effect("in a tool call", () =>
    Effect.gen(function* () {
      const { ended, joined } = yield* inTheMiddle(
        [call("c1")],
        [{ _tag: "ToolResult", id: "c1", output: "42", success: true }, ...message("m", ["done"])]
      )
      assert.strictEqual(joined?.type === "dynamicToolCall" ? joined.status : "", "inProgress")
      assert.deepStrictEqual(
        ended.map((item) => item.type),
        ["userMessage", "dynamicToolCall", "agentMessage"]
      )
    })
  )
})

describe("racing the end of a turn", () => {
  it.effect("a resume never loses the final answer", () =>
    Effect.forEach(
      modes.flatMap((mode) => Array.from({ length: 60 }, (_, yields) => ({ mode, yields }))),
      ({ mode, yields }) =>
        Effect.gen(function* () {
          const go = yield* Deferred.make<void>()
          yield* withServer(
            [[text("m", "The "), waitFor(go), text("m", "answer"), usage({ inputTokens: 3n })]],
            (connected) =>
              Effect.gen(function* () {
                const [one, two] = [yield* connected, yield* connected]
                const threadId = yield* start(one, { historyMode: mode })
                yield* begin(one, threadId)
                yield* settle
                yield* Deferred.succeed(go, undefined)
                yield* Effect.replicateEffect(Effect.yieldNow, yields, { discard: true })
                const joined = yield* join(two, threadId)
                yield* settle
                const shown = yield* read(one, threadId)
                assert.deepStrictEqual(joined.rest(), shown.turns)
                assert.strictEqual(shown.turns.at(-1)?.status, "completed")
                assert.include(Fold.show(joined.rest()), "The answer")
              })
          )
        }),
      { discard: true }
    )
  )

  it.effect("right after start a thread is resumed from memory", () =>
    withServer([message("m", ["hi"])], (connected) =>
      Effect.gen(function* () {
        const [one, two] = [yield* connected, yield* connected]
        const threadId = yield* start(one)
        const files = yield* MemoryFiles.use((files) => files.snapshot)
        assert.strictEqual(files.size, 0)
        const joined = yield* join(two, threadId)
        assert.deepStrictEqual(joined.seen.turns, [])
        yield* begin(one, threadId)
        yield* completed(two, threadId)
        assert.deepStrictEqual(joined.rest(), (yield* read(one, threadId)).turns)
      })
    )
  )

  it.effect("the restored usage belongs to the turn that spent it, not to the one that runs", () =>
    withServer([[...message("m", ["one"]), usage({ inputTokens: 7n })], [hang]], (connected) =>
      Effect.gen(function* () {
        const [one, two] = [yield* connected, yield* connected]
        const threadId = yield* start(one)
        const owner = yield* begin(one, threadId)
        yield* completed(one, threadId)
        const running = yield* begin(one, threadId)
        yield* join(two, threadId)
        const replay = yield* two.until(isAbout("thread/tokenUsage/updated", threadId))
        assert.strictEqual(replay.kind === "notification" ? replay.params["turnId"] : "", owner)
        assert.notStrictEqual(owner, running)
      })
    )
  )

  it.effect("every client is told each piece once", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      yield* withServer([[text("m", "a"), waitFor(go), text("m", "b"), text("m", "c")]], (connected) =>
        Effect.gen(function* () {
          const [one, two] = [yield* connected, yield* connected]
          const threadId = yield* start(one)
          yield* begin(one, threadId)
          yield* settle
          yield* join(two, threadId)
          yield* join(two, threadId)
          yield* Deferred.succeed(go, undefined)
          yield* completed(two, threadId)
          const deltas = (log: ReadonlyArray<Message>) =>
            log.flatMap((told) =>
              isAbout("item/agentMessage/delta")(told) && told.kind === "notification" ? [told.params["delta"]] : []
            )
          assert.deepStrictEqual(deltas(one.log), ["a", "b", "c"])
          assert.deepStrictEqual(deltas(two.log), ["b", "c"])
        })
      )
    })
  )
})

describe("steering and interrupting", () => {
  it.effect("what is said after the agent asked last is answered in the same turn", () =>
    Effect.gen(function* () {
      const [asked, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const heard: Array<readonly [string, string]> = []
      const scripts: Scripted.Script = ({ history, input }) => {
        heard.push([JSON.stringify(history), JSON.stringify(input)])
        return heard.length === 1
          ? [Scripted.askSteered(() => message("m0", ["the answer"])), Scripted.signal(asked), waitFor(go)]
          : message("m1", ["and one more"])
      }
      yield* withServer(scripts, (connected) =>
        Effect.gen(function* () {
          const one = yield* connected
          const threadId = yield* start(one)
          const turnId = yield* begin(one, threadId)
          yield* Deferred.await(asked)
          yield* one.ask("turn/steer", { threadId, input: say("too late?"), expectedTurnId: turnId })
          yield* Deferred.succeed(go, undefined)
          yield* completed(one, threadId)
          const { turns } = yield* read(one, threadId)
          assert.deepStrictEqual(
            turns.map(({ items, status }) => [status, items.map((item) => item.type)]),
            [["completed", ["userMessage", "agentMessage", "userMessage", "agentMessage"]]]
          )
          const [, second] = heard
          assert.include(second?.[0], "the answer")
          assert.notInclude(second?.[0], "too late?")
          assert.include(second?.[1], "too late?")
        })
      )
    })
  )

  it.effect("input while a turn runs goes to that turn", () =>
    withServer([[hang]], (connected) =>
      Effect.gen(function* () {
        const one = yield* connected
        const threadId = yield* start(one)
        const turnId = yield* begin(one, threadId)
        assert.strictEqual(yield* begin(one, threadId, "more"), turnId)
        const steered = yield* one.ask("turn/steer", { threadId, input: say("and more"), expectedTurnId: turnId })
        assert.strictEqual(steered["turnId"], turnId)
        const { turns } = yield* read(one, threadId)
        assert.deepStrictEqual(
          turns.map((turn) => [turn.id, turn.items.length]),
          [[turnId, 3]]
        )
      })
    )
  )

  it.effect("a wrong id interrupts nothing, and nothing can be interrupted at rest", () =>
    withServer([[hang]], (connected) =>
      Effect.gen(function* () {
        const one = yield* connected
        const threadId = yield* start(one)
        assert.include(messageOf(yield* one.refused("turn/interrupt", { threadId, turnId: "x" })), "no active turn")
        const turnId = yield* begin(one, threadId)
        assert.include(
          messageOf(yield* one.refused("turn/interrupt", { threadId, turnId: "x" })),
          "expected active turn id"
        )
        assert.deepStrictEqual((yield* read(one, threadId)).status, { type: "active", activeFlags: [] })
        yield* one.ask("turn/interrupt", { threadId, turnId })
        assert.strictEqual((yield* read(one, threadId)).turns.at(-1)?.status, "interrupted")
        assert.include(messageOf(yield* one.refused("turn/interrupt", { threadId, turnId })), "no active turn")
      })
    )
  )
})

describe("turns that fail", () => {
  const failureOf = Effect.fnUntraced(function* (client: LiveClient, threadId: string) {
    yield* completed(client, threadId)
    const { status, turns } = yield* read(client, threadId)
    assert.deepStrictEqual(status, { type: "systemError" })
    assert.strictEqual(turns.at(-1)?.status, "failed")
    return turns.at(-1)?.error?.message ?? ""
  })

  it.effect("without an agent the failure says what to provide", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(server())
      const one = yield* Effect.provideContext(connect(), context)
      const threadId = yield* start(one)
      yield* begin(one, threadId)
      const why = yield* failureOf(one, threadId)
      assert.include(why, "provide an Agent layer")
      assert.include(why, "configure a model")
    }).pipe(Effect.scoped)
  )

  it.effect("an agent that dies fails its turn, says why in the log, and the thread lives", () =>
    Effect.gen(function* () {
      const defects = Defects.make()
      let turns = 0
      const agent = Layer.succeed(
        Agent,
        Agent.of({
          run: () =>
            turns++ === 0
              ? Stream.die(new Error("out of its mind"))
              : Stream.fromIterable([{ _tag: "TextDelta" as const, id: "m", delta: "alive" }])
        })
      )
      yield* Effect.gen(function* () {
        const context = yield* Layer.build(server({ agent }))
        const one = yield* Effect.provideContext(connect(), context)
        const threadId = yield* start(one)
        yield* begin(one, threadId)
        assert.include(yield* failureOf(one, threadId), "in the log")
        const from = one.log.length
        yield* begin(one, threadId)
        yield* completed(one, threadId, from)
        assert.strictEqual((yield* read(one, threadId)).turns.at(-1)?.status, "completed")
      }).pipe(Effect.provide(Logger.layer([defects.logger])))
      assert.include(defects.found.join("\n"), "out of its mind")
    }).pipe(Effect.scoped)
  )

  it.effect("on a full disk the turn fails, the thread is read-only, and what was acknowledged is there", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const script = [message("m", ["first"]), [text("m", "second"), waitFor(go), call("c")], message("m", ["third"])]
      yield* withServer(script, (connected) =>
        Effect.gen(function* () {
          const one = yield* connected
          const files = yield* MemoryFiles
          const threadId = yield* start(one)
          yield* begin(one, threadId, "question one")
          yield* completed(one, threadId)
          yield* begin(one, threadId, "question two")
          yield* settle
          const path = String((yield* read(one, threadId)).path)
          const before = (yield* files.snapshot).get(path)
          yield* files.failAppends(path, { reason: "diskFull", torn: true })
          const from = one.log.length
          yield* Deferred.succeed(go, undefined)
          yield* completed(one, threadId, from)
          const { turns } = yield* read(one, threadId)
          assert.deepStrictEqual(
            turns.map((turn) => turn.status),
            ["completed", "failed"]
          )
          assert.include(turns.at(-1)?.error?.message ?? "", "free some space")
          assert.include(messageOf(yield* one.refused("turn/start", { threadId, input: say("x") })), "read-only")
          const after = (yield* files.snapshot).get(path)
          assert.deepStrictEqual(after?.slice(0, before?.length), before)
          assert.include(new TextDecoder().decode(before), "question two")
        })
      )
    })
  )
})
