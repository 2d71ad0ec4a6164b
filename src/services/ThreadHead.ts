/**
 * What a list shows of a thread, from the head of its rollout alone: its `session_meta` and what
 * the user said first.
 *
 * Reading ends with the line in which the user first speaks, or with the line that crosses the first
 * mebibyte: a rollout that is silent for that long is not listed. The preview is the restored
 * session's (`SessionProjection`), so that list and resume never disagree.
 */
import { Effect, Stream } from "effect"
import { makeLineScanner, type RawLine } from "../domain/LineScanner.ts"
import * as PersistedSettings from "../domain/PersistedSettings.ts"
import { readLine, type RolloutLine } from "../domain/RolloutLine.ts"
import { spoken } from "../domain/Said.ts"
import { type HistoryBase, restated, type SessionMeta } from "../domain/SessionMeta.ts"
import type { SettingsSource } from "../domain/ThreadSettings.ts"
import type { RolloutRef, RolloutStore } from "./RolloutStore.ts"
import type { RolloutStoreError, ThreadNotFound } from "./ThreadError.ts"

/** Bytes after which no further line is begun. */
const headLimit = 1024 * 1024
/** The longest single line worth waiting for: a first message with images in it. */
const maxLineBytes = 16 * 1024 * 1024

/** The head of one rollout. */
export interface RolloutHead {
  readonly meta: SessionMeta
  /** As far as the head tells: those of the first turn. */
  readonly settings: SettingsSource
  /** What the user said first in this very rollout; null when nothing was said. */
  readonly said: { readonly text: string; readonly ordinal: number | null } | null
}

/** The head of a thread: of its current rollout, and of the rollouts that its history continues. */
export interface ThreadHead {
  /** Without its payload: instructions of twenty kilobytes a thread are not worth keeping. */
  readonly meta: SessionMeta
  readonly settings: SettingsSource
  /** What the user said first; null when nobody said anything. */
  readonly preview: string | null
  /** False when a base of the history is missing: it may yet appear. */
  readonly final: boolean
}

/** A head while its lines are read, in order, until one says that it was enough. */
export interface HeadFold {
  /** A line that ends at `end`; null for one that is not understood. True when it is the last that counts. */
  readonly step: (line: RolloutLine | null, end: number) => boolean
  /** Would a message of the model's conversation change anything? Nothing, once an event has told the same. */
  readonly wantsItem: () => boolean
  /** An item of the model's conversation, read only if no event tells what the user said. True as with `step`. */
  readonly defer: (read: () => RolloutLine | null, end: number) => boolean
  /** The head; null when the rollout has no usable `session_meta`. */
  readonly finish: () => RolloutHead | null
}

type Said = NonNullable<RolloutHead["said"]>

const isEmpty = (said: Said | null): boolean => said === null || said.text === ""

/** A fold at the beginning of a rollout. */
export const makeHeadFold = (): HeadFold => {
  let meta: SessionMeta | null = null
  let settings: SettingsSource = {}
  let event: Said | null = null
  /** What items tell, in order, as far as it has been read. */
  const items: Array<Said | (() => RolloutLine | null)> = []

  const itemsSaid = () => {
    let first: Said | null = null
    for (const item of items) {
      const line = typeof item === "function" ? item() : null
      const words = line === null ? null : spoken(line)
      const said =
        typeof item === "object" ? item : words === null ? null : { text: words.text, ordinal: line?.ordinal ?? null }
      if (said !== null && isEmpty(first)) first = said
      if (!isEmpty(first)) break
    }
    return first
  }

  return {
    step: (line, end) => {
      const isLast = end >= headLimit
      if (line === null) return isLast
      if (line.record._tag === "SessionMeta") {
        if (meta === null) settings = PersistedSettings.initial(line.record.meta)
        meta = meta === null ? line.record.meta : restated(meta, line.record.meta)
      }
      settings = PersistedSettings.step(settings, line)
      const words = spoken(line)
      if (words === null) return isLast
      const said = { text: words.text, ordinal: line.ordinal }
      if (words.by === "item") items.push(said)
      else if (isEmpty(event)) event = said
      return isLast || (!isEmpty(event) && meta !== null)
    },
    wantsItem: () => isEmpty(event),
    defer: (read, end) => {
      items.push(read)
      return end >= headLimit
    },
    finish: () => {
      if (meta === null) return null
      const said = isEmpty(event) && meta.historyMode !== "paginated" ? (itemsSaid() ?? event) : event
      return { meta, settings, said }
    }
  }
}

