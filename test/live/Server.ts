/**
 * A whole server in memory with its wire in the same process, and a client that talks to it in frames.
 *
 * The client keeps what it is told in the order of delivery; `ask` waits for an answer, `settled` for
 * everything that was told up to now.
 */
import { Clock, Deferred, Effect, Exit, Layer, Predicate, type Scope } from "effect"
import { isRecord, type JsonRecord, own } from "../../src/domain/Json.ts"
import { layerWith, type MemoryFile, MemoryFiles } from "../../src/layers/memory/MemoryRolloutStore.ts"
import * as Handlers from "../../src/rpc/codex/Handlers.ts"
import * as InProcessTransport from "../../src/rpc/codex/InProcessTransport.ts"
import { JsonRpcServer, type Options } from "../../src/rpc/codex/JsonRpcServer.ts"
import { ServerInfo } from "../../src/rpc/codex/ServerInfo.ts"
import type { Agent } from "../../src/services/Agent.ts"
import { RolloutStore } from "../../src/services/RolloutStore.ts"
import * as Rethread from "../../src/services/Rethread.ts"
import { ServerConfig } from "../../src/services/ServerConfig.ts"
import * as DeterministicIds from "../../src/testing/DeterministicIds.ts"

export interface LiveServerOptions extends Options {
  /** Files to start with. */
  readonly files?: ReadonlyArray<MemoryFile>
  /** Answers what the agent asks; the clients without one. */
  readonly approvals?: Rethread.RethreadOptions["approvals"]
  /** Runs the turns; without one there is no agent at all. */
  readonly agent?: Layer.Layer<Agent> | undefined
  readonly seed?: number
  /** The store with some of its ways changed. */
  readonly store?: (store: RolloutStore["Service"], files: MemoryFiles["Service"]) => RolloutStore["Service"]
}

const info = { os: "Linux", arch: "x86_64", platformFamily: "unix", platformOs: "linux" }

/** The server, and the files it keeps its rollouts in. */
export const server = ({ agent, approvals, files = [], seed = 1, store, ...options }: LiveServerOptions = {}) => {
  const all = Rethread.layerWith(approvals === undefined ? {} : { approvals })
  const services = agent === undefined ? all : all.pipe(Layer.provide(agent))
  return JsonRpcServer.layer(options).pipe(
    Layer.provide(Handlers.layer),
    Layer.provideMerge(services),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.effect(
          RolloutStore,
          Effect.gen(function* () {
            const made = yield* RolloutStore
            return store?.(made, yield* MemoryFiles) ?? made
          })
        ).pipe(Layer.provideMerge(layerWith(files))),
        ServerConfig.layerMemory(),
        ServerInfo.layer(info),
        DeterministicIds.layer({ seed })
      )
    ),
    Layer.fresh
  )
}

/** What the server said to one client. */
export type Message =
  | { readonly kind: "result"; readonly id: number; readonly result: JsonRecord }
  | { readonly kind: "error"; readonly id: number; readonly error: JsonRecord }
  | { readonly kind: "notification"; readonly method: string; readonly params: JsonRecord }
  /** A question of the server's. */
  | { readonly kind: "request"; readonly id: number; readonly method: string; readonly params: JsonRecord }

/** A request's answer. */
export type Answer = Extract<Message, { readonly kind: "result" | "error" }>

const recordOf = (u: unknown): JsonRecord => (isRecord(u) ? u : {})

const messageOf = (frame: JsonRecord): Message => {
  const method = own(frame, "method")
  const params = recordOf(own(frame, "params"))
  const id = Number(own(frame, "id"))
  if (typeof method === "string") {
    return Object.hasOwn(frame, "id")
      ? { kind: "request", id, method, params }
      : { kind: "notification", method, params }
  }
  const error = own(frame, "error")
  return error === undefined
    ? { kind: "result", id, result: recordOf(own(frame, "result")) }
    : { kind: "error", id, error: recordOf(error) }
}

export interface LiveClient {
  /** Everything that was said to it, in order. */
  readonly log: ReadonlyArray<Message>
  /** Sends a request without waiting: its answer comes later, or null when the connection is gone. */
  readonly send: (
    method: string,
    params: object,
    /** Called with the answer before anything that comes after it. */
    then?: (answer: Answer) => void
  ) => Effect.Effect<Deferred.Deferred<Answer | null>>
  readonly ask: (method: string, params: object) => Effect.Effect<JsonRecord>
  /** The error that a request is answered with. */
  readonly refused: (method: string, params: object) => Effect.Effect<JsonRecord>
  /** Waits until a notification has come that fits, from the given place in the log on. */
  readonly until: (fits: (message: Message) => boolean, from?: number) => Effect.Effect<Message>
  /** Answers a question of the server's. */
  readonly answer: (id: number, result: object) => Effect.Effect<void>
  /** Stops taking frames, until it is told to go on. */
  readonly stall: (stalled: boolean) => Effect.Effect<void>
  readonly leave: Effect.Effect<void>
  readonly isGone: () => boolean
}

