/**
 * What holds for the native face wherever its client is: the same cases, in process and over a WebSocket.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import { integerToJson, parseExact } from "../../src/domain/Json.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { FellBehind, QuestionNotOpen } from "../../src/rpc/native/NativeError.ts"
import type { Following } from "../../src/rpc/native/NativeElement.ts"
import { NotificationDelivery } from "../../src/services/NotificationDelivery.ts"
import {
  ForkPointRefused,
  InvalidRequest,
  ThreadArchived,
  ThreadNotFound,
  ThreadNotLoaded
} from "../../src/services/ThreadError.ts"
import * as RolloutBuilder from "../../src/testing/RolloutBuilder.ts"
import { connect as connectCodex, isAbout } from "../live/Server.ts"
import * as World from "./support/World.ts"

const { isEvent, notificationsOf, say, textOf, upTo } = World

const story = () =>
  RolloutBuilder.rollout({ threadId: "01900000-0000-7000-8000-000000000001" })
    .turn({ id: "T1", user: "first", usage: { total: { total: 150 } } })
    .turn({ id: "T2", user: "second", usage: { total: { total: 2 ** 53 - 1 } } })

/** Two turns, the second of which has spent so much that the next one goes beyond 2^53. */
export const saved = story().build()

/** The same, as another process leaves it. */
const more = story().turn({ id: "T3", user: "elsewhere" })

const nobody = ThreadId.make("01900000-0000-7000-8000-00000000dead")

/** A message in so many pieces. */
const pieces = (count: number) => Array.from({ length: count }, (_, n) => `${n} `)
const whole = (count: number) => pieces(count).join("")

const spent = Scripted.usage({ inputTokens: 10n, outputTokens: 5n })

/** What happened, without the joins of texts that depend on how fast the client is. */
const joined = (elements: ReadonlyArray<Following>): ReadonlyArray<string> => {
  const facts: Array<string> = []
  let text = ""
  for (const told of notificationsOf(elements)) {
    if (told.method === "item/agentMessage/delta") {
      text += told.params.delta
      continue
    }
    if (text !== "") facts.push(text)
    text = ""
    facts.push(JSON.stringify(told, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)))
  }
  return text === "" ? facts : [...facts, text]
}

type Body<E> = (connect: World.Connect) => Effect.Effect<unknown, E, Scope.Scope | World.World>