const newline = 0x0a

/** When the session in a rollout's first line began, in Unix milliseconds; null when only the whole head can tell. */
export const beganAt = (bytes: Uint8Array): number | null => {
  const length = bytes.indexOf(newline)
  if (length < 0) return null
  const { line } = readLine({ line: 1, offset: 0, length, end: "\n", bytes: bytes.subarray(0, length) })
  const time = line?.record._tag === "SessionMeta" ? Date.parse(line.record.meta.timestamp) : Number.NaN
  return Number.isNaN(time) ? null : time
}

const readRolloutHead = <E>(bytes: Stream.Stream<Uint8Array, E>): Effect.Effect<RolloutHead | null, E> =>
  Effect.suspend(() => {
    const scanner = makeLineScanner(maxLineBytes)
    const fold = makeHeadFold()
    let done = false
    const visit = (raw: RawLine) => {
      if (!done) done = fold.step(readLine(raw).line, raw.offset + raw.length)
    }
    return bytes.pipe(
      Stream.takeUntil((chunk) => {
        scanner.push(chunk, visit)
        return done
      }),
      Stream.runDrain,
      Effect.map(() => {
        scanner.finish(visit)
        return fold.finish()
      })
    )
  })

/** The head of a thread that lives in one rollout; null when its history goes on from others. */
export const headAlone = ({ meta, said, settings }: RolloutHead): ThreadHead | null =>
  meta.historyBase === null
    ? { meta: { ...meta, payload: {} }, settings, preview: said?.text ?? null, final: true }
    : null

/** Reads a thread's head, following a paginated history to where it began; null when the rollout holds no session. */
export const readThreadHead = (
  store: RolloutStore["Service"],
  ref: RolloutRef,
  /** The rollout's own head, where it has been read. */
  own?: RolloutHead | null
): Effect.Effect<ThreadHead | null, ThreadNotFound | RolloutStoreError> => {
  /** What was said before the end of `base`: by its own bases, or by itself. */
  const inherited = (
    base: HistoryBase,
    visited: ReadonlySet<string>
  ): Effect.Effect<Pick<ThreadHead, "preview" | "final">, ThreadNotFound | RolloutStoreError> =>
    Effect.gen(function* () {
      const first = (yield* store.segments(base.threadId)).find((segment) => !visited.has(segment.path))
      const head = first === undefined ? null : yield* readRolloutHead(store.read(first))
      if (first === undefined || head === null) return { preview: null, final: false }
      return yield* preview(head, new Set([...visited, first.path]), base.endOrdinalExclusive)
    })

  const preview = (
    head: RolloutHead,
    visited: ReadonlySet<string>,
    until: number
  ): Effect.Effect<Pick<ThreadHead, "preview" | "final">, ThreadNotFound | RolloutStoreError> =>
    Effect.gen(function* () {
      const base = head.meta.historyBase
      const before = base === null ? { preview: null, final: true } : yield* inherited(base, visited)
      const own = head.said !== null && (head.said.ordinal ?? 0) < until ? head.said.text : null
      return { preview: before.preview ?? own, final: before.final }
    })

  return Effect.gen(function* () {
    const head = own === undefined ? yield* readRolloutHead(store.read(ref)) : own
    if (head === null) return null
    const { final, preview: text } = yield* preview(head, new Set([ref.path]), Number.POSITIVE_INFINITY)
    return { meta: { ...head.meta, payload: {} }, settings: head.settings, preview: text, final }
  })
}
