/**
 * Commands to a thread, over a whole server: compactions, names, removals, and a rollout that somebody else has open.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Scope } from "effect"
import { PROMPT, summaryMessage } from "../../src/domain/Compaction.ts"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import * as RolloutCheck from "../../src/domain/RolloutCheck.ts"
import { readLine } from "../../src/domain/RolloutLine.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import type { TurnInput } from "../../src/services/Agent.ts"
import { RolloutBusy } from "../../src/services/RolloutWriter.ts"
import { RolloutStoreError } from "../../src/services/ThreadError.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Fold from "../live/Fold.ts"
import { connect, isAbout, type LiveClient, type LiveServerOptions, type Message, say, server } from "../live/Server.ts"
import { rawLines } from "../support/Script.ts"

// Threads are named after when they began.
const later = Date.UTC(2026, 2, 2)
const nowhere = "00000000-0000-7000-8000-0000000000ff"

interface Held {
  readonly client: LiveClient
  readonly other: LiveClient
  readonly files: MemoryFiles["Service"]
}

const withServer = <A, E>(options: LiveServerOptions, body: (held: Held) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server(options))
    const scope = yield* Effect.scope
    const connected = connect().pipe(Effect.provideContext(context), Scope.provide(scope))
    const files = yield* Effect.provideContext(MemoryFiles, context)
    return yield* body({ client: yield* connected, other: yield* connected, files })
  }).pipe(Effect.scoped)

const inputText = ({ input }: TurnInput) => input.map((part) => (part.type === "text" ? part.text : part.type)).join()
const isCompaction = (input: TurnInput) => inputText(input) === PROMPT

/** Remembers what it was given; answers, or sums up. */
const agentThat = (asked: Array<TurnInput>, summary: Scripted.TurnScript) =>
  Scripted.layer((input) => {
    asked.push(input)
    return isCompaction(input) ? summary : Scripted.message("m", ["answer"])
  })

const turn = Effect.fnUntraced(function* (client: LiveClient, threadId: string, text: string) {
  const from = client.log.length
  yield* client.ask("turn/start", { threadId, input: say(text) })
  yield* client.until(isAbout("turn/completed", threadId), from)
})
const compaction = Effect.fnUntraced(function* (client: LiveClient, threadId: string) {
  const from = client.log.length
  yield* client.ask("thread/compact/start", { threadId })
  yield* client.until(isAbout("turn/completed", threadId), from)
  return client.log.slice(from)
})
const read = (client: LiveClient, threadId: string) =>
  Effect.map(client.ask("thread/read", { threadId, includeTurns: true }), Fold.seenIn)

const methods = (messages: ReadonlyArray<Message>) =>
  messages.flatMap((message) => (message.kind === "notification" ? [message.method] : []))
const messageOf = (error: JsonRecord) => String(own(error, "message"))
const userText = (text: string) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] })
const itemIn = (message: Message | undefined): unknown =>
  message?.kind === "notification" ? own(message.params, "item") : undefined
const paramsOf = (messages: ReadonlyArray<Message>, method: string): JsonRecord =>
  messages.flatMap((message) =>
    message.kind === "notification" && message.method === method ? [message.params] : []
  )[0] ?? assert.fail(`${method} was not told`)

/** What is wrong with the files that the server has written. */
const flaws = (files: MemoryFiles["Service"]) =>
  Effect.map(files.snapshot, (all) =>
    Array.from(all.values()).flatMap((bytes) => {
      const check = RolloutCheck.make(null)
      for (const raw of rawLines(bytes)) check.step(readLine(raw), raw)
      return check.result().findings.map(({ detail, kind, line }) => `${line} ${kind} ${detail}`)
    })
  )

