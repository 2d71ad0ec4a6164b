/**
 * Takes back the last turns of a loaded thread: they leave what is shown, what the model sees and what is counted last.
 * What they spent stays spent.
 *
 * An event-style history says so with a line. A numbered one goes on without them in a new rollout, with a copy of
 * what is kept: a line would be understood by Rethread alone (docs/decisions.md, "A revert copies what it keeps").
 */
import { Clock, Effect, Equal, type Result, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { firstLineOfSegment, recordLine } from "../domain/ForkLines.ts"
import type { ProjectedSession } from "../domain/SessionProjection.ts"
import { type GitUpdate, payloadWithGit, type SessionMeta } from "../domain/SessionMeta.ts"
import { zero } from "../domain/TokenUsage.ts"
import * as TurnLines from "../domain/TurnLines.ts"
import type { LiveThread } from "./LiveThread.ts"
import { NotificationDelivery } from "./NotificationDelivery.ts"
import * as RolloutCopy from "./RolloutCopy.ts"
import { RolloutStore } from "./RolloutStore.ts"
import { SessionReconstruction } from "./SessionReconstruction.ts"
import { InvalidRequest, type ThreadError } from "./ThreadError.ts"
import { unstored } from "./ThreadJournal.ts"
import { type Snapshot, Threads } from "./Threads.ts"

/** Which turns go. */
export interface TakeBack<R> {
  /** What clients call it. */
  readonly word: "rollback" | "revert"
  /** How many, as of the instant at which they go. */
  readonly count: (thread: LiveThread) => Result.Result<number, InvalidRequest>
  /** Done at the instant of the snapshot. */
  readonly at: Effect.Effect<void, never, R>
}

const encoder = new TextEncoder()

const noRepository: GitUpdate = { sha: null, branch: null, originUrl: null }

/** What the kept lines say wrongly by themselves: the repository of before, a total that leaves out what was spent since. */
const restated = (
  kept: ProjectedSession,
  before: { readonly meta: SessionMeta; readonly usage: ProjectedSession["usage"] }
) => {
  const info = kept.usage?.info
  const total = before.usage?.info.total
  const carried: ReadonlyArray<TurnLines.RecordDraft> =
    total === undefined || Equal.equals(info?.total ?? zero, total)
      ? []
      : [
          TurnLines.carriedUsage(before.meta.id, {
            last: info?.last ?? zero,
            total,
            modelContextWindow: info?.modelContextWindow ?? null
          })
        ]
  if (Equal.equals(kept.meta.git, before.meta.git)) return carried
  const payload = payloadWithGit(kept.meta, before.meta.git ?? noRepository)
  return [...carried, { type: "session_meta" as const, payload }]
}

/** Over the services that it works on. */
export const make = Effect.gen(function* () {
  const threads = yield* Threads
  const store = yield* RolloutStore
  const delivery = yield* NotificationDelivery
  const random = yield* SecureRandom.SecureRandom
  const reconstruction = yield* SessionReconstruction

  /** Turns are gone, and what was spent last with them: whoever listens has to read the thread again. */
  const tell = (thread: LiveThread) =>
    Effect.suspend(() => {
      const { id } = thread
      const usage = thread.usage()
      const reverted = delivery.publish(id, { method: "thread/reverted", params: { threadId: id } })
      if (usage === null || usage.owner === null) return reverted
      const params = { threadId: id, turnId: usage.owner, tokenUsage: usage.info }
      return Effect.andThen(reverted, delivery.publish(id, { method: "thread/tokenUsage/updated", params }))
    })

  const planOf = <R>(thread: LiveThread, { count, word }: TakeBack<R>) =>
    Effect.suspend(() =>
      thread.status().type === "active"
        ? Effect.fail(new InvalidRequest({ field: "threadId", detail: `Cannot ${word} while a turn is in progress.` }))
        : Effect.fromResult(count(thread))
    )

  const strike = <R>(thread: LiveThread, asked: TakeBack<R>) =>
    Effect.flatMap(planOf(thread, asked), (turns) =>
      turns === 0 ? Effect.void : thread.record(TurnLines.rolledBack(turns), asked.word)
    ).pipe(Effect.andThen(asked.at), Effect.andThen(tell(thread)), (at) => threads.snapshot(thread, at))

  const moveOn = Effect.fnUntraced(function* <R>(thread: LiveThread, asked: TakeBack<R>) {
    const { journal } = thread
    const createdAt = yield* Clock.currentTimeMillis
    const segmentId = yield* random.uuidV7()
    // One instant of the thread's history; what is before the turn does not change any more.
    const kept = Effect.map(planOf(thread, asked), (count) => {
      const { openings, turns, usage } = journal.projected()
      const first = count === 0 ? undefined : turns.at(-count)
      const opening = openings.find(({ serial }) => serial === first?.serial) ?? null
      const source = { mode: journal.mode, segments: journal.segments(), read: journal.read }
      const head = encoder.encode(firstLineOfSegment(journal.meta, createdAt))
      const lines = Stream.concat(Stream.succeed(head), RolloutCopy.linesBefore(source, opening))
      return { lines, before: { meta: journal.meta, usage } }
    })
    const moved = yield* thread.leave(
      kept,
      Effect.fnUntraced(function* ({ before, lines }) {
        const stat = { size: 0, version: "unstored", identity: "unstored", modifiedAt: createdAt }
        const { projected } = yield* reconstruction.restoreBytes(unstored(thread.id), lines, stat)
        const free = (projected.lastOrdinal ?? -1) + 1
        const added = restated(projected, before).map((record, at) => recordLine(record, createdAt, free + at))
        const content = Stream.concat(lines, Stream.fromIterable(added.map((line) => encoder.encode(line))))
        const ref = yield* store.create({ threadId: thread.id, createdAt, segmentId }, content)
        return yield* threads.moveTo(thread.id, ref)
      })
    )
    return yield* threads.snapshot(moved, Effect.andThen(asked.at, tell(moved)))
  })

  return {
    /** The thread without them. */
    takeBack: <R>(thread: LiveThread, asked: TakeBack<R>): Effect.Effect<Snapshot, ThreadError, R> => {
      // In memory there is no other reader, and a line is enough.
      const moves = thread.journal.mode === "paginated" && thread.journal.ref() !== null
      const done: Effect.Effect<readonly [Snapshot, void], ThreadError, R> = moves
        ? moveOn(thread, asked)
        : strike(thread, asked)
      return Effect.map(done, ([snapshot]) => snapshot)
    }
  }
})
