/** However the frames of several threads are mixed, each thread's events come in order, once, and the replay is found. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Schema } from "effect"
import type { ThreadEvent } from "../../src/rpc/client/ThreadEvent.ts"
import { connected } from "./support/Connected.ts"
import { attached, delta, named, restored, usage } from "./support/Frames.ts"
import * as Taking from "./support/Taking.ts"

const below = (count: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: count - 1 }))

/** What a thread's server says after the answer, before anything of a turn: as the protocol allows it. */
const Story = Schema.Struct({
  /** Does the answer say what is restored? */
  tells: Schema.Boolean,
  /** Restored usage, and whose it is; `running`: the turn that goes on. */
  restores: Schema.Literals(["nothing", "of an old turn", "of the running turn"]),
  namesBefore: below(3),
  namesBetween: below(3),
  live: Schema.Array(Schema.Literals(["delta", "usage", "name"])).check(Schema.isMaxLength(6))
})
type Story = typeof Story.Type

const Mix = Schema.Struct({
  stories: Schema.Tuple([Story, Story, Story]),
  /** Whose frame comes next, as long as there is a choice. */
  picks: Schema.Array(below(3)).check(Schema.isMaxLength(40)),
  /** Frames that arrive together. */
  batch: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))
})

const threadOf = (index: number) => `01900000-0000-7000-8000-00000000000${index}`

interface Line {
  readonly frame: unknown
  /** What the consumer is to see; null for the answer. */
  readonly seen: string | null
}

/** The frames of one thread after it was asked for, and what comes of each. Counts are unlike each other. */
const play = ({ live, namesBefore, namesBetween, restores, tells }: Story, index: number, id: unknown) => {
  const thread = threadOf(index)
  const owner = restores === "of the running turn" ? "t1" : "t0"
  const had = restores === "nothing" ? null : restored(owner, 1000 + index)
  const lines: Array<Line> = []
  const say = (frame: unknown, seen: string | null) => lines.push({ frame, seen })
  const name = (text: string) => say(named(thread, text), `named ${text}`)
  const before: Array<unknown> = Array.from({ length: namesBefore }, (_, n) => named(thread, `before ${n}`))
  say({ id, result: attached(thread, tells ? had : undefined) }, null)
  for (let n = 0; n < namesBetween; n++) name(`between ${n}`)
  if (had !== null) say(usage(thread, owner, 1000 + index), `UsageReplayed ${1000 + index} of ${owner}`)
  say(delta(thread, "first"), "delta first")
  live.forEach((kind, n) => {
    if (kind === "delta") say(delta(thread, `${n}`), `delta ${n}`)
    else if (kind === "usage") say(usage(thread, "t1", n), `UsageUpdated ${n} of t1`)
    else name(`live ${n}`)
  })
  return { before, lines, had }
}

const word = (event: ThreadEvent): string => {
  if (event._tag === "UsageReplayed" || event._tag === "UsageUpdated") {
    return `${event._tag} ${event.tokenUsage.total.totalTokens} of ${event.turnId}`
  }
  if (event._tag !== "Notified") return event._tag
  const { method, params } = event.notification
  if (method === "thread/name/updated") return `named ${params.threadName}`
  return method === "item/agentMessage/delta" ? `delta ${params.delta}` : method
}

/** Mixes the frames of several threads; each thread's stay in order. */
const mix = (parts: ReadonlyArray<ReadonlyArray<unknown>>, picks: ReadonlyArray<number>): ReadonlyArray<unknown> => {
  const left = parts.map((part) => [...part])
  const mixed: Array<unknown> = []
  for (const pick of picks) {
    const chosen = left[pick]
    if (chosen !== undefined && chosen.length > 0) mixed.push(chosen.shift())
  }
  return [...mixed, ...left.flat()]
}

const chunks = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  all.length === 0 ? [] : [all.slice(0, size), ...chunks(all.slice(size), size)]

describe("frames of several threads", () => {
  it.effect.prop("give each thread its own, in order and once", { mixed: Mix }, ({ mixed }) =>
    Effect.gen(function* () {
      const { client, peer } = yield* connected()
      const coming = yield* Effect.forEach(mixed.stories, (_, index) =>
        Effect.forkScoped(client.resume(threadOf(index)), { startImmediately: true })
      )
      const ids = [
        yield* peer.asked("thread/resume"),
        yield* peer.asked("thread/resume"),
        yield* peer.asked("thread/resume")
      ]
      const plays = mixed.stories.map((story, index) => play(story, index, ids[index]))
      const frames = mix(
        plays.map(({ before, lines }) => [...before, ...lines.map(({ frame }) => frame)]),
        mixed.picks
      )
      for (const batch of chunks(frames, mixed.batch)) yield* peer.send(...batch)
      const attachments = yield* Effect.forEach(coming, Fiber.join)
      yield* peer.cut
      yield* client.lost
      for (const [index, { events, usage }] of attachments.entries()) {
        const { had, lines } = plays[index] ?? { had: null, lines: [] }
        assert.deepStrictEqual(
          Option.map(usage, ({ tokenUsage }) => tokenUsage.total.totalTokens),
          had === null ? Option.none() : Option.some(BigInt(1000 + index))
        )
        const { seen } = yield* Effect.flatMap(Taking.from(events), (taken) => taken.rest)
        assert.deepStrictEqual(
          seen.map(word),
          lines.flatMap(({ seen }) => (seen === null ? [] : [seen]))
        )
      }
    })
  )
})
