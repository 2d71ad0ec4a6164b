/**
 * An agent of your own, made of a language model and a toolkit: the model may ask for the weather, and the tool answers.
 *
 *     node examples/agent.ts
 *
 * The model here plays a part, so that the example needs no key. For a real one provide another `LanguageModel`, of
 * `@effect/ai-openai` or any other provider of `effect/ai`; nothing else changes.
 */
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { LanguageModel, type Response, Tool, Toolkit } from "effect/ai"
import { SecureRandom } from "effect/crypto"
import * as Rethread from "rethread"
import { CodexClient } from "rethread/client"
import { MemoryRolloutStore } from "rethread/layers/memory"
import { ModelAgent } from "rethread/layers/model"
import { CodexHandlers, JsonRpcServer, ServerInfo } from "rethread/rpc"

// A tool says what it takes and gives; its schema is what the model is told, and what its arguments are checked with.
const Weather = Tool.make("weather", {
  description: "The weather in a city, now",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ sky: Schema.String, celsius: Schema.Finite })
})
const Tools = Toolkit.make(Weather)

// What a tool does is a layer, so that tests can swap it. It may use any service, and `CurrentTurn` to ask the user.
const ToolsLive = Tools.toLayer({
  weather: ({ city }) => Effect.succeed({ sky: city === "Bergen" ? "rain" : "sun", celsius: 11 })
})

const finish = (reason: "stop" | "tool-calls", input: number, output: number): Response.StreamPartEncoded => ({
  type: "finish",
  reason,
  usage: { inputTokens: { total: input }, outputTokens: { total: output } }
})

// First it calls the tool; when it has the tool's answer, it speaks.
const PlayedModel = Layer.effect(
  LanguageModel.LanguageModel,
  LanguageModel.make({
    generateText: () => Effect.succeed([]),
    streamText: ({ prompt }) => {
      const isAnswered = prompt.content.some(({ role }) => role === "tool")
      const parts: ReadonlyArray<Response.StreamPartEncoded> = isAnswered
        ? [
            { type: "text-start", id: "answer" },
            { type: "text-delta", id: "answer", delta: "It rains, " },
            { type: "text-delta", id: "answer", delta: "at 11 degrees." },
            { type: "text-end", id: "answer" },
            finish("stop", 60, 8)
          ]
        : [
            { type: "tool-call", id: "call-1", name: "weather", params: { city: "Bergen" } },
            finish("tool-calls", 40, 5)
          ]
      return Stream.fromIterable(parts)
    }
  })
)

const WeatherAgent = ModelAgent.layer({ toolkit: Tools, instructions: "You know the weather.", maxSteps: 8 }).pipe(
  Layer.provide([ToolsLive, PlayedModel])
)

const Server = JsonRpcServer.layer().pipe(
  Layer.provide(CodexHandlers.layer),
  Layer.provide(Rethread.layer.pipe(Layer.provide(WeatherAgent))),
  Layer.provide([
    MemoryRolloutStore.layer(),
    Rethread.ServerConfig.layerMemory(),
    ServerInfo.layer({ os: "Example", arch: "any", platformFamily: "unix", platformOs: "linux" }),
    SecureRandom.layerWebCrypto
  ])
)

const program = Effect.gen(function* () {
  const client = yield* CodexClient
  const { events, thread } = yield* client.start()
  const input = [{ type: "text", text: "How is the weather in Bergen?" }] as const
  yield* client.request("turn/start", { threadId: thread.id, input })
  yield* events.pipe(
    Stream.takeUntil((event) => event._tag === "Notified" && event.notification.method === "turn/completed"),
    Stream.runForEach((event) => {
      if (event._tag === "UsageUpdated") return Console.log(`spent ${event.tokenUsage.total.totalTokens} tokens so far`)
      if (event._tag !== "Notified" || event.notification.method !== "item/completed") return Effect.void
      const { item } = event.notification.params
      if (item.type === "agentMessage") return Console.log(`agent: ${item.text}`)
      return item.type === "userMessage" ? Effect.void : Console.log(`item: ${item.type}`)
    })
  )
})

const Client = CodexClient.layerInProcess().pipe(Layer.provide(Server))
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Client)))