/** Connects, shakes hands, and listens for as long as the scope lasts. */
export const connect = Effect.fnUntraced(function* (
  options: InProcessTransport.InProcessOptions & { readonly on?: (message: Message) => void } = {}
): Effect.fn.Return<LiveClient, never, JsonRpcServer | Scope.Scope> {
  const transport = yield* InProcessTransport.connect(options)
  const log: Array<Message> = []
  const waiting = new Map<
    number,
    { readonly answered: Deferred.Deferred<Answer | null>; readonly onAnswer: (answer: Answer) => void }
  >()
  const watchers = new Set<() => void>()
  let ids = 0
  let gone = false
  let gate: Deferred.Deferred<void> | null = null

  const take = (frame: JsonRecord) => {
    const message = messageOf(frame)
    log.push(message)
    options.on?.(message)
    if (message.kind === "result" || message.kind === "error") {
      const asked = waiting.get(message.id)
      waiting.delete(message.id)
      asked?.onAnswer(message)
      if (asked !== undefined) Deferred.doneUnsafe(asked.answered, Exit.succeed(message))
    }
    for (const watch of watchers) watch()
  }
  const closed = () => {
    gone = true
    for (const { answered } of waiting.values()) Deferred.doneUnsafe(answered, Exit.succeed(null))
    waiting.clear()
  }
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        if (gate !== null) yield* Deferred.await(gate)
        take(yield* transport.receive)
      })
    ).pipe(
      Effect.catchTag("Done", () => Effect.void),
      Effect.ensuring(Effect.sync(closed))
    )
  )

  const send = Effect.fnUntraced(function* (method: string, params: object, then: (answer: Answer) => void = () => {}) {
    const id = ids++
    const answered = yield* Deferred.make<Answer | null>()
    if (gone) {
      yield* Deferred.succeed(answered, null)
      return answered
    }
    waiting.set(id, { answered, onAnswer: then })
    yield* transport.send({ id, method, params })
    return answered
  })
  const answerTo = (method: string, params: object) =>
    send(method, params).pipe(
      Effect.flatMap(Deferred.await),
      Effect.filterOrElse(Predicate.isNotNull, () => Effect.die(new Error(`the connection is gone: ${method}`)))
    )
  const describe = (message: Message) =>
    JSON.stringify(message, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value))

  const client: LiveClient = {
    log,
    send,
    ask: Effect.fnUntraced(function* (method, params) {
      const answer = yield* answerTo(method, params)
      return answer.kind === "result" ? answer.result : yield* Effect.die(new Error(`${method}: ${describe(answer)}`))
    }),
    refused: Effect.fnUntraced(function* (method, params) {
      const answer = yield* answerTo(method, params)
      return answer.kind === "error" ? answer.error : yield* Effect.die(new Error(`${method} was not refused`))
    }),
    until: (fits, from = 0) =>
      Effect.callback<Message>((resume) => {
        let at = from
        const watch = () => {
          for (; at < log.length; at++) {
            const message = log[at]
            if (message === undefined || !fits(message)) continue
            watchers.delete(watch)
            resume(Effect.succeed(message))
            return
          }
        }
        watchers.add(watch)
        watch()
        return Effect.sync(() => watchers.delete(watch))
      }),
    answer: (id, result) => transport.send({ id, result }),
    stall: Effect.fnUntraced(function* (stalled) {
      if (stalled) gate ??= yield* Deferred.make<void>()
      else if (gate !== null) {
        yield* Deferred.succeed(gate, undefined)
        gate = null
      }
    }),
    leave: Effect.tap(transport.leave, () => Effect.sync(closed)),
    isGone: () => gone
  }
  yield* client.ask("initialize", {
    clientInfo: { name: "live", title: null, version: "1" },
    capabilities: { experimentalApi: true }
  })
  return client
})

/** Is it this notification, about this thread? */
export const isAbout =
  (method: string, threadId?: string) =>
  (message: Message): boolean =>
    message.kind === "notification" &&
    message.method === method &&
    (threadId === undefined || own(message.params, "threadId") === threadId)

/** A user's words as input. */
export const say = (text: string) => [{ type: "text", text }]

/** The files of a memory store as files to start another one with: what a new server finds. */
export const asFiles = (files: ReadonlyMap<string, Uint8Array>): Effect.Effect<ReadonlyArray<MemoryFile>> =>
  Effect.map(Clock.currentTimeMillis, (modifiedAt) =>
    Array.from(files, ([path, content]) => ({ path, content, modifiedAt }))
  )