/** Registers the cases for one way to connect. */
export const suite = (connecting: Effect.Effect<World.Connect, never, World.World | Scope.Scope>) => {
  const at = <E>(label: string, options: World.WorldOptions, body: Body<E>) =>
    it.live(label, () =>
      Effect.flatMap(connecting, body).pipe(Effect.scoped, Effect.provide(World.world({ files: [saved], ...options })))
    )

  at(
    "the first element is the thread with its usage, and what happens comes after it in order",
    { agent: Scripted.layer([[...Scripted.message("m1", ["Hello", " there"]), spent]]) },
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const { events, snapshot } = yield* client.resume({ threadId: saved.threadId })
      assert.deepStrictEqual(
        snapshot.thread.turns.map(({ id }) => id),
        ["T1", "T2"]
      )
      assert.strictEqual(snapshot.usage?.owner, "T2")
      assert.strictEqual(snapshot.usage?.info.total.totalTokens, 2n ** 53n - 1n)
      assert.isNull(snapshot.usage?.inherited)
      const { id: turnId } = yield* client.rpc.StartTurn({ threadId: saved.threadId, input: say("hi") })
      const elements = yield* upTo(events, "turn/completed")
      assert.deepStrictEqual(
        notificationsOf(elements).map(({ method }) => method),
        [
          "thread/status/changed",
          "turn/started",
          "item/started",
          "item/completed",
          "item/started",
          "item/agentMessage/delta",
          "item/agentMessage/delta",
          "item/completed",
          "thread/tokenUsage/updated",
          "thread/status/changed",
          "turn/completed"
        ]
      )
      assert.strictEqual(textOf(elements), "Hello there")
      // The only usage that is told is the new one, and beyond 2^53 too every digit is right.
      const usage = notificationsOf(elements).flatMap((told) =>
        told.method === "thread/tokenUsage/updated" ? [told.params] : []
      )
      assert.strictEqual(usage.length, 1)
      assert.strictEqual(usage[0]?.turnId, turnId)
      assert.strictEqual(usage[0]?.tokenUsage.total.totalTokens, 2n ** 53n + 14n)
      const sequences = [snapshot, ...elements].map(({ position }) => position.sequence)
      assert.deepStrictEqual(
        sequences,
        Array.from(new Set(sequences)).sort((a, b) => a - b)
      )
    })
  )

  at(
    "by the path of its rollout it is the same thread",
    {},
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const { threadId } = saved
      const { path } = yield* client.rpc.Read({ threadId }).pipe(Effect.map(({ thread }) => thread))
      assert.isNotNull(path)
      if (path === null) return
      const byPath = yield* client.resume({ path })
      assert.deepStrictEqual([byPath.snapshot.thread.id, byPath.snapshot.usage?.owner], [threadId, "T2"])
      const both = yield* client.resume({ threadId, path })
      assert.strictEqual(both.snapshot.thread.id, threadId)
      const stale = yield* Effect.flip(client.resume({ threadId, path: `${path}.other` }))
      assert.strictEqual(stale._tag, "PathRefused")
    })
  )

  at(
    "changed settings hold from the next turn on, and are told",
    { agent: Scripted.layer((input) => Scripted.message("m1", [input.settings.model])) },
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const { events, snapshot } = yield* client.start({ ephemeral: true, settings: { model: "first" } })
      const threadId = snapshot.thread.id
      yield* client.rpc.ChangeSettings({ threadId, settings: { model: "second", approvalPolicy: "never" } })
      yield* client.rpc.StartTurn({ threadId, input: say("which?") })
      const elements = yield* upTo(events, "turn/completed")
      assert.strictEqual(textOf(elements), "second")
      const told = notificationsOf(elements).flatMap((one) =>
        one.method === "thread/settings/updated" ? [one.params.threadSettings] : []
      )
      assert.deepStrictEqual(
        told.map(({ approvalPolicy, model }) => [model, approvalPolicy]),
        [["second", "never"]]
      )
      const { settings } = yield* client.rpc.Read({ threadId })
      assert.strictEqual(settings.model, "second")
      assert.instanceOf(
        yield* Effect.flip(client.rpc.ChangeSettings({ threadId: saved.threadId, settings: {} })),
        ThreadNotLoaded
      )
    })
  )

  at(
    "without turns the usage is there all the same",
    {},
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const { snapshot } = yield* client.resume({ threadId: saved.threadId, turns: false })
      assert.deepStrictEqual(snapshot.thread.turns, [])
      assert.strictEqual(snapshot.usage?.owner, "T2")
    })
  )

  at(
    "a fork begins with the copy and what it inherited, a new thread with nothing",
    { agent: Scripted.layer([Scripted.message("m1", ["yes"])]) },
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const fork = yield* client.fork({
        threadId: saved.threadId,
        until: { field: "lastTurnId", turnId: TurnId.make("T1") },
        originator: "a test"
      })
      assert.strictEqual(fork.snapshot.thread.forkedFromId, saved.threadId)
      assert.strictEqual(fork.snapshot.thread.originator, "a test")
      assert.deepStrictEqual(
        fork.snapshot.thread.turns.map(({ id }) => id),
        ["T1"]
      )
      assert.strictEqual(fork.snapshot.usage?.inherited?.totalTokens, 150n)
      const { snapshot, events } = yield* client.start({ ephemeral: true, settings: { model: "other" } })
      assert.strictEqual(snapshot.settings.model, "other")
      assert.isNull(snapshot.usage)
      yield* client.rpc.StartTurn({ threadId: snapshot.thread.id, input: say("hi") })
      assert.strictEqual(textOf(yield* upTo(events, "turn/completed")), "yes")
      // Each stream tells of its own thread only.
      const [first] = yield* Stream.runCollect(Stream.take(fork.events, 1))
      assert.isTrue(first !== undefined && isEvent("thread/started")(first))
      yield* client.rpc.SetName({ threadId: fork.snapshot.thread.id, name: "copy" })
      const [named] = yield* Stream.runCollect(Stream.take(fork.events, 1))
      assert.isTrue(named !== undefined && isEvent("thread/name/updated")(named))
    })
  )

  at(
    "errors arrive as what they are",
    {},
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const { rpc } = client
      assert.deepStrictEqual(
        yield* Effect.flip(client.resume({ threadId: nobody })),
        new ThreadNotFound({ threadId: nobody })
      )
      assert.instanceOf(yield* Effect.flip(client.fork({ threadId: nobody })), ThreadNotFound)
      assert.instanceOf(yield* Effect.flip(rpc.Read({ threadId: nobody })), ThreadNotFound)
      const until = { field: "lastTurnId" as const, turnId: TurnId.make("no such turn") }
      assert.deepStrictEqual(
        yield* Effect.flip(client.fork({ threadId: saved.threadId, until })),
        new ForkPointRefused({ ...until, reason: "notFound" })
      )
      assert.instanceOf(
        yield* Effect.flip(rpc.StartTurn({ threadId: saved.threadId, input: say("hi") })),
        ThreadNotLoaded
      )
      const cursor = yield* Effect.flip(rpc.TurnsList({ threadId: saved.threadId, cursor: "nonsense" }))
      assert.strictEqual(cursor._tag, "InvalidCursor")
      assert.instanceOf(yield* Effect.flip(rpc.SetName({ threadId: saved.threadId, name: " " })), InvalidRequest)
      yield* rpc.Archive({ threadId: saved.threadId })
      const archived = yield* Effect.flip(client.resume({ threadId: saved.threadId }))
      assert.instanceOf(archived, ThreadArchived)
      assert.include(archived.message, "Unarchive it first")
    })
  )

  at(
    "the other requests do what they say",
    { agent: Scripted.layer([[Scripted.hang], Scripted.message("m1", ["yes"])]) },
    Effect.fnUntraced(function* (connect) {
      const { resume, rpc } = yield* connect
      const { threadId } = saved
      const listed = yield* rpc.List({ limit: 5 })
      assert.deepStrictEqual(
        listed.data.map(({ id, status }) => [id, status.type]),
        [[threadId, "notLoaded"]]
      )
      const found = yield* rpc.Search({ searchTerm: "second" })
      assert.deepStrictEqual(
        found.data.map(({ thread }) => thread.id),
        [threadId]
      )
      const page = yield* rpc.TurnsList({ threadId, limit: 1, itemsView: "full" })
      assert.deepStrictEqual(
        page.data.map(({ id }) => id),
        ["T2"]
      )
      const items = yield* rpc.ItemsList({ threadId, turnId: TurnId.make("T1") })
      assert.deepStrictEqual(new Set(items.data.map(({ turnId }) => turnId)), new Set([TurnId.make("T1")]))
      const { events } = yield* resume({ threadId })
      assert.deepStrictEqual(yield* rpc.Loaded(), [threadId])
      const turn = yield* rpc.StartTurn({ threadId, input: say("go") })
      assert.strictEqual(yield* rpc.Steer({ threadId, expectedTurnId: turn.id, input: say("on") }), turn.id)
      yield* rpc.Interrupt({ threadId, turnId: turn.id })
      yield* upTo(events, "turn/completed")
      const rolledBack = yield* rpc.Rollback({ threadId, turns: 1 })
      assert.deepStrictEqual(
        rolledBack.thread.turns.map(({ id }) => id),
        ["T1", "T2"]
      )
      assert.strictEqual(rolledBack.usage?.owner, "T2")
      yield* rpc.SetName({ threadId, name: "a name" })
      assert.strictEqual((yield* rpc.Read({ threadId })).thread.name, "a name")
      assert.strictEqual((yield* rpc.SetGit({ threadId, branch: "main" })).gitInfo?.branch, "main")
      yield* rpc.Archive({ threadId })
      assert.strictEqual((yield* rpc.Unarchive({ threadId })).id, threadId)
      yield* rpc.Delete({ threadId })
      assert.instanceOf(yield* Effect.flip(rpc.Read({ threadId })), ThreadNotFound)
    })
  )

  const many = 5000

  at(
    "a client that does not pull holds up nobody, not even itself; its texts are joined, and nothing is lost",
    { agent: Scripted.layer([[...Scripted.message("m1", pieces(many)), spent]]), attachments: { patience: "1 hour" } },
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const slow = yield* client.resume({ threadId: saved.threadId })
      const quick = yield* client.resume({ threadId: saved.threadId })
      yield* client.rpc.StartTurn({ threadId: saved.threadId, input: say("go") })
      assert.strictEqual(textOf(yield* upTo(quick.events, "turn/completed")), whole(many))
      const late = yield* upTo(slow.events, "turn/completed")
      assert.strictEqual(textOf(late), whole(many))
      assert.isBelow(late.length, 500)
    })
  )

  at(
    "a client that is too far behind is told so, and comes back to where it was",
    {
      agent: Scripted.layer([Array.from({ length: 60 }, (_, n) => Scripted.message(`m${n}`, ["a", "b"])).flat()]),
      attachments: { capacity: 4, overflow: 12 }
    },
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      const slow = yield* client.resume({ threadId: saved.threadId })
      const watching = yield* connectCodex()
      yield* watching.ask("thread/resume", { threadId: saved.threadId })
      yield* client.rpc.StartTurn({ threadId: saved.threadId, input: say("go") })
      yield* watching.until(isAbout("turn/completed", saved.threadId))
      const seen: Array<Following> = []
      const failure = yield* Effect.flip(
        Stream.runForEach(slow.events, (element) => Effect.sync(() => seen.push(element)))
      )
      assert.instanceOf(failure, FellBehind)
      assert.strictEqual(failure.threadId, saved.threadId)
      const last = seen.at(-1)?.position ?? slow.snapshot.position
      assert.deepStrictEqual(failure.position, last)
      const back = yield* client.resumeAfter({ threadId: saved.threadId, after: last })
      assert.deepStrictEqual(back.first, { _tag: "Continued", position: last })
      const rest = yield* upTo(back.events, "turn/completed")
      const told = watching.log.flatMap((one) => (one.kind === "notification" ? [one.method] : []))
      const completed = notificationsOf([...seen, ...rest]).filter(({ method }) => method === "item/completed")
      assert.strictEqual(completed.length, told.filter((method) => method === "item/completed").length)
      assert.strictEqual(textOf([...seen, ...rest]), "ab".repeat(60))
    })
  )

  at(
    "from any place a client gets exactly what it missed",
    {
      agent: Scripted.layer([
        [...Scripted.message("m1", pieces(12)), ...Scripted.tool("c1", "look", {}, "seen"), spent]
      ])
    },
    Effect.fnUntraced(function* (connect) {
      const { threadId } = saved
      const client = yield* connect
      const { events, snapshot } = yield* client.resume({ threadId })
      yield* client.rpc.StartTurn({ threadId, input: say("go") })
      const all = yield* upTo(events, "turn/completed")
      const places = [snapshot.position, ...all.map(({ position }) => position)]
      for (const [seen, after] of places.entries()) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const back = yield* client.resumeAfter({ threadId, after })
            assert.deepStrictEqual(back.first, { _tag: "Continued", position: after })
            const missed = yield* Stream.runCollect(Stream.take(back.events, all.length - seen))
            assert.deepStrictEqual(missed, all.slice(seen))
          })
        )
      }
    })
  )

  at(
    "a client that leaves in the middle and comes back later has the same story as one that stayed",
    { agent: Scripted.layer(() => [...Scripted.message("m1", pieces(300)), spent]) },
    Effect.fnUntraced(function* (connect) {
      const client = yield* connect
      for (const leaves of [0, 1, 2, 5, 17, 40]) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const stayed = yield* client.start({})
            const { id: threadId } = stayed.snapshot.thread
            const story = yield* Effect.forkScoped(upTo(stayed.events, "turn/completed"))
            const scope = yield* Scope.make()
            const came = yield* Scope.provide(
              Effect.flatMap(connect, (other) => other.resume({ threadId })),
              scope
            )
            yield* client.rpc.StartTurn({ threadId, input: say("go") })
            const before = yield* Stream.runCollect(Stream.take(came.events, leaves))
            yield* Scope.close(scope, Exit.void)
            const after = before.at(-1)?.position ?? came.snapshot.position
            const back = yield* client.resumeAfter({ threadId, after })
            assert.strictEqual(back.first._tag, "Continued")
            const rest = yield* upTo(back.events, "turn/completed")
            const from = came.snapshot.position.sequence
            const whole = (yield* Fiber.join(story)).filter(({ position }) => position.sequence > from)
            assert.deepStrictEqual(joined([...before, ...rest]), joined(whole))
          })
        )
      }
    })
  )

  at(
    "a place of another server's life leads to a fresh snapshot, and so does one that is not kept",
    { agent: Scripted.layer([Scripted.message("m1", ["yes"])]) },
    Effect.fnUntraced(function* (connect) {
      const { threadId } = saved
      const client = yield* connect
      const never = yield* client.resumeAfter({ threadId, after: { epoch: "another", sequence: 1 } })
      assert.strictEqual(never.first._tag, "Snapshot")
      const { position } = never.first
      const other = yield* client.resumeAfter({ threadId, after: { ...position, epoch: "another" } })
      assert.strictEqual(other.first._tag, "Snapshot")
      const early = yield* client.resumeAfter({ threadId, after: { ...position, sequence: 0 } })
      assert.strictEqual(early.first._tag, "Snapshot")
      const ahead = yield* client.resumeAfter({ threadId, after: { ...position, sequence: position.sequence + 1000 } })
      assert.strictEqual(ahead.first._tag, "Snapshot")
      yield* client.rpc.StartTurn({ threadId, input: say("go") })
      assert.strictEqual(textOf(yield* upTo(early.events, "turn/completed")), "yes")
    })
  )

  at(
    "a native client and one of the Codex wire see the same events",
    {
      agent: Scripted.layer([
        [...Scripted.message("m1", ["Hel", "lo"]), ...Scripted.tool("c1", "look", { at: 1 }, "seen"), spent]
      ])
    },
    Effect.fnUntraced(function* (connect) {
      const { threadId } = saved
      const client = yield* connect
      const codex = yield* connectCodex()
      yield* codex.ask("thread/resume", { threadId })
      const from = codex.log.length
      const { events } = yield* client.resume({ threadId })
      yield* client.rpc.StartTurn({ threadId, input: say("go") })
      const native = notificationsOf(yield* upTo(events, "turn/completed"))
      yield* codex.until(isAbout("turn/completed", threadId))
      const wire = codex.log.slice(from).flatMap((one) => (one.kind === "notification" ? [one] : []))
      const exact = (told: { readonly method: string; readonly params: unknown }) => [
        told.method,
        parseExact(
          JSON.stringify(told.params, (_, value: unknown) => (typeof value === "bigint" ? integerToJson(value) : value))
        )
      ]
      const shared = wire.filter(({ method }, n) => !(n === 0 && method === "thread/tokenUsage/updated"))
      assert.deepStrictEqual(native.map(exact), shared.map(exact))
    })
  )

  const asking: Scripted.TurnScript = [
    Scripted.decide((turn) =>
      turn.ask.command({ itemId: "call-1", command: "make", cwd: "/src" }).pipe(
        Effect.map((decision) => (typeof decision === "string" ? decision : "something richer")),
        Effect.catchTag("AnswerRefused", ({ detail }) => Effect.succeed(detail)),
        Effect.map((said) => Scripted.message("m1", [said]))
      )
    )
  ]
  const method = "item/commandExecution/requestApproval"

  at(
    "questions reach the client, also one that comes later; the first answer counts",
    { agent: Scripted.layer([asking, asking]) },
    Effect.fnUntraced(function* (connect) {
      const { threadId } = saved
      const client = yield* connect
      const { events } = yield* client.resume({ threadId })
      yield* client.rpc.StartTurn({ threadId, input: say("go") })
      const isQuestion = (element: Following) => element._tag === "Question"
      const asked = (yield* Stream.runCollect(Stream.takeUntil(events, isQuestion))).at(-1)
      if (asked?._tag !== "Question") return assert.fail("nothing was asked")
      assert.strictEqual(asked.request.question.method, method)
      const late = yield* client.resume({ threadId })
      const [again] = yield* Stream.runCollect(Stream.take(late.events, 1))
      assert.deepStrictEqual(again?._tag === "Question" ? again.request : again, asked.request)
      const requestId = asked.request.id
      const wrong = yield* Effect.flip(
        client.rpc.Answer({
          threadId,
          requestId,
          answer: { _tag: "Answered", value: { method: "item/tool/call", result: { contentItems: [], success: true } } }
        })
      )
      assert.instanceOf(wrong, InvalidRequest)
      const accept = {
        threadId,
        requestId,
        answer: { _tag: "Answered" as const, value: { method, result: { decision: "accept" as const } } }
      } as const
      yield* client.rpc.Answer(accept)
      assert.instanceOf(yield* Effect.flip(client.rpc.Answer(accept)), QuestionNotOpen)
      assert.strictEqual(textOf(yield* upTo(late.events, "turn/completed")), "accept")
      yield* client.rpc.StartTurn({ threadId, input: say("go") })
      const second = (yield* Stream.runCollect(Stream.takeUntil(late.events, isQuestion))).at(-1)
      if (second?._tag !== "Question") return assert.fail("nothing was asked")
      yield* client.rpc.Answer({
        threadId,
        requestId: second.request.id,
        answer: { _tag: "Refused", message: "no one is here" }
      })
      assert.strictEqual(textOf(yield* upTo(late.events, "turn/completed")), "no one is here")
    })
  )

  at(
    "who ends its stream has left the thread",
    {},
    Effect.fnUntraced(function* (connect) {
      const { threadId } = saved
      const client = yield* connect
      const delivery = yield* NotificationDelivery
      yield* client.resume({ threadId })
      const [stays] = yield* delivery.subscribers(threadId)
      yield* Effect.scoped(client.resume({ threadId }))
      // Each request takes a way behind the news that the stream has ended.
      const left = Effect.andThen(client.rpc.Loaded(), delivery.subscribers(threadId))
      const still = yield* Effect.repeat(left, { until: ({ length }) => length === 1 })
      assert.deepStrictEqual(still, stays === undefined ? [] : [stays])
    })
  )

  at(
    "a thread that is read anew, because another process wrote to it, is shown anew",
    {},
    Effect.fnUntraced(function* (connect) {
      const { threadId } = saved
      const client = yield* connect
      const { snapshot } = yield* client.resume({ threadId })
      const back = yield* client.resumeAfter({ threadId, after: snapshot.position })
      assert.strictEqual(back.first._tag, "Continued")
      yield* MemoryFiles.use((files) => files.append(saved.path, more.build().bytes.slice(saved.bytes.length)))
      const anew = yield* client.resumeAfter({ threadId, after: snapshot.position })
      if (anew.first._tag !== "Snapshot") return assert.fail("the events do not tell of what others wrote")
      assert.deepStrictEqual(
        anew.first.thread.turns.map(({ id }) => id),
        ["T1", "T2", "T3"]
      )
    })
  )
}
