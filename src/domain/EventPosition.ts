/**
 * A place in what happens to the threads of one server: everything up to it has been seen.
 *
 * Numbers only ever grow within an epoch, which is one server's life. They leave gaps: not every event is told one by
 * one. Positions of different epochs have nothing to do with each other.
 */
import { Schema } from "effect"

export const EventPosition = Schema.Struct({
  /** Which server's life; opaque. */
  epoch: Schema.String,
  sequence: Schema.Natural
})
export type EventPosition = typeof EventPosition.Type
