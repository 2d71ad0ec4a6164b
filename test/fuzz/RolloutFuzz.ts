/**
 * Restores damaged rollouts with a whole server in memory: resumed, resumed again, read, paged, listed, forked, and the
 * fork read cold. Every request is answered, by a result or a typed error; the answers agree with each other; usage belongs
 * to a turn that is there or to nobody; nothing is logged as an error, and no rollout is changed.
 */
import { Effect, Layer, Logger, type Scope } from "effect"
import { type JsonRecord, own, printExact } from "../../src/domain/Json.ts"
import { layerWith, type MemoryFile, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import * as InProcessTransport from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import * as Rethread from "../../src/services/Rethread.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import * as DeterministicIds from "../../src/testing/DeterministicIds.ts"
import { at, listAt, usages } from "../conformance/Case.ts"
import type { Client, ServerGone } from "../conformance/Client.ts"
import { connect } from "../conformance/Peer.ts"
import * as Defects from "./Defects.ts"
import * as Dice from "./Dice.ts"
import { FuzzFailed } from "./FrameFuzz.ts"
import { bases, damagedSet, type RolloutSet } from "./RolloutChance.ts"

const info = ServerInfo.layer({ os: "Linux 6.1.0", arch: "x86_64", platformFamily: "unix", platformOs: "linux" })

const server = (files: ReadonlyArray<MemoryFile>) =>
  JsonRpcServer.layer().pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(Rethread.layer),
    Layer.provideMerge(layerWith(files)),
    Layer.provide(Layer.mergeAll(ServerConfig.layerMemory(), DeterministicIds.layer(), info)),
    Layer.fresh
  )

/** For a server that does not answer any more. */
const limit = "30 seconds"

const result = (answer: JsonRecord) => own(answer, "result")
const turnsOf = (answer: JsonRecord) => listAt(result(answer), "thread", "turns")
const usageOf = (answer: JsonRecord) => at(result(answer), "tokenUsage") ?? null

const same = (left: unknown, right: unknown): boolean =>
  left === right || printExact(left ?? null) === printExact(right ?? null)

const sameBytes = (left: Uint8Array | undefined, right: Uint8Array): boolean =>
  left !== undefined && Buffer.compare(left, right) === 0

/** Turns without the ids that depend on how many lines stand in front. */
const shape = (answer: JsonRecord): ReadonlyArray<unknown> =>
  turnsOf(answer).map((turn) => {
    const id = String(at(turn, "id"))
    return [id.startsWith("rollout-") ? "implied" : id, listAt(turn, "items").length]
  })

/** Every turn that the pages of a thread hold. */
const paged = Effect.fnUntraced(function* (client: Client, threadId: string, most: number) {
  const found: Array<unknown> = []
  let cursor: unknown = null
  do {
    const answer = yield* client.request("thread/turns/list", { threadId, limit: 7, cursor, sortDirection: "asc" })
    found.push(...listAt(result(answer), "data").map((turn) => at(turn, "id")))
    cursor = at(result(answer), "nextCursor") ?? null
  } while (cursor !== null && found.length <= most)
  return found
})

