/**
 * The lives of threads: what is done to one before another server takes it over. Each leaves one thread to go on with.
 */
import { Effect } from "effect"
import * as Acts from "./Acts.ts"

export interface Scenario {
  readonly name: string
  /** The modes in which it can be played; `event` is event-style history (`legacy`). */
  readonly modes: ReadonlyArray<"event" | "paginated">
  /** Leaves out what only newer or older servers can. */
  readonly not?: ReadonlyArray<"rethread" | "0.122.0" | "0.169.0">
  readonly play: (begin: Effect.Effect<Acts.Actor, Acts.Trouble>) => Effect.Effect<Acts.Actor, Acts.Trouble>
}

const both = ["event", "paginated"] as const

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "two turns",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      return actor
    })
  },
  {
    name: "reasoning and a tool",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "REASON about it")
      yield* Acts.say(actor, "REASON and TOOL")
      return actor
    })
  },
  {
    name: "a failure in the middle",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "FAIL now")
      yield* Acts.say(actor, "three")
      return actor
    })
  },
  {
    name: "a failure at the end",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "FAIL now")
      return actor
    })
  },
  {
    name: "an interruption",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.interrupt(actor, yield* Acts.beginSlow(actor))
      return actor
    })
  },
  {
    name: "rollback, and on",
    modes: ["event"],
    not: ["0.169.0"],
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      yield* Acts.rollback(actor, 1)
      yield* Acts.say(actor, "three")
      return actor
    })
  },
  {
    name: "rollback at the end",
    modes: ["event"],
    not: ["0.169.0"],
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      yield* Acts.rollback(actor, 1)
      return actor
    })
  },
  {
    name: "revert, and on",
    modes: ["paginated"],
    not: ["0.122.0"],
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      const second = yield* Acts.say(actor, "two")
      yield* Acts.revert(actor, second)
      yield* Acts.say(actor, "three")
      return actor
    })
  },
  {
    name: "revert at the end",
    modes: ["paginated"],
    not: ["0.122.0"],
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      const second = yield* Acts.say(actor, "two")
      yield* Acts.revert(actor, second)
      return actor
    })
  },
  {
    name: "a fork of a reverted thread",
    modes: ["paginated"],
    not: ["0.122.0"],
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      const second = yield* Acts.say(actor, "two")
      yield* Acts.revert(actor, second)
      yield* Acts.say(actor, "three")
      return yield* Acts.fork(actor)
    })
  },
  {
    name: "rollback of numbered lines, and on",
    modes: ["paginated"],
    not: ["0.122.0", "0.169.0"],
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      yield* Acts.rollback(actor, 1)
      yield* Acts.say(actor, "three")
      return actor
    })
  },
  {
    name: "compaction, and on",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      yield* Acts.compact(actor)
      yield* Acts.say(actor, "three")
      return actor
    })
  },
  {
    name: "compaction at the end",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.compact(actor)
      return actor
    })
  },
  {
    name: "a fork, and on",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      const child = yield* Acts.fork(actor)
      yield* Acts.say(child, "three")
      return child
    })
  },
  {
    name: "a fork at the end",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      return yield* Acts.fork(actor)
    })
  },
  {
    name: "a cut fork, and on",
    modes: both,
    not: ["0.122.0"],
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      const first = yield* Acts.say(actor, "one")
      yield* Acts.say(actor, "two")
      const child = yield* Acts.fork(actor, { lastTurnId: first })
      yield* Acts.say(child, "three")
      return child
    })
  },
  {
    name: "a fork in the middle of a turn",
    modes: both,
    play: Effect.fnUntraced(function* (begin) {
      const actor = yield* begin
      yield* Acts.say(actor, "one")
      const running = yield* Acts.beginSlow(actor)
      const child = yield* Acts.fork(actor)
      yield* Acts.interrupt(actor, running)
      return child
    })
  }
]
