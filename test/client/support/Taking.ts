/** Takes from a stream what it gives, without running ahead of the test. */
import { Effect, Result, type Scope, Stream } from "effect"

export interface Taken<A, E> {
  /** The next elements. */
  readonly take: (count: number) => Effect.Effect<ReadonlyArray<A>, E>
  /** Everything until the stream fails or ends, and the failure; null when it ended. */
  readonly rest: Effect.Effect<{ readonly seen: ReadonlyArray<A>; readonly failure: E | null }>
}

/** Begins to take. */
export const from = Effect.fnUntraced(function* <A, E>(
  stream: Stream.Stream<A, E>
): Effect.fn.Return<Taken<A, E>, never, Scope.Scope> {
  const pull = yield* Stream.toPull(Stream.rechunk(stream, 1))
  const next = Effect.catchTag(pull, "Done", () => Effect.succeed(null))
  return {
    take: Effect.fnUntraced(function* (count) {
      const seen: Array<A> = []
      while (seen.length < count) {
        const chunk = yield* next
        if (chunk === null) return yield* Effect.die(new Error(`the stream ended after ${seen.length} of ${count}`))
        seen.push(...chunk)
      }
      return seen
    }),
    rest: Effect.gen(function* () {
      const seen: Array<A> = []
      while (true) {
        const chunk = yield* Effect.result(next)
        if (Result.isFailure(chunk)) return { seen, failure: chunk.failure }
        if (chunk.success === null) return { seen, failure: null }
        seen.push(...chunk.success)
      }
    })
  }
})
