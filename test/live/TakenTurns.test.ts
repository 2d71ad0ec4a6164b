/**
 * Turns taken back over the wire: what is shown, counted and told afterwards, in each way of keeping history; and what
 * another server reads from the files.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Scope } from "effect"
import { isRecord, own } from "../../src/domain/Json.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { at } from "../conformance/Case.ts"
import * as Fold from "./Fold.ts"
import { asFiles, connect, isAbout, type LiveClient, type Message, say, server } from "./Server.ts"

const spending = (n: bigint): Scripted.TurnScript => [
  ...Scripted.message("m", [`answer ${n}`]),
  Scripted.usage({ inputTokens: 100n * n, outputTokens: n }, 1000n)
]
const silent = Scripted.message("m", ["without figures"])

const kinds = [
  { historyMode: "legacy", ephemeral: false },
  { historyMode: "paginated", ephemeral: false },
  { historyMode: "paginated", ephemeral: true }
] as const
type Kind = (typeof kinds)[number]

const turnIds = (seen: Fold.Seen) => seen.turns.map(({ id }) => id)
const total = (seen: Fold.Seen) => seen.usage?.tokenUsage.total.totalTokens ?? null
const last = (seen: Fold.Seen) => seen.usage?.tokenUsage.last.totalTokens ?? null
const read = (client: LiveClient, threadId: string) =>
  Effect.map(client.ask("thread/read", { threadId, includeTurns: true }), Fold.seenIn)

/** A thread with these turns, and whoever started it. */
const withTurns = <A, E>(
  kind: Kind,
  scripts: ReadonlyArray<Scripted.TurnScript>,
  body: (held: {
    readonly client: LiveClient
    readonly other: LiveClient
    readonly threadId: string
    readonly turns: ReadonlyArray<string>
    readonly cold: Effect.Effect<Fold.Seen>
    readonly turn: Effect.Effect<void>
  }) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server({ agent: Scripted.layer(scripts) }))
    const files = yield* Effect.provideContext(MemoryFiles, context)
    const scope = yield* Effect.scope
    const connected = connect().pipe(Effect.provideContext(context), Scope.provide(scope))
    const client = yield* connected
    const { id: threadId } = Fold.seenIn(yield* client.ask("thread/start", kind))
    const turn = Effect.gen(function* () {
      const from = client.log.length
      yield* client.ask("turn/start", { threadId, input: say("go") })
      yield* client.until(isAbout("turn/completed", threadId), from)
    })
    for (let n = 0; n < 3; n++) yield* turn
    const other = yield* connected
    yield* other.ask("thread/resume", { threadId })
    const cold = Effect.gen(function* () {
      const fresh = yield* Layer.build(server({ files: yield* asFiles(yield* files.snapshot), seed: 2 }))
      return yield* read(yield* connect().pipe(Effect.provideContext(fresh)), threadId)
    }).pipe(Scope.provide(scope))
    return yield* body({ client, other, threadId, turns: turnIds(yield* read(client, threadId)), cold, turn })
  }).pipe(Effect.scoped)

const methodsAfter = (client: LiveClient, from: number): ReadonlyArray<string> =>
  client.log.slice(from).map((message) => ("method" in message ? message.method : message.kind))

const ownerOf = (message: Message) => (message.kind === "notification" ? at(message.params, "turnId") : null)

for (const kind of kinds) {
  const name = `${kind.ephemeral ? "ephemeral " : ""}${kind.historyMode}`
  describe(`turns taken back from a thread (${name})`, () => {
    it.effect("leave what is shown and counted last, and stay spent; all are told, with the figures", () =>
      withTurns(kind, [spending(1n), spending(2n), spending(3n), spending(4n)], (held) =>
        Effect.gen(function* () {
          const { client, cold, other, threadId, turns } = held
          const [mine, theirs] = [client.log.length, other.log.length]
          const answer = Fold.seenIn(yield* client.ask("thread/rollback", { threadId, numTurns: 2 }))
          assert.deepStrictEqual(turnIds(answer), turns.slice(0, 1))
          const update = yield* other.until(isAbout("thread/tokenUsage/updated", threadId), theirs)
          assert.strictEqual(ownerOf(update), turns[0])
          assert.deepStrictEqual(methodsAfter(other, theirs), ["thread/reverted", "thread/tokenUsage/updated"])
          yield* client.until(isAbout("thread/tokenUsage/updated", threadId), mine)
          assert.deepStrictEqual(methodsAfter(client, mine), ["result", "thread/reverted", "thread/tokenUsage/updated"])
          const now = yield* read(client, threadId)
          assert.deepStrictEqual([turnIds(now), total(now), last(now)], [turns.slice(0, 1), 606n, 101n])
          yield* held.turn
          const later = yield* read(client, threadId)
          assert.deepStrictEqual([later.turns.length, total(later), last(later)], [2, 1010n, 404n])
          if (!kind.ephemeral) assert.isTrue(Fold.equal(yield* cold, { ...later, status: { type: "notLoaded" } }))
        })
      )
    )

    it.effect("all of them: nothing is left but what was spent", () =>
      withTurns(kind, [spending(1n), spending(2n), spending(3n), spending(4n)], (held) =>
        Effect.gen(function* () {
          const { client, cold, threadId } = held
          yield* client.ask("thread/rollback", { threadId, numTurns: 9 })
          const now = yield* read(client, threadId)
          assert.deepStrictEqual([now.turns.length, total(now), now.usage?.turnId ?? null], [0, 606n, null])
          yield* held.turn
          const later = yield* read(client, threadId)
          assert.deepStrictEqual([later.turns.length, total(later), last(later)], [1, 1010n, 404n])
          if (!kind.ephemeral) assert.deepStrictEqual((yield* cold).usage, later.usage)
        })
      )
    )

    it.effect("leave the figures with the turn that they belong to, though it is not the last", () =>
      withTurns(kind, [spending(1n), silent, spending(3n)], ({ client, cold, threadId, turns }) =>
        Effect.gen(function* () {
          yield* client.ask("thread/rollback", { threadId, numTurns: 1 })
          const now = yield* read(client, threadId)
          assert.deepStrictEqual([now.usage?.turnId, total(now), last(now)], [turns[0], 404n, 101n])
          if (!kind.ephemeral) assert.deepStrictEqual((yield* cold).usage, now.usage)
        })
      )
    )

    it.effect("are refused in so many words when there are none to take, or one runs", () =>
      withTurns(kind, [silent, silent, silent, [Scripted.hang]], ({ client, threadId, turns }) =>
        Effect.gen(function* () {
          const zero = yield* client.refused("thread/rollback", { threadId, numTurns: 0 })
          assert.strictEqual(own(zero, "message"), "numTurns must be >= 1")
          const { turn } = yield* client.ask("turn/start", { threadId, input: say("go") })
          const busy = yield* client.refused("thread/rollback", { threadId, numTurns: 1 })
          assert.strictEqual(own(busy, "message"), "Cannot rollback while a turn is in progress.")
          yield* client.ask("turn/interrupt", { threadId, turnId: isRecord(turn) ? own(turn, "id") : null })
          if (kind.historyMode === "paginated") {
            const unknown = yield* client.refused("thread/revert", { threadId, beforeTurnId: "none" })
            assert.include(String(own(unknown, "message")), "'none' was not found")
            yield* client.ask("thread/revert", { threadId, beforeTurnId: turns[1] })
            assert.deepStrictEqual(turnIds(yield* read(client, threadId)), turns.slice(0, 1))
          }
        })
      )
    )
  })
}
