/**
 * Rethread in this process, with an agent that asks before it runs a command: the program's own agent has no tools to ask
 * for. Everything else is as in `rethread serve`.
 */
import { NodeCrypto, NodeServices } from "@effect/platform-node"
import { Effect, Layer, type Scope } from "effect"
import * as CodexHomeConfig from "../../src/layers/codex-home/CodexHomeConfig.ts"
import * as CodexHomeStore from "../../src/layers/codex-home/CodexHomeStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import type { TurnInput } from "../../src/services/Agent.ts"
import * as Rethread from "../../src/services/Rethread.ts"
import { titlePrompt } from "./MockModel.ts"
import { listen } from "../rpc/support/Listening.ts"

/** What the agent wants to run. */
export const command = "make all"

/** Asks, does as told, and says what came of it. The TUI of 0.169 opens threads of its own for titles; nothing is asked there. */
const careful = (input: TurnInput): Scripted.TurnScript => {
  const said = input.input.map((part) => (part.type === "text" ? part.text : "")).join(" ")
  if (titlePrompt.test(said)) return Scripted.message("m1", ['{"title": "Mock title"}'])
  return [
    { _tag: "ToolCall", id: "call-1", name: "shell", arguments: { command } },
    Scripted.decide((turn) =>
      turn.ask.command({ itemId: "call-1", command, cwd: "/", reason: "to build it" }).pipe(
        Effect.map((decision) => (typeof decision === "string" ? decision : "something richer")),
        Effect.catchTag("AnswerRefused", (error) => Effect.succeed(error.detail)),
        Effect.map((answer): Scripted.TurnScript => [
          { _tag: "ToolResult", id: "call-1", output: `built, for: ${answer}`, success: answer === "accept" },
          ...Scripted.message("m1", [`The answer was: ${answer}.`])
        ])
      )
    )
  ]
}

/** Its URL. */
export const serve = Effect.fnUntraced(function* (home: string): Effect.fn.Return<string, never, Scope.Scope> {
  const server = JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(Rethread.layer),
    Layer.provide(Scripted.layer(careful)),
    Layer.provide(
      Layer.mergeAll(
        CodexHomeStore.layer({ home }),
        CodexHomeConfig.layer({ home, cwd: "/" }),
        ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
      )
    ),
    Layer.provide([NodeServices.layer, NodeCrypto.layer])
  )
  return yield* Effect.provideContext(Effect.orDie(listen()), yield* Layer.build(Layer.fresh(server)))
})
