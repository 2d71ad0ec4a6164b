/**
 * A client for tests that speaks the Codex wire in frames, in the same process: it is told what real clients are told,
 * byte for byte, and remembers all of it in order.
 */
import { Deferred, Effect, Schema, type Scope } from "effect"
import { isRecord, type JsonRecord, own, printExact } from "../domain/Json.ts"
import * as InProcessTransport from "../rpc/codex/InProcessTransport.ts"
import type { Ending, JsonRpcServer } from "../rpc/codex/JsonRpcServer.ts"
import { type Recorded, type Recorder, threadOfResponse } from "./ExpectOrder.ts"

/** The server said no. */
export class WireRefused extends Schema.TaggedError<WireRefused>()("WireRefused", {
  method: Schema.String,
  code: Schema.Unknown,
  detail: Schema.String,
  data: Schema.Unknown
}) {
  override get message(): string {
    return `${this.method} was refused (${String(this.code)}): ${this.detail}`
  }
}

/** The connection ended before the answer, or what was waited for, came. */
export class WireEnded extends Schema.TaggedError<WireEnded>()("WireEnded", {
  waitingFor: Schema.String,
  got: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `the connection ended before ${this.waitingFor}; it got ${this.got.join(", ") || "nothing"}`
  }
}

export interface WireClientOptions extends InProcessTransport.InProcessOptions {
  readonly name?: string
  /** Methods that the server is to keep to itself. */
  readonly optOut?: ReadonlyArray<string>
  readonly experimentalApi?: boolean
}

export interface WireClient extends Recorder<WireEnded> {
  /** Asks, and waits for the result. */
  readonly request: (method: string, params: JsonRecord) => Effect.Effect<JsonRecord, WireRefused | WireEnded>
  readonly notify: (method: string, params?: JsonRecord) => Effect.Effect<void>
  /** Answers a question of the server. */
  readonly answer: (id: unknown, result: JsonRecord) => Effect.Effect<void>
  /** Every frame since the handshake, oldest first. */
  readonly frames: Effect.Effect<ReadonlyArray<JsonRecord>>
  /** Waits for a frame (one that came before counts). */
  readonly until: (
    condition: (frame: JsonRecord) => boolean,
    waitingFor?: string
  ) => Effect.Effect<JsonRecord, WireEnded>
  /** Waits for the first notification or question of this method. */
  readonly told: (method: string) => Effect.Effect<JsonRecord, WireEnded>
  /** Leaves at once. */
  readonly leave: Effect.Effect<void>
  /** How the conversation ended, once it has. */
  readonly ending: Effect.Effect<Ending>
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)

const recordedOf = (frame: JsonRecord): Recorded => {
  const all = printExact(frame)
  const method = text(own(frame, "method"))
  const params = own(frame, "params")
  if (method === null) {
    const refused = Object.hasOwn(frame, "error")
    const name = refused ? "refusal" : "response"
    return { kind: name, name, threadId: threadOfResponse(all), text: all }
  }
  const thread = isRecord(params) ? own(params, "thread") : undefined
  const about = isRecord(params) ? text(own(params, "threadId")) : null
  const threadId = about ?? (isRecord(thread) ? text(own(thread, "id")) : null)
  return { kind: Object.hasOwn(frame, "id") ? "question" : "notification", name: method, threadId, text: all }
}

/** Connects and shakes hands; the connection lasts as long as the scope. */
export const connect = Effect.fn("WireClient.connect")(function* (
  options: WireClientOptions = {}
): Effect.fn.Return<WireClient, WireRefused | WireEnded, JsonRpcServer | Scope.Scope> {
  const wire = yield* InProcessTransport.connect(options)
  const name = options.name ?? "wire client"
  let received: ReadonlyArray<JsonRecord> = []
  const marks = new Set<string>()
  let ended = false
  let requests = 0
  let arrival = Deferred.makeUnsafe<void>()
  const arrived = Effect.suspend(() => {
    const before = arrival
    arrival = Deferred.makeUnsafe<void>()
    return Deferred.succeed(before, undefined)
  })
  const answers = new Map<unknown, JsonRecord>()

  yield* Effect.forever(
    Effect.flatMap(wire.receive, (frame) => {
      const id = own(frame, "id")
      if (!Object.hasOwn(frame, "method")) answers.set(id, frame)
      if (!(typeof id === "string" && marks.has(id))) received = [...received, frame]
      return arrived
    })
  ).pipe(
    Effect.catchTag("Done", () => Effect.void),
    Effect.ensuring(
      Effect.suspend(() => {
        ended = true
        return arrived
      })
    ),
    Effect.forkScoped
  )

  const poll = <A>(find: () => A | undefined, waitingFor: string): Effect.Effect<A, WireEnded> =>
    Effect.suspend(() => {
      const found = find()
      if (found !== undefined) return Effect.succeed(found)
      if (ended) return Effect.fail(new WireEnded({ waitingFor, got: received.map((frame) => recordedOf(frame).name) }))
      return Effect.flatMap(Deferred.await(arrival), () => poll(find, waitingFor))
    })

  const request: WireClient["request"] = Effect.fnUntraced(function* (method, params) {
    const id = `${name} ${++requests}`
    yield* wire.send({ id, method, params })
    const answer = yield* poll(() => answers.get(id), `the answer to ${method}`)
    const [result, error] = [own(answer, "result"), own(answer, "error")]
    if (!isRecord(error)) return isRecord(result) ? result : {}
    const [code, message, data] = [own(error, "code"), own(error, "message"), own(error, "data")]
    return yield* new WireRefused({ method, code, detail: String(message), data })
  })

  const settled = Effect.gen(function* () {
    const id = `mark ${marks.size}`
    marks.add(id)
    yield* wire.send({ id, method: "thread/loaded/list", params: {} })
    yield* poll(() => answers.get(id), "the end of what was sent")
    return received
  })

  const optOut = options.optOut ?? []
  yield* request("initialize", {
    clientInfo: { name: "rethread-testing", title: null, version: "0.0.0" },
    capabilities: {
      experimentalApi: options.experimentalApi ?? true,
      ...(optOut.length === 0 ? {} : { optOutNotificationMethods: optOut })
    }
  })
  yield* wire.send({ method: "initialized" })
  yield* settled
  received = []

  return {
    name,
    recorded: Effect.map(settled, (frames) => frames.map(recordedOf)),
    request,
    notify: (method, params) => wire.send(params === undefined ? { method } : { method, params }),
    answer: (id, result) => wire.send({ id, result }),
    frames: Effect.sync(() => received),
    until: (condition, waitingFor = "a frame") => poll(() => received.find(condition), waitingFor),
    told: (method) => poll(() => received.find((frame) => own(frame, "method") === method), method),
    leave: wire.leave,
    ending: wire.ending
  }
})
