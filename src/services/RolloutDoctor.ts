/**
 * Finds damage in stored rollouts, and makes mended copies of their lines.
 *
 * It only reads: each rollout once, line by line, with a few words of state, so that the size of a file does not matter.
 * The rules are in `domain/RolloutCheck.ts` and `domain/RolloutMending.ts`; here is what other files have to do with a
 * rollout: the base that it goes on from, and the files of the same thread that stand before it.
 */
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { Counts, Finding, finding } from "../domain/Finding.ts"
import { ThreadId } from "../domain/Ids.ts"
import * as RolloutCheck from "../domain/RolloutCheck.ts"
import * as RolloutMending from "../domain/RolloutMending.ts"
import type { HistoryBase, SessionMeta } from "../domain/SessionMeta.ts"
import * as HistoryBases from "./HistoryBases.ts"
import { type OnLine, type ParsedLine, RolloutParser } from "./RolloutParser.ts"
import { type RolloutRef, RolloutStore } from "./RolloutStore.ts"
import type { RolloutStoreError, ThreadNotFound } from "./ThreadError.ts"

/** A rollout and what was found in it: what {@link RolloutDoctor} mends by. */
export interface Diagnosis {
  readonly ref: RolloutRef
  readonly checked: RolloutCheck.Checked
}

/** A diagnosis as it is told. */
export const RolloutReport = Schema.Struct({
  path: Schema.String,
  threadId: Schema.NullOr(ThreadId),
  archived: Schema.Boolean,
  lines: Schema.Int,
  bytes: Schema.Int,
  /** All findings by severity; of those beyond a thousand only the number is kept. */
  counts: Counts,
  findings: Schema.Array(Finding),
  /** Would a mended copy have less damage? */
  mendable: Schema.Boolean
})
export type RolloutReport = typeof RolloutReport.Type

/** What a diagnosis comes to. */
export const reportOf = ({ checked, ref }: Diagnosis): RolloutReport => ({
  path: ref.path,
  threadId: ref.threadId,
  archived: ref.archived,
  lines: checked.lines,
  bytes: checked.bytes,
  counts: checked.counts,
  findings: checked.findings,
  mendable: checked.mendable
})

export class RolloutDoctor extends Context.Service<
  RolloutDoctor,
  {
    /** Reads a rollout to its end. What cannot be read is a finding too. */
    readonly check: (ref: RolloutRef) => Effect.Effect<Diagnosis>
    /** Every rollout of the store, all files of a thread, archived ones too; at most `concurrency` (4) open at once. */
    readonly checkAll: (options?: { readonly concurrency?: number }) => Stream.Stream<Diagnosis, RolloutStoreError>
    /** The rollout's lines as they stand in a mended copy, and those that have no place in it. */
    readonly mend: (diagnosis: Diagnosis) => Stream.Stream<RolloutMending.Mended, ThreadNotFound | RolloutStoreError>
  }
>()("rethread/services/RolloutDoctor") {
  static readonly layer: Layer.Layer<RolloutDoctor, never, RolloutStore | RolloutParser> = Layer.effect(
    RolloutDoctor,
    Effect.suspend(() => make)
  )
}

/** Of several files that hold the same part of a thread, all but the one that is read; each with that one's path. */
const hiddenBy = (files: ReadonlyArray<RolloutRef>, current: RolloutRef): ReadonlyMap<string, string> => {
  const parts = Map.groupBy(files, ({ segmentId }) => segmentId)
  return new Map(
    Array.from(parts.values()).flatMap((same) => {
      const shown = same.find(({ path }) => path === current.path) ?? same.at(-1)
      return same.flatMap(({ path }) =>
        shown === undefined || path === shown.path ? [] : [[path, shown.path] as const]
      )
    })
  )
}

const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const parser = yield* RolloutParser
  const bases = yield* HistoryBases.make

  /** Is the base of the rollout in the store, where restoring looks for it? */
  const hasBase = (ref: RolloutRef, meta: SessionMeta, base: HistoryBase) =>
    bases.find(base, meta, new Set([ref.path])).pipe(
      Effect.map((found) => found !== null),
      Effect.orElseSucceed(() => false)
    )

  const check = Effect.fn("RolloutDoctor.check")(function* (ref: RolloutRef) {
    yield* Effect.annotateCurrentSpan({ threadId: ref.threadId, path: ref.path })
    const checking = RolloutCheck.make(ref.threadId)
    const step: OnLine = (read, raw) => {
      checking.step(read, raw)
      return true
    }
    yield* Effect.catch(parser.forEach(store.read(ref), step), (error) =>
      Effect.sync(() => checking.note(finding("unreadable", null, error.message)))
    )
    const meta = checking.meta()
    const base = meta?.historyBase ?? null
    if (meta !== null && base !== null && !(yield* hasBase(ref, meta, base))) {
      const detail = `it continues thread ${base.threadId} up to ordinal ${base.endOrdinalExclusive}, which no rollout here holds`
      checking.note(finding("baseMissing", null, detail))
    }
    return { ref, checked: checking.result() } satisfies Diagnosis
  })

  const withHidden = ({ checked, ref }: Diagnosis, shown: string | undefined): Diagnosis =>
    shown === undefined
      ? { ref, checked }
      : { ref, checked: RolloutCheck.withFinding(checked, finding("hidden", null, shown)) }

  const checkAll = (options?: { readonly concurrency?: number }) =>
    Stream.concat(store.list({ archived: false }), store.list({ archived: true })).pipe(
      Stream.mapEffect((current) =>
        Effect.map(store.segments(current.threadId), (files) => {
          const hidden = hiddenBy(files, current)
          return files.map((ref) => ({ ref, shown: hidden.get(ref.path) }))
        })
      ),
      Stream.flatMap(Stream.fromIterable),
      Stream.mapEffect(({ ref, shown }) => Effect.map(check(ref), (diagnosis) => withHidden(diagnosis, shown)), {
        concurrency: options?.concurrency ?? 4
      })
    )

  const mend = ({ checked, ref }: Diagnosis) =>
    Stream.suspend(() => {
      const mending = RolloutMending.make(checked)
      const late = checked.lateMeta?.line ?? null
      const lines = (keep: (line: ParsedLine) => boolean) => Stream.filter(parser.lines(store.read(ref)), keep)
      const ordered =
        late === null
          ? lines(() => true)
          : Stream.concat(
              Stream.take(
                lines(({ raw }) => raw.line === late),
                1
              ),
              lines(({ raw }) => raw.line !== late)
            )
      return Stream.map(ordered, (line) => mending.step(line, line.raw))
    })

  return RolloutDoctor.of({ check, checkAll, mend })
})
