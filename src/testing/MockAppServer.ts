/**
 * An app server that says again what one said before: it plays a transcript to a client under test, over any wire that
 * the real server has, for it takes the server's place (`JsonRpcServer`).
 *
 * The client's messages are matched loosely, by method and by the params that were chosen, and may come in another order
 * as long as no frame of the server stands between them. The server's frames come in their order, answers under the ids
 * that the client used. What the client asks and the transcript does not have is refused; what it has and the client does
 * not ask is missing: `verify` tells of both.
 */
import { type Cause, Context, Deferred, Effect, Equal, Layer, Option, Queue, Schema, Stream } from "effect"
import { isRecord, type JsonRecord, own, parseExact, printExact } from "../domain/Json.ts"
import { type Ending, JsonRpcServer } from "../rpc/codex/JsonRpcServer.ts"
import type { Inbound, Transport } from "../rpc/codex/Transport.ts"
import type { Transcript } from "./Transcript.ts"

/** A message of the client, in short. */
const Told = Schema.Struct({ connection: Schema.Int, message: Schema.String })

/** The client under test and the transcript do not agree. */
export class TranscriptMismatch extends Schema.TaggedError<TranscriptMismatch>()("TranscriptMismatch", {
  /** Sent by the client, and not in the transcript (any more). */
  unexpected: Schema.Array(Told),
  /** In the transcript, and never sent. */
  missing: Schema.Array(Told)
}) {
  override get message(): string {
    const lines = (what: string, told: ReadonlyArray<typeof Told.Type>) =>
      told.map(({ connection, message }) => `\n  ${what} on connection ${connection}: ${message}`).join("")
    const said = lines("unexpected", this.unexpected) + lines("missing", this.missing)
    return `the client does not keep to the transcript:${said}`
  }
}

export interface MockOptions {
  /** Params, by method, that must be as they were recorded. Default: none, the method is enough. */
  readonly match?: Readonly<Record<string, ReadonlyArray<string>>>
  /** At the end of the transcript: `stay` connected until the client leaves (default), or `close`. */
  readonly atEnd?: "stay" | "close"
}

export class MockAppServer extends Context.Service<
  MockAppServer,
  {
    /** Succeeds when every connection so far said what its transcript has, and nothing else. */
    readonly verify: Effect.Effect<void, TranscriptMismatch>
    /** Completes when the whole transcript was played on the first connection. */
    readonly played: Effect.Effect<void>
  }
>()("rethread/testing/MockAppServer") {}

const methodOf = (msg: JsonRecord): string | null => {
  const method = own(msg, "method")
  return typeof method === "string" ? method : null
}

const inShort = (msg: JsonRecord): string => {
  const method = methodOf(msg)
  const params = own(msg, "params")
  return method === null
    ? `an answer to ${printExact(own(msg, "id") ?? null)}`
    : `${method} ${printExact(params ?? {}).slice(0, 200)}`
}

const isRequest = (msg: JsonRecord): boolean => methodOf(msg) !== null && Object.hasOwn(msg, "id")

const param = (msg: JsonRecord, name: string): unknown => {
  const params = own(msg, "params")
  return isRecord(params) ? own(params, name) : undefined
}

/** Is what came what was recorded? */
const matches = (recorded: JsonRecord, came: JsonRecord, options: MockOptions): boolean => {
  const method = methodOf(recorded)
  if (method === null || methodOf(came) === null) {
    // An answer to a question keeps the question's id, which is the server's.
    return methodOf(came) === method && Equal.equals(own(recorded, "id"), own(came, "id"))
  }
  if (method !== methodOf(came) || Object.hasOwn(recorded, "id") !== Object.hasOwn(came, "id")) return false
  const selected = options.match !== undefined && Object.hasOwn(options.match, method) ? options.match[method] : []
  return (selected ?? []).every((name) => Equal.equals(param(recorded, name), param(came, name)))
}

