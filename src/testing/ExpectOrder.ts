/**
 * Expectations of what a client was told: in which order, and who else was told. Each first waits until everything that
 * was sent has arrived, so that what did not come is known not to have come; a failure shows all that was recorded.
 */
import { Effect, Schema } from "effect"
import { ExpectationFailed } from "./Expect.ts"

/** One thing that a client was told, however it was carried. */
export interface Recorded {
  readonly kind: "response" | "refusal" | "notification" | "question"
  /** `response`, `refusal`, or the method. */
  readonly name: string
  /** The thread that it is about, or that a response gives. */
  readonly threadId: string | null
  /** All of it, for people. */
  readonly text: string
}

/** What remembers what a client was told: a `RecordingConnection`, a `WireClient`. */
export interface Recorder<E = unknown> {
  /** Says which client it is, in messages. */
  readonly name: string
  /** Everything that was sent before now, nothing missing. */
  readonly recorded: Effect.Effect<ReadonlyArray<Recorded>, E>
}

const replayMethod = "thread/tokenUsage/updated"
const width = 160

const lineOf = ({ text }: Recorded, at: number): string =>
  `${at + 1}. ${text.length > width ? `${text.slice(0, width)}…` : text}`

const failed = (
  recorder: Recorder<never> | Recorder,
  all: ReadonlyArray<Recorded>,
  what: string,
  expected: unknown,
  actual: unknown
) => new ExpectationFailed({ what: `${recorder.name}: ${what}`, expected, actual, recorded: all.map(lineOf) })

const namesOf = (all: ReadonlyArray<Recorded>) => all.map(({ name }) => name)

const isReplay = (entry: Recorded | undefined, threadId: string): boolean =>
  entry !== undefined && entry.name === replayMethod && entry.threadId === threadId

/** Exactly these, in this order: `response`, `refusal`, or methods. */
export const expectSequence = Effect.fnUntraced(function* <E>(recorder: Recorder<E>, names: ReadonlyArray<string>) {
  const all = yield* recorder.recorded
  const actual = namesOf(all)
  const wrong = actual.length !== names.length || actual.some((name, at) => name !== names[at])
  if (wrong) return yield* failed(recorder, all, "something else, or in another order", names, actual)
})

/**
 * The thread's restored usage came, once, directly behind the response that gave the thread. Of several responses each
 * has its own.
 */
export const expectReplayAfterResponse = Effect.fnUntraced(function* <E>(recorder: Recorder<E>, threadId: string) {
  const all = yield* recorder.recorded
  const responses = all.flatMap((entry, at) => (entry.kind === "response" && entry.threadId === threadId ? [at] : []))
  if (responses.length === 0) {
    return yield* failed(recorder, all, `no response gave thread ${threadId}`, "response", namesOf(all))
  }
  for (const at of responses) {
    const next = all[at + 1]
    if (!isReplay(next, threadId)) {
      const what = `no replay of the usage directly behind response ${at + 1}`
      return yield* failed(recorder, all, what, replayMethod, next === undefined ? "nothing" : next.name)
    }
    if (isReplay(all[at + 2], threadId)) {
      return yield* failed(recorder, all, "the usage was replayed twice", "once", "twice")
    }
  }
  const early = all.slice(0, responses[0]).some((entry) => isReplay(entry, threadId))
  if (early) return yield* failed(recorder, all, "usage was told before the response", "response first", replayMethod)
})

/** Nothing about the thread came to these clients. */
export const expectUntold = Effect.fnUntraced(function* <E>(
  threadId: string,
  ...recorders: ReadonlyArray<Recorder<E>>
) {
  for (const recorder of recorders) {
    const all = yield* recorder.recorded
    const about = all.filter((entry) => entry.threadId === threadId)
    if (about.length > 0) {
      return yield* failed(recorder, all, `was told of thread ${threadId}`, [], namesOf(about))
    }
  }
})

/** Things of this name about the thread came to one client, and to none of the others. */
export const expectOnly = Effect.fnUntraced(function* <E>(
  recorder: Recorder<E>,
  options: { readonly threadId: string; readonly name: string; readonly others: ReadonlyArray<Recorder<E>> }
) {
  const { name, others, threadId } = options
  const of = (entry: Recorded) => entry.threadId === threadId && entry.name === name
  const mine = yield* recorder.recorded
  if (!mine.some(of)) return yield* failed(recorder, mine, `no ${name} about ${threadId}`, name, namesOf(mine))
  for (const other of others) {
    const all = yield* other.recorded
    if (all.some(of)) return yield* failed(other, all, `${name} was for ${recorder.name} only`, "nothing", name)
  }
})

/** Expectations that go on from where the last one ended. */
export interface Following<E> {
  /** The next thing is of this name; gives it. */
  readonly expectNext: (name: string) => Effect.Effect<Recorded, E | ExpectationFailed>
  /** The next two things are a response that gives the thread, and the replay of its usage. */
  readonly expectReplayAfterResponse: (threadId: string) => Effect.Effect<void, E | ExpectationFailed>
  /** Nothing came after what was expected so far. */
  readonly expectNothingElse: Effect.Effect<void, E | ExpectationFailed>
}

/** Begins at the first thing that the client was told. */
export const following = <E>(recorder: Recorder<E>): Following<E> => {
  let at = 0
  const expectNext = Effect.fnUntraced(function* (name: string) {
    const all = yield* recorder.recorded
    const entry = all[at]
    if (entry === undefined || entry.name !== name) {
      return yield* failed(recorder, all, `entry ${at + 1} is another one`, name, entry?.name ?? "nothing")
    }
    at++
    return entry
  })
  return {
    expectNext,
    expectReplayAfterResponse: Effect.fnUntraced(function* (threadId) {
      for (const name of ["response", replayMethod]) {
        const { threadId: about } = yield* expectNext(name)
        if (about !== threadId) {
          return yield* failed(recorder, yield* recorder.recorded, `${name} is about another thread`, threadId, about)
        }
      }
    }),
    expectNothingElse: Effect.gen(function* () {
      const all = yield* recorder.recorded
      if (all.length > at) return yield* failed(recorder, all, "more came", [], namesOf(all.slice(at)))
    })
  }
}

const Thread = Schema.Struct({ result: Schema.Struct({ thread: Schema.Struct({ id: Schema.String }) }) })
const threadIn = Schema.decodeUnknownOption(Schema.fromJsonString(Thread))

/** The thread that a response gives, by the text of its frame. */
export const threadOfResponse = (frame: string): string | null => {
  const found = threadIn(frame)
  return found._tag === "Some" ? found.value.result.thread.id : null
}
