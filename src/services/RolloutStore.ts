/**
 * Where rollouts live. A store finds, reads, lists and creates whole files of bytes; it does not
 * know what a line means.
 *
 * Layers: `layers/memory/MemoryRolloutStore.ts`, `layers/codex-home/CodexHomeStore.ts`. The suite
 * `src/testing/conformance/RolloutStoreSuite.ts` runs against each.
 */
import { Context, type Effect, type Scope, type Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { RolloutBusy, RolloutChanged, RolloutWriter } from "./RolloutWriter.ts"
import type { PathRefused, RolloutStoreError, ThreadArchived, ThreadNotFound } from "./ThreadError.ts"

/** A rollout that the store has, without its content. */
export interface RolloutRef {
  /** The thread that the rollout is named after (its `session_meta` may disagree). */
  readonly threadId: ThreadId
  /** Absolute path, or whatever names the rollout in this store; what clients see as `Thread.path`. */
  readonly path: string
  readonly archived: boolean
  /** Set on a rollout that continues the thread after a revert (`…_<segment>.jsonl`); null on the thread's first. */
  readonly segmentId: string | null
}

/** What tells whether a rollout changed. */
export interface RolloutStat {
  /** Bytes as stored (of a compressed rollout: compressed). */
  readonly size: number
  /** Unix milliseconds of the last change. */
  readonly modifiedAt: number
  /** Equal exactly when nothing changed: size, time and identity of the file in one. */
  readonly version: string
  /** Equal as long as it is the same file, whatever is written to it. */
  readonly identity: string
}

/** The beginning of a rollout. */
export interface RolloutPeek {
  readonly stat: RolloutStat
  /** Good only while they are looked at. */
  readonly bytes: Uint8Array
  /** Are they all of it? */
  readonly whole: boolean
}

/** The beginning and the end of a rollout, as of one instant. */
export interface RolloutEnds {
  readonly stat: RolloutStat
  readonly head: Uint8Array
  readonly tail: Uint8Array
  /** Where the tail begins, in bytes. */
  readonly tailFrom: number
}

/** A rollout to be written whole. */
export interface NewRollout {
  readonly threadId: ThreadId
  /** Unix milliseconds; names the file and its folder in local time. */
  readonly createdAt: number
  /** Set for a segment that continues the thread after a revert. */
  readonly segmentId?: string | undefined
}

export class RolloutStore extends Context.Service<
  RolloutStore,
  {
    /**
     * The rollout that a thread lives in now: of several the latest segment, then the newest file; a plain file hides a
     * compressed one. An archived thread is an error unless `archived` allows it.
     */
    readonly locate: (
      threadId: ThreadId,
      options?: { readonly archived?: boolean }
    ) => Effect.Effect<RolloutRef, ThreadNotFound | ThreadArchived | RolloutStoreError>
    /** The rollout at a path that a client gave (relative: under the store's root), after every symbolic link. */
    readonly resolve: (path: string) => Effect.Effect<RolloutRef, PathRefused | RolloutStoreError>
    /** Every rollout of a thread, first written first: what a paginated history's bases are looked up in. */
    readonly segments: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<RolloutRef>, RolloutStoreError>
    readonly stat: (ref: RolloutRef) => Effect.Effect<RolloutStat, ThreadNotFound | RolloutStoreError>
    /**
     * The rollout's bytes in order, decompressed, in chunks of at most 1 MiB. A chunk's memory is the reader's only until
     * it asks for the next one.
     */
    readonly read: (ref: RolloutRef) => Stream.Stream<Uint8Array, ThreadNotFound | RolloutStoreError>
    /** One current rollout per thread, in no order: all active ones, or all archived ones. */
    readonly list: (options: { readonly archived: boolean }) => Stream.Stream<RolloutRef, RolloutStoreError>
    /**
     * What `list` gives, newest name first: the very same array as before while nothing was added, moved or removed, so that
     * asking again costs next to nothing.
     */
    readonly survey: (options: {
      readonly archived: boolean
    }) => Effect.Effect<ReadonlyArray<RolloutRef>, RolloutStoreError>
    /** `stat` of many, in their order; null for one that is gone or cannot be looked at. */
    readonly stats: (refs: ReadonlyArray<RolloutRef>) => Effect.Effect<ReadonlyArray<RolloutStat | null>>
    /**
     * Looks at the beginning of a rollout at once, for whoever looks at thousands: all of a small one, 64 KiB of another.
     * Null when it cannot be looked at so, being compressed, gone, or unreadable: `read` tells.
     */
    readonly peek: <A>(ref: RolloutRef, look: (peek: RolloutPeek) => A) => Effect.Effect<A | null>
    /**
     * The first and the last bytes of a rollout, as many as asked for or as there are. Null when they cannot be had without
     * the rest (it is compressed), or not at all: `read` tells.
     */
    readonly ends: (
      ref: RolloutRef,
      length: { readonly head: number; readonly tail: number }
    ) => Effect.Effect<RolloutEnds | null>
    /** Writes a new active rollout; it appears whole or not at all. */
    readonly create: <E>(
      rollout: NewRollout,
      content: Stream.Stream<Uint8Array, E>
    ) => Effect.Effect<RolloutRef, RolloutStoreError | E>
    /**
     * Opens an active rollout for appending, for as long as the scope lasts; one writer per thread, over all processes.
     * With the `version` that was read, nobody wrote between that and the first append.
     */
    readonly writer: (
      ref: RolloutRef,
      options?: { readonly version?: string | undefined }
    ) => Effect.Effect<RolloutWriter, ThreadNotFound | RolloutBusy | RolloutChanged | RolloutStoreError, Scope.Scope>
    /** Moves every rollout of a thread to the archive; nothing happens to one that is there. Not while one writes. */
    readonly archive: (threadId: ThreadId) => Effect.Effect<void, ThreadNotFound | RolloutBusy | RolloutStoreError>
    /** Moves an archived thread back to where its name says it belongs. */
    readonly unarchive: (
      threadId: ThreadId
    ) => Effect.Effect<RolloutRef, ThreadNotFound | RolloutBusy | RolloutStoreError>
    /** Removes every rollout of a thread, archived or not. */
    readonly remove: (threadId: ThreadId) => Effect.Effect<void, ThreadNotFound | RolloutBusy | RolloutStoreError>
    /** Records a thread's name. */
    readonly setName: (threadId: ThreadId, name: string) => Effect.Effect<void, RolloutStoreError>
    /** The names that people gave to threads. */
    readonly names: Effect.Effect<ReadonlyMap<ThreadId, string>, RolloutStoreError>
  }
>()("rethread/services/RolloutStore") {}
