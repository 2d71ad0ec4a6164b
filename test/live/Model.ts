/**
 * Plays a schedule against a whole server, with clients that fold what they are told, and compares at the end.
 *
 * At rest each client's fold equals `thread/read`, and so does what a new server reads from the same files;
 * usage is the sum of what the agent reported; nothing was told before a client's response and replay, and
 * nothing twice.
 */
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { own } from "../../src/domain/Json.ts"
import { threadOf } from "../../src/domain/Notification.ts"
import type { Turn } from "../../src/domain/Turn.ts"
import { MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Scripted from "../../src/layers/scripted/ScriptedAgent.ts"
import { Agent } from "../../src/services/Agent.ts"
import * as Defects from "../fuzz/Defects.ts"
import * as Fold from "./Fold.ts"
import { type Beats, type Schedule, scriptOf, type Step } from "./Schedule.ts"
import { type Answer, asFiles, connect, type LiveClient, type Message, say, server } from "./Server.ts"

/** What was found wrong. */
class ModelFailed extends Schema.TaggedError<ModelFailed>()("ModelFailed", { problem: Schema.String }) {
  override get message(): string {
    return this.problem
  }
}

// Told to every client, whether it came to the thread or not.
const forEverybody: ReadonlySet<string> = new Set([
  "thread/started",
  "thread/status/changed",
  "thread/closed",
  "thread/name/updated"
])

interface Client {
  readonly live: LiveClient
  readonly scope: Scope.Closeable
  /** By thread: the view, and whether it began with all turns. */
  readonly folds: Map<string, Fold.Fold>
  stalled: boolean
}

/** What the agent reported, in tokens. */
interface Ledger {
  reported: bigint
  /** Every sum on the way. */
  readonly sums: Set<bigint>
  interrupted: boolean
}

/** What one schedule's run knows of the threads. */
interface World {
  readonly threads: Array<string>
  /** The turns of each thread that somebody was told of, in the order in which they began. */
  readonly turns: Map<string, Array<string>>
  readonly ledgers: Map<string, Ledger>
  /** What a fork began with. */
  readonly inherited: Map<string, bigint>
  readonly forkOf: Map<string, string>
  readonly paths: Map<string, string>
  readonly faulty: Set<string>
  readonly problems: Array<string>
}

const makeWorld = (): World => ({
  threads: [],
  turns: new Map(),
  ledgers: new Map(),
  inherited: new Map(),
  forkOf: new Map(),
  paths: new Map(),
  faulty: new Set(),
  problems: []
})

const ledgerOf = (world: World, threadId: string): Ledger => {
  const known = world.ledgers.get(threadId) ?? { reported: 0n, sums: new Set([0n]), interrupted: false }
  world.ledgers.set(threadId, known)
  return known
}

const agentOf = (world: World, scripts: ReadonlyArray<Beats>): Layer.Layer<Agent> => {
  let turn = 0
  const scripted = Scripted.layer(() => {
    const number = turn++
    const said = scriptOf(scripts[number % scripts.length] ?? [], number)
    // One that says nothing could not be compacted with.
    return said.length === 0 ? Scripted.message("m0", ["done"]) : said
  })
  return Layer.effect(
    Agent,
    Effect.map(Agent, (agent) =>
      Agent.of({
        run: (input) =>
          Stream.tap(agent.run(input), (event) =>
            Effect.sync(() => {
              if (event._tag !== "UsageReport") return
              const ledger = ledgerOf(world, input.threadId)
              ledger.reported += event.usage.totalTokens
              ledger.sums.add(ledger.reported)
            })
          )
      })
    )
  ).pipe(Layer.provide(scripted))
}

const settle = Effect.replicateEffect(Effect.yieldNow, 40, { discard: true })

/** Plays the schedule; fails with what was found. */
export const play = Effect.fnUntraced(function* (schedule: Schedule) {
  const world = makeWorld()
  const defects = Defects.make()
  const agent = agentOf(world, schedule.scripts)
  const context = yield* Layer.build(server({ agent, capacity: 8, overflow: 40 }))
  const clients = new Map<number, Client>()
  const answers: Array<Fiber.Fiber<unknown>> = []
  const files = yield* Effect.provideContext(MemoryFiles, context)
  const problem = (text: string): void => {
    world.problems.push(text)
  }

  const noteTurn = (threadId: string, turnId: string) => {
    const known = world.turns.get(threadId) ?? []
    if (!known.includes(turnId)) world.turns.set(threadId, [...known, turnId])
  }

  const onMessage = (name: string, client: () => Client | undefined) => (message: Message) => {
    if (message.kind !== "notification") return
    const notification = Fold.notificationIn(message)
    const threadId = threadOf(notification)
    if (threadId === null) return
    if (notification.method === "turn/started") noteTurn(threadId, notification.params.turn.id)
    if (notification.method === "turn/completed" && notification.params.turn.status === "interrupted") {
      ledgerOf(world, threadId).interrupted = true
    }
    const fold = client()?.folds.get(threadId)
    if (fold === undefined) {
      if (!forEverybody.has(notification.method)) {
        problem(`${name}: ${notification.method} of a thread that it did not come to`)
      }
      return
    }
    if (!fold.isCurrent()) return
    const wrong = fold.on(notification)
    if (wrong !== null) problem(`${name}, ${threadId}: ${wrong}`)
  }

  const enter = Effect.fnUntraced(function* (number: number) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const holder: { made: Client | undefined } = { made: undefined }
    const live = yield* connect({ capacity: 4, on: onMessage(`client ${number}`, () => holder.made) }).pipe(
      Effect.provideContext(context),
      Scope.provide(scope)
    )
    const made: Client = { live, scope, folds: new Map(), stalled: false }
    holder.made = made
    clients.set(number, made)
    return made
  })
  const clientOf = Effect.fnUntraced(function* (number: number) {
    const known = clients.get(number)
    return known === undefined || known.live.isGone() ? yield* enter(number) : known
  })

  /** Sends a request; `then` is what its answer means, taken before whatever comes after it. */
  const ask = Effect.fnUntraced(function* (
    client: Client,
    method: string,
    params: object,
    then: (answer: Answer) => void = () => {}
  ) {
    const answered = yield* client.live.send(method, params, (answer) => {
      if (answer.kind === "error") {
        const data = own(answer.error, "data")
        if (Fold.show(data ?? null).includes("internalError")) problem(`${method}: ${Fold.show(answer.error)}`)
      }
      then(answer)
    })
    answers.push(yield* Effect.forkScoped(Deferred.await(answered)))
  })

  const learn = (seen: Fold.Seen) => {
    if (!world.threads.includes(seen.id)) world.threads.push(seen.id)
    if (typeof seen.path === "string") world.paths.set(seen.id, seen.path)
  }
  const attach = (client: Client, whole: boolean) => (answer: Answer) => {
    if (answer.kind === "error") return
    const seen = Fold.seenIn(answer.result)
    learn(seen)
    client.folds.set(seen.id, Fold.make(seen, whole))
    const running = seen.turns.findLast((turn) => turn.status === "inProgress")
    if (running !== undefined) noteTurn(seen.id, running.id)
  }
  const attachFork = (client: Client, source: string) => (answer: Answer) => {
    attach(client, true)(answer)
    if (answer.kind === "error") return
    const { id, usage } = Fold.seenIn(answer.result)
    const total = usage?.tokenUsage.total.totalTokens ?? 0n
    world.inherited.set(id, total)
    world.forkOf.set(id, source)
    if (world.faulty.has(source)) return
    const base = world.inherited.get(source) ?? 0n
    if (!ledgerOf(world, source).sums.has(total - base)) problem(`the fork ${id} inherits ${total} tokens`)
    if (usage !== null && Fold.show(usage.inherited) !== Fold.show(usage.tokenUsage.total)) {
      problem(`the fork ${id} says that it inherited ${Fold.show(usage.inherited)}`)
    }
  }

  const threadAt = (number: number): string | undefined => world.threads[number % Math.max(1, world.threads.length)]
  const turnIn = (threadId: string, right: boolean): string =>
    right ? (world.turns.get(threadId)?.at(-1) ?? "none") : "01984de2-8f74-7c91-a3b2-5c5e937cf318"
  let said = 0
  const words = () => say(`words ${said++}`)

  const onThread = Effect.fnUntraced(function* (
    step: Extract<Step, { readonly client: number; readonly thread: number }>
  ) {
    const client = yield* clientOf(step.client)
    const threadId = threadAt(step.thread)
    if (threadId === undefined) return
    const send = (method: string, params: object = {}, then?: (answer: Answer) => void) =>
      ask(client, method, { threadId, ...params }, then)
    switch (step.step) {
      case "turn":
        return yield* send("turn/start", { input: words() })
      case "steer":
        return yield* send("turn/steer", { input: words(), expectedTurnId: turnIn(threadId, step.right) })
      case "interrupt":
        return yield* send("turn/interrupt", { turnId: turnIn(threadId, step.right) })
      case "compact":
        return yield* send("thread/compact/start")
      case "inject": {
        const item = { type: "message", role: "user", content: [{ type: "input_text", text: `injected ${said++}` }] }
        return yield* send("thread/inject_items", { items: [item] })
      }
      case "unsubscribe":
        return yield* send("thread/unsubscribe", {}, (answer) => {
          if (answer.kind === "result") client.folds.delete(threadId)
        })
      case "read":
        return yield* send("thread/read", { includeTurns: true })
      case "resume":
        return yield* send("thread/resume", { excludeTurns: !step.turns }, attach(client, step.turns))
      case "fork":
        // Of two that happen in one millisecond it cannot be told which was first.
        yield* TestClock.adjust("1 millis")
        return yield* send("thread/fork", { ephemeral: step.ephemeral }, attachFork(client, threadId))
      case "rollback":
        return yield* send("thread/rollback", { numTurns: step.turns }, (answer) => {
          const seen = answer.kind === "error" ? null : Fold.seenIn(answer.result)
          const fold = client.folds.get(threadId)
          if (seen !== null && fold !== undefined) client.folds.set(threadId, Fold.afterRollback(seen))
        })
      case "revert": {
        const beforeTurnId = world.turns.get(threadId)?.at(-1 - step.back) ?? "none"
        return yield* send("thread/revert", { beforeTurnId })
      }
    }
  })

  const take = Effect.fnUntraced(function* (step: Step) {
    switch (step.step) {
      case "start": {
        const client = yield* clientOf(step.client)
        const historyMode = step.paginated ? "paginated" : "legacy"
        return yield* Effect.asVoid(
          ask(client, "thread/start", { historyMode, ephemeral: step.ephemeral }, attach(client, true))
        )
      }
      case "disconnect": {
        const client = clients.get(step.client)
        if (client === undefined) return
        yield* client.live.leave
        yield* Scope.close(client.scope, Exit.void)
        return
      }
      case "stall": {
        const client = yield* clientOf(step.client)
        client.stalled = !client.stalled
        return yield* client.live.stall(client.stalled)
      }
      case "wait":
        return yield* TestClock.adjust(`${step.millis} millis`)
      case "fault": {
        const threadId = threadAt(step.thread)
        const path = threadId === undefined ? undefined : world.paths.get(threadId)
        if (threadId === undefined || path === undefined) return
        world.faulty.add(threadId)
        return yield* files.failAppends(path, { reason: "diskFull", afterLines: step.afterLines, torn: step.torn })
      }
      default:
        return yield* onThread(step)
    }
  })

  const everybodyListens = Effect.forEach(
    clients.values(),
    (client) => {
      client.stalled = false
      return client.live.stall(false)
    },
    { discard: true }
  )
  const answered = Effect.gen(function* () {
    yield* Effect.forEach(answers.splice(0), Fiber.join, { discard: true })
    yield* settle
  })

  const rest = Effect.gen(function* () {
    yield* everybodyListens
    const joined = yield* Effect.forkScoped(answered)
    for (let tries = 0; tries < 30 && joined.pollUnsafe() === undefined; tries++) {
      yield* settle
      yield* TestClock.adjust("1 second")
    }
    if (joined.pollUnsafe() === undefined) return problem("a request was never answered")
    for (let second = 0; second < 8; second++) {
      yield* TestClock.adjust("1 second")
      yield* settle
    }
  })

  const compare = (what: string, turns: ReadonlyArray<Turn>, read: ReadonlyArray<Turn>, partial: boolean) => {
    const known = new Set(turns.map((turn) => turn.id))
    const expected = partial ? read.filter((turn) => known.has(turn.id)) : read
    if (!Fold.equal(turns, expected)) problem(`${what}:\n  ${Fold.show(turns)}\n  ${Fold.show(expected)}`)
  }
  const brief = (turns: ReadonlyArray<Turn>): ReadonlyArray<Turn> =>
    turns.map((turn) => ({ ...turn, items: turn.items.filter((item) => item.type === "userMessage") }))

  const check = Effect.gen(function* () {
    const reader = yield* enter(9)
    const cold = yield* connect().pipe(
      Effect.provideContext(yield* Layer.build(server({ files: yield* asFiles(yield* files.snapshot), seed: 2 })))
    )
    for (const threadId of world.threads) {
      const faulty = world.faulty.has(threadId)
      const read = Fold.seenIn(yield* reader.live.ask("thread/read", { threadId, includeTurns: true }))
      if (Fold.show(read.status).includes("active")) problem(`thread ${threadId} does not come to rest`)
      for (const [number, client] of clients) {
        // What was told up to now is behind an answer to a question asked now.
        if (client.live.isGone()) continue
        yield* client.live.ask("thread/loaded/list", {})
        const fold = client.folds.get(threadId)
        if (fold === undefined || !fold.isCurrent()) continue
        const about = `client ${number}, thread ${threadId}`
        compare(
          about,
          faulty ? brief(fold.turns()) : fold.turns(),
          faulty ? brief(read.turns) : read.turns,
          !fold.isWhole
        )
        if (!Fold.equal(fold.status(), read.status)) problem(`${about}: ${Fold.show([fold.status(), read.status])}`)
        const usage = fold.usage()
        if (usage !== "unknown" && !Fold.equal(usage?.tokenUsage ?? null, read.usage?.tokenUsage ?? null)) {
          problem(`${about}: usage ${Fold.show(usage)}, read ${Fold.show(read.usage)}`)
        }
      }
      const total = read.usage?.tokenUsage.total.totalTokens ?? 0n
      const reported = (world.inherited.get(threadId) ?? 0n) + ledgerOf(world, threadId).reported
      if (!faulty && total !== reported) problem(`thread ${threadId} counts ${total} tokens, reported were ${reported}`)
      if (typeof read.path === "string" && !faulty) {
        const again = Fold.seenIn(yield* cold.ask("thread/read", { threadId, includeTurns: true }))
        compare(`cold read of ${threadId}`, again.turns, read.turns, false)
        if (!Fold.equal(again.usage, read.usage)) problem(`cold usage ${Fold.show([again.usage, read.usage])}`)
      }
    }
  })

  yield* Effect.gen(function* () {
    // There is something to begin with: a thread of each kind.
    for (const paginated of [true, false]) yield* take({ step: "start", client: 0, paginated, ephemeral: false })
    yield* settle
    for (const { do: step, pace } of schedule.steps) {
      yield* take(step)
      if (pace === "yield") yield* Effect.yieldNow
      if (pace === "tick") yield* TestClock.adjust("1 millis")
      if (pace === "answer") yield* settle
    }
    yield* rest
    if (world.problems.length === 0) yield* check
  }).pipe(Effect.provide(Logger.layer([defects.logger])))

  const wrong = [...world.problems, ...defects.found]
  if (wrong.length > 0) return yield* new ModelFailed({ problem: wrong.slice(0, 5).join("\n") })
}, Effect.scoped)