for (const historyMode of ["legacy", "paginated"] as const) {
  describe(`a compaction (${historyMode})`, () => {
    it.effect("is a turn with one item, that shows nothing of the summary and counts what it cost", () => {
      const asked: Array<TurnInput> = []
      const summary = [
        ...Scripted.message("s", ["the ", "gist "]),
        Scripted.usage({ inputTokens: 7n, outputTokens: 2n })
      ]
      return withServer({ agent: agentThat(asked, summary) }, ({ client, files }) =>
        Effect.gen(function* () {
          const { id: threadId } = Fold.seenIn(yield* client.ask("thread/start", { historyMode }))
          yield* turn(client, threadId, "one")
          const told = yield* compaction(client, threadId)
          assert.deepStrictEqual(methods(told), [
            "thread/status/changed",
            "turn/started",
            "item/started",
            "thread/tokenUsage/updated",
            "item/completed",
            "thread/status/changed",
            "turn/completed"
          ])
          const items = told.map(itemIn).filter((item) => item !== undefined)
          const { turns, usage } = yield* read(client, threadId)
          assert.deepStrictEqual(
            turns.map(({ status }) => status),
            ["completed", "completed"]
          )
          const [item, ...others] = turns[1]?.items ?? []
          assert.deepStrictEqual(others, [])
          assert.strictEqual(item?.type, "contextCompaction")
          assert.strictEqual<unknown>(item?.id, historyMode === "paginated" ? `compaction_${turns[1]?.id}` : "item-3")
          assert.deepStrictEqual<unknown>(
            items.map((one) => (isRecord(one) ? own(one, "id") : null)),
            [item?.id, item?.id]
          )
          assert.deepStrictEqual<unknown>(items[1], item)
          assert.strictEqual(usage?.tokenUsage.total.totalTokens, 9n)
          assert.strictEqual(usage?.turnId, turns[1]?.id)
          assert.deepStrictEqual(yield* flaws(files), [])
        })
      )
    })

    it.effect("leaves the model with what the user said and the summary", () => {
      const asked: Array<TurnInput> = []
      return withServer({ agent: agentThat(asked, Scripted.message("s", [" the gist "])) }, ({ client }) =>
        Effect.gen(function* () {
          const { id: threadId } = Fold.seenIn(yield* client.ask("thread/start", { historyMode }))
          yield* turn(client, threadId, "one")
          yield* compaction(client, threadId)
          yield* turn(client, threadId, "two")
          yield* compaction(client, threadId)
          yield* turn(client, threadId, "three")
          const gist = userText(summaryMessage("the gist"))
          const answer = { type: "message", role: "assistant", content: [{ type: "output_text", text: "answer" }] }
          assert.deepStrictEqual<ReadonlyArray<unknown>>(
            asked.map(({ history }) => history),
            [
              [],
              [userText("one"), answer],
              [userText("one"), gist],
              [userText("one"), gist, userText("two"), answer],
              [userText("one"), userText("two"), gist]
            ]
          )
        })
      )
    })

    it.effect("without a summary fails, and changes nothing for the model", () => {
      const asked: Array<TurnInput> = []
      return withServer({ agent: agentThat(asked, Scripted.message("s", [" "])) }, ({ client }) =>
        Effect.gen(function* () {
          const { id: threadId } = Fold.seenIn(yield* client.ask("thread/start", { historyMode }))
          yield* turn(client, threadId, "one")
          const told = yield* compaction(client, threadId)
          const error = own(paramsOf(told, "error"), "error")
          assert.include(JSON.stringify(error), "the agent gave no summary to compact with")
          assert.notInclude(methods(told), "item/completed")
          const { status, turns } = yield* read(client, threadId)
          assert.deepStrictEqual(
            turns.map((one) => one.status),
            ["completed", "failed"]
          )
          assert.deepStrictEqual(status, { type: "systemError" })
          yield* turn(client, threadId, "two")
          assert.deepStrictEqual(asked[2]?.history, asked[1]?.history)
          assert.deepStrictEqual((yield* read(client, threadId)).status, { type: "idle" })
        })
      )
    })
  })
}

