/**
 * `thread/search` over the wire: what it answers, what it refuses, and that `thread/metadata/update` shows in a list.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { isRecord, type JsonRecord } from "../../src/domain/Json.ts"
import * as SqliteThreadCatalog from "../../src/layers/sqlite/SqliteThreadCatalog.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import type { InProcessClient } from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import { ThreadCommands } from "../../src/services/ThreadCommands.ts"
import { rollout } from "../../src/testing/RolloutBuilder.ts"
import { server } from "../support/TestServer.ts"
import { connected } from "./support/Client.ts"

const thread = rollout({ git: { branch: "main" } })
  .turn({ user: "find the parser", agent: "It is in Parser.ts, I think." })
  .build()

const wire = JsonRpcServer.layer().pipe(
  Layer.provide(Handlers.layer),
  Layer.provideMerge(Layer.mergeAll(SqliteThreadCatalog.layerMemory, ThreadCommands.layer)),
  Layer.provideMerge(
    ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })
  ),
  Layer.provideMerge(server([thread]))
)

const at = (value: unknown, ...keys: ReadonlyArray<string>): unknown =>
  keys.reduce<unknown>((inner, key) => (isRecord(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined), value)

/** Asks, and skips whatever comes before the answer. */
const ask = Effect.fnUntraced(function* (who: InProcessClient, method: string, params: JsonRecord) {
  yield* who.send({ id: method, method, params })
  for (;;) {
    const frame = yield* who.receive
    if (frame.id === method) return frame
  }
})

const first = (answer: JsonRecord): unknown => {
  const data = at(answer, "result", "data")
  return Array.isArray(data) ? data[0] : undefined
}

describe("thread/search", () => {
  it.effect("answers with the threads, as a list shows them, and what was said in them", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const found = yield* ask(who, "thread/search", { searchTerm: "PARSER.TS" })
      assert.deepStrictEqual(Object.keys(at(found, "result") ?? {}), ["data", "nextCursor", "backwardsCursor"])
      assert.strictEqual(at(first(found), "snippet"), "It is in Parser.ts, I think.")
      assert.deepStrictEqual(at(first(found), "thread"), first(yield* ask(who, "thread/list", {})))
      assert.strictEqual(at(found, "result", "nextCursor"), null)
      const none = yield* ask(who, "thread/search", { searchTerm: "nothing of the kind", includeAttachedThreads: true })
      assert.deepStrictEqual(at(none, "result"), { data: [], nextCursor: null, backwardsCursor: null })
      yield* ask(who, "thread/resume", { threadId: thread.threadId })
      const loaded = yield* ask(who, "thread/search", { searchTerm: "parser" })
      assert.deepStrictEqual(at(first(loaded), "thread", "status"), { type: "idle" })
    }).pipe(Effect.provide(wire))
  )

  it.effect("is refused without the experimental API, without words, and with a cursor that is none", () =>
    Effect.gen(function* () {
      const refusal = (answer: JsonRecord) => [at(answer, "error", "code"), at(answer, "error", "message")]
      const plain = yield* connected({ capabilities: null })
      assert.deepStrictEqual(refusal(yield* ask(plain, "thread/search", { searchTerm: "x" })), [
        -32600,
        "thread/search requires experimentalApi capability"
      ])
      const who = yield* connected()
      assert.deepStrictEqual(refusal(yield* ask(who, "thread/search", { searchTerm: " " })), [
        -32600,
        "thread/search requires a non-empty searchTerm"
      ])
      assert.deepStrictEqual(refusal(yield* ask(who, "thread/search", { searchTerm: "x", cursor: "y" })), [
        -32600,
        "invalid cursor: y"
      ])
      assert.strictEqual(refusal(yield* ask(who, "thread/search", {}))[0], -32602)
    }).pipe(Effect.provide(wire))
  )
})

describe("thread/list", () => {
  it.effect("shows what thread/metadata/update and thread/name/set wrote", () =>
    Effect.gen(function* () {
      const who = yield* connected()
      const { threadId } = thread
      assert.strictEqual(at(first(yield* ask(who, "thread/list", {})), "gitInfo", "branch"), "main")
      yield* ask(who, "thread/metadata/update", { threadId, gitInfo: { branch: "topic" } })
      yield* ask(who, "thread/name/set", { threadId, name: "a name" })
      const listed = first(yield* ask(who, "thread/list", {}))
      assert.deepStrictEqual([at(listed, "gitInfo", "branch"), at(listed, "name")], ["topic", "a name"])
    }).pipe(Effect.provide(wire))
  )
})
