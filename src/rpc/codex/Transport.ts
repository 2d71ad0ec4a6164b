/**
 * What carries frames: the little that the engine needs of stdio, a WebSocket or a pair of queues.
 */
import type { Cause, Effect, Stream } from "effect"
import { Schema } from "effect"

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

export interface Transport {
  /**
   * The next messages, at least one. `Done`: no more will come, but answers are still read (the end of
   * standard input). `PeerGone`: neither.
   */
  readonly receive: Effect.Effect<ReadonlyArray<Inbound>, Cause.Done | PeerGone>
  /** Writes every frame, no faster than the peer takes them; returns when the stream ends or the peer is gone. */
  readonly send: (frames: Stream.Stream<string>) => Effect.Effect<void>
}