/** What is wrong with the answers about one set of files. */
const problemsOf = Effect.fnUntraced(function* (
  set: RolloutSet,
  deep: boolean
): Effect.fn.Return<ReadonlyArray<string>, ServerGone, Scope.Scope> {
  const problems: Array<string> = []
  const expect = (condition: boolean, problem: string, ...shown: ReadonlyArray<unknown>) => {
    if (condition) return
    problems.push([problem, ...shown.map((value) => printExact(value ?? null).slice(0, 2000))].join(" "))
  }
  const { threadId } = set
  const context = yield* Layer.build(
    server(set.files.map(({ bytes, path }) => ({ path, content: bytes, modifiedAt: 1 })))
  )
  const files = yield* Effect.provideContext(
    MemoryFiles.use((memory) => memory.snapshot),
    context
  )
  const client = yield* Effect.flatMap(Effect.provideContext(InProcessTransport.connect(), context), (wire) =>
    connect(wire)
  )
  const typed = (answer: JsonRecord, what: string) => {
    const type = at(answer, "error", "data", "type")
    const known = typeof type === "string" && type !== "internalError"
    expect(Object.hasOwn(answer, "result") || known, what, answer)
    return answer
  }

  const first = typed(yield* client.request("thread/resume", { threadId }), "resume")
  const told = usages(yield* client.settle)
  const again = typed(yield* client.request("thread/resume", { threadId }), "rejoin")
  const read = typed(yield* client.request("thread/read", { threadId, includeTurns: true }), "read")
  const list = typed(yield* client.request("thread/list", { limit: 100 }), "list")
  const fork = typed(yield* client.request("thread/fork", { threadId }), "fork")
  yield* client.settle
  const served = Object.hasOwn(first, "result")
  const forkId = at(fork, "result", "thread", "id")
  expect(Array.isArray(at(list, "result", "data")), "list: no data")
  for (const [what, answer] of [
    ["rejoin", again],
    ["read", read],
    ["fork", fork]
  ] as const) {
    expect(Object.hasOwn(answer, "result") === served, `${what} is served, resume not, or the other way round`)
  }
  if (served) {
    const ids = turnsOf(first).map((turn) => at(turn, "id"))
    const owner = at(usageOf(first), "turnId") ?? null
    expect(
      ids.every((id) => typeof id === "string" && id !== ""),
      "a turn without an id"
    )
    expect(owner === null || ids.includes(owner), "usage of a turn that is not there:", owner)
    expect(told.length === (owner === null ? 0 : 1), `${told.length} usage notifications, owner`, owner)
    expect(
      told.every(({ turnId }) => turnId === owner),
      "the notification names another turn than the result"
    )
    for (const [what, answer] of [
      ["rejoin", again],
      ["read", read]
    ] as const) {
      expect(same(turnsOf(answer), turnsOf(first)), `${what}: other turns than resume`)
      expect(same(usageOf(answer), usageOf(first)), `${what}: other usage than resume`)
    }
    expect(same(yield* paged(client, threadId, ids.length), ids), "turns/list: other turns than resume")
    expect(same(shape(fork), shape(first)), "fork: other turns:", shape(fork), shape(first))
    expect(
      same(at(usageOf(fork), "tokenUsage"), at(usageOf(first), "tokenUsage")),
      "fork: other usage:",
      usageOf(fork),
      usageOf(first)
    )
  }
  const after = yield* Effect.provideContext(
    MemoryFiles.use((memory) => memory.snapshot),
    context
  )
  for (const [path, bytes] of files) expect(sameBytes(after.get(path), bytes), `${path} was changed`)
  if (deep && typeof forkId === "string") {
    const copies = Array.from(after, ([path, content]) => ({ path, content, modifiedAt: 1 }))
    const other = yield* Layer.build(server(copies))
    const cold = yield* Effect.flatMap(Effect.provideContext(InProcessTransport.connect(), other), (wire) =>
      connect(wire)
    )
    const restored = typed(yield* cold.request("thread/resume", { threadId: forkId }), "cold fork")
    expect(same(turnsOf(restored), turnsOf(fork)), "cold fork: other turns than when it was made")
    expect(same(usageOf(restored), usageOf(fork)), "cold fork: other usage:", usageOf(restored), usageOf(fork))
  }
  return problems
}, Effect.scoped)

/** Runs `n` damaged rollouts from a seed. */
export const run = Effect.fn("RolloutFuzz.run")(function* (settings: { readonly n: number; readonly seed: number }) {
  const sound = bases()
  for (let done = 0; done < settings.n; done++) {
    const seed = settings.seed + done
    const dice = Dice.make(seed)
    const set = damagedSet(dice, sound)
    const defects = Defects.make()
    const fail = (problem: string) =>
      new FuzzFailed({
        seed,
        problem: `${set.name}: ${problem}`,
        frames: [
          ...defects.found.slice(0, 3),
          ...set.files.map(({ bytes, path }) => `${path}\n${new TextDecoder().decode(bytes).slice(0, 4000)}`)
        ]
      })
    const problems = yield* problemsOf(set, dice.once(3)).pipe(
      Effect.provide(Logger.layer([defects.logger])),
      Effect.mapError((gone) => fail(gone.message)),
      Effect.timeoutOrElse({ duration: limit, orElse: () => Effect.fail(fail("no answer")) })
    )
    if (problems.length > 0 || defects.found.length > 0) {
      return yield* fail(problems.length > 0 ? problems.join("; ") : "logged as an error")
    }
  }
})
