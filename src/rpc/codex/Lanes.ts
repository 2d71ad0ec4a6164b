/**
 * Keeps the requests that one connection makes of one thread in order: each runs when the one before
 * it has been answered and its replay sent. Requests that only look share their turn with those that
 * look beside them. Requests of different threads run side by side.
 */
import { Effect, Latch } from "effect"

/** `looks`: it changes nothing, and may run beside others of its kind. */
export type Kind = "looks" | "changes"

export interface Lanes {
  /** Runs `effect` when everything that was entered earlier under the same key, and may not run beside it, has finished. `kind`: by default it changes something. */
  readonly run: (key: string, kind?: Kind) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** What runs side by side. */
interface Turn {
  readonly kind: Kind
  /** Open when everything before it has finished. */
  readonly begun: Latch.Latch
  users: number
}

export const make = (): Lanes => {
  const lanes = new Map<string, Array<Turn>>()

  const enter = (key: string, kind: Kind): Turn => {
    const lane = lanes.get(key) ?? []
    lanes.set(key, lane)
    const last = lane.at(-1)
    const joined = kind === "looks" && last?.kind === "looks" ? last : undefined
    const turn = joined ?? { kind, begun: Latch.makeUnsafe(lane.length === 0), users: 0 }
    if (joined === undefined) lane.push(turn)
    turn.users++
    return turn
  }

  const leave = (key: string, turn: Turn) => {
    const lane = lanes.get(key)
    if (--turn.users > 0 || lane === undefined) return
    // Whoever gave up waiting leaves from the middle.
    lane.splice(lane.indexOf(turn), 1)
    lane[0]?.begun.openUnsafe()
    if (lane.length === 0) lanes.delete(key)
  }

  return {
    run: (key, kind = "changes") => {
      const turn = enter(key, kind)
      return (effect) =>
        Effect.ensuring(
          Effect.andThen(turn.begun.await, effect),
          Effect.sync(() => leave(key, turn))
        )
    }
  }
}
