/**
 * The threads in this server's memory, and snapshots of any thread.
 */
import { Context, type Effect } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { Thread } from "../domain/Thread.ts"
import type { ThreadSettings } from "../domain/ThreadSettings.ts"
import type { RestoredUsage } from "../domain/TokenUsage.ts"
import type { ThreadError } from "./ThreadError.ts"

/** A thread as of one instant of its history. */
export interface Snapshot {
  /** With all its turns. */
  readonly thread: Thread
  readonly settings: ThreadSettings
  readonly usage: RestoredUsage | null
}

export class Threads extends Context.Service<
  Threads,
  {
    /** Ids of the loaded threads, sorted. */
    readonly loaded: Effect.Effect<ReadonlyArray<ThreadId>>
    readonly isLoaded: (threadId: ThreadId) => Effect.Effect<boolean>
    /** Any thread, loaded or stored, archived too, without loading it. */
    readonly read: (threadId: ThreadId) => Effect.Effect<Snapshot, ThreadError>
  }
>()("rethread/services/Threads") {}
