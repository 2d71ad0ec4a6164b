/**
 * What carries frames: the little that the engine needs of stdio, a WebSocket or a pair of queues.
 */
import type { Cause, Effect, Stream } from "effect"
import { Schema } from "effect"
import type { FrameText } from "../../services/NotificationDelivery.ts"

/** One message as it arrived. A message that could not be taken is reported, so that it gets its answer. */
export type Inbound =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Refused"; readonly reason: "frameTooLarge" | "binaryFrame" | "invalidUtf8" }

/** The peer is gone for good: nobody is left to read an answer. */
export class PeerGone extends Schema.TaggedError<PeerGone>()("PeerGone", {}) {
  override get message(): string {
    return "the client has disconnected"
  }
}

const decoder = new TextDecoder()

/** A frame as one text, for transports that send texts. */
export const wholeFrame = (frame: FrameText): string =>
  typeof frame === "string"
    ? frame
    : frame.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode()

export interface Transport {
  /**
   * The next messages, at least one. `Done`: no more will come, but answers are still read (the end of
   * standard input). `PeerGone`: neither.
   */
  readonly receive: Effect.Effect<ReadonlyArray<Inbound>, Cause.Done | PeerGone>
  /** Writes every frame, no faster than the peer takes them; returns when the stream ends or the peer is gone. */
  readonly send: (frames: Stream.Stream<FrameText>) => Effect.Effect<void>
}