describe("a compaction", () => {
  it.effect("and a turn shut each other out", () => {
    const goOn = Deferred.makeUnsafe<void>()
    const agent = Scripted.layer((input) => [
      Scripted.waitFor(goOn),
      ...Scripted.message("m", [isCompaction(input) ? "the gist" : "answer"])
    ])
    return withServer({ agent }, ({ client }) =>
      Effect.gen(function* () {
        const { id: threadId } = Fold.seenIn(yield* client.ask("thread/start", {}))
        yield* client.ask("thread/compact/start", { threadId })
        const steered = yield* client.refused("turn/start", { threadId, input: say("two") })
        assert.include(messageOf(steered), "cannot steer a compaction")
        const again = yield* client.refused("thread/compact/start", { threadId })
        assert.include(messageOf(again), "Cannot compact while a turn is in progress.")
        yield* Deferred.succeed(goOn, undefined)
        yield* client.until(isAbout("turn/completed", threadId))
        yield* compaction(client, threadId)
      })
    )
  })

  it.effect("of a thread that is not loaded is refused", () =>
    withServer({}, ({ client }) =>
      Effect.gen(function* () {
        assert.include(messageOf(yield* client.refused("thread/compact/start", { threadId: nowhere })), nowhere)
      })
    )
  )
})

describe("items that are put into the conversation", () => {
  it.effect("are what the model sees next, and nothing that people see", () => {
    const asked: Array<TurnInput> = []
    return withServer({ agent: agentThat(asked, []) }, ({ client, files }) =>
      Effect.gen(function* () {
        const { id: threadId } = Fold.seenIn(yield* client.ask("thread/start", {}))
        yield* turn(client, threadId, "one")
        const items = [userText("by the way"), { type: "reasoning", summary: [] }]
        yield* client.ask("thread/inject_items", { threadId, items })
        assert.lengthOf((yield* read(client, threadId)).turns, 1)
        yield* turn(client, threadId, "two")
        assert.deepStrictEqual<unknown>(asked[1]?.history.slice(-2), items)
        assert.deepStrictEqual(yield* flaws(files), [])
      })
    )
  })

  it.effect("are refused together when one of them is none, and it is said which", () => {
    const asked: Array<TurnInput> = []
    return withServer({ agent: agentThat(asked, []) }, ({ client }) =>
      Effect.gen(function* () {
        const { id: threadId } = Fold.seenIn(yield* client.ask("thread/start", {}))
        yield* turn(client, threadId, "one")
        for (const wrong of [{ role: "user" }, "words", null, []]) {
          const items = [userText("by the way"), wrong]
          const refused = yield* client.refused("thread/inject_items", { threadId, items })
          assert.deepInclude(own(refused, "data"), { type: "invalidRequest", field: "items[1]" })
          assert.include(messageOf(refused), "items[1]")
        }
        yield* turn(client, threadId, "two")
        assert.notInclude(JSON.stringify(asked[1]?.history), "by the way")
      })
    )
  })
})

describe("a request that is refused", () => {
  it.effect("is told which part of it was wrong", () => {
    const source = paginated().turn({ id: "T1" }).build()
    const legacy = rollout({ createdAt: later }).turn({ id: "T1" }).build()
    const { threadId } = source
    return withServer({ files: [source, legacy] }, ({ client }) =>
      Effect.gen(function* () {
        for (const file of [source, legacy]) yield* client.ask("thread/resume", { threadId: file.threadId })
        for (const [method, params, field] of [
          ["thread/revert", { threadId: legacy.threadId, beforeTurnId: "T1" }, "threadId"],
          ["thread/revert", { beforeTurnId: "T9" }, "beforeTurnId"],
          ["thread/metadata/update", { gitInfo: { sha: "a", branch: " " } }, "gitInfo.branch"],
          ["thread/metadata/update", { gitInfo: {} }, "gitInfo"],
          ["thread/rollback", { numTurns: 0 }, "numTurns"],
          ["turn/start", { input: [] }, "input"]
        ] as const) {
          const refused = yield* client.refused(method, { threadId, ...params })
          assert.deepInclude(own(refused, "data"), { type: "invalidRequest", field }, method)
        }
      })
    )
  })
})

