/**
 * Starts the server, attaches the typed client to it over the WebSocket, runs a turn, and leaves.
 */
import { NodeRuntime, NodeWS } from "@effect/platform-node"
import { Console, Deferred, Effect, Layer, Option, Stream } from "effect"
import { HttpServer } from "effect/http"
import { CodexClient } from "rethread/client"
import { listen } from "./Server.ts"

const conversation = Effect.gen(function* () {
  const client = yield* CodexClient
  const { events, thread } = yield* client.start()
  yield* client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "one two three" }] })
  yield* events.pipe(
    Stream.takeUntil((event) => event._tag === "Notified" && event.notification.method === "turn/completed"),
    Stream.runForEach((event) => {
      if (event._tag === "UsageUpdated") return Console.log(`spent ${event.tokenUsage.total.totalTokens} tokens`)
      return event._tag === "Notified" && event.notification.method === "item/agentMessage/delta"
        ? Console.log(`said ${event.notification.params.delta}`)
        : Effect.void
    })
  )
  const fork = yield* client.fork(thread.id)
  const inherited = Option.map(fork.usage, ({ tokenUsage }) => tokenUsage.total.totalTokens)
  yield* Console.log(`forked with ${fork.thread.turns.length} turn and ${Option.getOrElse(inherited, () => 0n)} tokens`)
}).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const listening = yield* Deferred.make<string>()
  const ready = Layer.effectDiscard(HttpServer.addressFormattedWith((url) => Deferred.succeed(listening, url)))
  yield* Layer.launch(listen(ready)).pipe(Effect.forkScoped)
  const url = (yield* Deferred.await(listening)).replace(/^http/, "ws")
  const Client = CodexClient.layerWebSocket(url).pipe(Layer.provide(NodeWS.layerWebSocketConstructor))
  yield* Effect.provide(conversation, Client)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
