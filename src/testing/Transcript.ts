/**
 * What was said between a client and an app server, frame by frame, as a text that can be kept: one JSON object a line,
 * `{t, dir, msg}`, with `t` in seconds since the start, `dir` `c2s` or `s2c`, and the message as it was.
 *
 * `recordServer` and `recordWire` make one of a live conversation, on either side.
 */
import { Clock, Context, Effect, Layer, Option, Schema, Stream } from "effect"
import { isRecord, type JsonRecord, parseExact, printExact } from "../domain/Json.ts"
import { Connector } from "../rpc/client/Wire.ts"
import { JsonRpcServer } from "../rpc/codex/JsonRpcServer.ts"
import { type Transport, wholeFrame } from "../rpc/codex/Transport.ts"

/** A line of a transcript that cannot be used. */
export class TranscriptInvalid extends Schema.TaggedError<TranscriptInvalid>()("TranscriptInvalid", {
  /** From 1. */
  line: Schema.Int,
  detail: Schema.String
}) {
  override get message(): string {
    return `line ${this.line} of the transcript cannot be used: ${this.detail}`
  }
}

export interface TranscriptFrame {
  /** Seconds since the start. */
  readonly t: number
  /** From the client to the server, or from the server to the client. */
  readonly dir: "c2s" | "s2c"
  readonly msg: JsonRecord
}

export type Transcript = ReadonlyArray<TranscriptFrame>

const frameOf = (text: string, line: number): Effect.Effect<TranscriptFrame, TranscriptInvalid> => {
  const refuse = (detail: string) => Effect.fail(new TranscriptInvalid({ line, detail }))
  const value = Option.getOrUndefined(parseExact(text))
  if (!isRecord(value)) return refuse("it is no JSON object")
  const { dir, msg, t } = value
  if (dir !== "c2s" && dir !== "s2c") return refuse("`dir` is neither `c2s` nor `s2c`")
  if (!isRecord(msg)) return refuse("`msg` is no JSON object")
  return Effect.succeed({ t: typeof t === "number" ? t : 0, dir, msg })
}

/** Reads a transcript; blank lines are passed over. */
export const parse = Effect.fnUntraced(function* (text: string): Effect.fn.Return<Transcript, TranscriptInvalid> {
  const frames: Array<TranscriptFrame> = []
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() !== "") frames.push(yield* frameOf(line, at + 1))
  }
  return frames
})

/** A transcript as text. */
export const print = (transcript: Transcript): string =>
  transcript.map((frame) => `${printExact({ t: frame.t, dir: frame.dir, msg: frame.msg })}\n`).join("")

/** What has been recorded. */
export class TranscriptRecorder extends Context.Service<
  TranscriptRecorder,
  {
    /** The conversations so far, each on its own, in the order in which they began. */
    readonly transcripts: Effect.Effect<ReadonlyArray<Transcript>>
  }
>()("rethread/testing/Transcript/TranscriptRecorder") {}

const makeBook = () => {
  const all: Array<Array<TranscriptFrame>> = []
  /** A new conversation; what it gives writes a frame down. A frame that is no JSON object is kept as `{text}`. */
  const begin = Effect.map(Clock.currentTimeMillis, (start) => {
    const mine: Array<TranscriptFrame> = []
    all.push(mine)
    return (dir: TranscriptFrame["dir"], text: string) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const value = Option.getOrUndefined(parseExact(text))
        mine.push({ t: (now - start) / 1000, dir, msg: isRecord(value) ? value : { text } })
      })
  })
  const recorder = TranscriptRecorder.of({ transcripts: Effect.sync(() => all.map((one) => one.slice())) })
  return { begin, recorder }
}

/** The server below; every conversation with it is written down. */
export const recordServer: Layer.Layer<JsonRpcServer | TranscriptRecorder, never, JsonRpcServer> = Layer.effectContext(
  JsonRpcServer.use((below) =>
    Effect.sync(() => {
      const { begin, recorder } = makeBook()
      const recorded = (transport: Transport): Effect.Effect<Transport> =>
        Effect.map(begin, (write) => ({
          receive: Effect.tap(transport.receive, (messages) =>
            Effect.forEach(
              messages,
              (message) => (message._tag === "Text" ? write("c2s", message.text) : Effect.void),
              {
                discard: true
              }
            )
          ),
          send: (frames) =>
            transport.send(
              Stream.mapEffect(frames, (frame) => {
                const whole = wholeFrame(frame)
                return Effect.as(write("s2c", whole), whole)
              })
            )
        }))
      return Context.make(
        JsonRpcServer,
        JsonRpcServer.of({ serve: (transport) => Effect.flatMap(recorded(transport), below.serve) })
      ).pipe(Context.add(TranscriptRecorder, recorder))
    })
  )
)

/** The connector below, to whatever server; every connection of it is written down. */
export const recordWire: Layer.Layer<Connector | TranscriptRecorder, never, Connector> = Layer.effectContext(
  Connector.use((below) =>
    Effect.sync(() => {
      const { begin, recorder } = makeBook()
      const open = Effect.gen(function* () {
        const wire = yield* below.open
        const write = yield* begin
        return {
          send: (frame: string) => Effect.andThen(write("c2s", frame), wire.send(frame)),
          receive: Effect.tap(wire.receive, (frames) =>
            Effect.forEach(frames, (frame) => write("s2c", frame), { discard: true })
          )
        }
      })
      return Context.make(Connector, Connector.of({ open })).pipe(Context.add(TranscriptRecorder, recorder))
    })
  )
)