describe("turns that are taken back", () => {
  const spent = (total: number) => ({ total: { input: total, total }, last: { input: 100, total: 100 } })

  it.effect("leave a rollout with nothing wrong in it, whatever has to be said again", () => {
    const source = paginated()
      .turn({ id: "T1", usage: spent(100) })
      .build()
    const { threadId } = source
    const agent = Scripted.layer([[...Scripted.message("m", ["answer"]), Scripted.usage({ inputTokens: 100n })]])
    return withServer({ files: [source], agent }, ({ client, files }) =>
      Effect.gen(function* () {
        const onBranch = (branch: string) => client.ask("thread/metadata/update", { threadId, gitInfo: { branch } })
        yield* client.ask("thread/resume", { threadId })
        yield* onBranch("kept")
        yield* turn(client, threadId, "two")
        yield* onBranch("next")
        const { turns } = yield* read(client, threadId)
        yield* client.ask("thread/revert", { threadId, beforeTurnId: turns[1]?.id })
        assert.strictEqual((yield* files.snapshot).size, 2)
        assert.deepStrictEqual(yield* flaws(files), [])
        const answer = yield* client.ask("thread/read", { threadId, includeTurns: true })
        const { thread } = answer
        assert.include(JSON.stringify(isRecord(thread) && own(thread, "gitInfo")), '"branch":"next"')
        const reverted = Fold.seenIn(answer)
        assert.deepStrictEqual([reverted.turns.length, reverted.usage?.tokenUsage.total.totalTokens], [1, 200n])
      })
    )
  })

  it.effect("are told of without figures when nobody is left to whom they belong", () => {
    const source = rollout()
      .turn({ id: "T1", usage: spent(100) })
      .build()
    const { threadId } = source
    return withServer({ files: [source] }, ({ client }) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        yield* client.until(isAbout("thread/tokenUsage/updated", threadId))
        const from = client.log.length
        yield* client.ask("thread/rollback", { threadId, numTurns: 1 })
        yield* client.ask("thread/loaded/list", {})
        assert.deepStrictEqual(methods(client.log.slice(from)), ["thread/reverted"])
      })
    )
  })
})

describe("a rollout that another process writes to just before it is opened", () => {
  it.effect("is read again, and then written to", () => {
    const source = rollout().turn({ id: "T1" }).build()
    const { path, threadId } = source
    const theirs = '{"timestamp":"2026-03-01T11:00:00.000Z","type":"event_msg","payload":{"type":"theirs"}}\n'
    let isFirst = true
    const store: NonNullable<LiveServerOptions["store"]> = (made, files) => ({
      ...made,
      writer: (ref, options) => {
        const write = made.writer(ref, options)
        if (!isFirst) return write
        isFirst = false
        return Effect.andThen(files.append(path, theirs), write)
      }
    })
    return withServer({ files: [source], store }, ({ client, files }) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        yield* client.ask("thread/metadata/update", { threadId, gitInfo: { branch: "next" } })
        const [bytes] = (yield* files.snapshot).values()
        const [own, other] = new TextDecoder().decode(bytes).trimEnd().split("\n").toReversed()
        assert.include(own, '"branch":"next"')
        assert.strictEqual(`${other}\n`, theirs)
      })
    )
  })
})

describe("a rollout that cannot be opened", () => {
  it.effect("refuses a turn, and says why", () => {
    const source = rollout().turn({ id: "T1" }).build()
    const { path, threadId } = source
    const detail = "too many open files"
    const store: NonNullable<LiveServerOptions["store"]> = (made) => ({
      ...made,
      writer: () => Effect.fail(new RolloutStoreError({ operation: "open", path, detail }))
    })
    return withServer({ files: [source], store }, ({ client }) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        const refused = yield* client.refused("turn/start", { threadId, input: say("two") })
        assert.deepInclude(own(refused, "data"), { type: "threadReadOnly", threadId })
        assert.include(messageOf(refused), detail)
      })
    )
  })
})

