/**
 * Throws frames at a whole server over a Codex home on disk. Every frame that is owed an answer gets exactly one, the
 * connection stays, a client that asks something sensible in between is answered as at the beginning, and nothing is
 * logged as an error.
 */
import { Effect, Layer, Logger, Schema, type Scope } from "effect"
import { isRecord, type JsonRecord, own, printExact } from "../../src/domain/Json.ts"
import * as InProcessTransport from "../../src/rpc/codex/InProcessTransport.ts"
import { paginated, rollout } from "../../src/testing/RolloutBuilder.ts"
import * as Home from "../conformance/Home.ts"
import { initializeParams } from "../conformance/Peer.ts"
import { server } from "../conformance/RethreadPeers.ts"
import { options, spent } from "../conformance/cases/Rollouts.ts"
import * as Defects from "./Defects.ts"
import * as Dice from "./Dice.ts"
import { frame, type World } from "./FrameChance.ts"

/** What went wrong, and the seed that shows it again. */
export class FuzzFailed extends Schema.TaggedError<FuzzFailed>()("FuzzFailed", {
  seed: Schema.Int,
  problem: Schema.String,
  frames: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `seed ${this.seed}: ${this.problem}\n${this.frames.map((text) => `  ${text}`).join("\n")}`
  }
}

/** Frames on one connection, before a fresh server takes over. */
const perServer = 500
/** Frames in one go; fewer than may be open at once. */
const perBatch = 40
/** For a server that does not answer any more. */
const limit = "30 seconds"

/** The thread that only the sensible client asks for. */
const canary = rollout(options(900))
  .turn({ id: "C1", usage: spent(120) })
  .turn({ id: null, usage: spent(360) })
  .build()

const rollouts = [
  ...[1, 2, 3].map((n) => rollout(options(n)).turn({ id: `T${n}`, usage: spent(120) })),
  ...[4, 5].map((n) => rollout(options(n)).turn({ id: null, usage: true }).turn({ id: null, agent: null })),
  rollout(options(6))
    .turn({ id: "T1", usage: spent(120) })
    .turn({ id: "T2", usage: spent(360) })
    .rollback(1),
  rollout(options(7)).turn({ id: "T1", ends: "open" }),
  rollout(options(8, { archived: true })).turn({ id: "T1", usage: true }),
  rollout(options(9)),
  paginated(options(10))
    .turn({ usage: true })
    .turn({ usage: spent(360) }),
  paginated(options(11)).turn({ usage: true }).turn({ ends: "interrupted" })
].map((builder) => builder.build())

const damaged = [
  { path: rollouts[0]?.path.replace("000001", "000021") ?? "", content: "not a rollout\n" },
  { path: rollouts[0]?.path.replace("000001", "000022") ?? "", content: "" }
]

const worldOf = (home: Home.Home): World => ({
  threadIds: [
    ...rollouts.map(({ threadId }) => String(threadId)),
    "9c53aaaa-0000-4000-8000-000000000021",
    "9c53aaaa-0000-4000-8000-000000000022",
    "01984de2-8f74-7c91-a3b2-5c5e937cf318"
  ],
  turnIds: ["T1", "T2", "rollout-2", ...rollouts.flatMap(({ turnIds }) => turnIds)],
  paths: [
    ...rollouts.slice(0, 4).map(({ path }) => home.at(path)),
    rollouts[1]?.path ?? "",
    home.at("sessions"),
    home.at("none.jsonl"),
    `${home.directory}/../x.jsonl`,
    `${home.directory}/\u0000.jsonl`
  ]
})

const sensible = ["thread/resume", "thread/read", "thread/turns/list"] as const

/** The parts of an answer that must not change, whatever others do. */
const lasting = (answer: JsonRecord): string => {
  const result = own(answer, "result")
  const thread = isRecord(result) ? own(result, "thread") : undefined
  const members = isRecord(thread) ? Object.entries(thread).filter(([key]) => key !== "status") : []
  return printExact([own(answer, "error"), members, isRecord(result) ? [result["tokenUsage"], result["data"]] : null])
}

