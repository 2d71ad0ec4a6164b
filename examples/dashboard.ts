/**
 * A dashboard on the typed client: every thread of a server, what it has spent, and what happens in it.
 *
 *     node examples/dashboard.ts                          # a server in this process, with two threads and a turn
 *     node examples/dashboard.ts ws://127.0.0.1:4500      # yours, or genuine Codex; until Ctrl-C
 */
import { NodeRuntime, NodeWS } from "@effect/platform-node"
import { Console, Effect, Layer, Option, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import * as Rethread from "rethread"
import { type Attachment, CodexClient, type ThreadEvent } from "rethread/client"
import { MemoryRolloutStore } from "rethread/layers/memory"
import { ScriptedAgent } from "rethread/layers/scripted"
import { CodexHandlers, JsonRpcServer, ServerInfo } from "rethread/rpc"
import { RolloutBuilder } from "rethread/testing"

/** A line of the dashboard. */
interface Row {
  readonly title: string
  readonly tokens: bigint
  readonly doing: string
}

const show = ({ doing, title, tokens }: Row) =>
  Console.log(`${title.padEnd(24)} ${String(tokens).padStart(8)} tokens   ${doing}`)

/** What an event makes of a line. The types say which events there are, and what is in each. */
const next = (row: Row, event: ThreadEvent): Row => {
  switch (event._tag) {
    case "UsageUpdated":
    case "UsageReplayed":
      return { ...row, tokens: event.tokenUsage.total.totalTokens }
    case "Reattached":
      return { ...row, doing: "is back" }
    case "Unrecognized":
      return row
    case "Notified":
      switch (event.notification.method) {
        case "turn/started":
          return { ...row, doing: "thinks" }
        case "item/started":
          return { ...row, doing: event.notification.params.item.type }
        case "turn/completed":
          return { ...row, doing: event.notification.params.turn.status }
        default:
          return row
      }
  }
}

/** Shows a thread, and gives each change of its line, shown too. */
const follow = Effect.fnUntraced(function* ({ events, thread, usage }: Attachment) {
  const tokens = Option.match(usage, { onNone: () => 0n, onSome: ({ tokenUsage }) => tokenUsage.total.totalTokens })
  const first: Row = { title: thread.name ?? thread.preview, tokens, doing: thread.status.type }
  yield* show(first)
  return events.pipe(
    Stream.scan(() => first, next),
    Stream.changesWith((a, b) => a.tokens === b.tokens && a.doing === b.doing),
    Stream.drop(1),
    Stream.tap(show)
  )
})

/** All threads; `done` when one has come as far as `last` says. */
const dashboard = (last: (row: Row) => boolean) =>
  Effect.gen(function* () {
    const client = yield* CodexClient
    const { data } = yield* client.request("thread/list", {})
    const attachments = yield* Effect.forEach(data, ({ id }) => client.resume(id))
    const changes = Stream.mergeAll(yield* Effect.forEach(attachments, follow), { concurrency: "unbounded" })
    return { ids: data.map(({ id }) => id), done: Stream.runDrain(Stream.takeUntil(changes, last)) }
  })

// A server in this process: two saved threads, and an agent that follows a script.
const saved = (n: number, user: string) =>
  RolloutBuilder.rollout({ threadId: RolloutBuilder.uuidAt(RolloutBuilder.defaultCreatedAt, n) })
    .turn({ user, usage: true })
    .build()
const Agent = ScriptedAgent.layer([
  [...ScriptedAgent.message("answer", ["Done."]), ScriptedAgent.usage({ inputTokens: 20n, outputTokens: 5n })]
])
const InProcess = CodexClient.layerInProcess().pipe(
  Layer.provide(JsonRpcServer.layer()),
  Layer.provide(CodexHandlers.layer),
  Layer.provide(Rethread.layer.pipe(Layer.provide(Agent))),
  Layer.provide([
    MemoryRolloutStore.layerWith([saved(1, "Fix the build"), saved(2, "Write the docs")]),
    Rethread.ServerConfig.layerMemory(),
    ServerInfo.layer({ os: "Example", arch: "any", platformFamily: "unix", platformOs: "linux" }),
    SecureRandom.layerWebCrypto
  ])
)

const demonstration = Effect.gen(function* () {
  const client = yield* CodexClient
  const { done, ids } = yield* dashboard(({ doing }) => doing === "completed")
  const [threadId = ""] = ids
  yield* client.request("turn/start", { threadId, input: [{ type: "text", text: "Go on" }] })
  yield* done
}).pipe(Effect.scoped, Effect.provide(InProcess))

const watch = (url: string) =>
  Effect.flatMap(
    dashboard(() => false),
    ({ done }) => done
  ).pipe(
    Effect.scoped,
    Effect.provide(Layer.provide(CodexClient.layerWebSocket(url), NodeWS.layerWebSocketConstructor))
  )

const url = process.argv[2]
NodeRuntime.runMain(url === undefined ? demonstration : watch(url))
