/**
 * What the stream of an attachment is made of: how it begins, and what comes after that.
 *
 * The first element is a {@link Snapshot}, or, for a client that came back in time, {@link Continued}. Every element says
 * where the events stand with it: whoever has it may come back to that place. The types have names of their own, so that
 * what is built on them can be printed in a line.
 */
import { Schema } from "effect"
import { EventPosition } from "../../domain/EventPosition.ts"
import { Notification } from "../../domain/Notification.ts"
import { ServerRequest } from "../../domain/ServerRequest.ts"
import { Thread } from "../../domain/Thread.ts"
import { ThreadSettings } from "../../domain/ThreadSettings.ts"
import { RestoredUsage } from "../../domain/TokenUsage.ts"

const snapshot = Schema.TaggedStruct("Snapshot", {
  position: EventPosition,
  thread: Thread,
  settings: ThreadSettings,
  /** Null when the thread has spent nothing. */
  usage: Schema.NullOr(RestoredUsage)
})
/** The thread as of one instant, with what it had spent by then: that is not told again as an event. */
export interface Snapshot extends Schema.Schema.Type<typeof snapshot> {}
export const Snapshot: Schema.Codec<Snapshot, unknown> = snapshot

const continued = Schema.TaggedStruct("Continued", { position: EventPosition })
/** The stream goes on right after the position that the client named: nothing was missed, nothing comes twice. */
export interface Continued extends Schema.Schema.Type<typeof continued> {}
export const Continued: Schema.Codec<Continued, unknown> = continued

const event = Schema.TaggedStruct("Event", {
  position: EventPosition,
  notification: Notification,
  /** Unix milliseconds. */
  emittedAtMs: Schema.Finite
})
/** Something happened to the thread. */
export interface Event extends Schema.Schema.Type<typeof event> {}
export const Event: Schema.Codec<Event, unknown> = event

const question = Schema.TaggedStruct("Question", { position: EventPosition, request: ServerRequest })
/** The turn that runs asks for something; `Answer` answers it, from any client of the thread. */
export interface Question extends Schema.Schema.Type<typeof question> {}
export const Question: Schema.Codec<Question, unknown> = question

/** How a stream begins. */
export type First = Snapshot | Continued

/** What follows. */
export type Following = Event | Question

/** Anything in the stream of an attachment. */
export type Element = First | Following
export const Element: Schema.Codec<Element, unknown> = Schema.Union([snapshot, continued, event, question])
