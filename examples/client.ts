/**
 * A typed client and a server in one process: a saved thread is resumed, a turn runs, and usage is told apart, what was
 * spent before and what is spent now. For a real server take another layer: `CodexClient.layerStdio`, `layerWebSocket`.
 *
 *     node examples/client.ts
 */
import { Console, Effect, Layer, Option, Stream } from "effect"
import { CodexClient, type ThreadEvent } from "rethread/client"
import { MemoryRolloutStore } from "rethread/layers/memory"
import { ScriptedAgent } from "rethread/layers/scripted"
import { CodexHandlers, JsonRpcServer, ServerInfo } from "rethread/rpc"
import { layer, ServerConfig } from "rethread/services"
import { DeterministicIds, RolloutBuilder } from "rethread/testing"

const saved = RolloutBuilder.rollout().turn({ user: "Hello", usage: true }).build()

const Agent = ScriptedAgent.layer([
  [
    ...ScriptedAgent.message("answer", ["Good ", "morning"]),
    ScriptedAgent.usage({ totalTokens: 25n, inputTokens: 20n, outputTokens: 5n })
  ]
])

const Server = JsonRpcServer.layer().pipe(
  Layer.provide(CodexHandlers.layer),
  Layer.provide(layer.pipe(Layer.provide(Agent))),
  Layer.provide([
    MemoryRolloutStore.layerWith([saved]),
    ServerConfig.layerMemory(),
    ServerInfo.layer({ os: "Example", arch: "any", platformFamily: "unix", platformOs: "linux" }),
    DeterministicIds.layer()
  ])
)

const Client = CodexClient.layerInProcess().pipe(Layer.provide(Server))

const told = (event: ThreadEvent): string => {
  switch (event._tag) {
    case "UsageReplayed":
      return `had spent ${event.tokenUsage.total.totalTokens} tokens before`
    case "UsageUpdated":
      return `has spent ${event.tokenUsage.total.totalTokens} tokens now, ${event.tokenUsage.last.totalTokens} of them just now`
    case "Notified":
      return event.notification.method === "item/agentMessage/delta"
        ? `says ${JSON.stringify(event.notification.params.delta)}`
        : event.notification.method
    case "Reattached":
      return "is back"
    case "Unrecognized":
      return `? ${event.method}`
  }
}

const program = Effect.gen(function* () {
  const client = yield* CodexClient
  const { events, thread, usage } = yield* client.resume(saved.threadId)
  const total = Option.map(usage, ({ tokenUsage }) => tokenUsage.total.totalTokens)
  yield* Console.log(`"${thread.preview}" with ${thread.turns.length} turn has spent`, Option.getOrNull(total))

  yield* client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "Good morning" }] })
  yield* events.pipe(
    Stream.takeUntil((event) => event._tag === "Notified" && event.notification.method === "turn/completed"),
    Stream.runForEach((event) => Console.log("  the thread", told(event)))
  )
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Client)))
