/**
 * An agent that calls a tool with what is no JSON: its turn fails and says so, and the thread goes on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ToolCall } from "../../src/domain/AgentEvent.ts"
import { isRecord, own } from "../../src/domain/Json.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { connect, isAbout, type LiveClient, say, server } from "./Server.ts"

const loop: { again?: unknown } = {}
loop.again = loop

const turn = Effect.fnUntraced(function* (client: LiveClient, threadId: string) {
  const from = client.log.length
  yield* client.ask("turn/start", { threadId, input: say("go") })
  const completed = yield* client.until(isAbout("turn/completed", threadId), from)
  const ended = completed.kind === "notification" ? own(completed.params, "turn") : null
  const error = isRecord(ended) ? own(ended, "error") : null
  return {
    status: isRecord(ended) ? own(ended, "status") : null,
    error: isRecord(error) ? own(error, "message") : null
  }
})

describe.each(["paginated", "legacy"] as const)("a call with what is no JSON, in a %s thread", (historyMode) => {
  it.effect.each([
    ["a bigint", { size: 5n }, "arguments.size is a bigint"],
    ["a cycle", loop, "arguments.again is one of the values that it is in"],
    ["undefined", { all: [undefined] }, "arguments.all[0] is undefined"]
  ] as const)("%s fails the turn, and the thread goes on", ([, args, flaw]) =>
    Effect.gen(function* () {
      const agent = Scripted.layer([
        [...Scripted.message("m0", ["so far"]), ToolCall.make({ id: "c1", name: "measure", arguments: args })],
        Scripted.tool("c2", "measure", { size: 5 }, "done")
      ])
      const context = yield* Layer.build(server({ agent }))
      const client = yield* connect().pipe(Effect.provideContext(context))
      const { thread } = yield* client.ask("thread/start", { historyMode })
      const threadId = String(isRecord(thread) ? own(thread, "id") : "none")
      assert.deepStrictEqual(yield* turn(client, threadId), {
        status: "failed",
        error: `the agent called the tool \`measure\` (c1) with what is no JSON: ${flaw}`
      })
      assert.deepStrictEqual(yield* turn(client, threadId), { status: "completed", error: null })
      // What it had said is there; of the call nothing was told.
      const read = yield* client.ask("thread/read", { threadId, includeTurns: true })
      const shown = JSON.stringify(read)
      assert.include(shown, "so far")
      assert.notInclude(shown, '"c1"')
    }).pipe(Effect.scoped)
  )
})