describe("a rollout that somebody else has open", () => {
  it.effect("refuses a turn for now, and takes it once it is free", () => {
    const source = rollout().turn({ id: "T1" }).build()
    const { path, threadId } = source
    let isBusy = true
    const store: NonNullable<LiveServerOptions["store"]> = (made) => ({
      ...made,
      writer: (ref, options) => (isBusy ? Effect.fail(new RolloutBusy({ threadId, path })) : made.writer(ref, options))
    })
    const agent = Scripted.layer([Scripted.message("m", ["answer"])])
    return withServer({ files: [source], store, agent }, ({ client }) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId })
        const refused = yield* client.refused("turn/start", { threadId, input: say("two") })
        assert.deepInclude(own(refused, "data"), { type: "threadReadOnly", threadId })
        isBusy = false
        yield* turn(client, threadId, "two")
        const { turns } = yield* read(client, threadId)
        assert.deepStrictEqual(
          turns.map(({ status }) => status),
          ["completed", "completed"]
        )
      })
    )
  })
})

describe("a thread's name", () => {
  it.effect("is told to everybody, without the blanks around it, and must be something", () => {
    const source = rollout().turn({ id: "T1" }).build()
    const { threadId } = source
    return withServer({ files: [source] }, ({ client, other }) =>
      Effect.gen(function* () {
        yield* client.ask("thread/name/set", { threadId, name: "  a name " })
        for (const who of [client, other]) {
          yield* who.until(isAbout("thread/name/updated"))
          assert.deepStrictEqual(paramsOf(who.log, "thread/name/updated"), { threadId, threadName: "a name" })
        }
        assert.include(
          messageOf(yield* client.refused("thread/name/set", { threadId, name: " " })),
          "must not be empty"
        )
        yield* client.refused("thread/name/set", { threadId: nowhere, name: "n" })
      })
    )
  })
})

describe("a thread that is deleted", () => {
  it.effect("is gone for everybody, whether it was loaded, stored or both; one that is nowhere is refused", () => {
    const [first, second] = [
      rollout().turn({ id: "T1" }).build(),
      paginated({ createdAt: later }).turn({ id: "T1" }).build()
    ]
    return withServer({ files: [first, second] }, ({ client, files, other }) =>
      Effect.gen(function* () {
        yield* client.ask("thread/resume", { threadId: first.threadId })
        const { id: held } = Fold.seenIn(yield* client.ask("thread/start", { ephemeral: true }))
        for (const threadId of [first.threadId, second.threadId, held]) {
          yield* client.ask("thread/delete", { threadId })
          yield* other.until(isAbout("thread/deleted", threadId))
          yield* client.refused("thread/delete", { threadId })
        }
        assert.deepStrictEqual(own(yield* client.ask("thread/loaded/list", {}), "data"), [])
        assert.strictEqual((yield* files.snapshot).size, 0)
        assert.lengthOf(other.log.filter(isAbout("thread/deleted")), 3)
      })
    )
  })
})

describe("a fork in the middle of a turn, with settings of its own", () => {
  it.effect("is a rollout with nothing wrong in it, in both ways of keeping history", () => {
    const sources = [rollout(), paginated({ createdAt: later })].map((builder) =>
      builder.turn({ id: "T1" }).turn({ id: "T2", ends: "open" }).build()
    )
    return withServer({ files: sources }, ({ client, files }) =>
      Effect.gen(function* () {
        for (const { threadId } of sources) {
          const fork = Fold.seenIn(yield* client.ask("thread/fork", { threadId, model: "another" }))
          assert.deepStrictEqual(
            fork.turns.map(({ status }) => status),
            ["completed", "interrupted"]
          )
          yield* client.ask("thread/delete", { threadId })
        }
        assert.deepStrictEqual(yield* flaws(files), [])
        assert.strictEqual((yield* files.snapshot).size, 2)
      })
    )
  })
})
