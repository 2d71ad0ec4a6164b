/**
 * One client of any server that speaks the wire: it keeps every frame in the order in which it came.
 *
 * It waits for what arrives, never for time. {@link Client.settle} is how a case knows that something did *not* come: it
 * asks once more about every thread that it asked about (a server answers the requests about one thread in order), then
 * something cheap, and returns when that is answered.
 */
import { type Cause, type Duration, Effect, Layer, Pull, Schema, type Scope } from "effect"
import { isRecord, type JsonRecord, own, printExact } from "../../src/domain/Json.ts"
import { ConnectionLost } from "../../src/rpc/client/ClientError.ts"
import { Connector } from "../../src/rpc/client/Wire.ts"

/** A connection as frames. */
export interface Wire {
  readonly sendText: (text: string) => Effect.Effect<void>
  /** The next frame; `Done` when the server is gone. */
  readonly receive: Effect.Effect<JsonRecord, Cause.Done>
}

/** The server ended the connection before what was waited for came. */
export class ServerGone extends Schema.TaggedError<ServerGone>()("ServerGone", {
  waitedFor: Schema.String,
  got: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `the server left before ${this.waitedFor} came; it had sent ${this.got.join(", ") || "nothing"}`
  }
}

export interface Client {
  /** Sends a message, whatever it is, as one frame. */
  readonly send: (message: unknown) => Effect.Effect<void>
  readonly sendText: (text: string) => Effect.Effect<void>
  /** Sends a request under a number of its own and waits for the answer: the frame with its `id`. */
  readonly request: (method: string, params?: JsonRecord) => Effect.Effect<JsonRecord, ServerGone>
  /** Sends several requests without waiting in between; the answers, in the order of the requests. */
  readonly pipeline: (
    requests: ReadonlyArray<readonly [method: string, params: JsonRecord]>
  ) => Effect.Effect<ReadonlyArray<JsonRecord>, ServerGone>
  /** Waits for a frame; one that came already counts. */
  readonly until: (what: string, condition: (frame: JsonRecord) => boolean) => Effect.Effect<JsonRecord, ServerGone>
  /** Waits for a notification. */
  readonly notification: (method: string) => Effect.Effect<JsonRecord, ServerGone>
  /** Every frame so far, oldest first, without those of the client's own barriers. */
  readonly frames: Effect.Effect<ReadonlyArray<JsonRecord>>
  /** Everything that what was sent so far leads to has arrived; the frames. */
  readonly settle: Effect.Effect<ReadonlyArray<JsonRecord>, ServerGone>
  /** Forgets the frames so far. */
  readonly forget: Effect.Effect<void>
  /** The connection for a typed client, which gets all that comes from the beginning on. */
  readonly connector: Layer.Layer<Connector>
}

export interface ClientOptions {
  /** For servers that make no promise about order: lets so much time pass before the last barrier. */
  readonly patience?: Duration.Input
}

const nameOf = (frame: JsonRecord): string =>
  Object.hasOwn(frame, "method") ? String(own(frame, "method")) : `answer ${JSON.stringify(own(frame, "id"))}`

const barrier = "barrier-"

/** A client over a connection, for as long as the scope lasts. */
export const make = Effect.fn("Client.make")(function* (
  wire: Wire,
  options: ClientOptions = {}
): Effect.fn.Return<Client, never, Scope.Scope> {
  let received: Array<JsonRecord> = []
  const barriers = new Map<string, JsonRecord>()
  let waiting: ReadonlyArray<() => boolean> = []
  let ended = false
  let requests = 0
  let touched = new Set<string>()

  // A check that succeeds resumes its fiber at once, and that fiber may wait again before the check returns.
  const wake = () => {
    const asked = waiting
    waiting = []
    const still = asked.filter((check) => !check())
    waiting = [...still, ...waiting]
  }
  const poll = <A>(waitedFor: string, find: () => A | undefined): Effect.Effect<A, ServerGone> =>
    Effect.callback((resume) => {
      const check = (): boolean => {
        const found = find()
        if (found !== undefined) resume(Effect.succeed(found))
        else if (ended) resume(Effect.fail(new ServerGone({ waitedFor, got: received.map(nameOf) })))
        else return false
        return true
      }
      if (!check()) waiting = [...waiting, check]
    })

  yield* Effect.whileLoop({
    while: () => true,
    body: () => wire.receive,
    step: (frame) => {
      const id = own(frame, "id")
      if (typeof id === "string" && id.startsWith(barrier)) barriers.set(id, frame)
      else received.push(frame)
      wake()
    }
  }).pipe(
    Pull.catchDone(() => Effect.void),
    Effect.ensuring(
      Effect.sync(() => {
        ended = true
        wake()
      })
    ),
    Effect.forkScoped
  )

  const touch = (params: JsonRecord) => {
    const threadId = own(params, "threadId")
    if (typeof threadId === "string") touched.add(threadId)
  }
  const send = (message: unknown) => {
    const params = isRecord(message) ? own(message, "params") : undefined
    if (isRecord(params)) touch(params)
    return wire.sendText(JSON.stringify(message))
  }
  const answer = (id: number) =>
    poll(`the answer to request ${id}`, () =>
      received.find((frame) => own(frame, "id") === id && !Object.hasOwn(frame, "method"))
    )
  const start = Effect.fnUntraced(function* (method: string, params: JsonRecord) {
    const id = ++requests
    yield* send({ id, method, params })
    return id
  })
  const pass = Effect.fnUntraced(function* (method: string, params: JsonRecord) {
    const id = `${barrier}${barriers.size}-${++requests}`
    yield* wire.sendText(JSON.stringify({ id, method, params }))
    yield* poll("a barrier", () => barriers.get(id))
  })
  const until = (what: string, condition: (frame: JsonRecord) => boolean) => poll(what, () => received.find(condition))

  return {
    send,
    sendText: wire.sendText,
    request: (method, params = {}) => Effect.flatMap(start(method, params), answer),
    pipeline: (requests) =>
      Effect.flatMap(
        Effect.forEach(requests, ([method, params]) => start(method, params)),
        Effect.forEach(answer)
      ),
    until,
    notification: (method) => until(method, (frame) => own(frame, "method") === method),
    frames: Effect.sync(() => received.slice()),
    settle: Effect.gen(function* () {
      const threads = touched
      touched = new Set()
      for (const threadId of threads) yield* pass("thread/read", { threadId })
      yield* pass("thread/loaded/list", {})
      if (options.patience !== undefined) {
        yield* Effect.sleep(options.patience)
        yield* pass("thread/loaded/list", {})
      }
      return received.slice()
    }),
    forget: Effect.sync(() => {
      received = []
    }),
    connector: Layer.sync(Connector, () => {
      let taken = 0
      const next = () => {
        const frames = received.slice(taken).map(printExact)
        taken = received.length
        return frames.length === 0 ? undefined : frames
      }
      const lost = ({ message }: ServerGone) => new ConnectionLost({ reason: "ended", detail: message, code: null })
      return Connector.of({
        open: Effect.succeed({ send: wire.sendText, receive: Effect.mapError(poll("a frame", next), lost) })
      })
    })
  }
})
