/** A loaded thread that is put away, brought back, and deleted: what the clients are told, and what is left. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { isRecord, own } from "../../src/domain/Json.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import * as Fold from "./Fold.ts"
import { connect, isAbout, type LiveClient, say, server } from "./Server.ts"

/** The methods of what a client was told about the thread since then. */
const toldSince = (client: LiveClient, threadId: string, from: number) =>
  client.log
    .slice(from)
    .flatMap((one) => (one.kind === "notification" && own(one.params, "threadId") === threadId ? [one.method] : []))

const typeOf = (error: unknown) => {
  const data = isRecord(error) ? own(error, "data") : null
  return isRecord(data) ? own(data, "type") : null
}

/** A thread with one finished turn, the client that it belongs to, and one that only listens to broadcasts. */
const withThread = <A, E>(
  body: (owner: LiveClient, other: LiveClient, threadId: string) => Effect.Effect<A, E, MemoryFiles>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(server({ agent: Scripted.layer([Scripted.message("m", ["hi"])]) }))
    return yield* Effect.gen(function* () {
      const [owner, other] = [yield* connect(), yield* connect()]
      const threadId = Fold.seenIn(yield* owner.ask("thread/start", {})).id
      yield* owner.ask("turn/start", { threadId, input: say("hello") })
      yield* owner.until(isAbout("turn/completed", threadId))
      return yield* body(owner, other, threadId)
    }).pipe(Effect.provideContext(context))
  }).pipe(Effect.scoped)

const files = MemoryFiles.use((memory) => memory.snapshot)

describe("a loaded thread", () => {
  it.effect("is closed by archiving, cannot be resumed, and comes back whole", () =>
    withThread((owner, other, threadId) =>
      Effect.gen(function* () {
        const before = Fold.seenIn(yield* owner.ask("thread/read", { threadId, includeTurns: true })).turns
        const from = other.log.length
        yield* owner.ask("thread/archive", { threadId })
        yield* other.until(isAbout("thread/archived", threadId))
        assert.deepStrictEqual(toldSince(other, threadId, from), [
          "thread/status/changed",
          "thread/closed",
          "thread/archived"
        ])
        assert.deepStrictEqual(own(yield* owner.ask("thread/loaded/list", {}), "data"), [])
        assert.strictEqual(typeOf(yield* owner.refused("thread/resume", { threadId })), "threadArchived")
        yield* owner.ask("thread/unarchive", { threadId })
        yield* other.until(isAbout("thread/unarchived", threadId))
        const again = Fold.seenIn(yield* owner.ask("thread/resume", { threadId }))
        assert.deepStrictEqual(again.turns, before)
      })
    )
  )

  it.effect("is gone once it is deleted, and its file with it", () =>
    withThread((owner, other, threadId) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* files).size, 1)
        yield* owner.ask("thread/delete", { threadId })
        yield* other.until(isAbout("thread/deleted", threadId))
        assert.strictEqual((yield* files).size, 0)
        assert.strictEqual(typeOf(yield* owner.refused("thread/read", { threadId })), "threadNotFound")
      })
    )
  )
})