const chunk = Effect.fnUntraced(function* (
  dice: Dice.Dice,
  count: number,
  fail: (problem: string, frames?: ReadonlyArray<string>) => FuzzFailed
): Effect.fn.Return<void, FuzzFailed, Scope.Scope> {
  const home = yield* Home.make([...rollouts, ...damaged, canary])
  const world = worldOf(home)
  const context = yield* Layer.build(Layer.fresh(server(home.directory)))
  const client = yield* Effect.provideContext(InProcessTransport.connect(), context)

  /** Answers by their id, and how many are owed. */
  const got = new Map<string, Array<JsonRecord>>()
  const owed = new Map<string, number>()
  let missing = 0
  let replays = 0
  const owe = (id: string) => {
    owed.set(id, (owed.get(id) ?? 0) + 1)
    missing++
  }
  const receive = (message: JsonRecord): FuzzFailed | null => {
    if (Object.hasOwn(message, "method")) {
      const params = own(message, "params")
      const usage = own(message, "method") === "thread/tokenUsage/updated"
      if (usage && isRecord(params) && params["threadId"] === canary.threadId) replays++
      return null
    }
    const id = printExact(own(message, "id") ?? null)
    const answers = got.get(id) ?? []
    got.set(id, [...answers, message])
    missing--
    const error = own(message, "error")
    const data = isRecord(error) ? own(error, "data") : undefined
    if (isRecord(data) && data["type"] === "internalError") return fail(`an internal error answers ${id}`)
    return answers.length >= (owed.get(id) ?? 0)
      ? fail(`an answer too many: ${printExact(message).slice(0, 300)}`)
      : null
  }
  const answers = Effect.gen(function* () {
    while (missing > 0) {
      const problem = receive(yield* client.receive)
      if (problem !== null) return yield* problem
    }
  }).pipe(
    Effect.catchTag("Done", () => Effect.fail(fail("the server left"))),
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () =>
        Effect.fail(
          fail(
            `no answer to ${[...owed]
              .filter(([id, n]) => (got.get(id)?.length ?? 0) < n)
              .map(([id]) => id)
              .join(", ")}`
          )
        )
    })
  )
  const ask = Effect.fnUntraced(function* (id: string, method: string, params: object) {
    owe(JSON.stringify(id))
    yield* client.send({ id, method, params })
    yield* answers
    return got.get(JSON.stringify(id))?.[0] ?? {}
  })

  // Some servers hear nonsense before they hear `initialize`.
  const early = dice.once(5)
  if (early) {
    for (let n = 0; n < perBatch; n++) {
      const { owed, text } = frame(dice, world, 1_000_000 + n)
      if (owed !== null) owe(owed)
      yield* client.sendText(text)
    }
    yield* answers
  }
  yield* ask("handshake", "initialize", initializeParams())
  const reference = new Map<string, string>()
  for (const method of sensible) {
    reference.set(method, lasting(yield* ask(`first ${method}`, method, { threadId: canary.threadId })))
  }
  let resumes = 1
  for (let sent = 0; sent < count; sent += perBatch) {
    const texts: Array<string> = []
    for (let n = 0; n < Math.min(perBatch, count - sent); n++) {
      const fuzzed = frame(dice, world, sent + n)
      if (fuzzed.owed !== null) owe(fuzzed.owed)
      texts.push(fuzzed.text.slice(0, 500))
      yield* client.sendText(fuzzed.text)
    }
    const method = dice.pick(sensible)
    if (method === "thread/resume") resumes++
    const answer = lasting(
      yield* Effect.mapError(ask(`canary ${sent}`, method, { threadId: canary.threadId }), ({ problem }) =>
        fail(problem, texts)
      )
    )
    if (answer !== reference.get(method)) return yield* fail(`${method} is answered otherwise: ${answer}`, texts)
  }
  yield* client.end
  yield* Effect.gen(function* () {
    while (true) {
      const problem = receive(yield* client.receive)
      if (problem !== null) return yield* problem
    }
  }).pipe(Effect.catchTag("Done", () => Effect.void))
  if (replays !== resumes) return yield* fail(`${resumes} resumes of one thread had ${replays} usage notifications`)
  const ending = yield* client.ending
  if (ending !== "ended") return yield* fail(`the conversation ended with ${ending}`)
}, Effect.scoped)

/** Runs `n` frames from a seed. */
export const run = Effect.fn("FrameFuzz.run")(function* (settings: { readonly n: number; readonly seed: number }) {
  for (let done = 0; done < settings.n; done += perServer) {
    const seed = settings.seed + done
    const defects = Defects.make()
    const fail = (problem: string, frames: ReadonlyArray<string> = []) => new FuzzFailed({ seed, problem, frames })
    yield* chunk(Dice.make(seed), Math.min(perServer, settings.n - done), fail).pipe(
      Effect.provide(Logger.layer([defects.logger]))
    )
    if (defects.found.length > 0) return yield* fail("logged as an error", defects.found.slice(0, 3))
  }
})
