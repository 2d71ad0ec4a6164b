/** The program itself: `rethread serve` speaks the native face at `/rpc`, and ends its streams when it is told to end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { ThreadId } from "../../src/domain/Ids.ts"
import { home, serve, threadId } from "../cli/support/Program.ts"
import * as World from "./support/World.ts"

/** What an agent that repeats it takes minutes to say. */
const long = "word ".repeat(5000)

describe("rethread serve", () => {
  it.live("attaches native clients at /rpc; told to end, it tells them how their turns ended", () =>
    Effect.gen(function* () {
      const { program, url } = yield* serve("ws://127.0.0.1:0", yield* home)
      const client = yield* World.connectTo(`${url}/rpc`)
      const saved = yield* client.resume({ threadId: ThreadId.make(threadId) })
      assert.strictEqual(saved.snapshot.thread.preview, "Saved user message")
      const { events, snapshot } = yield* client.start({})
      yield* client.rpc.StartTurn({ threadId: snapshot.thread.id, input: World.say(long) })
      yield* World.upTo(events, "item/agentMessage/delta")
      const rest = yield* Effect.forkScoped(Stream.runCollect(events))
      yield* program.signal("SIGTERM")
      const ended = World.notificationsOf(yield* Fiber.join(rest)).flatMap((told) =>
        told.method === "turn/completed" ? [told.params.turn.status] : []
      )
      assert.deepStrictEqual(ended, ["interrupted"])
      assert.strictEqual(yield* program.exitCode, 0)
    }).pipe(Effect.scoped)
  )
})
