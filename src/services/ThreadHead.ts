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
import { readLine } from "../domain/RolloutLine.ts"
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

/** Reads a rollout's head, piece by piece. */
const makeHeadReader = () => {
  const scanner = makeLineScanner(maxLineBytes)
  let meta: SessionMeta | null = null
  let settings: SettingsSource = {}
  let event: RolloutHead["said"] = null
  let item: RolloutHead["said"] = null
  let done = false

  const visit = (raw: RawLine) => {
    if (done) return
    const { line } = readLine(raw)
    done = raw.offset + raw.length >= headLimit
    if (line === null) return
    if (line.record._tag === "SessionMeta") {
      if (meta === null) settings = PersistedSettings.initial(line.record.meta)
      meta = meta === null ? line.record.meta : restated(meta, line.record.meta)
    }
    settings = PersistedSettings.step(settings, line)
    const words = spoken(line)
    if (words === null) return
    const said = { text: words.text, ordinal: line.ordinal }
    if (words.by === "item") item = item === null || item.text === "" ? said : item
    else if (event === null || event.text === "") event = said
    if (event !== null && event.text !== "" && meta !== null) done = true
  }

  return {
    /** True when enough was read. */
    push: (chunk: Uint8Array): boolean => {
      scanner.push(chunk, visit)
      return done
    },
    /** The head; null when the rollout has no usable `session_meta`. */
    finish: (): RolloutHead | null => {
      scanner.finish(visit)
      const told = event === null || event.text === ""
      const said = told && meta?.historyMode !== "paginated" ? (item ?? event) : event
      return meta === null ? null : { meta, settings, said }
    }
  }
}

const readRolloutHead = <E>(bytes: Stream.Stream<Uint8Array, E>): Effect.Effect<RolloutHead | null, E> =>
  Effect.suspend(() => {
    const reader = makeHeadReader()
    return bytes.pipe(Stream.takeUntil(reader.push), Stream.runDrain, Effect.map(reader.finish))
  })

/** The head in a rollout's first bytes, which may be all of them; undefined when more has to be read. */
export const headIn = (bytes: Uint8Array, whole: boolean): RolloutHead | null | undefined => {
  const reader = makeHeadReader()
  return reader.push(bytes) || whole ? reader.finish() : undefined
}

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