/** One conversation's way through the transcript. */
const makePlayback = (transcript: Transcript, options: MockOptions) => {
  let at = 0
  const taken = new Set<number>()
  const passed = new Set<number>()
  const ids = new Map<unknown, unknown>()
  const unexpected: Array<JsonRecord> = []

  /** What the server says until it waits for the client again. */
  const forward = (): ReadonlyArray<JsonRecord> => {
    const said: Array<JsonRecord> = []
    for (; at < transcript.length; at++) {
      const frame = transcript[at]
      if (frame === undefined) break
      if (frame.dir === "c2s") {
        if (!taken.has(at) && !passed.has(at)) break
        continue
      }
      const id = own(frame.msg, "id")
      if (methodOf(frame.msg) !== null || id === undefined) said.push(frame.msg)
      // The answer to what this client never asked is nobody's.
      else if (ids.has(id)) said.push({ ...frame.msg, id: ids.get(id) })
    }
    return said
  }

  /** Takes a message of the client; gives what the server says to it. */
  const take = (came: JsonRecord): ReadonlyArray<JsonRecord> => {
    const found = transcript.findIndex(
      ({ dir, msg }, step) => step >= at && dir === "c2s" && !taken.has(step) && matches(msg, came, options)
    )
    if (found < 0) {
      unexpected.push(came)
      if (!isRequest(came)) return []
      const message = `the transcript has no further ${inShort(came)}`
      return [{ id: own(came, "id"), error: { code: -32601, message } }]
    }
    taken.add(found)
    const recorded = transcript[found]?.msg ?? {}
    if (isRequest(recorded)) ids.set(own(recorded, "id"), own(came, "id"))
    // What the client left out, and the server answered before this, is not coming any more.
    const lastSaid = transcript.findLastIndex(({ dir }, step) => dir === "s2c" && step < found)
    for (let step = at; step < lastSaid; step++) {
      if (transcript[step]?.dir === "c2s" && !taken.has(step)) passed.add(step)
    }
    return forward()
  }

  return {
    begin: forward,
    take,
    isOver: () => at >= transcript.length,
    unexpected: () => unexpected.map(inShort),
    missing: () => transcript.flatMap(({ dir, msg }, step) => (dir === "c2s" && !taken.has(step) ? [inShort(msg)] : []))
  }
}

type Playback = ReturnType<typeof makePlayback>

const messageOf = (inbound: Inbound): JsonRecord => {
  if (inbound._tag === "Refused") return { refused: inbound.reason }
  return Option.getOrElse(Option.filter(parseExact(inbound.text), isRecord), () => ({ text: inbound.text }))
}

const converse = Effect.fnUntraced(function* (
  transport: Transport,
  playback: Playback,
  options: MockOptions,
  onPlayed: Effect.Effect<unknown>
): Effect.fn.Return<Ending> {
  const outbox = yield* Queue.unbounded<string, Cause.Done>()
  const say = (frames: ReadonlyArray<JsonRecord>) =>
    Effect.andThen(
      Queue.offerAll(outbox, frames.map(printExact)),
      Effect.suspend(() => (playback.isOver() ? onPlayed : Effect.void))
    )
  const isOver = () => options.atEnd === "close" && playback.isOver()
  const listen = Effect.gen(function* () {
    yield* say(playback.begin())
    while (!isOver()) {
      for (const inbound of yield* transport.receive) yield* say(playback.take(messageOf(inbound)))
    }
  }).pipe(
    Effect.catchTags({ Done: () => Effect.void, PeerGone: () => Effect.void }),
    Effect.ensuring(Queue.end(outbox))
  )
  yield* Effect.all([listen, transport.send(Stream.fromQueue(outbox))], { concurrency: 2, discard: true })
  return "ended"
})

/** Plays the transcript to each client that connects, from its beginning. */
export const layer = (transcript: Transcript, options: MockOptions = {}): Layer.Layer<JsonRpcServer | MockAppServer> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const played = yield* Deferred.make<void>()
      const playbacks: Array<Playback> = []
      const told = (of: (playback: Playback) => ReadonlyArray<string>) =>
        playbacks.flatMap((playback, at) => of(playback).map((message) => ({ connection: at + 1, message })))
      const server = JsonRpcServer.of({
        serve: (transport) =>
          Effect.suspend(() => {
            const playback = makePlayback(transcript, options)
            playbacks.push(playback)
            const onPlayed = playbacks.length === 1 ? Deferred.succeed(played, undefined) : Effect.void
            return converse(transport, playback, options, onPlayed)
          })
      })
      const mock = MockAppServer.of({
        played: Deferred.await(played),
        verify: Effect.suspend(() => {
          const unexpected = told((playback) => playback.unexpected())
          const missing =
            playbacks.length === 0
              ? [{ connection: 1, message: "no client ever connected" }]
              : told((playback) => playback.missing())
          return unexpected.length + missing.length === 0
            ? Effect.void
            : Effect.fail(new TranscriptMismatch({ unexpected, missing }))
        })
      })
      return Context.make(JsonRpcServer, server).pipe(Context.add(MockAppServer, mock))
    })
  )
